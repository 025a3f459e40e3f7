"""How far a foot that is lifted points down: no further than the robot's, long for its leg, can over the floor.

A robot's toes reach further from the ankle, for its leg, than the ball of a person's foot. Pitched as the person's they would be
below the floor while the heel comes off it, and the floor would push the ankle up: off the leg's directions, and with the toes
on the floor for longer than the person's.
"""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.geom.interpolation import lerp_at
from understudy.retarget.contacts import WINDOW_NS, Standing, grown
from understudy.retarget.problem import Problem
from understudy.spec.skeleton import SIDES, HumanMotion

LEVEL = 0.05
"""Share of the leg by which an ankle rises before its foot points down at all."""
RISING_M_S = 0.3
"""An ankle that rises as fast is lifted, one that sinks as fast is put down; by degrees in between."""
TILTED, UPRIGHT = 0.25, 0.5
"""Share of a shank that points down: below the first a foot is not over its sole, above the second it is."""
TUCKED_S = 1.0 / 3.0
"""Time around a stance on the toes alone (kneeling down and getting up) in which a foot points as the person's does."""


def lifted_soles(soles: F64, ankles_m: F64, motion: HumanMotion, feet: Standing, lying: Bool, problem: Problem) -> F64:
    """(T, 2, 3) directions from ankle to toe, less steep where a foot is lifted off the floor.

    Args:
        soles: (T, 2, 3) those that the person's feet ask for.
        ankles_m: (T, 2) height over the floor at which the robot's ankles are asked for.
        motion: the person.
        feet: when they stand; lying (T, 2) those that lie flat.
        problem: the robot.
    """
    level = np.hypot(soles[..., 0], soles[..., 1])
    pitch = np.arctan2(-soles[..., 2], level)
    near = round(TUCKED_S * motion.rate_hz)
    for i, side in enumerate(SIDES):
        flat = problem.foot_pitch_rad
        most = flat + _steepest(ankles_m[:, i] - LEVEL * problem.leg_m, problem.ankle_height_m, problem.toe_reach_m[i])
        free = ~(feet.placed[:, i] | grown(feet.placed[:, i] & ~lying[:, i], near))
        share = free * _over_sole(motion, side) * _lifted(ankles_m[:, i], motion)
        pitch[:, i] -= share * np.maximum(pitch[:, i] - np.maximum(most, flat), 0.0)
    ahead = soles[..., :2] * (np.cos(pitch) / np.maximum(level, 1e-9))[..., None]
    return np.concatenate([ahead, -np.sin(pitch)[..., None]], axis=2)


def _steepest(ankle_m: F64, below_m: float, ahead_m: float) -> F64:
    """(T,) pitch, radians, at which toes touch the floor under ankles of that height (T,); infinite where they do not reach it.

    The toes are `ahead_m` ahead of the ankle and `below_m` below it when the foot is level.
    """
    reach = np.hypot(ahead_m, below_m)
    pitch = np.arcsin(np.clip(ankle_m / reach, 0.0, 1.0)) - np.arctan2(below_m, ahead_m)
    return np.where(ankle_m < reach, pitch, np.inf)


def _over_sole(motion: HumanMotion, side: str) -> F64:
    """(T,) how far a foot is over its sole: 0 under a shank that does not point down."""
    shank = motion.joint(f"{side}_ankle") - motion.joint(f"{side}_knee")
    down = -shank[:, 2] / np.maximum(np.linalg.norm(shank, axis=1), 1e-9)
    return np.asarray(np.clip((down - TILTED) / (UPRIGHT - TILTED), 0.0, 1.0))


def _lifted(height_m: F64, motion: HumanMotion) -> F64:
    """(T,) 1 where a height (T,) grows by RISING_M_S, 0 where it falls as fast."""
    t = motion.t_ns
    before, after = np.maximum(t - WINDOW_NS, t[0]), np.minimum(t + WINDOW_NS, t[-1])
    rise = (lerp_at(t, height_m, after) - lerp_at(t, height_m, before)) / np.maximum((after - before) * 1e-9, 1e-9)
    return np.asarray(np.clip(0.5 + 0.5 * rise / RISING_M_S, 0.0, 1.0))
