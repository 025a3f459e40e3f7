"""The rule that splits episodes, and the signals it goes by."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from understudy.errors import InputError, JointOrderError
from understudy.geom.arrays import F64, I8
from understudy.kinematics.load import load_robot
from understudy.kinematics.support import PHASES
from understudy.pipeline.segment import split_episode, timeline_span
from understudy.retarget.retarget import retarget
from understudy.segment.rule import LABELS, RULE, Rule, cleaned, kept_around, segments_of, step_labels
from understudy.segment.signals import BodySignals, body_signals, derived_streams, known_signals, phase_spans
from understudy.simulate.moves import turn_around
from understudy.simulate.walker import walk
from understudy.spec.episode import Episode
from understudy.spec.findings import Segment
from understudy.spec.robot import RobotModel
from understudy.testing.episodes import episode_of_motion, make_episode, with_base_shift, with_data, without
from understudy.testing.motions import stamps
from understudy.testing.segments import scripted_person
from understudy.testing.stand_in import stand_in_robot

STAND_IN = stand_in_robot()
S_NS = 1_000_000_000


@cache
def _robot() -> RobotModel:
    return load_robot("unitree_g1")


@cache
def _person(seed: int) -> Episode:
    return episode_of_motion(_robot(), retarget(scripted_person(seed)[0], _robot()).motion, episode_id=f"p_{seed:08x}")


def _signals(seconds: float = 10.0, *, rate_hz: float = 50.0) -> BodySignals:
    """Someone who stands, arms hanging."""
    t_ns = stamps(seconds, rate_hz)
    n = len(t_ns)
    return BodySignals(
        t_ns=t_ns,
        contact=np.ones((n, 2), dtype=bool),
        contact_source="stream",
        com_world_m=np.zeros((n, 3)),
        margin_m=np.full(n, 0.05),
        phase=np.full(n, 3, dtype=np.int8),
        wrists_chest=np.tile([[0.15, 0.1, -0.93], [0.15, -0.1, -0.93]], (n, 1, 1)),
        arms_away=np.zeros((n, 2)),
        base_world_m=np.tile([0.0, 0.0, 0.8], (n, 1)),
        yaw_rad=np.zeros(n),
    )


def _split(signals: BodySignals, *, seconds: float = 10.0, sources: tuple[Segment, ...] = ()) -> list[tuple[str, float, float]]:
    found = segments_of(signals, start_ns=0, end_ns=round(seconds * S_NS), sources=sources, source="mocap")
    return [(s.label, round(s.start_ns * 1e-9, 2), round(s.end_ns * 1e-9, 2)) for s in found]


# ---- the rule on signals made by hand


def test_standing_with_hanging_arms_is_idle() -> None:
    assert _split(_signals()) == [("idle", 0.0, 10.0)]


@pytest.mark.parametrize("direction", [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.6, -0.8)])
def test_a_base_that_moves_is_locomotion_whichever_way(direction: tuple[float, float]) -> None:
    signals = _signals()
    along = np.interp(signals.t_ns * 1e-9, [3.0, 7.0], [0.0, 4.0])
    base = signals.base_world_m.copy()
    base[:, :2] += along[:, None] * np.array(direction)
    found = _split(replace(signals, base_world_m=base))
    assert [label for label, *_ in found] == ["idle", "locomotion", "idle"]
    assert list(found[1][1:]) == [pytest.approx(3.0, abs=0.3), pytest.approx(7.0, abs=0.3)]
    assert 3.0 - found[1][1] == pytest.approx(found[1][2] - 7.0, abs=0.021), "boundaries lean to neither side"


@pytest.mark.parametrize("way", [1.0, -1.0])
def test_turning_on_the_spot_is_locomotion(way: float) -> None:
    signals = _signals()
    yaw = way * np.interp(signals.t_ns * 1e-9, [3.0, 7.0], [0.0, math.pi])
    assert [label for label, *_ in _split(replace(signals, yaw_rad=yaw))] == ["idle", "locomotion", "idle"]


def test_stepping_on_the_spot_is_locomotion_and_lifting_one_foot_is_not() -> None:
    signals = _signals()
    t_s = signals.t_ns * 1e-9
    contact = signals.contact.copy()
    active = (t_s > 3.0) & (t_s < 7.0)
    contact[:, 0] &= ~(active & (t_s % 1.0 < 0.4))
    assert [label for label, *_ in _split(replace(signals, contact=contact))] == ["idle"]
    contact[:, 1] &= ~(active & ((t_s + 0.5) % 1.0 < 0.4))
    found = _split(replace(signals, contact=contact))
    assert [label for label, *_ in found] == ["idle", "locomotion", "idle"]
    assert list(found[1][1:]) == [pytest.approx(3.0, abs=0.05), pytest.approx(6.9, abs=0.05)]


@pytest.mark.parametrize(("flight_s", "label"), [(0.8, "locomotion"), (1.2, "idle"), (20.0, "idle")])
def test_who_hangs_does_not_step(flight_s: float, label: str) -> None:
    """Jumps take both feet off the ground too, but not for so long; a robot in a gantry has no ground at all."""
    signals = _signals()
    t_s = signals.t_ns * 1e-9
    contact = signals.contact & ~(np.abs(t_s - 5.0) < flight_s / 2)[:, None]
    found = {name: (start, end) for name, start, end, *_ in _split(replace(signals, contact=contact))}
    assert ("locomotion" in found) is (label == "locomotion")
    stepping = contact & ~((t_s > 7.0) & (t_s < 9.0) & (t_s % 1.0 < 0.4))[:, None]
    stepping[:, 1] |= contact[:, 1] & (t_s % 1.0 < 0.4)
    if flight_s < 2.0:  # what is done on the ground before and after still counts
        stepping[:, 1] &= ~((t_s > 7.0) & (t_s < 9.0) & ((t_s + 0.5) % 1.0 < 0.4))
        assert "locomotion" in {name for name, *_ in _split(replace(signals, contact=stepping))}


@pytest.mark.parametrize("side", [0, 1])
def test_hands_that_move_or_are_held_out_are_manipulation(side: int) -> None:
    signals = _signals()
    t_s = signals.t_ns * 1e-9
    out = np.interp(t_s, [3.0, 3.5, 6.5, 7.0], [0.0, 1.0, 1.0, 0.0])
    wrists, away = signals.wrists_chest.copy(), signals.arms_away.copy()
    wrists[:, side] += out[:, None] * np.array([0.6, 0.0, 0.8])
    away[:, side] = out
    found = _split(replace(signals, wrists_chest=wrists, arms_away=away))
    assert [label for label, *_ in found] == ["idle", "manipulation", "idle"]
    assert list(found[1][1:]) == [pytest.approx(3.0, abs=0.2), pytest.approx(7.0, abs=0.2)]
    waving = signals.wrists_chest.copy()
    waving[:, side, 1] += 0.1 * np.sin(2 * np.pi * 1.5 * t_s) * ((t_s > 3.0) & (t_s < 7.0))
    assert [label for label, *_ in _split(replace(signals, wrists_chest=waving))] == ["idle", "manipulation", "idle"]


def test_swinging_arms_do_not_make_a_walk_manipulation_and_slow_shuffling_at_a_table_is() -> None:
    signals = _signals()
    t_s = signals.t_ns * 1e-9
    wrists = signals.wrists_chest.copy()
    wrists[:, 0, 0] += 0.3 * np.sin(2 * np.pi * t_s)
    base = signals.base_world_m.copy()
    base[:, 0] = t_s * 1.0
    walking = replace(signals, wrists_chest=wrists, base_world_m=base, arms_away=np.full((len(t_s), 2), 0.3))
    assert _split(walking) == [("locomotion", 0.0, 10.0)]
    slow = base.copy()
    slow[:, 0] = t_s * 0.22
    table = replace(walking, base_world_m=slow, arms_away=np.full((len(t_s), 2), 0.9))
    assert _split(table) == [("manipulation", 0.0, 10.0)]
    assert _split(replace(table, arms_away=np.zeros((len(t_s), 2)))) == [("locomotion", 0.0, 10.0)]


def test_a_speed_at_the_threshold_does_not_chatter() -> None:
    rule = Rule(min_s={})
    t_s = np.arange(2001) / 50.0
    rng = np.random.default_rng(0)
    for level in rule.walk_m_s:
        wobble = 0.4 * (rule.walk_m_s[0] - rule.walk_m_s[1]) * rng.uniform(-1, 1, len(t_s))
        signals = _signals(40.0)
        base = signals.base_world_m.copy()
        base[:, 0] = np.cumsum(level + wobble) / 50.0
        labels = step_labels(replace(signals, base_world_m=base), signals.t_ns, rule)
        assert (np.diff(labels) != 0).sum() <= 1


def test_left_and_right_do_not_matter() -> None:
    signals = body_signals(_person(3), _robot())
    mirror = np.array([1.0, -1.0, 1.0])
    other = replace(
        signals,
        contact=signals.contact[:, ::-1],
        wrists_chest=signals.wrists_chest[:, ::-1] * mirror,
        arms_away=signals.arms_away[:, ::-1],
        base_world_m=signals.base_world_m * mirror,
        yaw_rad=-signals.yaw_rad,
    )
    span = timeline_span(_person(3))
    parts = [segments_of(s, start_ns=span[0], end_ns=span[1], sources=(), source="") for s in (signals, other)]
    assert parts[0] == parts[1]
    assert len(parts[0]) > 5


# ---- short stretches


def _labels(text: str) -> I8:
    return np.array(["lmi".index(c) for c in text], dtype=np.int8)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("iiiiiliiiii", "iiiiiiiiiii"),
        ("lllllmmiiiiii", "llllliiiiiiii"),
        ("mmmmmmlllmmmmmm", "mmmmmmlllmmmmmm"),
        ("l", "l"),
        ("lmi", "iii"),
        ("llliiimmm", "llliiimmm"),
    ],
)
def test_stretches_too_short_go_to_the_longer_neighbour(before: str, after: str) -> None:
    rule = Rule(rate_hz=1.0, min_s={"locomotion": 3.0, "manipulation": 3.0, "idle": 3.0})
    found = cleaned(_labels(before), rule)
    if before == "lmi":
        assert len(set(found.tolist())) == 1
    else:
        assert found.tolist() == _labels(after).tolist()


@pytest.mark.parametrize("seed", range(20))
def test_what_is_left_is_long_enough_and_cleaning_again_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.repeat(rng.integers(0, 3, 60), rng.integers(1, 60, 60)).astype(np.int8)
    rule = Rule()
    found = cleaned(labels, rule)
    assert len(found) == len(labels)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(found)) + 1, [len(found)]])
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        assert b - a >= rule.min_s[LABELS[found[a]]] * rule.rate_hz or len(edges) == 2
    np.testing.assert_array_equal(cleaned(found, rule), found)


# ---- sources and people


def _segment(start: float, end: float, label: str = "reach", by: str = "p07", source: str = "teleop") -> Segment:
    return Segment(start_ns=round(start * S_NS), end_ns=round(end * S_NS), label=label, source=source, by=by)


def test_every_segment_says_where_its_motion_came_from() -> None:
    """Row M7: an episode put together from mocap and teleoperation, with a stretch that says neither."""
    sources = (_segment(0.0, 4.0, "a", source="mocap"), _segment(4.0, 8.0, "b", source="teleop"))
    found = segments_of(_signals(), start_ns=0, end_ns=10 * S_NS, sources=sources, source="simulation")
    assert [(s.source, s.start_ns // S_NS, s.end_ns // S_NS) for s in found] == [
        ("mocap", 0, 4), ("teleop", 4, 8), ("simulation", 8, 10),
    ]  # fmt: skip
    assert {(s.label, s.by) for s in found} == {("idle", RULE)}


def test_the_rule_fills_around_what_people_set() -> None:
    found = [_segment(0.0, 4.0, "idle", RULE), _segment(4.0, 9.0, "locomotion", RULE)]
    people = [_segment(1.0, 2.0), _segment(3.5, 5.0)]
    kept = kept_around(found, people)
    assert [(s.label, s.start_ns / S_NS, s.end_ns / S_NS) for s in kept] == [
        ("idle", 0.0, 1.0), ("reach", 1.0, 2.0), ("idle", 2.0, 3.5), ("reach", 3.5, 5.0), ("locomotion", 5.0, 9.0),
    ]  # fmt: skip
    assert kept_around(found, []) == tuple(found)
    assert kept_around(found, [_segment(0.0, 9.0)]) == (_segment(0.0, 9.0),)


# ---- whole episodes


def test_segments_cover_the_timeline_without_gaps() -> None:
    episode = _person(3)
    found = split_episode(episode, _robot())
    start_ns, end_ns = timeline_span(episode)
    assert (found[0].start_ns, found[-1].end_ns) == (start_ns, end_ns)
    assert all(a.end_ns == b.start_ns and a.label != b.label for a, b in zip(found[:-1], found[1:], strict=True))
    assert {s.source for s in found} == {"synthetic"}


@pytest.mark.parametrize("seed", [3, 300, 301])
def test_people_by_script_are_split_as_the_script_says(seed: int) -> None:
    """`benchmarks/segments.py` does this with thirty; one person alone must stay over 90 % of the steps."""
    _, truth = scripted_person(seed)
    found = split_episode(_person(seed), _robot())
    t_ns = np.arange(0, found[-1].end_ns, 20_000_000)
    said = [next(s.label for s in found if s.start_ns <= t < s.end_ns) for t in t_ns]
    true = [next((s.label for s in truth if s.start_s <= t * 1e-9 < s.end_s), "idle") for t in t_ns]
    assert np.mean([a == b for a, b in zip(said, true, strict=True)]) > 0.9
    starts_s = np.array([s.start_ns * 1e-9 for s in found[1:]])
    assert np.median([np.abs(starts_s - s.start_s).min() for s in truth[1:]]) < 0.15


def test_the_clock_and_the_place_do_not_matter() -> None:
    episode = make_episode(STAND_IN, duration_s=5.0)
    shift = 1_700_000_000_123_456_789
    later = replace(
        episode,
        timeline_ns=episode.timeline_ns + shift,
        streams={k: replace(s, t_ns=s.t_ns + shift) for k, s in episode.streams.items()},
    )
    plain = split_episode(episode, STAND_IN)
    assert [(s.label, s.start_ns - shift, s.end_ns - shift) for s in split_episode(later, STAND_IN)] == [
        (s.label, s.start_ns, s.end_ns) for s in plain
    ]
    away = with_base_shift(episode, STAND_IN, np.array([5.0, -3.0, 0.0]))
    assert split_episode(away, STAND_IN) == plain


def test_an_episode_without_motion_says_what_it_lacks() -> None:
    episode = make_episode(STAND_IN, duration_s=1.0)
    with pytest.raises(InputError, match=r"no samples of debug/base_pose_world"):
        split_episode(without(episode, "debug/base_pose_world"), STAND_IN)
    lost = with_data(episode, "debug/base_pose_world", np.full((121, 7), np.nan))
    with pytest.raises(InputError, match="0 samples"):
        split_episode(lost, STAND_IN)
    assert known_signals(lost, STAND_IN) is None
    assert derived_streams(lost, STAND_IN) == ()
    with pytest.raises(JointOrderError):
        known_signals(replace(episode, joint_names=("a", *STAND_IN.joint_names[1:])), STAND_IN)


# ---- signals


def test_left_wrist_is_left_ahead_is_ahead_and_hanging_is_neutral() -> None:
    episode = make_episode(STAND_IN, duration_s=0.5)
    q = np.tile(STAND_IN.home_rad, (61, 1))

    def wrists(**angles: float) -> tuple[F64, F64]:
        moved = q.copy()
        for name, angle in angles.items():
            moved[:, STAND_IN.joint_index(f"{name}_joint")] = angle
        found = body_signals(with_data(episode, "observations/joint_positions", moved), STAND_IN)
        return found.wrists_chest[0], found.arms_away[0]

    home, away = wrists()
    np.testing.assert_allclose(away, 0.0, atol=1e-12)
    forward, away = wrists(left_shoulder_pitch=-1.5)
    assert forward[0, 2] > home[0, 2] + 0.3
    np.testing.assert_allclose(forward[1], home[1])
    assert away[0] > 0.5 > away[1]
    out, _ = wrists(right_shoulder_roll=-1.4)
    assert out[1, 1] < home[1, 1] - 0.3, "the right wrist goes to the right, which is negative"


def test_phases_of_a_walk_come_by_turns_and_double_support_between_them() -> None:
    done = retarget(walk(5.0, rate_hz=60.0), _robot())
    found = body_signals(episode_of_motion(_robot(), done.motion, episode_id="walk_00000000"), _robot())
    names = [name for name, a, b in phase_spans(found) if b - a > 80_000_000]
    single = [n for n in names if n.endswith("support") and n != "double_support"]
    assert len(single) >= 4
    assert all(a != b for a, b in zip(single[:-1], single[1:], strict=True)), "left and right by turns"
    assert "flight" not in names
    assert names[0] == names[-1] == "double_support"
    standing = found.phase == PHASES.index("double_support")
    assert np.nanmedian(found.margin_m[standing]) > np.nanmedian(found.margin_m[~standing])


def test_phases_tile_the_time() -> None:
    found = body_signals(_person(3), _robot())
    spans = phase_spans(found)
    assert (spans[0][1], spans[-1][2]) == (found.t_ns[0], found.t_ns[-1])
    assert all(a[2] == b[1] and a[0] != b[0] for a, b in zip(spans[:-1], spans[1:], strict=True))


def test_the_heading_of_two_turns_does_not_jump() -> None:
    done = retarget(turn_around(rate_hz=60.0), _robot())
    found = body_signals(episode_of_motion(_robot(), done.motion, episode_id="turn_00000000"), _robot())
    assert np.abs(np.diff(found.yaw_rad)).max() < 0.2
    assert found.yaw_rad.max() - found.yaw_rad[0] == pytest.approx(2.0 * math.pi, abs=0.3), "a whole turn to the left first"


def test_derived_streams_fit_their_specs_and_leave_what_is_there() -> None:
    episode = make_episode(STAND_IN, duration_s=1.0)
    found = {s.spec.key: s for s in derived_streams(episode, STAND_IN)}
    assert set(found) == {"debug/foot_states", "debug/support_margin", "debug/gait_phase"}, "com_world is there already"
    for stream in found.values():
        assert stream.data.dtype == np.dtype(stream.spec.dtype)
        assert stream.derived == "kinematics"
        assert stream.spec.privileged
    bare = without(episode, "debug/com_world")
    again = {s.spec.key: s for s in derived_streams(bare, STAND_IN)}
    np.testing.assert_allclose(again["debug/com_world"].data.astype(np.float64), episode.data("debug/com_world"), atol=1e-12)
    recorded = replace(episode, metadata={**episode.metadata, "motion_source": "simulation"})
    assert {s.derived for s in derived_streams(recorded, STAND_IN)} == {"stream"}
