"""Running at a steady speed: flight between the stances, and the body in free fall during it."""

from __future__ import annotations

import math

import numpy as np

from understudy.geom.arrays import F64
from understudy.simulate._assemble import Plan
from understudy.simulate._body import Body
from understudy.simulate._feet import FootPath, Step, foot_path
from understudy.simulate._pendulum import STRAIGHTEST, balanced_path, bounce
from understudy.spec.skeleton import SIDES

STEPS_PER_S = 2.75


def running_plan(body: Body, duration_s: float, speed_m_s: float, rate_hz: float) -> Plan:
    """A run along x that is under way in the first frame; the left foot lands at 0."""
    step_s = 1.0 / STEPS_PER_S
    stance_s = step_s * float(np.clip(0.9 - 0.09 * speed_m_s, 0.4, 0.75))
    t_s = np.arange(round(duration_s * rate_hz) + 1) / rate_hz
    left, right = (_foot(body, t_s, i, speed_m_s, step_s=step_s, stance_s=stance_s) for i in range(len(SIDES)))
    sway = balanced_path(left, right, rate_hz=rate_hz, height_m=body.leg_m)[:, 1]
    rise = bounce(t_s, step_s=step_s, stance_s=stance_s)
    forward = speed_m_s * t_s
    height = _height(body, forward, (left, right), rise) + rise
    still = np.zeros((len(t_s), 5))
    return Plan(t_s, (left, right), np.zeros(len(t_s)), (still, still), np.stack([forward, sway, height], axis=1))


def _foot(body: Body, t_s: F64, which: int, speed_m_s: float, *, step_s: float, stance_s: float) -> FootPath:
    sign = 1.0 if which == 0 else -1.0
    steps = []
    for k in range(-4 + which, math.ceil(t_s[-1] / step_s) + 4, 2):
        land = k * step_s
        x = speed_m_s * (land + 0.42 * stance_s)
        lift = land - 2.0 * step_s + stance_s
        place = (x, sign * body.part(0.02), sign * 0.05)
        steps.append(Step(lift, land, *place, roll_s=0.45 * stance_s, strike_rad=0.12, push_rad=0.95, clearance_m=0.16))
    start = (steps[0].x_m - 2.0 * speed_m_s * step_s, steps[0].y_m, steps[0].yaw_rad)
    return foot_path(body, t_s, start, steps)


def _height(body: Body, forward: F64, feet: tuple[FootPath, FootPath], rise: F64) -> float:
    """The highest mean height of the pelvis at which no leg has to stretch."""
    limits = [STRAIGHTEST * body.leg_m + body.ankle_height_m - 0.03]
    for foot in feet:
        across = (foot.ankle[:, 0] - forward) ** 2 + body.half_hips_m**2
        reach = np.sqrt(np.maximum((STRAIGHTEST * body.leg_m) ** 2 - across, 0.0))
        limits.append(float(np.min(foot.ankle[:, 2] + reach - rise)))
    return min(limits) - 0.01
