"""The robot's bodies over an episode, computed once and shared by every gate and score that looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.geom.rotations import quat_normalize
from understudy.geom.vectors import lengths
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.kinematics.sole_travel import outline_travel, sole_courses
from understudy.quality.joints import POSITIONS, JointTrack, joint_track
from understudy.quality.memo import Last
from understudy.quality.skip import NotApplicable
from understudy.quality.spans import median_step_s
from understudy.quality.upright import base_from_sensors
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.spec.stream import Stream

BASE = "debug/base_pose_world"
NEEDS: tuple[str, ...] = (POSITIONS, BASE)
"""Streams that a posture in the world is made from."""
SLIDE_S = 0.1
"""Speeds of soles are taken over this time: a tenth of a millimetre of noise at 100 Hz is a centimetre per second."""
_BLOCK = 8192


@dataclass(frozen=True)
class Posture:
    """Where the robot's bodies are at every sample of `joint_positions`; samples that are not finite are left out.

    Attributes:
        robot: whose bodies.
        t_ns: (T,) stamps.
        base_pos_world_m: (T, 3) origin of the pelvis link; base_quat_world_wxyz (T, 4).
        joint_pos: (T, J) in the robot's order.
        base_from: `pose`, the recorded pose of the base; or `sensors`: tilt by the robot's own sensors with the yaw free, height
            by kinematics and NaN where no foot bears weight, and no place on the floor (x and y are 0).
    """

    robot: RobotModel
    t_ns: I64
    base_pos_world_m: F64
    base_quat_world_wxyz: F64
    joint_pos: F64
    base_from: Literal["pose", "sensors"] = "pose"

    @cached_property
    def soles(self) -> dict[str, F64]:
        """Side to (T, K, 3) sole outline in the world, metres."""
        return self._courses(slice(0, len(self.t_ns)))

    def _courses(self, rows: slice) -> dict[str, F64]:
        return sole_courses(self.robot, self.base_pos_world_m[rows], self.base_quat_world_wxyz[rows], self.joint_pos[rows])

    @cached_property
    def sole_height_m(self) -> F64:
        """(T, 2) height of the lowest point of the left and right sole, metres."""
        return self._sole_travel[0]

    @cached_property
    def sole_speed_m_s(self) -> F64:
        """(T - lag, 2) speed over the ground of each sole's slowest point, as the mean from each sample to that `lag` later."""
        dt_s = (self.t_ns[self.lag :] - self.t_ns[: -self.lag]) * 1e-9
        return np.asarray(self._sole_travel[1] / np.maximum(dt_s, 1e-9)[:, None])

    @cached_property
    def lag(self) -> int:
        """Samples that speeds of soles are taken over: `SLIDE_S`, or one sample where these are further apart."""
        step_s = median_step_s(self.t_ns)
        return max(1, round(SLIDE_S / step_s)) if step_s > 0 else 1

    @cached_property
    def _sole_travel(self) -> tuple[F64, F64]:
        if len(self.t_ns) <= _BLOCK:
            return outline_travel(self.soles, self.lag)
        parts = [outline_travel(self._courses(rows), self.lag) for rows in self._blocks(overlap=self.lag)]
        height = [parts[0][0], *(lowest[self.lag :] for lowest, _ in parts[1:])]
        return np.concatenate(height), np.concatenate([slid for _, slid in parts])

    def _blocks(self, *, overlap: int) -> list[slice]:
        """Rows in pieces that do not fill the memory, each beginning with the last `overlap` rows of the one before."""
        count = len(self.t_ns)
        return [slice(max(0, a - overlap), min(a + _BLOCK, count)) for a in range(0, max(count, 1), _BLOCK)]

    @cached_property
    def tilt_rad(self) -> F64:
        """(T,) angle between the pelvis' z axis and up."""
        _, x, y, _ = self.base_quat_world_wxyz.T
        return np.asarray(2.0 * np.arcsin(np.clip(np.hypot(x, y), 0.0, 1.0)))

    @cached_property
    def left_world(self) -> F64:
        """(T, 2) the pelvis' y axis in the ground plane: unit vectors to the robot's left; NaN where it lies on its side."""
        w, x, y, z = self.base_quat_world_wxyz.T
        axis = np.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z)], axis=-1)
        norm = np.linalg.norm(axis, axis=-1, keepdims=True)
        return np.asarray(np.where(norm > 0.5, axis / np.maximum(norm, 1e-9), np.nan))

    def at(self, rows: I64) -> BodyPoses:
        """Every body in the world at some of the samples: those of a long take are not kept, for they fill the memory."""
        if len(rows) == len(self.t_ns) <= _BLOCK and np.array_equal(rows, np.arange(len(rows))):
            return self._every
        return body_poses(self.robot, self.base_pos_world_m[rows], self.base_quat_world_wxyz[rows], self.joint_pos[rows])

    @cached_property
    def _every(self) -> BodyPoses:
        """Every body at every sample of a short take, for all who ask."""
        return body_poses(self.robot, self.base_pos_world_m, self.base_quat_world_wxyz, self.joint_pos)

    def should_stand(self, episode: Episode) -> Bool:
        """(T, 2) left and right foot that ought to stand: as the person's did, else as the robot's contacts say.

        The robot's own contacts of a retargeted episode are worked out from the very heights and speeds that are in question
        here, so they come second.

        Raises:
            NotApplicable: the episode has neither.
        """
        return np.asarray(episode.stream(contact_key(episode)).sample_at(self.t_ns).astype(np.float64) > 0.5)


CONTACTS = ("debug/source_contact", "observations/foot_contact")
"""Where feet that ought to stand are read, the first that is there."""
_last: Last[Posture] = Last()


def contact_key(episode: Episode) -> str:
    """The stream that says which feet ought to stand.

    Raises:
        NotApplicable: the episode has none.
    """
    for key in CONTACTS:
        if key in episode and len(episode.stream(key)):
            return key
    raise NotApplicable(f"the episode has neither {' nor '.join(CONTACTS)}")


def posture(episode: Episode, robot: RobotModel) -> Posture:
    """The episode's posture; the last one asked for is kept, since gates ask one after another.

    Raises:
        JointOrderError: the episode's joints are not this robot's.
        NotApplicable: the episode knows neither the base's pose nor a tilt.
    """
    return _last.get(episode, robot, make=lambda: _make(episode, robot))


def _make(episode: Episode, robot: RobotModel) -> Posture:
    track = joint_track(episode, robot)
    if BASE not in episode or len(episode.stream(BASE)) == 0:
        return _by_sensors(episode, track)
    pose = _base_at(episode.stream(BASE), track.t_ns)
    usable = np.isfinite(pose).all(axis=1) & (lengths(pose[:, 3:]) > 0.5)
    if usable.all():
        return Posture(robot, track.t_ns, pose[:, :3], quat_normalize(pose[:, 3:]), track.joint_pos)
    pose = pose[usable]
    return Posture(robot, track.t_ns[usable], pose[:, :3], quat_normalize(pose[:, 3:]), track.joint_pos[usable])


def _by_sensors(episode: Episode, track: JointTrack) -> Posture:
    height_m, quat_wxyz = base_from_sensors(episode, track)
    usable = np.isfinite(quat_wxyz).all(axis=1)
    place = np.zeros((len(height_m), 3))
    place[:, 2] = height_m
    return Posture(track.robot, track.t_ns[usable], place[usable], quat_wxyz[usable], track.joint_pos[usable], "sensors")


def _base_at(base: Stream, t_ns: I64) -> F64:
    """(T, 7) pose of the base at the joints' stamps; NaN where there is none."""
    if np.array_equal(base.t_ns, t_ns):
        return base.data.astype(np.float64)
    with np.errstate(invalid="ignore"):  # a zero quaternion becomes NaN, which is left out
        return np.asarray(base.sample_at(t_ns), dtype=np.float64)
