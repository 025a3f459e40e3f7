"""The robot's side of a live session: one calibrated person, one frame after another, one pose for each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from understudy.geom.arrays import F64
from understudy.pipeline.live.returning import SmoothReturn
from understudy.pipeline.live.sample import ends_residual
from understudy.retarget.problem import Problem
from understudy.retarget.streaming import LOST_S, LivePose, StreamingRetargeter
from understudy.retarget.targets import Calibration, calibrate
from understudy.simulate.walker import stand

AFRESH_NS = round(2.0 * LOST_S * 1e9)
_COMPILE_FRAMES = 6


class Follower:
    """Retargets whole frames and bounds the speed of what comes out.

    Args:
        problem: of the robot.
        known: the person.
        rate_hz: nominal rate of the source.
    """

    def __init__(self, problem: Problem, known: Calibration, rate_hz: float) -> None:
        self.known, self._problem = known, problem
        self._retargeter = StreamingRetargeter(problem.robot, known, rate_hz=rate_hz)
        self._return = SmoothReturn(problem.robot, rate_hz)
        self._shift_ns = 0

    def step(self, joint_pos_world_m: F64, t_ns: int, *, anew: bool) -> LivePose:
        """The pose for a whole frame (23, 3); `anew` where it does not continue the frames before."""
        if anew:
            self._shift_ns += AFRESH_NS  # a gap in the stamps makes the retargeter begin afresh
        own = np.array(joint_pos_world_m, dtype=np.float64, order="C")  # compiled code is made anew for every kind of array
        solved = self._retargeter.step(own, t_ns + self._shift_ns)
        return self._return.step(replace(solved, t_ns=t_ns))

    def take_over(self, before: Follower | None) -> None:
        """Go on from the pose that another follower showed last."""
        if before is not None and before._return.shown is not None:
            self._return.begin_at(before._return.shown)

    def residual_m(self, pose: LivePose, joint_pos_world_m: F64) -> F64:
        """(4,) metres between hands and feet and what was asked of them."""
        return ends_residual(pose, joint_pos_world_m, self.known, self._problem)


def compile_ahead(problem: Problem) -> None:
    """Run everything that is compiled at its first use, on a made-up person, so that no live frame waits for it."""
    person = stand(1.0, rate_hz=60.0)
    follower = Follower(problem, calibrate(person, problem), 60.0)
    for k in range(_COMPILE_FRAMES):
        pose = follower.step(person.joint_pos_world_m[k], int(person.t_ns[k]), anew=False)
        follower.residual_m(pose, np.asarray(person.joint_pos_world_m[k]))
