"""Contacts, targets, start, feasibility and amplitude, each by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.kinematics.load import load_robot
from understudy.retarget._sweep_kernel import cheapest_of_two
from understudy.retarget.amplitude import amplitude_loss, loss_warning
from understudy.retarget.clip import mirrored, trimmed, without_reference_pose
from understudy.retarget.contacts import central_speed, flat, hysteresis, stance
from understudy.retarget.feasibility import ENDS, end_residual, runs, stretches, treat
from understudy.retarget.problem import VECTORS, Problem, make_problem
from understudy.retarget.targets import make_targets
from understudy.simulate.walker import stand, walk
from understudy.spec.robot import RobotMotion
from understudy.spec.skeleton import INDEX, HumanMotion


@pytest.fixture(scope="module")
def problem() -> Problem:
    return make_problem(load_robot("unitree_g1"))


@pytest.fixture(scope="module")
def walking() -> HumanMotion:
    return walk(4.0, rate_hz=60.0)


def _moved(motion: HumanMotion, pos: F64) -> HumanMotion:
    return replace(motion, joint_pos_world_m=pos)


# ---- contacts


def test_speed_is_in_si_whatever_the_rate() -> None:
    for rate in (30.0, 100.0, 240.0):
        t_ns = np.round(np.arange(round(rate)) * 1e9 / rate).astype(np.int64)
        pos = np.outer(t_ns * 1e-9, [0.3, 0.4, 0.0])
        np.testing.assert_allclose(central_speed(pos, t_ns), 0.5, rtol=1e-6)


def test_hysteresis_keeps_what_began_and_starts_nothing() -> None:
    enter = np.array([0, 1, 0, 0, 0, 0, 0], dtype=bool)
    stay = np.array([1, 1, 1, 0, 1, 1, 0], dtype=bool)
    np.testing.assert_array_equal(hysteresis(enter, stay), [1, 1, 1, 0, 0, 0, 0])


def test_feet_stand_in_turn_when_walking(walking: HumanMotion) -> None:
    standing = stance(walking)
    speed = np.stack([central_speed(walking.joint(f"{s}_ankle"), walking.t_ns) for s in ("left", "right")], axis=1)
    assert speed[standing].max() < 1.0
    assert not standing[speed > 1.0].any()
    assert standing.any(axis=1).mean() > 0.8
    assert 0.3 < standing[:, 0].mean() < 0.9
    assert not (standing[:, 0] == standing[:, 1]).all()


def test_the_standing_foot_is_the_one_that_is_down(walking: HumanMotion) -> None:
    lifted = walking.joint_pos_world_m.copy()
    lifted[:, [INDEX["left_ankle"], INDEX["left_toe"]], 2] += np.where(np.arange(len(walking)) % 200 < 100, 0.3, 0.0)[:, None]
    standing = stance(_moved(walking, lifted))
    up = np.arange(len(walking)) % 200 < 100
    assert not standing[up, 0].any()
    assert standing[up, 1].any()


def test_a_tucked_foot_keeps_only_its_toe() -> None:
    motion = stand(2.0, rate_hz=60.0)
    pos = motion.joint_pos_world_m.copy()
    half = 3 * len(motion) // 4
    toe, ankle = INDEX["left_toe"], INDEX["left_ankle"]
    pos[half:, ankle] = pos[half:, toe] + [0.0, 0.0, 0.2]
    tucked = _moved(motion, pos)
    standing = stance(tucked)
    lying = flat(tucked, standing)
    assert standing[half + 10 :, 0].all()
    assert not lying[half + 10 :, 0].any()
    assert lying[: half - 10, 0].all()
    assert lying[:, 1].all()


# ---- targets


def test_targets_are_at_the_robots_size_and_facing(problem: Problem, walking: HumanMotion) -> None:
    targets = make_targets(walking, problem)
    assert targets.scale == pytest.approx(problem.leg_m / walking.subject().leg_m)
    midhip = targets.vectors[:, VECTORS.index("midhip")]
    asked = midhip[-1, :2] - midhip[0, :2]
    walked = walking.joint("pelvis")[-1, :2] - walking.joint("pelvis")[0, :2]
    np.testing.assert_allclose(asked, targets.scale * walked, rtol=1e-6)
    lateral = targets.vectors[:, VECTORS.index("pelvis_lateral")]
    toes = walking.joint("left_toe") - walking.joint("left_ankle")
    assert np.all(np.cross(lateral, [0.0, 0.0, 1.0])[:, :2] @ (toes.mean(axis=0)[:2]) > 0)


def test_standing_ankles_come_to_the_robots_ankle_height(problem: Problem, walking: HumanMotion) -> None:
    targets = make_targets(walking, problem)
    ankles = np.stack([walking.joint(f"{s}_ankle")[:, 2] for s in ("left", "right")], axis=1)
    height = targets.scale * np.median(ankles[targets.flat]) + targets.height_shift_m
    assert height == pytest.approx(problem.ankle_height_m)


def test_raising_the_floor_of_the_clip_changes_no_target(problem: Problem, walking: HumanMotion) -> None:
    higher = _moved(walking, walking.joint_pos_world_m + np.array([0.0, 0.0, 1.3]))
    np.testing.assert_allclose(make_targets(higher, problem).vectors, make_targets(walking, problem).vectors, atol=1e-9)


def test_narrow_hips_give_the_feet_more_weight(problem: Problem, walking: HumanMotion) -> None:
    foot = VECTORS.index("left_foot")
    narrow = walking.joint_pos_world_m.copy()
    for side in ("left", "right"):
        middle = walking.joint("pelvis")
        narrow[:, INDEX[f"{side}_hip"]] = middle + 0.3 * (walking.joint(f"{side}_hip") - middle)
    wide, tight = make_targets(walking, problem), make_targets(_moved(walking, narrow), problem)
    assert tight.hip_mismatch_pct > wide.hip_mismatch_pct
    assert tight.weights[foot] > wide.weights[foot]


# ---- start


def test_the_path_takes_the_cheaper_sweep_and_changes_where_they_agree() -> None:
    costs = np.array([[0.0, 5.0], [0.0, 5.0], [5.0, 0.0], [5.0, 0.0]])
    np.testing.assert_array_equal(cheapest_of_two(costs, np.array([9.0, 0.1, 0.1, 9.0])), [0, 0, 1, 1])
    np.testing.assert_array_equal(cheapest_of_two(costs, np.full(4, 100.0)), [0, 0, 0, 0])


# ---- feasibility


def _still(problem: Problem, steps: int = 120) -> RobotMotion:
    robot = problem.robot
    t_ns = np.round(np.arange(steps) * 1e9 / 60).astype(np.int64)
    pos = np.tile([0.0, 0.0, robot.profile.standing_height_m], (steps, 1))
    return RobotMotion(t_ns, pos, np.tile([1.0, 0, 0, 0], (steps, 1)), np.tile(robot.home_rad, (steps, 1)), robot.joint_names)


def test_the_residual_is_the_distance_to_what_was_asked(problem: Problem) -> None:
    from understudy.retarget.feasibility import reached_vectors

    motion = _still(problem)
    targets = make_targets(stand(2.0, rate_hz=60.0), problem)
    targets = replace(targets, vectors=reached_vectors(motion, problem)[: len(targets.vectors)])
    targets.vectors.flags.writeable = True
    assert end_residual(motion, targets, problem).max() < 1e-9
    bent = targets.vectors.copy()
    bent[50:60, VECTORS.index("left_elbow>left_wrist")] = [0.0, 0.0, 1.0]
    bent[50:60, VECTORS.index("left_hand")] += [0.0, 0.0, 2.0]
    residual = end_residual(motion, replace(targets, vectors=bent), problem)
    hand = ENDS.index("left_hand")
    assert residual[50:60, hand].min() > 0.05
    assert np.delete(residual, hand, axis=1).max() < 1e-9
    (found,) = stretches(residual, motion.t_ns)
    assert (found.end, found.first, found.stop) == ("left_hand", 50, 60)
    assert found.start_s == pytest.approx(50 / 60)


def test_runs_of_true() -> None:
    assert runs(np.array([1, 1, 0, 1], dtype=bool)) == [(0, 2), (3, 4)]
    assert runs(np.zeros(3, dtype=bool)) == []


def test_interpolate_asks_for_nothing_in_short_gaps_and_refuses_long_ones(problem: Problem) -> None:
    targets = make_targets(stand(2.0, rate_hz=60.0), problem)
    steps = len(targets.vectors)
    residual = np.zeros((steps, 4))
    residual[10:30, 0] = 0.09  # a third of a second
    residual[50:90, 1] = 0.07  # two thirds
    found = stretches(residual, np.round(np.arange(steps) * 1e9 / 60).astype(np.int64))
    _, weight, done = treat("interpolate", found, targets, _still(problem, steps), problem, 60.0)
    assert [d.treated for d in done] == ["interpolated", "too long to interpolate"]
    left, right = VECTORS.index("left_elbow>left_wrist"), VECTORS.index("right_elbow>right_wrist")
    assert not weight[10:30, left].any()
    assert weight[50:90, right].all()
    assert weight[10:30, right].all()


def test_clip_asks_for_the_edge_of_what_can_be_reached(problem: Problem) -> None:
    from understudy.retarget.feasibility import reached_vectors

    targets = make_targets(stand(2.0, rate_hz=60.0), problem)
    steps = len(targets.vectors)
    residual = np.zeros((steps, 4))
    residual[10:30, 0] = 0.09
    edge = _still(problem, steps)
    found = stretches(residual, edge.t_ns)
    asked, weight, done = treat("clip", found, targets, edge, problem, 60.0)
    column = VECTORS.index("left_shoulder>left_elbow")
    np.testing.assert_allclose(asked.vectors[10:30, column], reached_vectors(edge, problem)[10:30, column])
    np.testing.assert_array_equal(asked.vectors[30:], targets.vectors[30:])
    np.testing.assert_array_equal(weight, np.tile(targets.weights, (steps, 1)))
    assert done[0].treated == "clipped"


# ---- amplitude


def test_lost_swing_is_measured_per_limb() -> None:
    t = np.arange(600) / 120.0
    asked = np.tile([0.0, 0.0, -1.0], (600, len(VECTORS), 1))
    done = asked.copy()
    i = VECTORS.index("left_shoulder>left_elbow")
    asked[:, i, 0] = 0.4 * np.sin(2 * np.pi * 3.0 * t)
    done[:, i, 0] = 0.3 * np.sin(2 * np.pi * 3.0 * t)
    loss = amplitude_loss(asked, done, 120.0)
    assert loss == {"left_shoulder to left_elbow": pytest.approx(0.25, abs=0.01)}
    assert "left_shoulder to left_elbow 25 %" in loss_warning(loss, 5.0)
    assert loss_warning({"left_hip to left_knee": 0.1}, 5.0) == ""


# ---- clip edits


def test_trimming_keeps_the_stretch_and_starts_at_zero(walking: HumanMotion) -> None:
    part = trimmed(walking, 1.0, 2.0)
    assert part.t_ns[0] == 0
    assert part.duration_s == pytest.approx(1.0, abs=0.02)
    np.testing.assert_array_equal(part.joint_pos_world_m[0], walking.joint_pos_world_m[60])
    with pytest.raises(MocapError, match="leaves 0 frames"):
        trimmed(walking, 99.0, None)


def test_mirroring_twice_is_nothing_and_once_swaps_sides(walking: HumanMotion) -> None:
    once = mirrored(walking)
    np.testing.assert_allclose(once.joint("left_wrist"), walking.joint("right_wrist") * np.array([1.0, -1.0, 1.0]))
    np.testing.assert_array_equal(mirrored(once).joint_pos_world_m, walking.joint_pos_world_m)


def test_a_reference_pose_in_the_first_frame_is_replaced_and_said(walking: HumanMotion) -> None:
    pos = walking.joint_pos_world_m.copy()
    pos[0, INDEX["left_wrist"]] += [0.0, 0.6, 0.5]
    mended, said = without_reference_pose(_moved(walking, pos))
    np.testing.assert_array_equal(mended.joint_pos_world_m[0], pos[1])
    np.testing.assert_array_equal(mended.t_ns, walking.t_ns)
    assert "frame 1 is a reference pose" in said
    same, nothing = without_reference_pose(walking)
    assert same is walking
    assert nothing == ""
