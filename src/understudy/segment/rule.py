"""The rule that splits an episode into locomotion, manipulation and idle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from understudy.geom.arrays import F64, I8, I64, Bool
from understudy.geom.interpolation import latest_index, lerp_at
from understudy.kinematics.contact import held
from understudy.segment.signals import BodySignals
from understudy.spec.findings import Segment

LABELS = ("locomotion", "manipulation", "idle")
LOCOMOTION, MANIPULATION, IDLE = range(3)
RULE = "rule"
"""What stands in `Segment.by` of the rule's own."""


@dataclass(frozen=True)
class Rule:
    """Thresholds; each pair is where something begins and where it ends, so that nothing flickers at one value.

    Attributes:
        rate_hz: steps per second at which the motion is looked at.
        smooth_s: speeds are means over this, centred: longer than a sway, shorter than a step and a stop.
        walk_m_s, turn_rad_s: the base moves over the ground, or turns.
        step_s: it also moves from the first foot lifted to the last set down, where both are and no pause is longer than this.
        flight_s: with both feet off the ground for longer than this nobody steps: the robot hangs, or is carried.
        slow_m_s: a base slower than this, with raised arms, is one that manipulates and shuffles.
        hand_s: a wrist moves against its shoulder by as many arm lengths per second, with the base at rest.
        away: a wrist is held away from where a neutral arm has it, in arm lengths; `raised`, far enough to block locomotion.
        min_s: shortest segment of each label; shorter ones go to their neighbours.
    """

    rate_hz: float = 50.0
    smooth_s: float = 0.5
    walk_m_s: tuple[float, float] = (0.2, 0.12)
    turn_rad_s: tuple[float, float] = (0.4, 0.25)
    step_s: float = 0.8
    flight_s: float = 1.0
    slow_m_s: tuple[float, float] = (0.35, 0.25)
    hand_s: tuple[float, float] = (0.35, 0.2)
    away: tuple[float, float] = (0.35, 0.28)
    raised: tuple[float, float] = (0.7, 0.6)
    min_s: Mapping[str, float] = field(default_factory=lambda: {"locomotion": 0.8, "manipulation": 0.6, "idle": 1.0})


def segments_of(
    signals: BodySignals, *, start_ns: int, end_ns: int, sources: Sequence[Segment], source: str, rule: Rule = Rule()
) -> tuple[Segment, ...]:
    """An episode's segments, one after the other without gaps from its start to its end.

    Args:
        signals: as `segment.signals` makes them.
        start_ns, end_ns: of the episode's timeline, end exclusive.
        sources: segments that say where parts of the motion came from; a boundary of theirs is one here.
        source: where the rest came from.
        rule: thresholds.
    """
    if end_ns <= start_ns:
        return ()
    steps = max(int(np.ceil((end_ns - start_ns) * 1e-9 * rule.rate_hz)), 1)
    t_ns = start_ns + np.round(np.arange(steps) * (1e9 / rule.rate_hz)).astype(np.int64)
    labels = cleaned(step_labels(signals, t_ns, rule), rule)
    edges = {int(t_ns[i]) for i in np.flatnonzero(np.diff(labels)) + 1}
    edges |= {t for s in sources for t in (s.start_ns, s.end_ns) if start_ns < t < end_ns}
    cuts = [start_ns, *sorted(edges), end_ns]
    found = [
        Segment(
            start_ns=a, end_ns=b, label=LABELS[labels[latest_index(t_ns, np.array([a]))[0]]], by=RULE,
            source=next((s.source for s in sources if s.start_ns <= a < s.end_ns), source),
        )
        for a, b in zip(cuts[:-1], cuts[1:], strict=True)
    ]  # fmt: skip
    return tuple(found)


def step_labels(signals: BodySignals, t_ns: I64, rule: Rule) -> I8:
    """(T,) label of each step before short ones are cleaned away: an index into LABELS.

    The base moves or turns, or the feet step: locomotion, unless it is slow and a hand is held up. Else a hand that moves or is
    held up: manipulation. Else idle.
    """
    base_m, yaw, wrists = (lerp_at(signals.t_ns, x, t_ns) for x in (signals.base_world_m, signals.yaw_rad, signals.wrists_chest))
    contact = signals.contact[latest_index(signals.t_ns, t_ns)]
    span = max(round(rule.smooth_s * rule.rate_hz / 2.0), 1)
    speed = np.linalg.norm(_slope(base_m[:, :2], span, rule.rate_hz), axis=1)
    turning = np.abs(_slope(yaw, span, rule.rate_hz))
    moves = _over(speed, rule.walk_m_s) | _over(turning, rule.turn_rad_s) | _stepping(contact, rule)
    away = lerp_at(signals.t_ns, signals.arms_away, t_ns).max(axis=1)
    hands = _over(np.linalg.norm(_slope(wrists, max(span // 2, 1), rule.rate_hz), axis=2).max(axis=1), rule.hand_s)
    goes = moves & (_over(speed, rule.slow_m_s) | ~_over(away, rule.raised))
    return np.where(goes, LOCOMOTION, np.where(_over(away, rule.away) | hands, MANIPULATION, IDLE)).astype(np.int8)


def cleaned(labels: I8, rule: Rule) -> I8:
    """The labels without stretches shorter than their label's minimum: the shortest goes first, to its longer neighbour."""
    least = [rule.min_s.get(label, 0.0) * rule.rate_hz for label in LABELS]
    runs = _runs(labels)
    while len(runs) > 1:
        short = [i for i, (label, length) in enumerate(runs) if length < least[label]]
        if not short:
            break
        i = min(short, key=lambda i: runs[i][1] / least[runs[i][0]])
        beside = [k for k in (i - 1, i + 1) if 0 <= k < len(runs)]
        into = max(beside, key=lambda k: runs[k][1])
        runs[i] = (runs[into][0], runs[i][1])
        runs = _merged(runs)
    return np.repeat(np.array([label for label, _ in runs], dtype=np.int8), [length for _, length in runs])


def kept_around(found: Sequence[Segment], people: Sequence[Segment]) -> tuple[Segment, ...]:
    """The rule's segments where no person set one, and the persons' as they are; in the order of time."""
    out = list(people)
    for segment in found:
        pieces = [segment]
        for person in people:
            pieces = [piece for part in pieces for piece in _without(part, person)]
        out += pieces
    return tuple(sorted(out, key=lambda s: (s.start_ns, s.end_ns)))


def _without(segment: Segment, hole: Segment) -> list[Segment]:
    before = segment.model_copy(update={"end_ns": min(segment.end_ns, hole.start_ns)})
    after = segment.model_copy(update={"start_ns": max(segment.start_ns, hole.end_ns)})
    if hole.end_ns <= segment.start_ns or hole.start_ns >= segment.end_ns:
        return [segment]
    return [part for part in (before, after) if part.end_ns > part.start_ns]


def _over(values: F64, thresholds: tuple[float, float]) -> Bool:
    begin, end = thresholds
    on: Bool = held(values >= begin, values < end)
    return np.asarray(on | held((values >= begin)[::-1], (values < end)[::-1])[::-1])


def _slope(values: F64, span: int, rate_hz: float) -> F64:
    """(T, ...) change per second over `span` steps to either side, shorter at the ends."""
    at = np.arange(len(values))
    low, high = np.maximum(at - span, 0), np.minimum(at + span, len(values) - 1)
    gap_s = np.maximum(high - low, 1) / rate_hz
    return np.asarray((values[high] - values[low]) / gap_s.reshape((-1,) + (1,) * (values.ndim - 1)))


def _stepping(contact: Bool, rule: Rule) -> Bool:
    """(T,) from the first foot lifted to the last set down, where both are by turns without a pause over `step_s`."""
    contact = contact | _hanging(contact, rule)[:, None]
    lifted = np.flatnonzero(~contact.all(axis=1))
    out = np.zeros(len(contact), dtype=np.bool_)
    for run in np.split(lifted, np.flatnonzero(np.diff(lifted) > rule.step_s * rule.rate_hz) + 1) if len(lifted) else ():
        if (~contact[run]).any(axis=0).all():
            out[run[0] : run[-1] + 1] = True
    return out


def _hanging(contact: Bool, rule: Rule) -> Bool:
    """(T,) within a stretch of over `flight_s` in which no foot is on the ground."""
    off_ground: I8 = np.where(contact.any(axis=1), 0, 1).astype(np.int8)
    runs = _runs(off_ground)
    return np.repeat([off == 1 and n > rule.flight_s * rule.rate_hz for off, n in runs], [n for _, n in runs])


def _runs(labels: I8) -> list[tuple[int, int]]:
    edges = np.concatenate([[0], np.flatnonzero(np.diff(labels)) + 1, [len(labels)]])
    return [(int(labels[a]), int(b - a)) for a, b in zip(edges[:-1], edges[1:], strict=True)]


def _merged(runs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for label, length in runs:
        if out and out[-1][0] == label:
            out[-1] = (label, out[-1][1] + length)
        else:
            out.append((label, length))
    return out
