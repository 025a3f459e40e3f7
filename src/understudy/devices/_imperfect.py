"""A device made worse on purpose, with a truth that is known to the nanosecond: the test bench of everything that records."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

import numpy as np

from understudy.devices._clocks import NS_PER_S, Clock, HostClock
from understudy.devices._faults import ClockFault, Lots, StreamFault
from understudy.errors import DeviceError
from understudy.spec.device import Device
from understudy.spec.sample import NO_STAMP, ClockPing, Sample


@dataclass
class _Line:
    """The way of one stream's samples."""

    fault: StreamFault
    lots: Lots
    grid: int = 0
    last_arrival_ns: int = 0
    overtaken: list[Sample] = field(default_factory=list)


class Imperfect:
    """Wraps any device whose stamps are the host's (kind `host`).

    A sample of the device that was true at `t` (its `t_ns`) comes out with these stamps; D is `ClockFault.device_ns`:

    | clock | t_device_ns | t_ns | t_arrival_ns |
    |---|---|---|---|
    | host | NO_STAMP | t + lag | A |
    | ping, push | D(t + lag) | A | A |

    A = t + latency + jitter, at least the arrival at the device's own reader and at least the A of the sample before; a sample
    that is overtaken has the A of the one that overtakes it. It can be read once the clock is at A. `seq` counts the samples that
    were made, dropped ones and those in silent spans too; it is the device's own where the rate is kept.
    """

    def __init__(
        self,
        device: Device,
        faults: Mapping[str, StreamFault] | None = None,
        *,
        clock_fault: ClockFault | None = None,
        seed: int = 0,
        clock: Clock | None = None,
        name: str | None = None,
    ) -> None:
        """A device that is not started.

        Args:
            device: to be made worse; this one starts, reads and closes it.
            faults: stream key, or pattern such as `*/imu_*`, to what is wrong with it; the first that fits counts.
            clock_fault: its clock.
            seed: of all lots.
            clock: the device's.
            name: on the bus; the device's by default.

        Raises:
            DeviceError: the device has a clock of its own already; a pattern fits no stream; or a rate is above the stream's.
        """
        if device.clock != "host":
            raise DeviceError(
                f"{device.name}: has a clock of its own ({device.clock}); only stamps of the host's can be made worse"
            )
        self.name, self.device = name or device.name, device
        self.clock_fault = clock_fault or ClockFault()
        self.clock = self.clock_fault.kind
        self._clock, self._faults = clock or HostClock(), dict(faults or {})
        self.time = self._clock
        self.start_ns = 0
        for pattern in self._faults:
            if not any(fnmatchcase(spec.key, pattern) for spec in device.streams):
                keys = ", ".join(spec.key for spec in device.streams)
                raise DeviceError(f"{self.name}: no stream fits {pattern!r}; there are {keys}")
        chosen = {spec.key: self._fault(spec.key) for spec in device.streams}
        self._lines = {key: _Line(fault, Lots(fault, key, seed)) for key, fault in chosen.items()}
        self._ping_rng = np.random.default_rng([seed, 0])
        self.streams = tuple(
            spec.model_copy(update={"rate_hz": chosen[spec.key].rate_hz or spec.rate_hz}) for spec in device.streams
        )
        for old, new in zip(device.streams, self.streams, strict=True):
            if 0 < old.rate_hz < new.rate_hz:
                raise DeviceError(
                    f"{self.name}: {old.key} has {old.rate_hz} Hz; it can be thinned, not filled up to {new.rate_hz}"
                )
        self._coming: list[tuple[int, int, Sample]] = []
        self._count = itertools.count()

    def start(self) -> None:
        """Begin to measure, and begin the lots' times."""
        self.device.start()
        self.start_ns = self._clock.now_ns()

    def read(self, timeout_s: float) -> Sequence[Sample]:
        """What has arrived by now."""
        until_s = time.monotonic() + timeout_s
        while True:
            left_s = max(until_s - time.monotonic(), 0.0)
            if self._coming and not self._clock.stepped:
                left_s = min(left_s, max(self._coming[0][0] - self._clock.now_ns(), 0) / NS_PER_S)
            for sample in self.device.read(left_s):
                self._send(sample)
            arrived = list(self._arrived())
            if arrived or time.monotonic() >= until_s:
                return arrived

    def ping(self) -> ClockPing | None:
        """One exchange with the device's clock, over a way that may be longer there than back."""
        fault = self.clock_fault
        if fault.kind != "ping":
            return None
        lost, out, back = self._ping_rng.random(3)
        out_ns, back_ns = (
            round((way_s - fault.ping_jitter_s * float(np.log1p(-late))) * NS_PER_S)
            for way_s, late in ((fault.ping_out_s, out), (fault.ping_back_s, back))
        )
        send_ns = self._clock.now_ns()
        if not self._clock.stepped:
            self._clock.wait(send_ns + out_ns + back_ns, 1.0)
        if lost < fault.ping_loss:
            return None
        return ClockPing(send_ns, fault.device_ns(send_ns + out_ns, self.start_ns), send_ns + out_ns + back_ns)

    def close(self) -> None:
        """Stop; what has not arrived is lost."""
        self.device.close()

    def _fault(self, key: str) -> StreamFault:
        return next((fault for pattern, fault in self._faults.items() if fnmatchcase(key, pattern)), StreamFault())

    def _send(self, sample: Sample) -> None:
        """Put a sample on its way."""
        line = self._lines[sample.stream]
        number = self._numbered(line, sample)
        if number is None:
            return
        fault, fate = line.fault, line.lots.draw()
        noise = line.lots.noise(np.shape(sample.data)) if fault.noise else None
        since_s = (sample.t_ns - self.start_ns) / NS_PER_S
        if fate.dropped or any(begin <= since_s < end for begin, end in fault.silent):
            return
        late_ns = round((fault.latency_s + fate.late_s) * NS_PER_S)
        arrival_ns = max(sample.t_ns + late_ns, sample.t_arrival_ns, line.last_arrival_ns)
        stamped = self._stamped(sample, number, fault, arrival_ns)
        if noise is not None and isinstance(sample.data, np.ndarray) and sample.data.dtype.kind == "f":
            stamped = replace(stamped, data=(sample.data.astype(np.float64) + noise).astype(sample.data.dtype))
        if fate.overtaken:
            line.overtaken.append(stamped)
            return
        line.last_arrival_ns = arrival_ns
        held, line.overtaken = line.overtaken, []
        for each in (stamped, *([stamped] if fate.doubled else []), *held):
            self._push(each, arrival_ns)

    def _push(self, sample: Sample, arrival_ns: int) -> None:
        own = sample.t_ns if self.clock == "host" else arrival_ns
        on_its_way = replace(sample, t_ns=own, t_arrival_ns=arrival_ns)
        heapq.heappush(self._coming, (arrival_ns, next(self._count), on_its_way))

    def _numbered(self, line: _Line, sample: Sample) -> int | None:
        """Number of a sample at the stream's rate; None where it falls between two of the grid."""
        if not line.fault.rate_hz:
            return sample.seq
        due_ns = self.start_ns + round(line.grid * NS_PER_S / line.fault.rate_hz)
        if sample.t_ns < due_ns:
            return None
        number = max(line.grid, int((sample.t_ns - self.start_ns) * line.fault.rate_hz / NS_PER_S + 1e-6))
        line.grid = number + 1
        return number

    def _stamped(self, sample: Sample, number: int, fault: StreamFault, arrival_ns: int) -> Sample:
        stamped_ns = sample.t_ns + round(fault.lag_s * NS_PER_S)
        device_ns = NO_STAMP if self.clock == "host" else self.clock_fault.device_ns(stamped_ns, self.start_ns)
        return replace(sample, t_ns=stamped_ns, t_device_ns=device_ns, t_arrival_ns=arrival_ns, seq=number)

    def _arrived(self) -> list[Sample]:
        now_ns, out = self._clock.now_ns(), []
        while self._coming and self._coming[0][0] <= now_ns:
            out.append(heapq.heappop(self._coming)[2])
        return out
