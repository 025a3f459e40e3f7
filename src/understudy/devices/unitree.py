"""Opens a Unitree robot as a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from understudy.devices._options import Options
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
            config: the options named above; all may be left out.
            robot: the dataset's.
            schema: the dataset's.

        Raises:
            DeviceError: an option is wrong, or the robot is not one of Unitree's that are known.
            MissingDependencyError: a library is missing.
        """
        from understudy.devices.robot.unitree import LOW_CMD_TOPIC, LOW_STATE_TOPIC, TORSO_IMU_TOPIC, UnitreeRobot, UnitreeTopics

        options = Options("unitree", config, known=(*_NETWORK, "state", "command", "torso_imu"))
        topics = UnitreeTopics(
            state=options.topic("state", LOW_STATE_TOPIC, default=LOW_STATE_TOPIC),
            command=options.topic("command", LOW_CMD_TOPIC),
            torso_imu=options.topic("torso_imu", TORSO_IMU_TOPIC),
        )
        return (UnitreeRobot(robot, schema, name=options.text("name", "robot"), topics=topics, network=options.network()),)


_NETWORK = ("name", "domain", "interface", "wait_s")

PLUGIN: DeviceFactory = Unitree()
