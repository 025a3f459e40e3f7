"""An episode: streams at their own rates, and the timeline they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from understudy.errors import UnknownNameError
from understudy.geom.arrays import F64, I64, AnyArray
from understudy.spec.findings import Notes, Segment
from understudy.spec.stream import Rule, Stream

MetadataValue = str | int | float | bool


@dataclass(frozen=True)
class Alignment:
    """Which sample of one stream stands at each step.

    Attributes:
        index: (T,) the newest sample with t <= t_k; the first one where the stream had not begun. The nearest one by that rule.
        residual_ns: (T,) t_k minus that sample's stamp; negative where the stream had not begun, or the nearest came after.
        rule: how a value at t_k is made from it.
    """

    index: I64
    residual_ns: I64
    rule: Rule


def align(stream: Stream, timeline_ns: I64, same_stamps: Alignment | None = None) -> Alignment:
    """Lay a stream against a timeline; `same_stamps` is that of a stream with the very same stamps, where there is one."""
    if same_stamps is not None and "nearest" not in (stream.rule, same_stamps.rule):
        return replace(same_stamps, rule=stream.rule)
    index = stream.index_at(timeline_ns)
    return Alignment(index, timeline_ns - stream.t_ns[index], stream.rule)


def even_timeline(start_ns: int, end_ns: int, rate_hz: float) -> I64:
    """(T,) stamps at an even rate from `start_ns`, none after `end_ns`; rounded to the nanosecond each, so nothing drifts."""
    steps = int(np.floor((end_ns - start_ns) * 1e-9 * rate_hz + 1e-6)) + 1
    return start_ns + np.round(np.arange(steps) * (1e9 / rate_hz)).astype(np.int64)


@dataclass(frozen=True)
class Episode:
    """One take, as it was recorded or retargeted, with what was noted about it since.

    Attributes:
        id: file stem; unique in the dataset.
        robot: profile name.
        model_sha256: hash of the robot's model.
        joint_names: (J,) order of every joint stream.
        timeline_ns: (T,) shared stamps at the control rate.
        streams: `group/name` to stream.
        metadata: task_id, demonstrator_id, motion_source, language_instruction and what the schema asks for.
        schema_toml: the dataset's schema as text.
        segments: as recorded.
        notes: what gates and people added later.
    """

    id: str
    robot: str
    model_sha256: str
    joint_names: tuple[str, ...]
    timeline_ns: I64
    streams: Mapping[str, Stream]
    metadata: Mapping[str, MetadataValue]
    schema_toml: str
    segments: tuple[Segment, ...] = ()
    notes: Notes | None = field(default=None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "streams", MappingProxyType(dict(self.streams)))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    def __contains__(self, key: str) -> bool:
        return key in self.streams

    def stream(self, key: str) -> Stream:
        """A stream by `group/name`.

        Raises:
            UnknownNameError: the episode has no such stream.
        """
        try:
            return self.streams[key]
        except KeyError:
            raise UnknownNameError(f"stream of episode {self.id}", key, self.streams) from None

    def data(self, key: str) -> F64:
        """(N, *shape) samples of a numeric stream at its own stamps, as float64."""
        return self.stream(key).data.astype(np.float64)

    def on_timeline(self, key: str) -> AnyArray:
        """(T, *shape) what was known of a stream at each step."""
        return self.stream(key).sample_at(self.timeline_ns)

    def with_notes(self, notes: Notes) -> Episode:
        """The same episode with other notes."""
        return replace(self, notes=notes)

    @property
    def duration_s(self) -> float:
        """Length of the timeline, seconds."""
        return float(self.timeline_ns[-1] - self.timeline_ns[0]) * 1e-9 if len(self.timeline_ns) else 0.0
