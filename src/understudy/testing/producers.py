"""Devices that need no hardware: streams of a robot that sways, cameras that see noise, at their rates by any clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from understudy.devices._encoder import Codec, Encoding, PictureEncoder
from understudy.geom.arrays import F64, U8, AnyArray
from understudy.spec.device import ClockKind
from understudy.spec.robot import RobotModel
from understudy.spec.sample import NO_STAMP, ClockPing, Sample
from understudy.spec.schema import Schema
from understudy.spec.stream import StreamSpec

BODY_STREAMS: Mapping[str, float] = {
    "observations/joint_positions": 200.0,
    "observations/joint_velocities": 200.0,
    "observations/joint_torques": 200.0,
    "observations/imu_pelvis": 200.0,
    "observations/imu_torso": 200.0,
    "observations/wrench_left_ankle": 200.0,
    "observations/wrench_right_ankle": 200.0,
    "observations/wrench_left_wrist": 200.0,
    "observations/wrench_right_wrist": 200.0,
    "observations/gripper": 100.0,
    "observations/base_velocity": 100.0,
    "observations/projected_gravity": 100.0,
    "debug/base_pose_world": 100.0,
    "debug/operator_raw": 90.0,
    "actions/joint_position_target": 90.0,
    "debug/command_filtered": 90.0,
}
"""Stream to rate: 16 vector streams, 2 470 samples a second."""
CAMERAS = ("observations/head_left", "observations/head_right", "debug/external_0", "debug/external_1")
CAMERA_HZ = 30.0


@dataclass
class FakeDevice:
    """Something that produces streams of a schema.

    Attributes:
        name: on the bus.
        streams: what it produces, each at its own `rate_hz`.
        values: stream and seconds to one sample.
        clock: of its device stamps; `ping` and `push` run off the host's by `offset_ns` and `drift_ppm`.
        now: host's monotonic clock.
        sleep: how it waits; a simulated clock moves on instead.
        latency_s: from the time a sample stands for to its arrival.
    """

    name: str
    streams: tuple[StreamSpec, ...]
    values: Callable[[StreamSpec, float], AnyArray | bytes]
    clock: ClockKind = "host"
    now: Callable[[], int] = time.monotonic_ns
    sleep: Callable[[float], None] = time.sleep
    latency_s: float = 0.001
    offset_ns: int = 0
    drift_ppm: float = 0.0
    _start_ns: int = field(default=-1, init=False)
    _count: dict[str, int] = field(default_factory=dict, init=False)

    def start(self) -> None:
        """Begin to measure."""
        self._start_ns = self.now()
        self._count = {spec.key: 0 for spec in self.streams}

    def read(self, timeout_s: float) -> Sequence[Sample]:
        """Every sample that is due by now, in the order of their stamps; waits for the first."""
        due_ns = min(self._due_ns(spec) for spec in self.streams) + round(self.latency_s * 1e9)
        wait_s = min((due_ns - self.now()) * 1e-9, timeout_s)
        if wait_s > 0:
            self.sleep(wait_s)
        now_ns, out = self.now(), list[Sample]()
        for spec in self.streams:
            while (t_ns := self._due_ns(spec)) + round(self.latency_s * 1e9) <= now_ns:
                out.append(self._sample(spec, t_ns, now_ns))
                self._count[spec.key] += 1
        return sorted(out, key=lambda sample: sample.t_ns)

    def _due_ns(self, spec: StreamSpec) -> int:
        return self._start_ns + round(self._count[spec.key] * 1e9 / spec.rate_hz)

    def _sample(self, spec: StreamSpec, t_ns: int, now_ns: int) -> Sample:
        value = self.values(spec, (t_ns - self._start_ns) * 1e-9)
        device_ns = NO_STAMP if self.clock == "host" else self._device_ns(t_ns)
        return Sample(spec.key, value, t_ns, device_ns, now_ns, self._count[spec.key])

    def _device_ns(self, host_ns: int) -> int:
        return round(host_ns + self.offset_ns + 1e-6 * self.drift_ppm * (host_ns - self._start_ns))

    def ping(self) -> ClockPing | None:
        """An exchange with a device that answers at once."""
        if self.clock != "ping":
            return None
        sent_ns = self.now()
        return ClockPing(sent_ns, self._device_ns(sent_ns), self.now())

    def close(self) -> None:
        """Nothing to free."""


def body_device(
    schema: Schema, robot: RobotModel, *, rates: Mapping[str, float] = BODY_STREAMS, name: str = "robot"
) -> FakeDevice:
    """A robot that sways about its home pose, with every stream of `rates` that the schema has."""
    specs = [spec.model_copy(update={"rate_hz": rates[spec.key]}) for spec in schema.streams if spec.key in rates]
    return FakeDevice(name, tuple(specs), Sway(robot))


def camera_device(
    schema: Schema, key: str, *, rate_hz: float = CAMERA_HZ, seed: int = 0, images: int = 0, codec: Codec = "jpeg"
) -> FakeDevice:
    """A camera that pans over noise.

    Args:
        schema: of the dataset.
        key: its stream.
        rate_hz: of its images.
        seed: of the noise.
        images: encoded beforehand and shown in turn; 0 encodes each as it is due.
        codec: of images that are encoded beforehand; the first one of H.264 is a keyframe.
    """
    spec = schema.stream(key).model_copy(update={"rate_hz": rate_hz})
    scene = Scene(spec.shape, seed=seed)
    if images:
        encoder = PictureEncoder(Encoding(codec, quality=scene.quality), spec.shape[1], spec.shape[0], rate_hz)
        shown = [encoder.encode(scene.picture(k / rate_hz)) for k in range(images)]
        return FakeDevice(key.partition("/")[2], (spec,), lambda _, t_s: shown[round(t_s * rate_hz) % images])
    return FakeDevice(key.partition("/")[2], (spec,), scene)


def raw_camera_device(
    schema: Schema, key: str, *, rate_hz: float = CAMERA_HZ, seed: int = 0, pictures: int = 30, codec: Codec = "jpeg"
) -> FakeDevice:
    """A camera that pans over noise; every image is encoded when it is due, as a camera's process does."""
    spec = schema.stream(key).model_copy(update={"rate_hz": rate_hz})
    scene = Scene(spec.shape, seed=seed)
    shown = [scene.picture(k / rate_hz) for k in range(pictures)]

    encoder = PictureEncoder(Encoding(codec, quality=scene.quality), spec.shape[1], spec.shape[0], rate_hz)

    def encoded(_: StreamSpec, t_s: float) -> bytes:
        return encoder.encode(shown[round(t_s * rate_hz) % pictures])

    return FakeDevice(key.partition("/")[2], (spec,), encoded)


@dataclass(frozen=True)
class Sway:
    """Values of a robot's streams: slow sines, quaternions of unit length, joints near home."""

    robot: RobotModel

    def __call__(self, spec: StreamSpec, t_s: float) -> AnyArray:
        """One sample of `spec` at `t_s`."""
        phase = np.arange(max(int(np.prod(spec.shape)), 1), dtype=np.float64)
        wave: F64 = np.sin(2.0 * np.pi * 0.3 * t_s + phase)
        value = self._value(spec, wave, np.cos(2.0 * np.pi * 0.3 * t_s + phase))
        return np.asarray(value.reshape(spec.shape), dtype=np.dtype(spec.dtype))

    def _value(self, spec: StreamSpec, wave: F64, slope: F64) -> F64:
        if spec.name in ("joint_positions", "joint_position_target", "command_filtered"):
            return self.robot.home_rad + 0.03 * wave
        if spec.name == "joint_velocities":
            return 0.03 * 2.0 * np.pi * 0.3 * slope
        if spec.kind == "imu":
            return np.concatenate([[1.0, 0.0, 0.0, 0.0], 0.01 * np.sin(60.0 * wave[4:7]), [0.0, 0.0, 9.81] + 0.01 * wave[7:10]])
        if spec.kind == "pose":
            height_m = self.robot.profile.standing_height_m
            return np.concatenate([0.01 * wave[:2], [height_m], [1.0, 0.0, 0.0, 0.0]])
        if spec.kind == "quaternion":
            return np.array([1.0, 0.0, 0.0, 0.0])
        if spec.name == "projected_gravity":
            return np.array([0.0, 0.0, -1.0]) + 0.01 * wave
        return 0.5 + 0.01 * wave if spec.name.startswith("gripper") else 0.01 * wave


@dataclass(frozen=True)
class Scene:
    """What a camera sees: a smooth picture that moves, with a sensor's noise; one JPEG per sample."""

    shape: tuple[int, ...]
    seed: int = 0
    quality: int = 90

    def __call__(self, spec: StreamSpec, t_s: float) -> bytes:
        """One image at `t_s`."""
        import simplejpeg

        encoded: bytes = simplejpeg.encode_jpeg(self.picture(t_s), quality=self.quality)
        return encoded

    def picture(self, t_s: float) -> U8:
        """(H, W, 3) RGB at `t_s`."""
        height, width = self.shape[:2]
        picture, noise = _picture(height, width, self.seed)
        shift = int(60.0 * t_s) % width
        moved: F64 = np.roll(picture, shift, axis=1) + np.roll(noise, shift * 7 + 1, axis=0)
        return np.clip(moved, 0, 255).astype(np.uint8)


_PICTURES: dict[tuple[int, int, int], tuple[F64, F64]] = {}


def _picture(height: int, width: int, seed: int) -> tuple[F64, F64]:
    """A picture with edges and texture, and noise of two grey levels, made once."""
    key = (height, width, seed)
    if key not in _PICTURES:
        rng = np.random.default_rng(seed)
        coarse = rng.uniform(100, 150, size=(height // 16 + 1, width // 16 + 1, 3))
        picture = np.kron(coarse, np.ones((16, 16, 1)))[:height, :width]
        fine = np.kron(rng.normal(0, 2, size=(height // 2 + 1, width // 2 + 1, 3)), np.ones((2, 2, 1)))[:height, :width]
        _PICTURES[key] = picture + fine, rng.normal(0, 2, size=(height, width, 3))
    return _PICTURES[key]


@dataclass
class SteppedClock:
    """A clock that moves when it is told, so that minutes are recorded in no time."""

    t_ns: int = 1_000_000_000_000

    def __call__(self) -> int:
        return self.t_ns

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.t_ns += max(round(seconds * 1e9), 1)


def on_clock(device: FakeDevice, clock: SteppedClock) -> FakeDevice:
    """The device by a clock that is told to move; it does not move it itself."""
    return replace(device, now=clock, sleep=lambda seconds: None)
