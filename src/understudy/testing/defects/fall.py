"""The robot falls over in some direction and stays down."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64
from understudy.geom.interpolation import lerp_at
from understudy.geom.rotations import quat_apply, quat_continuous, quat_mul, rotvec_to_quat
from understudy.kinematics.contact import sole_points
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.testing.defects._pick import BASE, POSITIONS, start_of
from understudy.testing.injector import Chance, Injector
from understudy.testing.moved import FOLLOW_BASE, with_motion

TILT_RAD, LASTS_S = 1.5, 0.6
UPRIGHT = 0.6
"""Share of the standing height that the pelvis is over at least when it falls."""


def _topple(episode: Episode, strength: float, at: Chance) -> Episode:
    stream = episode.stream(BASE)
    pose, start_ns = stream.data.astype(np.float64), start_of(stream.t_ns, 2.0 * LASTS_S, at.rng)
    high_m = float(pose[np.searchsorted(stream.t_ns, start_ns), 2])
    if high_m < UPRIGHT * at.robot.profile.standing_height_m:
        raise NotApplicable(f"the pelvis is at {high_m:.2f} m: who is down cannot fall")
    progress = np.clip((stream.t_ns - start_ns) * 1e-9 / LASTS_S, 0.0, 1.0) ** 2
    landed = int(np.searchsorted(stream.t_ns, start_ns + round(LASTS_S * 1e9)))
    pose[landed:] = pose[min(landed, len(pose) - 1)]  # who lies walks no further
    heading = at.rng.uniform(0.0, 2.0 * np.pi)
    axis = np.array([-np.sin(heading), np.cos(heading), 0.0])
    turn = rotvec_to_quat(progress[:, None] * strength * TILT_RAD * axis)
    foot = pose[int(np.searchsorted(stream.t_ns, start_ns)), :3] * [1.0, 1.0, 0.0]  # it turns about the ground under it
    fallen = np.concatenate([foot + quat_apply(turn, pose[:, :3] - foot), quat_continuous(quat_mul(turn, pose[:, 3:]))], axis=1)
    fallen[:, 2] += np.where(progress > 0.0, np.maximum(-_lowest(episode, at.robot, fallen), 0.0), 0.0)
    return with_motion(episode, at.robot, base_pose=np.where(progress[:, None] > 0.0, fallen, pose))


def _lowest(episode: Episode, robot: RobotModel, pose: F64) -> F64:
    """(M,) height of the lowest point of soles and capsules: what meets the ground."""
    order = robot.reorder(episode.joint_names, where=f"episode {episode.id}")
    joints = episode.stream(POSITIONS)
    joint_pos = lerp_at(joints.t_ns, joints.data.astype(np.float64)[:, order], episode.stream(BASE).t_ns)
    poses = body_poses(robot, pose[:, :3], pose[:, 3:], joint_pos)
    soles = sole_points(robot, poses)
    heights = [soles[side][..., 2].min(axis=1) for side in soles] + _capsules(robot, poses)
    return np.asarray(np.min(heights, axis=0))


def _capsules(robot: RobotModel, poses: BodyPoses) -> list[F64]:
    out = []
    for capsule in robot.profile.capsules:
        body, ends_m = robot.on_body(capsule.link, np.array([capsule.a_m, capsule.b_m]))
        out.append(poses.points(body, ends_m)[..., 2].min(axis=1) - capsule.radius_m)
    return out


PLUGIN: Defect = Injector(
    title="Fall",
    imitates="The robot loses its balance, tips over about its feet within 0.6 s in any direction, and lies there.",
    unit="of a whole fall (1.5 rad)",
    strengths=(0.25, 0.5, 0.75, 1.0),
    documented=1.0,
    gates=("fall",),
    touches=FOLLOW_BASE,
    needs=(BASE, POSITIONS),
    change=_topple,
)
