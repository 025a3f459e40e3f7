"""Gate `fall`: the robot went down, told from a squat, a kneel or a get-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.quality.joints import POSITIONS
from understudy.quality.lowest_body import lowest_body
from understudy.quality.posture import BASE, Posture, posture
from understudy.quality.spans import Span, median_step_s, moment, spans
from understudy.quality.thresholds import choice, number
from understudy.quality.upright import TILT
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue, TaskRules


class Fall:
    """A fall is a low pelvis with one sign of going down, or a tilt that no stance has.

    Low is under `min_height_ratio` of the standing height. The signs: up to `before_s` earlier, a tilt over `max_tilt_rad`, or
    another body than a foot within `min_clearance_m` of the ground; a descent over `max_descent_m_s` from where it gets low on.
    `mode = "strict"` takes every low pelvis for a fall, whatever the task allows.

    Who jumps or drops into a crouch is quick while the legs are still long and slow again when the pelvis is low, for they brake;
    a robot that falls passes there at over four fifths of the speed of free fall.

    Where the episode has no pose of the base, tilt is that of the robot's own sensors, and height that above the foot that bears
    its weight. A robot whose feet bear nothing (in a gantry, in flight) has no height then, and only a tilt is a fall.
    """

    title = "Fall"
    needs: tuple[str, ...] = (POSITIONS,)
    defaults: Mapping[str, GateValue] = {
        "mode": "evidence",
        "min_height_ratio": 0.5,
        "max_tilt_rad": 0.8,
        "max_descent_m_s": 1.0,
        "min_clearance_m": 0.02,
        "before_s": 0.5,
        "hold_s": 0.05,
        "max_tilt_alone_rad": 1.4,
        "tilt_alone_hold_s": 0.2,
    }

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """The first fall of the episode, or nothing."""
        seen, limit = posture(episode, context.robot), context.thresholds
        if len(seen.t_ns) == 0:
            return []
        height_m = seen.base_pos_world_m[:, 2]
        low_m = number(limit, "min_height_ratio") * context.robot.profile.standing_height_m
        low = spans(height_m < low_m, seen.t_ns, min_s=number(limit, "hold_s"))
        if choice(limit, "mode", ("evidence", "strict")) == "strict":
            return [_low_finding(episode, s, height_m, low_m, "the strict rule takes this for a fall") for s in low[:1]]
        task = context.schema.task(str(episode.metadata.get("task_id", "")))
        for span in low:
            if reason := _sign_of_falling(seen, span, limit, task):
                return [_low_finding(episode, span, height_m, low_m, reason)]
        return [] if task.floor_contact else _tilt_alone(episode, seen, limit)


def _sign_of_falling(seen: Posture, span: Span, limit: Mapping[str, GateValue], task: TaskRules) -> str:
    """What tells this low pelvis from a squat; empty when nothing does."""
    before_ns = int(number(limit, "before_s") * 1e9)
    rows = slice(int(np.searchsorted(seen.t_ns, span.start_ns - before_ns)), span.last + 1)
    tilt_rad = float(seen.tilt_rad[rows].max())
    height_m = seen.base_pos_world_m[:, 2]
    if tilt_rad > number(limit, "max_tilt_rad") and not task.floor_contact:
        return f"tilted by {tilt_rad:.2f} rad (allowed {number(limit, 'max_tilt_rad'):.2f})"
    descent_m_s = float(np.nanmax(-vertical_speed(height_m, seen.t_ns)[span.rows], initial=0.0))
    if descent_m_s > number(limit, "max_descent_m_s") and not task.low_pelvis:
        return f"still going down at {descent_m_s:.1f} m/s (allowed {number(limit, 'max_descent_m_s'):.1f})"
    if not task.floor_contact:
        known = np.flatnonzero(np.isfinite(height_m[rows])) + rows.start
        body, lowest_m = lowest_body(seen, known)
        if lowest_m < number(limit, "min_clearance_m"):
            return f"with {body} on the ground"
    return ""


def _low_finding(episode: Episode, span: Span, height_m: F64, low_m: float, reason: str) -> Finding:
    lowest_m = float(height_m[span.rows].min())
    return Finding(
        gate="fall",
        severity="reject",
        stream=_seen_in(episode),
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        value=lowest_m,
        limit=low_m,
        unit="m",
        message=(
            f"pelvis at {lowest_m:.2f} m (low is under {low_m:.2f} m) from {moment(episode, span.start_ns)} on, {reason}. "
            "If the task goes down there, set low_pelvis or floor_contact for it in schema.toml; else record it again"
        ),
    )


def _tilt_alone(episode: Episode, seen: Posture, limit: Mapping[str, GateValue]) -> list[Finding]:
    most_rad, hold_s = number(limit, "max_tilt_alone_rad"), number(limit, "tilt_alone_hold_s")
    for span in spans(seen.tilt_rad > most_rad, seen.t_ns, min_s=hold_s):
        tilt_rad = float(seen.tilt_rad[span.rows].max())
        message = (
            f"pelvis tilted by {tilt_rad:.2f} rad at {moment(episode, span.start_ns)} "
            f"(allowed {most_rad:.2f} for {hold_s:g} s). "
            "If the task bends that far, raise max_tilt_alone_rad for it in schema.toml; else record it again"
        )
        return [
            Finding(
                gate="fall",
                severity="reject",
                stream=_seen_in(episode),
                start_ns=span.start_ns,
                end_ns=span.end_ns,
                value=tilt_rad,
                limit=most_rad,
                unit="rad",
                message=message,
            )
        ]
    return []


def _seen_in(episode: Episode) -> str:
    """The stream that a fall was seen in."""
    return next(key for key in (BASE, *TILT) if key in episode and len(episode.stream(key)))


def vertical_speed(height_m: F64, t_ns: I64, *, over_s: float = 0.1) -> F64:
    """(T,) m/s, upward positive, as the mean over `over_s` around each sample, so that noise of one sample is no descent."""
    step_s = median_step_s(t_ns)
    if step_s <= 0.0:
        return np.zeros(len(height_m))
    reach = max(1, round(over_s / 2 / step_s))
    at = np.arange(len(height_m))
    lo, hi = np.maximum(at - reach, 0), np.minimum(at + reach, len(height_m) - 1)
    return np.asarray((height_m[hi] - height_m[lo]) / np.maximum((t_ns[hi] - t_ns[lo]) * 1e-9, 1e-9))


PLUGIN: Gate = Fall()
