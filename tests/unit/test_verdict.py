"""The verdict: gates and scores together, as schema and task have it."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from understudy import plugins
from understudy.errors import SchemaError
from understudy.quality.fingerprint import fingerprint
from understudy.quality.thresholds import merged
from understudy.quality.verdict import check_hash, judge, load_gates
from understudy.spec.default_schema import GATES, default_schema
from understudy.spec.findings import Notes, Segment
from understudy.spec.protocols import GateContext, Score
from understudy.spec.schema import GateValue, Schema, TaskRules
from understudy.testing.episodes import make_episode, make_fall_episode, make_squat_episode, with_gap, with_stream, without
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
SCHEMA = default_schema(ROBOT, "test")


NOTHING_TO_GO_BY = {"wrench_spike", "duplicates", "grasp", "dropped_object"}
"""Without forces, other episodes, jaws and objects."""


def _schema(gates: dict[str, dict[str, GateValue]], tasks: dict[str, TaskRules] | None = None) -> Schema:
    return SCHEMA.model_copy(update={"gates": gates, "tasks": tasks or {}})


def test_a_good_episode_is_accepted_and_rated() -> None:
    episode = make_episode(ROBOT, duration_s=3.0)
    notes = judge(episode, ROBOT, SCHEMA, peers={"a": 3.0, "b": 3.0, "c": 3.1})
    assert (notes.verdict, notes.findings, notes.episode) == ("accepted", (), episode.id)
    assert {s.name for s in notes.scores} == set(plugins.names("scores")) - {"grasp"}
    assert notes.quality_rating == min(s.value for s in notes.scores)
    assert {s.name for s in notes.skipped} == NOTHING_TO_GO_BY


@pytest.mark.parametrize(("make", "verdict"), [(make_fall_episode, "rejected"), (make_squat_episode, "accepted")])
def test_a_fall_is_rejected_and_a_squat_is_not(make: object, verdict: str) -> None:
    episode = make_fall_episode(ROBOT) if make is make_fall_episode else make_squat_episode(ROBOT)
    assert judge(episode, ROBOT, SCHEMA, peers={}).verdict == verdict


def test_what_is_missing_is_skipped_and_never_silently() -> None:
    notes = judge(without(make_episode(ROBOT, duration_s=2.0), "debug/base_pose_world"), ROBOT, SCHEMA, peers={})
    reasons = {s.name: s.reason for s in notes.skipped}
    assert {"foot_skate", "foot_height", "gravity", "balance", "completion_time"} | NOTHING_TO_GO_BY == set(reasons)
    assert "debug/base_pose_world" in reasons["foot_skate"]
    ran = {s.name for s in notes.scores} | (set(plugins.names("gates")) - set(reasons))
    assert ran | set(reasons) == {*plugins.names("gates"), *plugins.names("scores")}


def test_a_gate_can_be_turned_off_or_made_to_warn() -> None:
    episode = make_fall_episode(ROBOT)
    against = {f.gate for f in judge(episode, ROBOT, SCHEMA, peers={}).findings if f.severity == "reject"}
    assert "fall" in against
    off = judge(episode, ROBOT, _schema({name: {"enabled": False} for name in against}), peers={})
    assert off.verdict == "accepted"
    assert against <= {s.name for s in off.skipped}
    warned = judge(episode, ROBOT, _schema({name: {"severity": "warn"} for name in against}), peers={})
    assert warned.verdict == "accepted"
    assert [f.severity for f in warned.findings if f.gate == "fall"] == ["warn"]


def test_severity_lowers_and_never_raises() -> None:
    schema = _schema({"foot_skate": {"severity": "reject", "max_height_m": 1e-9}})
    notes = judge(make_episode(ROBOT, duration_s=1.0), ROBOT, schema, peers={})
    assert {f.severity for f in notes.findings if f.gate == "foot_skate"} <= {"warn"}


def test_a_task_overrides_the_dataset_and_only_for_itself() -> None:
    gapped = with_gap(make_episode(ROBOT, duration_s=10.0), "observations/projected_gravity", start_s=2.0, gap_s=0.1)
    loose = TaskRules(gates={"gaps": {"max_gap_s": 0.2}})
    assert judge(gapped, ROBOT, _schema({}), peers={}).verdict == "rejected"
    assert judge(gapped, ROBOT, _schema({"gaps": {"max_gap_s": 0.01}}, {"stand": loose}), peers={}).verdict == "accepted"
    assert judge(gapped, ROBOT, _schema({}, {"walk": loose}), peers={}).verdict == "rejected"


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ({"fal": {"enabled": True}}, "did you mean 'fall'"),
        ({"fall": {"max_tilt": 1.0}}, "did you mean 'max_tilt_rad'"),
        ({"fall": {"max_tilt_rad": "steep"}}, "must be a float"),
        ({"fall": {"enabled": 1.0}}, "must be a bool"),
        ({"fall": {"max_tilt_rad": -1.0}}, "must be 0 or more"),
        ({"fall": {"max_tilt_rad": float("nan")}}, "must be 0 or more"),
        ({"fall": {"severity": "fatal"}}, "reject, warn, info"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(gates: dict[str, dict[str, GateValue]], said: str) -> None:
    for schema in (_schema(gates), _schema({}, {"stand": TaskRules(gates=gates)})):
        with pytest.raises(SchemaError, match=said):
            judge(make_episode(ROBOT, duration_s=1.0), ROBOT, schema, peers={})


def test_an_integer_will_do_for_a_number() -> None:
    assert merged("fall", load_gates()["fall"], _schema({"fall": {"max_tilt_rad": 1}}), "")["max_tilt_rad"] == 1


def test_the_default_schema_says_what_the_gates_do() -> None:
    assert set(GATES) == set(plugins.names("gates"))
    for name, gate in load_gates().items():
        assert GATES[name] == {key: value for key, value in {"enabled": True, **gate.defaults}.items() if key in GATES[name]}


def test_segments_and_review_are_kept() -> None:
    segment = Segment(start_ns=0, end_ns=5, label="reach", source="person")
    old = Notes(episode="stand_00000000", segments=(segment,), review={"by": "kim"}, verdict="rejected")
    notes = judge(make_episode(ROBOT, duration_s=1.0).with_notes(old), ROBOT, SCHEMA, peers={})
    assert (notes.segments, notes.review, notes.verdict) == ((segment,), {"by": "kim"}, "accepted")


def test_another_robots_episode_is_refused_by_that_alone() -> None:
    episode = replace(make_episode(ROBOT, duration_s=1.0), joint_names=("a", *ROBOT.joint_names[1:]))
    notes = judge(episode, ROBOT, SCHEMA, peers={})
    assert (notes.verdict, {f.gate for f in notes.findings}, notes.scores) == ("rejected", {"schema_match"}, ())
    assert "unknown a" in notes.findings[0].message
    assert {s.reason for s in notes.skipped} == {"the episode is of another robot"}


def test_old_tables_of_gates_that_were_split_still_hold() -> None:
    gapped = with_gap(make_episode(ROBOT, duration_s=10.0), "observations/projected_gravity", start_s=2.0, gap_s=0.1)
    old = _schema({"sync": {"max_gap_s": 0.2}})
    assert judge(gapped, ROBOT, old).verdict == "accepted"
    own = _schema({"sync": {"max_gap_s": 0.2}, "gaps": {"max_gap_s": 0.05}})
    assert judge(gapped, ROBOT, own).verdict == "rejected"  # the gate's own table lies over the old one
    off = judge(gapped, ROBOT, _schema({"sync": {"enabled": False}}))
    assert off.verdict == "accepted"
    assert {"gaps", "missing_frames", "monotone"} <= {s.name for s in off.skipped if "turned off" in s.reason}
    task = _schema({}, {"stand": TaskRules(gates={"sync": {"max_gap_s": 0.2}})})
    assert judge(gapped, ROBOT, task).verdict == "accepted"
    with pytest.raises(SchemaError, match="did you mean 'max_gap_s'"):
        judge(gapped, ROBOT, _schema({"sync": {"max_gap": 0.2}}))


def test_a_finding_names_the_steps_of_the_timeline() -> None:
    gapped = with_gap(make_episode(ROBOT, duration_s=10.0), "observations/projected_gravity", start_s=2.0, gap_s=0.1)
    (found,) = [f for f in judge(gapped, ROBOT, SCHEMA).findings if f.gate == "gaps"]
    assert found.steps == (100, 105)  # 50 steps a second
    assert found.start_ns is not None
    assert gapped.timeline_ns[found.steps[0]] <= found.start_ns
    whole = judge(replace(gapped, model_sha256="1" * 64), ROBOT, SCHEMA)
    assert [f.steps for f in whole.findings if f.gate == "schema_match"] == [None]


def test_what_others_are_held_against_is_noted() -> None:
    notes = judge(make_episode(ROBOT, duration_s=2.0), ROBOT, SCHEMA, file_bytes=123)
    assert notes.facts is not None
    assert notes.facts.duration_s == pytest.approx(2.0)
    assert notes.facts.bytes == 123
    assert notes.facts.fingerprint == fingerprint(make_episode(ROBOT, duration_s=2.0))


def test_samples_that_do_not_fit_are_said_once() -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    short = episode.stream("observations/joint_positions")
    notes = judge(with_stream(episode, replace(short, values=short.data[:-3])), ROBOT, SCHEMA)
    said = [f.message for f in notes.findings]
    assert len(said) == len(set(said))
    assert "lengths" in {f.gate for f in notes.findings}
    assert sum("cannot be checked" in text for text in said) == 1


def test_a_gate_that_fails_itself_stops_nobody_and_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, episode: object, context: object) -> list[object]:
        raise IndexError("off by one")

    monkeypatch.setattr(type(load_gates()["nan"]), "check", broken)
    notes = judge(make_episode(ROBOT, duration_s=1.0), ROBOT, SCHEMA)
    assert notes.verdict == "accepted"
    assert {s.name: s.reason for s in notes.skipped}["nan"] == "the gate itself failed: IndexError: off by one"


def test_the_hash_follows_the_thresholds() -> None:
    assert check_hash(SCHEMA, ROBOT) == check_hash(default_schema(ROBOT, "test"), ROBOT)
    assert check_hash(SCHEMA, ROBOT) != check_hash(_schema({"fall": {"max_tilt_rad": 0.9}}), ROBOT)


def test_every_score_has_a_weight() -> None:
    for name in plugins.names("scores"):
        assert cast(Score, plugins.load("scores", name)).weight > 0


def test_samples_that_do_not_fit_their_stamps_are_a_finding_and_leave_no_facts() -> None:
    episode = make_episode(ROBOT, duration_s=2.0)
    stream = episode.stream("observations/joint_positions")
    notes = judge(
        with_stream(episode, replace(stream, values=stream.data[:-5])), ROBOT, SCHEMA, travels=dict.fromkeys("abc", 3.0)
    )
    assert notes.verdict == "rejected"
    assert "lengths" in {f.gate for f in notes.findings if f.severity == "reject"}
    assert notes.facts is not None
    assert (notes.facts.fingerprint, notes.facts.travel_rad) == ("", 0.0)


def test_smoothness_after_stamps_that_went_back() -> None:
    episode = make_episode(ROBOT, duration_s=2.0)
    stream = episode.stream("observations/joint_positions")
    t_ns = stream.t_ns.copy()
    t_ns[101:] -= t_ns[101] - t_ns[99]  # two samples have one stamp, and between them is a later one
    score = cast(Score, plugins.load("scores", "smoothness"))
    context = GateContext(ROBOT, SCHEMA, {})
    smooth, back = (score.rate(e, context).raw for e in (episode, with_stream(episode, replace(stream, t_ns=t_ns))))
    assert smooth < back < 12.0  # what is left of the step where two samples are left out
