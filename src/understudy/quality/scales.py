"""From a figure in its unit to 0 (worst) to 1 (best)."""

from __future__ import annotations

import math


def between(raw: float, best: float, worst: float, *, log: bool = False) -> float:
    """1 at `best` and beyond, 0 at `worst` and beyond, in between a straight line (in the logarithm where `log`)."""
    if log:
        raw, best, worst = math.log(max(raw, 1e-12)), math.log(best), math.log(worst)
    return min(max((worst - raw) / (worst - best), 0.0), 1.0)
