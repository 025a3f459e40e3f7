"""Gate `frozen_images`: a camera that gives the same picture again and again while the robot moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64
from understudy.quality.columns import BASE, POSITIONS, joint_series, series, severity_of
from understudy.quality.pictures import Pictures, cameras, pictures
from understudy.quality.spans import Span, clock_s, moment, spans
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, Severity
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.robot import RobotModel
from understudy.spec.schema import GateValue

_USUALLY_NEW = 0.9


class FrozenImages:
    """A picture comes again, to the byte, for over `max_still_s` while a joint moves by over `moving_rad`.

    Refused where the camera gives new pictures otherwise, or another camera does meanwhile, or the head itself moves. Where none
    of this shows that the picture had to change, as before an empty wall, it is a warning.
    """

    title = "Frozen images"
    needs: tuple[str, ...] = (POSITIONS,)
    defaults: Mapping[str, GateValue] = {"max_still_s": 0.5, "moving_rad": 0.1}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding per camera, in the order of their names."""
        joints = joint_series(episode, POSITIONS)
        if joints is None:
            return []
        found, still_s = [], number(context.thresholds, "max_still_s")
        for stream in cameras(episode):
            seen = pictures(episode)
            still = spans(seen[stream.spec.key].repeats, stream.t_ns, min_s=still_s)
            moving = [(span, _moved(joints, span)) for span in still]
            moving = [(span, rad) for span, rad in moving if rad > number(context.thresholds, "moving_rad")]
            if not moving:
                continue
            span, rad = max(moving, key=lambda pair: pair[0].last - pair[0].first)
            head = stream.spec.name.startswith("head")
            sure = head and _head_moves(episode, context.robot, joints, span, number(context.thresholds, "moving_rad"))
            sure = sure or _usually_new(seen[stream.spec.key], span)
            if stream.video is None:  # in a video, noise is rounded away: a still scene may well give the same pictures
                sure = sure or _others_change(episode, seen, stream.spec.key, span)
            severity = severity_of(stream) if sure else "warn"
            found.append(_finding(episode, stream.spec.key, span, rad, still_s, severity))
        return found


def _moved(series: tuple[np.ndarray[tuple[int], np.dtype[np.int64]], F64], span: Span) -> float:
    """How far the joint that moves most goes within a stretch, rad."""
    inside = (series[0] >= span.start_ns) & (series[0] <= span.end_ns)
    return float(np.ptp(series[1][inside], axis=0).max()) if inside.any() else 0.0


def _usually_new(seen: Pictures, span: Span) -> bool:
    """Whether the camera gives a new picture nearly every time outside of a stretch."""
    outside = np.ones(len(seen.repeats), dtype=bool)
    outside[max(span.first - 1, 0) : span.last + 1] = False
    return int(outside.sum()) >= 5 and float((~seen.repeats[outside]).mean()) >= _USUALLY_NEW


def _others_change(episode: Episode, seen: Mapping[str, Pictures], key: str, span: Span) -> bool:
    """Whether another camera gives new pictures within a stretch."""
    for other in cameras(episode):
        inside = (other.t_ns > span.start_ns) & (other.t_ns <= span.end_ns)
        repeats = seen[other.spec.key].repeats[inside]
        if other.spec.key != key and len(repeats) >= 5 and float((~repeats).mean()) >= _USUALLY_NEW:
            return True
    return False


def _head_moves(
    episode: Episode,
    robot: RobotModel,
    joints: tuple[np.ndarray[tuple[int], np.dtype[np.int64]], F64],
    span: Span,
    most_rad: float,
) -> bool:
    """Whether what carries the head moves: the waist, the neck or the base."""
    carry = [*robot.profile.groups.get("waist", ()), *robot.profile.groups.get("head", ())]
    columns = [episode.joint_names.index(name) for name in carry if name in episode.joint_names]
    inside = (joints[0] >= span.start_ns) & (joints[0] <= span.end_ns)
    if columns and inside.any() and float(np.ptp(joints[1][inside][:, columns], axis=0).max()) > most_rad:
        return True
    base = series(episode, BASE)
    if base is None:
        return False
    within = (base[0] >= span.start_ns) & (base[0] <= span.end_ns)
    return bool(within.any()) and float(np.ptp(base[1][within], axis=0).max()) > most_rad


def _finding(episode: Episode, key: str, span: Span, rad: float, limit_s: float, severity: Severity) -> Finding:
    still_s = (span.end_ns - span.start_ns) * 1e-9
    message = (
        f"{key}: the same picture for {still_s:.2f} s from {clock_s(episode, span.start_ns):.2f} to "
        f"{moment(episode, span.end_ns)} (allowed {limit_s:g} s) while a joint moves by {rad:.2f} rad. "
        "The camera hangs or its program repeats the last picture: start it anew and record it again"
    )
    return Finding(
        gate="frozen_images",
        severity=severity,
        message=message,
        stream=key,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        value=max(still_s, limit_s),
        limit=limit_s,
        unit="s",
    )


PLUGIN: Gate = FrozenImages()
