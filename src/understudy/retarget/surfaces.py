"""Where a robot rests on the floor besides its soles: the ends of its capsules near hands, knees, elbows, seat and trunk.

A capsule's end is a ball, and a ball touches the floor where its centre is as high as its radius, however the body is turned.
"""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.retarget._tables import Ground
from understudy.retarget.problem import Problem, with_ground
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import SIDES, SURFACES

NEAR = 0.35
"""A capsule's end belongs to a knee or an elbow within this share of the shank or forearm."""


def surface_points(problem: Problem) -> dict[str, I64]:
    """Each of SURFACES to the ground points that may rest on the floor; empty where the profile has no capsule there."""
    robot, ground = problem.robot, problem.ground
    zero = body_poses(robot, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), np.zeros((1, robot.dof)))
    first = sum(problem.sole_count)
    place = np.stack([zero.points(int(b), o)[0] for b, o in zip(ground.body[first:], ground.offset[first:], strict=True)])
    limb = _limb_of_bodies(robot)[ground.body[first:]]
    at = {name: zero.points(*robot.point(name))[0] for name in robot.profile.points}
    found = {name: np.flatnonzero(_belongs(name, place, limb, at, zero, problem)) + first for name in SURFACES}
    return {name: points.astype(np.int64) for name, points in found.items()}


def _limb_of_bodies(robot: RobotModel) -> I64:
    """(B,) 0 pelvis, 1 trunk, then left leg, right leg, left arm, right arm, by the joints between the root and the body."""
    groups = ("left_leg", "right_leg", "left_arm", "right_arm")
    of_joint = {name: 2 + i for i, group in enumerate(groups) for name in robot.profile.groups.get(group, ())}
    of_joint |= {name: 4 + i for i, side in enumerate(SIDES) for name in robot.profile.groups.get(f"{side}_hand", ())}
    out = np.zeros(robot.dof + 1, dtype=np.int64)
    for joint, parent in enumerate(robot.body_parent):
        out[joint + 1] = of_joint.get(robot.joint_names[joint], max(int(out[parent]), 1))
    return out


def _belongs(name: str, place: F64, limb: I64, at: dict[str, F64], zero: BodyPoses, problem: Problem) -> F64:
    """(N,) whether a point at `place` (N, 3) of the zero pose is part of a surface."""

    def gap(point: str) -> F64:
        return np.asarray(np.linalg.norm(place - at[point], axis=1))

    side, _, part = name.partition("_")
    if name in ("pelvis", "torso"):
        out, first, (a, b) = (limb == 0, 2, ("hip", "knee")) if name == "pelvis" else (limb == 1, 4, ("shoulder", "elbow"))
        for i, s in enumerate(SIDES):
            out = out | ((limb == first + i) & (gap(f"{s}_{a}") < NEAR * problem.lengths_m[f"{s}_{a}>{s}_{b}"]))
        return np.asarray(out)
    if part == "knee":
        return np.asarray((limb == 2 + SIDES.index(side)) & (gap(name) < NEAR * problem.lengths_m[f"{side}_knee>{side}_ankle"]))
    arm = limb == 4 + SIDES.index(side)
    if part == "elbow":
        return np.asarray(arm & (gap(name) < NEAR * problem.lengths_m[f"{side}_elbow>{side}_wrist"]))
    wrist, elbow = f"{side}_wrist", f"{side}_elbow"
    outer = arm & (gap(wrist) < gap(elbow))
    beyond = outer & ((place - at[wrist]) @ (at[wrist] - at[elbow]) > 0)
    return np.asarray(beyond if beyond.any() else outer)


def with_surfaces(problem: Problem, points: dict[str, I64]) -> Problem:
    """The problem with the given points of its surfaces in the table of points that can be planted, and with the feet's own
    capsules kept above the floor: a foot that kneels or lies does not stand on its sole."""
    ground = problem.ground
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *points.values()])
    body, offset, clearance = _foot_balls(problem)
    grown = Ground(
        body=np.concatenate([ground.body, body]),
        offset=np.concatenate([ground.offset, offset]),
        clearance=np.concatenate([ground.clearance, clearance]),
        slip_body=np.concatenate([ground.slip_body, ground.body[rows]]),
        slip_offset=np.concatenate([ground.slip_offset, ground.offset[rows]]),
    )
    return with_ground(problem, grown)


def foot_points(problem: Problem) -> tuple[I64, I64]:
    """Ground points of the left and right foot in a problem made by `with_surfaces`: the sole's outline and the foot's balls."""
    left = problem.sole_count[0]
    ground = problem.ground
    feet = (int(ground.body[0]), int(ground.body[left]))
    return (np.flatnonzero(ground.body == feet[0]).astype(np.int64), np.flatnonzero(ground.body == feet[1]).astype(np.int64))


def _foot_balls(problem: Problem) -> tuple[I64, F64, F64]:
    """Body, offset (N, 3) and clearance (N,) of the ends of the feet's capsules; none reaches below the sole."""
    robot = problem.robot
    rows: list[tuple[int, F64, float]] = []
    for side in SIDES:
        sole = robot.profile.soles[side]
        body, outline = robot.on_body(sole.link, np.array(sole.outline_m))
        for capsule in robot.profile.capsules:
            for end in (capsule.a_m, capsule.b_m):
                carrier, point = robot.on_body(capsule.link, np.array(end))
                if carrier == body:
                    rows.append((body, point, min(capsule.radius_m, float(point[2] - outline[:, 2].min()))))
    return (
        np.array([r[0] for r in rows], dtype=np.int64),
        np.array([r[1] for r in rows]).reshape(-1, 3),
        np.array([r[2] for r in rows]),
    )
