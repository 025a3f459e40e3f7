"""The pose that the whole-clip solve begins with: sweeps, arms where they go best, and where that fails a second look.

Where an arm misses its bones or is inside the torso whichever of its answers is taken, the torso may be what is in the way. There
the sweeps are run again with the shoulders' line let go, and what comes of it is taken where it is clearly better.
"""

from __future__ import annotations

import numpy as np

from understudy.retarget._tables import Pose
from understudy.retarget.arms import AROUND_S, better_arms, parts_around, pose_cost, unsettled
from understudy.retarget.problem import Problem
from understudy.retarget.start import NEVER, RESET_COST, better_pose, start_pose
from understudy.retarget.targets import WEIGHTS, Targets, frame_weights

CLEARLY = 1.1
"""A second look is taken where it costs this many times less: before contacts and smoothing a cost says only so much."""


def first_pose(problem: Problem, targets: Targets, rate_hz: float) -> Pose:
    """A pose for every frame, without contacts and without smoothing."""
    pose = better_arms(problem, targets.vectors, start_pose(problem, targets), rate_hz)
    total = len(targets.vectors)
    for part in parts_around(unsettled(problem, targets.vectors, pose), round(AROUND_S * rate_hz)):
        few = targets.at(np.arange(part.start, part.stop))
        weight = frame_weights(few)
        now = Pose(*(values[part] for values in pose))
        other = better_arms(problem, few.vectors, start_pose(problem, few, line=WEIGHTS["shoulder_line"]), rate_hz)
        cost, other_cost = (pose_cost(problem, few.vectors, weight, p) for p in (now, other))
        other_cost *= CLEARLY
        other_cost[[i for i, inner in ((0, part.start), (-1, total - part.stop)) if inner > 0]] = NEVER
        found, _ = better_pose(now, cost, other, other_cost, problem.tree.rest, dearest=RESET_COST)
        for values, better in zip(pose, found, strict=True):
            values[part] = better
    return pose
