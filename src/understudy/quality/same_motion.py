"""Pairs of streams that show the same motion, brought to the same quantity so that their times can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.filters import derivative
from understudy.geom.interpolation import slerp_at
from understudy.geom.rotations import angular_velocity, quat_apply, quat_conj, quat_normalize
from understudy.kinematics.forward import body_poses
from understudy.quality.columns import BASE, POSITIONS, TARGETS, VELOCITIES, joint_series, series
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel

Series = tuple[I64, F64]
_DOWN = np.array([0.0, 0.0, -1.0])
_LONGEST = 6000


@dataclass(frozen=True)
class Pair:
    """Two signals of the same quantity.

    Attributes:
        key: of the stream that is held against another.
        against: name of the other.
        a: (N,) stamps and (N, C) samples of the other; b: of the stream.
        lags: the stream may follow by any delay, which stays the same: a robot and its commands.
    """

    key: str
    against: str
    a: Series
    b: Series
    lags: bool = False


def pairs(episode: Episode, robot: RobotModel) -> Iterator[Pair]:
    """Every pair that the episode has, in a fixed order; a stream may come up more than once."""
    positions = joint_series(episode, POSITIONS)
    if positions is not None:
        t_ns, q_rad = positions
        rates = joint_series(episode, VELOCITIES)
        if rates is not None:
            yield Pair(VELOCITIES, "joint_positions", (t_ns, derivative(q_rad, t_ns - t_ns[0])), rates)
        told = joint_series(episode, TARGETS)
        if told is not None:
            lags = not episode.stream(TARGETS).derived
            if lags:
                yield Pair(POSITIONS, "joint_position_target", told, positions, lags=True)
    yield from _of_base(episode)
    if positions is not None:
        yield from _of_imus(episode, robot, positions)


def _of_base(episode: Episode) -> Iterator[Pair]:
    """What follows from the pose of the base: its velocity, gravity in its axes, and what its IMU feels."""
    base = series(episode, BASE)
    if base is None or base[1].shape[1] != 7 or not _unit(base[1][:, 3:]):
        return
    t_ns, pose = base
    quat = quat_normalize(pose[:, 3:])
    turn = angular_velocity(quat, (t_ns - t_ns[0]).astype(np.float64))
    velocity = series(episode, "observations/base_velocity")
    if velocity is not None and velocity[1].shape[1] == 6:
        yield Pair(
            "observations/base_velocity",
            "base_pose_world",
            (t_ns, np.concatenate([derivative(pose[:, :3], t_ns - t_ns[0]), turn], axis=1)),
            velocity,
        )
    gravity = series(episode, "observations/projected_gravity")
    if gravity is not None and gravity[1].shape[1] == 3:
        down = quat_apply(quat_conj(quat), np.broadcast_to(_DOWN, (len(quat), 3)))
        yield Pair("observations/projected_gravity", "base_pose_world", (t_ns, down), gravity)


def _of_imus(episode: Episode, robot: RobotModel, positions: Series) -> Iterator[Pair]:
    """Rates of turn that the pelvis' IMU and the joints between give another IMU."""
    for part in ("pelvis", "torso", "head"):
        key, mount = f"observations/imu_{part}", robot.profile.imus.get(f"imu_{part}") or robot.profile.imus.get(part)
        imu = series(episode, key)
        if imu is None or imu[1].shape[1] != 10 or mount is None or mount.link not in robot.frames:
            continue
        predicted = _turn_of_link(episode, robot, mount.link, positions)
        if predicted is not None:
            length = np.linalg.norm(imu[1][:, 4:7], axis=1, keepdims=True)
            yield Pair(key, "the joints and the base", predicted, (imu[0], length))


def _turn_of_link(episode: Episode, robot: RobotModel, link: str, positions: Series) -> Series | None:
    """(N,) stamps and (N, 1) size of a link's rate of turn in the world, whatever the axes of its sensor."""
    base = series(episode, BASE)
    t_ns, q_rad = positions[0][:_LONGEST], positions[1][:_LONGEST]
    order = robot.reorder(episode.joint_names, where=f"episode {episode.id}")
    quat = np.tile([1.0, 0.0, 0.0, 0.0], (len(t_ns), 1))
    if base is not None and base[1].shape[1] == 7 and _unit(base[1][:, 3:]):
        quat = slerp_at(base[0], base[1][:, 3:], t_ns)
    elif robot.frames[link].body == 0:
        return None
    body = robot.frames[link].body
    rot = body_poses(robot, np.zeros((len(t_ns), 3)), quat, q_rad[:, order]).rot_world[:, body]
    step = np.swapaxes(rot[:-2], 1, 2) @ rot[2:]
    trace = np.clip((np.trace(step, axis1=1, axis2=2) - 1.0) / 2.0, -1.0, 1.0)
    rate = np.arccos(trace) / ((t_ns[2:] - t_ns[:-2]) * 1e-9)
    return t_ns[1:-1], rate[:, None]


def _unit(quat: F64) -> bool:
    return bool((np.abs(np.linalg.norm(quat, axis=1) - 1.0) < 0.5).all())
