"""How far an episode's joints go in all: what a motion takes, however fast it is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from understudy.geom.interpolation import lerp_at
from understudy.quality.columns import POSITIONS, joint_series
from understudy.quality.memo import Last
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.schema import GateValue

_STEP_S, _MEAN, _EVERY = 0.02, 10, 5
"""Means over 0.2 s, ten a second: an encoder's noise and a tremor are no way that was gone."""
_SPARSEST = 50
"""Steps to a sample, above which stamps are wrong or all but nothing was measured."""
_FEWEST = 3
_STILL_RAD = 1.0
"""A task in which all joints together go no further than this is one of standing still; there is nothing to compare."""
_USUAL = (10.0, 90.0)
TravelSays = Literal["less", "whole", ""]

_last: Last[float] = Last()


def joint_travel_rad(episode: Episode) -> float:
    """Way of all joints together, radians; 0 where there are none. The last one asked for is kept."""
    return _last.get(episode, make=lambda: _travel_rad(episode))


def _travel_rad(episode: Episode) -> float:
    from scipy.ndimage import uniform_filter1d

    found = joint_series(episode, POSITIONS)
    if found is None or len(found[0]) < 2:
        return 0.0
    t_ns, q_rad = found
    step_ns = round(_STEP_S * 1e9)
    if t_ns[-1] - t_ns[0] > _SPARSEST * step_ns * len(t_ns):
        return 0.0
    smooth = uniform_filter1d(lerp_at(t_ns, q_rad, np.arange(t_ns[0], t_ns[-1] + 1, step_ns)), _MEAN, axis=0)
    return float(np.abs(np.diff(smooth[::_EVERY], axis=0)).sum())


def usual_travel_rad(others_rad: Mapping[str, float], *, but: str, max_spread: float) -> tuple[float, float] | None:
    """Median and 10th percentile of how far the joints of a task's other episodes go.

    None where the others are under three, or hardly move, or the middle 80 % of them differ by a factor of over `max_spread`.
    """
    ways_rad = np.array([way for id_, way in sorted(others_rad.items()) if id_ != but and way > 0])
    if len(ways_rad) < _FEWEST:
        return None
    low, high = np.percentile(ways_rad, _USUAL)
    median = float(np.median(ways_rad))
    return (median, float(low)) if median > _STILL_RAD and high <= max_spread * low else None


def travel_says(travel_rad: float, others_rad: Mapping[str, float], limits: Mapping[str, GateValue], *, but: str) -> TravelSays:
    """Whether an episode does `less` of its task than the others, or the `whole` of it; empty where that cannot be said.

    Args:
        travel_rad: how far its joints go.
        others_rad: id to the same of the task's episodes.
        limits: thresholds of the gate `truncation`.
        but: the episode's own id.
    """
    usual = usual_travel_rad(others_rad, but=but, max_spread=number(limits, "max_spread"))
    if usual is None or travel_rad <= 0:
        return ""
    median, low = usual
    if travel_rad < min(number(limits, "min_travel") * median, number(limits, "min_share_shortest") * low):
        return "less"
    return "whole" if travel_rad >= number(limits, "whole_travel") * median else ""
