"""Gate `sync`: streams that lost samples, stood still, ran off the timeline or whose clock went backwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import I64, Bool
from understudy.quality.spans import median_step_s, moment
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue
from understudy.spec.stream import Stream


class Sync:
    """Over `max_missing` of the samples missing, a gap over `max_gap_s`, or stamps that do not increase, in any observation.

    A sample that is not a number, or is marked invalid by the recorder, is a missing one. Streams slower than 30 Hz may
    have gaps of up to `slow_gap_steps` of their own steps. Discrete streams without a rate are events: only their order counts.
    """

    title = "Synchronization"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {"max_missing": 0.02, "max_gap_s": 0.05, "slow_gap_steps": 1.5}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """Findings stream by stream, in the order of their names."""
        empty = len(episode.timeline_ns) == 0
        found = [_finding("", "the timeline has no steps: the episode is empty; record it again")] if empty else []
        for key in sorted(episode.streams):
            if key.startswith("observations/"):
                found += _stream(episode, episode.streams[key], context.thresholds)
        return found


def _stream(episode: Episode, stream: Stream, limit: Mapping[str, GateValue]) -> list[Finding]:
    backward = _backward(episode, stream)
    if backward:
        return backward
    events = stream.spec.kind == "discrete" and stream.spec.rate_hz == 0
    t_ns = stream.t_ns[_good(stream)]
    if events or len(episode.timeline_ns) == 0:
        return []
    if len(t_ns) == 0:
        return [_finding(stream.spec.key, f"{stream.spec.name} has no usable sample; check that its device was on")]
    step_s = 1.0 / stream.spec.rate_hz if stream.spec.rate_hz > 0 else median_step_s(stream.t_ns)
    if step_s <= 0.0:
        step_s = max(episode.duration_s, 1e-3)
    gap_s = max(number(limit, "max_gap_s"), number(limit, "slow_gap_steps") * step_s)
    missing = _missing(stream, t_ns, step_s, number(limit, "max_missing"))
    return missing + _gap(episode, stream, t_ns, gap_s) + _ends(episode, stream, t_ns, gap_s)


def _good(stream: Stream) -> Bool:
    """(N,) samples that are there: finite, and not marked invalid."""
    good = np.ones(len(stream), dtype=bool)
    if "valid" in stream.extra:
        good &= stream.extra["valid"].astype(bool)
    if stream.spec.kind != "image" and stream.data.dtype.kind == "f":
        good &= np.isfinite(stream.data.astype(np.float64)).all(axis=tuple(range(1, stream.data.ndim)))
    return good


def _backward(episode: Episode, stream: Stream) -> list[Finding]:
    turned = np.flatnonzero(np.diff(stream.t_ns) <= 0)
    if len(turned) == 0:
        return []
    at = int(stream.t_ns[turned[0]])
    message = (
        f"{stream.spec.name}: the stamp after {moment(episode, at)} does not increase "
        f"({len(turned)} times in {len(stream)} samples). "
        "Its clock was set or two sources share the stream; fix the source and record it again"
    )
    return [_finding(stream.spec.key, message, start_ns=at, end_ns=at, value=float(len(turned)), limit=0.0, unit="1")]


def _missing(stream: Stream, t_ns: I64, step_s: float, most: float) -> list[Finding]:
    """Holes between samples, or too few of them altogether, whichever is the larger share."""
    steps = np.diff(t_ns) * 1e-9 / step_s
    holes = int(np.maximum(np.round(steps) - 1, 0).sum()) + (len(stream) - len(t_ns) if len(t_ns) < 2 else 0)
    expected = round(float(t_ns[-1] - t_ns[0]) * 1e-9 / step_s) + 1
    share = max(holes / (holes + len(t_ns)), 1.0 - len(t_ns) / expected)
    if share <= most:
        return []
    message = (
        f"{stream.spec.name}: {share:.1%} of its samples are missing ({len(t_ns)} of {expected} at {1 / step_s:.4g} Hz; "
        f"allowed {most:.1%}). Check the device's rate in schema.toml, its cable and the load of the machine; record it again"
    )
    return [_finding(stream.spec.key, message, start_ns=int(t_ns[0]), end_ns=int(t_ns[-1]), value=share, limit=most, unit="1")]


def _gap(episode: Episode, stream: Stream, t_ns: I64, most_s: float) -> list[Finding]:
    gaps_ns, most_ns = np.diff(t_ns), round(most_s * 1e9)
    if len(gaps_ns) == 0 or gaps_ns.max() <= most_ns:
        return []
    at, count = int(np.argmax(gaps_ns)), int((gaps_ns > most_ns).sum())
    gap_s = float(gaps_ns[at]) * 1e-9
    message = (
        f"{stream.spec.name}: nothing for {gap_s * 1e3:.0f} ms after {moment(episode, t_ns[at])} "
        f"(allowed {most_s * 1e3:.0f} ms), {'one such gap' if count == 1 else f'{count} such gaps'}. "
        "Record it again, or trim the episode there"
    )
    span = {"start_ns": int(t_ns[at]), "end_ns": int(t_ns[at + 1])}
    return [_finding(stream.spec.key, message, value=gap_s, limit=most_s, unit="s", **span)]


def _ends(episode: Episode, stream: Stream, t_ns: I64, most_s: float) -> list[Finding]:
    """A stream that begins after the timeline or ends before it."""
    found = []
    first, last = int(episode.timeline_ns[0]), int(episode.timeline_ns[-1])
    for what, late_s, start_ns, end_ns in (
        ("begins", (int(t_ns[0]) - first) * 1e-9, first, int(t_ns[0])),
        ("ends", (last - int(t_ns[-1])) * 1e-9, int(t_ns[-1]), last),
    ):
        if late_s > most_s:
            side = "after the timeline does" if what == "begins" else "before the timeline does"
            message = (
                f"{stream.spec.name} {what} {late_s * 1e3:.0f} ms {side} (allowed {most_s * 1e3:.0f} ms). "
                "Trim the episode to where all streams are there, or record it again"
            )
            span = {"start_ns": start_ns, "end_ns": end_ns}
            found.append(_finding(stream.spec.key, message, value=late_s, limit=most_s, unit="s", **span))
    return found


def _finding(
    key: str,
    message: str,
    *,
    start_ns: int | None = None,
    end_ns: int | None = None,
    value: float | None = None,
    limit: float | None = None,
    unit: str = "",
) -> Finding:
    return Finding(
        gate="sync",
        severity="reject",
        message=message,
        stream=key,
        start_ns=start_ns,
        end_ns=end_ns,
        value=value,
        limit=limit,
        unit=unit,
    )


PLUGIN: Gate = Sync()
