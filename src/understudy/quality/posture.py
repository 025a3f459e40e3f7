"""The robot's bodies over an episode, computed once and shared by every gate and score that looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.geom.rotations import quat_normalize
from understudy.kinematics.contact import sole_points
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.quality.memo import Last
from understudy.quality.skip import NotApplicable
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.spec.stream import Stream

NEEDS: tuple[str, ...] = ("observations/joint_positions", "debug/base_pose_world")
"""Streams that a posture is made from."""
_BLOCK = 8192


@dataclass(frozen=True)
class Posture:
    """Where the robot's bodies are at every sample of `joint_positions`; samples that are not finite are left out.

    Attributes:
        robot: whose bodies.
        t_ns: (T,) stamps.
        base_pos_world_m: (T, 3) origin of the pelvis link; base_quat_world_wxyz (T, 4).
        joint_pos: (T, J) in the robot's order.
    """

    robot: RobotModel
    t_ns: I64
    base_pos_world_m: F64
    base_quat_world_wxyz: F64
    joint_pos: F64

    @cached_property
    def soles(self) -> dict[str, F64]:
        """Side to (T, K, 3) sole outline in the world, metres."""
        blocks = np.array_split(np.arange(len(self.t_ns)), range(_BLOCK, len(self.t_ns), _BLOCK))
        parts = [sole_points(self.robot, self.at(rows)) for rows in blocks]
        return {side: np.concatenate([part[side] for part in parts]) for side in parts[0]}

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
        """Every body in the world at some of the samples: those of a whole take are not kept, for they fill the memory."""
        return body_poses(self.robot, self.base_pos_world_m[rows], self.base_quat_world_wxyz[rows], self.joint_pos[rows])

    def should_stand(self, episode: Episode) -> Bool:
        """(T, 2) left and right foot that ought to stand: as the person's did, else as the robot's contacts say.

        The robot's own contacts of a retargeted episode are worked out from the very heights and speeds that are in question
        here, so they come second.

        Raises:
            NotApplicable: the episode has neither.
        """
        for key in CONTACTS:
            if key in episode and len(episode.stream(key)):
                return np.asarray(episode.stream(key).sample_at(self.t_ns).astype(np.float64) > 0.5)
        raise NotApplicable(f"the episode has neither {' nor '.join(CONTACTS)}")


CONTACTS = ("debug/source_contact", "observations/foot_contact")
"""Where feet that ought to stand are read, the first that is there."""
_last: Last[Posture] = Last()


def posture(episode: Episode, robot: RobotModel) -> Posture:
    """The episode's posture; the last one asked for is kept, since gates ask one after another.

    Raises:
        JointOrderError: the episode's joints are not this robot's.
    """
    return _last.get(episode, robot, make=lambda: _make(episode, robot))


def _make(episode: Episode, robot: RobotModel) -> Posture:
    order = robot.reorder(episode.joint_names, where=f"episode {episode.id}")
    joints, base = episode.stream("observations/joint_positions"), episode.stream("debug/base_pose_world")
    joint_pos = joints.data.astype(np.float64)[:, order]
    pose = _base_at(base, joints.t_ns)
    usable = np.isfinite(joint_pos).all(axis=1) & np.isfinite(pose).all(axis=1) & (np.linalg.norm(pose[:, 3:], axis=1) > 0.5)
    pose, joint_pos = pose[usable], joint_pos[usable]
    return Posture(robot, joints.t_ns[usable], pose[:, :3], quat_normalize(pose[:, 3:]), joint_pos)


def _base_at(base: Stream, t_ns: I64) -> F64:
    """(T, 7) pose of the base at the joints' stamps; NaN where there is none."""
    if len(base) == 0:
        return np.full((len(t_ns), 7), np.nan)
    if np.array_equal(base.t_ns, t_ns):
        return base.data.astype(np.float64)
    with np.errstate(invalid="ignore"):  # a zero quaternion becomes NaN, which is left out
        return np.asarray(base.sample_at(t_ns), dtype=np.float64)
