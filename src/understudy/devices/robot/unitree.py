"""Unitree's G1 and H1 over DDS: what their motors and inertial sensors measure, and what they are told."""

from __future__ import annotations

from dataclasses import dataclass

from understudy.devices.dds.topics import Network, TopicsDevice
from understudy.devices.messages.mapping import StreamMap
from understudy.devices.messages.unitree import IMU_OF, LOW_CMD, LOW_STATE, UNUSED, motor_joints
from understudy.errors import DeviceError, UnknownNameError
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema

LOW_STATE_TOPIC, LOW_CMD_TOPIC, TORSO_IMU_TOPIC = "/lowstate", "/lowcmd", "/secondary_imu"
TORSO_IMU_TYPE = "unitree_hg/msg/IMUState"
_STATE = ("joint_positions", "joint_velocities", "joint_torques")


@dataclass(frozen=True)
class UnitreeTopics:
    """Which topics are read besides the joints and the inertial sensor of the LowState.

    Attributes:
        state: of the LowState; `/lf/lowstate` is the slow one.
        command: of the LowCmd, recorded as the action; empty leaves it out.
        torso_imu: of the G1's second inertial sensor; empty leaves it out.
    """

    state: str = LOW_STATE_TOPIC
    command: str = ""
    torso_imu: str = ""


class UnitreeRobot(TopicsDevice):
    """A Unitree robot. Joints are laid by name; the controller's tick, in milliseconds, is the device's clock."""

    def __init__(self, robot: RobotModel, schema: Schema, *, name: str, topics: UnitreeTopics, network: Network) -> None:
        """Set up.

        Args:
            robot: the dataset's.
            schema: the dataset's; streams that it does not have are left out.
            name: of the device.
            topics: which are read.
            network: where they are.

        Raises:
            DeviceError: the robot is not one whose motors are known, or has joints that they do not drive.
            MissingDependencyError: a library is missing.
        """
        _check_motors(robot, name)
        has = {spec.key: spec for spec in schema.streams}
        entries = [StreamMap(stream=key, topic=topic, type=kind) for key, topic, kind in _wanted(robot.name, topics, schema)]
        entries = [entry for entry in entries if entry.stream in has]
        if not entries:
            raise DeviceError(f"device {name}: the schema has none of the streams that {robot.name} gives; {_STATE[0]} is one")
        super().__init__(name, entries, {e.stream: has[e.stream] for e in entries}, robot=robot.name, network=network)


def _wanted(robot: str, topics: UnitreeTopics, schema: Schema) -> list[tuple[str, str, str]]:
    """Stream, topic and type of all that the robot can give."""
    found = [(f"observations/{stream}", topics.state, LOW_STATE[robot]) for stream in (*_STATE, IMU_OF[robot])]
    if topics.command:
        found.append((f"actions/joint_{schema.action_kind}_target", topics.command, LOW_CMD[robot]))
    if topics.torso_imu:
        if IMU_OF[robot] == "imu_torso":
            raise DeviceError(f"{robot} has one inertial sensor, and its LowState carries it; leave torso_imu out")
        found.append(("observations/imu_torso", topics.torso_imu, TORSO_IMU_TYPE))
    return found


def _check_motors(robot: RobotModel, name: str) -> None:
    try:
        joints = [joint for joint in motor_joints(robot.name) if joint != UNUSED]
    except UnknownNameError as error:
        raise DeviceError(f"device {name}: {error}; other robots go through a mapping: device ros2") from None
    if without := [joint for joint in robot.joint_names if joint not in joints]:
        raise DeviceError(
            f"device {name}: no motor of {robot.name} drives {without[0]}; its profile differs from the robot's own"
        )
