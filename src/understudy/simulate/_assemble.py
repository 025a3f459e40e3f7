"""What the feet and a few curves say, put together to a whole moving body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64
from understudy.simulate import _pendulum as pendulum
from understudy.simulate import _pose as pose
from understudy.simulate._body import Body
from understudy.simulate._curves import smooth
from understudy.simulate._feet import FootPath
from understudy.spec.skeleton import SIDES


@dataclass(frozen=True)
class Style:
    """How a person carries the upper body.

    Attributes:
        arm_swing: radians of the upper arm per metre that the feet are apart.
        elbow_rad: bend of the elbow of a hanging arm.
        twist: radians of the pelvis per metre that the feet are apart; the chest turns against it.
        list_rad: drop of the pelvis on the side of the swung leg.
        lean_rad: pitch of the chest when upright.
        arc: wrists go from target to target around the shoulder, not straight, which fast arms do.
    """

    arm_swing: float = 0.5
    elbow_rad: float = 0.35
    twist: float = 0.12
    list_rad: float = 0.05
    lean_rad: float = 0.03
    arc: bool = False


@dataclass(frozen=True)
class Plan:
    """A movement before it is a body.

    Attributes:
        t_s: (T,) seconds.
        feet: left and right.
        crouch_m: (T,) how far the pelvis is below standing.
        wrists: per side (T, 5): weight w of a wrist target, w times the target from the shoulder in axes of the chest, and w
            times its distance from the shoulder.
        pelvis_m: (T, 3) world; None lets the feet balance the body.
    """

    t_s: F64
    feet: tuple[FootPath, FootPath]
    crouch_m: F64
    wrists: tuple[F64, F64]
    pelvis_m: F64 | None = None


def body_motion(body: Body, plan: Plan, style: Style) -> F64:
    """(T, 23, 3) joint positions in world, metres."""
    rate_hz = 1.0 / float(plan.t_s[1] - plan.t_s[0])
    yaw = pendulum.heading(*plan.feet, rate_hz=rate_hz)
    apart = _left_ahead(plan.feet, yaw)
    trunk = _trunk(plan, yaw, apart, style, rate_hz=rate_hz)
    pelvis = plan.pelvis_m if plan.pelvis_m is not None else _balanced(body, plan, trunk, rate_hz=rate_hz)
    return pose.joint_positions(body, plan.feet, pelvis, trunk, _wrists(body, plan, smooth_apart(apart, rate_hz), style))


def smooth_apart(apart: F64, rate_hz: float) -> F64:
    """(T,) the arms follow the feet a little behind and softer."""
    return smooth(apart, rate_hz=rate_hz, sigma_s=0.05)


def _left_ahead(feet: tuple[FootPath, FootPath], yaw: F64) -> F64:
    """(T,) how far the left ankle is ahead of the right one, metres."""
    between = feet[0].ankle - feet[1].ankle
    return np.asarray(between[:, 0] * np.cos(yaw) + between[:, 1] * np.sin(yaw))


def _trunk(plan: Plan, yaw: F64, apart: F64, style: Style, *, rate_hz: float) -> pose.Trunk:
    apart = smooth(apart, rate_hz=rate_hz, sigma_s=0.04)
    roll = style.list_rad * smooth(2.0 * pendulum.left_share(*plan.feet) - 1.0, rate_hz=rate_hz, sigma_s=0.06)
    pelvis = np.stack([yaw - style.twist * apart, 0.3 * style.lean_rad + 0.9 * plan.crouch_m, roll], axis=1)
    chest = np.stack([yaw + style.twist * apart, style.lean_rad + 1.6 * plan.crouch_m, -0.4 * roll], axis=1)
    return pose.Trunk(pelvis, chest)


def _balanced(body: Body, plan: Plan, trunk: pose.Trunk, *, rate_hz: float) -> F64:
    """(T, 3) pelvis: over the feet, behind them in a crouch so that the weight stays over the soles."""
    standing = pendulum.STRAIGHTEST * body.leg_m + body.ankle_height_m
    xy = pendulum.balanced_path(*plan.feet, rate_hz=rate_hz, height_m=standing)
    yaw = trunk.pelvis[:, 0]
    back = 0.33 * plan.crouch_m
    xy = xy - back[:, None] * np.stack([np.cos(yaw), np.sin(yaw)], axis=1)
    ankles = np.stack([foot.ankle for foot in plan.feet], axis=1)
    hips = pose.hips_from_pelvis(body, trunk)
    z = pendulum.pelvis_height(body, standing - plan.crouch_m, hips, xy, ankles, rate_hz=rate_hz)
    return np.concatenate([xy, z[:, None]], axis=1)


def _wrists(body: Body, plan: Plan, apart: F64, style: Style) -> F64:
    """(T, 2, 3) wrists from the shoulders: swinging against the legs, or where they were told to be."""
    out = []
    for side, told, sign in zip(SIDES, plan.wrists, (-1.0, 1.0), strict=True):
        flexion = sign * style.arm_swing * apart
        elbow = np.maximum(style.elbow_rad + 0.5 * flexion, 0.05)
        hanging = pose.hanging_wrist(body, flexion, np.full(len(apart), 0.14), elbow)
        if side == "right":
            hanging = hanging * [1.0, -1.0, 1.0]
        wrist = (1.0 - told[:, :1]) * hanging + told[:, 1:4]
        if style.arc:
            reach = (1.0 - told[:, 0]) * np.linalg.norm(hanging, axis=1) + told[:, 4]
            wrist = wrist * (reach / np.linalg.norm(wrist, axis=1))[:, None]
        out.append(wrist)
    return np.stack(out, axis=1)
