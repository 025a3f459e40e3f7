"""Devices that measure the made-up arm, with the faults of real ones: late stamps, slow links, drifting clocks, lost samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from understudy.devices.benches._path import ArmPath
from understudy.devices.benches._sensors import Sensor
from understudy.geom.arrays import I64, AnyArray
from understudy.spec.device import ClockKind
from understudy.spec.sample import NO_STAMP, ClockPing, Sample
from understudy.spec.stream import StreamSpec


@dataclass(frozen=True)
class Faults:
    """What is wrong with a device.

    Attributes:
        latency_s: from the moment to the device's stamp of it: what calibration has to find.
        clock: how its clock can be known.
        drift_ppm: of its clock; positive runs slow, so that the host gains on it.
        epoch_ns: what it shows when the host shows 0.
        transport_s: least time from stamp to arrival. jitter_s: mean of what comes on top, exponential.
        lost: share of samples that never arrive.
    """

    latency_s: float = 0.0
    clock: ClockKind = "ping"
    drift_ppm: float = 0.0
    epoch_ns: int = 1_700_000_000_000_000_000
    transport_s: float = 0.0005
    jitter_s: float = 0.0002
    lost: float = 0.0


class BenchTime:
    """The host's clock of a bench, which goes on when it is told to."""

    def __init__(self, start_ns: int = 5_000_000_000_000) -> None:
        self.now_ns = start_ns


class VirtualDevice:
    """One sensor with a clock of its own."""

    def __init__(self, name: str, sensor: Sensor, faults: Faults, path: ArmPath, time: BenchTime, *, seed: int) -> None:
        self.name = name
        self.streams: tuple[StreamSpec, ...] = (sensor.spec,)
        self.clock: ClockKind = faults.clock
        self._sensor, self._faults, self._path, self._time = sensor, faults, path, time
        self._rng = np.random.default_rng(seed)
        self._began_ns, self._seq, self._newest_ns = time.now_ns, 0, 0
        self._waiting: list[Sample] = []

    def start(self) -> None:
        """Begin at a moment of its own, so that no two devices measure at the same time."""
        self._began_ns = self._time.now_ns + round(self._rng.uniform(0.0, 1e9 / self._sensor.spec.rate_hz))

    def read(self, timeout_s: float) -> Sequence[Sample]:
        """What has arrived by now."""
        self._measure()
        now = self._time.now_ns
        arrived = [s for s in self._waiting if s.t_arrival_ns <= now]
        self._waiting = [s for s in self._waiting if s.t_arrival_ns > now]
        return arrived

    def ping(self) -> ClockPing | None:
        """An exchange over a link as quick as the device's own."""
        if self.clock != "ping":
            return None
        there, back = (self._faults.transport_s + self._rng.exponential(self._faults.jitter_s) for _ in range(2))
        sent = self._time.now_ns
        answered = sent + round(there * 1e9)
        stamp = int(self.device_ns(np.array([answered]))[0])
        return ClockPing(sent, stamp, answered + round(back * 1e9))

    def close(self) -> None:
        """Nothing to free."""

    def device_ns(self, t_host_ns: I64) -> I64:
        """(N,) what the device's clock shows."""
        if self.clock == "host":
            return t_host_ns
        rate = 1.0 / (1.0 + self._faults.drift_ppm * 1e-6)
        return np.asarray(self._faults.epoch_ns + np.rint(t_host_ns * rate).astype(np.int64))

    def _measure(self) -> None:
        """Take every sample that is due."""
        rate, now = self._sensor.spec.rate_hz, self._time.now_ns
        last = int((now - self._began_ns) * 1e-9 * rate)
        if last < self._seq:
            return
        numbers = np.arange(self._seq, last + 1)
        self._seq = last + 1
        t_ns = self._began_ns + np.rint(numbers * (1e9 / rate)).astype(np.int64)
        data = self._sensor.measure(self._path, t_ns * 1e-9, self._rng)
        stamped = t_ns + round(self._faults.latency_s * 1e9)
        arrival = stamped + np.rint(
            (self._faults.transport_s + self._rng.exponential(self._faults.jitter_s, len(t_ns))) * 1e9
        ).astype(np.int64)
        kept = self._rng.random(len(t_ns)) >= self._faults.lost
        device = self.device_ns(stamped)
        for k in np.flatnonzero(kept).tolist():
            self._newest_ns = max(self._newest_ns, int(arrival[k]))
            self._waiting.append(self._sample(data[k], int(stamped[k]), int(device[k]), int(numbers[k])))

    def _sample(self, data: AnyArray | bytes, stamped_ns: int, device_ns: int, seq: int) -> Sample:
        host = self.clock == "host"
        return Sample(
            stream=self._sensor.spec.key,
            data=data,
            t_ns=stamped_ns if host else self._newest_ns,
            t_device_ns=NO_STAMP if host else device_ns,
            t_arrival_ns=self._newest_ns,
            seq=seq,
        )
