"""The self-collision gate on both sides of 5 mm and 50 ms, and its short cut against looking at every sample."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.kinematics.collision import self_distances
from understudy.kinematics.forward import body_poses
from understudy.quality.gates.self_collision import _depths
from understudy.quality.joints import joint_track
from understudy.quality.skip import NotApplicable
from understudy.quality.verdict import load_gates
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.protocols import GateContext
from understudy.testing.episodes import make_episode, with_data
from understudy.testing.gates import gate_findings
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
POSITIONS = "observations/joint_positions"
LEFT, RIGHT = ROBOT.joint_index("left_hip_roll_joint"), ROBOT.joint_index("right_hip_roll_joint")


def _distances(joint_pos: F64) -> tuple[tuple[tuple[str, str], ...], F64]:
    n = len(joint_pos)
    poses = body_poses(ROBOT, np.zeros((n, 3)), np.tile([1.0, 0.0, 0.0, 0.0], (n, 1)), joint_pos)
    seen = self_distances(ROBOT, poses)
    return seen.pairs, seen.distance_m


def _pose(angle_rad: float) -> F64:
    """(J,) home with both legs swung inward by an angle."""
    q = ROBOT.home_rad.copy()
    q[LEFT], q[RIGHT] = -angle_rad, angle_rad
    return q


@cache
def _angle_for_depth(depth_m: float) -> float:
    """The inward angle at which the deepest pair overlaps by `depth_m`, by bisection."""
    low, high = 0.0, 0.5
    for _ in range(50):
        middle = (low + high) / 2
        overlap = -float(_distances(_pose(middle)[None])[1].min())
        low, high = (middle, high) if overlap < depth_m else (low, middle)
    return high


def _episode(angle_rad: float, *, first: int = 60, samples: int = 60) -> Episode:
    """Standing, with the legs swung inward for some samples at 120 Hz."""
    episode = make_episode(ROBOT, duration_s=2.0)
    q = np.tile(_pose(0.0), (len(episode.stream(POSITIONS)), 1))
    q[first : first + samples] = _pose(angle_rad)
    return with_data(episode, POSITIONS, q)


@pytest.mark.parametrize(("depth_m", "is_bad"), [(0.0045, False), (0.0055, True)])
def test_an_overlap_of_5_mm(depth_m: float, is_bad: bool) -> None:
    found = gate_findings("self_collision", _episode(_angle_for_depth(depth_m)), ROBOT)
    assert bool(found) is is_bad
    if is_bad:
        assert found[0].value == pytest.approx(depth_m, abs=1e-6)
        assert found[0].limit == 0.005


@pytest.mark.parametrize("first", range(60, 67))
@pytest.mark.parametrize(("samples", "is_bad"), [(5, False), (6, True), (7, True)])
def test_an_overlap_of_50_ms_wherever_it_begins(first: int, samples: int, is_bad: bool) -> None:
    found = gate_findings("self_collision", _episode(_angle_for_depth(0.02), first=first, samples=samples), ROBOT)
    assert bool(found) is is_bad
    if is_bad:
        t_ns = make_episode(ROBOT, duration_s=2.0).stream(POSITIONS).t_ns
        assert (found[0].start_ns, found[0].end_ns) == (int(t_ns[first]), int(t_ns[first + samples - 1]))


def test_the_pair_is_named() -> None:
    found = gate_findings("self_collision", _episode(_angle_for_depth(0.02)), ROBOT)
    pairs, distance_m = _distances(_pose(_angle_for_depth(0.02))[None])
    worst = pairs[int(np.argmin(distance_m[0]))]
    assert found[0].message.startswith(f"{worst[0]} and {worst[1]} overlap by 20 mm at 0.50 s")
    assert len(found) == int((distance_m[0] < -0.005).sum())


def test_the_short_cut_misses_nothing() -> None:
    rng = np.random.default_rng(3)
    episode = make_episode(ROBOT, duration_s=4.0)
    t_s = episode.stream(POSITIONS).t_ns * 1e-9
    angle = 0.25 + 0.2 * np.sin(2 * np.pi * 3.0 * t_s) + 0.1 * np.sin(2 * np.pi * 7.0 * t_s + rng.uniform())
    q = np.tile(ROBOT.home_rad, (len(t_s), 1))
    q[:, LEFT], q[:, RIGHT] = -angle, angle
    seen = joint_track(with_data(episode, POSITIONS, q), ROBOT)
    _, quick = _depths(seen, 0.005, 0.05)
    full = -self_distances(ROBOT, seen.from_pelvis(np.arange(len(seen.t_ns)))).distance_m
    looked = np.isfinite(quick)
    np.testing.assert_allclose(quick[looked], full[looked], atol=1e-12)
    over = full > 0.005
    for pair in np.flatnonzero(over.any(axis=0)):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], over[:, pair].astype(int), [0]])))
        for first, end in zip(edges[::2], edges[1::2], strict=True):
            assert end - first < 6 or looked[first:end, pair].all()


def test_a_robot_without_capsules_is_skipped_and_says_so() -> None:
    bare = replace(ROBOT, profile=ROBOT.profile.model_copy(update={"capsules": ()}))
    gate = load_gates()["self_collision"]
    with pytest.raises(NotApplicable, match="no collision capsules"):
        gate.check(make_episode(bare, duration_s=1.0), GateContext(bare, default_schema(bare, "x"), gate.defaults))
