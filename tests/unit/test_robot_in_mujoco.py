"""The MuJoCo model holds the same robot: order, mass, places."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from understudy.errors import ModelError
from understudy.kinematics.com import center_of_mass
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot, robot_names
from understudy.kinematics.mujoco_model import mujoco_model


@pytest.mark.parametrize("name", robot_names())
@pytest.mark.parametrize("visuals", [True, False])
def test_places_and_mass_agree(name: str, visuals: bool) -> None:
    robot = load_robot(name)
    model = mujoco_model(robot, visuals=visuals)
    data = mujoco.MjData(model)
    rng = np.random.default_rng(4)
    joints = rng.uniform(robot.lower_rad, robot.upper_rad)
    root, quat = rng.normal(size=3), rng.normal(size=4)
    quat /= np.linalg.norm(quat)
    data.qpos[:] = np.concatenate([root, quat, joints])
    mujoco.mj_forward(model, data)
    poses = body_poses(robot, root[None], quat[None], joints[None])
    for link, frame in robot.frames.items():
        wanted = poses.points(frame.body, frame.pos_body_frame_m)[0]
        np.testing.assert_allclose(data.body(link).xpos, wanted, atol=1e-9)
    np.testing.assert_allclose(data.subtree_com[1], center_of_mass(robot, poses)[0], atol=1e-6)
    np.testing.assert_allclose(model.jnt_range[1:, 0], robot.lower_rad, atol=1e-9)


@pytest.mark.parametrize("name", robot_names())
def test_home_stands_on_the_floor_and_falls_only_by_physics(name: str) -> None:
    robot = load_robot(name)
    model = mujoco_model(robot, floor=True)
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    mujoco.mj_forward(model, data)
    assert data.qpos[2] == robot.profile.standing_height_m
    np.testing.assert_allclose(data.qpos[7:], robot.home_rad)
    floor = model.geom("floor").id
    depths = [c.dist for c in data.contact if floor in (c.geom1, c.geom2)]
    assert min(depths, default=0.0) > -0.004, "the feet stand in the floor"
    for _ in range(20):
        mujoco.mj_step(model, data)
    assert np.isfinite(data.qpos).all()
    assert abs(data.qpos[2] - robot.profile.standing_height_m) < 0.02


def test_drawn_and_solid_shapes_are_in_their_groups() -> None:
    model = mujoco_model(load_robot("unitree_h1"))
    solid = (model.geom_contype != 0) | (model.geom_conaffinity != 0)
    assert set(model.geom_group[solid]) == {3}
    assert set(model.geom_group[~solid]) == {2}


def test_another_joint_order_is_refused() -> None:
    robot = load_robot("unitree_g1")
    swapped = replace(robot, joint_names=(robot.joint_names[1], robot.joint_names[0], *robot.joint_names[2:]))
    with pytest.raises(ModelError, match="orders the joints"):
        mujoco_model(swapped)
