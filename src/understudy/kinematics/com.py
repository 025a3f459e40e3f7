"""Centre of mass of whole motions."""

from __future__ import annotations

import numba
import numpy as np

from understudy.geom.arrays import F64
from understudy.kinematics.forward import BodyPoses
from understudy.spec.robot import RobotModel


def center_of_mass(robot: RobotModel, poses: BodyPoses) -> F64:
    """(T, 3) centre of mass in `world`, metres."""
    out = np.empty((len(poses.pos_world_m), 3))
    _fill_com(robot.mass_kg / robot.mass_kg.sum(), robot.com_body_m, poses.pos_world_m, poses.rot_world, out)
    return out


@numba.njit(cache=True, nogil=True)
def _fill_com(weight: F64, com: F64, pos: F64, rot: F64, out: F64) -> None:
    """Fill `out` (T, 3) for bodies that have these shares (B,) of the mass."""
    for t in range(len(pos)):
        for i in range(3):
            total = 0.0
            for b in range(len(weight)):
                turned = rot[t, b, i, 0] * com[b, 0] + rot[t, b, i, 1] * com[b, 1] + rot[t, b, i, 2] * com[b, 2]
                total += weight[b] * (pos[t, b, i] + turned)
            out[t, i] = total
