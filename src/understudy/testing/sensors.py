"""Sensors for made-up episodes: IMUs and cameras that see the robot's motion, a recorder's columns, commands with a delay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from understudy.geom.arrays import F64, U8
from understudy.geom.filters import derivative
from understudy.geom.interpolation import lerp_at, slerp_at
from understudy.geom.rotations import angular_velocity, quat_apply, quat_conj
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.spec.stream import Stream
from understudy.testing.episodes import with_data, with_stream
from understudy.testing.motions import stamps

POSITIONS, TARGETS, BASE = "observations/joint_positions", "actions/joint_position_target", "debug/base_pose_world"
_G_WORLD = np.array([0.0, 0.0, 9.81])


def with_imu(episode: Episode, robot: RobotModel, *, noise: float = 0.0, seed: int = 0) -> Episode:
    """The episode with an IMU in the pelvis at 200 Hz: orientation, rate of turn and acceleration that follow from the base pose.

    Args:
        robot: for the default schema's stream.
        noise: standard deviation added to rates and accelerations.
        seed: of that.
    """
    base = episode.stream(BASE)
    pose = episode.data(BASE)
    t_ns = stamps(episode.duration_s, 200.0) + base.t_ns[0]
    quat = slerp_at(base.t_ns, pose[:, 3:], t_ns)
    turn = angular_velocity(pose[:, 3:], (base.t_ns - base.t_ns[0]).astype(np.float64))
    acceleration = derivative(derivative(pose[:, :3], base.t_ns), base.t_ns)
    gyro = quat_apply(quat_conj(quat), lerp_at(base.t_ns, turn, t_ns))
    accel = quat_apply(quat_conj(quat), lerp_at(base.t_ns, acceleration, t_ns) + _G_WORLD)
    felt = np.concatenate([gyro, accel], axis=1)
    felt = felt + noise * np.random.default_rng(seed).normal(size=felt.shape)
    spec = default_schema(robot, "test").stream("observations/imu_pelvis")
    return with_stream(episode, Stream(spec, t_ns, np.concatenate([quat, felt], axis=1)))


def with_camera(
    episode: Episode,
    robot: RobotModel,
    key: str = "observations/head_left",
    *,
    size_px: tuple[int, int] = (64, 48),
    seed: int = 0,
) -> Episode:
    """The episode with a 30 Hz camera whose every picture is another one: JPEG of a pattern that moves, with noise.

    Args:
        robot: for the default schema's stream.
        key: of the camera.
        size_px: width and height; those of the stream become the same.
        seed: of the noise.
    """
    width, height = size_px
    spec = default_schema(robot, "test").stream(key).model_copy(update={"shape": (height, width, 3)})
    t_ns = stamps(episode.duration_s, 30.0) + episode.timeline_ns[0]
    return with_stream(episode, Stream(spec, t_ns, _pictures(len(t_ns), width, height, np.random.default_rng(seed))))


def _pictures(count: int, width: int, height: int, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    import simplejpeg

    across = np.arange(width)[None, :, None] / width
    jpegs = np.empty(count, dtype=object)
    for step in range(count):
        wave = 128.0 + 90.0 * np.sin(2 * np.pi * (across + 0.01 * step)) * np.ones((height, 1, 3))
        picture: U8 = np.clip(wave + rng.normal(0.0, 4.0, wave.shape), 0, 255).astype(np.uint8)
        jpegs[step] = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality=85)
    return jpegs


def recorded(episode: Episode, *, latency_s: float = 0.002, noise_rad: float = 1e-4, seed: int = 0) -> Episode:
    """The episode as a recorder would have left it: sensors with noise, arrival stamps, sequence numbers, commands that lead.

    Args:
        latency_s: from each sample to its arrival.
        noise_rad: of the encoders; everything else that is measured has ten times as much, in its own unit.
        seed: of the noise.
    """
    noisy, rng = episode, np.random.default_rng(seed)
    for key, stream in sorted(episode.streams.items()):
        if key.startswith("observations/") and stream.spec.kind == "vector":
            sigma = noise_rad if key == POSITIONS else 10.0 * noise_rad
            noisy = with_data(noisy, key, episode.data(key) + sigma * rng.normal(size=stream.data.shape))
    told = noisy.stream(TARGETS)
    streams = {**noisy.streams, TARGETS: replace(told, derived="")}
    late_ns = round(latency_s * 1e9)
    for key, stream in streams.items():
        count = np.arange(len(stream), dtype=np.int64)
        extra = {"t_arrival_ns": stream.t_ns + late_ns, "seq": count, "valid": np.ones(len(stream), dtype=np.bool_)}
        streams[key] = replace(stream, extra=extra)
    keep = {key: s for key, s in streams.items() if not key.startswith("debug/human")}
    return replace(noisy, streams=keep, metadata={**noisy.metadata, "motion_source": "teleop"})


def columns_moved(data: F64, order: Sequence[int]) -> F64:
    """(N, C) the columns in another order."""
    return np.ascontiguousarray(data[:, list(order)])


def frozen(episode: Episode, *, from_s: float, lasts_s: float, keys: Sequence[str] = (POSITIONS,)) -> Episode:
    """The episode with streams that give the same sample again and again for a while, and then go on."""
    for key in keys:
        stream = episode.stream(key)
        t_s = (stream.t_ns - episode.timeline_ns[0]) * 1e-9
        stuck = np.flatnonzero((t_s >= from_s) & (t_s < from_s + lasts_s))
        data = stream.data.copy()
        data[stuck] = data[stuck[0]]
        episode = with_data(episode, key, data)
    return episode
