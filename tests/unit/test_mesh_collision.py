"""What meshes say of capsules that overlap, on a real robot."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.kinematics.collision import collision_model, self_distances
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.kinematics.mesh_collision import Meshes, meshes
from understudy.quality.gates import self_collision
from understudy.spec.robot import RobotModel
from understudy.testing.episodes import make_episode, with_joints
from understudy.testing.gates import gate_findings
from understudy.testing.stand_in import stand_in_robot

CROSSED = {"left_hip_roll_joint": -0.5, "right_hip_roll_joint": 0.5}


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def shapes(robot: RobotModel) -> Meshes:
    found = meshes(robot)
    if found is None:
        pytest.skip("coal and Pinocchio are needed to read meshes")
    return found


def _pose(robot: RobotModel, angles: dict[str, float]) -> F64:
    q = robot.home_rad.copy()
    for name, angle in angles.items():
        q[robot.joint_index(name)] = angle
    return q


def test_feet_beside_one_another_are_apart_and_crossed_legs_overlap(robot: RobotModel, shapes: Meshes) -> None:
    knees = [robot.joint_index(f"{side}_knee_joint") + 1 for side in ("left", "right")]
    assert shapes.touch(_pose(robot, {}), *knees) == "apart"
    assert shapes.touch(_pose(robot, CROSSED), *knees) == "overlap"
    assert shapes.touch(_pose(robot, CROSSED), *knees[::-1]) == "overlap"


def test_bodies_without_shapes_leave_it_open(robot: RobotModel, shapes: Meshes) -> None:
    bare = Meshes(robot, {})
    assert bare.touch(_pose(robot, CROSSED), 4, 10) == "unknown"


def test_meshes_confirm_what_capsules_find_deep_enough(robot: RobotModel, shapes: Meshes) -> None:
    """Random poses between home and the limits with two capsules 2 cm inside one another: the meshes overlap too."""
    rng = np.random.default_rng(0)
    reach = rng.uniform(0.2, 0.9, (1500, 1))
    q = robot.home_rad + reach * (rng.uniform(robot.lower_rad, robot.upper_rad, (1500, robot.dof)) - robot.home_rad)
    model = collision_model(robot)
    poses = body_poses(robot, np.zeros((len(q), 3)), np.tile([1.0, 0.0, 0.0, 0.0], (len(q), 1)), q)
    depth = -self_distances(robot, poses, model).distance_m
    picked = np.argwhere((depth > 0.018) & (depth < 0.022))[:40]
    said = [shapes.touch(q[t], *(int(model.body[c]) for c in model.pair[p])) for t, p in picked]
    assert len(said) == 40
    assert said.count("overlap") >= 38


def test_the_gate_says_who_was_asked(robot: RobotModel, shapes: Meshes, monkeypatch: pytest.MonkeyPatch) -> None:
    episode = with_joints(make_episode(robot, duration_s=1.0), robot, CROSSED, from_s=0.4)
    found = gate_findings("self_collision", episode, robot)
    assert {f.severity for f in found} == {"reject"}
    assert any("the meshes overlap too" in f.message for f in found)
    monkeypatch.setattr(Meshes, "touch", lambda *_: "apart")
    found = gate_findings("self_collision", episode, robot)
    assert {f.severity for f in found} == {"warn"}
    assert all("the meshes are apart" in f.message for f in found)
    monkeypatch.setattr(self_collision, "meshes", lambda _: None)
    found = gate_findings("self_collision", episode, robot)
    assert {f.severity for f in found} == {"reject"}
    assert all("by capsules alone" in f.message for f in found)


def test_a_robot_of_figures_has_no_meshes() -> None:
    assert meshes(stand_in_robot()) is None
    assert meshes(load_robot("unitree_h1")) is None
