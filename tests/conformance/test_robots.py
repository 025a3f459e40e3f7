"""Every profile of the package against the suite that is shipped for authors of robots, and broken ones against it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.geom.arrays import F64, frozen_f64
from understudy.kinematics.load import load_robot, robot_names
from understudy.spec.robot import LinkPoint, RobotModel, Sole
from understudy.testing.robots import ROBOT_LAWS


@pytest.mark.parametrize("name", robot_names())
@pytest.mark.parametrize("law", ROBOT_LAWS)
def test_every_profile_obeys(name: str, law: str) -> None:
    ROBOT_LAWS[law](load_robot(name))


def _with_points(robot: RobotModel, points: dict[str, LinkPoint]) -> RobotModel:
    return replace(robot, profile=robot.profile.model_copy(update={"points": {**robot.profile.points, **points}}))


def _changed(values: F64, index: int, value: float) -> F64:
    out = np.array(values)
    out[index] = value
    return frozen_f64(out)


def _left_right_swapped(robot: RobotModel) -> RobotModel:
    points = robot.profile.points
    return _with_points(robot, {"left_knee": points["right_knee"], "right_knee": points["left_knee"]})


def _too_high(robot: RobotModel) -> RobotModel:
    return replace(robot, profile=robot.profile.model_copy(update={"standing_height_m": 0.9}))


def _clockwise_sole(robot: RobotModel) -> RobotModel:
    sole = robot.profile.soles["left"]
    turned = Sole(link=sole.link, outline_m=sole.outline_m[::-1])
    return replace(robot, profile=robot.profile.model_copy(update={"soles": {**robot.profile.soles, "left": turned}}))


def _knee_reversed(robot: RobotModel) -> RobotModel:
    axis = np.array(robot.axis_joint)
    axis[robot.joint_index("left_knee_joint")] *= -1.0
    return replace(robot, axis_joint=frozen_f64(axis))


def _backward(robot: RobotModel) -> RobotModel:
    toe = robot.profile.points["left_toe"]
    x, y, z = toe.offset_m
    return _with_points(robot, {"left_toe": LinkPoint(link=toe.link, offset_m=(-x, y, z))})


def _weak(robot: RobotModel) -> RobotModel:
    return replace(robot, effort_nm=_changed(robot.effort_nm, 3, 0.0))


def _weightless(robot: RobotModel) -> RobotModel:
    return replace(robot, mass_kg=_changed(robot.mass_kg, 5, 0.0))


BROKEN = {
    "left_mirrors_right": _left_right_swapped,
    "home_stands_on_flat_soles": _too_high,
    "soles_turn_counter_clockwise": _clockwise_sole,
    "knees_bend_backward": _knee_reversed,
    "body_is_upright": _backward,
    "limits_are_sane": _weak,
    "masses_are_physical": _weightless,
}


@pytest.mark.parametrize("law", BROKEN)
def test_a_broken_robot_fails(law: str) -> None:
    broken = BROKEN[law](load_robot("unitree_g1"))
    with pytest.raises(AssertionError):
        ROBOT_LAWS[law](broken)
