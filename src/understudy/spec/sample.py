"""One sample of one stream as its producer stamped it, and what is known of the producer's clock."""

from __future__ import annotations

from dataclasses import dataclass

from understudy.geom.arrays import AnyArray

NO_STAMP = -1
"""Stands for a device stamp where the device has no clock of its own."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of one stream.

    Attributes:
        stream: `group/name`, as in the schema.
        data: array of the stream's shape; bytes of one whole JPEG (or of one H.264 packet) for images.
        t_ns: when it was so, on the host's monotonic clock, as well as the producer knows: the middle of the exposure for
            images, the time of measurement for sensors, the arrival where nothing better is known.
        t_device_ns: the device's own stamp on the device's own clock; `NO_STAMP` where it has none.
        t_arrival_ns: host's monotonic clock when the sample was in the producer's hands.
        seq: the producer's own count, one more for each sample it made; a step over one is a loss.
        valid: false where the device says that the value must not be used.
    """

    stream: str
    data: AnyArray | bytes
    t_ns: int
    t_device_ns: int
    t_arrival_ns: int
    seq: int
    valid: bool = True


@dataclass(frozen=True, slots=True)
class ClockPing:
    """One exchange with a device that answers with its own time.

    Attributes:
        t_send_ns: host's monotonic clock when the question left.
        t_device_ns: device's clock when it answered.
        t_receive_ns: host's monotonic clock when the answer was there.
    """

    t_send_ns: int
    t_device_ns: int
    t_receive_ns: int
