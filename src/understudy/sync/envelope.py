"""The line that lies as high as it can under a cloud of delays: what a clock does when nothing holds its messages up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64

_BINS = 512


@dataclass(frozen=True)
class Line:
    """y = level + slope * (x - x_ref)."""

    level: float
    slope: float
    x_ref: float

    def at(self, x: F64) -> F64:
        """(N,) its height."""
        return np.asarray(self.level + self.slope * (x - self.x_ref))


def line_under(x: F64, y: F64) -> Line:
    """The line under all points that leaves the least sum of distances.

    That is the edge of the lower convex hull over the points' mean x. Most points can never touch it, so it is found on the
    lowest of each bin and then held against all; those it cuts off join in.

    Args:
        x: (N,) increasing, N >= 2.
        y: (N,) heights.

    Source: Moon, Skelly, Towsley, "Estimation and removal of clock skew from network delay measurements", INFOCOM 1999.
    """
    x_ref = float(x.mean())
    chosen = _lowest_of_bins(x, y)
    while True:
        line = _edge_over(x[chosen], y[chosen], x_ref)
        below = y - line.at(x)
        slack = 1e-9 * max(1.0, float(np.abs(y).max()))
        cut = np.flatnonzero(below < -slack)
        if len(cut) == 0 or len(np.union1d(chosen, cut)) == len(chosen):
            return line
        chosen = np.union1d(chosen, cut)


def _lowest_of_bins(x: F64, y: F64) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    if len(x) <= _BINS:
        return np.arange(len(x))
    starts = np.unique(np.linspace(0, len(x), _BINS, endpoint=False).astype(np.intp))
    lowest = np.minimum.reduceat(y, starts)
    counts = np.diff(np.append(starts, len(x)))
    first = np.flatnonzero(y == np.repeat(lowest, counts))
    return np.union1d(first, [0, len(x) - 1])


def _edge_over(x: F64, y: F64, x_ref: float) -> Line:
    """The edge of the lower hull that spans `x_ref`."""
    hull: list[tuple[float, float]] = []
    for point in zip(x.tolist(), y.tolist(), strict=True):
        while len(hull) >= 2 and _not_left(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    for (x0, y0), (x1, y1) in zip(hull, hull[1:], strict=False):
        if x1 >= x_ref and x1 > x0:
            slope = (y1 - y0) / (x1 - x0)
            return Line(y0 + slope * (x_ref - x0), slope, x_ref)
    return Line(float(y.min()), 0.0, x_ref)


def _not_left(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) <= (b[1] - a[1]) * (c[0] - a[0])
