"""Opens a Unitree robot as a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from understudy.devices._settings import Settings
from understudy.spec.device import Device
from understudy.spec.protocols import DeviceFactory
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema


class Unitree:
    """`name`, `domain`, `interface`, `wait_s`, `state`, `command`, `torso_imu`."""

    title = "Unitree G1 and H1 over DDS: joints, inertial sensors and commands"

    def open(self, config: Mapping[str, str | float | bool], robot: RobotModel, schema: Schema) -> Sequence[Device]:
        """The robot as one device, not started.

        Args:
            config: the settings named above; all may be left out.
            robot: the dataset's.
            schema: the dataset's.

        Raises:
            DeviceError: a setting is wrong, or the robot is not one of Unitree's that are known.
            MissingDependencyError: a library is missing.
        """
        from understudy.devices.dds.topics import Network
        from understudy.devices.robot.unitree import LOW_CMD_TOPIC, LOW_STATE_TOPIC, TORSO_IMU_TOPIC, UnitreeRobot, UnitreeTopics

        settings = Settings("unitree", config)
        name, network = settings.text("name", "robot"), Network.of(settings)
        topics = UnitreeTopics(
            state=settings.topic("state", LOW_STATE_TOPIC, LOW_STATE_TOPIC),
            command=settings.topic("command", LOW_CMD_TOPIC),
            torso_imu=settings.topic("torso_imu", TORSO_IMU_TOPIC),
        )
        settings.close()
        return (UnitreeRobot(robot, schema, name=name, topics=topics, network=network),)


PLUGIN: DeviceFactory = Unitree()
