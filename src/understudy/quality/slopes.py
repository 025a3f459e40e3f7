"""Rates at some samples of a signal, from the samples before and after: what a whole derivative costs is seldom needed."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.rotations import quat_conj, quat_mul, quat_to_rotvec


def some_rows(count: int, most: int) -> I64:
    """Evenly chosen rows of `count`, at most `most` of them."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.int64)


def slope_at(t_ns: I64, values: F64, rows: I64) -> F64:
    """(M, C) change per second of a signal (N, C), N at least 2, at rows (M,)."""
    before, after, dt_s = _around(t_ns, rows)
    return np.asarray((values[after] - values[before]) / dt_s[:, None])


def turn_at(t_ns: I64, quat_world_wxyz: F64, rows: I64) -> F64:
    """(M, 3) rate of turn in `world`, rad/s, of a body with orientations (N, 4), N at least 2, at rows (M,)."""
    before, after, dt_s = _around(t_ns, rows)
    turn = quat_mul(quat_world_wxyz[after], quat_conj(quat_world_wxyz[before]))
    return np.asarray(quat_to_rotvec(turn) / dt_s[:, None])


def _around(t_ns: I64, rows: I64) -> tuple[I64, I64, F64]:
    before: I64 = np.maximum(rows - 1, 0)
    after: I64 = np.minimum(rows + 1, len(t_ns) - 1)
    dt_s: F64 = (t_ns[after] - t_ns[before]).astype(np.float64) * 1e-9
    return before, after, dt_s
