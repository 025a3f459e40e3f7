"""Compiled passes and short cuts of the checks: each against the plain numpy that it stands for."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest

from understudy.geom.arrays import F64, I64, frozen_i64
from understudy.geom.filters import derivative
from understudy.geom.rotations import quat_to_matrix
from understudy.geom.vectors import lengths
from understudy.kinematics.collision import collision_model, overlapping, self_distances
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.kinematics.sole_travel import sole_courses, sole_outlines
from understudy.kinematics.support import support_margin
from understudy.quality.columns import extent, extent_of, series
from understudy.quality.memo import Each
from understudy.quality.posture import posture
from understudy.quality.scores.balance import ON_FLOOR_M, lateral_deviation
from understudy.quality.scores.grasp import STROKE, closed_spans
from understudy.quality.spans import median_step_s
from understudy.spec.robot import RobotModel
from understudy.testing.episodes import make_episode, with_data
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
POSITIONS = "observations/joint_positions"


def _motion(robot: RobotModel, steps: int, seed: int) -> tuple[F64, F64, F64]:
    rng = np.random.default_rng(seed)
    joint_pos = rng.uniform(robot.lower_rad, robot.upper_rad, (steps, robot.dof))
    return rng.normal(size=(steps, 3)), rng.normal(size=(steps, 4)), joint_pos


def _turn(axis: F64, angle: float) -> F64:
    """Rodrigues' rotation as the textbook has it: I + sin K + (1 - cos) K^2."""
    cross = np.array([[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross)


def _any_axes(robot: RobotModel) -> RobotModel:
    """The robot with joints about axes of every kind, in frames that are tilted and that are not."""
    rng = np.random.default_rng(3)
    kinds = [*np.eye(3), *-np.eye(3), np.array([0.6, 0.0, 0.8])]
    axes = np.stack([kinds[j % len(kinds)] for j in range(robot.dof)])
    tilted = quat_to_matrix(rng.normal(size=(robot.dof, 4)))
    frames = np.where((np.arange(robot.dof) % 3 == 0)[:, None, None], tilted, np.eye(3))
    return replace(robot, axis_joint=axes, rot_parent_joint=frames)


@pytest.mark.parametrize("robot", [ROBOT, _any_axes(ROBOT)], ids=["as it is", "any axes"])
def test_bodies_are_where_the_products_of_their_joints_put_them(robot: RobotModel) -> None:
    pos, quat, joint_pos = _motion(robot, 5, 1)
    found = body_poses(robot, pos, quat, joint_pos)
    for t in range(5):
        at, rot = [pos[t]], [quat_to_matrix((quat / np.linalg.norm(quat, axis=1, keepdims=True))[t][None])[0]]
        for j in range(robot.dof):
            parent = int(robot.body_parent[j])
            at.append(at[parent] + rot[parent] @ robot.pos_parent_joint_m[j])
            rot.append(rot[parent] @ robot.rot_parent_joint[j] @ _turn(robot.axis_joint[j], joint_pos[t, j]))
        np.testing.assert_allclose(found.pos_world_m[t], np.stack(at), atol=1e-12)
        np.testing.assert_allclose(found.rot_world[t], np.stack(rot), atol=1e-12)


@pytest.mark.parametrize("steps", [0, 1, 256, 600])
def test_soles_are_where_the_poses_of_all_bodies_put_them(steps: int) -> None:
    motion = _motion(ROBOT, steps, 2)
    quick, plain = sole_courses(ROBOT, *motion), sole_outlines(ROBOT, body_poses(ROBOT, *motion))
    for side in ("left", "right"):
        np.testing.assert_array_equal(quick[side], plain[side])


@pytest.mark.parametrize("over_m", [0.0, 0.005, 0.02])
def test_what_overlaps_is_what_the_distances_say(over_m: float) -> None:
    robot = load_robot("unitree_g1")
    model = collision_model(robot)
    poses = body_poses(robot, *_motion(robot, 200, 4))
    deep = (-self_distances(robot, poses, model).distance_m > over_m).any(axis=1)
    assert deep.any()
    assert not deep.all()
    np.testing.assert_array_equal(overlapping(model, poses, over_m=over_m), deep)


def test_the_margin_of_a_step_does_not_depend_on_the_steps_before() -> None:
    rng = np.random.default_rng(5)
    soles = {side: rng.normal(size=(60, 7, 3)) * np.array([1.0, 1.0, 0.015]) for side in ("left", "right")}
    contact, point = rng.random((60, 2)) < 0.7, rng.normal(size=(60, 2))
    whole = support_margin(soles, contact, point)
    each = [
        support_margin({side: s[t : t + 1] for side, s in soles.items()}, contact[t : t + 1], point[t : t + 1])[0]
        for t in range(60)
    ]
    np.testing.assert_array_equal(whole, each)
    assert np.isfinite(whole).sum() > 40


def test_the_lateral_deviation_is_that_of_all_outline_points() -> None:
    seen = posture(make_episode(ROBOT, duration_s=1.0), ROBOT)
    tilted = seen.base_quat_world_wxyz.copy()
    tilted[3] = [np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0]  # on its side: it has no left on the ground
    seen = replace(seen, base_quat_world_wxyz=tilted)
    point = np.random.default_rng(6).normal(0.0, 0.1, (len(seen.t_ns), 2))
    soles = np.concatenate([seen.soles["left"], seen.soles["right"]], axis=1)
    side = np.einsum("tkd,td->tk", soles[..., :2], seen.left_world)
    middle, half = (side.max(axis=1) + side.min(axis=1)) / 2.0, (side.max(axis=1) - side.min(axis=1)) / 2.0
    plain = (np.einsum("td,td->t", point, seen.left_world) - middle) / np.maximum(half, 1e-3)
    plain[soles[..., 2].min(axis=1) >= ON_FLOOR_M] = np.nan
    assert np.isnan(plain[3])
    np.testing.assert_allclose(lateral_deviation(seen, point), plain, atol=1e-12)


@pytest.mark.parametrize("bad", [None, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 17, 39])
def test_the_ends_of_columns_are_their_least_and_largest(bad: float | None, row: int) -> None:
    values = np.random.default_rng(7).normal(size=(40, 5))
    if bad is not None:
        values[row, 2] = bad
    found = extent_of(values)
    assert found.finite is (bad is None)
    if bad is None:
        np.testing.assert_array_equal(found.low, values.min(axis=0))
        np.testing.assert_array_equal(found.high, values.max(axis=0))


def test_nothing_has_no_extent() -> None:
    found = extent_of(np.empty((0, 3)))
    assert found.finite
    np.testing.assert_array_equal(found.high - found.low, np.zeros(3))


def test_what_a_stream_was_asked_is_kept_as_long_as_the_stream() -> None:
    episode = make_episode(ROBOT, duration_s=0.5)
    stream = episode.stream(POSITIONS)
    assert extent(stream) is extent(stream)
    assert series(episode, POSITIONS) is series(episode, POSITIONS)
    spoilt = stream.data.astype(np.float64)
    spoilt[3, 1] = np.nan
    other = with_data(episode, POSITIONS, spoilt)
    assert not extent(other.stream(POSITIONS)).finite
    found = series(other, POSITIONS)
    assert found is not None
    assert len(found[0]) == len(stream) - 1


def test_what_is_kept_goes_with_its_object() -> None:
    class Thing:
        pass

    kept: Each[int] = Each()
    made: list[int] = []
    thing = Thing()

    def make() -> int:
        made.append(7)
        return 7

    assert [kept.get(thing, make) for _ in range(3)] == [7, 7, 7]
    assert made == [7]
    del thing
    gc.collect()
    assert not kept._kept
    assert kept.get(Thing(), lambda: 8) == 8


def test_the_step_of_stamps_that_may_change_is_taken_anew() -> None:
    steps: I64 = np.arange(10, dtype=np.int64) * 10
    assert median_step_s(steps) == pytest.approx(10e-9)
    steps *= 3
    assert median_step_s(steps) == pytest.approx(30e-9)
    assert median_step_s(frozen_i64(steps)) == median_step_s(steps)


def _closings(opening: list[float]) -> list[tuple[int, int]]:
    """The rule in plain Python: from the widest before it to the last one before it opens by STROKE."""
    found, closed, extreme, begin = [], False, 0, 0
    for i, value in enumerate(opening):
        if closed and value < opening[extreme]:
            extreme = i
        elif closed and value > opening[extreme] + STROKE:
            found.append((begin, i - 1))
            closed, extreme = False, i
        elif not closed and value >= opening[extreme]:
            extreme = i
        elif not closed and value < opening[extreme] - STROKE:
            closed, begin, extreme = True, extreme, i
    return [*found, (begin, len(opening) - 1)] if closed else found


@pytest.mark.parametrize("seed", range(20))
def test_closings_are_those_of_the_rule(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(0, 60))
    opening = rng.choice([0.0, 0.1, 0.5, 1.0], size) if seed % 2 else np.cumsum(rng.normal(0.0, 0.2, size))
    assert closed_spans(opening) == _closings(opening.tolist())


@pytest.mark.parametrize("shape", [(3,), (50,), (50, 4), (50, 2, 3)])
def test_a_derivative_at_uneven_steps_is_that_of_numpy(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(8)
    values, t_ns = rng.normal(size=shape), np.cumsum(rng.integers(1_000_000, 20_000_000, shape[0]))
    np.testing.assert_array_equal(derivative(values, t_ns), np.gradient(values, (t_ns - t_ns[0]) * 1e-9, axis=0))


@pytest.mark.parametrize("columns", [1, 3, 4])
def test_lengths_are_the_norms(columns: int) -> None:
    vectors = np.random.default_rng(9).normal(size=(30, columns))
    np.testing.assert_allclose(lengths(vectors), np.linalg.norm(vectors, axis=1), rtol=1e-15)


@pytest.mark.parametrize("step", [1, -1], ids=["increasing", "decreasing"])
def test_stamps_that_go_back_make_no_series(step: int) -> None:
    episode = make_episode(ROBOT, duration_s=0.5)
    stream = replace(episode.stream(POSITIONS), t_ns=episode.stream(POSITIONS).t_ns[::step].copy())
    found = series(replace(episode, streams={**episode.streams, POSITIONS: stream}), POSITIONS)
    assert (found is None) is (step < 0)
