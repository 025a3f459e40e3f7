"""Where the robot's hands point and how its palms are turned, where the person's are known and the arm can follow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.mocap._palms import swung
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.problem import Problem, make_problem
from understudy.retarget.retarget import retarget
from understudy.retarget.robot_hand import palm_of
from understudy.retarget.targets import HAND, PLACE, hand_weights, known_throughout, make_targets
from understudy.simulate.walker import walk
from understudy.spec.hand import at_right_angles, palm_normal, unit
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.spec.skeleton import INDEX, JOINTS, SIDES, HumanMotion

UP = np.array([0.0, 0.0, 1.0])


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def problem(robot: RobotModel) -> Problem:
    return make_problem(robot)


@pytest.fixture(scope="module")
def walking() -> HumanMotion:
    return walk(2.0, rate_hz=30.0)


def _turned(motion: HumanMotion, way: F64) -> HumanMotion:
    """The motion with the thumbs' sides as near to `way` (2, 3) as hands at right angles to it can have them."""
    sides = []
    for i, side in enumerate(SIDES):
        forward = unit(motion.joint(f"{side}_hand") - motion.joint(f"{side}_wrist"))
        sides.append(at_right_angles(np.broadcast_to(way[i], forward.shape), forward))
    return replace(motion, hand_radial_world=np.stack(sides, axis=1))


def _palms(robot: RobotModel, motion: RobotMotion, side: str) -> tuple[F64, F64]:
    """(T, 3) where a robot's hand points and its thumb's side."""
    palm = palm_of(robot, side)
    assert palm is not None
    rot = body_poses(robot, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos).rot_world[:, palm.body]
    return rot @ palm.forward, rot @ palm.radial


INWARDS = np.array([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
FORWARDS = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])


@pytest.mark.parametrize("way", [FORWARDS, INWARDS], ids=["palms to the thighs", "palms back"])
def test_the_palms_turn_as_the_persons(way: F64, walking: HumanMotion, robot: RobotModel) -> None:
    """Of hanging arms: thumbs forward is palms to the thighs, thumbs inward is palms to the back."""
    human = _turned(walking, way)
    motion = retarget(human, robot).motion
    found = motion_metrics(human, motion, robot)
    assert found.palm_deg is not None
    assert found.hand_dir_deg is not None
    assert found.palm_deg < 5.0
    assert found.hand_dir_deg < 5.0
    for i, side in enumerate(SIDES):
        forward, radial = _palms(robot, motion, side)
        assert np.median(np.sum(radial * way[i], axis=1)) > 0.7
        normal = palm_normal(forward, radial, side)
        expected = INWARDS[i] if way is FORWARDS else -FORWARDS[i]
        assert np.median(np.sum(normal * expected, axis=1)) > 0.7


def test_a_bent_wrist_is_copied(walking: HumanMotion, robot: RobotModel) -> None:
    pos = walking.joint_pos_world_m.copy()
    for side in SIDES:
        wrist, hand = INDEX[f"{side}_wrist"], INDEX[f"{side}_hand"]
        pos[:, hand] = pos[:, wrist] + 0.08 * np.array([np.sin(0.9), 0.0, -np.cos(0.9)])
    human = _turned(replace(walking, joint_pos_world_m=pos), FORWARDS)
    found = motion_metrics(human, retarget(human, robot).motion, robot)
    assert found.hand_dir_deg is not None
    assert found.hand_dir_deg < 5.0


def test_hands_change_little_else(walking: HumanMotion, robot: RobotModel) -> None:
    without, with_palms = (
        motion_metrics(m, retarget(m, robot).motion, robot) for m in (walking, _turned(walking, FORWARDS))
    )  # fmt: skip
    assert with_palms.limb_dir_deg < without.limb_dir_deg + 0.1
    assert with_palms.hand_pct < without.hand_pct + 0.5
    assert with_palms.fast_steps == 0
    assert with_palms.limit_violations == 0


def test_what_is_not_measured_weighs_nothing(walking: HumanMotion, problem: Problem) -> None:
    inferred = walking.measured.copy()
    inferred[[INDEX["left_hand"]]] = False
    weights = make_targets(replace(walking, measured=inferred), problem).weights
    assert weights[PLACE["left_hand_aim"]] == 0.0
    assert weights[PLACE["right_hand_aim"]] == HAND
    assert weights[PLACE["left_hand_side"]] == weights[PLACE["right_hand_side"]] == 0.0
    radial = np.full((len(walking), 2, 3), np.nan)
    radial[:, 0] = [1.0, 0.0, 0.0]
    weights = make_targets(replace(walking, hand_radial_world=radial), problem).weights
    assert (weights[PLACE["left_hand_side"]], weights[PLACE["right_hand_side"]]) == (HAND, 0.0)


def test_arms_without_wrists_are_left_as_they_are(walking: HumanMotion) -> None:
    arms = make_problem(load_robot("unitree_h1"))
    radial = np.broadcast_to([1.0, 0.0, 0.0], (len(walking), 2, 3))
    assert not hand_weights(arms, np.ones(len(JOINTS), dtype=np.bool_), radial).any()


def test_the_shortest_turn_takes_the_start_to_the_end_and_nothing_out_of_its_plane() -> None:
    rng = np.random.default_rng(1)
    start, end = unit(rng.normal(size=(50, 3))), unit(rng.normal(size=(50, 3)))
    np.testing.assert_allclose(swung(start, start, end), end, atol=1e-12)
    axis = np.cross(start, end)
    np.testing.assert_allclose(swung(axis, start, end), axis, atol=1e-12)
    vec = rng.normal(size=(50, 3))
    turned = swung(vec, start, end)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(vec, axis=1), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(np.stack([swung(e, start, end) for e in np.eye(3)], axis=2)), 1.0, atol=1e-12)
    np.testing.assert_array_equal(swung(vec, start, -start), vec)


def test_gaps_in_a_palms_turn_are_filled_evenly() -> None:
    angle = np.linspace(0.0, 1.0, 11)
    radial = np.zeros((11, 2, 3))
    radial[:, 0] = np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], axis=1)
    radial[:, 1] = np.nan
    gappy = radial.copy()
    gappy[4:6, 0] = np.nan
    filled = known_throughout(gappy)
    assert filled is not None
    assert np.allclose(filled[:, 0], radial[:, 0], atol=0.01)
    assert np.isnan(filled[:, 1]).all()
    assert known_throughout(None) is None


def test_the_error_of_a_palm_is_measured(walking: HumanMotion, robot: RobotModel) -> None:
    """A person whose thumbs are turned by 30 degrees against where the robot's are."""
    human = _turned(walking, FORWARDS)
    motion = retarget(human, robot).motion
    base = motion_metrics(human, motion, robot).palm_deg
    assert human.hand_radial_world is not None
    sides = []
    for i, side in enumerate(SIDES):
        forward = unit(human.joint(f"{side}_hand") - human.joint(f"{side}_wrist"))
        radial = human.hand_radial_world[:, i]
        sides.append(np.cos(np.pi / 6) * radial + np.sin(np.pi / 6) * np.cross(forward, radial))
    turned = motion_metrics(replace(human, hand_radial_world=np.stack(sides, axis=1)), motion, robot).palm_deg
    assert base is not None
    assert turned is not None
    assert turned == pytest.approx(30.0, abs=base + 1.0)
    assert motion_metrics(walking, motion, robot).palm_deg is None
