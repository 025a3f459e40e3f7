"""Soles, contacts and the support polygon on motions whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.errors import ShapeError
from understudy.geom.arrays import F64, I64
from understudy.geom.rotations import rotvec_to_quat
from understudy.kinematics.contact import foot_contact, horizontal_speed, sole_points, support_polygon
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.kinematics.load import load_robot
from understudy.kinematics.sole_fit import outline_error, reduce_outline, sole_hull
from understudy.spec.robot import RobotModel


@pytest.fixture(scope="module")
def g1() -> RobotModel:
    return load_robot("unitree_g1")


def _poses(robot: RobotModel, root_pos: F64, joints: F64 | None = None) -> BodyPoses:
    steps = len(root_pos)
    angles = np.tile(robot.home_rad, (steps, 1)) if joints is None else joints
    return body_poses(robot, root_pos, np.tile([1.0, 0.0, 0.0, 0.0], (steps, 1)), angles)


def _standing(robot: RobotModel, steps: int) -> F64:
    return np.tile([0.0, 0.0, robot.profile.standing_height_m], (steps, 1))


def _clock(steps: int, rate_hz: float) -> I64:
    return np.round(np.arange(steps) * 1e9 / rate_hz).astype(np.int64)


def test_left_sole_is_left(g1: RobotModel) -> None:
    soles = sole_points(g1, _poses(g1, _standing(g1, 1)))
    assert (soles["left"][..., 1] > 0.05).all()
    assert (soles["right"][..., 1] < -0.05).all()


@pytest.mark.parametrize("rate_hz", [30.0, 50.0, 120.0])
def test_a_still_robot_stands_and_a_sliding_or_lifted_one_does_not(g1: RobotModel, rate_hz: float) -> None:
    t_ns = _clock(60, rate_hz)
    root = _standing(g1, 60)
    assert foot_contact(g1, _poses(g1, root), t_ns).all()
    sliding = root + np.outer(t_ns * 1e-9, [0.5, 0.0, 0.0])
    assert not foot_contact(g1, _poses(g1, sliding), t_ns).any()
    assert not foot_contact(g1, _poses(g1, root + np.array([0.0, 0.0, 0.05])), t_ns).any()


def test_lifting_the_left_foot_leaves_the_right(g1: RobotModel) -> None:
    joints = np.tile(g1.home_rad, (60, 1))
    joints[:, g1.joint_index("left_hip_pitch_joint")] = -0.8
    joints[:, g1.joint_index("left_knee_joint")] = 1.2
    contact = foot_contact(g1, _poses(g1, _standing(g1, 60), joints), _clock(60, 50.0))
    assert not contact[:, 0].any()
    assert contact[:, 1].all()


def test_contact_does_not_flicker_at_the_threshold(g1: RobotModel) -> None:
    root = _standing(g1, 200)
    root[:, 2] += 0.0148 + 0.001 * np.sin(np.arange(200))
    contact = foot_contact(g1, _poses(g1, root), _clock(200, 50.0))
    assert (np.diff(contact.astype(int), axis=0) != 0).sum(axis=0).max() <= 1


def test_speed_is_the_same_at_every_rate() -> None:
    for rate_hz in (30.0, 60.0, 120.0):
        t_ns = _clock(int(rate_hz), rate_hz)
        path = np.stack([0.3 * t_ns * 1e-9, -0.4 * t_ns * 1e-9, np.sin(t_ns * 1e-9)], axis=1)
        np.testing.assert_allclose(horizontal_speed(path, t_ns), 0.5, atol=1e-6)


def test_times_and_poses_must_fit(g1: RobotModel) -> None:
    with pytest.raises(ShapeError, match="5 steps, poses have 6"):
        foot_contact(g1, _poses(g1, _standing(g1, 6)), _clock(5, 50.0))


def test_support_polygon_of_squares() -> None:
    square = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]])
    soles = {
        "left": np.repeat((square + np.array([0.0, 2.0, 0.0]))[None], 3, axis=0),
        "right": np.repeat(square[None], 3, axis=0),
    }
    both, right, none = support_polygon(soles, np.array([[True, True], [False, True], [False, False]]))
    assert _area(both) == pytest.approx(3.0)
    assert _area(right) == pytest.approx(1.0)
    assert none.shape == (0, 2)


def test_a_foot_on_its_edge_supports_a_line() -> None:
    line = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1.0, 1.0, 0.0]])
    (outline,) = support_polygon({"left": line[None], "right": line[None]}, np.array([[True, False]]))
    np.testing.assert_allclose(sorted(outline.tolist()), [[0.0, 0.0], [1.0, 1.0]])


def test_reduced_outlines_stay_close_and_keep_the_lowest_height() -> None:
    angle = np.linspace(0.0, 2.0 * np.pi, 200, endpoint=False)
    rim = np.stack([0.1 * np.cos(angle), 0.04 * np.sin(angle), np.where(angle > 5.0, -0.001, 0.0)], axis=1)
    above = rim * [0.5, 0.5, 1.0] + [0.0, 0.0, 0.02]
    hull = sole_hull(np.concatenate([rim, above]))
    assert len(hull) == 200
    outline = reduce_outline(hull, 16)
    assert len(outline) <= 16
    assert outline_error(outline, hull) < 1e-3
    assert outline[:, 2].min() == pytest.approx(-0.001)
    assert _area(outline[:, :2]) > 0.0


def test_sole_turns_with_the_foot(g1: RobotModel) -> None:
    """Turned by 90 degrees about z, the toes of both feet point along +y."""
    turn = rotvec_to_quat(np.array([[0.0, 0.0, np.pi / 2]]))
    poses = body_poses(g1, _standing(g1, 1), turn, g1.home_rad[None])
    toe, ankle = poses.points(*g1.point("left_toe"))[0], poses.points(*g1.point("left_ankle"))[0]
    assert toe[1] - ankle[1] > 0.1
    assert abs(toe[0] - ankle[0]) < 0.01


def _area(ring: F64) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
