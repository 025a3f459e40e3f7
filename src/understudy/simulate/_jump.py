"""A jump with both feet: a crouch, a push, free flight, and a landing that gives way."""

from __future__ import annotations

import math

import numpy as np

from understudy.geom.arrays import F64
from understudy.simulate._assemble import Plan
from understudy.simulate._body import Body
from understudy.simulate._curves import Keys, quintic, smooth, smooth_below
from understudy.simulate._feet import FootPath, Step, foot_path
from understudy.simulate._pendulum import GRAVITY_M_S2, STRAIGHTEST
from understudy.simulate._script import wrist_key

_STAND_S, _DOWN_S, _PUSH_S, _GIVE_S, _UP_S = 0.5, 0.5, 0.28, 0.3, 0.6
_CROUCH, _GIVE = 0.14, 0.1
"""Depth of the crouch before and of the give after, parts of the body's height."""
_PUSH_RAD = 0.7
_BENT = 0.06
"""Bend of the legs of someone about to jump, part of the leg: the feet leave the ground a little later than the hips rise."""


def jumping_plan(body: Body, rise_m: float, forward_m: float, jumps: int, rate_hz: float) -> Plan:
    """`jumps` jumps, each `rise_m` up and `forward_m` ahead, swinging the arms."""
    flight_s = 2.0 * math.sqrt(2.0 * rise_m / GRAVITY_M_S2)
    each_s = _DOWN_S + _PUSH_S + flight_s + _GIVE_S + _UP_S
    t_s = np.arange(round((2.0 * _STAND_S + jumps * each_s) * rate_hz) + 1) / rate_hz
    begins = [_STAND_S + k * each_s for k in range(jumps)]
    feet = (
        _foot(body, t_s, 1.0, begins, flight_s, rise_m, forward_m),
        _foot(body, t_s, -1.0, begins, flight_s, rise_m, forward_m),
    )
    standing = STRAIGHTEST * body.leg_m + body.ankle_height_m
    lift = np.zeros(len(t_s))
    arms = Keys(np.zeros(5))
    length = body.upper_arm_m + body.forearm_m
    for begin in begins:
        _rise(body, t_s, lift, begin, flight_s, rise_m)
        back, up = (wrist_key(at, length) for at in ((-0.35, 0.2, -0.8), (0.8, 0.1, -0.05)))
        arms.to(back, begin, begin + 0.8 * _DOWN_S)
        arms.to(up, begin + 0.8 * _DOWN_S, begin + _DOWN_S + _PUSH_S)
        arms.to(0.0, begin + each_s - _UP_S - _GIVE_S, begin + each_s)
    wrists = arms.at(t_s)
    pelvis = _pelvis(body, t_s, feet, standing, lift, begins, flight_s, forward_m, rate_hz=rate_hz)
    return Plan(t_s, feet, np.maximum(-lift, 0.0), (wrists, wrists * [1.0, 1.0, -1.0, 1.0, 1.0]), pelvis)


def _foot(body: Body, t_s: F64, sign: float, begins: list[float], flight_s: float, rise_m: float, forward_m: float) -> FootPath:
    y, yaw = sign * body.part(0.055), sign * 0.09
    steps = []
    for k, begin in enumerate(begins):
        off = begin + _DOWN_S + _PUSH_S
        place = ((k + 1) * forward_m, y, yaw)
        steps.append(
            Step(off, off + flight_s, *place, roll_s=0.16, strike_rad=0.0, push_rad=_PUSH_RAD, clearance_m=rise_m + 0.03)
        )
    return foot_path(body, t_s, (0.0, y, yaw), steps)


def _rise(body: Body, t_s: F64, lift: F64, begin: float, flight_s: float, rise_m: float) -> None:
    """Write one jump's height of the pelvis over standing into `lift` (T,), metres."""
    speed = GRAVITY_M_S2 * flight_s / 2.0
    on_toes = 0.6 * math.sin(_PUSH_RAD) * body.part(0.1)
    low, give = -body.part(_CROUCH), -body.part(_GIVE)
    fall = -GRAVITY_M_S2
    parts = (
        (_DOWN_S, (0.0, 0.0, 0.0), (low, 0.0, 0.0)),
        (_PUSH_S, (low, 0.0, 0.0), (on_toes, speed, fall)),
        (flight_s, (on_toes, speed, fall), (on_toes, -speed, fall)),
        (_GIVE_S, (on_toes, -speed, fall), (give, 0.0, 0.0)),
        (_UP_S, (give, 0.0, 0.0), (0.0, 0.0, 0.0)),
    )
    for span, (p0, v0, a0), (p1, v1, a1) in parts:
        on = (t_s >= begin) & (t_s < begin + span)
        start = (np.array([p0]), np.array([v0 * span]), np.array([a0 * span**2]))
        end = (np.array([p1]), np.array([v1 * span]), np.array([a1 * span**2]))
        lift[on] = quintic((t_s[on] - begin) / span, start, end)[:, 0]
        begin += span


def _pelvis(
    body: Body, t_s: F64, feet: tuple[FootPath, FootPath], standing: float, lift: F64, begins: list[float], flight_s: float,
    forward_m: float, *, rate_hz: float,
) -> F64:  # fmt: skip
    """(T, 3) over the feet, and no higher than the legs reach."""
    x = np.zeros(len(t_s))
    for begin in begins:
        push = begin + _DOWN_S + 0.5 * _PUSH_S
        x += forward_m * np.clip((t_s - push) / (0.5 * _PUSH_S + flight_s + 0.5 * _GIVE_S), 0.0, 1.0)
    x = smooth(x, rate_hz=rate_hz, sigma_s=0.05) - 0.33 * np.maximum(-lift, 0.0)
    xy = np.stack([x, np.zeros(len(t_s))], axis=1)
    ankles = np.stack([foot.ankle for foot in feet], axis=1)
    sides = np.array([[0.0, body.half_hips_m, 0.0], [0.0, -body.half_hips_m, 0.0]])
    hips = np.broadcast_to(sides, (len(t_s), 2, 3))
    across = np.sum((xy[:, None] + hips[..., :2] - ankles[..., :2]) ** 2, axis=-1)
    reach = np.sqrt(np.maximum((STRAIGHTEST * body.leg_m) ** 2 - across, 0.0))
    limit = np.min(ankles[..., 2] + reach, axis=1)
    z = smooth_below(np.minimum(limit, standing - _BENT * body.leg_m + lift), rate_hz=rate_hz, half_width_s=0.04)
    return np.concatenate([xy, z[:, None]], axis=1)
