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

LEVEL = 0.07
"""Share of the leg by which an ankle rises before its foot points down at all."""
OPENING = 1.4
"""How much sooner than where there is room for the whole foot it may point straight down."""
RISING_M_S = 0.3
"""An ankle that rises as fast is lifted, one that sinks as fast is put down; by degrees in between."""
TILTED, UPRIGHT = 0.25, 0.5
"""Share of a shank that points down: below the first a foot is not over its sole, above the second it is."""
TUCKED_S = 1.0 / 3.0
"""Time around a stance on the toes alone (kneeling down and getting up) in which a foot points as the person's does."""
LET_GO_S = 0.05
"""Time from a stance in which it comes to hold, so that the very frame in which a stance ends does not matter."""


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
    near, lifted = round(TUCKED_S * motion.rate_hz), _lifted(ankles_m, motion)
    for i, side in enumerate(SIDES):
        flat = problem.foot_pitch_rad
        room = ankles_m[:, i] - problem.ankle_height_m - LEVEL * problem.leg_m
        most = flat + _steepest(room, problem.ankle_height_m, problem.toe_reach_m[i])
        tucked = feet.placed[:, i] & ~lying[:, i]
        held = feet.placed[:, i] | grown(tucked, near) if tucked.any() else feet.placed[:, i]
        share = _away(held, LET_GO_S * motion.rate_hz) * _over_sole(motion, side) * lifted[:, i]
        pitch[:, i] -= share * np.maximum(pitch[:, i] - most, 0.0)
    ahead = soles[..., :2] * (np.cos(pitch) / np.maximum(level, 1e-9))[..., None]
    return np.concatenate([ahead, -np.sin(pitch)[..., None]], axis=2)


def _steepest(room_m: F64, below_m: float, ahead_m: float) -> F64:
    """(T,) most that a foot points down beyond lying flat, radians, with so much room (T,) under an ankle that is not needed to
    stand.

    The toes are `ahead_m` ahead of the ankle and `below_m` below it. The pitch grows evenly with the room: the angle at which
    toes just touch the floor opens ever faster, and what follows it is not the same at 30 and at 60 Hz.
    """
    upright = 0.5 * np.pi - np.arctan2(below_m, ahead_m)
    return np.asarray(OPENING * upright * np.maximum(room_m, 0.0) / (np.hypot(ahead_m, below_m) - below_m))


def _away(held: Bool, frames: float) -> F64:
    """(T,) 0 where `held` is true, growing to 1 over so many frames on both sides."""
    at, on = np.arange(len(held)), np.flatnonzero(held)
    if not len(on):
        return np.ones(len(held))
    after = np.minimum(np.searchsorted(on, at), len(on) - 1)
    gap = np.minimum(np.abs(at - on[after]), np.abs(at - on[np.maximum(after - 1, 0)]))
    return np.asarray(np.minimum(gap / frames, 1.0))


def _over_sole(motion: HumanMotion, side: str) -> F64:
    """(T,) how far a foot is over its sole: 0 under a shank that does not point down."""
    shank = motion.joint(f"{side}_ankle") - motion.joint(f"{side}_knee")
    down = -shank[:, 2] / np.maximum(np.linalg.norm(shank, axis=1), 1e-9)
    return np.asarray(np.clip((down - TILTED) / (UPRIGHT - TILTED), 0.0, 1.0))


def _lifted(height_m: F64, motion: HumanMotion) -> F64:
    """(T, 2) 1 where a height (T, 2) grows by RISING_M_S, 0 where it falls as fast."""
    t = motion.t_ns
    before, after = np.maximum(t - WINDOW_NS, t[0]), np.minimum(t + WINDOW_NS, t[-1])
    rise = lerp_at(t, height_m, after) - lerp_at(t, height_m, before)
    return np.asarray(np.clip(0.5 + 0.5 * rise / (RISING_M_S * np.maximum((after - before) * 1e-9, 1e-9))[:, None], 0.0, 1.0))
