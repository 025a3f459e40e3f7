"""The digest of a take: what came of every stream, and in words what the operator should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from understudy.geom.arrays import I64
from understudy.record.ledger import GAP_S, GAP_STEPS
from understudy.spec.stream import Stream

SLOW, FAST = 0.95, 1.05
STEADY, STEADY_STEP_NS = 10, 200_000_000
"""Steps after which a command that an episode needs is one that comes at a rate, and the longest it may have."""
_COUNTS = ("refused", "lost", "late", "duplicates", "dropped_by_producer", "dropped_by_recorder", "clock_steps")


@dataclass(frozen=True)
class StreamDigest:
    """What came of one stream in one take.

    Attributes:
        stream: its key.
        samples: in the episode.
        expected_hz: of the schema; 0 where that leaves it open.
        measured_hz: by its stamps.
        jitter_ms: spread of the steps between its stamps about their median, standard deviation.
        gaps: pauses longer than the gate `sync` allows; `longest_gap_ms`: the longest step of all.
        bytes: in the journal.
        refused, lost, late, duplicates, dropped_by_producer, dropped_by_recorder, clock_steps: see `record.ledger.Ledger`.
        last_refusal: why the newest was refused.
        silent_s: before the end of the take, without a sample.
        undecodable: H.264 packets that came and are left out, for a packet that they build on never came.
    """

    stream: str
    samples: int
    expected_hz: float
    measured_hz: float
    jitter_ms: float
    gaps: int
    longest_gap_ms: float
    bytes: int
    refused: int = 0
    lost: int = 0
    late: int = 0
    duplicates: int = 0
    dropped_by_producer: int = 0
    dropped_by_recorder: int = 0
    clock_steps: int = 0
    last_refusal: str = ""
    silent_s: float = 0.0
    undecodable: int = 0


def stream_digest(stream: Stream, *, end_ns: int, size: int, first: Mapping[str, Any], last: Mapping[str, Any]) -> StreamDigest:
    """What came of one stream.

    Args:
        stream: as in the episode.
        end_ns: of the take.
        size: bytes in the journal.
        first, last: its counters at the take's start and end.
    """
    spec = stream.spec
    steps = np.diff(stream.t_ns).astype(np.float64)
    median = float(np.median(steps)) if len(steps) else 0.0
    events = spec.rate_hz == 0 and spec.kind in ("discrete", "command")
    paced = not events or (spec.required and len(steps) >= STEADY and median < STEADY_STEP_NS)
    step_s = 1.0 / spec.rate_hz if spec.rate_hz > 0 else median * 1e-9
    allowed_ns = 1e9 * max(GAP_S, GAP_STEPS * step_s)
    counts = {name: int(last.get(name, 0)) - int(first.get(name, 0)) for name in _COUNTS}
    return StreamDigest(
        stream=spec.key,
        samples=len(stream),
        expected_hz=spec.rate_hz,
        measured_hz=_rate(stream.t_ns),
        jitter_ms=float(np.std(steps[steps < 1.5 * median]) * 1e-6) if len(steps) and not events else 0.0,
        gaps=0 if events else int((steps > allowed_ns).sum()),
        longest_gap_ms=float(steps.max() * 1e-6) if len(steps) else 0.0,
        bytes=size,
        last_refusal=str(last.get("last_refusal", "")) if counts["refused"] else "",
        silent_s=0.0 if not paced else max((end_ns - int(stream.t_ns[-1])) * 1e-9 - step_s, 0.0),
        **counts,
    )


def _rate(t_ns: I64) -> float:
    return (len(t_ns) - 1) * 1e9 / float(t_ns[-1] - t_ns[0]) if len(t_ns) > 1 else 0.0


def sentences(digests: Sequence[StreamDigest], missing: Sequence[str]) -> list[str]:
    """What the operator should know of a take, one sentence each.

    Args:
        digests: of its streams.
        missing: streams that were on the bus and have no sample in the take.
    """
    said = [f"{key}: no sample in the take, though it was on the bus" for key in missing]
    for d in digests:
        if d.expected_hz and d.samples > 10 and not SLOW <= d.measured_hz / d.expected_hz <= FAST:
            said.append(f"{d.stream}: came at {d.measured_hz:.4g} Hz, the schema says {d.expected_hz:g} Hz")
        if d.silent_s > 0.5:
            said.append(f"{d.stream}: silent for the last {d.silent_s:.1f} s of the take")
        if d.gaps:
            said.append(f"{d.stream}: {d.gaps} gaps, the longest {d.longest_gap_ms:.0f} ms")
        if d.dropped_by_producer or d.dropped_by_recorder:
            said.append(
                f"{d.stream}: {d.dropped_by_producer} samples dropped by its producer, {d.dropped_by_recorder} by the recorder"
            )
        elif d.lost:
            said.append(f"{d.stream}: {d.lost} samples never came")
        if d.undecodable:
            said.append(f"{d.stream}: {d.undecodable} images after a missing one are left out: H.264 begins anew at a keyframe")
        if d.refused:
            said.append(f"{d.stream}: {d.refused} samples refused, the last because of {d.last_refusal}")
        if d.clock_steps:
            said.append(f"{d.stream}: its clock was set {d.clock_steps} times; stamps after that are carried on by arrival")
    return said
