"""Devices for tests: one that measures a known function of time, and the laws that every device keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from understudy.devices import Clock
from understudy.devices._schedule import Schedule
from understudy.spec.device import ClockKind, Device
from understudy.spec.h264 import START_CODES
from understudy.spec.sample import NO_STAMP, ClockPing, Sample
from understudy.spec.stream import StreamSpec


def ramp_spec(name: str = "base_velocity", rate_hz: float = 100.0) -> StreamSpec:
    """A stream of three numbers."""
    return StreamSpec(name=name, group="observations", shape=(3,), rate_hz=rate_hz, unit="m")


class RampDevice:
    """Measures (t, 2 t, 3 t) with t in seconds since the start, on even grids, on any clock, with the host's stamps."""

    clock: ClockKind = "host"

    def __init__(self, time: Clock, streams: Sequence[StreamSpec] = (ramp_spec(),), *, name: str = "ramp") -> None:
        """A device that is not started."""
        self.name, self.streams, self.time = name, tuple(streams), time
        self._schedule: Schedule | None = None

    def start(self) -> None:
        """Begin, at the clock's present time."""
        self.start_ns = self.time.now_ns()
        self._schedule = Schedule({spec.key: spec.rate_hz for spec in self.streams}, self.start_ns)

    def read(self, timeout_s: float) -> Sequence[Sample]:
        """Every sample due by now; none after it was closed."""
        schedule, out = self._schedule, list[Sample]()
        if schedule is None:
            return out
        self.time.wait(schedule.next_ns, timeout_s)
        while (t_ns := schedule.next_ns) <= self.time.now_ns():
            value = (t_ns - self.start_ns) * 1e-9 * np.array([1.0, 2.0, 3.0])
            out += [Sample(k, value, t_ns, NO_STAMP, self.time.arrival_ns(t_ns), n) for k, n in schedule.take(t_ns).items()]
        return out

    def ping(self) -> ClockPing | None:
        """None."""
        return None

    def close(self) -> None:
        """Stop."""
        self._schedule = None


def check_device(device: Device, live: Callable[[], None], *, rounds: int = 20, fewest: int = 1) -> list[Sample]:
    """Hold a device to what `Device` promises; returns its samples.

    Args:
        device: not started; it is closed at the end.
        live: lets time pass between reads: steps the clock, or sleeps.
        rounds: of living and reading.
        fewest: samples that each stream must have given by then; streams of rate 0 may give none.

    Raises:
        AssertionError: a law is broken; the message says which.
    """
    assert device.name, "a device has a name"
    assert device.clock in ("host", "ping", "push"), f"clock kind {device.clock!r}"
    keys = [spec.key for spec in device.streams]
    assert keys, "a device has streams"
    assert len(keys) == len(set(keys)), f"streams are declared twice: {keys}"
    samples: list[Sample] = []
    device.start()
    try:
        for _ in range(rounds):
            live()
            samples += device.read(0.0)
        ping = device.ping()
        assert device.clock == "ping" or ping is None, "only clocks of kind ping answer"
        if ping is not None:
            assert ping.t_send_ns <= ping.t_receive_ns, "an answer came before its question"
    finally:
        device.close()
        device.close()
    for spec in device.streams:
        own = [sample for sample in samples if sample.stream == spec.key]
        assert len(own) >= fewest or spec.rate_hz == 0, f"{spec.key} gave {len(own)} samples in {rounds} rounds"
        _check_stream(device, spec, own)
    strangers = {sample.stream for sample in samples} - set(keys)
    assert not strangers, f"samples of streams that were not declared: {sorted(strangers)}"
    return samples


def _check_stream(device: Device, spec: StreamSpec, samples: Sequence[Sample]) -> None:
    for sample in samples:
        if spec.kind == "image":
            assert isinstance(sample.data, bytes), f"{spec.key}: an image is bytes"
            whole = sample.data.startswith((b"\xff\xd8", *START_CODES))
            assert whole, f"{spec.key}: an image is a whole JPEG file or an H.264 packet"
        else:
            assert isinstance(sample.data, np.ndarray), f"{spec.key}: a sample is an array"
            assert sample.data.shape == spec.shape, f"{spec.key}: shape {sample.data.shape}, {spec.shape} was declared"
            assert sample.data.dtype == np.dtype(spec.dtype), f"{spec.key}: {sample.data.dtype}, {spec.dtype} was declared"
        assert sample.t_arrival_ns >= 0, f"{spec.key}: a sample has a stamp of arrival"
        assert (sample.t_device_ns == NO_STAMP) == (device.clock == "host"), f"{spec.key}: device stamps go with a device clock"
    numbers = [sample.seq for sample in samples]
    assert all(type(number) is int and number >= 0 for number in numbers), f"{spec.key}: numbers count from 0"
    arrivals = [sample.t_arrival_ns for sample in samples]
    assert arrivals == sorted(arrivals), f"{spec.key}: samples are read in the order of their arrival"
