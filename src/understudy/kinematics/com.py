"""Centre of mass of whole motions."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64
from understudy.kinematics.forward import BodyPoses
from understudy.spec.robot import RobotModel


def center_of_mass(robot: RobotModel, poses: BodyPoses) -> F64:
    """(T, 3) centre of mass in `world`, metres."""
    weight = robot.mass_kg / robot.mass_kg.sum()
    moved = np.einsum("tbij,bj,b->ti", poses.rot_world, robot.com_body_m, weight, optimize=True)
    return np.asarray(np.einsum("tbi,b->ti", poses.pos_world_m, weight) + moved)
