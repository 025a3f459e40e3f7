"""The bus: producers hand over samples and never wait; one recorder takes them. In one process a queue, else ZeroMQ.

Every queue is bounded. What does not fit is dropped at the producer, counted per stream, and told to the recorder with the next
message that does.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from understudy.record.batch import Batch, Envelope, batches_of
from understudy.record.wire import checked_name, encode_batch, encode_envelope, encode_pings
from understudy.spec.device import ClockKind
from understudy.spec.sample import ClockPing, Sample

MOST_MESSAGES, MOST_IMAGE_MESSAGES = 1000, 60
"""That wait at a producer whose recorder does not take them: some ten seconds of vectors, two of a camera's images."""

Message = list[bytes]


class Link(Protocol):
    """The producer's end of a transport."""

    def send(self, message: Message, *, images: bool) -> bool:
        """Hand over a message without waiting; false where there is no room for it."""
        ...

    def close(self) -> None:
        """Give it back; what was handed over may still be on its way for a moment."""
        ...


class Listener(Protocol):
    """The recorder's end of a transport."""

    def receive(self, timeout_s: float, most: int = 256) -> list[Message]:
        """Messages that came, oldest first; waits at most `timeout_s` for the first."""
        ...

    def close(self) -> None:
        """Free it; twice is fine."""
        ...


class Publisher:
    """A producer's hand on the bus. One thread uses it.

    Args:
        link: to the recorder.
        producer: its name, unique on the bus.
        clock: of its device stamps.
        pace: how fast its clock runs against the host's.
        token: the recorder's, where it wants one.
        offset_ns: from this computer's monotonic clock to the recorder's, where they are two.
    """

    def __init__(
        self,
        link: Link,
        producer: str,
        *,
        clock: ClockKind = "host",
        pace: float = 1.0,
        token: str = "",
        offset_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        self._link, self._clock, self._token, self._offset_ns = link, clock, token, offset_ns
        self._pace = pace
        self.producer = checked_name(producer, "producer")
        self.run = secrets.randbits(62)
        self.dropped: dict[str, int] = {}

    def publish(self, samples: Sequence[Sample]) -> None:
        """Hand over samples, of any streams; each stream's oldest first. Never waits."""
        self.publish_batches(batches_of(samples))

    def publish_batches(self, batches: Sequence[Batch]) -> None:
        """Hand over batches; vectors go before images, which are the first to be dropped."""
        if offset_ns := self._offset_ns():
            shifted = ((b, b.t_ns + offset_ns, b.t_arrival_ns + offset_ns) for b in batches)
            batches = [replace(b, t_ns=t_ns, t_arrival_ns=arrival_ns) for b, t_ns, arrival_ns in shifted]
        for images in (False, True):
            chosen = [batch for batch in batches if (batch.sizes is not None) == images]
            if not chosen:
                continue
            message = [self._envelope()]
            for batch in chosen:
                message += encode_batch(batch)
            if not self._link.send(message, images=images):
                for batch in chosen:
                    self.dropped[batch.stream] = self.dropped.get(batch.stream, 0) + len(batch)

    def publish_pings(self, device: str, pings: Sequence[ClockPing]) -> None:
        """Hand over exchanges of clocks with a device; there will be others, so those that do not fit are let go."""
        offset_ns = self._offset_ns()
        moved = [ClockPing(p.t_send_ns + offset_ns, p.t_device_ns, p.t_receive_ns + offset_ns) for p in pings]
        self._link.send([self._envelope(), *encode_pings(device, moved)], images=False)

    def _envelope(self) -> bytes:
        return encode_envelope(Envelope(self.producer, self.run, self._clock, self.dropped, self._token, self._pace))

    def close(self) -> None:
        """Leave the bus."""
        self._link.close()


class LocalBus:
    """A bus inside one process: any threads send, one receives."""

    def __init__(self, *, most: int = MOST_MESSAGES, most_images: int = MOST_IMAGE_MESSAGES) -> None:
        self._most = {False: most, True: most_images}
        self._waiting = {False: 0, True: 0}
        self._queue: deque[tuple[bool, Message]] = deque()
        self._came = threading.Condition()

    def send(self, message: Message, *, images: bool) -> bool:
        """See `Link`."""
        with self._came:
            if self._waiting[images] >= self._most[images]:
                return False
            self._waiting[images] += 1
            self._queue.append((images, message))
            self._came.notify()
        return True

    def receive(self, timeout_s: float, most: int = 256) -> list[Message]:
        """See `Listener`."""
        with self._came:
            if not self._queue and timeout_s > 0:
                self._came.wait(timeout_s)
            taken = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
            for images, _ in taken:
                self._waiting[images] -= 1
        return [message for _, message in taken]

    def close(self) -> None:
        """Nothing to free."""
