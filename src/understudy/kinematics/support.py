"""How far inside its support a robot stands, and which feet carry it: compiled, for whole motions."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numba
import numpy as np

from understudy.errors import ShapeError
from understudy.geom.arrays import F64, I8, I64, Bool
from understudy.kinematics.contact import SIDES

PHASES = ("flight", "left_support", "right_support", "double_support")
"""Names of the gait phases, in the order of their numbers; in `left_support` the right foot swings."""

LIFTED_M = 0.02


def gait_phases(contact: Bool) -> I8:
    """(T,) number of the phase in `PHASES` from (T, 2) left and right foot on the ground."""
    return np.asarray(contact[:, 0] + 2 * contact[:, 1], dtype=np.int8)


def support_margin(soles_world_m: Mapping[str, F64], contact: Bool, point_world_m: F64) -> F64:
    """Distance of a point on the ground from the edge of what the robot stands on.

    Args:
        soles_world_m: left and right (T, K, 3) sole outline, metres.
        contact: (T, 2) left and right foot on the ground.
        point_world_m: (T, 2) such as the centre of mass over the ground, metres.

    Returns:
        (T,) metres, positive inside the convex hull of what stands and negative outside; NaN where no foot stands. Points of a
        sole that are over LIFTED_M above its lowest do not carry: of a foot on its toes, only these.

    Raises:
        ShapeError: the arrays are not of one motion.
    """
    left, right = (np.ascontiguousarray(soles_world_m[side], dtype=np.float64) for side in SIDES)
    steps = len(point_world_m)
    if not len(left) == len(right) == len(contact) == steps:
        raise ShapeError(f"soles have {len(left)} and {len(right)} steps, contacts {len(contact)}, points {steps}; one motion?")
    out = np.empty(steps)
    _fill_margin(left, right, np.ascontiguousarray(contact), np.ascontiguousarray(point_world_m, dtype=np.float64), out)
    return out


@numba.njit(cache=True, nogil=True)
def _fill_margin(left: F64, right: F64, contact: Bool, point: F64, out: F64) -> None:
    count = left.shape[1]
    most = count + right.shape[1]
    xy, hull, carries = np.empty((most, 2)), np.empty((2 * most + 2, 2)), np.empty(most, dtype=np.bool_)
    order, sorted_order = np.arange(most), np.empty(most, dtype=np.int64)
    for t in range(len(out)):
        for foot, standing, first in ((left, contact[t, 0], 0), (right, contact[t, 1], count)):
            low = foot[t, 0, 2]
            for k in range(1, foot.shape[1]):
                low = min(low, foot[t, k, 2])
            for k in range(foot.shape[1]):
                carries[first + k] = standing and foot[t, k, 2] <= low + LIFTED_M
        n = 0
        for i in range(most):  # in the order of the step before: nearly sorted then
            k = order[i]
            if carries[k]:
                x, y = (left[t, k, 0], left[t, k, 1]) if k < count else (right[t, k - count, 0], right[t, k - count, 1])
                n = _insert(xy, sorted_order, n, k, x, y)
        at = n
        for i in range(most):
            if not carries[order[i]]:
                sorted_order[at] = order[i]
                at += 1
        order, sorted_order = sorted_order, order
        out[t] = _margin(hull, _convex_hull(xy, n, hull), point[t, 0], point[t, 1]) if n else math.nan


@numba.njit(cache=True, nogil=True)
def _insert(xy: F64, names: I64, n: int, name: int, x: float, y: float) -> int:
    """Put a point among the first n, which are sorted by x, then y, and its name beside; returns n + 1."""
    j = n - 1
    while j >= 0 and (xy[j, 0] > x or (xy[j, 0] == x and xy[j, 1] > y)):
        xy[j + 1, 0], xy[j + 1, 1], names[j + 1] = xy[j, 0], xy[j, 1], names[j]
        j -= 1
    xy[j + 1, 0], xy[j + 1, 1], names[j + 1] = x, y, name
    return n + 1


@numba.njit(cache=True, nogil=True)
def _convex_hull(xy: F64, n: int, hull: F64) -> int:
    """Fill `hull` with the counter-clockwise hull of the first n points, sorted by x, then y, and return its size.

    Source: Andrew, Information Processing Letters 9 (1979), the monotone chain.
    """
    size, fewest = 0, 2
    for k in range(2 * n - 1):  # there along the lower chain, back along the upper one
        at = k if k < n else 2 * n - 2 - k
        if k == n:
            fewest = size + 1
        while size >= fewest and _turn(hull, size - 2, size - 1, xy[at, 0], xy[at, 1]) <= 0.0:
            size -= 1
        hull[size, 0], hull[size, 1] = xy[at, 0], xy[at, 1]
        size += 1
    return max(size - 1, 1)


@numba.njit(cache=True, nogil=True)
def _turn(points: F64, a: int, b: int, x: float, y: float) -> float:
    """Over 0 where the way from point a over point b to (x, y) turns left."""
    ahead, side = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
    return float(ahead * (y - points[a, 1]) - side * (x - points[a, 0]))


@numba.njit(cache=True, nogil=True)
def _margin(hull: F64, size: int, x: float, y: float) -> float:
    """Signed distance of a point from a counter-clockwise convex outline of `size` corners."""
    nearest2, inside = math.inf, size > 2
    for i in range(size):
        j = i + 1 if i + 1 < size else 0
        ax, ay = hull[i, 0], hull[i, 1]
        ex, ey = hull[j, 0] - ax, hull[j, 1] - ay
        length2 = ex * ex + ey * ey
        along = 0.0 if length2 == 0.0 else min(max(((x - ax) * ex + (y - ay) * ey) / length2, 0.0), 1.0)
        dx, dy = x - ax - along * ex, y - ay - along * ey
        nearest2 = min(nearest2, dx * dx + dy * dy)
        if ex * (y - ay) - ey * (x - ax) < 0.0:
            inside = False
    nearest = math.sqrt(nearest2)
    return nearest if inside else -nearest
