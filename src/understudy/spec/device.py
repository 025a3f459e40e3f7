"""What a device offers: streams, samples and a clock. It knows no bus and no recorder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from understudy.spec.sample import ClockPing, Sample
from understudy.spec.stream import StreamSpec

ClockKind = Literal["host", "ping", "push"]
"""host: stamps are the host's monotonic clock already; ping: the device answers with its time; push: it only sends stamps."""


class Device(Protocol):
    """Something with a clock that returns samples. One thread or process reads it; `close` may be called from another.

    Attributes:
        name: unique on the bus, such as `robot` or `cam_head_left`.
        streams: what it produces.
        clock: how its clock can be laid to the host's.
    """

    name: str
    streams: tuple[StreamSpec, ...]
    clock: ClockKind

    def start(self) -> None:
        """Begin to measure.

        Raises:
            DeviceError: it is not there or refuses, with what to do.
        """
        ...

    def read(self, timeout_s: float) -> Sequence[Sample]:
        """What came since the last call, oldest first; waits at most `timeout_s` for the first. Silence is no error."""
        ...

    def ping(self) -> ClockPing | None:
        """One exchange of clocks; None where the device cannot answer."""
        ...

    def close(self) -> None:
        """Stop and free it; safe to call twice."""
        ...
