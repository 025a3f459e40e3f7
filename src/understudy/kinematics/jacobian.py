"""Jacobians of points that move with a body, and of the centre of mass.

The velocity of a robot is v = (root linear velocity in `world`, root angular velocity in `world`, joint velocities), 6 + J
numbers. The root's linear velocity is that of the root link's origin. (Pinocchio writes both root velocities in the root's own
axes; the tests turn one into the other.)
"""

from __future__ import annotations

import numba
import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.kinematics.forward import BodyPoses
from understudy.spec.robot import RobotModel


def point_jacobians(robot: RobotModel, poses: BodyPoses, body: int, offset_m: F64) -> F64:
    """Jacobians of a point fixed to a body.

    Args:
        body: 0 the root, j + 1 the body moved by joint j.
        offset_m: (3,) in the body's frame, metres.

    Returns:
        (T, 6, 6 + J): rows linear velocity of the point, then angular velocity of the body, both in `world`; columns the
        root's linear and angular velocity in `world`, then the joints.
    """
    out = np.zeros((len(poses.pos_world_m), 6, 6 + robot.dof))
    point_jacobian_kernel(robot.body_parent, robot.axis_joint, poses.pos_world_m, poses.rot_world, body, offset_m, out)
    return out


def com_jacobians(robot: RobotModel, poses: BodyPoses) -> F64:
    """(T, 3, 6 + J) Jacobians of the centre of mass in `world`; columns as `point_jacobians`."""
    out = np.zeros((len(poses.pos_world_m), 3, 6 + robot.dof))
    com_jacobian_kernel(
        robot.body_parent, robot.axis_joint, robot.mass_kg, robot.com_body_m, poses.pos_world_m, poses.rot_world, out
    )
    return out


@numba.njit(cache=True)
def point_jacobian_kernel(body_parent: I64, axis: F64, pos: F64, rot: F64, body: int, offset: F64, out: F64) -> None:
    """Fill `out` (T, 6, 6 + J), which comes zeroed; poses as `BodyPoses`."""
    point, turn, arm = np.empty(3), np.empty(3), np.empty(3)
    for t in range(pos.shape[0]):
        _to_world(rot[t, body], pos[t, body], offset, point)
        _root_columns(pos[t, 0], point, out[t])
        for k in range(3):
            out[t, 3 + k, 3 + k] = 1.0
        b = body
        while b > 0:
            j = b - 1
            _axis_world(rot[t, b], axis[j], turn)
            for k in range(3):
                arm[k] = point[k] - pos[t, b, k]
                out[t, 3 + k, 6 + j] = turn[k]
            _cross_into(turn, arm, out[t], 6 + j, 1.0)
            b = body_parent[j]


@numba.njit(cache=True)
def com_jacobian_kernel(body_parent: I64, axis: F64, mass: F64, com: F64, pos: F64, rot: F64, out: F64) -> None:
    """Fill `out` (T, 3, 6 + J), which comes zeroed: each joint moves the mass that hangs on it."""
    bodies = mass.shape[0]
    hanging, moment = np.empty(bodies), np.empty((bodies, 3))
    point, turn, arm = np.empty(3), np.empty(3), np.empty(3)
    total = mass.sum()
    for t in range(pos.shape[0]):
        for b in range(bodies):
            _to_world(rot[t, b], pos[t, b], com[b], point)
            hanging[b] = mass[b]
            for k in range(3):
                moment[b, k] = mass[b] * point[k]
        for b in range(bodies - 1, 0, -1):
            parent = body_parent[b - 1]
            hanging[parent] += hanging[b]
            for k in range(3):
                moment[parent, k] += moment[b, k]
                arm[k] = moment[b, k] - hanging[b] * pos[t, b, k]
            _axis_world(rot[t, b], axis[b - 1], turn)
            _cross_into(turn, arm, out[t], 5 + b, 1.0 / total)
        for k in range(3):
            point[k] = moment[0, k] / total
        _root_columns(pos[t, 0], point, out[t])


@numba.njit(cache=True)
def _to_world(rot: F64, pos: F64, offset: F64, out: F64) -> None:
    for k in range(3):
        out[k] = pos[k] + rot[k, 0] * offset[0] + rot[k, 1] * offset[1] + rot[k, 2] * offset[2]


@numba.njit(cache=True)
def _axis_world(rot: F64, axis: F64, out: F64) -> None:
    for k in range(3):
        out[k] = rot[k, 0] * axis[0] + rot[k, 1] * axis[1] + rot[k, 2] * axis[2]


@numba.njit(cache=True)
def _root_columns(root: F64, point: F64, out: F64) -> None:
    """Columns 0 to 5 of rows 0 to 2: the identity, and omega x (point - root)."""
    x, y, z = point[0] - root[0], point[1] - root[1], point[2] - root[2]
    for k in range(3):
        out[k, k] = 1.0
    out[1, 3], out[2, 3] = -z, y
    out[0, 4], out[2, 4] = z, -x
    out[0, 5], out[1, 5] = -y, x


@numba.njit(cache=True)
def _cross_into(a: F64, b: F64, out: F64, column: int, scale: float) -> None:
    """Rows 0 to 2 of a column = scale (a x b)."""
    out[0, column] = scale * (a[1] * b[2] - a[2] * b[1])
    out[1, column] = scale * (a[2] * b[0] - a[0] * b[2])
    out[2, column] = scale * (a[0] * b[1] - a[1] * b[0])
