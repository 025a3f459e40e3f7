"""A made-up arm with a block in its hand, watched by made-up sensors with known faults: calibration without a robot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from understudy.devices._settings import Settings, Value
from understudy.devices.benches._path import ArmPath
from understudy.devices.benches._sensors import Camera, Encoders, Inertial, Markers, Sensor, Wrist
from understudy.devices.benches._virtual import BenchTime, Faults, VirtualDevice
from understudy.errors import DeviceError
from understudy.geom.arrays import F64
from understudy.spec.bench import MotionBench
from understudy.spec.device import Device
from understudy.spec.robot import RobotModel

FAULTS: Mapping[str, Faults] = {
    "joint_positions": Faults(drift_ppm=20.0),
    "imu_torso": Faults(latency_s=0.002, drift_ppm=-40.0, jitter_s=0.001),
    "wrench_left_wrist": Faults(latency_s=0.003, clock="push", drift_ppm=100.0, jitter_s=0.001),
    "object_poses_world": Faults(latency_s=0.009, drift_ppm=-100.0, transport_s=0.002, jitter_s=0.002),
    "head_left": Faults(latency_s=0.027, clock="push", drift_ppm=60.0, transport_s=0.004, jitter_s=0.003, lost=0.01),
}
"""Such as real devices have: a camera that stamps 27 ms after the middle of its exposure is nothing unusual."""
SWING_RAD = 0.35


class Block:
    """One joint of the robot swings; every sensor sees it through its own faults. Time is simulated: nothing waits."""

    def __init__(self, faults: Mapping[str, Faults] = FAULTS, *, seed: int = 0) -> None:
        """A bench.

        Args:
            faults: stream name to what is wrong with its device.
            seed: of noise, jitter and losses.
        """
        self.name, self.reference = "block", "observations/joint_positions"
        self._faults, self._seed = faults, seed
        self._time = BenchTime()
        self._path: ArmPath | None = None
        self._sides: tuple[F64, F64] | None = None
        self._joint = 0

    def configured(self, options: Mapping[str, Value]) -> Block:
        """The same with another `seed`."""
        settings = Settings("bench block", options)
        seed = settings.count("seed", self._seed, low=0, high=2**31)
        settings.close()
        return Block(self._faults, seed=seed)

    def open(self, robot: RobotModel) -> Sequence[Device]:
        """The devices, started at rest."""
        self._joint = _elbow(robot)
        there = robot.home_rad.copy()
        step = SWING_RAD if there[self._joint] + SWING_RAD <= robot.upper_rad[self._joint] else -SWING_RAD
        there[self._joint] += step
        self._sides = (robot.home_rad, there)
        self._path = ArmPath(0.0)
        sensors: tuple[Sensor, ...] = (Encoders(robot, self._joint), Inertial(), Wrist(), Markers(), Camera())
        devices = [
            VirtualDevice(s.spec.name, s, self._faults.get(s.spec.name, Faults()), self._path, self._time, seed=self._seed + i)
            for i, s in enumerate(sensors)
        ]
        for device in devices:
            device.start()
        return devices

    def sides(self) -> tuple[F64, F64]:
        """Home, and home with one joint 0.35 rad on."""
        if self._sides is None:
            raise DeviceError("bench block: it is not open; call open first")
        return self._sides

    def command(self, joint_pos_rad: F64) -> int:
        """Set off; gives the stamp of the command."""
        if self._path is None:
            raise DeviceError("bench block: it is not open; call open first")
        here, _ = self.sides()
        self._path.go(self._time.now_ns * 1e-9, float(joint_pos_rad[self._joint] - here[self._joint]))
        return self._time.now_ns

    def wait(self, duration_s: float) -> None:
        """Simulated time passes."""
        self._time.now_ns += round(duration_s * 1e9)

    def close(self) -> None:
        """Nothing to free."""
        self._path = None


def _elbow(robot: RobotModel) -> int:
    """The joint that swings: a left elbow where there is one, else the last joint."""
    named = [i for i, name in enumerate(robot.joint_names) if "elbow" in name and "left" in name]
    return named[0] if named else int(np.size(robot.home_rad)) - 1


PLUGIN: MotionBench = Block()
