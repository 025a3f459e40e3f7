"""The recorder's clock as a producer on another computer knows it: by the quickest of its last exchanges."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from understudy.errors import BusError
from understudy.record.address import BusAddress
from understudy.record.commands import Commander

REMEMBERED = 30
REFRESH_S = 1.0
FIRST = 8


@dataclass
class RemoteClock:
    """Offset from this computer's monotonic clock to the recorder's.

    Attributes:
        ask: the recorder's clock now, nanoseconds; may take its time.
        now: this computer's monotonic clock.
    """

    ask: Callable[[], int]
    now: Callable[[], int] = time.monotonic_ns
    _exchanges: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def measure(self) -> None:
        """One exchange more; raises BusError where the recorder does not answer."""
        sent_ns = self.now()
        theirs_ns = self.ask()
        came_ns = self.now()
        self._exchanges.append((came_ns - sent_ns, theirs_ns - (sent_ns + came_ns) // 2))

    @property
    def offset_ns(self) -> int:
        """What is added to this computer's stamps; 0 before the first exchange."""
        return min(self._exchanges)[1] if self._exchanges else 0

    @property
    def bound_ns(self) -> int:
        """How far the offset may be off: half the quickest exchange."""
        return min(self._exchanges)[0] // 2 if self._exchanges else 0


def keep_measured(address: BusAddress, stop: threading.Event) -> RemoteClock:
    """A clock that a thread keeps measured until `stop` is set.

    Raises:
        BusError: the recorder does not answer.
    """
    commander = Commander(address, timeout_s=2.0)
    clock = RemoteClock(lambda: int(commander.ask("clock")["t_ns"]))
    try:
        for _ in range(FIRST):
            clock.measure()
    except BusError:
        commander.close()
        raise

    def run() -> None:
        while not stop.wait(REFRESH_S):
            try:
                clock.measure()
            except BusError:
                continue  # the recorder is away: the offset holds until it is back
        commander.close()

    threading.Thread(target=run, name="remote-clock", daemon=True).start()
    return clock
