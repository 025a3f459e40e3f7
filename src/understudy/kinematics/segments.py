"""Closest points of two line segments: the compiled heart of capsule collision."""

from __future__ import annotations

import numba
import numpy as np

from understudy.geom.arrays import F64

_TINY = 1e-14


@numba.njit(cache=True)
def segment_parameters(a0: F64, a1: F64, b0: F64, b1: F64) -> tuple[float, float]:
    """Where on the segments a0-a1 and b0-b1 (each end (3,)) the closest points lie, 0 to 1.

    Source: Ericson, Real-Time Collision Detection (2005), section 5.1.9.
    """
    dax, day, daz = a1[0] - a0[0], a1[1] - a0[1], a1[2] - a0[2]
    dbx, dby, dbz = b1[0] - b0[0], b1[1] - b0[1], b1[2] - b0[2]
    rx, ry, rz = a0[0] - b0[0], a0[1] - b0[1], a0[2] - b0[2]
    aa = dax * dax + day * day + daz * daz
    bb = dbx * dbx + dby * dby + dbz * dbz
    ar = dax * rx + day * ry + daz * rz
    br = dbx * rx + dby * ry + dbz * rz
    if aa <= _TINY:
        return 0.0, (_unit(br / bb) if bb > _TINY else 0.0)
    if bb <= _TINY:
        return _unit(-ar / aa), 0.0
    ab = dax * dbx + day * dby + daz * dbz
    slope = aa * bb - ab * ab
    s = _unit((ab * br - ar * bb) / slope) if slope > _TINY * aa * bb else 0.0
    t = (ab * s + br) / bb
    if t < 0.0:
        return _unit(-ar / aa), 0.0
    if t > 1.0:
        return _unit((ab - ar) / aa), 1.0
    return s, t


@numba.njit(cache=True)
def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))


@numba.njit(cache=True)
def place_capsule(rot: F64, pos: F64, a_body: F64, b_body: F64, a: F64, b: F64) -> None:
    """Fill `a` and `b` (3,) with the world positions of a capsule's ends."""
    for r in range(3):
        a[r] = pos[r] + rot[r, 0] * a_body[0] + rot[r, 1] * a_body[1] + rot[r, 2] * a_body[2]
        b[r] = pos[r] + rot[r, 0] * b_body[0] + rot[r, 1] * b_body[1] + rot[r, 2] * b_body[2]


@numba.njit(cache=True)
def segment_distance(a0: F64, a1: F64, b0: F64, b1: F64) -> float:
    """Distance of the segments a0-a1 and b0-b1."""
    s, t = segment_parameters(a0, a1, b0, b1)
    x = a0[0] + s * (a1[0] - a0[0]) - b0[0] - t * (b1[0] - b0[0])
    y = a0[1] + s * (a1[1] - a0[1]) - b0[1] - t * (b1[1] - b0[1])
    z = a0[2] + s * (a1[2] - a0[2]) - b0[2] - t * (b1[2] - b0[2])
    return float(np.sqrt(x * x + y * y + z * z))


@numba.njit(cache=True)
def closest_on_segments(a0: F64, a1: F64, b0: F64, b1: F64, on_a: F64, on_b: F64) -> float:
    """Fill `on_a` and `on_b` (3,) with the closest points; returns their distance."""
    s, t = segment_parameters(a0, a1, b0, b1)
    square = 0.0
    for k in range(3):
        on_a[k] = a0[k] + s * (a1[k] - a0[k])
        on_b[k] = b0[k] + t * (b1[k] - b0[k])
        square += (on_a[k] - on_b[k]) ** 2
    return float(np.sqrt(square))
