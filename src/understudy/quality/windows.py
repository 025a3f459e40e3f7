"""Figures over short windows of one length: an episode of any length then gives the mean of the same figure."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64

WINDOW_S = 2.0


def windows(values: F64, *, rate_hz: float) -> F64:
    """(W, N, ...) views of WINDOW_S each, half overlapping, from (T, ...) samples; none where there is less than one window."""
    size = max(round(WINDOW_S * rate_hz), 4)
    if len(values) < size:
        return np.empty((0, size, *values.shape[1:]))
    cut = np.lib.stride_tricks.sliding_window_view(values, size, axis=0)[:: max(size // 2, 1)]
    return np.asarray(np.moveaxis(cut, -1, 1))
