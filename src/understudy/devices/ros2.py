"""Opens ROS 2 topics as a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from understudy.devices._settings import Settings
from understudy.errors import DeviceError, InputError
from understudy.spec.device import Device
from understudy.spec.protocols import DeviceFactory
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema


class Ros2:
    """`mapping` (a mapping file), `name`, `domain`, `interface`, `wait_s`."""

    title = "ROS 2 topics over DDS, by a mapping file"

    def open(self, config: Mapping[str, str | float | bool], robot: RobotModel, schema: Schema) -> Sequence[Device]:
        """The topics of a mapping as one device, not started.

        Args:
            config: the settings named above; `mapping` is needed.
            robot: the dataset's.
            schema: the dataset's.

        Raises:
            DeviceError: a setting or the mapping is wrong.
            MissingDependencyError: a library is missing.
        """
        from understudy.devices.dds.topics import Network
        from understudy.devices.messages.mapping import read_mapping
        from understudy.devices.robot.ros2 import Ros2Topics

        settings = Settings("ros2", config)
        path, name, network = settings.text("mapping", ""), settings.text("name", "ros2"), Network.of(settings)
        settings.close()
        if not path:
            raise DeviceError("device ros2: which topics? give mapping = the path of a mapping file (docs/ros2_unitree.md)")
        try:
            mapping = read_mapping(Path(path))
        except InputError as error:
            raise DeviceError(f"device ros2: {error}") from None
        return (Ros2Topics(mapping, robot, schema, name=name, network=network),)


PLUGIN: DeviceFactory = Ros2()
