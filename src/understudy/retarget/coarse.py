"""A fast clip is solved at a quarter of its rate first: the full rate then has little left to do.

What takes many iterations (which arm, where each foot is planted, what touches what) hardly depends on the frames in
between.
"""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.interpolation import slerp
from understudy.geom.rotations import matrix_to_quat, quat_to_matrix
from understudy.retarget._tables import Pose
from understudy.retarget.arms import better_arms
from understudy.retarget.problem import Problem
from understudy.retarget.solve import solve_clip
from understudy.retarget.start import start_pose
from understudy.retarget.targets import Targets
from understudy.retarget.trajectory import REFERENCE_HZ, Settings

FEWEST = 30
"""Fewest coarse frames that are worth it."""


def first_pose(problem: Problem, targets: Targets, settings: Settings, rate_hz: float) -> tuple[Pose, bool]:
    """Where the whole-clip solve begins, and whether contacts are in it already.

    Clips at 60 Hz and more are solved whole at about 30 Hz and interpolated; others begin from the two sweeps.
    """
    keep = int(rate_hz / REFERENCE_HZ + 0.25)
    total = len(targets.vectors)
    if keep < 2 or total < FEWEST * keep:
        return better_arms(problem, targets.vectors, start_pose(problem, targets), rate_hz), False
    frames = np.unique(np.append(np.arange(0, total, keep), total - 1))
    if frames[-1] - frames[-2] != keep and len(frames) > 2:
        frames = frames[:-1]  # an odd last step would be smoothed as if it were a whole one
    few = targets.at(frames)
    coarse_hz = rate_hz / keep
    start = better_arms(problem, few.vectors, start_pose(problem, few), coarse_hz)
    pose = solve_clip(problem, few, start, settings, coarse_hz)
    return _at_every_frame(pose, frames, total), True


def _at_every_frame(pose: Pose, frames: I64, total: int) -> Pose:
    """A pose known at some frames, interpolated to all; the ends are held."""
    at = np.arange(total)
    lo = np.clip(np.searchsorted(frames, at, side="right") - 1, 0, len(frames) - 1)
    hi = np.minimum(lo + 1, len(frames) - 1)
    share: F64 = np.clip((at - frames[lo]) / np.maximum(frames[hi] - frames[lo], 1), 0.0, 1.0)
    quat = matrix_to_quat(pose.root_rot)

    def blend(values: F64) -> F64:
        return np.asarray((1.0 - share[:, None]) * values[lo] + share[:, None] * values[hi])

    return Pose(
        root_pos=blend(pose.root_pos),
        root_rot=np.ascontiguousarray(quat_to_matrix(slerp(quat[lo], quat[hi], share))),
        q=blend(pose.q),
    )
