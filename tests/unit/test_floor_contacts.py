"""Hands, knees, seat and trunk on the floor: what is found on the person, and what becomes of it on the robot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.retarget import start
from understudy.retarget._rest_kernel import chosen_point
from understudy.retarget._tables import Pose
from understudy.retarget.drive import REFERENCE_HZ, make_drive
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.problem import Problem, make_problem
from understudy.retarget.retarget import Retargeted, retarget
from understudy.retarget.solve import solve_clip
from understudy.retarget.start import start_pose
from understudy.retarget.surfaces import surface_points, with_surfaces
from understudy.retarget.targets import Targets, make_targets
from understudy.retarget.touch import floor_level, touching
from understudy.retarget.trajectory import Settings, Trajectory
from understudy.simulate import floor
from understudy.simulate.floor import FloorMotion
from understudy.simulate.walker import squat, walk
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import BONES, CONTACTS, INDEX, SURFACES


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def problem(robot: RobotModel) -> Problem:
    return make_problem(robot)


@pytest.fixture(scope="module")
def crawling() -> FloorMotion:
    return floor.crawl(2, rate_hz=30.0)


@pytest.fixture(scope="module")
def crawled(crawling: FloorMotion, robot: RobotModel) -> Retargeted:
    return retarget(crawling.motion, robot)


def _track(problem: Problem, done: Retargeted, surface: str) -> tuple[F64, F64]:
    """(T,) height of a surface's lowest point over the floor and (T - 1,) how far that point goes over it, metres."""
    motion, ground = done.motion, problem.ground
    poses = body_poses(problem.robot, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos)
    rows = surface_points(problem)[surface]
    points = np.stack([poses.points(int(ground.body[n]), ground.offset[n]) for n in rows], axis=1)
    gap = points[:, :, 2] - ground.clearance[rows]
    lowest = gap.argmin(axis=1)[:-1]
    f = np.arange(len(lowest))
    moved = np.linalg.norm((points[f + 1, lowest] - points[f, lowest])[:, :2], axis=1)
    return gap.min(axis=1), moved


# ---- the people


@pytest.mark.parametrize("make", [floor.crawl, floor.kneel, floor.push_up, floor.sit, floor.roll])
def test_a_person_on_the_floor_keeps_bones_and_planted_joints(make: object) -> None:
    made: FloorMotion = make(rate_hz=30.0)  # type: ignore[operator]
    pos = made.motion.joint_pos_world_m
    lengths = np.stack([np.linalg.norm(pos[:, INDEX[a]] - pos[:, INDEX[b]], axis=1) for a, b in BONES], axis=1)
    assert np.ptp(lengths, axis=0).max() < 2e-3
    assert pos[:, :, 2].min() > 0.0
    assert any(on.any() for on in made.planted.values())
    for surface, on in made.planted.items():
        both = on[1:] & on[:-1]
        joint = surface if surface in ("pelvis",) or surface.endswith("knee") else surface.replace("hand", "wrist")
        assert np.abs(np.diff(pos[:, INDEX[joint]], axis=0))[both].max(initial=0.0) < 1e-9


# ---- what is found on the person


@pytest.mark.parametrize("rate_hz", [30.0, 120.0])
def test_what_is_planted_is_found_at_any_rate(rate_hz: float) -> None:
    made = floor.crawl(2, rate_hz=rate_hz)
    rests, planted = touching(made.motion)
    for surface in ("left_hand", "right_hand", "left_knee", "right_knee"):
        column = SURFACES.index(surface)
        truth = made.planted[surface]
        assert rests[truth, column].all()
        assert planted[truth, column].mean() > 0.9
        assert not rests[made.motion.joint(surface.replace("hand", "wrist"))[:, 2] > 0.14, column].any()
    assert not rests[:, SURFACES.index("pelvis")].any()


def test_the_left_hand_is_the_left_hand() -> None:
    made = floor.crawl(1, rate_hz=30.0)
    pos = made.motion.joint_pos_world_m.copy()
    for part in ("elbow", "wrist", "hand"):
        pos[:, INDEX[f"right_{part}"], 2] += 0.4
    rests, _ = touching(replace(made.motion, joint_pos_world_m=pos))
    assert rests[:, SURFACES.index("left_hand")].any()
    assert not rests[:, SURFACES.index("right_hand")].any()


def test_a_trunk_that_rolls_rests_without_being_planted() -> None:
    made = floor.roll(rate_hz=60.0)
    rests, planted = touching(made.motion)
    column = SURFACES.index("torso")
    line = made.motion.joint("left_shoulder") - made.motion.joint("right_shoulder")
    turning = np.abs(np.gradient(np.arctan2(line[:, 2], line[:, 1]))) * made.motion.rate_hz > 1.0
    assert rests[turning, column].mean() > 0.5
    assert not planted[turning, column].any()
    assert planted[:20, column].all()


def test_the_floor_is_found_where_it_is() -> None:
    made = floor.crawl(1, rate_hz=30.0)
    lifted = replace(made.motion, joint_pos_world_m=made.motion.joint_pos_world_m + np.array([0.0, 0.0, 0.7]))
    assert abs(floor_level(made.motion)) < 0.01
    assert floor_level(lifted) == pytest.approx(floor_level(made.motion) + 0.7)
    np.testing.assert_array_equal(touching(lifted)[0], touching(made.motion)[0])


def test_upright_people_touch_the_floor_with_their_feet_only() -> None:
    for motion in (walk(3.0, rate_hz=60.0), squat(rate_hz=60.0)):
        assert not touching(motion)[0].any()


# ---- the robot's surfaces


@pytest.mark.parametrize("name", ["unitree_g1", "unitree_h1", "fourier_gr1"])
def test_every_surface_has_points_and_left_is_left(name: str) -> None:
    problem = make_problem(load_robot(name))
    points = surface_points(problem)
    zero = body_poses(problem.robot, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), np.zeros((1, problem.robot.dof)))
    for surface, rows in points.items():
        assert len(rows), surface
        y = [float(zero.points(int(problem.ground.body[n]), problem.ground.offset[n])[0, 1]) for n in rows]
        if surface.startswith("left"):
            assert min(y) > 0.0
        if surface.startswith("right"):
            assert max(y) < 0.0


def test_the_feets_points_stay_the_first_and_a_flat_foot_is_not_lifted(problem: Problem) -> None:
    grown = with_surfaces(problem, {"left_hand": surface_points(problem)["left_hand"]})
    np.testing.assert_array_equal(grown.ground.slip_offset[:4], problem.ground.slip_offset)
    np.testing.assert_array_equal(grown.ground.offset[: len(problem.ground.body)], problem.ground.offset)
    sole_z = problem.ground.offset[0, 2]
    feet = slice(len(problem.ground.body), None)
    assert (grown.ground.offset[feet, 2] - grown.ground.clearance[feet] >= sole_z - 2e-4).all()


def test_a_point_that_rests_is_kept_until_another_is_clearly_lower() -> None:
    assert chosen_point(np.array([0.003, 0.0]), -1) == 1
    assert chosen_point(np.array([0.003, 0.0]), 0) == 0
    assert chosen_point(np.array([0.009, 0.0]), 0) == 1
    assert chosen_point(np.array([0.0, 0.001]), 1) == 1


# ---- the robot's motion


def test_planted_hands_and_knees_neither_skate_nor_float_nor_sink(
    crawling: FloorMotion, crawled: Retargeted, problem: Problem
) -> None:
    for surface in ("left_hand", "right_hand", "left_knee", "right_knee"):
        gap, moved = _track(problem, crawled, surface)
        on = crawling.planted[surface]
        assert on.sum() > 20
        assert np.abs(gap[on]).max() < 2e-3
        assert moved[on[1:] & on[:-1]].max() < 1e-3


def test_a_crawl_keeps_limits_speed_directions_and_the_floor(
    crawling: FloorMotion, crawled: Retargeted, robot: RobotModel
) -> None:
    found = motion_metrics(crawling.motion, crawled.motion, robot)
    assert (found.limit_violations, found.fast_steps, found.body_penetration_pct) == (0, 0, 0.0)
    assert found.limb_dir_deg < 4.5
    assert crawled.contacts.shape == (len(crawling.motion), len(CONTACTS))
    assert crawled.contacts[:, CONTACTS.index("left_knee")].mean() > 0.6


def test_a_robot_that_sits_sits_on_the_floor(robot: RobotModel, problem: Problem) -> None:
    made = floor.sit(rate_hz=30.0)
    gap, moved = _track(problem, retarget(made.motion, robot), "pelvis")
    on = made.planted["pelvis"]
    assert np.abs(gap[on]).max() < 0.01
    assert moved[on[1:] & on[:-1]].max() < 1e-3


def test_a_foot_that_stands_flat_does_not_turn(robot: RobotModel) -> None:
    """Heel and toe are both planted, which holds the yaw."""
    motion = walk(3.0, rate_hz=30.0)
    done = retarget(motion, robot).motion
    poses = body_poses(robot, done.root_pos_world_m, done.root_quat_world_wxyz, done.joint_pos)
    asked = make_targets(motion, make_problem(robot))
    lying = asked.flat & asked.firm
    for i, side in enumerate(("left", "right")):
        ahead = poses.points(*robot.point(f"{side}_toe")) - poses.points(*robot.point(f"{side}_ankle"))
        yaw = np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0]))
        both = lying[1:, i] & lying[:-1, i]
        assert both.sum() > 20
        assert np.degrees(np.abs(np.diff(yaw))[both].max()) < 0.1


def test_a_clip_on_feet_alone_is_solved_as_if_there_were_nothing_else(robot: RobotModel, problem: Problem) -> None:
    targets = make_targets(walk(3.0, rate_hz=30.0), problem)
    settings, first = Settings(), start_pose(problem, targets)
    drive = make_drive(problem, targets, settings.lowpass_hz, REFERENCE_HZ)  # at which no weight is scaled
    alone = Trajectory(problem, drive, first, settings, REFERENCE_HZ, flat=targets.flat, level=targets.flat).solve()
    whole = solve_clip(problem, targets, first, settings, REFERENCE_HZ)
    for a, b in zip(alone, whole, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-8)


def test_where_both_sweeps_are_stuck_a_fresh_one_is_taken(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = make_targets(walk(4.0, rate_hz=30.0), problem)
    good, total, stuck = start_pose(problem, targets), len(targets.vectors), slice(40, 80)
    real = start._one_way

    def spoiled(problem: Problem, target: F64, weight: F64, forward: bool) -> tuple[Pose, F64]:
        pose, cost = real(problem, target, weight, forward)
        if len(target) == total:  # the two sweeps over the whole clip, not those from a seed
            pose.q[stuck, -14:] = problem.tree.upper[-14:]
            cost[stuck] = 3.0
        return pose, cost

    monkeypatch.setattr(start, "_one_way", spoiled)
    assert np.abs(start_pose(problem, targets).q - good.q).max() < 0.3
    monkeypatch.setattr(start, "STUCK", 1e9)
    assert np.abs(start_pose(problem, targets).q - good.q).max() > 1.0


def _some(targets: Targets) -> int:
    return int(targets.touch.sum())


def test_some_frames_of_targets_are_those_frames(crawling: FloorMotion, problem: Problem) -> None:
    targets = make_targets(crawling.motion, problem)
    every = targets.at(np.arange(len(crawling.motion)))
    assert _some(every) == _some(targets) > 0
    np.testing.assert_array_equal(targets.at(np.array([5, 50])).planted, targets.planted[[5, 50]])
