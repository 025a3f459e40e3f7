"""How fast points move along their courses: compiled."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from understudy.geom.arrays import F64, I64


@nb.njit(cache=True, nogil=True)
def central_speeds(pos: F64, t_ns: I64, window_ns: int) -> F64:
    """(T,) speed over `window_ns` before and after each frame, per second, of points (T, 2) or (T, 3); clipped at the ends.

    Where a point is between two frames is interpolated linearly, as `geom.interpolation.lerp_at` does.
    """
    total = len(t_ns)
    out = np.empty(total)
    low, high = 0, 0
    for t in range(total):
        before, after = max(t_ns[t] - window_ns, t_ns[0]), min(t_ns[t] + window_ns, t_ns[total - 1])
        while low + 1 < total and t_ns[low + 1] <= before:
            low += 1
        while high + 1 < total and t_ns[high + 1] <= after:
            high += 1
        low_share, high_share = _share(t_ns, low, before), _share(t_ns, high, after)
        low_next, high_next = min(low + 1, total - 1), min(high + 1, total - 1)
        squared = 0.0
        for i in range(pos.shape[1]):
            end = pos[high, i] * (1.0 - high_share) + pos[high_next, i] * high_share
            start = pos[low, i] * (1.0 - low_share) + pos[low_next, i] * low_share
            squared += (end - start) * (end - start)
        out[t] = math.sqrt(squared) / max((after - before) * 1e-9, 1e-9)
    return out


@nb.njit(cache=True, nogil=True)
def _share(t_ns: I64, at: int, time_ns: int) -> float:
    """How far a time is on the way from frame `at` to the next."""
    span = max(t_ns[min(at + 1, len(t_ns) - 1)] - t_ns[at], 1)
    return float(min(max((time_ns - t_ns[at]) / span, 0.0), 1.0))
