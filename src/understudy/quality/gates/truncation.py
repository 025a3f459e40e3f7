"""Gate `truncation`: a take that was cut off before it was over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.interpolation import lerp_at
from understudy.quality.columns import POSITIONS, joint_series
from understudy.quality.thresholds import number
from understudy.quality.travel import TravelSays, joint_travel_rad, travel_says, usual_travel_rad
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, Severity
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue

_FEWEST_PEERS = 3
_END_S = 0.1
_USUAL = (10.0, 90.0)


class Truncation:
    """Shorter than `min_share` of the task's median duration, or than `min_share_moving` of it and still moving at the end; or
    however long it is, its joints go less than `min_travel` of the way that they go in the task's other episodes.

    In both cases also less than `min_share_shortest` of the shortest usual one. The others are three or more, of which the middle
    80 % are within a factor of `max_spread` of each other: where they differ by design nothing is said. A short take whose
    joints go `whole_travel` of the usual way was quick, not cut off. A recorder's own count of samples, where the episode has it,
    must be there too: fewer than `min_recorded` of them is a file that was cut. An end in full motion (`moving_rad_s`) alone is
    only noted, where the recorder died.
    """

    title = "Truncated"
    needs: tuple[str, ...] = ()
    defaults: Mapping[str, GateValue] = {
        "min_share": 0.65,
        "min_share_moving": 0.75,
        "min_travel": 0.7,
        "whole_travel": 0.9,
        "min_share_shortest": 0.8,
        "max_spread": 1.7,
        "moving_rad_s": 0.5,
        "min_recorded": 0.9,
    }

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding that refuses, and one that warns."""
        if len(episode.timeline_ns) == 0:
            return []
        limit, found = context.thresholds, []
        speed = end_speed(episode)
        moving = speed > number(limit, "moving_rad_s")
        short, says = _shorter(episode, context, speed if moving else 0.0), _travels(episode, context)
        if short is not None and says != "whole":
            found.append(short)
        elif says == "less":
            found.append(_less(episode, context))
        if not found and (lost := _fewer_than_recorded(episode)) is not None and lost[1] < number(limit, "min_recorded"):
            found.append(_cut(episode, *lost, number(limit, "min_recorded")))
        if episode.metadata.get("record_recovered") is True and moving and not found:
            message = (
                f"the recorder died in this take, and it ends in full motion ({speed:.2f} rad/s). "
                "Look at its end, and record it again where the task was not over"
            )
            found.append(_finding(episode, "warn", message, speed, number(limit, "moving_rad_s"), "rad/s"))
        return found


def _shorter(episode: Episode, context: GateContext, speed: float) -> Finding | None:
    """The finding where the episode is shorter than its task's others; `speed` at its end is 0 where that is no motion."""
    limit = context.thresholds
    peers_s = np.array([s for id_, s in sorted(context.peers.items()) if id_ != episode.id and s > 0])
    if len(peers_s) < _FEWEST_PEERS:
        return None
    low, high = np.percentile(peers_s, _USUAL)
    median_s, least = float(np.median(peers_s)), number(limit, "min_share_moving" if speed else "min_share")
    alike = high <= number(limit, "max_spread") * low
    if not alike or episode.duration_s >= min(least * median_s, number(limit, "min_share_shortest") * low):
        return None
    return _short(episode, median_s, least, speed)


def _travels(episode: Episode, context: GateContext) -> TravelSays:
    if not context.travels:
        return ""
    return travel_says(joint_travel_rad(episode), context.travels, context.thresholds, but=episode.id)


def end_speed(episode: Episode) -> float:
    """How fast the fastest joint turns over the last 0.1 s, rad/s; 0 where that cannot be said."""
    found = joint_series(episode, POSITIONS)
    if found is None:
        return 0.0
    t_ns, q_rad = found
    end_ns = min(int(t_ns[-1]), int(episode.timeline_ns[-1]))
    before, after = lerp_at(t_ns, q_rad, np.array([max(end_ns - round(_END_S * 1e9), int(t_ns[0])), end_ns]))
    return float(np.abs(after - before).max()) / _END_S


def _fewer_than_recorded(episode: Episode) -> tuple[str, float] | None:
    """The stream that lacks most of the samples its recorder counted, and the share that is there; None where nobody counted."""
    try:
        counted = json.loads(str(episode.metadata.get("record_streams", "[]")))
        samples = {str(row["stream"]): int(row["samples"]) for row in counted}
    except (ValueError, TypeError, KeyError):
        return None
    shares = [(len(episode.streams[key]) / n, key) for key, n in sorted(samples.items()) if n > 0 and key in episode]
    return (min(shares)[1], min(shares)[0]) if shares else None


def _short(episode: Episode, median_s: float, least: float, speed: float) -> Finding:
    share = episode.duration_s / median_s
    message = (
        f"the episode lasts {episode.duration_s:.2f} s, {share:.0%} of what its task mostly takes ({median_s:.2f} s; at least "
        f"{least:.0%} is needed){f', and it ends in full motion ({speed:.2f} rad/s)' if speed else ''}. "
        "It was cut off: record it again, or give it a task of its own"
    )
    return _finding(episode, "reject", message, share, least, "1")


def _less(episode: Episode, context: GateContext) -> Finding:
    limit, way_rad = context.thresholds, joint_travel_rad(episode)
    usual = usual_travel_rad(context.travels, but=episode.id, max_spread=number(limit, "max_spread"))
    median = usual[0] if usual else way_rad
    message = (
        f"its joints go {way_rad:.1f} rad in all, {way_rad / median:.0%} of what they mostly go in its task ({median:.1f} rad; "
        f"at least {number(limit, 'min_travel'):.0%} is needed): the motion ends in its middle. "
        "Look at its end and record it again, or give it a task of its own"
    )
    return _finding(episode, "reject", message, way_rad / median, number(limit, "min_travel"), "1")


def _cut(episode: Episode, key: str, share: float, least: float) -> Finding:
    message = (
        f"{key}: {share:.0%} of the samples that its recorder counted are there (at least {least:.0%} is needed). "
        "The episode was cut after it was recorded: say so with parent_id, or take the whole one"
    )
    severity: Severity = "warn" if episode.metadata.get("parent_id") else "reject"
    return _finding(episode, severity, message, share, least, "1").model_copy(update={"stream": key})


def _finding(episode: Episode, severity: Severity, message: str, value: float, limit: float, unit: str) -> Finding:
    return Finding(
        gate="truncation",
        severity=severity,
        message=message,
        start_ns=int(episode.timeline_ns[-1]),
        end_ns=int(episode.timeline_ns[-1]),
        value=value,
        limit=limit,
        unit=unit,
    )


PLUGIN: Gate = Truncation()
