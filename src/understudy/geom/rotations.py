"""Unit quaternions and rotation matrices: wxyz, right-handed, active rotations.

`quat_apply(q_world_hand, v_hand)` is `v_world`. Every function works on any leading axes.
"""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64


def quat_normalize(quat_wxyz: F64) -> F64:
    """(..., 4) the same directions at unit norm; a zero quaternion gives NaN."""
    return np.asarray(quat_wxyz / np.linalg.norm(quat_wxyz, axis=-1, keepdims=True))


def quat_mul(a_wxyz: F64, b_wxyz: F64) -> F64:
    """(..., 4) Hamilton product: the rotation b first, then a."""
    aw, ax, ay, az = np.moveaxis(a_wxyz, -1, 0)
    bw, bx, by, bz = np.moveaxis(b_wxyz, -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def quat_conj(quat_wxyz: F64) -> F64:
    """(..., 4) inverse of a unit quaternion."""
    return np.asarray(quat_wxyz * np.array([1.0, -1.0, -1.0, -1.0]))


def quat_apply(quat_wxyz: F64, vec: F64) -> F64:
    """(..., 3) `vec` turned by `quat_wxyz`."""
    w, u = quat_wxyz[..., :1], quat_wxyz[..., 1:]
    t = 2.0 * np.cross(u, vec)
    return np.asarray(vec + w * t + np.cross(u, t))


def quat_to_matrix(quat_wxyz: F64) -> F64:
    """(..., 3, 3) rotation matrices of unit quaternions."""
    w, x, y, z = np.moveaxis(quat_wxyz, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def matrix_to_quat(matrix: F64) -> F64:
    """(..., 4) wxyz with w >= 0 of rotation matrices (..., 3, 3).

    Source: Shepperd, "Quaternion from rotation matrix", J. Guidance and Control 1 (1978): the largest of
    the four squared components is taken as pivot, so the result is accurate at every angle.
    """
    m = np.asarray(matrix, dtype=np.float64)
    flat = m.reshape(-1, 3, 3)
    diag = flat[:, [0, 1, 2], [0, 1, 2]]
    trace = diag.sum(axis=1)
    pivot = np.argmax(np.concatenate([trace[:, None], diag], axis=1), axis=1)
    out = np.empty((len(flat), 4))
    is_w = pivot == 0
    w = flat[is_w]
    out[is_w, 0] = 1.0 + trace[is_w]
    out[is_w, 1:] = np.stack([w[:, 2, 1] - w[:, 1, 2], w[:, 0, 2] - w[:, 2, 0], w[:, 1, 0] - w[:, 0, 1]], axis=1)
    for i in range(3):
        pick = pivot == i + 1
        j, k = (i + 1) % 3, (i + 2) % 3
        r = flat[pick]
        out[pick, 0] = r[:, k, j] - r[:, j, k]
        out[pick, 1 + i] = 1.0 + 2.0 * r[:, i, i] - trace[pick]
        out[pick, 1 + j] = r[:, j, i] + r[:, i, j]
        out[pick, 1 + k] = r[:, k, i] + r[:, i, k]
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    out[out[:, 0] < 0] *= -1.0
    return out.reshape((*m.shape[:-2], 4))


def rotvec_to_quat(rotvec_rad: F64) -> F64:
    """(..., 4) quaternions of rotation vectors (axis times angle, radians)."""
    angle = np.linalg.norm(rotvec_rad, axis=-1, keepdims=True)
    scale = 0.5 * np.sinc(angle / (2.0 * np.pi))
    return np.concatenate([np.cos(angle / 2.0), scale * rotvec_rad], axis=-1)


def quat_to_rotvec(quat_wxyz: F64) -> F64:
    """(..., 3) shortest rotation vectors, radians."""
    q = np.where(quat_wxyz[..., :1] < 0, -quat_wxyz, quat_wxyz)
    sin_half = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sin_half, q[..., :1])
    scale = np.where(sin_half > 1e-12, angle / np.maximum(sin_half, 1e-12), 2.0)
    return np.asarray(q[..., 1:] * scale)


def quat_continuous(quat_wxyz: F64) -> F64:
    """(T, 4) the same rotations with signs chosen so that neighbours lie on the same hemisphere."""
    dots = np.sum(quat_wxyz[1:] * quat_wxyz[:-1], axis=-1)
    signs = np.cumprod(np.concatenate([[1.0], np.where(dots < 0, -1.0, 1.0)]))
    return np.asarray(quat_wxyz * signs[:, None])


def xyzw_to_wxyz(quat_xyzw: F64) -> F64:
    """(..., 4) the only place where the xyzw order may appear, at the border of the program."""
    return np.concatenate([quat_xyzw[..., 3:], quat_xyzw[..., :3]], axis=-1)


def yaw_to_quat(yaw_rad: F64) -> F64:
    """(..., 4) turns about z by `yaw_rad`."""
    half = np.asarray(yaw_rad) / 2.0
    zero = np.zeros_like(half)
    return np.stack([np.cos(half), zero, zero, np.sin(half)], axis=-1)


def angular_velocity(quat_world_wxyz: F64, t_ns: F64) -> F64:
    """(T, 3) angular velocity in `world`, rad/s, by central differences (one-sided at the ends).

    Args:
        quat_world_wxyz: (T, 4) body to world.
        t_ns: (T,) strictly increasing, nanoseconds.
    """
    n = len(quat_world_wxyz)
    if n < 2:
        return np.zeros((n, 3))
    lo, hi = np.maximum(np.arange(n) - 1, 0), np.minimum(np.arange(n) + 1, n - 1)
    turn = quat_mul(quat_world_wxyz[hi], quat_conj(quat_world_wxyz[lo]))
    dt_s = (t_ns[hi] - t_ns[lo]) * 1e-9
    return np.asarray(quat_to_rotvec(turn) / dt_s[:, None])
