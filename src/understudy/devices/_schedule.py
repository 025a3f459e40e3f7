"""When the next sample of each stream is due: every stream on its own even grid from one start."""

from __future__ import annotations

from collections.abc import Mapping

from understudy.devices._clocks import NS_PER_S


class Schedule:
    """Even grids. Sample n of a stream is due at start + n / rate, rounded to nanoseconds, so that rounding never adds up."""

    def __init__(self, rates_hz: Mapping[str, float], start_ns: int) -> None:
        """Grids from `start_ns`; streams of rate 0 are never due."""
        self._rates_hz = {key: rate for key, rate in rates_hz.items() if rate > 0}
        self._start_ns = start_ns
        self._count = dict.fromkeys(self._rates_hz, 0)
        self.next_ns = start_ns if self._rates_hz else 1 << 62

    def take(self, t_ns: int) -> dict[str, int]:
        """Streams due by `t_ns`, each with the number of its sample; a grid that lies further back is caught up with.

        The number of a stream's newest grid point is given, so that points that were passed over show as a gap in numbers.
        """
        due = {}
        for key, rate_hz in self._rates_hz.items():
            if self._due_ns(key) > t_ns:
                continue
            self._count[key] = max(self._count[key], int((t_ns - self._start_ns) * rate_hz / NS_PER_S + 1e-6))
            due[key] = self._count[key]
            self._count[key] += 1
        self.next_ns = min((self._due_ns(key) for key in self._rates_hz), default=1 << 62)
        return due

    def _due_ns(self, key: str) -> int:
        return self._start_ns + round(self._count[key] * NS_PER_S / self._rates_hz[key])
