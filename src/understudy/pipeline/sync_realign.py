"""New stamps for a recorded episode from the raw ones it keeps, by another clock or other constants: a new episode each time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from understudy.errors import InputError, SyncError
from understudy.geom.arrays import I64, AnyArray
from understudy.pipeline.motion_episode import next_state
from understudy.pipeline.sync import ENCODERS
from understudy.spec.clock import DeviceClock, clock_from_json
from understudy.spec.episode import Episode, MetadataValue
from understudy.spec.sample import NO_STAMP
from understudy.spec.stream import Stream
from understudy.store.dataset import SCHEMA, Dataset
from understudy.store.episode_check import schema_of
from understudy.sync.push import LEAST_STAMPS, fit_push_pieces

ClockChoice = Literal["recorded", "push", "arrival"]
CLOCK_PREFIX = "record_clock_"
NO_CLOCKS = frozenset({"record_clock_state", "record_clock_steps"})
"""Metadata whose names begin like a clock's: what keeps the host's clock right, and where stamps were mended."""
LATENCY_KEY = "record_latencies_ns"
"""Metadata: JSON object, stream key to the constant that was taken off its stamps."""
SETTINGS_KEY = "record_realign"
PARENT_KEY = "parent_id"
_NEXT_STATE_OF = {"actions/joint_position_target": ENCODERS, "actions/joint_velocity_target": "observations/joint_velocities"}
_MOST_APART_S = 10.0


@dataclass(frozen=True)
class Realigning:
    """How stamps are made anew.

    Attributes:
        clock: `recorded`: the clock models in the file; `push`: a regression of each device's stamps against their arrivals;
            `arrival`: the moments of arrival, as recorders without clocks do it.
        latencies_ns: constant to take off, by stream; streams that are not in it keep what was taken off them.
        nearest: images and discrete samples stand at the step they are nearest to, even from just after it.
    """

    clock: ClockChoice = "recorded"
    latencies_ns: Mapping[str, int] = field(default_factory=dict)
    nearest: bool = False


@dataclass(frozen=True)
class Moved:
    """What became of one stream.

    Attributes:
        key: `group/name`. how: where its new stamps come from.
        median_ms, most_ms: by how much they differ from the old ones.
        reordered: samples that changed places.
    """

    key: str
    how: str
    median_ms: float
    most_ms: float
    reordered: int


def realigned(episode: Episode, how: Realigning) -> tuple[Episode, tuple[Moved, ...]]:
    """The episode with new stamps, and what changed. The one given is left as it is.

    Raises:
        SyncError: the file keeps no raw stamps, or a clock in it cannot be used.
    """
    clocks = _clocks(episode)
    robot = _reference_clock(episode, clocks)
    applied = _applied(episode)
    streams, moved, taken_off = {}, [], dict(applied)
    for key, stream in sorted(episode.streams.items()):
        new = stream
        if "t_arrival_ns" in stream.extra and not stream.derived:
            clock = _clock_of(key, stream.spec.name, clocks)
            was = applied.get(key, clock.pieces[0].model.latency_ns if clock else 0)
            raw = _Raw(stream, f"episode {episode.id}, stream {key}", clock, robot, was)
            t_ns, source = raw.stamps(how.clock)
            taken_off[key] = how.latencies_ns.get(key, was)
            new, said = _with_stamps(stream, t_ns - taken_off[key], source)
            moved.append(said)
        if how.nearest and stream.rule != "interpolated":
            new = replace(new, nearest=True)
        streams[key] = new
    streams |= _commands_of(streams)
    if not moved:
        raise SyncError(f"episode {episode.id}: no stream keeps raw stamps (t_device_ns, t_arrival_ns): it was not recorded here")
    metadata: dict[str, MetadataValue] = {
        **episode.metadata,
        PARENT_KEY: episode.id,
        LATENCY_KEY: json.dumps(dict(sorted(taken_off.items()))),
        SETTINGS_KEY: json.dumps({"clock": how.clock, "nearest": how.nearest, "streams": [asdict(m) for m in moved]}),
    }
    new_id = realigned_id(episode, how)
    return replace(episode, id=new_id, streams=streams, metadata=metadata, notes=None), tuple(moved)


def _commands_of(streams: Mapping[str, Stream]) -> dict[str, Stream]:
    """The commands that are the state at the step after, from states with their new stamps."""
    out = {}
    for key, state in ((key, streams.get(of)) for key, of in _NEXT_STATE_OF.items()):
        stream = streams.get(key)
        if stream is not None and state is not None and stream.derived == "next_state":
            out[key] = replace(stream, values=next_state(state.data, state.t_ns, stream.t_ns).astype(stream.spec.dtype))
    return out


def realigned_id(episode: Episode, how: Realigning) -> str:
    """The new episode's id: the parent's and eight digits that stand for the settings, so that the same ones give the same."""
    settings = {"clock": how.clock, "nearest": how.nearest, "latencies": dict(sorted(how.latencies_ns.items()))}
    digest = hashlib.sha256(json.dumps([episode.id, settings]).encode()).hexdigest()
    return f"{episode.id}_r{digest[:8]}"


def _clock_of(key: str, name: str, clocks: Sequence[DeviceClock]) -> DeviceClock | None:
    """The clock that stamps a stream: the one that says so, else one of the stream's name, else the only one there is."""
    for found in ([c for c in clocks if key in c.streams], [c for c in clocks if c.device in (key, name)]):
        if found:
            return found[0]
    return clocks[0] if len(clocks) == 1 and not clocks[0].streams else None


def _reference_clock(episode: Episode, clocks: Sequence[DeviceClock]) -> DeviceClock | None:
    """The robot's clock where the schema makes it the dataset's; None where that is the host's."""
    if schema_of(episode.schema_toml, f"schema of episode {episode.id}").clock.reference == "host":
        return None
    clock = _clock_of(ENCODERS, ENCODERS, clocks)
    if clock is None:
        raise SyncError(
            f"episode {episode.id}: the schema's clock is the robot's, but no clock in the file is said to stamp {ENCODERS}"
        )
    return clock.with_latency(0)


@dataclass(frozen=True)
class _Raw:
    """One stream with what turns its raw stamps into new ones.

    Attributes:
        stream: it. where: named in messages.
        clock: the recorded one of its device. robot: the dataset's reference clock, None for the host's.
        was_ns: constant that was taken off its stamps.
    """

    stream: Stream
    where: str
    clock: DeviceClock | None
    robot: DeviceClock | None
    was_ns: int

    def stamps(self, choice: ClockChoice) -> tuple[I64, str]:
        """(N,) stamps on the dataset's clock before any constant is taken off, and where they come from."""
        arrival = self._column("t_arrival_ns")
        if choice == "arrival":
            return self._on_reference(arrival), "arrival"
        device = self._column("t_device_ns") if "t_device_ns" in self.stream.extra else np.full_like(arrival, NO_STAMP)
        there = device != NO_STAMP
        t_ns = np.array(self.stream.t_ns + self.was_ns)
        if not there.any():
            return t_ns, "host"
        clock = self._device_clock(choice, device[there], arrival[there])
        host = clock.to_host_ns(device[there], arrival[there])
        apart_s = float(np.median(np.abs(host - arrival[there]))) * 1e-9
        if apart_s > _MOST_APART_S:
            raise SyncError(
                f"{self.where}: by the clock of {clock.device} its samples arrived {apart_s:.0f} s from when they were taken; "
                "that is another device's clock: use --clock push"
            )
        t_ns[there] = self._on_reference(host)
        return t_ns, f"{clock.pieces[0].model.kind} clock of {clock.device}"

    def _device_clock(self, choice: ClockChoice, device_ns: I64, arrival_ns: I64) -> DeviceClock:
        if choice == "push":
            if len(device_ns) < LEAST_STAMPS:
                raise SyncError(f"{self.where}: {len(device_ns)} device stamps; a regression needs {LEAST_STAMPS}")
            return fit_push_pieces(device_ns, arrival_ns, source=self.stream.spec.key)
        if self.clock is None:
            raise SyncError(
                f"{self.where}: no clock in the file is said to stamp it ({CLOCK_PREFIX}...); use --clock push or arrival"
            )
        return self.clock.with_latency(0)

    def _on_reference(self, host_ns: I64) -> I64:
        return host_ns if self.robot is None else self.robot.to_device_ns(host_ns)

    def _column(self, name: str) -> I64:
        column = self.stream.extra[name]
        if column.dtype != np.int64 or column.shape != self.stream.t_ns.shape:
            raise SyncError(f"{self.where}: {name} is {column.dtype} {column.shape}; int64, one per sample, is needed")
        return np.asarray(column, dtype=np.int64)


def _with_stamps(stream: Stream, t_ns: I64, source: str) -> tuple[Stream, Moved]:
    order = np.argsort(t_ns, kind="stable")
    changed = np.abs(t_ns - stream.t_ns) * 1e-6
    shift = (t_ns - stream.t_ns) * 1e-6
    reordered = int((order != np.arange(len(order))).sum())
    values: AnyArray | None = stream.data[order] if reordered else None
    extra = {name: column[order] for name, column in stream.extra.items()} if reordered else dict(stream.extra)
    new = replace(stream, t_ns=t_ns[order], values=stream.values if values is None else values, extra=extra)
    most = float(changed.max()) if len(changed) else 0.0
    median = float(np.median(shift)) if len(shift) else 0.0
    return new, Moved(stream.spec.key, source, round(median, 6), round(most, 6), reordered)


def _clocks(episode: Episode) -> list[DeviceClock]:
    return [
        clock_from_json(str(value), where=f"episode {episode.id}: metadata {name}")
        for name, value in sorted(episode.metadata.items())
        if name.startswith(CLOCK_PREFIX) and name not in NO_CLOCKS
    ]


def _applied(episode: Episode) -> dict[str, int]:
    """Constants that were taken off the stamps in the file."""
    text = str(episode.metadata.get(LATENCY_KEY, "{}"))
    where = f"episode {episode.id}: metadata {LATENCY_KEY}"
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise SyncError(f"{where}: not JSON: {error}") from None
    if not isinstance(found, dict) or not all(
        isinstance(v, int) and not isinstance(v, bool) and abs(v) < 2**62 for v in found.values()
    ):
        raise SyncError(f"{where}: stream names with whole nanoseconds are needed, not {text[:80]!r}")
    return {str(key): int(value) for key, value in found.items()}


@dataclass(frozen=True)
class Realigned:
    """One new episode. `there` says that it was there already."""

    id: str
    parent: str
    path: Path
    moved: tuple[Moved, ...]
    there: bool


def realign_dataset(dataset: Dataset, ids: Sequence[str], how: Realigning) -> tuple[Realigned, ...]:
    """Write the realigned copy of each episode into its dataset; parents are not touched.

    Args:
        dataset: where they are. ids: which; those that were made by this are left out.

    Raises:
        SyncError: an episode cannot be realigned.
        StorageError: the disk refused.
    """
    done = []
    for name in ids:
        episode = dataset.read(name)
        if SETTINGS_KEY in episode.metadata:
            continue
        new, moved = realigned(episode, how)
        there = dataset.find(new.id)
        ref = there or dataset.add(new)
        done.append(Realigned(new.id, name, ref.path, moved, there is not None))
    return tuple(done)


def dataset_around(path: Path) -> Dataset:
    """The dataset that an episode's file lies in.

    Raises:
        InputError: it lies in none.
    """
    for folder in path.resolve().parents:
        if (folder / SCHEMA).is_file():
            return Dataset.open(folder)
    raise InputError(f"{path}: it lies in no dataset, and the new episode needs one; put it under DIR/episodes/<task>/")
