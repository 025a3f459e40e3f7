"""What sensors around the made-up arm would measure: encoders, an inertial sensor, a wrist, markers and a camera."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from understudy.devices.benches._path import ArmPath
from understudy.geom.arrays import F64, U8, AnyArray
from understudy.spec.robot import RobotModel
from understudy.spec.stream import StreamSpec

_GRAVITY = 9.81
_ARM_M, _LOAD_KG = 0.35, 0.8
_IMU = ("qw", "qx", "qy", "qz", "gyro_x", "gyro_y", "gyro_z", "accel_x", "accel_y", "accel_z")


class Sensor(Protocol):
    """Measures the arm at any moment.

    Attributes:
        spec: of its stream.
    """

    spec: StreamSpec

    def measure(self, path: ArmPath, t_s: F64, rng: np.random.Generator) -> AnyArray:
        """(N, ...) samples, noise included; (N,) JPEG bytes as objects for images."""
        ...


class Encoders:
    """All joints; one moves. Noise 0.0003 rad."""

    def __init__(self, robot: RobotModel, joint: int, *, noise_rad: float = 3e-4, rate_hz: float = 200.0) -> None:
        self.spec = StreamSpec(
            name="joint_positions", group="observations", shape=(len(robot.joint_names),), unit="rad", frame="joint",
            names=robot.joint_names, rate_hz=rate_hz, required=True,
        )  # fmt: skip
        self._home, self._joint, self._noise = robot.home_rad, joint, noise_rad

    def measure(self, path: ArmPath, t_s: F64, rng: np.random.Generator) -> AnyArray:
        """(N, J) rad."""
        q = np.tile(self._home, (len(t_s), 1))
        q[:, self._joint] += path.at(t_s)[0]
        return np.asarray(q + rng.normal(0.0, self._noise, q.shape))


class Inertial:
    """An inertial sensor at the end of the arm, which turns about y: wxyz, rate of turn, acceleration."""

    spec = StreamSpec(
        name="imu_torso", group="observations", shape=(10,), unit="1,rad/s,m/s^2", frame="imu_torso", names=_IMU,
        rate_hz=200.0, kind="imu",
    )  # fmt: skip

    def measure(self, path: ArmPath, t_s: F64, rng: np.random.Generator) -> AnyArray:
        """(N, 10)."""
        q, speed, acceleration = path.at(t_s)
        out = np.zeros((len(t_s), 10))
        out[:, 0], out[:, 2] = np.cos(q / 2.0), np.sin(q / 2.0)
        out[:, 5] = speed + 0.01
        out[:, 7] = _ARM_M * acceleration - _GRAVITY * np.sin(q)
        out[:, 9] = _GRAVITY * np.cos(q) - _ARM_M * speed**2
        return np.asarray(out + rng.normal(0.0, 1.0, out.shape) * np.array([0.0] * 4 + [0.01] * 3 + [0.1] * 3))


class Wrist:
    """Force and torque at the wrist: weight, inertia and the pull outward of a load."""

    spec = StreamSpec(
        name="wrench_left_wrist", group="observations", shape=(6,), unit="N,N*m", frame="left_wrist",
        names=("fx", "fy", "fz", "tx", "ty", "tz"), rate_hz=200.0,
    )  # fmt: skip

    def measure(self, path: ArmPath, t_s: F64, rng: np.random.Generator) -> AnyArray:
        """(N, 6) N and N m."""
        q, speed, acceleration = path.at(t_s)
        out = np.zeros((len(t_s), 6))
        out[:, 0] = _LOAD_KG * (_ARM_M * acceleration - _GRAVITY * np.sin(q))
        out[:, 2] = _LOAD_KG * (_GRAVITY * np.cos(q) - _ARM_M * speed**2)
        out[:, 4] = 0.05 * out[:, 0]
        return np.asarray(out + rng.normal(0.0, 1.0, out.shape) * np.array([0.15] * 3 + [0.01] * 3))


class Markers:
    """Pose of a rigid body on the arm, as a motion capture system gives it: xyz and wxyz. Noise 0.3 mm."""

    spec = StreamSpec(
        name="object_poses_world", group="debug", shape=(7,), unit="m,1", frame="world",
        names=("x", "y", "z", "qw", "qx", "qy", "qz"), rate_hz=100.0, kind="pose", privileged=True,
    )  # fmt: skip

    def measure(self, path: ArmPath, t_s: F64, rng: np.random.Generator) -> AnyArray:
        """(N, 7)."""
        q, *_ = path.at(t_s)
        out = np.zeros((len(t_s), 7))
        out[:, 0], out[:, 2] = _ARM_M * np.cos(q), 1.0 - _ARM_M * np.sin(q)
        out[:, 3], out[:, 5] = np.cos(q / 2.0), np.sin(q / 2.0)
        out[:, :3] += rng.normal(0.0, 3e-4, (len(t_s), 3))
        return out


class Camera:
    """A patterned block that moves across a patterned wall, with sensor noise, as JPEG.

    Each image is the scene in the middle of its exposure. `frame` of the spec is the camera's own.
    """

    def __init__(self, *, width: int = 160, height: int = 120, noise_grey: float = 2.0, quality: int = 90) -> None:
        self.spec = StreamSpec(
            name="head_left", group="observations", shape=(height, width, 3), unit="1", frame="head_left_camera", rate_hz=30.0,
            dtype="uint8", kind="image",
        )  # fmt: skip
        scene = np.random.default_rng(7)
        coarse = scene.uniform(60.0, 110.0, (height // 8 + 1, width // 8 + 1))
        self._wall = np.kron(coarse, np.ones((8, 8)))[:height, :width]
        self._block = np.kron(scene.uniform(150.0, 230.0, (6, 4)), np.ones((height // 20, width // 20)))
        self._noise, self._quality = noise_grey, quality
        self._px_per_rad = 0.8 * width

    def measure(self, path: ArmPath, t_s: F64, rng: np.random.Generator) -> AnyArray:
        """(N,) JPEG bytes."""
        import simplejpeg

        images = np.empty(len(t_s), dtype=object)
        for k, grey in enumerate(self.greys(path, t_s, rng)):
            images[k] = simplejpeg.encode_jpeg(grey[:, :, None], quality=self._quality, colorspace="GRAY")
        return images

    def greys(self, path: ArmPath, t_s: F64, rng: np.random.Generator) -> U8:
        """(N, H, W) the images before compression."""
        height, width = self._wall.shape
        rows, columns = self._block.shape
        out = np.empty((len(t_s), height, width), dtype=np.uint8)
        top = (height - rows) // 2
        for k, q in enumerate(path.at(t_s)[0]):
            left = width * 0.3 + self._px_per_rad * float(q)
            whole = int(np.floor(left))
            part = left - whole
            shifted = np.zeros((rows, columns + 1))
            cover = np.zeros((rows, columns + 1))
            shifted[:, :-1] += (1.0 - part) * self._block
            shifted[:, 1:] += part * self._block
            cover[:, :-1] += 1.0 - part
            cover[:, 1:] += part
            image = self._wall.copy()
            place = image[top : top + rows, whole : whole + columns + 1]
            place[:] = place * (1.0 - cover) + shifted
            image += rng.normal(0.0, self._noise, image.shape)
            out[k] = np.clip(np.rint(image), 0, 255)
        return out
