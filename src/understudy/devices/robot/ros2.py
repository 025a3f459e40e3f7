"""ROS 2 topics as a device, by a mapping file."""

from __future__ import annotations

from understudy.devices.dds.topics import Network, TopicsDevice
from understudy.devices.messages.mapping import TopicMapping
from understudy.errors import DeviceError, UnknownNameError
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema


class Ros2Topics(TopicsDevice):
    """Streams made of ROS 2 topics: JointState, Imu, WrenchStamped, PoseStamped, images, or any type by its fields."""

    def __init__(self, mapping: TopicMapping, robot: RobotModel, schema: Schema, *, name: str, network: Network) -> None:
        """Set up.

        Args:
            mapping: which topic goes into which stream.
            robot: the dataset's.
            schema: the dataset's; every stream of the mapping must be in it.
            name: of the device.
            network: where the topics are.

        Raises:
            DeviceError: the mapping is of another robot, or does not fit the schema.
            MissingDependencyError: a library is missing.
        """
        if mapping.robot and mapping.robot != robot.name:
            raise DeviceError(f"device {name}: the mapping is for {mapping.robot}, the dataset is of {robot.name}")
        try:
            specs = {entry.stream: schema.stream(entry.stream) for entry in mapping.streams}
        except UnknownNameError as error:
            raise DeviceError(f"device {name}: {error}") from None
        super().__init__(name, mapping.streams, specs, robot=robot.name, network=network)
