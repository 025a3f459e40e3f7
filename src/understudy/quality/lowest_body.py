"""Which part of the robot, besides its feet, is nearest to the ground."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.quality.posture import Posture
from understudy.spec.robot import RobotModel

_ANKLE_M = 0.1
"""What is that near to an ankle is part of the foot."""


def lowest_body(seen: Posture, rows: I64) -> tuple[str, float]:
    """Name and height of the lowest collision capsule that is no part of a foot, metres; infinity where there is none."""
    robot, poses = seen.robot, seen.at(rows)
    feet = _foot_bodies(robot)
    name, lowest_m = "", np.inf
    for capsule in robot.profile.capsules:
        body, ends_m = robot.on_body(capsule.link, np.array([capsule.a_m, capsule.b_m]))
        ends_m = _away_from_ankle(robot, feet, body, ends_m)
        if body in feet or len(ends_m) == 0:
            continue
        height_m = float(poses.points(body, ends_m)[..., 2].min()) - capsule.radius_m
        if height_m < lowest_m:
            name, lowest_m = capsule.name, height_m
    return name, float(lowest_m)


def _foot_bodies(robot: RobotModel) -> set[int]:
    """Bodies that may touch the ground: those with a sole, and the ankle links above them."""
    links = [sole.link for sole in robot.profile.soles.values()]
    links += [robot.profile.links[f"{side}_ankle"] for side in robot.profile.soles if f"{side}_ankle" in robot.profile.links]
    return {robot.frame(link).body for link in links}


def _away_from_ankle(robot: RobotModel, feet: set[int], body: int, ends_m: F64) -> F64:
    """Those of a capsule's ends (K, 3) that are no ankle: the lower end of a shank is near the ground in every deep squat."""
    for foot in feet:
        if int(robot.body_parent[foot - 1]) == body:
            ends_m = ends_m[np.linalg.norm(ends_m - robot.pos_parent_joint_m[foot - 1], axis=1) > _ANKLE_M]
    return ends_m
