"""Where the soles are, how high, and how far they slide: compiled, for takes of a minute and more."""

from __future__ import annotations

import numba
import numpy as np

from understudy.geom.arrays import F64
from understudy.kinematics.contact import SIDES
from understudy.kinematics.forward import BodyPoses
from understudy.spec.robot import RobotModel


def sole_travel(robot: RobotModel, poses: BodyPoses, lag: int = 1) -> tuple[F64, F64]:
    """Height of each sole's lowest point, and the way over the ground of its slowest one.

    A sole whose slowest outline point stays where it is rolls or turns on that point, and does not slide.

    Args:
        lag: over how many samples the way is taken; noise of single samples is no way over several.

    Returns:
        (T, 2) metres over z = 0, left and right; (T - lag, 2) metres from each sample to the one `lag` later.
    """
    steps = len(poses.pos_world_m)
    lowest, slid = np.empty((steps, len(SIDES))), np.empty((max(steps - lag, 0), len(SIDES)))
    for i, side in enumerate(SIDES):
        sole = robot.profile.soles[side]
        body, outline = robot.on_body(sole.link, np.array(sole.outline_m))
        _travel(poses.pos_world_m, poses.rot_world, body, outline, lag, lowest[:, i], slid[:, i])
    return lowest, slid


def sole_outlines(robot: RobotModel, poses: BodyPoses) -> dict[str, F64]:
    """`left` and `right`: (T, K, 3) points of the sole's outline in `world`, metres; what `contact.sole_points` gives."""
    found = {}
    for side in SIDES:
        sole = robot.profile.soles[side]
        body, outline = robot.on_body(sole.link, np.array(sole.outline_m))
        found[side] = np.empty((len(poses.pos_world_m), len(outline), 3))
        _place(poses.pos_world_m, poses.rot_world, body, outline, found[side])
    return found


@numba.njit(cache=True, nogil=True)
def _place(pos: F64, rot: F64, body: int, outline: F64, out: F64) -> None:
    """Fill `out` (T, K, 3) with a body's points (K, 3)."""
    for t in range(len(pos)):
        for k in range(len(outline)):
            for r in range(3):
                out[t, k, r] = pos[t, body, r]
                for c in range(3):
                    out[t, k, r] += rot[t, body, r, c] * outline[k, c]


@numba.njit(cache=True, nogil=True)
def _travel(pos: F64, rot: F64, body: int, outline: F64, lag: int, lowest: F64, slid: F64) -> None:
    """Fill `lowest` (T,) and `slid` (T - lag,) for a body's points (K, 3)."""
    kept = np.empty((lag, len(outline), 2))  # the last `lag` samples, round and round
    for t in range(len(pos)):
        low, near = np.inf, np.inf
        for k in range(len(outline)):
            x, y, z = pos[t, body, 0], pos[t, body, 1], pos[t, body, 2]
            for c in range(3):
                x += rot[t, body, 0, c] * outline[k, c]
                y += rot[t, body, 1, c] * outline[k, c]
                z += rot[t, body, 2, c] * outline[k, c]
            low = min(low, z)
            if t >= lag:
                dx, dy = x - kept[t % lag, k, 0], y - kept[t % lag, k, 1]
                near = min(near, dx * dx + dy * dy)
            kept[t % lag, k, 0], kept[t % lag, k, 1] = x, y
        lowest[t] = low
        if t >= lag:
            slid[t - lag] = np.sqrt(near)
