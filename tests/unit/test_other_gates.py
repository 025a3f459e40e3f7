"""Wrench spikes, numbers, quaternions, stuck joints, retargeting and foot skate on both sides of their thresholds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream
from understudy.testing.episodes import make_episode, with_base_shift, with_data, with_nan, with_stream, without
from understudy.testing.gates import gate_findings
from understudy.testing.motions import stamps
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
SCHEMA = default_schema(ROBOT, "test")
POSITIONS, TARGETS = "observations/joint_positions", "actions/joint_position_target"


def _wrench(data: F64, side: str = "left", place: str = "wrist") -> Episode:
    """An episode with a 200 Hz wrench stream (N, 6)."""
    spec = SCHEMA.stream(f"observations/wrench_{side}_{place}")
    return with_stream(make_episode(ROBOT, duration_s=2.0), Stream(spec, stamps(2.0, 200.0), data))


QUIET = np.zeros((401, 6))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(
    ("place", "column", "limit", "unit"),
    [("wrist", 0, 60.0, "N"), ("wrist", 5, 8.0, "Nm"), ("ankle", 2, 600.0, "N"), ("ankle", 3, 60.0, "Nm")],
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_spike(side: str, place: str, column: int, limit: float, unit: str, sign: float) -> None:
    data = QUIET.copy()
    data[200, column] = sign * 0.99 * limit
    assert gate_findings("wrench_spike", _wrench(data, side, place), ROBOT) == []
    data[200, column] = sign * 1.01 * limit
    (found,) = gate_findings("wrench_spike", _wrench(data, side, place), ROBOT)
    assert (found.stream, found.unit, found.limit) == (f"observations/wrench_{side}_{place}", unit, limit)
    assert found.start_ns == found.end_ns == 1_000_000_000


def test_a_step_of_the_load_is_no_spike_but_a_turned_sign_is_one() -> None:
    held = QUIET.copy()
    held[200:, 2] = -120.0  # something heavy taken into the hand, and kept
    assert gate_findings("wrench_spike", _wrench(held), ROBOT) == []
    held[300, 2] = 120.0  # as long as before, the other way
    assert gate_findings("wrench_spike", _wrench(held), ROBOT)


@pytest.mark.parametrize(("force_n", "is_bad"), [(149.0, False), (151.0, True)])
def test_a_load_that_a_wrist_cannot_carry(force_n: float, is_bad: bool) -> None:
    held = QUIET.copy()
    held[:, 1] = force_n
    assert bool(gate_findings("wrench_spike", _wrench(held), ROBOT)) is is_bad


def test_footfalls_are_no_spikes() -> None:
    data = QUIET.copy()
    t_s = stamps(2.0, 200.0) * 1e-9
    data[:, 2] = np.where((t_s % 0.8) < 0.45, 330.0 + 60.0 * np.sin(2 * np.pi * t_s / 0.225), 0.0)
    assert gate_findings("wrench_spike", _wrench(data, "right", "ankle"), ROBOT) == []


@pytest.mark.parametrize(
    ("key", "severity"), [(POSITIONS, "reject"), ("debug/base_pose_world", "reject"), ("debug/com_world", "warn")]
)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number(key: str, severity: str, bad: float) -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    data = episode.data(key).copy()
    data[7, 1] = bad
    (found,) = gate_findings("nan", with_data(episode, key, data), ROBOT)
    assert (found.severity, found.stream, found.value) == (severity, key, 1.0)
    assert episode.stream(key).spec.names[1] in found.message


@pytest.mark.parametrize(("scale", "is_bad"), [(1.009, False), (1.011, True), (0.985, True)])
def test_a_quaternion_off_unit_length(scale: float, is_bad: bool) -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    pose = episode.data("debug/base_pose_world").copy()
    pose[30, 3:] *= scale
    assert bool(gate_findings("quaternion_norm", with_data(episode, "debug/base_pose_world", pose), ROBOT)) is is_bad


def test_the_length_of_a_position_is_not_that_of_a_quaternion() -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    moved = with_base_shift(episode, ROBOT, np.array([40.0, -3.0, 0.0]))
    assert gate_findings("quaternion_norm", moved, ROBOT) == []


@pytest.mark.parametrize(("samples", "command_rad", "is_bad"), [(130, 0.2, True), (100, 0.2, False), (130, 0.05, False)])
def test_a_joint_that_is_stuck_while_commanded(samples: int, command_rad: float, is_bad: bool) -> None:
    episode = make_episode(ROBOT, duration_s=3.0)
    q = episode.data(POSITIONS).copy()
    q[:, 3] += 1e-6 * np.random.default_rng(0).normal(size=len(q))
    q[100 : 100 + samples, 3] = q[100, 3]
    told = episode.stream(TARGETS)
    target = told.data.astype(np.float64).copy()
    target[:, 3] = np.where(told.t_ns > 1_200_000_000, command_rad, 0.0)
    commanded = with_stream(with_data(episode, POSITIONS, q), replace(told, values=target, derived=""))
    found = gate_findings("frozen_joints", commanded, ROBOT)
    assert bool(found) is is_bad
    if is_bad:
        assert found[0].message.startswith("left_knee_joint does not move")
    assert (
        gate_findings("frozen_joints", with_stream(commanded, replace(told, values=target)), ROBOT) == []
    )  # derived targets tell nothing


@pytest.mark.parametrize(("share", "is_bad"), [(0.09, False), (0.12, True)])
def test_frames_out_of_reach(share: float, is_bad: bool) -> None:
    episode = make_episode(ROBOT, duration_s=4.0)
    n = len(episode.stream("debug/infeasible"))
    flags = np.zeros(n, dtype=np.bool_)
    flags[60 : 60 + round(share * n)] = True
    residual = episode.data("debug/ee_residual").copy()
    residual[80, 1] = 0.17
    flagged = with_data(with_data(episode, "debug/infeasible", flags), "debug/ee_residual", residual)
    found = gate_findings("retarget", flagged, ROBOT)
    assert bool(found) is is_bad
    if is_bad:
        assert found[0].severity == "warn"
        assert found[0].value == pytest.approx(share, abs=0.005)
        assert "right_hand off by up to 17 cm" in found[0].message
        assert "from 0.50 to" in found[0].message


def _moved(shift_world_m: F64) -> Episode:
    """Moved against the floor; the person whom it follows stood still."""
    return with_base_shift(make_episode(ROBOT, duration_s=2.0), ROBOT, shift_world_m)


@pytest.mark.parametrize(("speed_m_s", "is_bad"), [(0.045, False), (0.055, True)])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_planted_foot_that_slides(speed_m_s: float, axis: int, is_bad: bool) -> None:
    t_s = stamps(2.0, 120.0) * 1e-9
    shift = np.zeros((len(t_s), 3))
    shift[:, axis] = speed_m_s * t_s
    found = gate_findings("foot_skate", _moved(shift), ROBOT)
    assert len(found) == (2 if is_bad else 0)
    for f in found:
        assert (f.severity, f.unit) == ("warn", "m/s")
        assert f.value == pytest.approx(speed_m_s, abs=1e-6)


@pytest.mark.parametrize(("height_m", "words"), [(0.018, ""), (0.022, "above"), (-0.022, "below")])
def test_a_planted_foot_off_the_floor(height_m: float, words: str) -> None:
    found = gate_findings("foot_skate", _moved(np.array([0.0, 0.0, height_m])), ROBOT)
    assert len(found) == (2 if words else 0)
    assert all(words in f.message and f.value == pytest.approx(height_m, abs=1e-3) for f in found)


def test_only_the_foot_that_is_planted_can_slide() -> None:
    episode = _moved(np.stack([0.2 * stamps(2.0, 120.0) * 1e-9, np.zeros(241), np.zeros(241)], axis=1))
    contact = np.zeros((241, 2), dtype=np.bool_)
    contact[:, 1] = True
    (found,) = gate_findings("foot_skate", with_data(episode, "debug/source_contact", contact), ROBOT)
    assert "right foot" in found.message
    alone = without(episode, "debug/source_contact")  # nobody is known: the robot's own contacts have to do
    (found,) = gate_findings("foot_skate", with_data(alone, "observations/foot_contact", contact), ROBOT)
    assert (found.stream, "right foot" in found.message) == ("observations/foot_contact", True)


def test_nan_is_never_silent() -> None:
    for key in (POSITIONS, "debug/base_pose_world"):
        assert gate_findings("nan", with_nan(make_episode(ROBOT, duration_s=1.0), key), ROBOT)
