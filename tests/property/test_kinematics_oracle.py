"""Forward kinematics, Jacobians and centre of mass against Pinocchio and against finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.geom.rotations import quat_mul, quat_to_matrix, rotvec_to_quat
from understudy.kinematics.com import center_of_mass
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.kinematics.jacobian import com_jacobians, point_jacobians
from understudy.kinematics.load import load_robot
from understudy.kinematics.model_file import model_file
from understudy.spec.robot import RobotModel

pin = pytest.importorskip("pinocchio", reason="Pinocchio does not load: sudo apt-get install libgomp1", exc_type=ImportError)
ROBOTS = ("unitree_g1", "unitree_h1", "unitree_g1_hands")
COUNT = 200


class Oracle:
    """A robot, random configurations, and Pinocchio's own model of the same file."""

    def __init__(self, name: str) -> None:
        self.robot: RobotModel = load_robot(name)
        self.model: Any = pin.buildModelFromXML(model_file(self.robot.profile).text, pin.JointModelFreeFlyer())
        self.data: Any = self.model.createData()
        self.theirs = [self.robot.joint_index(name) for name in list(self.model.names)[2:]]
        rng = np.random.default_rng(7)
        self.joint_pos: F64 = rng.uniform(self.robot.lower_rad, self.robot.upper_rad, size=(COUNT, self.robot.dof))
        self.root_pos: F64 = rng.normal(size=(COUNT, 3))
        quat = rng.normal(size=(COUNT, 4))
        self.root_quat: F64 = quat / np.linalg.norm(quat, axis=1, keepdims=True)
        self.poses: BodyPoses = body_poses(self.robot, self.root_pos, self.root_quat, self.joint_pos)

    def q(self, step: int) -> F64:
        """Pinocchio's configuration: xyz, xyzw, joints in its own order."""
        return np.concatenate([self.root_pos[step], self.root_quat[step, [1, 2, 3, 0]], self.joint_pos[step, self.theirs]])

    def to_ours(self, jacobian: F64, step: int) -> F64:
        """Columns from Pinocchio's root velocity (in the root's axes) to ours (in world)."""
        rot = quat_to_matrix(self.root_quat[step])
        out = jacobian.copy()
        out[:, 6 + np.array(self.theirs)] = jacobian[:, 6:]
        out[:, :3] = jacobian[:, :3] @ rot.T
        out[:, 3:6] = jacobian[:, 3:6] @ rot.T
        return out


@pytest.fixture(scope="module", params=ROBOTS)
def oracle(request: pytest.FixtureRequest) -> Oracle:
    return Oracle(str(request.param))


def test_every_link_is_where_pinocchio_has_it(oracle: Oracle) -> None:
    for step in range(COUNT):
        pin.framesForwardKinematics(oracle.model, oracle.data, oracle.q(step))
        for link, frame in oracle.robot.frames.items():
            wanted = oracle.data.oMf[oracle.model.getFrameId(link)]
            rot = oracle.poses.rot_world[step, frame.body]
            pos = oracle.poses.pos_world_m[step, frame.body] + rot @ frame.pos_body_frame_m
            np.testing.assert_allclose(pos, wanted.translation, atol=1e-9)
            np.testing.assert_allclose(rot @ frame.rot_body_frame, wanted.rotation, atol=1e-9)


def test_center_of_mass(oracle: Oracle) -> None:
    wanted = [pin.centerOfMass(oracle.model, oracle.data, oracle.q(step)).copy() for step in range(COUNT)]
    np.testing.assert_allclose(center_of_mass(oracle.robot, oracle.poses), wanted, atol=1e-9)


def test_point_jacobians(oracle: Oracle) -> None:
    offset = np.array([0.1, -0.2, 0.05])
    for body in (0, 1, oracle.robot.dof // 2, oracle.robot.dof):
        ours = point_jacobians(oracle.robot, oracle.poses, body, offset)
        number = 1 if body == 0 else int(oracle.model.getJointId(oracle.robot.joint_names[body - 1]))
        for step in range(COUNT):
            pin.computeJointJacobians(oracle.model, oracle.data, oracle.q(step))
            jacobian = pin.getJointJacobian(oracle.model, oracle.data, number, pin.LOCAL_WORLD_ALIGNED).copy()
            arm = oracle.poses.rot_world[step, body] @ offset
            jacobian[:3] -= np.cross(arm, jacobian[3:], axis=0)
            np.testing.assert_allclose(ours[step], oracle.to_ours(jacobian, step), atol=1e-9)


def test_com_jacobians(oracle: Oracle) -> None:
    ours = com_jacobians(oracle.robot, oracle.poses)
    for step in range(COUNT):
        jacobian = pin.jacobianCenterOfMass(oracle.model, oracle.data, oracle.q(step)).copy()
        np.testing.assert_allclose(ours[step], oracle.to_ours(jacobian, step), atol=1e-9)


def _moved(oracle: Oracle, column: int, by: float) -> BodyPoses:
    """Poses after a small motion along one velocity coordinate of the documented convention."""
    pos, quat, joints = oracle.root_pos.copy(), oracle.root_quat, oracle.joint_pos.copy()
    if column < 3:
        pos[:, column] += by
    elif column < 6:
        turn = np.zeros(3)
        turn[column - 3] = by
        quat = quat_mul(rotvec_to_quat(turn), quat)
    else:
        joints[:, column - 6] += by
    return body_poses(oracle.robot, pos, quat, joints)


def test_jacobians_are_the_derivatives_of_forward_kinematics(oracle: Oracle) -> None:
    robot, step = oracle.robot, 1e-6
    body, offset = robot.point("left_wrist")
    point = point_jacobians(robot, oracle.poses, body, offset)
    com = com_jacobians(robot, oracle.poses)
    for column in range(6 + robot.dof):
        ahead, behind = _moved(oracle, column, step), _moved(oracle, column, -step)
        slope = (ahead.points(body, offset) - behind.points(body, offset)) / (2 * step)
        np.testing.assert_allclose(point[:, :3, column], slope, atol=1e-7)
        slope = (center_of_mass(robot, ahead) - center_of_mass(robot, behind)) / (2 * step)
        np.testing.assert_allclose(com[:, :, column], slope, atol=1e-7)
        spin = (
            (ahead.rot_world[:, body] - behind.rot_world[:, body])
            / (2 * step)
            @ np.swapaxes(oracle.poses.rot_world[:, body], 1, 2)
        )
        np.testing.assert_allclose(
            point[:, 3:, column], np.stack([spin[:, 2, 1], spin[:, 0, 2], spin[:, 1, 0]], axis=1), atol=1e-7
        )


def test_moving_the_whole_robot_moves_every_body(oracle: Oracle) -> None:
    turn = rotvec_to_quat(np.array([0.3, -0.5, 1.1]))
    rot, shift = quat_to_matrix(turn), np.array([1.0, -2.0, 0.5])
    moved = body_poses(
        oracle.robot,
        oracle.root_pos @ rot.T + shift,
        quat_mul(np.broadcast_to(turn, (COUNT, 4)), oracle.root_quat),
        oracle.joint_pos,
    )
    np.testing.assert_allclose(moved.pos_world_m, oracle.poses.pos_world_m @ rot.T + shift, atol=1e-9)
    np.testing.assert_allclose(moved.rot_world, rot @ oracle.poses.rot_world, atol=1e-9)
