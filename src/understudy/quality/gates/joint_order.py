"""Gate `joint_order`: joints in another order than their names say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from understudy.quality.columns import JOINT_STREAMS, POSITIONS, TORQUES
from understudy.quality.joint_columns import column_fits, other_side
from understudy.quality.thresholds import number
from understudy.quality.whole_body import Witness, body_of, told_as_it_is
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue

_ASKEW = 0.3
"""A pull that is so far from straight down, as the length of the difference of unit vectors, is no hanging hand's."""


class JointOrder:
    """Names of a joint stream are not the dataset's in that order; or the data says that they are not true.

    By data: targets or rates of at least `min_joints` joints are another joint's; the angles put the centre of mass over
    `max_com_error_m` from where the episode has it; tilt the torso otherwise than its IMU by over `max_tilt_error`; or contradict
    both the torques that hold the arms, by over `max_torque_error` of them, and the way in which a hand's weight pulls.
    """

    title = "Order of joints"
    needs: tuple[str, ...] = (POSITIONS,)
    defaults: Mapping[str, GateValue] = {
        "min_joints": 2.0,
        "max_com_error_m": 0.008,
        "max_tilt_error": 0.2,
        "max_torque_error": 0.5,
    }

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """What the names say, else what the data says; at most one finding per stream."""
        named = [*_by_name(episode, context)]
        return named or [*_by_columns(episode, context.thresholds), *_by_body(episode, context)]


def _by_name(episode: Episode, context: GateContext) -> Iterator[Finding]:
    wanted = context.schema.joint_names
    if episode.joint_names != wanted and set(episode.joint_names) == set(wanted):
        yield _finding("", f"joint {_first(episode.joint_names, wanted)}", None, None, "")
        return
    for key in JOINT_STREAMS:
        names = episode.streams[key].spec.names if key in episode else ()
        if names and names != episode.joint_names:
            yield _finding(key, f"{key}: column {_first(names, episode.joint_names)}", None, None, "")


def _first(found: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    place = next((i for i, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), min(len(found), len(wanted)))
    here, there = (names[place] if place < len(names) else "nothing" for names in (found, wanted))
    return f"{place} is {here}, and the dataset has {there} there"


def _by_columns(episode: Episode, limit: Mapping[str, GateValue]) -> Iterator[Finding]:
    turned, least = other_side(episode.joint_names), number(limit, "min_joints")
    for key, fit in column_fits(episode).items():
        columns = fit.taken_for()
        elsewhere = [(j, t) for j, t in columns.items() if j not in turned or not fit.is_rather(j, turned[j])]
        if len(columns) >= least and elsewhere:
            j, taken = elsewhere[0]
            example = f"{episode.joint_names[j]} is {episode.joint_names[taken]}"
            why = f"{len(columns)} columns of {key} are other joints' ({example}, ...)"
            yield _finding(key, why, float(len(columns)), least, "1")


def _by_body(episode: Episode, context: GateContext) -> Iterator[Finding]:
    body = body_of(episode, context.robot)
    found = told_as_it_is(episode, context.robot, body) if body is not None else []
    pulls_askew = any(w.error > _ASKEW for w in found if "wrist" in w.stream)
    for witness in found:
        if witness.stream == "debug/com_world":
            most = number(context.thresholds, "max_com_error_m")
            why = f"the angles put the centre of mass {witness.error * 1e3:.0f} mm from com_world (allowed {most * 1e3:.0f} mm)"
        elif "imu" in witness.stream:
            most = number(context.thresholds, "max_tilt_error")
            why = f"the angles tilt the body otherwise than {witness.stream} says, by {witness.error:.2f} (allowed {most:g})"
        elif witness.stream == TORQUES and pulls_askew:
            most = number(context.thresholds, "max_torque_error")
            why = f"the arms' torques are off by {witness.error:.0%} (allowed {most:.0%}), and a hand's weight does not pull down"
        else:
            continue
        if witness.error > most:
            yield _against_witness(witness, why, most)


def _finding(stream: str, why: str, value: float | None, limit: float | None, unit: str) -> Finding:
    message = f"the joints are not in the dataset's order: {why}. Reorder the columns by name, and import it again"
    return _said(stream, message, value, limit, unit)


def _against_witness(witness: Witness, why: str, most: float) -> Finding:
    """What a witness says shows only that something does not fit: the order is the likeliest, not the only way to that."""
    message = (
        f"angles, base and {witness.stream} do not agree: {why}. The joints are in another order, or one of the three is wrong: "
        "look at what other gates name, compare the columns' names, and import it again"
    )
    return _said(witness.stream, message, witness.error, most, witness.unit)


def _said(stream: str, message: str, value: float | None, limit: float | None, unit: str) -> Finding:
    return Finding(gate="joint_order", severity="reject", message=message, stream=stream, value=value, limit=limit, unit=unit)


PLUGIN: Gate = JointOrder()
