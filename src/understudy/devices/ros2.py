"""Opens ROS 2 topics as a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from understudy.devices._options import Options
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
            config: the options named above; `mapping` is needed.
            robot: the dataset's.
            schema: the dataset's.

        Raises:
            DeviceError: an option or the mapping is wrong.
            MissingDependencyError: a library is missing.
        """
        from understudy.devices.messages.mapping import read_mapping
        from understudy.devices.robot.ros2 import Ros2Topics

        options = Options("ros2", config, known=("mapping", "name", "domain", "interface", "wait_s"))
        path = options.text("mapping", "")
        if not path:
            raise DeviceError("device ros2: which topics? give mapping = the path of a mapping file (docs/ros2_unitree.md)")
        try:
            mapping = read_mapping(Path(path))
        except InputError as error:
            raise DeviceError(f"device ros2: {error}") from None
        return (Ros2Topics(mapping, robot, schema, name=options.text("name", "ros2"), network=options.network()),)


PLUGIN: DeviceFactory = Ros2()
