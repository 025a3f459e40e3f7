"""Parametric motion on the floor: kneeling, crawling, push-ups, sitting down, rolling over.

Key poses are joined by eased moves, and every frame is then given its exact bone lengths back. A joint that is in the same place
in two poses that follow each other does not move at all in between, so what is planted is known exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.simulate import _floor_poses as poses
from understudy.simulate._body import Body
from understudy.simulate._curves import ease
from understudy.simulate._source import synthetic_motion
from understudy.spec.skeleton import BONES, INDEX, JOINTS, SIDES, HumanMotion

__all__ = ["FloorMotion", "crawl", "kneel", "push_up", "roll", "sit"]

ITERATIONS = 400
"""Rounds over all bones: lengths come out within a millimetre."""
STILL_M = 1e-9
LIFT_M: dict[str, float] = {"wrist": 0.08, "hand": 0.08, "knee": 0.03, "ankle": 0.05, "toe": 0.05}
"""How far a joint that goes from one place on the floor to another is lifted on its way."""
LOW_M = 0.2
LOWEST_M = 0.019
"""No joint that moves gets lower than this: the ball of a foot on its toes."""
RIGID: tuple[tuple[str, ...], ...] = (
    ("pelvis", "left_hip", "right_hip", "spine"),
    ("chest", "neck", "left_collar", "right_collar", "left_shoulder", "right_shoulder"),
    ("chest", "neck", "head"),
)
"""Joints that keep all their distances."""
PLACES: dict[str, tuple[str, ...]] = {
    **{f"{side}_hand": (f"{side}_wrist", f"{side}_hand") for side in SIDES},
    **{f"{side}_knee": (f"{side}_knee",) for side in SIDES},
    "pelvis": ("pelvis",),
}
"""Surfaces, and the joints that are near the floor and still where the surface rests on it."""
REST_M: dict[str, float] = {"wrist": 0.06, "hand": 0.06, "knee": 0.06, "ankle": 0.07, "toe": 0.045, "pelvis": 0.1}
"""A joint of a key pose that is no higher than this rests on the floor."""
NEAR_M: dict[str, float] = {"hand": 0.06, "knee": 0.06, "pelvis": 0.13}


@dataclass(frozen=True)
class FloorMotion:
    """A motion on the floor, and what of the person rests on it.

    Attributes:
        motion: the person.
        planted: surface (left_hand, right_hand, left_knee, right_knee, pelvis) to (T,) true while it rests on the floor, exactly
            still.
    """

    motion: HumanMotion
    planted: dict[str, Bool]


Keys = list[tuple[float, F64]]
"""(seconds to get there, pose (23, 3)); a pose that is repeated is held."""


def crawl(cycles: int = 3, stride_m: float = 0.3, *, height_m: float = 1.75, rate_hz: float = 60.0) -> FloorMotion:
    """Kneel down and crawl forward on hands and knees, a hand and the other side's knee at a time."""
    body = Body(height_m)
    hands, knees = [0.62, 0.62], [0.0, 0.0]
    keys: Keys = [(0.0, poses.kneeling(body, 0.0)), (0.4, poses.kneeling(body, 0.0))]
    keys += [(1.0, poses.all_fours(body, (hands[0], hands[1]), (knees[0], knees[1])))]
    for step in range(2 * cycles):
        lead = step % 2
        far = stride_m if 0 < step < 2 * cycles - 1 else 0.5 * stride_m
        hands[lead] += far
        knees[1 - lead] += far
        keys += [(0.6, poses.all_fours(body, (hands[0], hands[1]), (knees[0], knees[1])))]
        keys += [(0.15, keys[-1][1])]
    return _clip("crawl", body, keys, rate_hz, cycles=cycles, stride_m=stride_m)


def kneel(sink_m: float = 0.12, *, height_m: float = 1.75, rate_hz: float = 60.0) -> FloorMotion:
    """Go down on one knee, on both, sit back towards the heels, and stand up again."""
    body = Body(height_m)
    front = 0.9 * body.thigh_m
    up, half, both = (
        poses.standing(body, front),
        poses.half_kneeling(body, 0.0),
        poses.kneeling(body, 0.0),
    )
    low = poses.kneeling(body, 0.0, sink_m=sink_m)
    keys: Keys = [(0.0, up), (0.5, up), (1.4, half), (0.3, half), (0.9, both), (0.3, both), (0.8, low), (0.6, low)]
    keys += [(0.8, both), (0.9, half), (0.2, half), (1.4, up), (0.5, up)]
    return _clip("kneel", body, keys, rate_hz, sink_m=sink_m)


def push_up(times: int = 2, bend_rad: float = 1.7, *, height_m: float = 1.75, rate_hz: float = 60.0) -> FloorMotion:
    """Push-ups on palms and toes."""
    body = Body(height_m)
    high, low = poses.pressed_up(body, 0.2), poses.pressed_up(body, bend_rad)
    keys: Keys = [(0.0, high), (0.5, high)]
    for _ in range(times):
        keys += [(0.9, low), (0.1, low), (0.8, high), (0.3, high)]
    return _clip("push_up", body, keys, rate_hz, times=times, bend_rad=bend_rad)


def sit(*, height_m: float = 1.75, rate_hz: float = 60.0) -> FloorMotion:
    """Squat, sit down with the hands behind, take them up, put them back and stand up again."""
    body = Body(height_m)
    seat = 0.0
    up = poses.standing(body, seat + 0.95 * body.thigh_m)
    back, free = poses.sitting(body, seat), poses.sitting(body, seat, lean_rad=-0.15, hands=False)
    keys: Keys = [(0.0, up), (0.4, up), (2.0, back), (0.6, back), (1.0, free), (0.8, free), (1.0, back), (0.3, back)]
    keys += [(2.0, up), (0.4, up)]
    return _clip("sit", body, keys, rate_hz)


def roll(*, height_m: float = 1.75, rate_hz: float = 60.0) -> FloorMotion:
    """Lie on the back, roll over the left side onto the belly, and back."""
    body = Body(height_m)
    around = [(poses.lying(body, 0.0, 0.22 * angle / math.pi * 2.0, angle)) for angle in np.linspace(0.0, math.pi, 7)]
    keys: Keys = [(0.0, around[0]), (0.8, around[0])]
    keys += [(0.35, pose) for pose in around[1:]] + [(0.8, around[-1])] + [(0.35, pose) for pose in around[-2::-1]]
    return _clip("roll", body, [*keys, (0.6, around[0])], rate_hz)


def _clip(name: str, body: Body, keys: Keys, rate_hz: float, **settings: object) -> FloorMotion:
    end_s = sum(seconds for seconds, _ in keys)
    t_s = np.arange(round(end_s * rate_hz) + 1) / rate_hz
    drawn = np.stack([pose for _, pose in keys])
    proper = _with_lengths(body, drawn, _resting(drawn))
    pos, still = _eased([(seconds, pose) for (seconds, _), pose in zip(keys, proper, strict=True)], t_s)
    pos = _with_lengths(body, pos, still)
    motion = synthetic_motion(pos, t_s, rate_hz, {"motion": name, "height_m": body.height_m, "rate_hz": rate_hz, **settings})
    planted = {}
    for surface, joints in PLACES.items():
        at = [INDEX[joint] for joint in joints]
        near = NEAR_M[surface.rpartition("_")[2]]
        planted[surface] = np.asarray(still[:, at].all(axis=1) & (pos[:, at, 2] < near).all(axis=1))
    return FloorMotion(motion, planted)


def _resting(pose: F64) -> Bool:
    """(K, 23) joints of key poses that rest on the floor and must not be moved."""
    height = np.array([next((h for part, h in REST_M.items() if joint.endswith(part)), 0.0) for joint in JOINTS])
    return np.asarray(pose[:, :, 2] <= height)


def _eased(keys: Keys, t_s: F64) -> tuple[F64, Bool]:
    """(T, 23, 3) the poses joined by eased moves, and (T, 23) which joints do not move."""
    out = np.empty((len(t_s), len(JOINTS), 3))
    still = np.zeros((len(t_s), len(JOINTS)), dtype=np.bool_)
    lift = np.array([next((h for part, h in LIFT_M.items() if joint.endswith(part)), 0.0) for joint in JOINTS])
    begin = 0.0
    before = keys[0][1]
    for seconds, pose in keys[1:]:
        now = (t_s >= begin - 1e-9) & (t_s <= begin + seconds + 1e-9)
        u = (t_s[now] - begin) / seconds
        moved = np.linalg.norm(pose - before, axis=1)
        up = np.where((before[:, 2] < LOW_M) & (pose[:, 2] < LOW_M) & (moved > STILL_M), np.minimum(lift, 0.5 * moved), 0.0)
        part = before + ease(u)[:, None, None] * (pose - before)
        part[:, :, 2] += up * 64.0 * (u[:, None] * (1.0 - u[:, None])) ** 3
        out[now], still[now] = part, moved < STILL_M
        begin, before = begin + seconds, pose
    return out, still


def _with_lengths(body: Body, pos: F64, still: Bool) -> F64:
    """(T, 23, 3) moved as little as it takes for every bone to have its length; joints that are still stay where they are."""
    length = poses.standing(body)
    pairs = {tuple(sorted((INDEX[a], INDEX[b]))) for a, b in BONES}
    pairs |= {tuple(sorted((INDEX[a], INDEX[b]))) for group in RIGID for a in group for b in group if a != b}
    out = pos.copy()
    free = (~still).astype(np.float64)
    for _ in range(ITERATIONS):
        for i, j in sorted(pairs):
            apart = out[:, j] - out[:, i]
            now = np.linalg.norm(apart, axis=1)
            share = (now - np.linalg.norm(length[j] - length[i])) / np.maximum(now * (free[:, i] + free[:, j]), 1e-9)
            out[:, i] += (free[:, i] * share)[:, None] * apart
            out[:, j] -= (free[:, j] * share)[:, None] * apart
        out[:, :, 2] = np.where(still, out[:, :, 2], np.maximum(out[:, :, 2], LOWEST_M))
    return out
