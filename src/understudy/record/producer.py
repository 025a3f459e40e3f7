"""The loop of a producer: a device is read, its samples go on the bus. For a thread or a process."""

from __future__ import annotations

import time
from typing import Protocol

from understudy.record.bus import Publisher
from understudy.spec.device import Device
from understudy.spec.sample import ClockPing, Sample

BATCH_S = 0.02
"""Samples are handed over together for so long: a message of many costs hardly more than one of one."""
PING_S = 0.1


class Stop(Protocol):
    """An event of `threading` or `multiprocessing`."""

    def is_set(self) -> bool:
        """Whether to end."""
        ...


def run_device(device: Device, bus: Publisher, stop: Stop, *, batch_s: float = BATCH_S, ping_s: float = PING_S) -> None:
    """Read a device until `stop` is set, hand its samples over, and ping its clock where it answers.

    Args:
        device: not started yet; it is closed in any case.
        bus: its place on the bus; the caller closes it.
        stop: asked between reads.
        batch_s: how long samples are gathered; 0 hands over each read.
        ping_s: between exchanges of clocks.

    Raises:
        DeviceError: the device is not there or refuses.
    """
    gathered: list[Sample] = []
    handed_s = pinged_s = time.monotonic()
    try:
        device.start()
        while not stop.is_set():
            gathered += device.read(max(batch_s, 0.01))
            now_s = time.monotonic()
            if gathered and now_s - handed_s >= batch_s:
                bus.publish(gathered)
                gathered, handed_s = [], now_s
            if device.clock == "ping" and now_s - pinged_s >= ping_s:
                pinged_s = now_s
                answer: ClockPing | None = device.ping()
                if answer is not None:
                    bus.publish_pings(device.name, [answer])
        if gathered:
            bus.publish(gathered)
    finally:
        device.close()
