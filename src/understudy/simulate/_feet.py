"""Feet over time: planted exactly, rolling from heel to ball, and swung through between footsteps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64
from understudy.simulate._body import Body
from understudy.simulate._curves import ease, quintic

_LATE = 0.06
"""Delay of the middle of a swing, as a part of it: a foot that is early would pull the pelvis down."""


@dataclass(frozen=True)
class Step:
    """One footstep.

    Attributes:
        lift_s: the foot leaves the ground.
        land_s: it touches down at the new place.
        x_m: of the sole below the ankle, world.
        y_m: the same.
        yaw_rad: where the toes point, from x to y.
        roll_s: how long the heel takes to rise before `lift_s`, and the toes to come down after `land_s`.
        strike_rad: toes up at touchdown.
        push_rad: heel up at lift-off.
        clearance_m: least height of the sole in the middle of the swing.
    """

    lift_s: float
    land_s: float
    x_m: float
    y_m: float
    yaw_rad: float
    roll_s: float = 0.2
    strike_rad: float = 0.0
    push_rad: float = 0.0
    clearance_m: float = 0.02


@dataclass(frozen=True)
class FootPath:
    """One foot over time.

    Attributes:
        ankle: (T, 3) world, metres.
        ball: (T, 3) world, metres.
        yaw: (T,) radians.
        load: (T,) 0 while swung, 1 while it can carry the body, between them while weight comes and goes.
        sole: (T, 3) where it carries the body: on the ground, moving from heel to ball.
    """

    ankle: F64
    ball: F64
    yaw: F64
    load: F64
    sole: F64


def foot_path(body: Body, t_s: F64, start: tuple[float, float, float], steps: list[Step]) -> FootPath:
    """A foot that stands at `start` (x, y, yaw) and takes `steps`."""
    begin = min([t_s[0], *(step.lift_s for step in steps)]) - 10.0
    stand = Step(begin - 1.0, begin, *start)
    stances = [stand, *steps]
    ankle, ball, sole = (np.empty((len(t_s), 3)) for _ in range(3))
    yaw, load = np.empty(len(t_s)), np.zeros(len(t_s))
    for i, stance in enumerate(stances):
        after = stances[i + 1] if i + 1 < len(stances) else None
        until = after.lift_s if after else np.inf
        on = (t_s >= stance.land_s) & (t_s <= until)
        ankle[on], ball[on] = _stance(body, t_s[on], stance, after)
        yaw[on] = stance.yaw_rad
        load[on] = _load(t_s[on], stance, after)
        sole[on] = _sole(body, stance, _rolled(t_s[on], stance, after))
        if after:
            swing = (t_s > after.lift_s) & (t_s < after.land_s)
            ankle[swing], ball[swing], yaw[swing] = _swing(body, t_s[swing], stance, after)
            sole[swing] = _sole(body, after, np.zeros(int(swing.sum())))
    return FootPath(ankle, ball, yaw, load, sole)


def _axes(yaw: F64, pitch: F64) -> F64:
    """(T, 3, 3) foot to world; `pitch` is positive with the toes up."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    zero = np.zeros_like(cy * cp)
    rows = [[cy * cp, -sy + zero, -cy * sp], [sy * cp, cy + zero, -sy * sp], [sp + zero, zero, cp + zero]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _place(step: Step) -> F64:
    return np.array([step.x_m, step.y_m, 0.0])


def _pitch(t_s: F64, stance: Step, after: Step | None) -> F64:
    """Toes up at touchdown, flat, heel up towards the next lift-off; the heel is still rising when it leaves."""
    pitch = stance.strike_rad * _rise(1.0 - (t_s - stance.land_s) / stance.roll_s)
    if after is not None:
        pitch = pitch - after.push_rad * _rise((t_s - (after.lift_s - after.roll_s)) / after.roll_s)
    return np.asarray(pitch)


def _rise(u: F64) -> F64:
    """From rest at 0 to 1, arriving with a speed of 2 and no acceleration."""
    u = np.clip(u, 0.0, 1.0)
    return np.asarray(2.0 * u**3 - u**4)


def _rolled(t_s: F64, stance: Step, after: Step | None) -> F64:
    """0 on the heel to 1 on the ball: where under the foot the weight is."""
    forward = ease((t_s - stance.land_s) / (2.0 * stance.roll_s)) if stance.strike_rad > 0.0 else np.ones_like(t_s)
    rolled = 0.4 * forward
    if after is not None and after.push_rad > 0.0:
        rolled = rolled + 0.6 * ease(1.0 + (t_s - after.lift_s) / (2.0 * after.roll_s))
    return np.asarray(rolled)


def _stance(body: Body, t_s: F64, stance: Step, after: Step | None) -> tuple[F64, F64]:
    """Ankle and ball of a planted foot: it turns about the heel while the toes are up, about the ball while the heel is."""
    pitch = _pitch(t_s, stance, after)
    axes = _axes(np.full(len(t_s), stance.yaw_rad), pitch)
    flat = _axes(np.array([stance.yaw_rad]), np.zeros(1))[0]
    pivot = np.where((pitch > 0.0)[:, None], body.heel, body.ball)
    fixed = _place(stance) + pivot @ flat.T
    ankle = fixed + np.einsum("tij,tj->ti", axes, body.ankle - pivot)
    ball = fixed + np.einsum("tij,tj->ti", axes, body.ball - pivot)
    return ankle, ball


def _sole(body: Body, step: Step, rolled: F64) -> F64:
    flat = _axes(np.array([step.yaw_rad]), np.zeros(1))[0]
    along = body.heel * (1.0 - rolled[:, None]) + body.ball * rolled[:, None]
    return np.asarray((_place(step) + along @ flat.T) * [1.0, 1.0, 0.0])


def _load(t_s: F64, stance: Step, after: Step | None) -> F64:
    up = np.clip((t_s - stance.land_s) / stance.roll_s, 0.0, 1.0)
    down = np.clip((after.lift_s - t_s) / after.roll_s, 0.0, 1.0) if after else np.ones_like(t_s)
    return np.asarray(np.minimum(up, down))


def _swing(body: Body, t_s: F64, before: Step, step: Step) -> tuple[F64, F64, F64]:
    """Ankle, ball and yaw from lift-off to touchdown, joining both stances with equal speed and acceleration."""
    span = step.land_s - step.lift_s
    u = (t_s - step.lift_s) / span
    start = _edge(body, step.lift_s, -1.0, before, step, span)
    end = _edge(body, step.land_s, 1.0, step, None, span)
    path = quintic(u - _LATE * (4.0 * u * (1.0 - u)) ** 3, start, end)
    yaw = before.yaw_rad + ease(u) * (step.yaw_rad - before.yaw_rad)
    bump = (4.0 * u * (1.0 - u)) ** 3
    axes = _axes(yaw, path[:, 3])
    ankle, sole = path[:, :3], np.stack([body.heel, body.ball * [1.0, 1.0, 0.0]]) - body.ankle
    low = (ankle[:, None] + np.einsum("tij,kj->tki", axes, sole))[..., 2].min(axis=1, initial=np.inf)
    ankle[:, 2] += bump * max(0.0, float(np.max((step.clearance_m * bump - low) / np.maximum(bump, 0.05), initial=0.0)))
    ball = ankle + np.einsum("tij,j->ti", axes, body.ball - body.ankle)
    return ankle, ball, yaw


def _edge(body: Body, at_s: float, inside: float, stance: Step, after: Step | None, span: float) -> tuple[F64, F64, F64]:
    """(4,) ankle and pitch at an end of a stance with their derivatives by u, from three moments inside the stance."""
    h = 1e-3
    t_s = at_s + inside * h * np.arange(3.0)
    ankle, _ = _stance(body, t_s, stance, after)
    p = np.concatenate([ankle, _pitch(t_s, stance, after)[:, None]], axis=1)
    first = inside * (-1.5 * p[0] + 2.0 * p[1] - 0.5 * p[2]) / h
    second = (p[0] - 2.0 * p[1] + p[2]) / h**2
    return p[0], first * span, second * span**2
