"""The clocks of a take: raw stamps of every device laid on the dataset's clock, as `sync realign` can do again later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from understudy.errors import SyncError
from understudy.geom.arrays import I64
from understudy.pipeline.record.gather import Columns, Gathered
from understudy.pipeline.record.stamps import ClockStep, mended
from understudy.spec.clock import DeviceClock
from understudy.spec.device import ClockKind
from understudy.spec.sample import NO_STAMP, ClockPing
from understudy.sync.ping import clock_alarms, fit_ping_pieces
from understudy.sync.push import fit_push_pieces

ENCODERS = "observations/joint_positions"


@dataclass(frozen=True)
class Pace:
    """A simulation's clock that runs more slowly than the host's.

    Attributes:
        speed: against the host's.
        host_ns, own_ns: the same moment on both.
    """

    speed: float
    host_ns: int
    own_ns: int

    def of_host(self, host_ns: int) -> int:
        """A moment of the host's on its clock."""
        return self.own_ns + round((host_ns - self.host_ns) * self.speed)

    def to_host(self, own_ns: int) -> int:
        """A moment of its clock on the host's."""
        return self.host_ns + round((own_ns - self.own_ns) / self.speed)


@dataclass(frozen=True)
class TakeClocks:
    """What turns raw stamps into those of the file.

    Attributes:
        devices: producer to its clock, for those that have one of their own.
        latencies_ns: stream to the constant that calibration found.
        reference: the robot's clock where the schema makes it the dataset's; None for the host's.
        warnings: what the operator should know of them.
        pace: the simulation's clock against the host's; None where stamps are the host's.
    """

    devices: Mapping[str, DeviceClock]
    latencies_ns: Mapping[str, int]
    reference: DeviceClock | None
    warnings: tuple[str, ...]
    pace: Pace | None = None

    def stamps(self, columns: Columns) -> tuple[I64, list[ClockStep]]:
        """(N,) stamps on the dataset's clock, and jumps of a clock that was set while nothing better than arrivals told."""
        key = columns.spec.key
        clock = next((c for c in self.devices.values() if key in c.streams), None)
        own = columns.t_device_ns != NO_STAMP
        if clock is not None and own.all():
            t_ns, steps = clock.to_host_ns(columns.t_device_ns, columns.t_arrival_ns), list[ClockStep]()
        else:
            t_ns, steps = mended(columns.t_ns, columns.t_arrival_ns)
        return self.on_reference(t_ns) - self.latencies_ns.get(key, 0), steps

    def on_reference(self, host_ns: I64) -> I64:
        """(N,) host stamps on the dataset's clock."""
        return host_ns if self.reference is None else self.reference.to_device_ns(host_ns)

    def moment(self, host_ns: int) -> int:
        """One host stamp on the dataset's clock."""
        if self.pace is not None:
            host_ns = self.pace.of_host(host_ns)
        return int(self.on_reference(np.array([host_ns], dtype=np.int64))[0])

    def host_moment(self, t_ns: int) -> int:
        """One stamp of the dataset's clock on the host's."""
        if self.reference is None:
            return t_ns if self.pace is None else self.pace.to_host(t_ns)
        at = np.array([t_ns], dtype=np.int64)
        return int(self.reference.to_host_ns(at, at)[0])


def take_clocks(found: Gathered) -> TakeClocks:
    """The clocks of a take, fitted to its pings and raw stamps; one that cannot be is left out, with a warning.

    Args:
        found: in its journal.
    """
    kinds: dict[str, ClockKind] = {str(e["producer"]): e["clock"] for e in found.events if e.get("event") == "producer"}
    owners = {key: str(row.get("owner", "")) for key, row in found.last.get("streams", {}).items()}
    devices, warnings = dict[str, DeviceClock](), list[str]()
    for producer, kind in sorted(kinds.items()):
        keys = tuple(sorted(key for key in found.streams if owners.get(key) == producer))
        if kind == "host" or not keys:
            continue
        try:
            clock = _fitted(found, producer, kind, keys)
        except SyncError as error:
            warnings.append(f"{error}; its streams keep the stamps that {producer} gave them")
            continue
        devices[producer] = replace(clock, streams=keys)
        warnings += clock_alarms(clock)
    reference, why = _reference(found, devices)
    constants = json.loads(found.about.get("latencies_ns", "{}"))
    latencies = {key: int(ns) for key, ns in constants.items() if key in found.streams and ns}
    pace, apart = _pace(found, owners)
    return TakeClocks(devices, latencies, reference, (*warnings, *why, *apart), pace)


def _pace(found: Gathered, owners: Mapping[str, str]) -> tuple[Pace | None, list[str]]:
    """The simulation's clock, from what its producers say of its speed and from the batch that was quickest to come."""
    speeds = {str(e["producer"]): float(e["pace"]) for e in found.events if e.get("event") == "producer" and "pace" in e}
    paced = {key: speeds[owner] for key, owner in owners.items() if owner in speeds and key in found.handed}
    if not paced:
        return None, []
    speed = paced.get(ENCODERS, next(iter(paced.values())))
    others = sorted(key for key in found.streams if paced.get(key, 1.0) != speed)
    apart = (
        [f"{', '.join(others)}: by another clock than the simulation's, which runs at {speed:g} of real time"] if others else []
    )
    rows = np.concatenate([found.handed[key] for key, own in paced.items() if own == speed])
    lead = rows[:, 1] - rows[0, 1] - (rows[:, 0] - rows[0, 0]) * speed
    quickest = rows[np.argmax(lead)]
    return Pace(speed, int(quickest[0]), int(quickest[1])), apart


def _fitted(found: Gathered, producer: str, kind: ClockKind, keys: tuple[str, ...]) -> DeviceClock:
    if kind == "ping":
        rows = found.pings.get(producer, np.zeros((0, 3), dtype=np.int64))
        return fit_ping_pieces([ClockPing(*row) for row in rows.tolist()], source=producer)
    streams = [found.streams[key] for key in keys]
    own = [columns.t_device_ns != NO_STAMP for columns in streams]
    device = np.concatenate([columns.t_device_ns[there] for columns, there in zip(streams, own, strict=True)])
    arrival = np.concatenate([columns.t_arrival_ns[there] for columns, there in zip(streams, own, strict=True)])
    return fit_push_pieces(device, arrival, source=producer)


def _reference(found: Gathered, devices: Mapping[str, DeviceClock]) -> tuple[DeviceClock | None, list[str]]:
    """The robot's clock, where the schema wants it and it is known."""
    if found.schema.clock.reference == "host":
        return None, []
    robot = next((clock for clock in devices.values() if ENCODERS in clock.streams), None)
    if robot is None:
        return None, [f"the schema's clock is the robot's, but the producer of {ENCODERS} has none: stamps are the host's"]
    return robot, []
