"""Where the soles are, how high, and how far they slide: compiled, for takes of a minute and more."""

from __future__ import annotations

from collections.abc import Mapping

import numba
import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.kinematics.contact import SIDES
from understudy.kinematics.forward import BodyPoses, forward_kernel
from understudy.spec.robot import RobotModel

_BLOCK = 256
"""Steps whose bodies are placed at once: these stay in the processor's cache."""


def sole_travel(robot: RobotModel, poses: BodyPoses, lag: int = 1) -> tuple[F64, F64]:
    """Height and way of both soles, as `outline_travel` tells them from their outlines."""
    return outline_travel(sole_outlines(robot, poses), lag)


def outline_travel(soles_world_m: Mapping[str, F64], lag: int = 1) -> tuple[F64, F64]:
    """Height of each sole's lowest point, and the way over the ground of its slowest one.

    A sole whose slowest outline point stays where it is rolls or turns on that point, and does not slide.

    Args:
        soles_world_m: `left` and `right`: (T, K, 3) outlines, metres.
        lag: over how many samples the way is taken; noise of single samples is no way over several.

    Returns:
        (T, 2) metres over z = 0, left and right; (T - lag, 2) metres from each sample to the one `lag` later.
    """
    steps = len(soles_world_m[SIDES[0]])
    lowest, slid = np.empty((steps, len(SIDES))), np.empty((max(steps - lag, 0), len(SIDES)))
    for i, side in enumerate(SIDES):
        _travel(soles_world_m[side], lag, lowest[:, i], slid[:, i])
    return lowest, slid


def sole_outlines(robot: RobotModel, poses: BodyPoses) -> dict[str, F64]:
    """`left` and `right`: (T, K, 3) points of the sole's outline in `world`, metres; what `contact.sole_points` gives."""
    found = {}
    for side, (body, outline) in _soles(robot).items():
        found[side] = np.empty((len(poses.pos_world_m), len(outline), 3))
        _place(poses.pos_world_m, poses.rot_world, body, outline, found[side])
    return found


def sole_courses(robot: RobotModel, root_pos_world_m: F64, root_quat_world_wxyz: F64, joint_pos: F64) -> dict[str, F64]:
    """The same outlines without the poses of all bodies: only what carries the soles is placed, a few steps at a time.

    Args:
        root_pos_world_m: (T, 3) origin of the root link, metres.
        root_quat_world_wxyz: (T, 4) root to world, of any norm but zero.
        joint_pos: (T, J) radians, order `robot.joint_names`.
    """
    soles, steps = _soles(robot), len(root_pos_world_m)
    joints = np.unique(np.concatenate([_above(robot, body) for body, _ in soles.values()]))
    found = {side: np.empty((steps, len(outline), 3)) for side, (_, outline) in soles.items()}
    pos, rot = np.empty((_BLOCK, robot.dof + 1, 3)), np.empty((_BLOCK, robot.dof + 1, 3, 3))
    model = (robot.body_parent, robot.rot_parent_joint, robot.pos_parent_joint_m, robot.axis_joint)
    motion = [np.ascontiguousarray(a, dtype=np.float64) for a in (root_pos_world_m, root_quat_world_wxyz, joint_pos)]
    for first in range(0, steps, _BLOCK):
        rows = slice(first, min(first + _BLOCK, steps))
        forward_kernel(joints, *model, *(a[rows] for a in motion), pos, rot)
        for side, (body, outline) in soles.items():
            _place(pos, rot, body, outline, found[side][rows])
    return found


def _soles(robot: RobotModel) -> dict[str, tuple[int, F64]]:
    """Side to the body that carries the sole and its outline (K, 3) in that body's frame, metres."""
    return {side: robot.on_body(sole.link, np.array(sole.outline_m)) for side in SIDES for sole in [robot.profile.soles[side]]}


def _above(robot: RobotModel, body: int) -> I64:
    """Joints between the root and a body."""
    joints = []
    while body > 0:
        joints.append(body - 1)
        body = int(robot.body_parent[body - 1])
    return np.array(joints, dtype=np.int64)


@numba.njit(cache=True, nogil=True)
def _place(pos: F64, rot: F64, body: int, outline: F64, out: F64) -> None:
    """Fill `out` (T, K, 3) with a body's points (K, 3)."""
    for t in range(len(out)):
        for k in range(len(outline)):
            for r in range(3):
                at = pos[t, body, r] + rot[t, body, r, 0] * outline[k, 0]
                out[t, k, r] = at + rot[t, body, r, 1] * outline[k, 1] + rot[t, body, r, 2] * outline[k, 2]


@numba.njit(cache=True, nogil=True)
def _travel(sole: F64, lag: int, lowest: F64, slid: F64) -> None:
    """Fill `lowest` (T,) and `slid` (T - lag,) for the points (T, K, 3) of a sole."""
    for t in range(len(sole)):
        low, near = np.inf, np.inf
        for k in range(sole.shape[1]):
            low = min(low, sole[t, k, 2])
        lowest[t] = low
        if t >= lag:
            for k in range(sole.shape[1]):
                dx, dy = sole[t, k, 0] - sole[t - lag, k, 0], sole[t, k, 1] - sole[t - lag, k, 1]
                near = min(near, dx * dx + dy * dy)
            slid[t - lag] = np.sqrt(near)
