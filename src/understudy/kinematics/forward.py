"""Forward kinematics of whole motions."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from understudy.errors import ShapeError
from understudy.geom.arrays import F64, I64, Bool
from understudy.spec.robot import RobotModel


@dataclass(frozen=True)
class BodyPoses:
    """Poses of every body over time; body 0 is the root, body j + 1 is moved by joint j.

    Attributes:
        pos_world_m: (T, B, 3) origins.
        rot_world: (T, B, 3, 3) body to world.
    """

    pos_world_m: F64
    rot_world: F64

    def points(self, body: int, offset_m: F64) -> F64:
        """(T, 3) or (T, K, 3) `world` positions of an offset (3,) or offsets (K, 3) given in the body's frame, metres."""
        pos, rot = self.pos_world_m[:, body], self.rot_world[:, body]
        if offset_m.ndim == 1:
            return np.asarray(pos + rot @ offset_m)
        return np.asarray(pos[:, None] + np.einsum("tij,kj->tki", rot, offset_m))


def body_poses(robot: RobotModel, root_pos_world_m: F64, root_quat_world_wxyz: F64, joint_pos: F64) -> BodyPoses:
    """Poses of all bodies.

    Args:
        root_pos_world_m: (T, 3) origin of the root link, metres.
        root_quat_world_wxyz: (T, 4) root to world; normalised here.
        joint_pos: (T, J) radians, order `robot.joint_names`.

    Returns:
        `BodyPoses` of (T, J + 1) bodies.

    Raises:
        ShapeError: the arrays do not fit together or the robot.
    """
    steps = len(root_pos_world_m)
    wanted = {"root_pos_world_m": (steps, 3), "root_quat_world_wxyz": (steps, 4), "joint_pos": (steps, robot.dof)}
    given = {"root_pos_world_m": root_pos_world_m, "root_quat_world_wxyz": root_quat_world_wxyz, "joint_pos": joint_pos}
    for name, shape in wanted.items():
        if given[name].shape != shape:
            raise ShapeError(f"{name} has shape {given[name].shape}, {shape} is needed for {steps} steps of {robot.name}")
    pos = np.empty((steps, robot.dof + 1, 3))
    rot = np.empty((steps, robot.dof + 1, 3, 3))
    forward_kernel(
        np.arange(robot.dof),
        robot.body_parent,
        robot.rot_parent_joint,
        robot.pos_parent_joint_m,
        robot.axis_joint,
        np.ascontiguousarray(root_pos_world_m, dtype=np.float64),
        np.ascontiguousarray(root_quat_world_wxyz, dtype=np.float64),
        np.ascontiguousarray(joint_pos, dtype=np.float64),
        pos,
        rot,
    )
    return BodyPoses(pos, rot)


@numba.njit(cache=True)
def forward_kernel(
    joints: I64,
    body_parent: I64,
    rot0: F64,
    pos0: F64,
    axis: F64,
    root_pos: F64,
    root_quat: F64,
    joint_pos: F64,
    pos: F64,
    rot: F64,
) -> None:
    """Fill `pos` (T, B, 3) and `rot` (T, B, 3, 3) for the root and the bodies that `joints` move, each after what carries it.

    Other arguments as in `RobotModel` and `body_poses`. Most joints turn about an axis of a frame that is not tilted against its
    parent: what the full products would multiply by 0 and 1 is left out, and the result is the same to the last bit.
    """
    turn, mount = np.empty((3, 3)), np.empty((3, 3))
    straight, about = _simple_joints(rot0, axis)
    for t in range(root_pos.shape[0]):
        for k in range(3):
            pos[t, 0, k] = root_pos[t, k]
        quat_matrix_kernel(root_quat[t], rot[t, 0])
        for j in joints:
            p, b = body_parent[j], j + 1
            x, y, z = pos0[j, 0], pos0[j, 1], pos0[j, 2]
            for r in range(3):
                pos[t, b, r] = pos[t, p, r] + rot[t, p, r, 0] * x + rot[t, p, r, 1] * y + rot[t, p, r, 2] * z
            if straight[j]:
                for r in range(3):
                    mount[r, 0], mount[r, 1], mount[r, 2] = rot[t, p, r, 0], rot[t, p, r, 1], rot[t, p, r, 2]
            else:
                product_kernel(rot[t, p], rot0[j], mount)
            if about[j] < 0:
                axis_turn_kernel(axis[j], joint_pos[t, j], turn)
                product_kernel(mount, turn, rot[t, b])
                continue
            c, s = np.cos(joint_pos[t, j]), np.sin(joint_pos[t, j])
            along, first, second = about[j], (about[j] + 1) % 3, (about[j] + 2) % 3
            for r in range(3):
                rot[t, b, r, along] = mount[r, along] * (c + (1.0 - c))
                rot[t, b, r, first] = mount[r, first] * c + mount[r, second] * s
                rot[t, b, r, second] = mount[r, second] * c - mount[r, first] * s


@numba.njit(cache=True)
def _simple_joints(rot0: F64, axis: F64) -> tuple[Bool, I64]:
    """(J,) joints whose frame is not tilted against their parent's; (J,) axis 0 to 2 that a joint turns about, -1 where none."""
    straight, about = np.ones(len(axis), dtype=np.bool_), np.full(len(axis), -1)
    for j in range(len(axis)):
        for r in range(3):
            for c in range(3):
                if rot0[j, r, c] != (1.0 if r == c else 0.0):
                    straight[j] = False
            if axis[j, r] == 1.0 and axis[j, (r + 1) % 3] == 0.0 and axis[j, (r + 2) % 3] == 0.0:
                about[j] = r
    return straight, about


@numba.njit(cache=True)
def product_kernel(a: F64, b: F64, out: F64) -> None:
    """out = a b for 3 x 3 matrices; `out` must not be `a` or `b`."""
    for r in range(3):
        for c in range(3):
            out[r, c] = a[r, 0] * b[0, c] + a[r, 1] * b[1, c] + a[r, 2] * b[2, c]


@numba.njit(cache=True)
def axis_turn_kernel(axis: F64, angle: float, out: F64) -> None:
    """out = rotation by `angle` about the unit `axis` (Rodrigues)."""
    c, s = np.cos(angle), np.sin(angle)
    x, y, z = axis[0], axis[1], axis[2]
    v = 1.0 - c
    out[0, 0] = c + x * x * v
    out[0, 1] = x * y * v - z * s
    out[0, 2] = x * z * v + y * s
    out[1, 0] = y * x * v + z * s
    out[1, 1] = c + y * y * v
    out[1, 2] = y * z * v - x * s
    out[2, 0] = z * x * v - y * s
    out[2, 1] = z * y * v + x * s
    out[2, 2] = c + z * z * v


@numba.njit(cache=True)
def quat_matrix_kernel(quat_wxyz: F64, out: F64) -> None:
    """out = matrix of a quaternion of any norm but zero."""
    w, x, y, z = quat_wxyz[0], quat_wxyz[1], quat_wxyz[2], quat_wxyz[3]
    s = 2.0 / (w * w + x * x + y * y + z * z)
    out[0, 0] = 1.0 - s * (y * y + z * z)
    out[0, 1] = s * (x * y - w * z)
    out[0, 2] = s * (x * z + w * y)
    out[1, 0] = s * (x * y + w * z)
    out[1, 1] = 1.0 - s * (x * x + z * z)
    out[1, 2] = s * (y * z - w * x)
    out[2, 0] = s * (x * z - w * y)
    out[2, 1] = s * (y * z + w * x)
    out[2, 2] = 1.0 - s * (x * x + y * y)
