"""The root's path in the person's own metres: places stay, directions stay, heights are the robot's."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.errors import UnknownNameError
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.problem import LIMBS, VECTORS, make_problem
from understudy.retarget.retarget import Retargeted, retarget
from understudy.retarget.root_path import midhip_m, on_root_path
from understudy.retarget.targets import PLACE, make_targets
from understudy.simulate.walker import walk
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import INDEX, HumanMotion


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def walking() -> HumanMotion:
    return walk(4.0, 0.8, rate_hz=30.0)


@pytest.fixture(scope="module")
def walked(walking: HumanMotion, robot: RobotModel) -> Retargeted:
    return retarget(walking, robot, root_path="metric")


def test_the_robot_goes_where_the_person_went(walking: HumanMotion, walked: Retargeted, robot: RobotModel) -> None:
    motion = walked.motion
    poses = body_poses(robot, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos)
    hips = poses.points(*robot.point("pelvis"))
    off = np.linalg.norm((hips - midhip_m(walking))[:, :2], axis=1)
    assert off.mean() < 0.015
    assert off.max() < 0.04
    way = np.linalg.norm((hips[-1] - hips[0])[:2])
    assert way == pytest.approx(np.linalg.norm((midhip_m(walking)[-1] - midhip_m(walking)[0])[:2]), abs=0.03)
    assert hips[:, 2].mean() == pytest.approx(walked.scale * midhip_m(walking)[:, 2].mean(), abs=0.05)


def test_feet_are_planted_and_directions_kept(walking: HumanMotion, walked: Retargeted, robot: RobotModel) -> None:
    found = motion_metrics(walking, walked.motion, robot)
    assert found.limb_dir_deg < 4.0
    assert found.skate_cm_s < 0.6
    assert found.float_cm < 0.2
    assert found.limit_violations == 0
    assert found.fast_steps == 0


def test_only_places_over_the_floor_change(walking: HumanMotion, robot: RobotModel) -> None:
    problem = make_problem(robot)
    scaled = make_targets(walking, problem)
    metric = on_root_path(scaled, walking, problem, "metric")
    changed = np.abs(metric.vectors - scaled.vectors).max(axis=0) > 1e-9
    assert {VECTORS[i] for i in np.flatnonzero(changed.any(axis=1))} == {"midhip", "left_foot", "right_foot"}
    assert not changed[:, 2].any()
    np.testing.assert_allclose(metric.vectors[:, PLACE["midhip"], :2], midhip_m(walking)[:, :2], atol=1e-12)
    for a, b in LIMBS:
        np.testing.assert_array_equal(metric.vectors[:, PLACE[f"{a}>{b}"]], scaled.vectors[:, PLACE[f"{a}>{b}"]])


def test_a_foot_that_stands_is_asked_to_stand(walking: HumanMotion, robot: RobotModel) -> None:
    """Hips and reach together put the foot at the person's own place."""
    problem = make_problem(robot)
    metric = on_root_path(make_targets(walking, problem), walking, problem, "metric")
    foot = metric.vectors[:, PLACE["midhip"]] + problem.lengths_m["left_leg"] * metric.vectors[:, PLACE["left_foot"]]
    np.testing.assert_allclose(foot[:, :2], walking.joint("left_ankle")[:, :2], atol=1e-9)


def test_the_person_is_drawn_where_the_robot_goes(walking: HumanMotion, walked: Retargeted) -> None:
    drawn = walked.human_target_world_m
    np.testing.assert_allclose(
        0.5 * (drawn[:, INDEX["left_hip"]] + drawn[:, INDEX["right_hip"]])[:, :2], midhip_m(walking)[:, :2], atol=1e-9
    )


def test_another_word_is_refused(walking: HumanMotion, robot: RobotModel) -> None:
    with pytest.raises(UnknownNameError, match="metric"):
        retarget(walking, robot, root_path="metrical")  # type: ignore[arg-type]
