"""Messages of a recording to columns of samples, by a mapping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from understudy.devices.messages.convert import Converter
from understudy.devices.messages.mapping import ClockName, StreamMap, TopicMapping
from understudy.devices.messages.pictures import jpeg_size
from understudy.errors import InputError
from understudy.geom.arrays import I64, AnyArray, Bool
from understudy.pipeline.bags.order import put_in_order
from understudy.pipeline.bags.source import Channel, Found, RawMessage, Recording
from understudy.pipeline.bags.survey import no_topic
from understudy.spec.sample import NO_STAMP
from understudy.spec.stream import StreamSpec

MOST_LEFT_OUT = 0.1
"""Share of a topic's messages that may not fit; more is a mapping that is wrong."""


@dataclass(frozen=True)
class Stretch:
    """Part of a recording, seconds from its first mapped message; None for its own ends."""

    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True)
class Samples:
    """What a recording gives for one stream, in order.

    Attributes:
        entry: of the mapping.
        spec: of the stream.
        t_ns: (N,) stamps on the chosen clock, strictly increasing.
        t_device_ns: (N,) the messages' own stamps; `NO_STAMP` where they have none.
        t_arrival_ns: (N,) when they were written down.
        seq: (N,) place among the topic's messages; a step over one is a message that was left out.
        valid: (N,) false where the values must not be used.
        values: (N, *shape), or (N,) JPEG bytes.
        clock: which stamp `t_ns` is.
    """

    entry: StreamMap
    spec: StreamSpec
    t_ns: I64
    t_device_ns: I64
    t_arrival_ns: I64
    seq: I64
    valid: Bool
    values: AnyArray
    clock: ClockName


@dataclass(frozen=True)
class Collected:
    """All streams of a recording.

    Attributes:
        streams: `group/name` to samples.
        found: what else the recording holds, and whether it was cut off.
        warnings: what was left out or put in order, one sentence each.
    """

    streams: Mapping[str, Samples]
    found: Found
    warnings: tuple[str, ...]


@dataclass
class _Column:
    """One stream while it is read."""

    entry: StreamMap
    spec: StreamSpec
    converter: Converter | None = None
    channel: Channel | None = None
    count: int = 0
    stamps: list[tuple[int, int, int, int, bool]] = field(default_factory=list)
    values: list[AnyArray | bytes] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def where(self) -> str:
        return f"topic {self.entry.topic} into {self.spec.key}"


def collect(
    recording: Recording, mapping: TopicMapping, specs: Mapping[str, StreamSpec], *, robot: str, stretch: Stretch | None = None
) -> Collected:
    """Read a recording through once.

    Args:
        recording: what to read.
        mapping: which topic goes into which stream.
        specs: the schema's stream of each entry.
        robot: profile name, for messages that number their motors.
        stretch: part of it that is taken.

    Raises:
        InputError: a topic is missing or carries several types, messages do not fit, stamps go back, or it is empty.
    """
    columns = [_Column(entry, specs[entry.stream]) for entry in mapping.streams]
    by_topic: dict[str, list[_Column]] = {}
    for column in columns:
        by_topic.setdefault(column.entry.topic, []).append(column)
    found, seen = Found(), Counter[str]()
    first_ns: int | None = None
    for raw in recording.messages(found):
        seen[raw.channel.topic] += 1
        wanted = by_topic.get(raw.channel.topic)
        if wanted is None:
            continue
        first_ns = raw.log_ns if first_ns is None else first_ns
        if _within(raw.log_ns - first_ns, stretch):
            _take(raw, wanted, robot)
    _check_topics(recording, columns, seen, stretch)
    warnings: list[str] = [found.cut] if found.cut else []
    streams = {column.spec.key: _samples(column, warnings) for column in columns}
    return Collected(streams, found, tuple(warnings))


def _within(since_ns: int, stretch: Stretch | None) -> bool:
    if stretch is None:
        return True
    start_s, end_s = stretch.start_s or 0.0, stretch.end_s
    return since_ns * 1e-9 >= start_s - 1e-9 and (end_s is None or since_ns * 1e-9 <= end_s + 1e-9)


def _take(raw: RawMessage, columns: Sequence[_Column], robot: str) -> None:
    """Put one message into every stream that it belongs to."""
    message: object = None
    for column in columns:
        seq = column.count
        column.count += 1
        try:
            _same_type(column, raw.channel)
            if column.converter is None:
                column.converter = Converter(column.entry, column.spec, column.entry.type or raw.channel.type_name, robot=robot)
            message = raw.channel.decode(raw.data) if message is None else message
            reading = column.converter.read(message)
            if isinstance(reading.data, bytes):
                _check_size(reading.data, column)
        except InputError as error:
            if not column.stamps and column.left_out.total() == 0:
                raise  # the first message: the mapping does not fit
            column.left_out[str(error)] += 1
            continue
        column.stamps.append((reading.t_device_ns, raw.log_ns, raw.publish_ns, seq, reading.valid))
        column.values.append(reading.data)


def _same_type(column: _Column, channel: Channel) -> None:
    first = column.channel
    if first is None:
        column.channel = channel
    elif first is not channel and (first.type_name, first.encoding) != (channel.type_name, channel.encoding):
        raise InputError(
            f"topic {channel.topic}: messages of type {first.type_name or first.named} and of type "
            f"{channel.type_name or channel.named}; one type is needed"
        )


def _check_size(jpeg: bytes, column: _Column) -> None:
    height, width = jpeg_size(jpeg, where=column.where)
    declared = column.spec.shape[:2]
    if (height, width) != tuple(declared):
        raise InputError(
            f"{column.where}: pictures of {width} x {height}, schema.toml says {declared[1]} x {declared[0]}; set "
            f"shape = [{height}, {width}, 3] for {column.spec.key} there"
        )


def _check_topics(recording: Recording, columns: Sequence[_Column], seen: Counter[str], stretch: Stretch | None) -> None:
    if not seen:
        raise InputError(f"{recording.path}: there is no message in it")
    for column in columns:
        topic = column.entry.topic
        if topic not in seen:
            raise InputError(no_topic(topic, column.spec.key, seen, recording.path))
        if not column.stamps:
            part = f" from {stretch.start_s or 0:g} s to {stretch.end_s or 'the end'}" if stretch else ""
            raise InputError(f"{recording.path}: topic {topic} has no message{part} that fits {column.spec.key}")


def _samples(column: _Column, warnings: list[str]) -> Samples:
    left_out = column.left_out.total()
    if left_out > MOST_LEFT_OUT * column.count:
        reason = column.left_out.most_common(1)[0][0]
        raise InputError(f"{column.where}: {left_out} of {column.count} messages do not fit: {reason}")
    device_ns, log_ns, publish_ns, seq = (np.array([stamp[i] for stamp in column.stamps], dtype=np.int64) for i in range(4))
    clock = _clock(column, device_ns, warnings)
    t_ns = {"header": device_ns, "log": log_ns, "publish": publish_ns}[clock]
    order = put_in_order(t_ns, where=column.where)
    _say(column, order.swapped, order.doubled, warnings)
    keep = order.keep
    valid = np.array([stamp[4] for stamp in column.stamps], dtype=bool)
    return Samples(
        entry=column.entry,
        spec=column.spec,
        t_ns=t_ns[keep],
        t_device_ns=device_ns[keep],
        t_arrival_ns=log_ns[keep],
        seq=seq[keep],
        valid=valid[keep],
        values=_stacked(column, keep),
        clock=clock,
    )


def _clock(column: _Column, device_ns: I64, warnings: list[str]) -> ClockName:
    """The clock that the mapping asks for; else the header's where it is one of the day."""
    asked, converter = column.entry.clock, column.converter
    has = bool((device_ns != NO_STAMP).all())
    usable = has and bool((device_ns > 0).all())
    if asked == "header" and not usable:
        said = "has stamps of zero" if has else "has no stamp"
        raise InputError(f'{column.where}: the header {said}; take clock = "log" or "publish", or name it: stamp = "..."')
    if asked is not None:
        return asked
    day = converter is not None and converter.stamped_on_wall_clock
    if has and day and not usable:
        warnings.append(f"{column.where}: the header's stamps are zero; the log's are taken")
    return "header" if usable and day else "log"


def _say(column: _Column, swapped: int, doubled: int, warnings: list[str]) -> None:
    if swapped:
        warnings.append(f"{column.where}: {swapped} messages had been overtaken and were put in order")
    if doubled:
        warnings.append(f"{column.where}: {doubled} messages with the stamp of another one were left out")
    for reason, count in column.left_out.most_common(3):
        warnings.append(f"{column.where}: {count} messages were left out: {reason}")
    wrong = sum(not stamp[4] for stamp in column.stamps)
    if wrong:
        warnings.append(f"{column.where}: {wrong} messages hold values that must not be used (not a number, or another mode)")


def _stacked(column: _Column, keep: I64) -> AnyArray:
    if column.spec.kind == "image":
        pictures = np.empty(len(keep), dtype=object)
        for step, index in enumerate(keep):
            pictures[step] = column.values[index]
        return pictures
    values: AnyArray = np.stack([column.values[i] for i in keep])
    return values
