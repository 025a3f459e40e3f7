"""What came in the last seconds, so that a take begins before the button was pressed."""

from __future__ import annotations

from collections import deque

from understudy.record.intake import Part, PingPart

MOST_BYTES = 256 * 1024 * 1024


class Preroll:
    """Keeps what came for `length_s`, and the newest sample of every stream of events for ever: it is in force.

    Args:
        length_s: how long.
        most_bytes: of samples; the oldest go when there are more.
    """

    def __init__(self, length_s: float, *, most_bytes: int = MOST_BYTES) -> None:
        self._length_ns, self._most = round(length_s * 1e9), most_bytes
        self._kept: deque[tuple[int, Part | PingPart]] = deque()
        self._bytes = 0
        self._in_force: dict[str, tuple[int, Part]] = {}

    def add(self, part: Part | PingPart, now_ns: int) -> None:
        """Keep what came, let go what is older than the pre-roll."""
        self._kept.append((now_ns, part))
        self._bytes += _size(part)
        while self._kept and (self._kept[0][0] < now_ns - self._length_ns or self._bytes > self._most):
            came_ns, old = self._kept.popleft()
            self._bytes -= _size(old)
            if isinstance(old, Part) and old.ledger.events:
                self._in_force[old.ledger.key] = (came_ns, old)

    def since(self, t_ns: int) -> list[tuple[int, Part | PingPart]]:
        """What a take that begins at `t_ns` begins with, oldest first: what came since, and what is in force then."""
        in_force, kept = dict(self._in_force), [item for item in self._kept if item[0] >= t_ns]
        for came_ns, part in self._kept:
            if came_ns < t_ns and isinstance(part, Part) and part.ledger.events:
                in_force[part.ledger.key] = (came_ns, part)
        return [*sorted(in_force.values(), key=lambda item: item[0]), *kept]


def _size(part: Part | PingPart) -> int:
    return len(part.head) + (len(part.payload) if isinstance(part, Part) else 0)
