"""Which frames of a source are handed out: the newest wins, nothing is waited for, and what is left out is counted."""

from __future__ import annotations

import math
from collections import deque

from understudy.spec.live import LiveCounters

LATE_FRAMES = 128
"""A frame number that lies further back is no late frame: the source began anew."""
LATE_S = 1.0
"""A stamp that lies further back is no late frame either."""
SILENCE_S = 0.2
"""Where no newer frame came for so long, an older number means that the source began anew."""
LOST_FRAMES = 100_000
"""A number that lies further ahead is no gap: the source counts from somewhere else now."""
RATE_NEEDS_S = 0.5
"""Time over which frames are counted before a rate is told."""
REMEMBERED = 512
"""Numbers by which a repeated frame is told from a late one."""


class FrameOrder:
    """Decides on every frame as it comes, and counts into `counters`.

    A late frame stays among the lost ones: it was no use when its turn had passed. Sources that number only every n-th frame
    they send are understood: the step is the greatest number that divides every difference seen.
    """

    def __init__(self, counters: LiveCounters, *, modulus: int | None = None) -> None:
        """An order that has seen nothing yet.

        Args:
            counters: where `frames`, `lost`, `late`, `duplicates` and `restarts` are counted.
            modulus: frame numbers go from `modulus` - 1 to 0; None where they do not wrap.
        """
        self._counters = counters
        self._modulus = modulus
        self._newest: int | None = None
        self._newest_t_ns: int | None = None
        self._newest_arrival_ns = 0
        self._first, self._taken, self._step = 0, 0, 0
        self._first_t_ns: int | None = None
        self._lost_before = 0
        self._seen: deque[tuple[int, int | None]] = deque(maxlen=REMEMBERED)

    @property
    def rate_hz(self) -> float | None:
        """Frames per second that the source sends, by its own numbers and stamps; None before enough of them came."""
        if self._newest is None or self._newest_t_ns is None or self._first_t_ns is None or not self._step:
            return None
        span_s = (self._newest_t_ns - self._first_t_ns) * 1e-9
        return (self._newest - self._first) / self._step / span_s if span_s >= RATE_NEEDS_S else None

    def take(self, sequence: int | None, t_ns: int | None, t_arrival_ns: int) -> int | None:
        """The number under which a frame is handed out, or None where it is left out.

        Args:
            sequence: the source's frame number; None for a source that has none, which is ordered by its stamps and counted.
            t_ns: the source's stamp; None for a source without a clock.
            t_arrival_ns: host's monotonic clock.

        Returns:
            `sequence` with its wraps undone: it grows until the source begins anew.
        """
        if self._newest is None:
            return self._begin(0 if sequence is None else sequence, t_ns, t_arrival_ns)
        number = self._next_number(t_ns) if sequence is None else self._unwrapped(sequence)
        if self._began_anew(number, t_ns, t_arrival_ns, counted=sequence is not None):
            self._counters.restarts += 1
            return self._begin(self._newest + 1 if sequence is None else sequence, t_ns, t_arrival_ns)
        if number > self._newest:
            return self._hand_out(number, t_ns, t_arrival_ns)
        if (number, t_ns) in self._seen:
            self._counters.duplicates += 1
        else:
            self._counters.late += 1
            self._remember(number, t_ns)
        return None

    def _began_anew(self, number: int, t_ns: int | None, t_arrival_ns: int, *, counted: bool) -> bool:
        """Whether number, stamp and arrival contradict that this is the same run of the source."""
        newest, newest_t_ns = self._newest or 0, self._newest_t_ns
        ahead_s = 0.0 if t_ns is None or newest_t_ns is None else (t_ns - newest_t_ns) * 1e-9
        if number > newest:
            return counted and (number - newest > LOST_FRAMES or ahead_s < 0.0)
        if (number, t_ns) == (newest, newest_t_ns):
            return False  # a paused source shows its last frame again and again
        silent = t_arrival_ns - self._newest_arrival_ns > SILENCE_S * 1e9
        return silent or newest - number > LATE_FRAMES or ahead_s < -LATE_S or (counted and ahead_s > 0.0)

    def _begin(self, number: int, t_ns: int | None, t_arrival_ns: int) -> int:
        self._lost_before = self._counters.lost
        self._seen.clear()
        self._first, self._taken, self._step = number, 0, 0
        self._first_t_ns = t_ns
        self._newest = number - 1
        return self._hand_out(number, t_ns, t_arrival_ns)

    def _hand_out(self, number: int, t_ns: int | None, t_arrival_ns: int) -> int:
        self._newest, self._newest_t_ns, self._newest_arrival_ns = number, t_ns, t_arrival_ns
        self._taken += 1
        self._counters.frames += 1
        self._remember(number, t_ns)
        return number

    def _remember(self, number: int, t_ns: int | None) -> None:
        self._seen.append((number, t_ns))
        self._step = math.gcd(self._step, number - self._first)
        if self._step:
            span = (self._newest or 0) - self._first
            self._counters.lost = self._lost_before + max(span // self._step + 1 - self._taken, 0)

    def _next_number(self, t_ns: int | None) -> int:
        """A number for a frame without one: the next, or that of the frame whose stamp it has."""
        newest = self._newest or 0
        if t_ns is None or self._newest_t_ns is None or t_ns > self._newest_t_ns:
            return newest + 1
        return next((number for number, stamp in self._seen if stamp == t_ns), newest)

    def _unwrapped(self, sequence: int) -> int:
        """The number nearest to the newest that stands for `sequence`."""
        if self._modulus is None or self._newest is None:
            return sequence
        ahead = (sequence - self._newest) % self._modulus
        return self._newest + (ahead if 2 * ahead < self._modulus else ahead - self._modulus)
