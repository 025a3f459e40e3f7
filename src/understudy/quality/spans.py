"""Stretches of time in which something holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.quality.memo import Each
from understudy.spec.episode import Episode


@dataclass(frozen=True)
class Span:
    """Samples `first` to `last`, both inside, and their stamps."""

    first: int
    last: int
    start_ns: int
    end_ns: int

    @property
    def rows(self) -> slice:
        """Picks the span's samples."""
        return slice(self.first, self.last + 1)


def median_step_s(t_ns: I64) -> float:
    """Median time between neighbouring samples, seconds; 0 for fewer than two samples."""
    if len(t_ns) < 2:
        return 0.0
    if t_ns.flags.writeable or t_ns.base is not None:
        return _median_step_s(t_ns)
    return _steps.get(t_ns, lambda: _median_step_s(t_ns))  # nobody can change these stamps


def _median_step_s(t_ns: I64) -> float:
    return float(np.median(np.diff(t_ns))) * 1e-9


_steps: Each[float] = Each()


def spans(mask: Bool, t_ns: I64, *, min_s: float = 0.0) -> list[Span]:
    """Stretches in which `mask` (T,) holds for at least `min_s`, each sample standing for one median step."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2] - 1
    if min_s > 0 and len(starts):
        step_s = median_step_s(t_ns)
        # half a step of slack: a stretch of exactly min_s must not depend on the rounding of its stamps
        long_enough = (ends - starts + 1) * step_s >= min_s - 0.5 * step_s
        starts, ends = starts[long_enough], ends[long_enough]
    return [Span(int(a), int(b), int(t_ns[a]), int(t_ns[b])) for a, b in zip(starts, ends, strict=True)]


def total_s(found: list[Span], t_ns: I64) -> float:
    """Time that spans of samples at `t_ns` last together, seconds."""
    return sum(s.last - s.first + 1 for s in found) * median_step_s(t_ns)


def worst(found: list[Span], values: F64) -> tuple[Span, int]:
    """The span that holds the largest of `values` (T,) over all spans, and the sample it is at."""
    best = [s.first + int(np.argmax(values[s.rows])) for s in found]
    i = int(np.argmax(values[best]))
    return found[i], best[i]


def clock_s(episode: Episode, t_ns: int) -> float:
    """Seconds since the start of the episode's timeline: what messages name, and what a viewer shows."""
    start_ns = int(episode.timeline_ns[0]) if len(episode.timeline_ns) else 0
    return (int(t_ns) - start_ns) * 1e-9


def moment(episode: Episode, t_ns: int | np.int64) -> str:
    """The same as text, such as `3.21 s`."""
    return f"{clock_s(episode, int(t_ns)):.2f} s"
