"""Gate `swapped_sides`: left and right exchanged in the joints, in what they were told, or in the feet's contacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64
from understudy.quality.columns import POSITIONS
from understudy.quality.joint_columns import column_fits, other_side
from understudy.quality.thresholds import number
from understudy.quality.whole_body import PERSON, Body, Witness, body_of, told_as_it_is, witnesses
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.robot import RobotModel
from understudy.spec.schema import GateValue

_CLEARLY = 0.4
"""Exchanged, a contradiction must shrink to this share."""
_LEAST: Mapping[str, float] = {"debug/com_world": 3e-4, "observations/joint_torques": 0.4, PERSON: 0.08}
_LEAST_FEET_M, _LEAST_HAND = 2e-3, 0.3
_SMALL = 0.25
"""A witness whose contradiction is under this share of its least size speaks for the columns as they are."""


class SwappedSides:
    """With the joints of the left and the right exchanged an episode contradicts itself less than as it is.

    Witnesses: the person who was followed, the centre of mass, soles that stand, torques of the arms and pulls at the wrists
    against gravity. Also targets or rates that are those of the other side. Where nothing else speaks, arms that both lean
    through the body by over `through_rad` are warned of.
    """

    title = "Left and right exchanged"
    needs: tuple[str, ...] = (POSITIONS,)
    defaults: Mapping[str, GateValue] = {"through_rad": 0.15, "min_joints": 2.0}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """At most one finding."""
        turned = other_side(episode.joint_names)
        for key, fit in column_fits(episode).items():
            sides = [j for j, partner in turned.items() if fit.is_rather(j, partner)]
            if len(sides) >= number(context.thresholds, "min_joints"):
                names = ", ".join(episode.joint_names[j] for j in sides[:3])
                why = f"{len(sides)} columns of {key} are those of the other side ({names} ...)"
                return [_finding(key, why, float(len(sides)), number(context.thresholds, "min_joints"), "1")]
        body = body_of(episode, context.robot)
        return list(_by_body(episode, context, body))[:1] if body is not None else []


def _by_body(episode: Episode, context: GateContext, body: Body) -> Iterator[Finding]:
    robot = context.robot
    as_is = told_as_it_is(episode, robot, body)
    exchanged = witnesses(episode, robot, body, _exchanged(robot, body.joint_pos))
    against = [(a, b) for a, b in zip(as_is, exchanged, strict=True) if a.error > _least(a) and b.error < _CLEARLY * a.error]
    speaks_for = [a for a, b in zip(as_is, exchanged, strict=True) if a.error < _SMALL * b.error and b.error > _least(b)]
    for a, b in against:
        why = f"{a.stream} contradicts the joints ({_size(a)}), and does not with left and right exchanged ({_size(b)})"
        yield _finding(a.stream, why, a.error, _least(a), a.unit)
    if not as_is or not (against or speaks_for):
        yield from _through_the_body(robot, body, number(context.thresholds, "through_rad"))


def _exchanged(robot: RobotModel, joint_pos: F64) -> F64:
    turned = other_side(robot.joint_names)
    return joint_pos[:, [turned.get(j, j) for j in range(robot.dof)]]


def _least(witness: Witness) -> float:
    if "wrist" in witness.stream:
        return _LEAST_HAND
    return _LEAST.get(witness.stream, _LEAST_FEET_M if "contact" in witness.stream else 0.1)


def _size(witness: Witness) -> str:
    return f"{witness.error * 1e3:.1f} mm" if witness.unit == "m" else f"{witness.error:.2f}"


def _through_the_body(robot: RobotModel, body: Body, most_rad: float) -> Iterator[Finding]:
    """Upper arms that both lean inwards most of the time: outwards is where the range of a shoulder's roll is wider."""
    columns = {
        side: [j for j, n in enumerate(robot.joint_names) if side in n and "shoulder_roll" in n] for side in ("left", "right")
    }
    if not all(len(found) == 1 for found in columns.values()):
        return
    (left,), (right,) = columns.values()
    outwards = np.sign(robot.lower_rad + robot.upper_rad)
    if outwards[left] * outwards[right] >= 0:
        return
    lean = [float(np.median(body.joint_pos[:, j]) * outwards[j]) for j in (left, right)]
    if max(lean) < -most_rad:
        why = f"both upper arms lean into the body most of the time, by at least {-max(lean):.2f} rad (allowed {most_rad:g})"
        yield _finding(POSITIONS, why, -max(lean), most_rad, "rad").model_copy(update={"severity": "warn"})


def _finding(stream: str, why: str, value: float, limit: float, unit: str) -> Finding:
    message = f"left and right look exchanged: {why}. Put the columns right where the data comes in, and import it again"
    return Finding(gate="swapped_sides", severity="reject", message=message, stream=stream, value=value, limit=limit, unit=unit)


PLUGIN: Gate = SwappedSides()
