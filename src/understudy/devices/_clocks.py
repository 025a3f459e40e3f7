"""Clocks that a simulated device can run on: the host's, the host's at another pace, and one that is stepped by hand."""

from __future__ import annotations

import threading
import time
from typing import Protocol, runtime_checkable

from understudy.errors import DeviceError
from understudy.spec.device import Device

NS_PER_S = 1_000_000_000


class Clock(Protocol):
    """What simulated devices ask for the time. Stands for the host's monotonic clock in every stamp they give.

    Attributes:
        stepped: it stands still until it is stepped, so that nothing has to hurry.
    """

    stepped: bool

    def now_ns(self) -> int:
        """The time, nanoseconds."""
        ...

    def wait(self, until_ns: int, timeout_s: float) -> None:
        """Return when the clock has reached `until_ns`, or after `timeout_s` seconds of the host's time."""
        ...

    def arrival_ns(self, t_ns: int) -> int:
        """Stamp of arrival of something that happened at `t_ns` and is in hand now."""
        ...


@runtime_checkable
class Clocked(Protocol):
    """A device that can live on any clock.

    Attributes:
        time: the one it lives on.
    """

    time: Clock


class HostClock:
    """The host's monotonic clock."""

    stepped = False

    def now_ns(self) -> int:
        """The time, nanoseconds."""
        return time.monotonic_ns()

    def wait(self, until_ns: int, timeout_s: float) -> None:
        """Sleep until `until_ns`, or for `timeout_s` where that comes first."""
        wait_s = min((until_ns - time.monotonic_ns()) / NS_PER_S, timeout_s)
        if wait_s > 0:
            time.sleep(wait_s)

    def arrival_ns(self, t_ns: int) -> int:
        """Now."""
        return max(time.monotonic_ns(), t_ns)


class PacedClock:
    """A clock that starts at the host's time and then runs `speed` times as fast: below 1 gives slow machines time to draw.

    Raises:
        DeviceError: the speed is not above 0.
    """

    stepped = False

    def __init__(self, speed: float) -> None:
        if not 0.0 < speed <= 1000.0:
            raise DeviceError(f"a simulation clock of speed {speed}; above 0, up to 1000 is allowed")
        self.speed = speed
        self._start_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """The time, nanoseconds."""
        return self._start_ns + round((time.monotonic_ns() - self._start_ns) * self.speed)

    def wait(self, until_ns: int, timeout_s: float) -> None:
        """Sleep until `until_ns` of this clock, or for `timeout_s` of the host's where that comes first."""
        wait_s = min((until_ns - self.now_ns()) / self.speed / NS_PER_S, timeout_s)
        if wait_s > 0:
            time.sleep(wait_s)

    def arrival_ns(self, t_ns: int) -> int:
        """Now."""
        return max(self.now_ns(), t_ns)


class SimClock:
    """A clock that stands still until it is stepped, so that what runs on it is the same on every machine.

    Something that happens between two steps arrives the moment it happens, however large the step.
    """

    stepped = True

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns
        self._moved = threading.Condition()

    def now_ns(self) -> int:
        """The time, nanoseconds."""
        return self._now_ns

    def advance(self, seconds: float) -> None:
        """Step on and wake whoever waits.

        Raises:
            DeviceError: a step back.
        """
        if seconds < 0:
            raise DeviceError(f"a simulation clock was stepped by {seconds} s; clocks only go on")
        with self._moved:
            self._now_ns += round(seconds * NS_PER_S)
            self._moved.notify_all()

    def wait(self, until_ns: int, timeout_s: float) -> None:
        """Wait for another thread's steps; at once where `timeout_s` is 0."""
        if timeout_s <= 0:
            return
        with self._moved:
            self._moved.wait_for(lambda: self._now_ns >= until_ns, timeout_s)

    def arrival_ns(self, t_ns: int) -> int:
        """The moment itself."""
        return t_ns


def pace_of(device: Device) -> float:
    """How fast a device's clock runs against the host's.

    Raises:
        DeviceError: faster: its stamps would lie in the future.
    """
    clock = device.time if isinstance(device, Clocked) else None
    speed = clock.speed if isinstance(clock, PacedClock) else 1.0
    if speed > 1.0:
        raise DeviceError(f"device {device.name}: pace is {speed:g}; what is recorded runs in real time, or slower: 1 or less")
    return speed
