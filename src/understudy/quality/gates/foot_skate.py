"""Gate `foot_skate`: planted feet that slide, or are a little off the floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64
from understudy.quality.posture import NEEDS, Posture, contact_key, posture
from understudy.quality.spans import moment
from understudy.quality.stances import Stance, stances, worst_window
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, Severity
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue
from understudy.spec.skeleton import SIDES


class FootSkate:
    """A planted sole slides at over `max_slide_m_s` on average over `window_s` (or through a stance that is shorter).

    Two means over all stances of a foot are warnings: a speed over `max_skate_m_s`, and a height off the floor of over
    `max_height_m`; feet that are off by more than that are the business of `foot_height`.

    Planted is what the person's foot was, or the robot's own contacts where nobody is known (teleoperation). The speed of a
    sole is that of its slowest outline point, so that rolling or turning on a toe is no skating.
    """

    title = "Foot skate"
    needs: tuple[str, ...] = NEEDS
    defaults: Mapping[str, GateValue] = {
        "max_skate_m_s": 0.05,
        "max_height_m": 0.02,
        "max_slide_m_s": 0.07,
        "window_s": 0.4,
        "min_stance_s": 0.1,
    }

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most two findings per foot."""
        seen, limit = posture(episode, context.robot), context.thresholds
        if len(seen.t_ns) <= seen.lag:
            return []
        every = stances(episode, seen, min_s=number(limit, "min_stance_s"))
        slides = [slide for stance in every if len((slide := _slide(seen, stance, number(limit, "window_s"))).speed_m_s)]
        found = []
        for foot, side in enumerate(SIDES):
            own = [slide for slide in slides if slide.foot == foot]
            found += _foot(episode, side, own, limit) if own else []
            found += _off_floor(episode, seen, side, [s for s in every if s.foot == foot], number(limit, "max_height_m"))
        return found


@dataclass(frozen=True)
class _Slide:
    """Speeds of a sole within a stance, and the mean, beginning and end of the worst window in it."""

    foot: int
    speed_m_s: F64
    worst_m_s: float = 0.0
    start_ns: int = 0
    end_ns: int = 0


def _slide(seen: Posture, stance: Stance, window_s: float) -> _Slide:
    """Without speeds where the stance is shorter than a speed is taken over."""
    first, last = stance.span.first, stance.span.last - seen.lag
    speed = seen.sole_speed_m_s[first : max(first, last + 1), stance.foot]
    if len(speed) == 0:
        return _Slide(stance.foot, speed)
    worst, begin, end = worst_window(speed, seen.t_ns[first : last + 1], window_s)
    return _Slide(stance.foot, speed, worst, int(seen.t_ns[first + begin]), int(seen.t_ns[first + end + seen.lag]))


def _foot(episode: Episode, side: str, own: list[_Slide], limit: Mapping[str, GateValue]) -> list[Finding]:
    most, most_mean = number(limit, "max_slide_m_s"), number(limit, "max_skate_m_s")
    worst, mean = max(own, key=lambda slide: slide.worst_m_s), float(np.concatenate([s.speed_m_s for s in own]).mean())
    if worst.worst_m_s > most:
        where = f"from {moment(episode, worst.start_ns)} to {moment(episode, worst.end_ns)}"
        text = f"the {side} foot slides at {worst.worst_m_s * 100:.1f} cm/s while planted {where} (allowed {most * 100:.1f})"
        return [_finding(episode, "reject", text, worst.start_ns, worst.end_ns, worst.worst_m_s, most)]
    if mean > most_mean:
        text = f"the {side} foot slides at {mean * 100:.1f} cm/s on average while planted (allowed {most_mean * 100:.1f}), "
        text += f"most at {moment(episode, worst.start_ns)}"
        return [_finding(episode, "warn", text, worst.start_ns, worst.end_ns, mean, most_mean)]
    return []


def _off_floor(episode: Episode, seen: Posture, side: str, own: list[Stance], most_m: float) -> list[Finding]:
    if not own:
        return []
    height_m = np.concatenate([seen.sole_height_m[s.span.rows, s.foot] for s in own])
    mean_m = float(height_m.mean())
    if abs(mean_m) <= most_m:
        return []
    where = "above" if mean_m > 0 else "below"
    text = (
        f"the {side} foot is {abs(mean_m) * 100:.1f} cm {where} the floor on average while planted (allowed {most_m * 100:.1f})"
    )
    return [_finding(episode, "warn", text, own[0].span.start_ns, own[-1].span.end_ns, mean_m, most_m, "m")]


def _finding(
    episode: Episode, severity: Severity, said: str, start_ns: int, end_ns: int, value: float, most: float, unit: str = "m/s"
) -> Finding:
    return Finding(
        gate="foot_skate",
        severity=severity,
        message=f"{said}. Retarget it again with its contacts, or mend the contact flags or the base's pose",
        stream=contact_key(episode),
        start_ns=start_ns,
        end_ns=end_ns,
        value=value,
        limit=most,
        unit=unit,
    )


PLUGIN: Gate = FootSkate()
