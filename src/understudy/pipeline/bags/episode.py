"""Collected samples to an episode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from understudy.errors import InputError
from understudy.geom.arrays import I64, AnyArray
from understudy.geom.filters import derivative
from understudy.pipeline.bags.collect import Collected, Samples
from understudy.pipeline.motion_episode import next_state
from understudy.spec.episode import Episode, MetadataValue, even_timeline
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema
from understudy.spec.stream import Stream

POSITIONS, VELOCITIES = "observations/joint_positions", "observations/joint_velocities"
ANCHOR_WALL, ANCHOR_HOST = "record_anchor_wall_ns", "record_anchor_monotonic_ns"
"""Metadata: UTC nanoseconds since 1970 at a moment, and the same moment on the episode's clock."""
HEADER_CLOCK = "record_clock_header"
"""Metadata: how the messages' own stamps lie to the episode's clock, for streams that stand on them."""
_SINCE_EVER_NS = -(1 << 62)
LEAST_STEPS = 2


@dataclass(frozen=True)
class Made:
    """An episode's streams and what they stand on.

    Attributes:
        streams: `group/name` to stream, stamps from the anchor on.
        timeline_ns: (T,) steps at the control rate over what all required streams share.
        anchor_ns: the stamp that is 0 in the episode, on the recording's clock.
        on_header: streams whose stamps are the messages' own.
        warnings: what was worked out because the recording lacks it.
    """

    streams: Mapping[str, Stream]
    timeline_ns: I64
    anchor_ns: int
    on_header: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def began(self) -> datetime:
        """Date and time of the first sample, UTC; 1970 for recordings on a simulated clock."""
        return datetime.fromtimestamp(self.anchor_ns * 1e-9, tz=UTC)


def make_streams(collected: Collected, schema: Schema) -> Made:
    """Streams on one clock, with what a dataset needs and the recording lacks.

    Velocities are the positions' rate of change and commands the next positions where there is no topic for them; both say so.

    Raises:
        InputError: there are no joint positions, another required stream is missing, or the required ones do not overlap.
    """
    if POSITIONS not in collected.streams:
        raise InputError(f"the mapping has no topic for {POSITIONS}; an episode cannot do without")
    anchor_ns = min(int(samples.t_ns[0]) for samples in collected.streams.values())
    streams = {key: _stream(samples, anchor_ns) for key, samples in collected.streams.items()}
    warnings = []
    positions = streams[POSITIONS]
    if VELOCITIES not in streams:
        with np.errstate(over="ignore", invalid="ignore"):  # what is not a number stays so, and the gates say it
            rates = derivative(positions.data.astype(np.float64), positions.t_ns)
        spec = schema.stream(VELOCITIES)
        streams[VELOCITIES] = Stream(spec, positions.t_ns, rates.astype(spec.dtype), derived="derivative")
        warnings.append(f"no topic for {VELOCITIES}: they are the rate of change of the positions")
    target = f"actions/joint_{schema.action_kind}_target"
    timeline_ns = _timeline(streams, schema, skip=target)
    if target not in streams:
        source = streams[VELOCITIES if schema.action_kind == "velocity" else POSITIONS]
        if schema.action_kind == "torque":
            raise InputError(f"the mapping has no topic for {target}, and torques cannot be worked out from positions")
        values = next_state(source.data, source.t_ns, timeline_ns).astype(schema.stream(target).dtype)
        streams[target] = Stream(schema.stream(target), timeline_ns, values, derived="next_state")
        warnings.append(f"no topic for {target}: it is the state at the next step")
    missing = [spec.key for spec in schema.streams if spec.required and spec.key not in streams]
    if missing:
        raise InputError(f"the mapping has no topic for {', '.join(missing)}; the schema requires it")
    on_header = tuple(key for key, samples in sorted(collected.streams.items()) if samples.clock == "header")
    return Made(streams, timeline_ns, anchor_ns, on_header, tuple(warnings))


def _stream(samples: Samples, anchor_ns: int) -> Stream:
    extra: dict[str, AnyArray] = {
        "t_device_ns": samples.t_device_ns,
        "t_arrival_ns": samples.t_arrival_ns - anchor_ns,
        "seq": samples.seq,
        "valid": samples.valid,
    }
    return Stream(samples.spec, samples.t_ns - anchor_ns, samples.values, samples.entry.derived, extra)


def _timeline(streams: Mapping[str, Stream], schema: Schema, *, skip: str) -> I64:
    """Steps over what all required streams share; a command holds until the next one, so it need only have begun."""
    required = [spec.key for spec in schema.streams if spec.required and spec.key in streams]
    start_ns = max(int(streams[key].t_ns[0]) for key in required)
    end_ns = min(int(streams[key].t_ns[-1]) for key in required if key != skip or key == POSITIONS)
    timeline_ns = even_timeline(start_ns, end_ns, schema.control_rate_hz) if end_ns > start_ns else np.zeros(0, dtype=np.int64)
    if len(timeline_ns) < LEAST_STEPS:
        spans = "; ".join(f"{key} {streams[key].t_ns[0] * 1e-9:.3f} to {streams[key].t_ns[-1] * 1e-9:.3f} s" for key in required)
        raise InputError(
            f"the required streams do not overlap by {LEAST_STEPS} steps at {schema.control_rate_hz:g} Hz: {spans}. Where their "
            'clocks differ, take one clock for all: clock = "log"'
        )
    return timeline_ns


def make_episode(
    made: Made,
    robot: RobotModel,
    *,
    episode_id: str,
    schema_toml: str,
    metadata: Mapping[str, MetadataValue],
) -> Episode:
    """The episode of streams that were made."""
    return Episode(
        id=episode_id,
        robot=robot.name,
        model_sha256=robot.model_sha256,
        joint_names=robot.joint_names,
        timeline_ns=made.timeline_ns,
        streams=made.streams,
        metadata={**metadata, ANCHOR_WALL: made.anchor_ns, ANCHOR_HOST: 0, **_header_clock(made)},
        schema_toml=schema_toml,
    )


def _header_clock(made: Made) -> dict[str, MetadataValue]:
    """The clock of the messages' own stamps, so that streams can be laid anew from their raw columns."""
    if not made.on_header:
        return {}
    line = {
        "offset_ns": -made.anchor_ns,
        "drift_ppm": 0.0,
        "t_ref_ns": 0,
        "bound_ns": 0,
        "n": len(made.on_header),
        "latency_ns": 0,
    }
    piece = {"from_ns": _SINCE_EVER_NS, "source": "header", "kind": "host", **line}
    return {HEADER_CLOCK: json.dumps({"device": "header", "streams": list(made.on_header), "pieces": [piece]})}
