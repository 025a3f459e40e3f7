"""Where the root goes over the floor: the person's path at the robot's size, or in the person's own metres.

At the robot's size, a step is as long for the robot's legs as it was for the person's. In metres, the robot ends where the
person ended, beside the same table; its steps are then longer for its legs, which docs/retargeting.md shows the price of.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

from understudy.errors import UnknownNameError
from understudy.geom.arrays import F64
from understudy.retarget.problem import Problem
from understudy.retarget.targets import PLACE, Targets
from understudy.spec.skeleton import SIDES, HumanMotion

RootPath = Literal["scaled", "metric"]


def on_root_path(targets: Targets, motion: HumanMotion, problem: Problem, root_path: RootPath) -> Targets:
    """Targets with the root's path as asked: `metric` puts the hips over the person's own place, and the feet where they were.

    Heights stay at the robot's size, and so do the directions of the limbs.

    Args:
        targets: as `make_targets` gives them, which is `scaled`.
        motion: the person.
        problem: the robot.
        root_path: `scaled` or `metric`.

    Raises:
        UnknownNameError: another word.
    """
    if root_path == "scaled":
        return targets
    if root_path != "metric":
        raise UnknownNameError("root path", root_path, get_args(RootPath))
    vectors = targets.vectors.copy()
    vectors[:, PLACE["midhip"], :2] += (1.0 - targets.scale) * midhip_m(motion)[:, :2]
    for side in SIDES:
        reach = motion.joint(f"{side}_ankle") - midhip_m(motion)
        vectors[:, PLACE[f"{side}_foot"], :2] = reach[:, :2] / problem.lengths_m[f"{side}_leg"]
    return replace(targets, vectors=vectors)


def drawn_on_path(person_m: F64, targets: Targets, motion: HumanMotion, root_path: RootPath) -> F64:
    """(T, 23, 3) the person at the robot's size, moved to where the root goes."""
    if root_path == "scaled":
        return person_m
    out = person_m.copy()
    out[..., :2] += (1.0 - targets.scale) * midhip_m(motion)[:, None, :2]
    return out


def midhip_m(motion: HumanMotion) -> F64:
    """(T, 3) middle of the hips."""
    return 0.5 * (motion.joint("left_hip") + motion.joint("right_hip"))
