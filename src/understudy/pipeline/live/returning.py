"""What is shown moves no faster than the robot can: a pose that comes back after a gap is approached, not jumped to."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, frozen_f64
from understudy.geom.rotations import quat_conj, quat_mul, quat_normalize, quat_to_rotvec, rotvec_to_quat
from understudy.retarget.drive import FASTEST_RAD_S, SPEED_SHARE
from understudy.retarget.streaming import LivePose
from understudy.spec.robot import RobotModel

ROOT_M_S, ROOT_RAD_S = 1.5, 2.5
"""How fast the root makes up what it is off, on top of the person's own motion."""
JUMP_M_S = 8.0
"""A root that moves faster than any runner has jumped: the source's, not the person's doing."""
LONGEST_STEP = 1.5
"""A step after a gap counts as no longer than this many frames: the robot held still in the meantime."""


class SmoothReturn:
    """Bounds the speed of what is shown.

    Joints move at their bound at most. Where the root would jump, what it is off is kept and shrinks at a bounded speed, so it
    also catches up with a person who runs.

    Args:
        robot: whose bounds hold.
        rate_hz: nominal rate of the stream.
    """

    def __init__(self, robot: RobotModel, rate_hz: float) -> None:
        self._longest_s = LONGEST_STEP / rate_hz
        self._fastest_rad_s = np.minimum(FASTEST_RAD_S, SPEED_SHARE * robot.velocity_rad_s)
        self._shown: LivePose | None = None
        self._asked: LivePose | None = None
        self._off_m, self._off_quat = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])

    @property
    def shown(self) -> LivePose | None:
        """The pose shown last."""
        return self._shown

    def begin_at(self, pose: LivePose) -> None:
        """Take a pose as the one shown last: the next is approached from there."""
        self._shown = self._asked = pose

    def step(self, asked: LivePose) -> LivePose:
        """The pose to show for the one that was solved; stamps must increase."""
        if self._shown is None or self._asked is None:
            self._shown = self._asked = asked
            return asked
        elapsed_s = (asked.t_ns - self._shown.t_ns) * 1e-9
        step_s = min(elapsed_s, self._longest_s)
        travelled_m = float(np.linalg.norm(asked.root_pos_world_m - self._asked.root_pos_world_m))
        if asked.restarted or travelled_m > JUMP_M_S * elapsed_s:
            self._off_m = self._shown.root_pos_world_m - asked.root_pos_world_m
            self._off_quat = quat_normalize(quat_mul(self._shown.root_quat_world_wxyz, quat_conj(asked.root_quat_world_wxyz)))
        self._shrink(step_s)
        self._asked = asked
        most = self._fastest_rad_s * step_s
        self._shown = LivePose(
            t_ns=asked.t_ns,
            root_pos_world_m=frozen_f64(asked.root_pos_world_m + self._off_m),
            root_quat_world_wxyz=frozen_f64(quat_mul(self._off_quat, asked.root_quat_world_wxyz)),
            joint_pos=frozen_f64(np.clip(asked.joint_pos, self._shown.joint_pos - most, self._shown.joint_pos + most)),
            stance=asked.stance,
            restarted=asked.restarted,
        )
        return self._shown

    def _shrink(self, step_s: float) -> None:
        self._off_m = _shorter(self._off_m, ROOT_M_S * step_s)
        self._off_quat = rotvec_to_quat(_shorter(quat_to_rotvec(self._off_quat), ROOT_RAD_S * step_s))


def _shorter(vector: F64, by: float) -> F64:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector * (max(length - by, 0.0) / max(length, 1e-12)))
