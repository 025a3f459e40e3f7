"""Skating, floating and sunken feet on both sides of their thresholds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.kinematics.forward import body_poses
from understudy.kinematics.sole_travel import sole_outlines, sole_travel
from understudy.quality.stances import worst_window
from understudy.spec.episode import Episode
from understudy.testing.episodes import make_episode, make_squat_episode, with_base_shift, with_data, without
from understudy.testing.gates import gate_findings
from understudy.testing.motions import stamps
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
CONTACT = "debug/source_contact"
T_S: F64 = np.asarray(stamps(3.0, 120.0) * 1e-9, dtype=np.float64)


def _moved(shift_world_m: F64) -> Episode:
    """Moved against the floor; the person whom it follows stood still."""
    return with_base_shift(make_episode(ROBOT, duration_s=3.0), ROBOT, shift_world_m)


def _along(axis: int, way_m: F64) -> Episode:
    shift = np.zeros((len(T_S), 3))
    shift[:, axis] = way_m
    return _moved(shift)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    ("speed_m_s", "severity"), [(0.045, ""), (0.055, "warn"), (0.066, "warn"), (0.074, "reject"), (0.1, "reject")]
)
def test_planted_feet_that_slide_all_the_time(speed_m_s: float, axis: int, severity: str) -> None:
    found = gate_findings("foot_skate", _along(axis, speed_m_s * T_S), ROBOT)
    assert len(found) == (2 if severity else 0)
    for f in found:
        assert (f.severity, f.unit) == (severity, "m/s")
        assert f.value == pytest.approx(speed_m_s, abs=1e-3)


@pytest.mark.parametrize(("speed_m_s", "is_bad"), [(0.066, False), (0.075, True)])
def test_a_slide_of_half_a_second_in_a_long_stance(speed_m_s: float, is_bad: bool) -> None:
    found = gate_findings("foot_skate", _along(0, speed_m_s * np.clip(T_S - 1.0, 0.0, 0.6)), ROBOT)
    assert [f.severity for f in found] == (["reject"] * 2 if is_bad else [])
    for f in found:
        assert f.start_ns is not None
        assert f.end_ns is not None
        assert 0.9e9 < f.start_ns < f.end_ns < 1.7e9


def test_a_foot_that_turns_on_a_point_does_not_slide() -> None:
    episode = make_episode(ROBOT, duration_s=3.0)
    turned = _turned_about_left_heel(episode)
    contact = np.tile([True, False], (len(T_S), 1))
    assert gate_findings("foot_skate", with_data(turned, CONTACT, contact), ROBOT) == []
    wrong = np.tile([False, True], (len(T_S), 1))  # the other foot goes round it
    assert gate_findings("foot_skate", with_data(turned, CONTACT, wrong), ROBOT)


def _turned_about_left_heel(episode: Episode) -> Episode:
    """The whole robot turns by 0.5 rad/s about a corner of its left sole."""
    pose = episode.data("debug/base_pose_world")
    q = np.tile(episode.data("observations/joint_positions")[0], (len(T_S), 1))
    sole = ROBOT.profile.soles["left"]
    body, outline = ROBOT.on_body(sole.link, np.array(sole.outline_m))
    start = np.tile(pose[0], (len(T_S), 1))
    corner = body_poses(ROBOT, start[:, :3], start[:, 3:], q).points(body, outline[0])[0]
    half = 0.25 * T_S
    turn = np.stack([np.cos(half), 0 * half, 0 * half, np.sin(half)], axis=1)
    arm = start[0, :3] - corner
    c, s = np.cos(2 * half), np.sin(2 * half)
    pose = np.stack([corner[0] + c * arm[0] - s * arm[1], corner[1] + s * arm[0] + c * arm[1], start[:, 2], *turn.T], axis=1)
    return with_data(with_data(episode, "observations/joint_positions", q), "debug/base_pose_world", pose)


def test_only_the_foot_that_is_planted_can_slide() -> None:
    episode = _along(0, 0.2 * T_S)
    contact = np.tile([False, True], (len(T_S), 1))
    (found,) = gate_findings("foot_skate", with_data(episode, CONTACT, contact), ROBOT)
    assert "right foot" in found.message
    alone = without(episode, CONTACT)  # nobody is known: the robot's own contacts have to do
    (found,) = gate_findings("foot_skate", with_data(alone, "observations/foot_contact", contact), ROBOT)
    assert (found.stream, "right foot" in found.message) == ("observations/foot_contact", True)


def test_the_ends_of_a_stance_are_not_held_against_it() -> None:
    contact = np.zeros((len(T_S), 2), dtype=np.bool_)
    contact[120:240] = True
    late = 0.3 * np.clip(T_S - (239 / 120.0 - 0.03), 0.0, None)  # the foot leaves 30 ms before the flag says so
    assert gate_findings("foot_skate", with_data(_along(0, late), CONTACT, contact), ROBOT) == []
    early = 0.3 * np.clip(T_S - (239 / 120.0 - 0.25), 0.0, None)
    assert gate_findings("foot_skate", with_data(_along(0, early), CONTACT, contact), ROBOT)


@pytest.mark.parametrize(("height_m", "words"), [(0.018, ""), (0.022, "above"), (-0.022, "below")])
def test_a_planted_foot_a_little_off_the_floor_is_a_warning(height_m: float, words: str) -> None:
    found = gate_findings("foot_skate", _moved(np.array([0.0, 0.0, height_m])), ROBOT)
    assert [f.severity for f in found] == (["warn"] * 2 if words else [])
    assert all(words in f.message and f.value == pytest.approx(height_m, abs=1e-3) for f in found)


@pytest.mark.parametrize(("height_m", "words"), [(0.028, ""), (0.032, "above"), (-0.028, ""), (-0.032, "below"), (0.05, "above")])
def test_a_planted_foot_far_off_the_floor(height_m: float, words: str) -> None:
    found = gate_findings("foot_height", _moved(np.array([0.0, 0.0, height_m])), ROBOT)
    assert [f.severity for f in found] == (["reject"] * 2 if words else [])
    assert all(words in f.message and f.value == pytest.approx(height_m, abs=1e-3) for f in found)


@pytest.mark.parametrize(("lasts_s", "is_bad"), [(0.15, False), (0.2, True)])
def test_a_foot_that_floats_for_part_of_a_stance(lasts_s: float, is_bad: bool) -> None:
    up = np.where((T_S > 1.0) & (1.0 + lasts_s > T_S), 0.045, 0.0)
    assert bool(gate_findings("foot_height", _along(2, up), ROBOT)) is is_bad


@pytest.mark.parametrize(("lasts_s", "is_bad"), [(0.08, False), (0.13, True)])
def test_a_foot_in_the_floor_need_not_be_planted(lasts_s: float, is_bad: bool) -> None:
    down = np.where((T_S > 1.0) & (1.0 + lasts_s > T_S), -0.04, 0.0)
    episode = with_data(_along(2, down), CONTACT, np.zeros((len(T_S), 2), dtype=np.bool_))
    assert bool(gate_findings("foot_height", episode, ROBOT)) is is_bad


@pytest.mark.parametrize(("source", "lasts_s", "is_bad"), [("mocap", 1.1, True), ("mocap", 0.9, False), ("teleop", 2.5, False)])
def test_nobody_flies_for_a_second_but_a_robot_may_hang_in_a_gantry(source: str, lasts_s: float, is_bad: bool) -> None:
    up = np.where((T_S > 0.5) & (0.5 + lasts_s > T_S), 0.1, 0.0)
    episode = with_data(_along(2, up), CONTACT, np.zeros((len(T_S), 2), dtype=np.bool_))
    episode = replace(episode, metadata={**episode.metadata, "motion_source": source})
    found = gate_findings("foot_height", episode, ROBOT)
    assert bool(found) is is_bad
    assert all("nothing of the robot" in f.message for f in found)


def test_a_squat_has_its_feet_on_the_floor() -> None:
    for gate in ("foot_skate", "foot_height"):
        assert gate_findings(gate, make_squat_episode(ROBOT), ROBOT) == []


def test_the_way_of_a_sole_is_that_of_its_slowest_point() -> None:
    rng = np.random.default_rng(2)
    n = 40
    pos, quat = rng.normal(0.0, 0.1, (n, 3)), np.tile([1.0, 0.0, 0.0, 0.0], (n, 1)) + rng.normal(0.0, 0.05, (n, 4))
    poses = body_poses(ROBOT, pos, quat, ROBOT.home_rad + rng.normal(0.0, 0.1, (n, ROBOT.dof)))
    for lag in (1, 7):
        lowest, slid = sole_travel(ROBOT, poses, lag)
        for i, side in enumerate(("left", "right")):
            sole = ROBOT.profile.soles[side]
            points = poses.points(*ROBOT.on_body(sole.link, np.array(sole.outline_m)))
            np.testing.assert_allclose(sole_outlines(ROBOT, poses)[side], points, atol=1e-12)
            np.testing.assert_allclose(lowest[:, i], points[..., 2].min(axis=1), atol=1e-12)
            way = np.linalg.norm(points[lag:, :, :2] - points[:-lag, :, :2], axis=2).min(axis=1)
            np.testing.assert_allclose(slid[:, i], way, atol=1e-12)


def test_the_worst_window_by_hand() -> None:
    t_ns = np.arange(6) * 100_000_000
    values = np.array([0.0, 1.0, -4.0, -4.0, 1.0, 0.0])
    assert worst_window(values, t_ns, 0.1) == (-4.0, 2, 3)
    assert worst_window(values, t_ns, 9.0) == (-1.0, 0, 5)


@pytest.mark.parametrize(("lasts_s", "is_bad"), [(0.15, False), (0.25, True)])
def test_a_stance_of_a_runner_is_judged_and_a_touch_is_not(lasts_s: float, is_bad: bool) -> None:
    contact = np.repeat(((T_S >= 1.0) & (1.0 + lasts_s > T_S))[:, None], 2, axis=1)
    assert bool(gate_findings("foot_skate", with_data(_along(0, 0.2 * T_S), CONTACT, contact), ROBOT)) is is_bad
    floating = with_data(_moved(np.array([0.0, 0.0, 0.05])), CONTACT, contact)
    assert bool(gate_findings("foot_height", floating, ROBOT, max_flight_s=9.0)) is is_bad
