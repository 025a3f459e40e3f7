"""Scores: what they must not depend on, and figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from understudy import plugins
from understudy.errors import InputError
from understudy.geom.arrays import F64
from understudy.geom.rotations import yaw_to_quat
from understudy.quality.posture import Posture
from understudy.quality.rating import weakest, weighted_mean
from understudy.quality.scores.balance import lateral_deviation, pressing_point
from understudy.quality.scores.smoothness import effective_frequency
from understudy.quality.skip import NotApplicable
from understudy.quality.weights import sampling_weights
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import ScoreResult
from understudy.spec.protocols import GateContext, Score
from understudy.testing.episodes import make_episode, with_data
from understudy.testing.motions import stamps
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
POSITIONS = "observations/joint_positions"


def _rate(name: str, episode: Episode, peers: dict[str, float] | None = None) -> ScoreResult:
    score = cast(Score, plugins.load("scores", name))
    return score.rate(episode, GateContext(ROBOT, default_schema(ROBOT, "x"), {}, peers or {}))


def _sine(hz: float, *, amplitude_rad: float = 1.0, seconds: float = 10.0, rate_hz: float = 120.0) -> float:
    t_ns = stamps(seconds, rate_hz)
    q = amplitude_rad * np.sin(2 * np.pi * hz * t_ns * 1e-9)[:, None]
    return float(effective_frequency(q, t_ns)[0])


@pytest.mark.parametrize("hz", [1.0, 2.0, 4.0, 8.0])
def test_the_effective_frequency_of_a_sine_is_its_frequency(hz: float) -> None:
    assert _sine(hz) == pytest.approx(hz, rel=0.05)


def test_smoothness_does_not_depend_on_length_rate_or_amplitude() -> None:
    base = _sine(2.0)
    assert _sine(2.0, seconds=60.0) == pytest.approx(base, rel=0.01)
    assert _sine(2.0, rate_hz=500.0) == pytest.approx(base, rel=0.03)
    assert _sine(2.0, amplitude_rad=0.5) == pytest.approx(base, rel=0.02)


def test_a_tremor_costs_smoothness() -> None:
    episode = make_episode(ROBOT, duration_s=6.0)
    q, t_s = episode.data(POSITIONS), episode.stream(POSITIONS).t_ns * 1e-9
    values = [
        _rate("smoothness", with_data(episode, POSITIONS, q + size * np.sin(2 * np.pi * 10.0 * t_s)[:, None])).value
        for size in (0.0, 0.003, 0.01, 0.03)
    ]
    assert values[0] == 1.0
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.3


def test_encoder_noise_at_rest_is_no_tremor() -> None:
    episode = make_episode(ROBOT, duration_s=6.0)
    noise = 1e-4 * np.random.default_rng(0).normal(size=episode.data(POSITIONS).shape)
    still = np.tile(ROBOT.home_rad, (len(noise), 1)) + noise
    assert _rate("smoothness", with_data(episode, POSITIONS, still)).value > 0.8


def test_smoothness_leaves_out_what_is_no_number() -> None:
    episode = make_episode(ROBOT, duration_s=2.0)
    q = episode.data(POSITIONS).copy()
    q[-3:] = np.nan
    assert _rate("smoothness", with_data(episode, POSITIONS, q)).value == 1.0
    with pytest.raises(NotApplicable, match="usable samples"):
        _rate("smoothness", with_data(episode, POSITIONS, np.full_like(q, np.nan)))


def _standing(yaw_rad: float = 0.0) -> Posture:
    """Two samples of the home pose, turned about the vertical."""
    height = np.array([[0.0, 0.0, ROBOT.profile.standing_height_m]] * 2)
    quat = np.tile(yaw_to_quat(np.array(yaw_rad)), (2, 1))
    return Posture(ROBOT, np.array([0, 10_000_000]), height, quat, np.tile(ROBOT.home_rad, (2, 1)))


@pytest.mark.parametrize("yaw_rad", [0.0, 1.0, np.pi, -2.0])
def test_the_lateral_deviation_is_1_over_the_outer_edge_of_the_left_foot(yaw_rad: float) -> None:
    seen = _standing(yaw_rad)
    left = np.array([-np.sin(yaw_rad), np.cos(yaw_rad)])
    outer_m = 0.06 + 0.05 + 0.03  # hip offsets and half a sole, from the stand-in's figures
    for share in (0.0, 0.5, 1.0, -1.0):
        point = np.zeros((2, 2))
        point[:] = share * outer_m * left + 0.3 * np.array([np.cos(yaw_rad), np.sin(yaw_rad)])
        np.testing.assert_allclose(lateral_deviation(seen, point), share, atol=1e-9)


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.95, 1.0), (1.25, 0.5), (1.6, 0.0), (-1.25, 0.5)])
def test_balance_falls_as_the_centre_of_mass_leaves_the_stance(share: float, value: float) -> None:
    episode = make_episode(ROBOT, duration_s=2.0)
    com = episode.data("debug/com_world").copy()
    pose: F64 = episode.data("debug/base_pose_world")
    com[:, 1] = pose[:, 1] + share * 0.14
    result = _rate("balance", with_data(episode, "debug/com_world", com))
    assert result.value == pytest.approx(value, abs=0.02)
    assert result.raw == pytest.approx(abs(share), abs=0.02)


@pytest.mark.parametrize("clockwise", [1.0, -1.0])
def test_who_leans_into_a_turn_presses_under_the_feet(clockwise: float) -> None:
    speed_m_s, radius_m, height_m = 1.5, 2.0, 0.7
    t_ns = stamps(6.0, 120.0)
    angle = clockwise * speed_m_s / radius_m * t_ns * 1e-9
    outward = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lean_m = height_m * speed_m_s**2 / radius_m / 9.81  # tan of the lean is v^2 / (r g)
    com = np.concatenate([(radius_m - lean_m) * outward, np.full((len(t_ns), 1), height_m)], axis=1)
    flat = np.zeros((len(t_ns), 3))
    seen = Posture(ROBOT, t_ns, flat, np.tile([1.0, 0.0, 0.0, 0.0], (len(t_ns), 1)), np.tile(ROBOT.home_rad, (len(t_ns), 1)))
    pressed_m = np.linalg.norm(pressing_point(com, seen)[200:-200], axis=1)
    want_m = (radius_m - lean_m) * (1.0 + height_m * (speed_m_s / radius_m) ** 2 / 9.81)
    np.testing.assert_allclose(pressed_m, want_m, atol=2e-3)
    assert abs(want_m - radius_m) < 0.01


def test_a_point_at_rest_is_pressed_right_below() -> None:
    seen = _standing()
    com = np.tile([0.1, -0.2, 0.7], (2, 1))
    np.testing.assert_allclose(pressing_point(com, seen), com[:, :2])


def test_there_is_no_balance_in_the_air() -> None:
    episode = make_episode(ROBOT, duration_s=2.0)
    pose = episode.data("debug/base_pose_world") + np.array([0, 0, 0.3, 0, 0, 0, 0])
    with pytest.raises(NotApplicable, match="on the ground"):
        _rate("balance", with_data(episode, "debug/base_pose_world", pose))


@pytest.mark.parametrize(
    ("factor", "value"),
    [
        (1.0, 1.0),
        (1.2, 1.0),
        (1 / 1.2, 1.0),
        (2.6, 0.0),
        (1 / 2.6, 0.0),
        (np.sqrt(1.25 * 2.5), 0.5),
    ],
)
def test_completion_time_against_the_median_of_the_others(factor: float, value: float) -> None:
    episode = make_episode(ROBOT, duration_s=4.0)
    median_s = episode.duration_s / factor
    peers = {"a": median_s, "b": median_s * 0.9, "c": median_s * 3.0, episode.id: 1e6}
    result = _rate("completion_time", episode, peers)
    assert result.value == pytest.approx(value, abs=1e-6)
    assert result.raw == pytest.approx(factor)


def test_completion_time_needs_three_others() -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    with pytest.raises(NotApplicable, match="3 are needed"):
        _rate("completion_time", episode, {"a": 1.0, "b": 1.0, episode.id: 1.0})


def test_the_rating_is_the_weakest_and_the_mean_is_weighted() -> None:
    scores = [ScoreResult(name="a", value=0.9, raw=0.0), ScoreResult(name="b", value=0.3, raw=0.0)]
    assert weakest(scores) == 0.3
    assert weighted_mean(scores, {"a": 1.0, "b": 0.5}) == pytest.approx(0.7)
    assert weakest([]) is None
    assert weighted_mean([], {}) is None


def test_sampling_weights() -> None:
    weights = sampling_weights([0.0, 1.0, None, 0.5])
    np.testing.assert_allclose(weights, np.array([0.2, 1.0, 0.6, 0.6]) / 0.6)
    assert weights.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(sampling_weights([None, None]), 1.0)
    np.testing.assert_allclose(sampling_weights([0.1, 0.9], floor=1.0), 1.0)
    sharp, even = sampling_weights([0.5, 1.0], power=3.0), sampling_weights([0.5, 1.0])
    assert sharp[1] / sharp[0] > even[1] / even[0]
    assert len(sampling_weights([])) == 0


@pytest.mark.parametrize(
    ("ratings", "floor", "power"), [([1.1], 0.2, 1.0), ([0.5], 0.0, 1.0), ([0.5], 0.2, 0.0), ([float("nan")], 0.2, 1.0)]
)
def test_sampling_weights_refuse_figures_out_of_range(ratings: list[float | None], floor: float, power: float) -> None:
    with pytest.raises(InputError):
        sampling_weights(ratings, floor=floor, power=power)


def test_scores_are_deterministic_and_within_0_and_1() -> None:
    episode = make_episode(ROBOT, duration_s=2.0)
    for name in sorted({*plugins.names("scores")} - {"grasp"}):
        first = _rate(name, episode, {"a": 2.0, "b": 2.0, "c": 2.0})
        assert first == _rate(name, replace(episode), {"a": 2.0, "b": 2.0, "c": 2.0})
        assert first.name == name
        assert 0.0 <= first.value <= 1.0


@pytest.mark.parametrize("back_ns", [0, 10_000_000])
def test_stamps_that_do_not_increase_are_no_balance(back_ns: int) -> None:
    episode, key = make_episode(ROBOT, duration_s=2.0), "observations/joint_positions"
    assert _rate("balance", episode).components
    t_ns = episode.stream(key).t_ns.copy()
    t_ns[100:] -= t_ns[100] - t_ns[99] + back_ns
    with pytest.raises(NotApplicable, match="do not increase"):
        _rate("balance", with_data(episode, key, episode.data(key), t_ns))
