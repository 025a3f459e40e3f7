"""Shares, areas under curves, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from understudy.geom.arrays import F64

Z95 = 1.959963984540054
RESAMPLES = 300


def wilson(hits: int, of: int) -> tuple[float, float]:
    """95 % interval of a share.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, JASA 1927.
    """
    if of == 0:
        return 0.0, 1.0
    share, spread = hits / of, Z95**2 / of
    middle = (share + spread / 2.0) / (1.0 + spread)
    half = Z95 * math.sqrt(share * (1.0 - share) / of + spread / (4.0 * of)) / (1.0 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def auroc(bad: F64, good: F64) -> float:
    """How often a bad one has the larger figure than a good one; ties count half. NaN where one of the two is empty."""
    if len(bad) == 0 or len(good) == 0:
        return math.nan
    values = np.concatenate([bad, good])
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2.0
    above = rank[place][: len(bad)].sum() - len(bad) * (len(bad) + 1) / 2.0
    return float(above / (len(bad) * len(good)))


def auroc_interval(bad: F64, good: F64, group: Sequence[str], *, seed: int = 0) -> tuple[float, float]:
    """95 % interval of `auroc` by drawing whole groups anew: variants of one source are no independent episodes.

    Args:
        bad, good: (N,) figures of the same episodes with the defect and without it.
        group: (N,) the source of each.
        seed: of the draws.
    """
    names = sorted(set(group))
    rows = [np.flatnonzero(np.array(group) == name) for name in names]
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(RESAMPLES if len(names) > 1 else 0):
        drawn = np.concatenate([rows[i] for i in rng.integers(0, len(names), len(names))])
        found.append(auroc(bad[drawn], good[drawn]))
    if not found:
        return 0.0, 1.0
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)
