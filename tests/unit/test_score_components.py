"""Components of the scores: independent of length, held against the task, and what each is told by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import cast

import numpy as np
import pytest

from understudy import plugins
from understudy.geom.arrays import F64
from understudy.quality.in_task import Reference, rated, references, worth
from understudy.quality.posture import posture
from understudy.quality.scores.smoothness import dimensionless_jerk, spectral_arc, velocity_and_jerk
from understudy.quality.skip import NotApplicable
from understudy.quality.verdict import judge
from understudy.quality.windows import windows
from understudy.spec.episode import Episode
from understudy.spec.findings import Component, Facts, Notes
from understudy.spec.skeleton import INDEX
from understudy.spec.stream import Stream
from understudy.testing.episodes import make_episode, with_base_shift, with_data, with_stream, with_wrench, without
from understudy.testing.motions import stamps
from understudy.testing.qualities import LENGTHS_S, Quality, quality_episodes
from understudy.testing.scores import GRIPPER, HOLDS, ROBOT, SCHEMA, gripping, raw_of, score_of

POSITIONS = "observations/joint_positions"


# ---- independent of length


@cache
def _task() -> tuple[tuple[Quality, Notes], ...]:
    """30 qualities, each in an episode of 4, 7, 12 and 20 s, judged and held against all of them."""
    found = []
    for quality, episode in quality_episodes(ROBOT, 30, seed=5):
        scores = tuple(score_of(name, episode) for name in ("balance", "retarget_fidelity", "smoothness"))
        found.append(
            (quality, Notes(episode=episode.id, verdict="accepted", scores=scores, facts=Facts(duration_s=episode.duration_s)))
        )
    usual = references(notes for _, notes in found)
    return tuple((quality, rated(notes, usual)) for quality, notes in found)


def _column(name: str) -> F64:
    values = [c.raw for _, n in _task() for s in n.scores for c in s.components if f"{s.name}.{c.name}" == name]
    assert len(values) == len(_task())
    return np.array(values)


def _seconds(notes: Notes) -> float:
    assert notes.facts is not None
    return notes.facts.duration_s


def _ranks(values: F64) -> F64:
    return np.argsort(np.argsort(values)).astype(np.float64)


def _correlation(a: F64, b: F64) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def test_the_combined_score_has_nothing_to_do_with_the_length() -> None:
    lengths_s = np.array([_seconds(notes) for _, notes in _task()], dtype=np.float64)
    ratings = np.array([notes.quality_rating for _, notes in _task()], dtype=np.float64)
    assert ratings.std() > 0.2, "ratings that are all alike would prove nothing"
    assert abs(_correlation(ratings, lengths_s)) < 0.1
    assert abs(_correlation(ratings, np.log(lengths_s))) < 0.1


def test_it_would_be_seen_if_it_did() -> None:
    lengths_s = np.array([_seconds(notes) for _, notes in _task()], dtype=np.float64)
    short = [Component(name="length", raw=float(s), resolution=0.1) for s in lengths_s]
    reference = Reference(n=len(short), median=float(np.median(lengths_s)), spread=6.0)
    spoiled = [
        min(cast(float, notes.quality_rating), worth(part, reference)) for (_, notes), part in zip(_task(), short, strict=True)
    ]
    assert _correlation(np.array(spoiled), lengths_s) < -0.1


@pytest.mark.parametrize(
    ("component", "cause", "sign"),
    [
        ("smoothness.jerk", "tremor_rad", 1.0),
        ("smoothness.ldlj_2s", "tremor_rad", -1.0),
        ("balance.lateral", "lean_rad", 1.0),
        ("balance.margin", "lean_rad", -1.0),
        ("retarget_fidelity.residual", "off_m", 1.0),
    ],
)
def test_a_component_follows_its_cause_and_not_the_length(component: str, cause: str, sign: float) -> None:
    values = _column(component)
    causes = np.array([getattr(quality, cause) for quality, _ in _task()])
    lengths_s = np.array([_seconds(notes) for _, notes in _task()], dtype=np.float64)
    assert sign * _correlation(_ranks(values), _ranks(causes)) > 0.8
    assert abs(_correlation(values, lengths_s)) < 0.1


@pytest.mark.parametrize("name", ["balance", "retarget_fidelity", "smoothness"])
def test_an_episode_played_twice_measures_the_same(name: str) -> None:
    """There and back, twice over: the motion goes on without a jump."""
    episode = next(iter(e for _, e in quality_episodes(ROBOT, 1, lengths_s=(8.0,), seed=3)))
    once, twice = _again(episode, 2), _again(episode, 4)
    a, b = raw_of(score_of(name, once)), raw_of(score_of(name, twice))
    assert set(a) == set(b)
    for part, value in a.items():
        assert b[part] == pytest.approx(value, rel=0.08, abs=2e-3), part


def _again(episode: Episode, times: int) -> Episode:
    """The episode forward and backward by turns, `times` times in all."""
    streams = {}
    for key, stream in episode.streams.items():
        parts = [stream.data if k % 2 == 0 else stream.data[::-1] for k in range(times)]
        step_ns = int(np.median(np.diff(stream.t_ns)))
        data = np.concatenate([parts[0], *(part[1:] for part in parts[1:])])
        streams[key] = stream.with_values(data, stream.t_ns[0] + step_ns * np.arange(len(data)))
    return replace(episode, streams=streams)


# ---- the two measures of smoothness beside the first


def test_a_jerkier_speed_has_a_longer_spectral_arc_whatever_its_size() -> None:
    t_s = np.arange(200) / 100.0
    bell = np.exp(-(((t_s - 1.0) / 0.25) ** 2))
    shaken = bell * (1.0 + 0.4 * np.sin(2 * np.pi * 6.0 * t_s))
    smooth, rough, large = spectral_arc(np.stack([bell, shaken, 7.0 * shaken]), rate_hz=100.0)
    assert rough < smooth < 0.0
    assert large == pytest.approx(rough)


def test_dimensionless_jerk_has_no_unit_and_no_clock() -> None:
    """Of a sine of amplitude A and k periods in the window: jerk^2 integrates to A^2 w^6 T / 2, so -ln((2 pi k)^4 / 2)."""
    for seconds, size in ((2.0, 1.0), (4.0, 5.0)):
        rate_hz = 4000.0 / seconds
        t_s = np.arange(4000) / rate_hz
        w = 2 * np.pi * 3 / seconds
        speed, jerk2 = np.abs(size * w * np.cos(w * t_s)), (size * w**3 * np.cos(w * t_s)) ** 2
        found = dimensionless_jerk(speed[None], jerk2[None], rate_hz=rate_hz)[0]
        assert found == pytest.approx(-np.log((2 * np.pi * 3) ** 4 / 2), abs=1e-3)


def test_windows_are_of_one_length_and_cover_what_they_can() -> None:
    values = np.arange(50.0)
    found = windows(values, rate_hz=10.0)
    assert found.shape == (4, 20)
    np.testing.assert_array_equal(found[:, 0], [0, 10, 20, 30])
    assert len(windows(values[:19], rate_hz=10.0)) == 0
    assert windows(np.zeros((50, 3)), rate_hz=10.0).shape == (4, 20, 3)


def test_a_short_or_still_episode_has_the_first_measure_only() -> None:
    short = make_episode(ROBOT, duration_s=1.0)
    assert set(raw_of(score_of("smoothness", short))) == {"jerk"}
    still = make_episode(ROBOT, duration_s=6.0)
    home = np.tile(ROBOT.home_rad, (len(still.data(POSITIONS)), 1))
    assert set(raw_of(score_of("smoothness", with_data(still, POSITIONS, home)))) == {"jerk"}


def test_derivatives_of_a_cubic() -> None:
    t_ns = stamps(2.0, 100.0)
    velocity, jerk = velocity_and_jerk(np.asarray((t_ns[:, None] * 1e-9) ** 3, dtype=np.float64), t_ns)
    np.testing.assert_allclose(jerk[60:-60], 6.0, rtol=0.05)
    np.testing.assert_allclose(velocity[60:-60, 0], 3.0 * (t_ns[62:-62] * 1e-9) ** 2, rtol=0.05)


# ---- balance, fidelity


def test_leaning_out_costs_the_margin_as_many_centimetres() -> None:
    episode = make_episode(ROBOT, duration_s=2.0)
    com = episode.data("debug/com_world")
    base = raw_of(score_of("balance", episode))["margin"]
    out = raw_of(score_of("balance", with_data(episode, "debug/com_world", com + np.array([0.0, 0.3, 0.0]))))["margin"]
    assert base > 0.0 > out
    assert base - out == pytest.approx(0.3, abs=0.1)


def test_margin_and_lateral_deviation_are_the_same_seen_in_a_mirror() -> None:
    episode = make_episode(ROBOT, duration_s=2.0)
    com = episode.data("debug/com_world")
    base = raw_of(score_of("balance", with_data(episode, "debug/com_world", com * [1, 0, 1] + [0, 0.05, 0])))
    other = raw_of(score_of("balance", with_data(episode, "debug/com_world", com * [1, 0, 1] - [0, 0.05, 0])))
    for name, value in base.items():
        assert other[name] == pytest.approx(value, abs=0.03)


def test_fidelity_takes_the_worst_limb_and_needs_a_residual() -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    off = np.full((121, 4), 0.005)
    off[:, 2] = 0.03
    result = score_of("retarget_fidelity", with_data(episode, "debug/ee_residual", off))
    assert result.raw == pytest.approx(0.03)
    assert result.value == pytest.approx(0.5)
    assert result.components[1] == Component(name="infeasible", raw=0.0, resolution=0.01)
    with pytest.raises(NotApplicable):
        score_of("retarget_fidelity", with_data(episode, "debug/ee_residual", off * np.nan))


def test_a_person_with_the_robots_limbs_has_no_angle_to_it_and_a_turned_one_has() -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    seen = posture(episode, ROBOT)
    poses = seen.at(np.arange(len(seen.t_ns)))
    person = episode.data("debug/human_target_world").copy()
    for name in ROBOT.profile.points:
        person[:, INDEX[name]] = poses.points(*ROBOT.point(name))
    same = with_data(episode, "debug/human_target_world", person)
    assert raw_of(score_of("retarget_fidelity", same))["limb_directions"] == pytest.approx(0.0, abs=1e-9)
    other = person.copy()
    other[:, INDEX["left_wrist"]] = person[:, INDEX["left_elbow"]] * 2 - person[:, INDEX["left_wrist"]]
    turned = with_data(episode, "debug/human_target_world", other)
    assert raw_of(score_of("retarget_fidelity", turned))["limb_directions"] == pytest.approx(np.pi / 8), (
        "one limb of eight, by pi"
    )
    bare = without(episode, "debug/human_target_world")
    assert "limb_directions" not in raw_of(score_of("retarget_fidelity", bare))
    moved = with_base_shift(same, ROBOT, np.array([1.0, 0.0, 0.0]))
    assert raw_of(score_of("retarget_fidelity", moved))["limb_directions"] == pytest.approx(0.0, abs=1e-9), (
        "directions, not places"
    )


def test_every_qualitys_length_is_as_asked() -> None:
    found = list(quality_episodes(ROBOT, 1, seed=1))
    assert [round(e.duration_s, 2) for _, e in found] == list(LENGTHS_S)


# ---- broken episodes


def _everything() -> Episode:
    episode = gripping(HOLDS, duration_s=3.0)
    for key in ("ankle", "wrist"):
        for side in ("left", "right"):
            episode = with_wrench(episode, SCHEMA, f"observations/wrench_{side}_{key}")
    t_ns = stamps(3.0, 50.0)
    pose = np.tile([0.4, 0.0, 0.8, 1.0, 0.0, 0.0, 0.0], (len(t_ns), 1))
    return with_stream(episode, Stream(SCHEMA.stream("debug/object_poses_world"), t_ns, pose))


def _none(stream: Stream) -> Stream:
    return stream.with_values(stream.data[:0], stream.t_ns[:0])


def _one(stream: Stream) -> Stream:
    return stream.with_values(stream.data[:1], stream.t_ns[:1])


def _nan(stream: Stream) -> Stream:
    return stream.with_values(np.full_like(stream.data, np.nan), stream.t_ns) if stream.data.dtype.kind == "f" else stream


@pytest.mark.parametrize("broken", [_none, _one, _nan])
@pytest.mark.parametrize(
    "only", ["", GRIPPER, "observations/wrench_left_ankle", "debug/com_world", "debug/ee_residual", POSITIONS]
)
def test_a_broken_stream_is_skipped_and_not_a_crash(broken: Callable[[Stream], Stream], only: str) -> None:
    episode = _everything()
    streams = {key: broken(s) if only in ("", key) else s for key, s in episode.streams.items()}
    notes = judge(replace(episode, streams=streams), ROBOT, SCHEMA, peers={"a": 3.0, "b": 3.0, "c": 3.0})
    named = {s.name for s in notes.scores} | {s.name for s in notes.skipped}
    assert set(plugins.names("scores")) <= named
    assert all(np.isfinite(c.raw) for s in notes.scores for c in s.components)
    assert Notes.model_validate_json(notes.model_dump_json()) == notes


def test_scores_leave_the_episode_alone_and_do_not_depend_on_the_clock() -> None:
    episode = _everything()
    before = {key: s.data.tobytes() for key, s in episode.streams.items()}
    shift_ns = 1_700_000_000_123_456_789
    later = replace(
        episode,
        timeline_ns=episode.timeline_ns + shift_ns,
        streams={key: replace(s, t_ns=s.t_ns + shift_ns) for key, s in episode.streams.items()},
    )
    for name in ("balance", "grasp", "retarget_fidelity", "smoothness"):
        here, there = raw_of(score_of(name, episode)), raw_of(score_of(name, later))
        assert there == pytest.approx(here, rel=1e-6, abs=1e-9)
    assert {key: s.data.tobytes() for key, s in episode.streams.items()} == before
