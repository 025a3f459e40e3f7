"""How flat the floor is, from where feet stood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.spec.skeleton import SIDES, HumanMotion

SHORTEST = 3
"""Fewest frames of a stance that counts."""
LEAST_REACH_M = 0.5
"""How far stances must lie apart, along the narrower way, for the lean of the floor to be told."""


@dataclass(frozen=True)
class Floor:
    """Where feet stood.

    Attributes:
        stances: how many.
        height_m: median height of the balls of the standing feet.
        spread_m: highest less lowest stance, outermost tenth left out at each end where there are ten or more.
        tilt_deg: lean of the plane through them; None where they lie too close together or in a line.
    """

    stances: int
    height_m: float
    spread_m: float
    tilt_deg: float | None


def floor_of(motion: HumanMotion, stance: Bool) -> Floor | None:
    """The floor under a clip; None with fewer than two stances.

    Each stance is one point: the median of the ball of the foot, less what this foot's balls stand higher than the other's,
    so that sides whose toes are placed differently do not look like an uneven floor.
    """
    sides = [_stances(motion.joint(f"{side}_toe"), stance[:, i]) for i, side in enumerate(SIDES)]
    points = [side - np.array([0.0, 0.0, np.median(side[:, 2])]) for side in sides if len(side)]
    count = sum(len(side) for side in sides)
    if count < 2:
        return None
    level = float(np.median(np.concatenate([side[:, 2] for side in sides])))
    feet = np.concatenate(points)
    cut = 10.0 if count >= 10 else 0.0
    spread = float(np.percentile(feet[:, 2], 100.0 - cut) - np.percentile(feet[:, 2], cut))
    return Floor(count, level, spread, _tilt_deg(feet))


def _stances(toe: F64, standing: Bool) -> F64:
    """(N, 3) the median of each stance."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], standing.astype(np.int8), [0]])))
    runs = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= SHORTEST]
    return np.array([np.median(toe[a:b], axis=0) for a, b in runs]).reshape(-1, 3)


def _tilt_deg(feet: F64) -> float | None:
    """Lean of the least-squares plane through points (N, 3)."""
    centred = feet - feet.mean(axis=0)
    reach = np.linalg.svd(centred[:, :2], compute_uv=False) if len(feet) > 3 else np.zeros(2)
    # the narrower way decides whether a lean across it can be told
    if len(reach) < 2 or reach[1] < LEAST_REACH_M:
        return None
    slope, *_ = np.linalg.lstsq(centred[:, :2], centred[:, 2], rcond=None)
    return float(np.degrees(np.arctan(np.linalg.norm(slope))))
