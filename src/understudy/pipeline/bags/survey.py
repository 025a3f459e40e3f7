"""A first look at a recording: its topics, their types and rates, and what the first message of each holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from understudy.devices.messages.convert import Converter
from understudy.devices.messages.mapping import TopicMapping
from understudy.devices.messages.pictures import jpeg_size
from understudy.errors import InputError, did_you_mean
from understudy.pipeline.bags.source import Channel, Found, Recording
from understudy.spec.schema import Schema
from understudy.spec.stream import StreamSpec

_MOST_STEPS = 20_000


@dataclass
class TopicSeen:
    """One topic.

    Attributes:
        channel: what it carries; that of its first message.
        count: messages.
        first: the first one's bytes.
        log_ns: when the first of them were written down.
    """

    channel: Channel
    first: bytes
    count: int = 0
    log_ns: list[int] = field(default_factory=list)

    @property
    def rate_hz(self) -> float:
        """Messages per second by the median step, to three digits; 0 for fewer than three messages."""
        steps = np.diff(np.array(self.log_ns, dtype=np.int64))
        median = float(np.median(steps)) if len(steps) > 1 else 0.0
        return float(f"{1e9 / median:.3g}") if median > 0 else 0.0


def survey(recording: Recording) -> tuple[Mapping[str, TopicSeen], Found]:
    """Read a recording through, decoding nothing.

    Raises:
        InputError: it cannot be read, or holds no message.
    """
    topics: dict[str, TopicSeen] = {}
    found = Found()
    for raw in recording.messages(found):
        seen = topics.get(raw.channel.topic)
        if seen is None:
            seen = topics[raw.channel.topic] = TopicSeen(raw.channel, raw.data)
        seen.count += 1
        if len(seen.log_ns) < _MOST_STEPS:
            seen.log_ns.append(raw.log_ns)
    if not topics:
        raise InputError(f"{recording.path}: there is no message in it{': ' + found.cut if found.cut else ''}")
    return topics, found


def fitted_schema(schema: Schema, mapping: TopicMapping, topics: Mapping[str, TopicSeen], *, robot: str, where: Path) -> Schema:
    """A new dataset's schema with the rates and picture sizes that a recording has.

    Only streams of the mapping that the schema gives a rate or a picture size change. The first message of every topic is
    tried, so that a mapping that does not fit is found before anything is written.

    Args:
        schema: to begin with.
        mapping: which topic goes into which stream.
        topics: of the recording.
        robot: profile name.
        where: the recording, for messages.

    Raises:
        InputError: a topic is missing, or its first message does not fit.
    """
    fitted: dict[str, StreamSpec] = {}
    for entry in mapping.streams:
        spec, seen = schema.stream(entry.stream), topics.get(entry.topic)
        if seen is None:
            raise InputError(no_topic(entry.topic, spec.key, {name: t.count for name, t in topics.items()}, where))
        converter = Converter(entry, spec, entry.type or seen.channel.type_name, robot=robot)
        data = converter.read(seen.channel.decode(seen.first)).data
        if isinstance(data, bytes):
            spec = spec.model_copy(update={"shape": (*jpeg_size(data, where=converter.where), 3)})
        if spec.rate_hz > 0 and seen.rate_hz > 0:
            spec = spec.model_copy(update={"rate_hz": seen.rate_hz})
        fitted[spec.key] = spec
    return schema.model_copy(update={"streams": tuple(fitted.get(spec.key, spec) for spec in schema.streams)})


def no_topic(topic: str, key: str, counts: Mapping[str, int], where: Path) -> str:
    """What to say of a topic that a recording does not have."""
    has = ", ".join(f"{name} ({counts[name]})" for name in sorted(counts)[:12])
    return f"{where}: no topic {topic} for {key}{did_you_mean(topic, counts)}; there are {has}"
