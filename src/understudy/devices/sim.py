"""Opens the simulated robot and its cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from understudy.devices._clocks import Clock, HostClock, PacedClock
from understudy.devices._encoder import Encoding
from understudy.devices._settings import Settings
from understudy.spec.device import Device
from understudy.spec.protocols import DeviceFactory
from understudy.spec.robot import CameraMount, RobotModel
from understudy.spec.schema import Schema
from understudy.spec.stream import StreamSpec

if TYPE_CHECKING:
    from understudy.devices.robot.mujoco import MujocoRobot

MOVERS = ("waves", "sharp", "still")


class Simulated:
    """Settings: `name` (robot), `mover` (waves, sharp or still), `scene` (empty or table), `lift_m` (0.05), `pace` (1: real
    time), `head` (true), `external` (2: how many external cameras), `codec` (jpeg or h264), `quality` (90, of JPEGs), `crf`
    (21) and `mbit_s` (at most; 0: by size and rate) of H.264, `noise` (true: sensors have the noise of real ones). Rates and
    picture sizes are the schema's.
    """

    title = "simulated robot in a gantry, with all sensors and rendered cameras"

    def open(self, config: Mapping[str, str | float | bool], robot: RobotModel, schema: Schema) -> Sequence[Device]:
        """The robot, then its head cameras and its external ones, each kind with a process of its own.

        Raises:
            DeviceError: a setting is not known or out of range.
            UnknownNameError: a mover or scene is not known.
            ModelError: head cameras are wanted and the profile has none.
        """
        from understudy.devices.robot.mujoco import ArmWaves, MujocoRobot, SharpMotions, Still
        from understudy.scenes.props import SCENES

        settings = Settings("sim", config)
        name, scene = settings.text("name", "robot"), settings.text("scene", "empty", SCENES)
        mover = settings.text("mover", "waves", MOVERS)
        lift_m = settings.number("lift_m", 0.05, low=-0.05, high=1.0)
        pace = settings.number("pace", 1.0, low=0.01, high=100.0)
        head, external = settings.switch("head", True), settings.count("external", 2, low=0, high=4)
        encoding = Encoding.of(settings)
        noise_seed = 0 if settings.switch("noise", True) else None
        settings.close()
        clock: Clock = HostClock() if pace == 1.0 else PacedClock(pace)
        made = {"waves": ArmWaves, "sharp": SharpMotions, "still": Still}[mover](robot)
        device = MujocoRobot(robot, schema, name=name, clock=clock, mover=made, scene=scene, lift_m=lift_m, noise_seed=noise_seed)
        cameras = _groups(robot, schema, head=head, external=external)
        return [device, *_cameras(device, cameras, clock, scene=scene, encoding=encoding)]


def _groups(
    robot: RobotModel, schema: Schema, *, head: bool, external: int
) -> dict[str, tuple[list[StreamSpec], dict[str, CameraMount]]]:
    """Cameras that share a process: name of their device to streams and mounts."""
    from understudy.scenes.camera_scene import external_cameras, head_cameras

    mounts: dict[str, dict[str, CameraMount]] = {}
    if head and any(spec.name in ("head_left", "head_right") for spec in schema.streams):
        mounts["head"] = head_cameras(robot, 640, 480)
    if external:
        mounts["external"] = external_cameras(robot, external, 640, 480)
    out = {}
    for group, own in mounts.items():
        streams = [spec for spec in schema.streams if spec.name in own and spec.kind == "image"]
        if streams:
            sized = {s.name: own[s.name].model_copy(update={"height": s.shape[0], "width": s.shape[1]}) for s in streams}
            out[f"cameras_{group}"] = (streams, sized)
    return out


def _cameras(
    robot: MujocoRobot,
    groups: Mapping[str, tuple[list[StreamSpec], dict[str, CameraMount]]],
    clock: Clock,
    *,
    scene: str,
    encoding: Encoding,
) -> list[Device]:
    from understudy.devices.robot.mujoco import RenderedCameras

    return [
        RenderedCameras(
            robot, streams, mounts, name=name, clock=clock, scene=scene, encoding=encoding, give_way=name == "cameras_external"
        )
        for name, (streams, mounts) in groups.items()
    ]


PLUGIN: DeviceFactory = Simulated()
