"""Speeds that are, and are not, those of the positions beside them."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.geom.filters import derivative
from understudy.geom.rotations import quat_mul, yaw_to_quat
from understudy.quality.gates.velocities import mismatch
from understudy.spec.episode import Episode
from understudy.testing.episodes import make_episode, with_base_shift, with_data, without
from understudy.testing.gates import gate_findings
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
POSITIONS, SPEEDS = "observations/joint_positions", "observations/joint_velocities"
BASE, TWIST = "debug/base_pose_world", "observations/base_velocity"


def _moving() -> Episode:
    """Arms that swing at 0.7 Hz by half a radian, on a robot that goes to and fro and turns."""
    episode = make_episode(ROBOT, duration_s=5.0)
    t_ns = episode.stream(POSITIONS).t_ns
    t_s = t_ns * 1e-9
    q = episode.data(POSITIONS).copy()
    for name in ("left_elbow_joint", "right_shoulder_pitch_joint"):
        q[:, ROBOT.joint_index(name)] += 0.5 * np.sin(2 * np.pi * 0.7 * t_s)
    episode = with_base_shift(episode, ROBOT, np.stack([0.4 * np.sin(2 * t_s), 0 * t_s, 0 * t_s], axis=1))
    pose, twist = episode.data(BASE).copy(), episode.data(TWIST).copy()
    turn = 0.8 * np.sin(1.5 * t_s)
    pose[:, 3:] = quat_mul(yaw_to_quat(turn), pose[:, 3:])
    twist[:, 5] += 1.2 * np.cos(1.5 * t_s)
    twist[:, :3] = derivative(pose[:, :3], t_ns)
    moved = with_data(with_data(episode, BASE, pose), TWIST, twist)
    return with_data(with_data(moved, POSITIONS, q), SPEEDS, derivative(q, t_ns))


def test_speeds_that_are_right() -> None:
    assert gate_findings("velocities", _moving(), ROBOT) == []


@pytest.mark.parametrize(("gain", "is_bad"), [(0.75, False), (0.55, True), (1.45, True), (-1.0, True), (57.3, True)])
def test_joint_speeds_of_another_size(gain: float, is_bad: bool) -> None:
    found = gate_findings("velocities", with_data(_moving(), SPEEDS, gain * _moving().data(SPEEDS)), ROBOT)
    assert [f.stream for f in found] == ([SPEEDS] if is_bad else [])


@pytest.mark.parametrize(("late_s", "is_bad"), [(0.02, False), (0.1, True)])
def test_joint_speeds_that_are_late(late_s: float, is_bad: bool) -> None:
    stream = _moving().stream(SPEEDS)
    late = with_data(_moving(), SPEEDS, stream.data, stream.t_ns + round(late_s * 1e9))
    assert bool(gate_findings("velocities", late, ROBOT)) is is_bad


def test_columns_of_one_of_the_two_exchanged() -> None:
    q = _moving().data(POSITIONS).copy()
    a, b = ROBOT.joint_index("left_elbow_joint"), ROBOT.joint_index("left_knee_joint")
    q[:, [a, b]] = q[:, [b, a]]
    (found,) = gate_findings("velocities", with_data(_moving(), POSITIONS, q), ROBOT)
    assert "and of 1 more joints" in found.message


@pytest.mark.parametrize(
    ("columns", "signs", "words"),
    [
        ([1, 0, 2, 3, 4, 5], 1.0, ["linear"]),
        ([0, 1, 2, 3, 4, 5], -1.0, ["linear", "angular"]),
        ([0, 1, 2, 5, 4, 3], 1.0, ["angular"]),
    ],
)
def test_a_base_velocity_in_wrong_axes(columns: list[int], signs: float, words: list[str]) -> None:
    found = gate_findings("velocities", with_data(_moving(), TWIST, signs * _moving().data(TWIST)[:, columns]), ROBOT)
    assert [f.stream for f in found] == [TWIST] * len(words)
    assert all(f"the {word} part" in f.message for f, word in zip(found, words, strict=True))


def test_noise_on_what_stands_still_is_no_mismatch() -> None:
    rng = np.random.default_rng(0)
    episode = make_episode(ROBOT, duration_s=4.0)
    speed: F64 = episode.data(SPEEDS) + rng.normal(0.0, 0.1, episode.data(SPEEDS).shape)
    q: F64 = episode.data(POSITIONS) + rng.normal(0.0, 2e-3, speed.shape)
    assert gate_findings("velocities", with_data(with_data(episode, SPEEDS, speed), POSITIONS, q), ROBOT) == []


def test_an_episode_with_one_of_the_pairs_is_judged_by_that() -> None:
    reversed_ = with_data(_moving(), SPEEDS, -_moving().data(SPEEDS))
    assert gate_findings("velocities", without(reversed_, TWIST), ROBOT)
    assert gate_findings("velocities", without(reversed_, SPEEDS), ROBOT) == []
    with pytest.raises(AssertionError, match="skipped"):
        gate_findings("velocities", without(without(reversed_, SPEEDS), BASE), ROBOT)


def test_the_share_by_hand() -> None:
    """1 m/s told as 0.9: a tenth of the way is not explained; held against the floor of 1 m/s that is 0.1 / sqrt(2)."""
    t_ns = np.arange(11) * 100_000_000
    way, told = np.linspace(0.0, 1.0, 11)[:, None], np.full((11, 1), 0.9)
    assert mismatch(way, t_ns, told, t_ns, 0.2, 0.0)[0] == pytest.approx(0.1)
    assert mismatch(way, t_ns, told, t_ns, 0.2, 1.0)[0] == pytest.approx(0.1 / np.sqrt(2.0))
