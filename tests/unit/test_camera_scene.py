"""What the simulated cameras see, against the pinhole: a thing is where its place and the camera's mount say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from understudy.devices.robot.mujoco.movers import raised_arms
from understudy.errors import MissingDependencyError, ModelError, ShapeError
from understudy.geom.arrays import F64, U8, Bool
from understudy.geom.rotations import quat_apply, quat_conj, quat_to_matrix
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot, robot_names
from understudy.scenes.camera_images import CameraImages
from understudy.scenes.camera_scene import WORLD, camera_model, external_cameras, head_cameras
from understudy.spec.robot import CameraMount, RobotModel

BOX_M = np.array([0.45, 0.15, 0.73])


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def mounts(robot: RobotModel) -> dict[str, CameraMount]:
    return head_cameras(robot, 320, 240) | external_cameras(robot, 4, 320, 240)


@pytest.fixture(scope="module")
def images(robot: RobotModel, mounts: dict[str, CameraMount]) -> Iterator[CameraImages]:
    model = camera_model(robot, mounts, scene="table")
    try:
        made = CameraImages(model)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    yield made
    made.close()


def state(robot: RobotModel, q_rad: F64, box_m: F64 = BOX_M, base_m: tuple[float, float, float] | None = None) -> F64:
    base = base_m or (0.0, 0.0, robot.profile.standing_height_m)
    return np.concatenate([base, [1.0, 0.0, 0.0, 0.0], q_rad, box_m, [1.0, 0.0, 0.0, 0.0]])


def red(image: U8) -> Bool:
    """(H, W) where the box is."""
    rgb = image.astype(np.int64)
    return np.asarray((rgb[..., 0] > 90) & (rgb[..., 0] > 2 * rgb[..., 1]) & (rgb[..., 0] > 2 * rgb[..., 2]))


def pixel(robot: RobotModel, mount: CameraMount, qpos: F64, point_world_m: F64) -> F64:
    """(column, row) of a point by the pinhole model, x right, y down, z forward."""
    origin, rot = np.array(mount.pos_m), quat_to_matrix(np.array(mount.quat_wxyz))
    if mount.link != WORLD:
        frame = robot.frame(mount.link)
        poses = body_poses(robot, qpos[None, :3], qpos[None, 3:7], qpos[None, 7 : 7 + robot.dof])
        link = poses.rot_world[0, frame.body] @ frame.rot_body_frame
        origin = poses.points(frame.body, frame.pos_body_frame_m)[0] + link @ origin
        rot = link @ rot
    x, y, z = rot.T @ (point_world_m - origin)
    focal = mount.height / 2.0 / np.tan(np.radians(mount.fovy_deg) / 2.0)
    return np.array([mount.width / 2.0 + focal * x / z, mount.height / 2.0 + focal * y / z])


@pytest.mark.parametrize("name", ["head_left", "head_right", "external_0", "external_1", "external_2", "external_3"])
def test_a_box_is_seen_where_the_pinhole_puts_it(
    robot: RobotModel, mounts: dict[str, CameraMount], images: CameraImages, name: str
) -> None:
    qpos = state(robot, robot.home_rad, base_m=(-0.05, 0.02, robot.profile.standing_height_m + 0.03))
    images.pose(qpos)
    mount = mounts[name]
    rows, columns = np.nonzero(red(images.image(name, mount.width, mount.height)))
    assert len(rows) > 10
    middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
    np.testing.assert_allclose(middle, pixel(robot, mount, qpos, BOX_M), atol=4.0)


def test_the_left_eye_is_left_of_the_right_one(robot: RobotModel, mounts: dict[str, CameraMount], images: CameraImages) -> None:
    """A near thing stands further right in the left picture, by the baseline over its distance."""
    qpos = state(robot, robot.home_rad)
    images.pose(qpos)
    left, right = (np.nonzero(red(images.image(f"head_{side}", 320, 240)))[1].mean() for side in ("left", "right"))
    expected = pixel(robot, mounts["head_left"], qpos, BOX_M)[0] - pixel(robot, mounts["head_right"], qpos, BOX_M)[0]
    assert expected > 10.0
    assert left - right == pytest.approx(expected, abs=2.0)


def test_the_left_arm_is_on_the_left_for_the_head_and_on_the_right_from_the_front(
    robot: RobotModel, images: CameraImages
) -> None:
    names, away_m = ("head_left", "external_0", "external_1"), np.array([3.0, 3.0, 1.0])

    def pictures(q_rad: F64) -> dict[str, F64]:
        images.pose(state(robot, q_rad, box_m=away_m))
        return {name: images.image(name, 320, 240).astype(np.float64) for name in names}

    before, column = pictures(raised_arms(robot)), dict[tuple[str, str], float]()
    for side in ("left", "right"):
        moved = raised_arms(robot)
        moved[robot.joint_index(f"{side}_elbow_joint")] -= 0.3
        after = pictures(moved)
        for name in names:
            changed = np.nonzero(np.abs(after[name] - before[name]).max(axis=2) > 20)[1]
            assert len(changed) > 20, name
            column[name, side] = changed.mean()
    assert column["head_left", "left"] < 160 < column["head_left", "right"]
    assert column["external_0", "left"] > column["external_0", "right"]
    assert column["external_1", "left"] > column["external_1", "right"]


@pytest.mark.parametrize("name", robot_names())
def test_hands_are_in_the_heads_view_when_arms_are_raised(name: str) -> None:
    robot = load_robot(name)
    mounts = head_cameras(robot, 320, 240)
    qpos = np.concatenate([[0, 0, robot.profile.standing_height_m, 1, 0, 0, 0], raised_arms(robot)])
    poses = body_poses(robot, qpos[None, :3], qpos[None, 3:7], qpos[None, 7:])
    for k, side in enumerate(("left", "right")):
        hand = poses.points(*robot.point(f"{side}_hand"))[0]
        column, row = pixel(robot, mounts["head_left"], qpos, hand)
        assert 0 < column < 320, (name, side)
        assert 0 < row < 240, (name, side)
        assert (column < 160) == (k == 0), (name, side)


def test_the_scene_has_the_state_of_the_physics(robot: RobotModel) -> None:
    from understudy.devices.robot.mujoco.world import physics_spec

    for scene in ("empty", "table"):
        physics, seen = physics_spec(robot, scene=scene).compile(), camera_model(robot, {}, scene=scene)
        assert seen.nq == physics.nq
        assert [seen.joint(j).name for j in range(seen.njnt)] == [physics.joint(j).name for j in range(physics.njnt)]


def test_cameras_of_the_profile_are_taken_as_they_are(robot: RobotModel) -> None:
    own = CameraMount(link="torso_link", pos_m=(0.1, 0.0, 0.4), fovy_deg=70.0)
    profile = robot.profile.model_copy(update={"cameras": {"head_left": own, "head_right": own}})
    object.__setattr__(twin := _copy(robot), "profile", profile)
    assert head_cameras(twin, 64, 48)["head_right"] == own.model_copy(update={"width": 64, "height": 48})
    blind = _copy(robot)
    object.__setattr__(blind, "profile", robot.profile.model_copy(update={"cameras": {}}))
    with pytest.raises(ModelError, match=r"cameras\.head"):
        head_cameras(blind, 64, 48)


def _copy(robot: RobotModel) -> RobotModel:
    from dataclasses import replace

    return replace(robot)


def test_external_cameras_are_level_and_look_at_the_robot(robot: RobotModel) -> None:
    for mount in external_cameras(robot, 4, 64, 48).values():
        quat = np.array(mount.quat_wxyz)
        assert quat_apply(quat, np.array([1.0, 0.0, 0.0]))[2] == pytest.approx(0.0, abs=1e-9)
        to_robot = np.array([0.0, 0.0, 1.05 * robot.profile.standing_height_m]) - np.array(mount.pos_m)
        ahead = quat_apply(quat_conj(quat), to_robot)
        np.testing.assert_allclose(ahead / np.linalg.norm(ahead), [0.0, 0.0, 1.0], atol=1e-9)


def test_wrong_states_and_mounts_are_refused(robot: RobotModel, images: CameraImages) -> None:
    with pytest.raises(ShapeError, match="state of shape"):
        images.pose(np.zeros(5))
    with pytest.raises(ModelError, match="no_link"):
        camera_model(robot, {"x": CameraMount(link="no_link")})


def test_forearms_keep_their_detail_before_a_head_camera_only(robot: RobotModel) -> None:
    def faces(cameras: dict[str, CameraMount]) -> dict[str, int]:
        model = camera_model(robot, cameras, cell_m=0.025)
        out: dict[str, int] = {}
        for g in range(model.ngeom):
            if model.geom_type[g] == 7:
                body = model.body(model.geom_bodyid[g]).name
                out[body] = out.get(body, 0) + int(model.mesh_facenum[model.geom_dataid[g]])
        return out

    head, outside = faces(head_cameras(robot, 640, 480)), faces(external_cameras(robot, 1, 320, 240))
    finer = {body for body in head if head[body] > 1.5 * outside[body]}
    assert {"left_elbow_link", "right_wrist_yaw_link"} <= finer
    assert not {body for body in finer if "elbow" not in body and "wrist" not in body and "hand" not in body}
