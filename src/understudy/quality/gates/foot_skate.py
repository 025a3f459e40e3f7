"""Gate `foot_skate`: planted feet that slide, or hang above or sink into the floor. It warns; it does not refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.quality.posture import CONTACTS, NEEDS, Posture, posture
from understudy.quality.spans import moment
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue
from understudy.spec.skeleton import SIDES


class FootSkate:
    """Mean speed of planted soles over `max_skate_m_s`, or their mean height off the floor over `max_height_m`, foot by foot.

    Planted is what the person's foot was, or the robot's own contacts where nobody is known (teleoperation). The speed of a
    sole is that of its slowest outline point, so that turning on a toe is no skating.
    """

    title = "Foot skate"
    needs: tuple[str, ...] = NEEDS
    defaults: Mapping[str, GateValue] = {"max_skate_m_s": 0.05, "max_height_m": 0.02}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most two warnings per foot."""
        seen = posture(episode, context.robot)
        if len(seen.t_ns) < 2:
            return []
        planted, found = seen.should_stand(episode), []
        for i, side in enumerate(SIDES):
            speed_m_s, both = _sole_speed(seen, side, planted[:, i])
            if both.any():
                mean, most = float(speed_m_s[both].mean()), number(context.thresholds, "max_skate_m_s")
                if mean > most:
                    at = int(np.flatnonzero(both)[np.argmax(speed_m_s[both])])
                    text = f"slides at {mean * 100:.1f} cm/s on average while planted (allowed {most * 100:.1f}), most at"
                    found.append(_finding(episode, seen, side, at, text, mean, most, "m/s"))
            if planted[:, i].any():
                height_m = seen.soles[side][..., 2].min(axis=1)
                mean, most = float(height_m[planted[:, i]].mean()), number(context.thresholds, "max_height_m")
                if abs(mean) > most:
                    at = int(np.flatnonzero(planted[:, i])[np.argmax(np.abs(height_m[planted[:, i]]))])
                    where = "above" if mean > 0 else "below"
                    text = f"is {abs(mean) * 100:.1f} cm {where} the floor on average while planted "
                    text += f"(allowed {most * 100:.1f}), most at"
                    found.append(_finding(episode, seen, side, at, text, mean, most, "m"))
        return found


def _sole_speed(seen: Posture, side: str, planted: Bool) -> tuple[F64, Bool]:
    """Horizontal speed (T - 1,) of the sole's slowest point, and the steps (T - 1,) with the foot planted at both ends."""
    moved = np.diff(seen.soles[side][..., :2], axis=0)
    moved_m = np.sqrt((moved[..., 0] ** 2 + moved[..., 1] ** 2).min(axis=1))
    dt_s = np.diff(seen.t_ns) * 1e-9
    return moved_m / np.maximum(dt_s, 1e-9), planted[1:] & planted[:-1] & (dt_s > 0)


def _finding(episode: Episode, seen: Posture, side: str, at: int, text: str, value: float, most: float, unit: str) -> Finding:
    t_ns = int(seen.t_ns[at])
    message = f"the {side} foot {text} {moment(episode, t_ns)}. Retarget it again with its contacts, or mend the contact flags"
    return Finding(
        gate="foot_skate",
        severity="warn",
        message=message,
        stream=next(key for key in CONTACTS if key in episode),
        start_ns=t_ns,
        end_ns=t_ns,
        value=value,
        limit=most,
        unit=unit,
    )


PLUGIN: Gate = FootSkate()
