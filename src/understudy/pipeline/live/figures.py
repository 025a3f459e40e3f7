"""Figures of a running session, over its newest frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.spec.live import LiveCounters

KEPT = 1024
WINDOW_S = 2.0


@dataclass(frozen=True)
class LiveFigures:
    """How a session runs; NaN where nothing was measured yet.

    Attributes:
        source_hz: frames per second that came, over the last 2 s.
        step_p50_ms, step_p99_ms: time of the retargeting step.
        latency_p50_ms, latency_p99_ms: from the frame's arrival to the robot's pose.
        age_s: since the newest usable frame arrived.
        frames, lost, late, duplicates, damaged, restarts: as in `spec.live.LiveCounters`.
        skipped: frames left out because a newer one was there already.
        unusable: frames left out because the hips were not seen, or a joint never was.
        last_damage: why the newest damaged packet was one.
    """

    source_hz: float
    step_p50_ms: float
    step_p99_ms: float
    latency_p50_ms: float
    latency_p99_ms: float
    age_s: float
    frames: int
    lost: int
    late: int
    duplicates: int
    damaged: int
    restarts: int
    skipped: int
    unusable: int
    last_damage: str


class Ring:
    """The newest numbers; one thread appends, others may read at any time.

    A reader may see a number that was replaced while it read: all are of the newest, which is all that is asked.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._values = np.full(kept, np.nan)
        self._count = 0

    def append(self, value: float) -> None:
        """Add a number; the oldest goes."""
        self._values[self._count % len(self._values)] = value
        self._count += 1

    def values(self) -> np.ndarray:
        """What is kept, in no order."""
        return self._values[: min(self._count, len(self._values))].copy()

    def percentile(self, share: float) -> float:
        """NaN where nothing was added."""
        values = self.values()
        return float(np.percentile(values, share)) if len(values) else float("nan")


def source_rate_hz(arrivals_s: Ring, now_s: float) -> float:
    """Frames per second over the last 2 s; 0 where nothing came."""
    recent = arrivals_s.values()
    recent = recent[recent > now_s - WINDOW_S]
    if len(recent) < 2:
        return 0.0
    span = float(recent.max() - recent.min())
    return (len(recent) - 1) / span if span > 0 else 0.0


class Meter:
    """What a session measures of itself; its thread writes, others read."""

    def __init__(self) -> None:
        self.arrivals_s, self.step_ms, self.latency_ms = Ring(), Ring(), Ring()
        self.skipped = self.unusable = 0

    def quiet_s(self, now_ns: int) -> float:
        """Seconds since the newest frame arrived, usable or not; infinite before the first."""
        arrivals = self.arrivals_s.values()
        return now_ns * 1e-9 - float(arrivals.max()) if len(arrivals) else float("inf")

    def figures(self, counted: LiveCounters, now_ns: int, age_s: float) -> LiveFigures:
        """The figures now."""
        return LiveFigures(
            source_hz=source_rate_hz(self.arrivals_s, now_ns * 1e-9),
            step_p50_ms=self.step_ms.percentile(50.0),
            step_p99_ms=self.step_ms.percentile(99.0),
            latency_p50_ms=self.latency_ms.percentile(50.0),
            latency_p99_ms=self.latency_ms.percentile(99.0),
            age_s=age_s,
            frames=counted.frames,
            lost=counted.lost,
            late=counted.late,
            duplicates=counted.duplicates,
            damaged=counted.damaged,
            restarts=counted.restarts,
            skipped=self.skipped,
            unusable=self.unusable,
            last_damage=counted.last_damage,
        )
