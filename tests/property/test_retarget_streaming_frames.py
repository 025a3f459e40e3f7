"""Streaming under any frame: poses stay finite, within limits and within the speed bound, and good frames bring them back."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.errors import ShapeError
from understudy.geom.arrays import F64
from understudy.kinematics.load import load_robot
from understudy.retarget._stream_kernel import misfit
from understudy.retarget.problem import LIMBS, make_problem
from understudy.retarget.streaming import LivePose, StreamingRetargeter
from understudy.retarget.targets import PLACE, Calibration, calibrate
from understudy.simulate.walker import walk
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import HumanMotion

FASTEST_RAD_S = 14.5
RECOVERED = 0.5
"""Chord of a limb's direction to what is asked of it, 0.7 s after the last bad frame."""
GAPS_NS = (1, 1_000, 8_333_333, 16_666_667, 100_000_000)
DAMAGE = ("none", "noise", "collapsed", "coincident", "scaled", "far joint", "turned", "anywhere")


@cache
def _person() -> tuple[RobotModel, Calibration, HumanMotion]:
    robot, walking = load_robot("unitree_g1"), walk(2.0, rate_hz=60.0)
    return robot, calibrate(walking, make_problem(robot)), walking


def _damaged(pos: F64, how: str, rng: np.random.Generator) -> F64:
    pos = pos.copy()
    if how == "noise":
        return np.asarray(rng.normal(size=pos.shape) * 10.0 ** rng.uniform(-6.0, 2.3))
    if how == "collapsed":
        pos[:] = pos[0]
    elif how == "coincident":
        pos[rng.integers(0, len(pos), 6)] = pos[rng.integers(0, len(pos))]
    elif how == "scaled":
        pos *= 10.0 ** rng.uniform(-4.0, 2.5)
    elif how == "far joint":
        pos[rng.integers(0, len(pos))] = rng.normal(size=3) * 200.0
    elif how == "turned":
        pos = pos @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    elif how == "anywhere":
        return np.asarray(rng.uniform(-999.0, 999.0, pos.shape))
    return pos


def _step(stream: StreamingRetargeter, frame: F64, t_ns: int) -> LivePose | None:
    try:
        return stream.step(frame, t_ns)
    except ShapeError:
        return None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(DAMAGE), st.sampled_from(GAPS_NS)), min_size=1, max_size=25), st.integers(0, 2**32 - 1))
def test_any_frames(frames: list[tuple[str, int]], seed: int) -> None:
    robot, known, walking = _person()
    rng, stream = np.random.default_rng(seed), StreamingRetargeter(robot, known, rate_hz=60.0)
    t_ns, before = 0, None
    for n, (how, gap_ns) in enumerate(frames):
        t_ns += gap_ns
        pose = _step(stream, _damaged(walking.joint_pos_world_m[n], how, rng), t_ns)
        if pose is None:
            continue
        assert np.isfinite(pose.joint_pos).all()
        assert np.isfinite(pose.root_pos_world_m).all()
        assert np.linalg.norm(pose.root_quat_world_wxyz) == pytest.approx(1.0, abs=1e-9)
        assert (pose.joint_pos >= robot.lower_rad).all()
        assert (pose.joint_pos <= robot.upper_rad).all()
        if before is not None and not pose.restarted:
            assert np.abs(pose.joint_pos - before.joint_pos).max() <= FASTEST_RAD_S * (t_ns - before.t_ns) * 1e-9 + 1e-12
        before = pose


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("seed", range(4))
def test_good_frames_bring_it_back(how: str, seed: int) -> None:
    robot, known, walking = _person()
    rng, stream = np.random.default_rng(seed), StreamingRetargeter(robot, known, rate_hz=60.0)
    for n in range(100):
        frame = walking.joint_pos_world_m[n]
        pose = _step(stream, _damaged(frame, how, rng) if 10 <= n < 30 else frame, n * 16_666_667)
    assert pose is not None
    assert np.linalg.norm(pose.root_pos_world_m - stream._target[PLACE["midhip"]]) < 0.2
    assert max(misfit(stream._vectors, stream._room, stream._target, row) for row in range(len(LIMBS))) < RECOVERED


def test_a_refused_frame_changes_nothing() -> None:
    robot, known, walking = _person()
    rng = np.random.default_rng(4)
    ours, theirs = (StreamingRetargeter(robot, known, rate_hz=60.0) for _ in range(2))
    for n in range(12):
        t_ns, frame = n * 16_666_667, walking.joint_pos_world_m[n]
        if n % 3 == 1:
            for how in ("collapsed", "anywhere"):
                broken = _damaged(frame, how, rng) * (10.0 if how == "anywhere" else 1.0)
                with pytest.raises(ShapeError, match="leave it out"):
                    ours.step(broken, t_ns)
        a, b = ours.step(frame, t_ns), theirs.step(frame, t_ns)
        np.testing.assert_array_equal(a.joint_pos, b.joint_pos)
        np.testing.assert_array_equal(a.root_pos_world_m, b.root_pos_world_m)
