"""Gate `gaps`: a stream that stood still, began late or ended early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import I64
from understudy.quality.cadence import judged, step_of
from understudy.quality.columns import severity_of, usable
from understudy.quality.spans import median_step_s, moment
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue
from understudy.spec.stream import Stream


class Gaps:
    """Nothing for over `max_gap_s` in an observation, a camera or the timeline, between samples or at the timeline's ends.

    Streams slower than 30 Hz may have gaps of up to `slow_gap_steps` of their own steps.
    """

    title = "Gaps"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {"max_gap_s": 0.05, "slow_gap_steps": 1.5}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """Findings stream by stream, in the order of their names; the timeline's first."""
        most_s, steps = number(context.thresholds, "max_gap_s"), number(context.thresholds, "slow_gap_steps")
        allowed_s = max(most_s, steps * median_step_s(episode.timeline_ns))
        found = _between(episode, None, episode.timeline_ns, allowed_s)
        for stream in judged(episode):
            t_ns = stream.t_ns[usable(stream)]
            if len(t_ns):
                allowed_s = max(most_s, steps * step_of(stream, episode))
                found += _between(episode, stream, t_ns, allowed_s) + _ends(episode, stream, t_ns, allowed_s)
        return found


def _between(episode: Episode, stream: Stream | None, t_ns: I64, most_s: float) -> list[Finding]:
    gaps_ns, most_ns = np.diff(t_ns), round(most_s * 1e9)
    if len(gaps_ns) == 0 or gaps_ns.max() <= most_ns:
        return []
    at, count = int(np.argmax(gaps_ns)), int((gaps_ns > most_ns).sum())
    gap_s = float(gaps_ns[at]) * 1e-9
    message = (
        f"{stream.spec.name if stream else 'the timeline'}: nothing for {gap_s * 1e3:.0f} ms after {moment(episode, t_ns[at])} "
        f"(allowed {most_s * 1e3:.0f} ms), {'one such gap' if count == 1 else f'{count} such gaps'}. "
        "Record it again, or trim the episode there"
    )
    return [_finding(stream, message, int(t_ns[at]), int(t_ns[at + 1]), gap_s, most_s)]


def _ends(episode: Episode, stream: Stream, t_ns: I64, most_s: float) -> list[Finding]:
    """A stream that begins after the timeline or ends before it."""
    found = []
    first, last = int(episode.timeline_ns[0]), int(episode.timeline_ns[-1])
    late_s, early_s = (int(t_ns[0]) - first) * 1e-9, (last - int(t_ns[-1])) * 1e-9
    for what, off_s, start_ns, end_ns in (
        ("begins {} after the timeline does", late_s, first, int(t_ns[0])),
        ("ends {} before the timeline does", early_s, int(t_ns[-1]), last),
    ):
        if off_s > most_s:
            message = (
                f"{stream.spec.name} {what.format(f'{off_s * 1e3:.0f} ms')} (allowed {most_s * 1e3:.0f} ms). "
                "Trim the episode to where all streams are there, or record it again"
            )
            found.append(_finding(stream, message, start_ns, end_ns, off_s, most_s))
    return found


def _finding(stream: Stream | None, message: str, start_ns: int, end_ns: int, value_s: float, limit_s: float) -> Finding:
    return Finding(
        gate="gaps",
        severity=severity_of(stream) if stream else "reject",
        message=message,
        stream=stream.spec.key if stream else "",
        start_ns=min(start_ns, end_ns),
        end_ns=max(start_ns, end_ns),
        value=value_s,
        limit=limit_s,
        unit="s",
    )


PLUGIN: Gate = Gaps()
