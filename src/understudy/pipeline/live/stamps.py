"""The session's clock: the source's own stamps as long as they make sense, and never a step back."""

from __future__ import annotations

APART_S = 0.5
"""Stamps that run ahead of the arrivals by more than this are of another clock: the source began anew."""
LEAST_STEP_NS = 1_000_000


class SessionClock:
    """Maps a source's stamps to increasing ones that begin at 0."""

    def __init__(self) -> None:
        self._offset_ns = 0
        self._last: tuple[int, int, int] | None = None

    def stamp(self, t_ns: int, t_arrival_ns: int) -> tuple[int, bool]:
        """The stamp of a frame on the session's clock, and whether the source began anew with it.

        Args:
            t_ns: on the source's clock.
            t_arrival_ns: on the host's.
        """
        if self._last is None:
            self._offset_ns = -t_ns
            self._last = (t_ns, t_arrival_ns, 0)
            return 0, False
        before_ns, arrived_ns, session_ns = self._last
        since_ns, passed_ns = t_ns - before_ns, t_arrival_ns - arrived_ns
        anew = since_ns <= 0 or (since_ns - passed_ns) * 1e-9 > APART_S
        if anew:
            self._offset_ns = session_ns + max(passed_ns, LEAST_STEP_NS) - t_ns
        stamped = t_ns + self._offset_ns
        self._last = (t_ns, t_arrival_ns, stamped)
        return stamped, anew
