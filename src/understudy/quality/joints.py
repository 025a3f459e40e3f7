"""The joints over an episode in the robot's order, read once for every gate that looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.quality.columns import extent
from understudy.quality.memo import Last
from understudy.quality.spans import median_step_s
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel

POSITIONS = "observations/joint_positions"
"""Stream that a joint track is made from."""


@dataclass(frozen=True)
class JointTrack:
    """Samples of `joint_positions` that are finite.

    Attributes:
        robot: whose joints.
        t_ns: (T,) stamps.
        joint_pos: (T, J) radians, in the robot's order.
    """

    robot: RobotModel
    t_ns: I64
    joint_pos: F64

    @cached_property
    def step_s(self) -> float:
        """Median time between samples, seconds."""
        return median_step_s(self.t_ns)

    def limb(self, joint: int) -> str:
        """Group of a joint by its place, such as `left arm`; the joint's own name where it has none."""
        name = self.robot.joint_names[joint]
        return next((g.replace("_", " ") for g, members in self.robot.profile.groups.items() if name in members), name)

    def from_pelvis(self, rows: I64) -> BodyPoses:
        """Every body at some of the samples, in the axes of the pelvis: what needs no pose in the world."""
        origin, unit = np.zeros((len(rows), 3)), np.tile([1.0, 0.0, 0.0, 0.0], (len(rows), 1))
        return body_poses(self.robot, origin, unit, self.joint_pos[rows])


_last: Last[JointTrack] = Last()


def joint_track(episode: Episode, robot: RobotModel) -> JointTrack:
    """The episode's joints; the last ones asked for are kept, since gates ask one after another.

    Raises:
        JointOrderError: the episode's joints are not this robot's.
    """
    return _last.get(episode, robot, make=lambda: _make(episode, robot))


def _make(episode: Episode, robot: RobotModel) -> JointTrack:
    joints = episode.stream(POSITIONS)
    joint_pos = in_order(episode, POSITIONS, robot)
    if extent(joints).finite:
        return JointTrack(robot, joints.t_ns, joint_pos)
    usable = np.isfinite(joint_pos).all(axis=1)
    return JointTrack(robot, joints.t_ns[usable], joint_pos[usable])


def in_order(episode: Episode, key: str, robot: RobotModel) -> F64:
    """(N, J) samples of a stream of joints, columns in the robot's order.

    Raises:
        JointOrderError: the episode's joints are not this robot's.
    """
    order = robot.reorder(episode.joint_names, where=f"episode {episode.id}")
    data = np.asarray(episode.stream(key).data, dtype=np.float64)
    return data if np.array_equal(order, np.arange(len(order))) else data[:, order]
