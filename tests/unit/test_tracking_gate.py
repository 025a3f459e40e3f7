"""Commands against what was measured: error, lag, and joints that do not follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from understudy.geom.arrays import F64
from understudy.pipeline.motion_episode import next_state
from understudy.quality.gates.tracking import best_lag
from understudy.spec.episode import Episode
from understudy.testing.episodes import make_episode, with_data, with_stream
from understudy.testing.gates import gate_findings
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
POSITIONS, TARGETS = "observations/joint_positions", "actions/joint_position_target"
ELBOW = ROBOT.joint_index("left_elbow_joint")


def _wave(t_s: NDArray[np.floating[Any]]) -> F64:
    return np.asarray(0.5 * np.sin(2 * np.pi * 0.4 * t_s), dtype=np.float64)


def _followed(*, lag_s: float = 0.0, off_rad: float = 0.0, off_for_s: float = 9.0, gain: float = 1.0) -> Episode:
    """The left elbow is told to swing and does so, `lag_s` later and with what else is asked for; the rest stands still."""
    episode = make_episode(ROBOT, duration_s=8.0, rate_hz=100.0)
    stream, told = episode.stream(POSITIONS), episode.stream(TARGETS)
    t_s, told_s = stream.t_ns * 1e-9, told.t_ns * 1e-9
    q, target = np.tile(ROBOT.home_rad, (len(t_s), 1)), np.tile(ROBOT.home_rad, (len(told_s), 1))
    target[:, ELBOW] += _wave(told_s)
    q[:, ELBOW] += gain * _wave(t_s - lag_s) + np.where((t_s > 2.0) & (t_s < 2.0 + off_for_s), off_rad, 0.0)
    return with_stream(with_data(episode, POSITIONS, q), replace(told, values=target, derived=""))


def test_a_robot_that_does_as_it_is_told() -> None:
    assert gate_findings("tracking", _followed(lag_s=0.06), ROBOT) == []


@pytest.mark.parametrize(("off_rad", "is_bad"), [(0.18, False), (0.22, True), (-0.22, True)])
def test_a_joint_off_its_command(off_rad: float, is_bad: bool) -> None:
    found = gate_findings("tracking", _followed(lag_s=0.06, off_rad=off_rad, off_for_s=2.0), ROBOT)
    assert len(found) == int(is_bad)
    for f in found:
        assert (f.stream, f.unit) == (POSITIONS, "rad")
        assert f.value == pytest.approx(abs(off_rad), abs=0.02)
        assert "left_elbow_joint" in f.message


def test_a_short_error_is_no_loss_of_the_joint() -> None:
    assert gate_findings("tracking", _followed(off_rad=0.3, off_for_s=0.15), ROBOT) == []
    assert gate_findings("tracking", _followed(off_rad=0.3, off_for_s=0.4), ROBOT)


@pytest.mark.parametrize(("lag_s", "is_bad"), [(0.28, False), (0.34, True)])
def test_a_robot_that_comes_late(lag_s: float, is_bad: bool) -> None:
    found = gate_findings("tracking", _followed(lag_s=lag_s), ROBOT)
    assert len(found) == int(is_bad)
    for f in found:
        assert (f.unit, f.limit) == ("s", 0.3)
        assert f.value == pytest.approx(lag_s, abs=0.02)


@pytest.mark.parametrize(("gain", "is_bad"), [(0.36, False), (0.24, True)])
def test_a_joint_that_hardly_moves(gain: float, is_bad: bool) -> None:
    found = gate_findings("tracking", _followed(gain=gain), ROBOT, max_error_rad=9.0)
    assert len(found) == int(is_bad)
    assert all(f.unit == "1" and f.value == pytest.approx(gain, abs=0.02) for f in found)


def test_commands_made_of_the_motion_otherwise_are_not_judged() -> None:
    episode = _followed(off_rad=1.0)
    derived = with_stream(episode, replace(episode.stream(TARGETS), derived="retargeted"))
    with pytest.raises(AssertionError, match=r"skipped: .* commanded nothing"):
        gate_findings("tracking", derived, ROBOT)


def _told_what_came(*, off_rad: float = 0.0, shift_s: float = 0.0) -> Episode:
    """The command is the state at the step after, but for half a second in which the elbow's is off, or as a whole too late."""
    episode = _followed()
    stream, told = episode.stream(POSITIONS), episode.stream(TARGETS)
    values = np.asarray(next_state(stream.data, stream.t_ns + round(shift_s * 1e9), told.t_ns), dtype=np.float64)
    values[100:125, ELBOW] += off_rad
    return with_stream(episode, replace(told, values=values, derived="next_state"))


@pytest.mark.parametrize(("off_rad", "is_bad"), [(0.0, False), (0.025, False), (0.035, True), (-0.035, True)])
def test_a_command_that_is_said_to_be_the_next_state_is_it(off_rad: float, is_bad: bool) -> None:
    found = gate_findings("tracking", _told_what_came(off_rad=off_rad), ROBOT)
    assert len(found) == int(is_bad)
    told_ns = _told_what_came().stream(TARGETS).t_ns
    for f in found:
        assert (f.stream, f.unit) == (TARGETS, "rad")
        assert f.value == pytest.approx(abs(off_rad), abs=1e-6)
        assert (f.start_ns, f.end_ns) == (told_ns[100], told_ns[124])
        assert "left_elbow_joint is commanded" in f.message


@pytest.mark.parametrize(("value", "is_bad"), [(np.nan, False), (np.inf, False), (1e300, True)])
def test_such_a_command_of_any_size_has_a_message_to_read(value: float, is_bad: bool) -> None:
    """What is no number is for another gate to say."""
    episode = _told_what_came()
    values = episode.data(TARGETS).copy()
    values[40, ELBOW] = value
    found = gate_findings("tracking", with_data(episode, TARGETS, values), ROBOT)
    assert len(found) == int(is_bad)
    assert all(len(f.message) < 300 for f in found)


def test_such_a_command_with_other_stamps_is_found() -> None:
    assert gate_findings("tracking", _told_what_came(shift_s=0.02), ROBOT) == []
    assert gate_findings("tracking", _told_what_came(shift_s=0.08), ROBOT)


def test_columns_in_another_order_are_the_same_joints() -> None:
    episode = _followed(off_rad=0.3)
    turned = replace(episode, joint_names=tuple(reversed(episode.joint_names)))
    for key in (POSITIONS, TARGETS):
        turned = with_data(turned, key, np.ascontiguousarray(episode.data(key)[:, ::-1]))
    assert gate_findings("tracking", turned, ROBOT) == gate_findings("tracking", episode, ROBOT)


def test_the_lag_is_found_to_the_step() -> None:
    t_s = np.arange(400) * 0.02
    told = np.stack([_wave(t_s), 0.3 * np.cos(3.0 * t_s), 0.0 * t_s], axis=1)
    for lag in (0, 1, 9):
        late = np.concatenate([np.repeat(told[:1], lag, axis=0), told[: len(told) - lag]])
        assert best_lag(told, late + 0.1, 30) == lag
    assert best_lag(0.01 * told, told, 30) == 0
