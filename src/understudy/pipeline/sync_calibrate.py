"""Latency constants of every stream: an arm moves sharply back and forth, and every stream says when it saw that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from understudy.errors import SyncError
from understudy.geom.arrays import F64, I64
from understudy.pipeline.sync import command_latency_ms, not_seen, tracks_of
from understudy.spec.bench import MotionBench
from understudy.spec.clock import DeviceClock, host_clock
from understudy.spec.device import Device
from understudy.spec.protocols import Progress
from understudy.spec.robot import RobotModel
from understudy.spec.sample import NO_STAMP, ClockPing, Sample
from understudy.spec.stream import Stream, StreamSpec
from understudy.sync.measure import Measured, measure
from understudy.sync.offset import Offset, Reference
from understudy.sync.ping import clock_alarms, fit_ping_pieces
from understudy.sync.push import fit_push_pieces
from understudy.sync.verdict import GATE_NS, LEAST_MOTIONS, SyncVerdict, judge_sync

MOTIONS = 24
DWELL_S = 0.9
_FIRST_S, _SLICE_S, _PING_S = 1.5, 0.02, 0.1
_GOLDEN = 0.6180339887
_FRAME_S = 1.0 / 30.0


@dataclass
class Collected:
    """What one device gave while the arm moved.

    Attributes:
        device: it. samples: in the order of arrival. pings: exchanges of clocks.
    """

    device: Device
    samples: list[Sample] = field(default_factory=list)
    pings: list[ClockPing] = field(default_factory=list)


@dataclass(frozen=True)
class Calibration:
    """What a calibration found.

    Attributes:
        bench: its name. commanded: motions commanded. motions: motions the encoders showed.
        found: verdict on the stamps as the clocks give them; its medians are the constants.
        before: the same with the constants of the last calibration taken off.
        after: with the new ones, found on half of the motions, judged on the other half.
        unseen: key to why a stream has no part.
        clocks: device to its clock.
        command_ms: from command to encoders half way, median; the robot's latency.
    """

    bench: str
    commanded: int
    motions: int
    found: SyncVerdict
    before: SyncVerdict
    after: SyncVerdict
    unseen: Mapping[str, str]
    clocks: Mapping[str, DeviceClock]
    command_ms: float | None

    @property
    def alarms(self) -> tuple[str, ...]:
        """What is wrong with the clocks."""
        return tuple(text for _, clock in sorted(self.clocks.items()) for text in clock_alarms(clock))


def calibrate(
    bench: MotionBench,
    robot: RobotModel,
    *,
    latencies_ns: Mapping[str, int],
    motions: int = MOTIONS,
    gate_ns: int = GATE_NS,
    progress: Progress | None = None,
) -> Calibration:
    """Command sharp motions, and measure how late every stream shows them.

    Args:
        bench: what moves.
        robot: of the dataset.
        latencies_ns: constants of the last calibration, by stream.
        motions: how many, half of them back; half of the pairs find the constants, half check them.
        gate_ns: most that two medians may differ by.
        progress: called with (motions done, motions).

    Raises:
        DeviceError: bench or device is not there.
        SyncError: under 10 motions; a clock that cannot be followed; encoders that show no sharp motions.
    """
    if motions < 2 * LEAST_MOTIONS:
        raise SyncError(f"{motions} motions: {2 * LEAST_MOTIONS} are needed, half to find constants and half to check them")
    try:
        takes, commands = _run(bench, bench.open(robot), motions, progress)
    finally:
        bench.close()
    clocks = {take.device.name: clock_of(take) for take in takes}
    streams = {key: stream for take in takes for key, stream in _streams(take, clocks[take.device.name]).items()}
    tracks, unseen = tracks_of(streams)
    measured = measure(tracks, reference=bench.reference)
    if len(measured.motions) < motions // 2:
        raise SyncError(
            f"bench {bench.name}: {motions} motions were commanded, but {bench.reference} shows {len(measured.motions)} sharp "
            "ones; they must take under 0.6 s, reach 0.5 rad/s and rest before and after. Is the arm free, and stiff enough?"
        )
    found = judge_sync(measured.offsets, reference=bench.reference, gate_ns=gate_ns)
    judged = {stream.key for stream in found.streams}
    unseen |= {key: not_seen(len(seen), len(measured.motions)) for key, seen in measured.offsets.items() if key not in judged}
    anchor = next(t for t in tracks if t.key == bench.reference)
    encoders = Reference(anchor.t_ns, anchor.values.reshape(len(anchor.t_ns), -1), measured.motions)
    return Calibration(
        bench=bench.name,
        commanded=motions,
        motions=len(measured.motions),
        found=found,
        before=judge_sync(_less(measured.offsets, latencies_ns), reference=bench.reference, gate_ns=gate_ns),
        after=_checked(measured, gate_ns),
        unseen=unseen,
        clocks=clocks,
        command_ms=command_latency_ms(np.array([t for t, _ in commands]), np.stack([q for _, q in commands]), encoders),
    )


def _run(
    bench: MotionBench, devices: Sequence[Device], motions: int, progress: Progress | None
) -> tuple[list[Collected], list[tuple[int, F64]]]:
    """Move out and back, one way after the other; the dwell varies, so that samples fall at another point of every motion."""
    takes = [Collected(device) for device in devices]
    rest, *others = bench.sides()
    commands = [(bench.command(rest), rest)]
    _listen(bench, takes, _FIRST_S)
    for k in range(motions):
        target = rest if k % 2 else others[k // 2 % len(others)]
        commands.append((bench.command(target), target))
        _listen(bench, takes, DWELL_S + _FRAME_S * ((k * _GOLDEN) % 1.0))
        if progress is not None:
            progress(k + 1, motions)
    _listen(bench, takes, 0.5)
    return takes, commands


def _listen(bench: MotionBench, takes: Sequence[Collected], duration_s: float) -> None:
    slices = max(1, round(duration_s / _SLICE_S))
    every = round(_PING_S / _SLICE_S)
    for k in range(slices):
        bench.wait(duration_s / slices)
        for take in takes:
            take.samples += take.device.read(0.0)
            if k % every == 0 and take.device.clock == "ping" and (ping := take.device.ping()) is not None:
                take.pings.append(ping)


def clock_of(take: Collected) -> DeviceClock:
    """The clock of a device from what it gave, by its kind.

    Raises:
        SyncError: it gave too little, or its clock cannot be followed.
    """
    name, keys = take.device.name, tuple(spec.key for spec in take.device.streams)
    if take.device.clock == "host":
        return DeviceClock.of(host_clock(name), keys)
    if take.device.clock == "ping":
        return replace(fit_ping_pieces(take.pings, source=name), streams=keys)
    stamps = np.array([(s.t_device_ns, s.t_arrival_ns) for s in take.samples if s.t_device_ns != NO_STAMP], dtype=np.int64)
    stamps = stamps.reshape(-1, 2)
    return replace(fit_push_pieces(stamps[:, 0], stamps[:, 1], source=name), streams=keys)


def _streams(take: Collected, clock: DeviceClock) -> dict[str, Stream]:
    return {
        spec.key: _stream(spec, take, clock) for spec in take.device.streams if any(s.stream == spec.key for s in take.samples)
    }


def _stream(spec: StreamSpec, take: Collected, clock: DeviceClock) -> Stream:
    samples = [s for s in take.samples if s.stream == spec.key]
    device, arrival = (np.array([getattr(s, f) for s in samples], dtype=np.int64) for f in ("t_device_ns", "t_arrival_ns"))
    if take.device.clock == "host":
        t_ns: I64 = np.array([s.t_ns for s in samples], dtype=np.int64)
    else:
        there = device != NO_STAMP
        samples, device, arrival = [s for s, kept in zip(samples, there, strict=True) if kept], device[there], arrival[there]
        t_ns = clock.to_host_ns(device, arrival)
    values = np.empty(len(samples), dtype=object)
    for k, sample in enumerate(samples):
        values[k] = sample.data
    data = (
        values
        if spec.kind == "image"
        else np.stack([np.asarray(v) for v in values])
        if len(values)
        else np.zeros((0, *spec.shape))
    )
    order = np.argsort(t_ns, kind="stable")
    valid = np.array([s.valid for s in samples], dtype=np.bool_)
    extra = {"t_device_ns": device[order], "t_arrival_ns": arrival[order], "valid": valid[order]}
    return Stream(spec, t_ns[order], data[order], "", extra)


def _less(offsets: Mapping[str, Sequence[Offset]], latencies_ns: Mapping[str, int]) -> dict[str, list[Offset]]:
    """Offsets with constants taken off."""
    return {key: [replace(o, offset_ns=o.offset_ns - latencies_ns.get(key, 0)) for o in found] for key, found in offsets.items()}


def _checked(measured: Measured, gate_ns: int) -> SyncVerdict:
    """The verdict on every second pair of motions, with constants from the others: nothing is judged by itself."""

    def half(which: int) -> dict[str, list[Offset]]:
        return {key: [o for o in found if o.motion // 2 % 2 == which] for key, found in measured.offsets.items()}

    enough = {key for key, found in measured.offsets.items() if len(found) >= LEAST_MOTIONS}
    made, held = half(0), half(1)
    constants = judge_sync({k: v for k, v in made.items() if k in enough}, reference=measured.reference, least_motions=2)
    known = {stream.key: stream.offset_ns for stream in constants.streams}
    judged = {key: found for key, found in _less(held, known).items() if key in known}
    return judge_sync(judged, reference=measured.reference, gate_ns=gate_ns, least_motions=2)
