"""Pictures, looked at by their pixels. Skipped where nothing can draw."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from understudy.errors import MissingDependencyError, ShapeError, UnknownNameError
from understudy.geom.arrays import F64, U8, Bool
from understudy.geom.rotations import yaw_to_quat
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.scenes import opengl
from understudy.scenes.figure import SIDE_RGB
from understudy.scenes.render import Renderer, View
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import BONES, INDEX, JOINTS, SIDES

UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def renderer(robot: RobotModel) -> Iterator[Renderer]:
    try:
        made = Renderer(robot, 240, 288)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    with made:
        yield made


def base(robot: RobotModel, x: float = 0.0, y: float = 0.0) -> F64:
    return np.array([x, y, robot.profile.standing_height_m])


def person(robot: RobotModel, quat: F64 = UPRIGHT, x: float = 0.0, y: float = 0.0) -> F64:
    """The robot's own joint centres as a person."""
    poses = body_poses(robot, base(robot, x, y)[None], quat[None], robot.home_rad[None])
    out = np.tile(poses.points(*robot.point("pelvis"))[0], (len(JOINTS), 1))
    for side in SIDES:
        for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
            out[INDEX[f"{side}_{part}"]] = poses.points(*robot.point(f"{side}_{part}"))[0]
        out[INDEX[f"{side}_toe"]] = out[INDEX[f"{side}_ankle"]]
        out[INDEX[f"{side}_hand"]] = out[INDEX[f"{side}_wrist"]]
        out[INDEX[f"{side}_collar"]] = out[INDEX[f"{side}_shoulder"]]
    return out


def of_colour(image: U8, side: str) -> Bool:
    """(H, W) where a pixel has the hue of a side's limbs, in light or shade."""
    rgb = image.astype(np.float64)
    wanted = np.array(SIDE_RGB[side])
    share = rgb / np.maximum(rgb.sum(axis=2, keepdims=True), 1.0)
    return np.asarray((np.abs(share - wanted / wanted.sum()).max(axis=2) < 0.08) & (rgb.max(axis=2) > 60))


def centre_column(mask: Bool) -> float:
    return float(np.nonzero(mask)[1].mean())


def test_a_picture_is_not_blank_and_the_robot_is_in_it(renderer: Renderer, robot: RobotModel) -> None:
    image = renderer.frame(base(robot), UPRIGHT, robot.home_rad)
    assert image.shape == (288, 240, 3)
    assert image.dtype == np.uint8
    dark = image.max(axis=2) < 90
    assert 0.01 < dark.mean() < 0.3
    assert image.std() > 10


def test_left_limbs_are_on_the_right_of_a_picture_from_the_front(renderer: Renderer, robot: RobotModel) -> None:
    front = renderer.frame(base(robot), UPRIGHT, robot.home_rad, person(robot), View(azimuth_deg=0.0))
    back = renderer.frame(base(robot), UPRIGHT, robot.home_rad, person(robot), View(azimuth_deg=180.0))
    assert of_colour(front, "left").sum() > 100
    assert centre_column(of_colour(front, "left")) > 120 + 8
    assert centre_column(of_colour(front, "right")) < 120 - 8
    assert centre_column(of_colour(back, "left")) < 120 - 8


def test_positive_azimuth_goes_round_to_the_robots_left(renderer: Renderer, robot: RobotModel) -> None:
    joints = robot.home_rad.copy()
    for side in SIDES:
        joints[robot.joint_index(f"{side}_shoulder_pitch_joint")] = -1.5  # both arms forward
        joints[robot.joint_index(f"{side}_elbow_joint")] = 1.5
    nobody = renderer.frame(base(robot), UPRIGHT, robot.home_rad, view=View(azimuth_deg=90.0)).astype(np.int64)
    image = renderer.frame(base(robot), UPRIGHT, joints, view=View(azimuth_deg=90.0)).astype(np.int64)
    changed = np.abs(image - nobody).max(axis=2)[:150] > 60
    assert centre_column(changed) < 120, "seen from its left, the robot looks to the left of the picture"


def test_feet_stand_near_the_bottom_and_the_head_near_the_top(renderer: Renderer, robot: RobotModel) -> None:
    still = View(azimuth_deg=0.0, elevation_deg=0.0)
    image = renderer.frame(base(robot), UPRIGHT, robot.home_rad, view=still)
    dark = np.nonzero((image.max(axis=2) < 90).any(axis=1))[0]
    fovy, distance = np.radians(32.0), 3.4 * robot.profile.standing_height_m
    per_m = 288 / (2 * distance * np.tan(fovy / 2))
    floor_row = 144 + per_m * 0.8 * robot.profile.standing_height_m
    assert abs(dark.max() - floor_row) < 0.06 * per_m + 2, "soles within 6 cm of the floor line"
    assert dark.min() < 60


def test_the_camera_follows_and_the_robot_stays_where_it_was(renderer: Renderer, robot: RobotModel) -> None:
    far = yaw_to_quat(np.array(2.0))
    here = renderer.frame(base(robot), UPRIGHT, robot.home_rad, person(robot))
    there = renderer.frame(base(robot, 7.0, -3.0), far, robot.home_rad, person(robot, far, 7.0, -3.0))
    for side in SIDES:
        a, b = of_colour(here, side), of_colour(there, side)
        assert (a & b).sum() > 0.6 * (a | b).sum()


def test_the_person_is_drawn_over_the_robot(renderer: Renderer, robot: RobotModel) -> None:
    alone = renderer.frame(base(robot), UPRIGHT, robot.home_rad)
    with_person = renderer.frame(base(robot), UPRIGHT, robot.home_rad, person(robot))
    assert of_colour(alone, "left").sum() < 20
    assert of_colour(with_person, "left").sum() > 150
    assert len(BONES) == 22
    again = renderer.frame(base(robot), UPRIGHT, robot.home_rad)
    np.testing.assert_array_equal(alone, again, err_msg="nothing of the person is left in the next picture")


def test_the_robots_own_camera_sees_its_hands(renderer: Renderer, robot: RobotModel) -> None:
    joints = robot.home_rad.copy()
    for side in SIDES:
        joints[robot.joint_index(f"{side}_shoulder_pitch_joint")] = -0.9
        joints[robot.joint_index(f"{side}_elbow_joint")] = 0.9
    away = renderer.ego(base(robot), UPRIGHT, robot.home_rad, "head").astype(np.int64)
    seen = renderer.ego(base(robot), UPRIGHT, joints, "head").astype(np.int64)
    assert (np.abs(seen - away).max(axis=2) > 30).mean() > 0.02
    left_only = robot.home_rad.copy()
    left_only[robot.joint_index("left_shoulder_pitch_joint")] = -0.9
    left_only[robot.joint_index("left_elbow_joint")] = 0.9
    one = renderer.ego(base(robot), UPRIGHT, left_only, "head").astype(np.int64)
    assert centre_column(np.abs(one - away).max(axis=2) > 30) < 120, "the left hand is left in the robot's own view"
    with pytest.raises(UnknownNameError, match="camera of unitree_g1"):
        renderer.ego(base(robot), UPRIGHT, joints, "tail")


def test_two_renderers_take_turns(renderer: Renderer, robot: RobotModel) -> None:
    before = renderer.frame(base(robot), UPRIGHT, robot.home_rad, person(robot))
    with Renderer(robot, 120, 96, samples=0, shadows=False) as other:
        first = other.frame(base(robot), UPRIGHT, robot.home_rad)
        between = renderer.frame(base(robot), UPRIGHT, robot.home_rad, person(robot))
        np.testing.assert_array_equal(first, other.frame(base(robot), UPRIGHT, robot.home_rad))
    after = renderer.frame(base(robot), UPRIGHT, robot.home_rad, person(robot))
    np.testing.assert_array_equal(before, between)
    np.testing.assert_array_equal(before, after)


def test_a_forgotten_renderer_takes_nothing_of_the_next(robot: RobotModel) -> None:
    """One name for one renderer after another, none of them closed: the first goes when the second is there already."""
    with Renderer(robot, 120, 96, samples=0, shadows=False) as alone:
        expected = alone.frame(base(robot), UPRIGHT, robot.home_rad)
    for _ in range(2):
        forgotten = Renderer(robot, 120, 96, samples=0, shadows=False)
        np.testing.assert_array_equal(forgotten.frame(base(robot), UPRIGHT, robot.home_rad), expected)


def test_wrong_shapes_are_named(renderer: Renderer, robot: RobotModel) -> None:
    with pytest.raises(ShapeError, match=r"q_rad has shape \(28,\), \(29,\) is needed"):
        renderer.frame(base(robot), UPRIGHT, robot.home_rad[1:])
    with pytest.raises(ShapeError, match="person's joints"):
        renderer.frame(base(robot), UPRIGHT, robot.home_rad, np.zeros((22, 3)))


def test_a_robot_made_of_figures_is_drawn_too(renderer: Renderer) -> None:
    h1 = load_robot("unitree_h1")
    with Renderer(h1, 120, 144) as made:
        image = made.frame(base(h1), UPRIGHT, h1.home_rad)
    assert image.std() > 8


def test_without_opengl_the_message_has_the_command(monkeypatch: pytest.MonkeyPatch, robot: RobotModel) -> None:
    monkeypatch.setattr(opengl, "_loads", lambda *names: False)
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    opengl.opengl_backend.cache_clear()
    try:
        with pytest.raises(MissingDependencyError, match="apt-get install libegl1"):
            Renderer(robot)
        monkeypatch.setenv("MUJOCO_GL", "osmesa")
        with pytest.raises(MissingDependencyError, match="libosmesa6"):
            Renderer(robot)
        monkeypatch.setenv("MUJOCO_GL", "off")
        with pytest.raises(MissingDependencyError, match="unset it"):
            Renderer(robot)
    finally:
        monkeypatch.undo()
        opengl.opengl_backend.cache_clear()
