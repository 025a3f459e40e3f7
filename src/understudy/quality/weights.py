"""How often a loader should draw each episode, from how good it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from understudy.errors import InputError
from understudy.geom.arrays import F64


def sampling_weights(ratings: Sequence[float | None], *, floor: float = 0.2, power: float = 1.0) -> F64:
    """Weights of mean 1: w = floor + (1 - floor) rating^power, divided by their mean.

    `floor` keeps every accepted episode in the training: a score says how smooth or steady a motion was, not whether it
    achieved anything, so it never takes an episode out. An episode without a rating gets the median of those with one.

    Args:
        ratings: quality rating of each episode, 0 to 1, or None.
        floor: weight of a rating of 0 against one of 1, over 0 up to 1; 1 draws all alike.
        power: over 1 favours the best more, under 1 less.

    Returns:
        (N,) weights, all above 0, their mean 1.

    Raises:
        InputError: a figure out of its range.
    """
    if not 0.0 < floor <= 1.0 or power <= 0.0:
        raise InputError(f"sampling weights: floor {floor} must be over 0 up to 1, and power {power} over 0")
    known = np.array([r for r in ratings if r is not None], dtype=np.float64)
    if ((known < 0.0) | (known > 1.0) | np.isnan(known)).any():
        raise InputError("sampling weights: a quality rating is outside 0 to 1")
    if len(ratings) == 0:
        return np.zeros(0)
    usual = float(np.median(known)) if len(known) else 1.0
    rating = np.array([usual if r is None else r for r in ratings], dtype=np.float64)
    weight = floor + (1.0 - floor) * rating**power
    return np.asarray(weight / weight.mean())
