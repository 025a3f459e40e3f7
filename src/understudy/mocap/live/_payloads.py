"""What came over a connection, waiting for the reader: bounded, the oldest goes first."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Generic, Protocol, TypeVar

from understudy.errors import MocapError

Content = TypeVar("Content")
Payload = tuple[bytes | str, int]
"""A message and its arrival on the host's monotonic clock, nanoseconds."""
MOST_QUEUED = 256


class Transport(Protocol):
    """A connection that brings messages.

    Attributes:
        address: host and port that others connect to, of one that listens; the peer's otherwise.
        trouble: why nothing comes at the moment, empty where nothing is known to be wrong.
    """

    address: tuple[str, int]
    trouble: str

    def get(self, timeout_s: float) -> Payload | None:
        """The oldest message, or None when none came within `timeout_s`; MocapError where none can ever come."""
        ...

    def close(self) -> None:
        """Free sockets and threads; safe to call twice."""
        ...


class Mailbox(Generic[Content]):
    """What comes between the thread of a connection and the reader."""

    def __init__(self) -> None:
        """Empty and open."""
        self._queue: deque[tuple[Content, int]] = deque(maxlen=MOST_QUEUED)
        self._ready = threading.Condition()
        self._closed = False
        self._refusal = ""

    def put(self, data: Content) -> None:
        """Something that came just now."""
        with self._ready:
            self._queue.append((data, time.monotonic_ns()))
            self._ready.notify()

    def refuse(self, why: str) -> None:
        """Nothing can ever come."""
        with self._ready:
            self._refusal = why
            self._ready.notify()

    def get(self, timeout_s: float) -> tuple[Content, int] | None:
        """The oldest and its arrival, or None when none came within `timeout_s` or the box was closed.

        Raises:
            MocapError: nothing can ever come, and why.
        """
        with self._ready:
            self._ready.wait_for(lambda: self._queue or self._closed or self._refusal, max(timeout_s, 0.0))
            if self._queue and not self._closed:
                return self._queue.popleft()
            if self._refusal:
                raise MocapError(self._refusal)
            return None

    def close(self) -> None:
        """Wake the reader; nothing is given out any more."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
