"""The simulated robot as a bench: joints that go where they are sent, every sensor, cameras, and faults on request."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from understudy.devices._clocks import NS_PER_S, Clock, HostClock, SimClock
from understudy.devices._settings import Settings, Value
from understudy.devices.imperfect import worsened
from understudy.errors import DeviceError
from understudy.geom.arrays import F64
from understudy.spec.bench import MotionBench
from understudy.spec.default_schema import default_schema
from understudy.spec.device import Device
from understudy.spec.robot import RobotModel

if TYPE_CHECKING:
    from understudy.devices.robot.mujoco import MujocoRobot
    from understudy.devices.robot.mujoco.feedforward import FeedForward

_COMMANDS_HZ = 800


@dataclass(frozen=True)
class SimSettings:
    """What the simulated bench is like.

    Attributes:
        head: both head cameras. external: number of external ones.
        width: of all pictures, pixels; heights are three quarters of it.
        real: in real time; otherwise in simulated time, as fast as the machine can.
        faults: `PATTERN.FAULT` to value, as the device `imperfect` takes them. seed: of their lots, and of the sensors' noise.
    """

    head: bool = True
    external: int = 2
    width: int = 320
    real: bool = False
    faults: Mapping[str, Value] = field(default_factory=dict)
    seed: int = 0


class SimBench:
    """A simulated robot whose waist, shoulders and elbows go out and back, one at a time.

    Settings: `head` (true), `external` (2), `width` (320), `real` (false), `seed` (0), and faults as of `imperfect`, such as
    `observations/imu_*.lag_s=0.003`. In simulated time the same settings give the same figures on every machine.
    """

    def __init__(self, settings: SimSettings | None = None) -> None:
        """A bench that is not open."""
        self.name, self.reference = "sim", "observations/joint_positions"
        self._settings = settings or SimSettings()
        self._time: Clock = HostClock()
        self._body: MujocoRobot | None = None
        self._servos: FeedForward | None = None
        self._devices: Sequence[Device] = ()
        self._sides: tuple[F64, ...] = ()
        self._at: F64 | None = None

    def configured(self, options: Mapping[str, Value]) -> SimBench:
        """A bench with other settings.

        Raises:
            DeviceError: one is not known, or out of range.
        """
        given, usual = Settings("bench sim", options), SimSettings()
        made = SimSettings(
            head=given.switch("head", usual.head),
            external=given.count("external", usual.external, low=0, high=4),
            width=given.count("width", usual.width, low=64, high=1280),
            real=given.switch("real", usual.real),
            seed=given.count("seed", usual.seed, low=0, high=2**31),
            faults={name: value for name, value in options.items() if "." in name},
        )
        for name in made.faults:
            given.text(name, "")
        given.close()
        return SimBench(made)

    def open(self, robot: RobotModel) -> Sequence[Device]:
        """The robot and its cameras, started, in the home pose; the first command raises the arms.

        Raises:
            DeviceError: a fault is not known or fits no stream; or the cameras cannot draw.
            ModelError: head cameras are wanted and the profile has none.
        """
        from understudy.devices.robot.mujoco import MujocoRobot
        from understudy.devices.robot.mujoco.feedforward import FeedForward
        from understudy.devices.robot.mujoco.sharp import sharp_sides

        self._time = HostClock() if self._settings.real else SimClock(NS_PER_S)
        self._body = MujocoRobot(robot, clock=self._time, noise_seed=self._settings.seed)
        self._servos, self._sides, self._at = FeedForward(robot), sharp_sides(robot), robot.home_rad
        whole = [self._body, *self._cameras(robot, self._body)]
        self._devices = worsened(whole, self._settings.faults, seed=self._settings.seed)
        for device in reversed(self._devices):  # the robot last, for it begins to live at once, and cameras take seconds
            device.start()
        return self._devices

    def sides(self) -> Sequence[F64]:
        """Raised arms, and one pose for each joint that moves."""
        if not self._sides:
            raise DeviceError("bench sim: it is not open; call open first")
        return self._sides

    def command(self, joint_pos_rad: F64) -> int:
        """Glide there in 0.3 s, or from the home pose more slowly; gives the stamp of half way."""
        from understudy.devices.robot.mujoco.sharp import RAISE_S, RISE_S, Glide

        if self._body is None or self._servos is None or self._at is None:
            raise DeviceError("bench sim: it is not open; call open first")
        near = any(self._at is side for side in self._sides)
        glide = Glide(self._at, joint_pos_rad, RISE_S if near else RAISE_S)
        begin_ns, steps = self._time.now_ns(), round(glide.lasts_s * _COMMANDS_HZ)
        for k in range(steps + 1):
            targets = self._servos.targets(*glide.at(k / _COMMANDS_HZ))
            self._body.command(targets, begin_ns + k * NS_PER_S // _COMMANDS_HZ)
        self._at = joint_pos_rad
        return begin_ns + round(glide.lasts_s * 0.5 * NS_PER_S)

    def wait(self, duration_s: float) -> None:
        """Time passes: by itself, or because it is told to."""
        if isinstance(self._time, SimClock):
            self._time.advance(duration_s)
        else:
            time.sleep(duration_s)

    def close(self) -> None:
        """End the cameras' processes."""
        for device in self._devices:
            device.close()
        self._devices, self._body, self._servos, self._sides = (), None, None, ()

    def _cameras(self, robot: RobotModel, body: MujocoRobot) -> list[Device]:
        from understudy.devices.robot.mujoco import RenderedCameras
        from understudy.scenes.camera_scene import external_cameras, head_cameras

        width, height = self._settings.width, self._settings.width * 3 // 4
        schema, out = default_schema(robot, "bench"), list[Device]()
        for name, mounts in {
            "cameras_head": head_cameras(robot, width, height) if self._settings.head else {},
            "cameras_external": external_cameras(robot, self._settings.external, width, height),
        }.items():
            if mounts:
                streams = [spec for spec in schema.streams if spec.name in mounts]
                out.append(RenderedCameras(body, streams, mounts, name=name, clock=self._time))
        return out


PLUGIN: MotionBench = SimBench()
