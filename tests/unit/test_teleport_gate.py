"""Jumps against fast motions, joints and base, at many rates."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.geom.arrays import F64, I64
from understudy.quality.gates.teleport import jumps
from understudy.spec.episode import Episode
from understudy.testing.episodes import make_episode, with_data, with_joint_jump
from understudy.testing.gates import gate_findings
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
POSITIONS, BASE = "observations/joint_positions", "debug/base_pose_world"


def _standing(rate_hz: float = 120.0) -> Episode:
    return make_episode(ROBOT, duration_s=2.0, rate_hz=rate_hz)


def _stays(key: str, column: int, by: float, rate_hz: float = 120.0) -> Episode:
    """From the middle on, one column is elsewhere."""
    episode = _standing(rate_hz)
    data = episode.data(key).copy()
    data[len(data) // 2 :, column] += by
    return with_data(episode, key, data)


@pytest.mark.parametrize(("jump_rad", "is_bad"), [(0.14, False), (0.16, True), (-0.16, True)])
@pytest.mark.parametrize("rate_hz", [50.0, 120.0])
def test_a_joint_that_jumps_and_stays(jump_rad: float, is_bad: bool, rate_hz: float) -> None:
    found = gate_findings("teleport", _stays(POSITIONS, 20, jump_rad, rate_hz), ROBOT)
    assert len(found) == int(is_bad)
    for f in found:
        assert f.value == pytest.approx(abs(jump_rad), abs=0.01)
        assert f.start_ns == f.end_ns
        assert f"{ROBOT.joint_names[20]} jumps" in f.message
        assert "once" in f.message


@pytest.mark.parametrize(("jump_rad", "is_bad"), [(0.14, False), (0.16, True)])
def test_a_joint_that_jumps_and_comes_back(jump_rad: float, is_bad: bool) -> None:
    episode = with_joint_jump(_standing(), "left_elbow_joint", jump_rad=jump_rad)
    assert bool(gate_findings("teleport", episode, ROBOT)) is is_bad


@pytest.mark.parametrize(
    ("rate_hz", "jump_rad", "is_bad"), [(30.0, 0.21, False), (30.0, 0.235, True), (20.0, 0.26, False), (20.0, 0.28, True)]
)
def test_between_samples_far_apart_a_joint_may_go_further(rate_hz: float, jump_rad: float, is_bad: bool) -> None:
    """At 30 Hz 200 rad/s^2 are 0.22 rad; at 20 Hz they were 0.5, and 0.27 is the most."""
    assert bool(gate_findings("teleport", _stays(POSITIONS, 20, jump_rad, rate_hz), ROBOT)) is is_bad


@pytest.mark.parametrize(("jump_m", "is_bad"), [(0.095, False), (0.105, True)])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_base_that_jumps(column: int, jump_m: float, is_bad: bool) -> None:
    found = gate_findings("teleport", _stays(BASE, column, jump_m), ROBOT)
    assert [f.stream for f in found] == ([BASE] if is_bad else [])


@pytest.mark.parametrize(("turn_rad", "is_bad"), [(0.19, False), (0.21, True)])
def test_a_base_that_turns_at_once(turn_rad: float, is_bad: bool) -> None:
    episode = _standing()
    pose = episode.data(BASE).copy()
    w, x, y, z = pose[100:, 3:].T
    c, s = np.cos(turn_rad / 2), np.sin(turn_rad / 2)
    pose[100:, 3:] = np.stack([c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w], axis=1)
    pose[150:, 3:] *= -1.0  # the same orientation with the other sign is no turn
    found = gate_findings("teleport", with_data(episode, BASE, pose), ROBOT)
    assert [(f.unit, f.end_ns) for f in found] == ([("rad", int(episode.stream(BASE).t_ns[100]))] if is_bad else [])


def test_a_fast_motion_is_no_jump() -> None:
    episode = _standing(50.0)
    q = episode.data(POSITIONS).copy()
    t_s = episode.stream(POSITIONS).t_ns * 1e-9
    q[:, 20] += 1.2 * np.sin(2 * np.pi * 2.5 * t_s)  # up to 0.38 rad from one sample to the next
    assert np.abs(np.diff(q[:, 20])).max() > 0.3
    assert gate_findings("teleport", with_data(episode, POSITIONS, q), ROBOT) == []
    q[50:, 20] += 0.3
    assert gate_findings("teleport", with_data(episode, POSITIONS, q), ROBOT)


def test_a_sudden_start_is_no_jump_but_a_jump_in_it_is() -> None:
    t_ns: I64 = np.arange(60) * 20_000_000
    ramp: F64 = np.maximum(np.linspace(-6.0, 5.8, 60), 0.0)[:, None]  # from rest to 10 rad/s within a sample
    assert jumps(ramp, t_ns, 0.01)[0].max() < 1e-9
    ramp[40:] += 0.3
    assert jumps(ramp, t_ns, 0.01)[0].max() == pytest.approx(0.3)


def test_a_hole_is_not_a_jump() -> None:
    episode = _stays(POSITIONS, 20, 1.0)
    stream = episode.stream(POSITIONS)
    keep = np.abs(np.arange(len(stream)) - len(stream) // 2) > 4
    assert gate_findings("teleport", with_data(episode, POSITIONS, stream.data[keep], stream.t_ns[keep]), ROBOT) == []
