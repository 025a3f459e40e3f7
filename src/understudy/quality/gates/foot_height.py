"""Gate `foot_height`: feet that stand in the air, or in the floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.quality.lowest_body import lowest_body
from understudy.quality.posture import BASE, CONTACTS, NEEDS, Posture, contact_key, posture
from understudy.quality.spans import Span, moment, spans
from understudy.quality.stances import stances, worst_window
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue
from understudy.spec.skeleton import SIDES

FREE_SOURCES = ("mocap", "video", "synthetic")
"""Motions of these sources hang in no gantry: what touches nothing for long, floats."""


class FootHeight:
    """A planted sole is over `max_off_m` off the floor on average over `window_s` of a stance, either way; any sole is that
    far below it for `hold_s`; or a motion of a person touches nothing within `max_off_m` for longer than `max_flight_s`.
    """

    title = "Floating or sunken feet"
    needs: tuple[str, ...] = NEEDS
    defaults: Mapping[str, GateValue] = {
        "max_off_m": 0.03,
        "window_s": 0.25,
        "min_stance_s": 0.1,
        "hold_s": 0.1,
        "max_flight_s": 1.0,
    }

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding per foot, or one for the whole robot."""
        seen, limit = posture(episode, context.robot), context.thresholds
        if len(seen.t_ns) < 2:
            return []
        most_m = number(limit, "max_off_m")
        found = []
        for foot, side in enumerate(SIDES):
            height_m = seen.sole_height_m[:, foot]
            found += _sunken(episode, side, seen, height_m, most_m, number(limit, "hold_s"))
        if not found and any(key in episode and len(episode.stream(key)) for key in CONTACTS):
            found = _planted(episode, seen, limit, most_m)
        if not found and str(episode.metadata.get("motion_source", "")) in FREE_SOURCES:
            found = _floating(episode, seen, most_m, number(limit, "max_flight_s"))
        return found


def _sunken(episode: Episode, side: str, seen: Posture, height_m: F64, most_m: float, hold_s: float) -> list[Finding]:
    under = spans(height_m < -most_m, seen.t_ns, min_s=hold_s) if float(height_m.min()) < -most_m else []
    if not under:
        return []
    span = min(under, key=lambda s: float(height_m[s.rows].min()))
    value = float(height_m[span.rows].min())
    text = f"the {side} foot is {-value * 100:.1f} cm below the floor at {moment(episode, span.start_ns)}"
    return [_finding(BASE, f"{text} (allowed {most_m * 100:.1f})", span, value, -most_m)]


def _planted(episode: Episode, seen: Posture, limit: Mapping[str, GateValue], most_m: float) -> list[Finding]:
    every = stances(episode, seen, min_s=number(limit, "min_stance_s"))
    found = []
    for foot, side in enumerate(SIDES):
        own = [s.span for s in every if s.foot == foot]
        found += _foot(episode, side, seen.t_ns, seen.sole_height_m[:, foot], own, limit, most_m) if own else []
    return found


def _foot(
    episode: Episode, side: str, t_ns: I64, height_m: F64, own: list[Span], limit: Mapping[str, GateValue], most_m: float
) -> list[Finding]:
    """The worst window of all stances of a foot."""
    windows = [(*worst_window(height_m[s.rows], t_ns[s.rows], number(limit, "window_s")), s.first) for s in own]
    value, begin, end, first = max(windows, key=lambda w: abs(w[0]))
    if abs(value) <= most_m:
        return []
    span = Span(first + begin, first + end, int(t_ns[first + begin]), int(t_ns[first + end]))
    text = f"{_off(side, value)} while planted from {moment(episode, span.start_ns)} to {moment(episode, span.end_ns)}"
    text += f" (allowed {most_m * 100:.1f})"
    return [_finding(contact_key(episode), text, span, value, float(np.copysign(most_m, value)))]


def _off(side: str, height_m: float) -> str:
    return f"the {side} foot is {abs(height_m) * 100:.1f} cm {'above' if height_m > 0 else 'below'} the floor"


def _floating(episode: Episode, seen: Posture, most_m: float, longest_s: float) -> list[Finding]:
    """Nothing of the robot near the floor for longer than anybody can jump."""
    for span in spans(seen.sole_height_m.min(axis=1) > most_m, seen.t_ns, min_s=longest_s):
        rows: I64 = np.arange(span.first, span.last + 1)
        _, lowest_m = lowest_body(seen, rows)
        if lowest_m > most_m:  # else it lies, sits or kneels
            value = min(float(seen.sole_height_m[span.rows].min()), lowest_m)
            text = f"nothing of the robot is within {most_m * 100:.1f} cm of the floor from {moment(episode, span.start_ns)} to "
            text += f"{moment(episode, span.end_ns)} (allowed for {longest_s:g} s)"
            return [_finding(BASE, text, span, value, most_m)]
    return []


def _finding(key: str, said: str, span: Span, value: float, limit: float) -> Finding:
    return Finding(
        gate="foot_height",
        severity="reject",
        message=(
            f"{said}. Find the height of the floor again, or mend the contact flags; "
            "where the task stands on something, turn the gate off for it in schema.toml"
        ),
        stream=key,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        value=value,
        limit=limit,
        unit="m",
    )


PLUGIN: Gate = FootHeight()
