"""Stances: stretches in which a foot ought to stand, without their ends: nobody knows to the sample when it landed or left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.quality.posture import Posture
from understudy.quality.spans import Span, median_step_s, spans
from understudy.spec.episode import Episode
from understudy.spec.skeleton import SIDES

EDGE_S = 0.04
"""Taken off either end of a stance."""


@dataclass(frozen=True)
class Stance:
    """A foot (0 left, 1 right) that ought to stand, and the samples of the posture in which it does for certain."""

    foot: int
    span: Span

    @property
    def side(self) -> str:
        """`left` or `right`."""
        return SIDES[self.foot]


def stances(episode: Episode, seen: Posture, *, min_s: float) -> list[Stance]:
    """Every stance of at least `min_s` after its ends are taken off, foot by foot.

    Raises:
        NotApplicable: the episode has no contacts.
    """
    planted, found = seen.should_stand(episode), []
    step_s = median_step_s(seen.t_ns)
    edge = round(EDGE_S / step_s) if step_s > 0 else 0
    count = len(seen.t_ns)
    for foot in range(len(SIDES)):
        for span in spans(planted[:, foot], seen.t_ns):
            first = span.first + (edge if span.first > 0 else 0)  # the take's ends are no landing
            last = span.last - (edge if span.last < count - 1 else 0)
            if (last - first) * step_s >= min_s - 0.5 * step_s and last > first:
                found.append(Stance(foot, Span(first, last, int(seen.t_ns[first]), int(seen.t_ns[last]))))
    return found


def worst_window(values: F64, t_ns: I64, window_s: float) -> tuple[float, int, int]:
    """The mean over `window_s` that is furthest from zero, and the first and last sample of that window.

    A fault that lasts for part of a long stance must not vanish in its mean; where there is less than a window, all of it counts.

    Args:
        values: (N,) at least one, at `t_ns` (N,).
    """
    step_s = median_step_s(t_ns)
    size = min(len(values), max(1, round(window_s / step_s) + 1)) if step_s > 0 else len(values)
    total = np.concatenate([[0.0], np.cumsum(values)])
    mean = (total[size:] - total[:-size]) / size
    at = int(np.argmax(np.abs(mean)))
    return float(mean[at]), at, at + size - 1
