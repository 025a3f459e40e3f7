"""One frame of a live session: the person, the robot's answer, and how far its hands and feet stay from what was asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.retarget.feasibility import LIMIT_M, end_residual
from understudy.retarget.problem import Problem
from understudy.retarget.streaming import LivePose
from understudy.retarget.targets import Calibration, live_targets
from understudy.spec.robot import RobotMotion


@dataclass(frozen=True)
class LiveSample:
    """What was made of one frame.

    Attributes:
        t_ns: stamp on the session's clock, which never goes back.
        joint_pos_world_m: (23, 3) the person, whole.
        pose: the robot as shown; None before the person is calibrated.
        residual_m: (4,) order `retarget.feasibility.ENDS`, of the pose as shown.
        held, lost: limbs the source does not see, for up to and over 0.25 s.
    """

    t_ns: int
    joint_pos_world_m: F64
    pose: LivePose | None
    residual_m: F64
    held: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def infeasible(self) -> Bool:
        """(4,) ends that stay over 5 cm from what was asked."""
        return np.asarray(self.residual_m > LIMIT_M)


def ends_residual(pose: LivePose, joint_pos_world_m: F64, known: Calibration, problem: Problem) -> F64:
    """(4,) metres between each hand and foot of a pose and what the person's joints (23, 3) ask of it."""
    stance = pose.stance[None]
    targets = live_targets(joint_pos_world_m[None], stance, known, problem)
    return np.asarray(end_residual(as_motion([pose], problem.robot.joint_names), targets, problem)[0])


def as_motion(poses: list[LivePose], joint_names: tuple[str, ...]) -> RobotMotion:
    """Poses as a motion that begins at 0."""
    t_ns = np.array([p.t_ns for p in poses], dtype=np.int64)
    return RobotMotion(
        t_ns - t_ns[0],
        np.stack([p.root_pos_world_m for p in poses]),
        np.stack([p.root_quat_world_wxyz for p in poses]),
        np.stack([p.joint_pos for p in poses]),
        joint_names,
    )
