"""An arm goes into the body for half a second."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.kinematics.collision import CollisionModel, collision_model, self_distances
from understudy.kinematics.forward import body_poses
from understudy.quality.memo import Last
from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.testing.defects._pick import POSITIONS, bump, limb, start_of
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import FOLLOW_JOINTS, with_motion

RISE_S, HOLD_S = 0.6, 0.5
POSES, ROUNDS, ROWS = 400, 30, 12
_model: Last[CollisionModel] = Last()


def _collide(episode: Episode, strength: float, at: Chance) -> Episode:
    robot, stream = at.robot, episode.stream(POSITIONS)
    if not robot.profile.capsules:
        raise NotApplicable(f"the profile of {robot.name} has no collision capsules")
    start_ns = start_of(stream.t_ns, 2.0 * RISE_S + HOLD_S, at.rng)
    share = bump(stream.t_ns, start_ns, rise_s=RISE_S, hold_s=HOLD_S)[:, None]
    joint_pos, columns = stream.data.astype(np.float64), limb(episode, robot, at.rng)
    held = np.flatnonzero(share[:, 0] > 1.0 - 1e-9)
    if len(held) == 0:
        raise NotApplicable("the joints come too rarely to hold a pose for half a second")
    rows = joint_pos[held[:: max(1, len(held) // ROWS)]]
    arm = _colliding_arm(episode, robot, rows, columns, strength, at.rng)
    joint_pos[:, columns] += share * (arm - joint_pos[:, columns])
    return with_motion(episode, robot, joint_pos=joint_pos)


def _colliding_arm(episode: Episode, robot: RobotModel, rows: F64, columns: I64, depth_m: float, rng: np.random.Generator) -> F64:
    """(A,) angles of the arm at which it is `depth_m` deep inside the body in every one of `rows` (K, J).

    Random poses within the limits; the first that is deeper is drawn back along the straight line to the middle of the arm's
    own until it is just that deep.
    """
    order = robot.reorder(episode.joint_names, where=f"episode {episode.id}")
    joints = [robot.joint_index(episode.joint_names[c]) for c in columns]
    middle = rows[:, columns].mean(axis=0)
    lower, upper = robot.lower_rad[joints], robot.upper_rad[joints]
    if _depth(robot, order, rows, columns, middle) >= depth_m:
        raise NotApplicable(f"the robot is {depth_m * 100:.1f} cm inside itself already")
    for _ in range(POSES):
        pose = np.clip(middle + rng.uniform(-2.0, 2.0, len(columns)), lower, upper)
        if _depth(robot, order, rows[:1], columns, pose) < depth_m or _depth(robot, order, rows, columns, pose) < depth_m:
            continue
        near, far = 0.0, 1.0
        for _ in range(ROUNDS):
            half = 0.5 * (near + far)
            deep = _depth(robot, order, rows, columns, middle + half * (pose - middle)) >= depth_m
            near, far = (near, half) if deep else (half, far)
        return np.asarray(middle + far * (pose - middle))
    raise NotApplicable(f"no pose of the arm found that is {depth_m * 100:.1f} cm inside the body")


def _depth(robot: RobotModel, order: I64, rows: F64, columns: I64, arm: F64) -> float:
    """Least over the rows of the deepest overlap of any two capsules, metres; negative where all are apart."""
    joint_pos = rows.copy()
    joint_pos[:, columns] = arm
    unit = np.tile([1.0, 0.0, 0.0, 0.0], (len(rows), 1))
    poses = body_poses(robot, np.zeros((len(rows), 3)), unit, joint_pos[:, order])
    model = _model.get(robot, make=lambda: collision_model(robot))
    return float(-self_distances(robot, poses, model).distance_m.min(axis=1).max())


PLUGIN: Defect = Injector(
    title="Self-collision",
    imitates="A retargeter or an operator drives a hand or forearm into the trunk or a thigh.",
    unit="m deep, for half a second",
    strengths=(0.005, 0.01, 0.02, 0.04),
    documented=0.02,
    gates=("self_collision",),
    touches=FOLLOW_JOINTS,
    needs=(POSITIONS,),
    change=_collide,
)
