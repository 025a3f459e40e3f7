"""What a journal holds becomes an episode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from understudy.errors import EpisodeError
from understudy.geom.arrays import I64, Bool
from understudy.pipeline.record.clocks import TakeClocks, take_clocks
from understudy.pipeline.record.digest import StreamDigest, sentences, stream_digest
from understudy.pipeline.record.gather import Columns, Gathered, JournalImages
from understudy.pipeline.record.stamps import increasing
from understudy.pipeline.sync_realign import CLOCK_PREFIX, LATENCY_KEY
from understudy.spec.clock import clock_json
from understudy.spec.episode import Episode, MetadataValue, even_timeline
from understudy.spec.sample import NO_STAMP
from understudy.spec.schema import Schema
from understudy.spec.stream import Stream

ALIVE_NS = 200_000_000
"""A recorder notes that it lives every 10 ms, and on a machine that is far too busy more often than this."""
MOST_PINGS = 1000
"""Exchanges of clocks that the episode keeps of each device: the quickest of each stretch."""


@dataclass(frozen=True)
class Cut:
    """How a journal that was not finished ended.

    Attributes:
        alive_ns: when its recorder last lived; None where it left no note.
        lost: stream to samples that it had taken and that are not in the journal.
    """

    alive_ns: int | None
    lost: Mapping[str, int]


@dataclass(frozen=True)
class Made:
    """An episode and what came of its streams."""

    episode: Episode
    digest: tuple[StreamDigest, ...]
    warnings: tuple[str, ...]


def take_episode(found: Gathered, cut: Cut | None, *, reason: str = "") -> Made:
    """The episode of a take.

    The timeline covers the time in which every required stream was there. Every stream keeps its own samples and stamps within
    the take, and what was in force at its start.

    Args:
        found: in its journal.
        cut: where the journal was not finished.
        reason: why the take ended, where nobody asked for it.

    Raises:
        EpisodeError: required streams are missing, or were never there together.
    """
    clocks = take_clocks(found)
    start_ns, command_ns, stop_ns = (clocks.moment(t_ns) for t_ns in _span(found))
    streams: dict[str, Stream] = {}
    missing, notes = [], list(clocks.warnings)
    notes += [f"{key}: {n} images are left out: another codec than its first ones" for key, n in sorted(found.strays.items())]
    steps: list[dict[str, int | str]] = []
    broken: dict[str, int] = {}
    for key, columns in sorted(found.streams.items()):
        t_ns, jumps = clocks.stamps(columns)
        steps += [{"stream": key, "t_ns": jump.t_ns, "step_ns": jump.step_ns} for jump in jumps]
        ordered, inside = increasing(t_ns), _within(t_ns, columns, start_ns, stop_ns)
        keep = ordered & inside
        if out := int((inside & ~ordered).sum()):
            notes.append(f"{key}: {out} samples are left out: their stamps do not increase on the dataset's clock")
        kept, kept_ns = columns.rows(keep), t_ns[keep]
        if isinstance(kept.values, JournalImages) and not (shown := kept.values.decodable()).all():
            broken[key] = _broken(shown)
            kept, kept_ns = kept.rows(shown), kept_ns[shown]
        if len(kept):
            streams[key] = _stream(kept, kept_ns)
        else:
            missing.append(key)
    timeline_ns = _timeline(found.schema, streams, start_ns, command_ns, stop_ns)
    first, last = found.first.get("streams", {}), found.last.get("streams", {})
    digest = tuple(
        replace(
            stream_digest(stream, end_ns=stop_ns, size=found.bytes.get(key, 0), first=first.get(key, {}), last=last.get(key, {})),
            undecodable=broken.get(key, 0),
        )
        for key, stream in streams.items()
    )
    warnings = [*notes, *([reason] if reason else []), *sentences(digest, missing)]
    metadata = _metadata(found, clocks, digest, steps) | {"record_start_ns": start_ns}
    if reason:
        metadata["record_ended_because"] = reason
    if cut is not None:
        recovered, said = _recovered(found, cut, clocks, int(timeline_ns[-1]))
        metadata |= recovered
        warnings = [said, *warnings]
    metadata["warnings" if "warnings" in found.schema.metadata else "record_warnings"] = json.dumps(warnings)
    episode = Episode(
        id=found.about["take"],
        robot=found.schema.robot,
        model_sha256=found.about.get("model_sha256", ""),
        joint_names=found.schema.joint_names,
        timeline_ns=timeline_ns,
        streams=streams,
        metadata=metadata,
        schema_toml=found.about["schema"],
    )
    return Made(episode, digest, tuple(warnings))


def _span(found: Gathered) -> tuple[int, int, int]:
    """Start of the take, pre-roll included; the command to start; the command to stop, or the last thing that was written."""
    starts, stops = ([int(e["t_ns"]) for e in found.events if e.get("event") == what] for what in ("start", "stop"))
    start_ns = int(found.about["start_ns"])
    return start_ns, starts[0] if starts else start_ns, stops[-1] if stops else found.last_log_ns


def _within(t_ns: I64, columns: Columns, start_ns: int, stop_ns: int) -> Bool:
    """(N,) samples of the take; of commands and events also the last before it, which is in force."""
    keep: Bool = (t_ns >= start_ns) & (t_ns <= stop_ns)
    if columns.spec.kind in ("command", "discrete"):
        before = np.flatnonzero(t_ns < start_ns)
        keep[before[-1:]] = True
    return keep


def _stream(columns: Columns, t_ns: I64) -> Stream:
    extra = {"t_arrival_ns": columns.t_arrival_ns, "seq": columns.seq, "valid": columns.valid}
    if (columns.t_device_ns != NO_STAMP).any():
        extra["t_device_ns"] = columns.t_device_ns
    values = columns.values
    video = values.video(columns.spec.key) if isinstance(values, JournalImages) else None
    return Stream(columns.spec, t_ns, values if video is None else video, extra=dict(sorted(extra.items())))


def _broken(shown: Bool) -> int:
    """Packets that build on one that is missing. Those before the first keyframe of a take do, too, and are no loss."""
    return int((~shown[np.argmax(shown) :]).sum()) if shown.any() else len(shown)


def _timeline(schema: Schema, streams: Mapping[str, Stream], start_ns: int, command_ns: int, stop_ns: int) -> I64:
    required = [spec.key for spec in schema.streams if spec.required]
    if missing := [key for key in required if key not in streams]:
        raise EpisodeError(
            f"no samples of {', '.join(missing)}, which the schema requires; the journal is kept: publish them, or set "
            "required = false in schema.toml, and record again"
        )
    present = [streams[key] for key in required] or list(streams.values())
    if not present:
        raise EpisodeError("no samples at all; the journal is kept")
    # the pre-roll begins when everything is there that was there at the command
    steady = [s for s in streams.values() if s.spec.kind not in ("command", "discrete") and int(s.t_ns[0]) <= command_ns]
    first_ns = max(start_ns, *(int(stream.t_ns[0]) for stream in (*present, *steady)))
    last_ns = min(stop_ns, *(int(stream.t_ns[-1]) for stream in present))
    if last_ns <= first_ns:
        ends = ", ".join(f"{s.spec.key} to {(int(s.t_ns[-1]) - start_ns) * 1e-9:.2f} s" for s in present)
        raise EpisodeError(f"the required streams were never there together ({ends}); the journal is kept")
    return even_timeline(first_ns, last_ns, schema.control_rate_hz)


def _metadata(
    found: Gathered, clocks: TakeClocks, digest: tuple[StreamDigest, ...], steps: list[dict[str, int | str]]
) -> dict[str, MetadataValue]:
    events = found.events
    marks = [{"t_ns": clocks.moment(int(e["t_ns"])), "label": e["label"]} for e in events if e.get("event") == "mark"]
    producers = {str(e["producer"]): str(e["clock"]) for e in events if e.get("event") == "producer"}
    changes = [e for e in events if e.get("event") in ("returned", "takes over")]
    out: dict[str, MetadataValue] = dict(json.loads(found.about["metadata"]))
    out |= {
        "record_began_utc": found.about["began_utc"],
        "record_preroll_s": float(found.about["preroll_s"]),
        "record_anchor_wall_ns": int(found.about["anchor_wall_ns"]),
        "record_anchor_monotonic_ns": int(found.about["anchor_monotonic_ns"]),
        "record_recorder": found.about["recorder"],
        "record_streams": json.dumps([_short(d) for d in digest]),
        "record_producers": json.dumps(producers),
        "record_recovered": False,
    }
    optional: dict[str, object] = {"marks": marks, "clock_steps": steps, "producer_changes": changes}
    out |= {f"record_{name}": json.dumps(value) for name, value in optional.items() if value}
    out |= {f"record_pings_{device}": json.dumps(_thinned(rows).tolist()) for device, rows in found.pings.items()}
    out |= {f"{CLOCK_PREFIX}{device}": clock_json(clock) for device, clock in clocks.devices.items()}
    if clocks.latencies_ns:
        out[LATENCY_KEY] = json.dumps(dict(sorted(clocks.latencies_ns.items())))
    if "host_clock" in found.about:
        out["record_host_clock"] = found.about["host_clock"]
    if clocks.pace is not None:
        out["record_pace"] = clocks.pace.speed
    refused = int(found.last.get("refused", 0)) - int(found.first.get("refused", 0))
    return out | ({"record_refused_messages": refused} if refused else {})


def _short(digest: StreamDigest) -> dict[str, Any]:
    """Its figures, without those that are nothing."""
    figures = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(digest).items()}
    return {name: value for name, value in figures.items() if value or name in ("stream", "samples", "measured_hz")}


def _thinned(rows: I64) -> I64:
    """(N, 3) at most `MOST_PINGS` exchanges: of each stretch the quickest, which bounds the clock best."""
    if len(rows) <= MOST_PINGS:
        return rows
    parts = np.array_split(rows, MOST_PINGS)
    return np.stack([part[np.argmin(part[:, 2] - part[:, 0])] for part in parts])


def _recovered(found: Gathered, cut: Cut, clocks: TakeClocks, end_ns: int) -> tuple[dict[str, MetadataValue], str]:
    """What a recovered episode says of itself: it never claims to have lost less than it may have."""
    lost = {key: n for key, n in sorted(cut.lost.items()) if n > 0}
    out: dict[str, MetadataValue] = {
        "record_recovered": True,
        "record_truncated_at_ns": end_ns,
        "record_lost_samples": json.dumps(lost),
    }
    if cut.alive_ns is None:
        out["record_lost_tail_s"] = -1.0
        return out, "recovered from the journal of a recorder that died; how much was lost is not known"
    stops = [int(e["t_ns"]) for e in found.events if e.get("event") == "stop"]
    until_ns = min([cut.alive_ns + ALIVE_NS, *stops[-1:]])
    lost_s = round(max(until_ns - clocks.host_moment(end_ns), 0) * 1e-9, 4)
    out["record_lost_tail_s"] = lost_s
    return out, f"recovered from the journal of a recorder that died; at most the last {lost_s:.3f} s are lost"
