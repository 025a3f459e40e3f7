"""Pairs of streams that show the same motion, brought to the same quantity so that their times can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.filters import derivative
from understudy.geom.interpolation import slerp_at
from understudy.geom.rotations import angular_velocity, quat_apply, quat_conj, quat_normalize
from understudy.geom.vectors import lengths
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.quality.columns import BASE, POSITIONS, TARGETS, VELOCITIES, joint_series, series
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel

Series = tuple[I64, F64]
_DOWN = np.array([0.0, 0.0, -1.0])
_FEWEST = 8


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


def pairs(episode: Episode, robot: RobotModel, *, start_ns: int, end_ns: int) -> Iterator[Pair]:
    """Every pair that the episode has in a stretch of it, in a fixed order; a stream may come up more than once."""
    within = _Within(episode, start_ns, end_ns)
    positions = within.joints(POSITIONS)
    if positions is not None:
        t_ns, q_rad = positions
        rates = within.joints(VELOCITIES)
        if rates is not None:
            yield Pair(VELOCITIES, "joint_positions", (t_ns, derivative(q_rad, t_ns - t_ns[0])), rates)
        told = within.joints(TARGETS)
        if told is not None and not episode.stream(TARGETS).derived:
            yield Pair(POSITIONS, "joint_position_target", told, positions, lags=True)
    yield from _of_base(within)
    if positions is not None:
        yield from _of_imus(within, robot, positions)


@dataclass(frozen=True)
class _Within:
    """Streams of an episode in a stretch of it; None where too little is in there."""

    episode: Episode
    start_ns: int
    end_ns: int

    def series(self, key: str, columns: int) -> Series | None:
        """A stream with so many columns."""
        found = series(self.episode, key)
        return self._cut(found) if found is not None and found[1].shape[1] == columns else None

    def joints(self, key: str) -> Series | None:
        """A stream with a column per joint."""
        found = joint_series(self.episode, key)
        return self._cut(found) if found is not None else None

    def _cut(self, found: Series) -> Series | None:
        first, last = np.searchsorted(found[0], [self.start_ns, self.end_ns])
        return (found[0][first:last], found[1][first:last]) if last - first >= _FEWEST else None


def _of_base(within: _Within) -> Iterator[Pair]:
    """What follows from the pose of the base: its velocity, gravity in its axes, and what its IMU feels."""
    base = within.series(BASE, 7)
    if base is None or not _unit(base[1][:, 3:]):
        return
    t_ns, pose = base
    quat = quat_normalize(pose[:, 3:])
    turn = angular_velocity(quat, (t_ns - t_ns[0]).astype(np.float64))
    velocity = within.series("observations/base_velocity", 6)
    if velocity is not None:
        yield Pair(
            "observations/base_velocity",
            "base_pose_world",
            (t_ns, np.concatenate([derivative(pose[:, :3], t_ns - t_ns[0]), turn], axis=1)),
            velocity,
        )
    gravity = within.series("observations/projected_gravity", 3)
    if gravity is not None:
        down = quat_apply(quat_conj(quat), np.broadcast_to(_DOWN, (len(quat), 3)))
        yield Pair("observations/projected_gravity", "base_pose_world", (t_ns, down), gravity)


def _of_imus(within: _Within, robot: RobotModel, positions: Series) -> Iterator[Pair]:
    """Rates of turn that the base and the joints between give an IMU."""
    poses: BodyPoses | None = None
    for part in ("pelvis", "torso", "head"):
        key, mount = f"observations/imu_{part}", robot.profile.imus.get(f"imu_{part}") or robot.profile.imus.get(part)
        imu = within.series(key, 10)
        if imu is None or mount is None or mount.link not in robot.frames:
            continue
        poses = poses or _poses(within, robot, positions)
        length = lengths(imu[1][:, 4:7])[:, None]
        turn = _turn_rate(positions[0], poses.rot_world[:, robot.frames[mount.link].body])
        yield Pair(key, "the joints and the base", turn, (imu[0], length))


def _poses(within: _Within, robot: RobotModel, positions: Series) -> BodyPoses:
    """Bodies at the joints' stamps; the base upright and still where the episode does not have it."""
    t_ns, q_rad = positions
    order = robot.reorder(within.episode.joint_names, where=f"episode {within.episode.id}")
    base, quat = within.series(BASE, 7), np.tile([1.0, 0.0, 0.0, 0.0], (len(t_ns), 1))
    if base is not None and _unit(base[1][:, 3:]):
        quat = slerp_at(base[0], base[1][:, 3:], t_ns)
    return body_poses(robot, np.zeros((len(t_ns), 3)), quat, q_rad[:, order])


def _turn_rate(t_ns: I64, rot_world: F64) -> Series:
    """(N - 2,) stamps and (N - 2, 1) size of a body's rate of turn, whatever the axes of its sensor."""
    trace = np.einsum("tij,tij->t", rot_world[:-2], rot_world[2:])
    rate = np.arccos(np.clip((trace - 1.0) / 2.0, -1.0, 1.0)) / ((t_ns[2:] - t_ns[:-2]) * 1e-9)
    return t_ns[1:-1], rate[:, None]


def _unit(quat: F64) -> bool:
    return bool((np.abs(lengths(quat) - 1.0) < 0.5).all())
