"""How tall a person is, from a motion whose size is not known: feet that stand do not slide."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, Bool

SLOW_M_S = 0.35
SHORTEST_S = 0.2
ROUNDS = 6
RANGE_M = (1.2, 2.2)
SPREAD_M = 0.08
"""Standard deviation of the height of people of one gender. Source: Fryar et al., NCHS Vital Health Stat 3(46), 2021."""
SLIDE_M = 0.02
"""How far a standing foot wanders when the height is right: what proportions that are not the person's own make of it."""


def stature_m(trans_m: F64, feet: F64, rate_hz: float, mean_m: float) -> tuple[float, float]:
    """The height at which standing feet stand stillest, drawn towards the mean where the feet tell little.

    A foot is at p(t) + h f(t), with the root's path p in metres and the foot f from the root for a person of height 1. While
    it stands that is a constant, so h is the least-squares slope of p against -f over every stance, each about its own mean
    and counted once. The mean height is one more observation. Which feet stand is found at the height of the round before.

    Args:
        trans_m: (T, 3) the root's path.
        feet: (T, F, 3) points of the feet from the root, for a height of 1.
        rate_hz: frames per second.
        mean_m: mean height of people.

    Returns:
        height in metres, and the share of it that the feet told, 0 to 1.
    """
    height, share = mean_m, 0.0
    for _ in range(ROUNDS):
        wanted, weight = mean_m / SPREAD_M**2, 1.0 / SPREAD_M**2
        path = trans_m[:, None] + height * feet
        for k in range(feet.shape[1]):
            for start, stop in _runs(_slow(path[:, k], rate_hz), max(3, round(SHORTEST_S * rate_hz))):
                f = feet[start:stop, k] - feet[start:stop, k].mean(axis=0)
                p = trans_m[start:stop] - trans_m[start:stop].mean(axis=0)
                wanted -= float(np.sum(p * f)) / (stop - start) / SLIDE_M**2
                weight += float(np.sum(f * f)) / (stop - start) / SLIDE_M**2
        height = float(np.clip(wanted / weight, *RANGE_M))
        share = 1.0 - 1.0 / (SPREAD_M**2 * weight)
    return height, share


def _slow(pos_m: F64, rate_hz: float) -> Bool:
    """(T,) slower than `SLOW_M_S` over a thirtieth of a second either way."""
    reach = max(1, round(rate_hz / 30.0))
    at = np.arange(len(pos_m))
    lo, hi = np.maximum(at - reach, 0), np.minimum(at + reach, len(pos_m) - 1)
    speed = np.linalg.norm(pos_m[hi] - pos_m[lo], axis=1) / np.maximum(hi - lo, 1) * rate_hz
    return np.asarray(speed < SLOW_M_S)


def _runs(mask: Bool, shortest: int) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= shortest]
