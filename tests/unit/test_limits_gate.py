"""The limits gate on both sides of 5 %, by joint and by sign."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.geom.arrays import F64, I64
from understudy.quality.gates.limits import difference_speed
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.testing.episodes import make_episode, with_data, with_joint_jump, without
from understudy.testing.gates import gate_findings
from understudy.testing.motions import stamps
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
POSITIONS, VELOCITIES = "observations/joint_positions", "observations/joint_velocities"


def _found(episode: Episode) -> list[Finding]:
    return gate_findings("limits", episode, ROBOT)


def _held(q_rad: F64) -> Episode:
    """An episode that holds one pose (J,)."""
    episode = make_episode(ROBOT, duration_s=1.0)
    n = len(episode.stream(POSITIONS))
    still = with_data(episode, VELOCITIES, np.zeros((n, ROBOT.dof)))
    return with_data(still, POSITIONS, np.tile(q_rad, (n, 1)))


@pytest.mark.parametrize("joint", range(ROBOT.dof))
@pytest.mark.parametrize("upper", [True, False])
def test_a_position_beyond_its_limit_by_5_percent_of_the_range(joint: int, upper: bool) -> None:
    q = ROBOT.home_rad.copy()
    span = ROBOT.upper_rad[joint] - ROBOT.lower_rad[joint]
    bound, sign = (ROBOT.upper_rad[joint], 1.0) if upper else (ROBOT.lower_rad[joint], -1.0)
    q[joint] = bound + sign * 0.049 * span
    assert _found(_held(q)) == []
    q[joint] = bound + sign * 0.051 * span
    (found,) = _found(_held(q))
    assert found.message.startswith(ROBOT.joint_names[joint] + " ")
    assert found.value == pytest.approx(q[joint])
    assert found.limit == pytest.approx(bound + sign * 0.05 * span)
    assert found.unit == "rad"
    assert ("upper" in found.message) is upper


def test_left_and_right_are_told_apart() -> None:
    q = ROBOT.home_rad.copy()
    q[ROBOT.joint_index("left_hip_roll_joint")] = 2.5  # to the left, away from the body: allowed to 2.9
    assert _found(_held(q)) == []
    q = ROBOT.home_rad.copy()
    q[ROBOT.joint_index("right_hip_roll_joint")] = 2.5  # across the body: allowed to 0.5
    (found,) = _found(_held(q))
    assert "right_hip_roll_joint" in found.message


def test_columns_go_by_their_names_and_not_by_their_place() -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    turned = tuple(reversed(episode.joint_names))
    q = episode.data(POSITIONS).copy()
    q[:, ROBOT.joint_index("left_knee_joint")] = 3.2
    from dataclasses import replace

    mirrored = replace(with_data(without(episode, VELOCITIES), POSITIONS, q[:, ::-1]), joint_names=turned)
    found = _found(mirrored)
    assert {f.message.split()[0] for f in found} == {"left_knee_joint"}


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("factor", "is_over"), [(1.04, False), (1.06, True)])
def test_a_measured_velocity_over_its_limit_by_5_percent(sign: float, factor: float, is_over: bool) -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    v = np.zeros((len(episode.stream(VELOCITIES)), ROBOT.dof))
    v[30, 7] = sign * factor * ROBOT.velocity_rad_s[7]
    found = _found(with_data(episode, VELOCITIES, v))
    assert bool(found) is is_over
    if is_over:
        assert (found[0].stream, found[0].unit, found[0].start_ns) == (VELOCITIES, "rad/s", int(stamps(1.0, 120.0)[30]))


@pytest.mark.parametrize(("factor", "is_over"), [(1.04, False), (1.06, True)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_speed_by_the_stamps_of_the_positions(sign: float, factor: float, is_over: bool) -> None:
    episode = without(make_episode(ROBOT, duration_s=1.0), VELOCITIES)
    t_ns = episode.stream(POSITIONS).t_ns
    q = np.tile(ROBOT.home_rad, (len(t_ns), 1))
    rate = sign * factor * ROBOT.velocity_rad_s[17]
    q[:, 17] = np.clip(rate * (t_ns * 1e-9 - 0.5), -0.3, 0.3)
    found = _found(with_data(episode, POSITIONS, q))
    assert bool(found) is is_over


def test_a_jump_that_the_velocities_hide_is_seen() -> None:
    episode = make_episode(ROBOT, duration_s=3.0)
    jumped = with_joint_jump(episode, "left_elbow_joint", jump_rad=0.6, at_s=1.0)
    hidden = with_data(jumped, VELOCITIES, episode.data(VELOCITIES))
    (found,) = _found(hidden)
    assert found.stream == POSITIONS
    assert "left_elbow_joint" in found.message
    assert found.value == pytest.approx(0.6 * 120.0, rel=0.05)


def test_fast_streams_are_not_judged_by_the_jitter_of_their_stamps() -> None:
    rng = np.random.default_rng(0)
    even = np.arange(2000) * 1_000_000
    t_ns: I64 = np.sort(even + rng.integers(-450_000, 450_000, 2000))
    q = np.sin(2 * np.pi * even * 1e-9)[:, None]
    speed, at_ns = difference_speed(q, t_ns, 0.005)
    assert speed.max() < 2 * np.pi * 1.3
    assert np.all(np.diff(at_ns) > 0)


def test_equal_stamps_are_left_out() -> None:
    speed, t_ns = difference_speed(np.array([[0.0], [1.0], [1.0]]), np.array([0, 0, 10_000_000]), 0.005)
    assert speed.shape == (1, 1)
    assert t_ns.tolist() == [10_000_000]


def test_degrees_in_place_of_radians_are_refused() -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    assert _found(with_data(episode, POSITIONS, np.rad2deg(episode.data(POSITIONS))))
