"""Gate `frozen_joints`: encoders that are the same to the last bit while the joint moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.geom.interpolation import lerp_at
from understudy.quality.columns import POSITIONS, TARGETS, VELOCITIES, extent, joint_series
from understudy.quality.spans import Span, clock_s, moment, spans
from understudy.quality.thresholds import number
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Gate, GateContext
from understudy.spec.schema import GateValue

_AROUND_NS = 50_000_000
_SELDOM = 0.1
_AT_LIMIT_RAD = 2e-3
"""A joint that a solver or a stop holds at the end of its range does not move either; that is no fault of the encoder."""


class FrozenJoints:
    """A joint's angle stays the same to the last bit although the joint moves.

    For `frozen_s` while its command moves by over `frozen_command_rad`; for `stop_s` after or before it turned faster than
    `abrupt_rad_s`, which no joint can; or for `stop_s` while its measured rate is over that. All joints of a recorded robot at
    once for `stop_s`, without the noise that they have otherwise.
    """

    title = "Frozen joints"
    needs: tuple[str, ...] = (POSITIONS,)
    defaults: Mapping[str, GateValue] = {"frozen_s": 1.0, "frozen_command_rad": 0.1, "stop_s": 0.25, "abrupt_rad_s": 0.3}

    def check(self, episode: Episode, context: GateContext) -> Sequence[Finding]:
        """One finding for all joints that freeze at once, else at most one per joint, in the episode's order."""
        found = joint_series(episode, POSITIONS)
        if found is None:
            return []
        t_ns, q_rad = found
        still = np.zeros(q_rad.shape, dtype=bool)
        np.equal(q_rad[1:], q_rad[:-1], out=still[1:])
        limit = context.thresholds
        order = context.robot.reorder(episode.joint_names, where=f"episode {episode.id}")
        lower, upper = np.empty(len(order)), np.empty(len(order))
        lower[order], upper[order] = context.robot.lower_rad, context.robot.upper_rad
        stopped = np.zeros(q_rad.shape, dtype=bool)
        for j in np.flatnonzero(still.any(axis=0)):
            inside = (np.abs(q_rad[:, j] - lower[j]) > _AT_LIMIT_RAD) & (np.abs(q_rad[:, j] - upper[j]) > _AT_LIMIT_RAD)
            stopped[:, j] = still[:, j] & inside
        if repeated := _repeated(episode, t_ns, still, limit):
            return repeated
        seen: set[int] = set()
        together = _stopped(episode, t_ns, q_rad, stopped, limit, seen)
        return together + _commanded(episode, t_ns, still, limit, seen)


def _commanded(episode: Episode, t_ns: I64, still: Bool, limit: Mapping[str, GateValue], seen: set[int]) -> list[Finding]:
    """Joints, but those seen, that do not move while what they are told does; targets made from the motion tell nothing."""
    told = joint_series(episode, TARGETS)
    if told is None or episode.stream(TARGETS).derived:
        return []
    found, most, target_rad = [], number(limit, "frozen_command_rad"), None
    reach = extent(episode.stream(TARGETS))
    moves = reach.high - reach.low > most if reach.finite else np.ones(still.shape[1], dtype=bool)
    for j in np.flatnonzero(still.any(axis=0) & moves):
        for span in spans(still[:, j], t_ns, min_s=number(limit, "frozen_s")) if int(j) not in seen else []:
            if target_rad is None:  # seldom needed
                target_rad = episode.stream(TARGETS).sample_at(t_ns).astype(np.float64)
            told_rad = float(np.ptp(target_rad[span.rows, j]))
            if told_rad > most:
                message = (
                    f"{episode.joint_names[j]} does not move at all from {clock_s(episode, span.start_ns):.2f} to "
                    f"{moment(episode, span.end_ns)} while its command moves by {told_rad:.2f} rad "
                    f"(allowed {most:g}). Check its encoder and motor"
                )
                found.append(_finding(span, message, told_rad, most, "rad"))
                break
    return found


def _stopped(
    episode: Episode, t_ns: I64, q_rad: F64, still: Bool, limit: Mapping[str, GateValue], seen: set[int]
) -> list[Finding]:
    """Joints that stop from one sample to the next, or start so, or stand still while they say that they turn; adds to `seen`."""
    most, found = number(limit, "abrupt_rad_s"), []
    rates = joint_series(episode, VELOCITIES)
    ends = None if rates is None else extent(episode.stream(VELOCITIES))
    turns = np.ones(still.shape[1], dtype=bool)  # by a rate that is over the limit anywhere: else none within a stretch can be
    if ends is not None and ends.finite:
        turns = np.maximum(ends.high, -ends.low) > most
    count = still.shape[1]
    candidates = [(span, int(j)) for j in np.flatnonzero(still.any(axis=0)) for span in _long(still[:, j], t_ns, limit)]
    worst: dict[tuple[int, int], tuple[float, list[int], Span]] = {}
    for span, j in candidates:
        speed = max(_speed_around(t_ns, q_rad[:, j], span), _rate_within(rates, j, span) if turns[j] else 0.0)
        if speed > most:
            top, joints, _ = worst.get((span.first, span.last), (0.0, [], span))
            worst[span.first, span.last] = (max(top, speed), [*joints, j], span)
    for speed, joints, span in worst.values():
        if seen.issuperset(joints):
            continue
        seen.update(joints)
        names = [episode.joint_names[j] for j in joints]
        who = f"{len(joints)} of {count} joints stand" if len(joints) > 3 else f"{', '.join(names)} stand"
        message = (
            f"{who if len(joints) > 1 else names[0] + ' stands'} still to the last bit from "
            f"{clock_s(episode, span.start_ns):.2f} to {moment(episode, span.end_ns)}, with {speed:.2f} rad/s right there "
            f"(allowed {most:g}). The same samples came again and again: check the bus and the encoder, and record it again"
        )
        found.append(_finding(span, message, speed, most, "rad/s"))
    return found


def _repeated(episode: Episode, t_ns: I64, still: Bool, limit: Mapping[str, GateValue]) -> list[Finding]:
    """A recorded robot whose encoders all stand still at once, though their noise changes them all the time otherwise."""
    if "t_arrival_ns" not in episode.stream(POSITIONS).extra:
        return []
    together = _long(np.asarray(still.all(axis=1)), t_ns, limit)
    outside = np.ones(len(still), dtype=bool)
    for span in together:
        outside[span.rows] = False
    if not together or int(outside.sum()) < 20 or float(still[outside].mean()) > _SELDOM:
        return []
    span = max(together, key=lambda s: s.last - s.first)
    long_s, most_s = (span.end_ns - span.start_ns) * 1e-9, number(limit, "stop_s")
    message = (
        f"all joints give the same numbers for {long_s:.2f} s from {clock_s(episode, span.start_ns):.2f} to "
        f"{moment(episode, span.end_ns)} (allowed {most_s:g} s), without the noise they have otherwise. "
        "The same samples came again and again: check the bus, and record it again"
    )
    return [_finding(span, message, max(long_s, most_s), most_s, "s")]


def _long(still: Bool, t_ns: I64, limit: Mapping[str, GateValue]) -> list[Span]:
    return spans(still, t_ns, min_s=number(limit, "stop_s"))


def _speed_around(t_ns: I64, q_rad: F64, span: Span) -> float:
    """The faster of the speeds right before and right after a stretch, over 50 ms, so that one step of an encoder is none."""
    start_ns, end_ns = int(t_ns[max(span.first - 1, 0)]), span.end_ns
    before, after = lerp_at(
        t_ns, q_rad[:, None], np.array([max(start_ns - _AROUND_NS, int(t_ns[0])), min(end_ns + _AROUND_NS, int(t_ns[-1]))])
    )[:, 0]
    return max(abs(float(q_rad[span.first] - before)), abs(float(after - q_rad[span.last]))) / (_AROUND_NS * 1e-9)


def _rate_within(rates: tuple[I64, F64] | None, joint: int, span: Span) -> float:
    """Median rate that is measured within a stretch; 0 where none is."""
    if rates is None:
        return 0.0
    first, last = np.searchsorted(rates[0], span.start_ns, side="right"), np.searchsorted(rates[0], span.end_ns)
    return float(np.median(np.abs(rates[1][first:last, joint]))) if last - first >= 5 else 0.0


def _finding(span: Span, message: str, value: float, limit: float, unit: str) -> Finding:
    return Finding(
        gate="frozen_joints",
        severity="reject",
        message=message,
        stream=POSITIONS,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        value=value,
        limit=limit,
        unit=unit,
    )


PLUGIN: Gate = FrozenJoints()
