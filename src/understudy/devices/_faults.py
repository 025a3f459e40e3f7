"""What can be wrong with a device: its streams, and its clock. Frozen descriptions, and the arithmetic of their truth."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np

from understudy.devices._clocks import NS_PER_S
from understudy.errors import DeviceError
from understudy.spec.device import ClockKind

Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class StreamFault:
    """What is wrong with one stream. A sample is true at `t`; it is stamped, and it arrives.

    Attributes:
        rate_hz: samples are thinned to this rate; 0 keeps them all.
        lag_s: the device stamps the sample so much later than it was true (filters, exposure, processing).
        latency_s: from `t` to arrival.
        jitter_s: mean of what comes on top of the latency, exponentially distributed. Samples keep their order all the same, as
            in a stream socket: one waits for the one before it.
        drop: share of samples that never arrive; their numbers are missing.
        duplicate: share of samples that arrive twice, with all their stamps.
        reorder: share of samples that arrive just after the one that follows them.
        silent: spans (from, to) in seconds after the start in which nothing arrives; numbers go on.
        noise: standard deviation of what is added to floating-point samples.
    """

    rate_hz: float = 0.0
    lag_s: float = 0.0
    latency_s: float = 0.0
    jitter_s: float = 0.0
    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    silent: Spans = ()
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name in ("drop", "duplicate", "reorder"):
            _within(name, getattr(self, name), 0.0, 1.0)
        for name in ("rate_hz", "latency_s", "jitter_s", "noise"):
            _within(name, getattr(self, name), 0.0, math.inf)
        _within("lag_s", self.lag_s, -math.inf, math.inf)
        for span in self.silent:
            if not span[0] <= span[1]:
                raise DeviceError(f"fault silent {span}: a span goes from a time to a later one")


@dataclass(frozen=True)
class ClockFault:
    """A device's own clock. Signs are those of a clock model: they say what to add to get the host's time.

    Attributes:
        kind: `host`: stamps are the host's, the rest has no meaning; `ping`: it answers with its time; `push`: it only stamps.
        offset_s: the host's time less the device's, at the start.
        drift_ppm: positive runs slow, so that the host gains on it.
        steps: (at, by) seconds: at so long after the start the device's clock jumps by so much.
        ping_out_s, ping_back_s: time of a question to the device and of the answer back; where they differ, a ping is wrong by
            half the difference.
        ping_jitter_s: mean of what comes on top of each, exponentially distributed.
        ping_loss: share of pings without an answer.
    """

    kind: ClockKind = "host"
    offset_s: float = 0.0
    drift_ppm: float = 0.0
    steps: Spans = ()
    ping_out_s: float = 2e-4
    ping_back_s: float = 2e-4
    ping_jitter_s: float = 0.0
    ping_loss: float = 0.0

    def __post_init__(self) -> None:
        _within("offset_s", self.offset_s, -1e10, 1e10)
        _within("drift_ppm", self.drift_ppm, -1e5, 1e5)
        _within("ping_loss", self.ping_loss, 0.0, 1.0)
        for name in ("ping_out_s", "ping_back_s", "ping_jitter_s"):
            _within(name, getattr(self, name), 0.0, math.inf)

    def device_ns(self, t_ns: int, start_ns: int) -> int:
        """What the device's clock shows when the host's shows `t_ns`.

        With D = device_ns(t) and D0 = device_ns(start), as long as there are no steps:
        t = D + offset + drift * (D - D0), to the nanosecond.

        Args:
            t_ns: host's time.
            start_ns: host's time when the device was started.
        """
        since_ns = t_ns - start_ns
        lost_ns = round(since_ns * self.drift_ppm * 1e-6 / (1.0 + self.drift_ppm * 1e-6))
        stepped_ns = sum(round(by_s * NS_PER_S) for at_s, by_s in self.steps if since_ns >= at_s * NS_PER_S)
        return t_ns - round(self.offset_s * NS_PER_S) - lost_ns + stepped_ns


@dataclass(frozen=True)
class Fate:
    """What becomes of one sample, drawn by lot."""

    dropped: bool
    doubled: bool
    overtaken: bool
    late_s: float


class Lots:
    """Lots of one stream. The n-th sample always draws the n-th lot, whoever reads when."""

    def __init__(self, fault: StreamFault, key: str, seed: int) -> None:
        self._fault = fault
        self._rng = np.random.default_rng([seed, zlib.crc32(key.encode())])
        self._noise = np.random.default_rng([seed, zlib.crc32(key.encode()), 1])

    def draw(self) -> Fate:
        """The next sample's fate."""
        dropped, doubled, overtaken, late = self._rng.random(4)
        fault = self._fault
        return Fate(
            dropped < fault.drop, doubled < fault.duplicate, overtaken < fault.reorder, -fault.jitter_s * math.log1p(-late)
        )

    def noise(self, shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """What is added to the next sample."""
        return self._noise.normal(0.0, self._fault.noise, shape)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise DeviceError(f"fault {name} is {value}; {low:g} to {high:g} is allowed")
