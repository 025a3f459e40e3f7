"""Gate `skew`: a stream whose clock is off, or runs off, against the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import I64
from understudy.quality.cadence import step_of
from understudy.quality.columns import increasing, severity_of
from understudy.quality.lag import Lag, lag_between
from understudy.quality.same_motion import Pair, pairs
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue
from understudy.spec.stream import Stream

_LIKE, _SHARP = 0.95, 2e-4
_LONGEST_PART_S, _MARGIN_S = 8.0, 0.3
_FEWEST_OTHERS, _MOST_AGREE = 3, 0.6
_EXACT_S = 0.002


@dataclass(frozen=True)
class _Off:
    """How far a stream is off, seconds, at its beginning and its end, by what that shows, and whether that is exact."""

    start_s: float
    end_s: float
    by: str
    exact: bool = False


class Skew:
    """A stream is off by over `max_skew_s`, or runs off by over `max_drift_s` from its beginning to its end.

    Streams of one motion, which have the same stamps, also by over `max_drift_ppm`. Seen by motion that two streams show (rates
    of joints and the slope of their angles, IMUs, gravity, velocity and the base), by beginning and end where the streams of a
    take all have the same, and by samples that arrived before they were taken. What a robot does comes after what it is told:
    only a change of that delay by over `max_command_drift_s` counts. Without motion nothing is said.
    """

    title = "Skew between streams"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {
        "max_skew_s": 0.015,
        "max_drift_s": 0.02,
        "max_drift_ppm": 1500.0,
        "max_command_drift_s": 0.05,
    }

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding per stream, in the order of their names."""
        skew_s, drift_s = number(context.thresholds, "max_skew_s"), number(context.thresholds, "max_drift_s")
        found: dict[str, Finding] = {}
        most_ppm = number(context.thresholds, "max_drift_ppm")
        command_s = number(context.thresholds, "max_command_drift_s")
        for stream, off in (*_by_ends(episode), *_by_arrival(episode), *_by_motion(episode, context, command_s)):
            drift, worst = off.end_s - off.start_s, max(off.start_s, off.end_s, key=abs)
            ppm = abs(drift) / max(episode.duration_s, 1e-3) * 1e6
            drifts = abs(drift) > drift_s or (off.exact and abs(drift) > _EXACT_S and ppm > most_ppm)
            if stream.spec.key not in found and (drifts or abs(worst) > skew_s):
                found[stream.spec.key] = _finding(stream, off, drift if drifts else worst, drift_s if drifts else skew_s, drifts)
        return [found[key] for key in sorted(found)]


def _by_motion(episode: Episode, context: GateContext, command_s: float) -> Iterator[tuple[Stream, _Off]]:
    if len(episode.timeline_ns) == 0:
        return
    first, last = int(episode.timeline_ns[0]), int(episode.timeline_ns[-1])
    part_ns = min((last - first) // 3, round(_LONGEST_PART_S * 1e9))
    early = _lags(episode, context, first, first + part_ns)
    late = _lags(episode, context, last - part_ns, last)
    both = {*early} & {*late}
    whole = _lags(episode, context, first, last) if part_ns * 1e-9 < _LONGEST_PART_S else {}
    whole = {key: found for key, found in whole.items() if key not in both}
    for key in sorted({*whole} | both):
        pair, begun = whole.get(key) or early[key]
        _, ended = whole.get(key) or late[key]
        start_s, end_s = begun.lag_s, ended.lag_s
        if pair.lags:
            start_s, end_s = 0.0, ended.lag_s - begun.lag_s
            if abs(end_s) <= command_s:
                continue
        yield episode.stream(pair.key), _Off(start_s, end_s, f"the motion that {pair.against} shows too")


def _lags(episode: Episode, context: GateContext, start_ns: int, end_ns: int) -> dict[tuple[str, str], tuple[Pair, Lag]]:
    """Delays that are sure, in a stretch; streams are taken a little beyond it, for they may be off."""
    margin_ns = round(_MARGIN_S * 1e9)
    found = {}
    for pair in pairs(episode, context.robot, start_ns=start_ns - margin_ns, end_ns=end_ns + margin_ns):
        lag = _sure(lag_between(pair.a, pair.b))
        if lag is not None:
            found[pair.key, pair.against] = pair, lag
    return found


def _sure(lag: Lag | None) -> Lag | None:
    return lag if lag is not None and lag.likeness > _LIKE and lag.sharpness > _SHARP else None


def _by_ends(episode: Episode) -> Iterator[tuple[Stream, _Off]]:
    """Streams that begin and end both late or both early, or run longer, against streams that all keep the same time.

    A stream begins within one of its steps after the take does, and ends within one before; what is beyond is its clock's. Where
    the others have the very same stamps, to the nanosecond, so must it: they were made of one motion.
    """
    streams = [s for key, s in sorted(episode.streams.items()) if _steady(s)]
    if len(streams) <= _FEWEST_OTHERS:
        return
    begins, ends_ns = np.array([s.t_ns[0] for s in streams]), np.array([s.t_ns[-1] for s in streams])
    counts, steps_s = np.array([len(s) for s in streams]), [step_of(s, episode) for s in streams]
    steps_ns = np.array([round(step_s * 1e9) for step_s in steps_s])
    for i, stream in enumerate(streams):
        others = [*streams[:i], *streams[i + 1 :]]
        starts, ends, steps = np.delete(begins, i), np.delete(ends_ns, i), np.delete(steps_ns, i)
        twins = np.delete(counts, i) == counts[i]
        exact = (starts == _middle(starts)) & (ends == _middle(ends)) & twins
        if float(exact.mean()) >= _MOST_AGREE:
            start_ns, end_ns, step_s = int(starts[exact][0]), int(ends[exact][0]), 0.0
        else:
            first_ns, last_ns = _agreed(starts, steps), _agreed(ends, steps)
            if first_ns is None or last_ns is None:
                continue
            start_ns, end_ns, step_s = first_ns, last_ns, steps_s[i]
        start_s, end_s = (int(stream.t_ns[0]) - start_ns) * 1e-9, (int(stream.t_ns[-1]) - end_ns) * 1e-9
        off = _Off(_beyond(start_s, step_s), _beyond(end_s, step_s), "beginning and end of the others", exact=step_s == 0.0)
        if off.start_s * off.end_s > 0 or step_s == 0.0 or (off.end_s != 0.0 and _runs(stream, off, others)):
            yield stream, off


def _steady(stream: Stream) -> bool:
    """Whether samples come at even steps, so that beginning and end tell when the stream was on."""
    if len(stream) <= 10 or stream.spec.kind == "command" or stream.derived or not increasing(stream):
        return False
    steps = np.diff(stream.t_ns)
    return stream.spec.kind != "discrete" or float(np.abs(steps / np.median(steps) - 1.0).mean()) < 0.1


def _agreed(stamps: I64, steps: I64) -> int | None:
    """The moment at which most streams begin or end, to within their steps; None where they do not agree."""
    middle = _middle(stamps)
    near = np.abs(stamps - middle) <= steps + 2_000_000
    return middle if float(near.mean()) >= _MOST_AGREE else None


def _middle(stamps: I64) -> int:
    """The median, exact to the nanosecond."""
    return int(np.sort(stamps)[len(stamps) // 2])


def _beyond(off_s: float, step_s: float) -> float:
    """What is left of an offset that one step could explain."""
    return float(np.sign(off_s)) * max(abs(off_s) - step_s, 0.0) if abs(off_s) > 1.2 * step_s else 0.0


def _runs(stream: Stream, off: _Off, others: Sequence[Stream]) -> bool:
    """Whether a stream that only ends off its time ran so all along: another one has as many samples, and began with it."""
    if stream.spec.rate_hz <= 0 and len(stream) < 50:
        return False
    return any(len(s) == len(stream) and abs(int(s.t_ns[0]) - int(stream.t_ns[0])) < abs(off.end_s) * 0.5e9 for s in others)


def _by_arrival(episode: Episode) -> Iterator[tuple[Stream, _Off]]:
    """Samples that came before they were taken. Where the dataset's clock is the robot's, arrivals are on another."""
    if "record_clock_steps" in episode.metadata:
        return
    for _, stream in sorted(episode.streams.items()):
        arrival = stream.extra.get("t_arrival_ns")
        if arrival is None or len(arrival) != len(stream) or len(stream) < 30:
            continue
        delay_s = (arrival.astype(np.int64) - stream.t_ns) * 1e-9
        part = max(len(stream) // 10, 10)
        start_s, end_s = float(delay_s[:part].min()), float(delay_s[-part:].min())
        if np.abs(delay_s).max() < 10.0:
            yield stream, _Off(max(0.0, -start_s), max(0.0, -end_s), "its own arrival stamps, which are earlier")


def _finding(stream: Stream, off: _Off, value_s: float, limit_s: float, drifts: bool) -> Finding:
    ms = value_s * 1e3
    if drifts:
        what = f"runs off by {abs(ms):.0f} ms from its beginning to its end (allowed {limit_s * 1e3:.0f} ms)"
    else:
        what = f"is {abs(ms):.0f} ms {'late' if ms > 0 else 'early'} (allowed {limit_s * 1e3:.0f} ms)"
    message = (
        f"{stream.spec.name} {what}, by {off.by}. Check its clock and latency with `understudy sync check`; "
        "`sync realign` lays it anew where its raw stamps are kept"
    )
    return Finding(
        gate="skew",
        severity=severity_of(stream),
        message=message,
        stream=stream.spec.key,
        start_ns=int(stream.t_ns[0]),
        end_ns=int(stream.t_ns[-1]),
        value=abs(value_s),
        limit=limit_s,
        unit="s",
    )


PLUGIN: Gate = Skew()
