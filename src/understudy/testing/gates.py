"""What every gate must do: a suite for the author of one.

    case = GateCase("my_gate", PLUGIN, robot, schema, bad=an_episode_with_the_defect, good=one_without)
    check_gate(case)                                        # or, one test per law:
    @pytest.mark.parametrize("law", GATE_LAWS)
    def test_my_gate(law: str) -> None: GATE_LAWS[law](case)

A law raises AssertionError that says what the gate did and what was expected.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

import numpy as np

from understudy import plugins
from understudy.errors import SchemaError
from understudy.geom.arrays import AnyArray
from understudy.quality.thresholds import merged
from understudy.quality.verdict import run_gate
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, Severity, Skipped
from understudy.spec.protocols import Gate, GateContext, Others
from understudy.spec.robot import RobotModel
from understudy.spec.schema import GateValue, Schema, TaskRules
from understudy.spec.stream import Stream

A = TypeVar("A", bound=AnyArray)


@dataclass(frozen=True)
class GateCase:
    """A gate and two episodes.

    Attributes:
        name: the gate's name, its file stem or entry point.
        gate: its `PLUGIN`.
        robot, schema: of the episodes.
        bad: an episode with the defect; one whose figure a threshold of the gate decides about.
        good: an episode without it.
        severity: of what the gate finds.
        peers: id to duration in seconds of other episodes of the task.
        others: what is known of the dataset's other episodes.
        travels: id to how far the joints of the task's other episodes go, radians.
    """

    name: str
    gate: Gate
    robot: RobotModel
    schema: Schema
    bad: Episode = field(repr=False)
    good: Episode = field(repr=False)
    severity: Severity = "reject"
    peers: Mapping[str, float] = field(default_factory=dict)
    others: Others | None = None
    travels: Mapping[str, float] = field(default_factory=dict)

    def run(self, episode: Episode, thresholds: Mapping[str, GateValue] | None = None) -> tuple[list[Finding], list[Skipped]]:
        """Findings and skips of the gate, as `judge` would get them; `thresholds` are laid over the schema's."""
        base = merged(self.name, self.gate, self.schema, str(episode.metadata.get("task_id", "")))
        skipped: list[Skipped] = []
        limits = {**base, **(thresholds or {})}
        context = GateContext(self.robot, self.schema, limits, self.peers, self.others, self.travels)
        return list(run_gate(self.name, self.gate, episode, context, skipped)), skipped


def gate_findings(
    name: str,
    episode: Episode,
    robot: RobotModel,
    *,
    rules: TaskRules | None = None,
    peers: Mapping[str, float] | None = None,
    others: Others | None = None,
    travels: Mapping[str, float] | None = None,
    **thresholds: GateValue,
) -> list[Finding]:
    """Findings of an installed gate under the default schema, `thresholds`, what the episode's task allows, and other episodes.

    Raises:
        AssertionError: the gate was skipped.
    """
    task = str(episode.metadata.get("task_id", ""))
    schema = default_schema(robot, "test").model_copy(update={"gates": {name: thresholds}, "tasks": {task: rules or TaskRules()}})
    gate = cast(Gate, plugins.load("gates", name))
    skipped: list[Skipped] = []
    context = GateContext(robot, schema, merged(name, gate, schema, task), dict(peers or {}), others, dict(travels or {}))
    found = list(run_gate(name, gate, episode, context, skipped))
    if skipped:
        raise AssertionError(f"gate {name} was skipped: {skipped[0].reason}")
    return found


def check_gate(case: GateCase) -> None:
    """Every law in turn."""
    for law in GATE_LAWS.values():
        law(case)


def tells_bad_from_good(case: GateCase) -> None:
    """The bad episode has a finding of the severity meant, the good one has none, and neither is skipped."""
    bad, bad_skipped = case.run(case.bad)
    good, good_skipped = case.run(case.good)
    _expect(not bad_skipped and not good_skipped, case, f"skipped an episode it must judge: {bad_skipped or good_skipped}")
    _expect(any(f.severity == case.severity for f in bad), case, f"must {case.severity} the bad episode, found {bad}")
    _expect(not good, case, f"must find nothing in the good episode, found {good}")


def is_deterministic(case: GateCase) -> None:
    """The same episode gives the same findings, whatever was looked at in between."""
    first, _ = case.run(case.bad)
    case.run(case.good)
    again, _ = case.run(replace(case.bad))
    _expect(first == again, case, f"gave {first} and then {again} for one episode")


def leaves_the_episode_alone(case: GateCase) -> None:
    """No array of the episode is written to, nor any other part of it changed."""
    locked = _mapped(case.bad, lambda s: s.with_values(_locked(s.data), _locked(s.t_ns)))
    before = {key: (s.data.copy(), s.t_ns.copy()) for key, s in locked.streams.items()}
    case.run(locked)
    for key, (data, t_ns) in before.items():
        same = np.array_equal(locked.streams[key].t_ns, t_ns) and _same(locked.streams[key].data, data)
        _expect(same, case, f"changed the stream {key}")


def reports_whole_findings(case: GateCase) -> None:
    """A finding names its gate and a stream of the episode, a time within it, value, limit and unit, and says what to do."""
    stamps = np.concatenate([s.t_ns for s in case.bad.streams.values()] + [case.bad.timeline_ns])
    for f in case.run(case.bad)[0]:
        _expect(f.gate == case.name, case, f"signs its finding as {f.gate!r}")
        _expect(len(f.message.split()) >= 8, case, f"says too little for an operator to act on: {f.message!r}")
        _expect(f.stream == "" or f.stream in case.bad, case, f"names a stream the episode does not have: {f.stream!r}")
        _expect((f.value is None) == (f.limit is None), case, f"gives a value without a limit, or the reverse: {f}")
        _expect(f.value is None or math.isfinite(f.value), case, f"gives a value that is no number: {f}")
        _expect(f.value is None or f.unit != "", case, f"gives a value without a unit: {f}")
        _expect((f.start_ns is None) == (f.end_ns is None), case, f"gives one end of a time span: {f}")
        if f.start_ns is not None and f.end_ns is not None:
            inside = stamps.min() <= f.start_ns <= f.end_ns <= stamps.max()
            _expect(inside, case, f"gives a time span outside the episode or backwards: {f.start_ns} to {f.end_ns}")


def skips_with_a_reason(case: GateCase) -> None:
    """Without a stream it needs, or turned off, the gate is skipped with the reason and finds nothing."""
    for key in case.gate.needs:
        without = replace(case.bad, streams={k: s for k, s in case.bad.streams.items() if k != key})
        found, skipped = case.run(without)
        named = [s for s in skipped if s.name == case.name and key in s.reason]
        _expect(not found and len(named) == 1, case, f"without {key}: found {found}, skipped {skipped}")
    found, skipped = case.run(case.bad, {"enabled": False})
    _expect(not found and len(skipped) == 1, case, f"turned off: found {found}, skipped {skipped}")


def honours_thresholds(case: GateCase) -> None:
    """A key it does not know is refused, and with its numbers loosened (one alone, or all) the bad episode passes."""
    odd = case.schema.model_copy(update={"gates": {case.name: {"no_such_key": 1.0}}})
    try:
        merged(case.name, case.gate, odd, "")
    except SchemaError:
        pass
    else:
        raise AssertionError(f"gate {case.name} took a threshold it does not know")
    numbers = [k for k, v in case.gate.defaults.items() if isinstance(v, int | float) and not isinstance(v, bool)]
    if not numbers:
        return
    loosened = [{k: size} for k in numbers for size in (1e6, 1e-6)]
    loosened += [dict.fromkeys(numbers, size) for size in (1e6, 1e-6)]
    passes = any(not case.run(case.bad, values)[0] for values in loosened)
    _expect(passes, case, f"rejects the bad episode whatever its thresholds {numbers} are")


def does_not_depend_on_the_clock(case: GateCase) -> None:
    """Other zero of the clock, same findings, same words; only the stamps move along."""
    shift_ns = 1_700_000_000_123_456_789
    moved = _mapped(case.bad, lambda s: replace(s, t_ns=s.t_ns + shift_ns))
    moved = replace(moved, timeline_ns=case.bad.timeline_ns + shift_ns)
    want = [_moved(f, shift_ns) for f in case.run(case.bad)[0]]
    got, _ = case.run(moved)
    _expect(got == want, case, f"depends on the zero of the clock: {got} instead of {want}")


def does_not_depend_on_the_order(case: GateCase) -> None:
    """The order in which an episode lists its streams, and whether they are read yet, changes nothing."""
    turned = replace(case.bad, streams=dict(reversed(list(case.bad.streams.items()))))
    want, got = case.run(case.bad)[0], case.run(_mapped(turned, _unread))[0]
    _expect(got == want, case, f"depends on the order of the streams: {got} instead of {want}")


def survives_broken_episodes(case: GateCase) -> None:
    """No samples, one sample, or nothing but NaN: findings, a skip or nothing, but no crash."""
    _survives(case, _mapped(case.bad, lambda s: s.with_values(s.data[:0], s.t_ns[:0])), "no samples")
    _survives(case, _mapped(case.bad, lambda s: s.with_values(s.data[:1], s.t_ns[:1])), "one sample per stream")
    _survives(case, _mapped(case.bad, _all_nan), "nothing but NaN")


def _survives(case: GateCase, episode: Episode, what: str) -> None:
    try:
        case.run(episode)
    except Exception as error:
        raise AssertionError(f"gate {case.name}: an episode with {what} crashed it: {error!r}") from error


def _expect(holds: bool, case: GateCase, message: str) -> None:
    if not holds:
        raise AssertionError(f"gate {case.name}: {message}")


def _mapped(episode: Episode, change: Callable[[Stream], Stream]) -> Episode:
    return replace(episode, streams={key: change(s) for key, s in episode.streams.items()})


def _all_nan(stream: Stream) -> Stream:
    data = stream.data
    return stream.with_values(np.full_like(data, np.nan), stream.t_ns) if data.dtype.kind == "f" else stream


def _unread(stream: Stream) -> Stream:
    data = stream.data
    return replace(stream, values=lambda: data)


def _locked(values: A) -> A:
    out = values.copy()
    out.flags.writeable = False
    return out


def _same(a: AnyArray, b: AnyArray) -> bool:
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _moved(finding: Finding, shift_ns: int) -> Finding:
    if finding.start_ns is None or finding.end_ns is None:
        return finding
    return finding.model_copy(update={"start_ns": finding.start_ns + shift_ns, "end_ns": finding.end_ns + shift_ns})


GATE_LAWS: Mapping[str, Callable[[GateCase], None]] = {
    law.__name__: law
    for law in (
        tells_bad_from_good,
        is_deterministic,
        leaves_the_episode_alone,
        reports_whole_findings,
        skips_with_a_reason,
        honours_thresholds,
        does_not_depend_on_the_clock,
        does_not_depend_on_the_order,
        survives_broken_episodes,
    )
}
