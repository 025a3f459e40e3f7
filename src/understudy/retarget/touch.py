"""What of the person besides the feet rests on the floor: hands, knees, elbows, seat and trunk; SI units, any frame rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.retarget.contacts import ENTER_M_S, LEAVE_M_S, WINDOW_NS, central_speed, grown, hysteresis, shank_down
from understudy.spec.skeleton import SIDES, SURFACES, HumanMotion

REFERENCE_LEG_M = 0.86
"""Leg of the person whose heights are below; they grow with the leg."""
TOE_M = 0.02
"""Height of the ball of the foot over the floor it stands on."""
PLANT_M_S, STAY_M_S, TURN_RAD_S = 0.1, 0.15, 0.5
SHORTEST_NS = 100_000_000


@dataclass(frozen=True)
class Part:
    """A part of the body that can rest on the floor.

    Attributes:
        joints: whose lowest one tells how high it is, and whose slowest how fast.
        enter_m, leave_m: height of that joint's centre over the floor, of a person with REFERENCE_LEG_M: the flesh below the
            joint and a few centimetres more.
        across: left and right joint of a part that can roll over the floor.
    """

    joints: tuple[str, ...]
    enter_m: float
    leave_m: float
    across: tuple[str, ...] = ()


PARTS: dict[str, Part] = {
    **{f"{side}_hand": Part((f"{side}_wrist",), 0.10, 0.13) for side in SIDES},
    **{f"{side}_knee": Part((f"{side}_knee",), 0.10, 0.12) for side in SIDES},
    **{f"{side}_elbow": Part((f"{side}_elbow",), 0.07, 0.09) for side in SIDES},
    "pelvis": Part(("pelvis", "left_hip", "right_hip"), 0.13, 0.15, ("left_hip", "right_hip")),
    "torso": Part(("chest", "left_shoulder", "right_shoulder"), 0.12, 0.14, ("left_shoulder", "right_shoulder")),
}


def floor_level(motion: HumanMotion) -> float:
    """Height of the floor, metres: below the low level (5th percentile) of the toes."""
    low = min(float(np.percentile(motion.joint(f"{side}_toe")[:, 2], 5)) for side in SIDES)
    return low - TOE_M * motion.subject().leg_m / REFERENCE_LEG_M


def touching(motion: HumanMotion) -> tuple[Bool, Bool]:
    """(T, S) what rests on the floor, and (T, S) what of that is planted; order SURFACES.

    As for a foot: a part rests from where it is low and slower than 0.2 m/s, for as long as it is low and slower than 0.3 m/s;
    1/30 s is added on both sides. What lasts less than 0.1 s is left out. It is planted from where it is slower than 0.1 m/s,
    for as long as it is slower than 0.15 m/s; seat and trunk only while they turn by less than 0.5 rad/s: what rolls over the
    floor, or slides along it, rests there and is free to move.
    """
    floor, size = floor_level(motion), motion.subject().leg_m / REFERENCE_LEG_M
    grow = max(1, round(WINDOW_NS * 1e-9 * motion.rate_hz))
    shortest = max(2, round(SHORTEST_NS * 1e-9 * motion.rate_hz))
    rests = np.zeros((len(motion), len(SURFACES)), dtype=np.bool_)
    planted = np.zeros_like(rests)
    for i, name in enumerate(SURFACES):
        part = PARTS[name]
        heights = np.stack([motion.joint(name)[:, 2] for name in part.joints])
        height = (heights.min(axis=0) - floor) / size
        if not (height < part.enter_m).any():
            continue
        speed = _of_lowest(motion, part.joints, heights)
        slow, still = speed < LEAVE_M_S, speed < STAY_M_S
        held = hysteresis((speed < ENTER_M_S) & (height < part.enter_m), slow & (height < part.leave_m))
        rests[:, i] = grown(_lasting(held, shortest), grow)
        planted[:, i] = rests[:, i] & hysteresis(speed < PLANT_M_S, still) & ~_turning(motion, part)
    return rests, planted


def lying_feet(motion: HumanMotion, standing: Bool) -> tuple[Bool, Bool]:
    """(T, 2) feet that rest on the floor under a shank that does not point down (kneeling, lying), and which are planted."""
    lying = standing & ~np.stack([shank_down(motion, side) for side in SIDES], axis=1)
    speed = np.stack(
        [central_speed(motion.joint(f"{side}_toe"), motion.t_ns) for side in SIDES],
        axis=1,
    )
    still = np.stack([hysteresis(speed[:, i] < PLANT_M_S, speed[:, i] < STAY_M_S) for i in range(len(SIDES))], axis=1)
    return lying, lying & still


def _turning(motion: HumanMotion, part: Part) -> Bool:
    """(T,) whether the line between a part's left and right joint turns faster than TURN_RAD_S."""
    if not part.across:
        return np.zeros(len(motion), dtype=np.bool_)
    line = motion.joint(part.across[0]) - motion.joint(part.across[1])
    line = line / np.maximum(np.linalg.norm(line, axis=1, keepdims=True), 1e-9)
    return np.asarray(central_speed(line, motion.t_ns) > TURN_RAD_S)


def _of_lowest(motion: HumanMotion, joints: tuple[str, ...], heights: F64) -> F64:
    """(T,) speed of the lowest of the joints, m/s; `heights` (J, T) are theirs."""
    speeds = np.stack([central_speed(motion.joint(name), motion.t_ns) for name in joints])
    return np.asarray(np.take_along_axis(speeds, heights.argmin(axis=0)[None], axis=0)[0])


def _lasting(mask: Bool, shortest: int) -> Bool:
    """(T,) `mask` without its runs of fewer than `shortest` frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    out = mask.copy()
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start < shortest:
            out[start:stop] = False
    return out
