"""A shake against motion, a blow and a landing."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.spec.episode import Episode
from understudy.testing.episodes import make_episode, with_data
from understudy.testing.gates import gate_findings
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
POSITIONS = "observations/joint_positions"
ELBOW = ROBOT.joint_index("left_elbow_joint")


def _with(
    wave: F64 | None = None, *, rate_hz: float = 120.0, hz: float = 8.0, size_rad: float = 0.0, lasts_s: float = 9.0
) -> Episode:
    episode = make_episode(ROBOT, duration_s=4.0, rate_hz=rate_hz)
    t_s = episode.stream(POSITIONS).t_ns * 1e-9
    q = episode.data(POSITIONS).copy()
    inside = (t_s > 1.0) & (t_s < 1.0 + lasts_s)
    q[:, ELBOW] += np.where(inside, size_rad * np.sin(2 * np.pi * hz * t_s), 0.0) if wave is None else wave
    return with_data(episode, POSITIONS, q)


@pytest.mark.parametrize("rate_hz", [30.0, 50.0, 100.0, 120.0])
@pytest.mark.parametrize(("size_rad", "is_bad"), [(0.024, False), (0.036, True), (0.05, True)])
def test_a_shake_of_8_hz_at_any_rate(rate_hz: float, size_rad: float, is_bad: bool) -> None:
    found = gate_findings("tremor", _with(rate_hz=rate_hz, size_rad=size_rad), ROBOT)
    assert len(found) == int(is_bad)
    for f in found:
        assert f.value == pytest.approx(size_rad, rel=0.15)
        assert "left_elbow_joint (left arm) shakes at 8 Hz" in f.message


@pytest.mark.parametrize(("hz", "is_bad"), [(3.0, False), (4.0, False), (7.0, True), (12.0, True)])
def test_what_people_do_is_slower(hz: float, is_bad: bool) -> None:
    assert bool(gate_findings("tremor", _with(hz=hz, size_rad=0.06), ROBOT)) is is_bad


@pytest.mark.parametrize(("lasts_s", "is_bad"), [(0.4, False), (1.2, True)])
def test_a_shake_that_lasts(lasts_s: float, is_bad: bool) -> None:
    found = gate_findings("tremor", _with(size_rad=0.05, lasts_s=lasts_s), ROBOT)
    assert bool(found) is is_bad
    for f in found:
        assert f.start_ns is not None
        assert f.end_ns is not None
        assert 0.8e9 < f.start_ns < 1.2e9
        assert 2.0e9 < f.end_ns < 2.4e9


def test_a_step_and_a_blow_are_no_tremor() -> None:
    t_s = make_episode(ROBOT, duration_s=4.0).stream(POSITIONS).t_ns * 1e-9
    assert gate_findings("tremor", _with(np.where(t_s > 2.0, 0.6, 0.0)), ROBOT) == []
    ringing = np.where(t_s > 2.0, 0.2 * np.exp(-(t_s - 2.0) / 0.12) * np.sin(2 * np.pi * 9.0 * (t_s - 2.0)), 0.0)
    assert gate_findings("tremor", _with(ringing), ROBOT) == []


def test_joints_that_shake_together_are_one_finding() -> None:
    episode = make_episode(ROBOT, duration_s=4.0)
    wave = 0.05 * np.sin(2 * np.pi * 8.0 * episode.stream(POSITIONS).t_ns * 1e-9)
    q = episode.data(POSITIONS) + wave[:, None] * np.array(["left" in name for name in ROBOT.joint_names])
    (found,) = gate_findings("tremor", with_data(episode, POSITIONS, q), ROBOT)
    assert f"and {sum('left' in name for name in ROBOT.joint_names) - 1} more joints" in found.message


def test_samples_too_far_apart_are_not_judged() -> None:
    with pytest.raises(AssertionError, match=r"skipped: .* 20 samples per second"):
        gate_findings("tremor", _with(rate_hz=20.0, size_rad=0.05), ROBOT)
