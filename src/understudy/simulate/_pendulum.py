"""The pelvis over the feet: its path across the ground and its height."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64
from understudy.simulate._body import Body
from understudy.simulate._curves import smooth, smooth_below
from understudy.simulate._feet import FootPath

GRAVITY_M_S2 = 9.81
LEAD_S = 0.035
"""How far the pelvis is ahead of the balanced path: it leads the trunk onto the foot that is landing."""
STRAIGHTEST = 0.993
"""Hip to ankle over the leg's length at its straightest: the knee never locks."""


def left_share(left: FootPath, right: FootPath) -> F64:
    """(T,) part of the weight on the left foot, 0 to 1; between footsteps in the air it stays as it was."""
    total = left.load + right.load
    known = np.flatnonzero(total > 1e-6)
    share = left.load[known] / total[known]
    return np.asarray(np.interp(np.arange(len(total)), known, share))


def balanced_path(left: FootPath, right: FootPath, *, rate_hz: float, height_m: float) -> F64:
    """(T, 2) path of the body over the ground that the feet can balance.

    The bounded solution of the linear inverted pendulum c'' = w^2 (c - z) for the centre of pressure z is z averaged
    with the kernel (w / 2) exp(-w |t|): it leans before a step, sways to the standing foot and stops without a jerk.

    Source: Kajita et al., "The 3D linear inverted pendulum mode", IROS 2001, eq. 12, solved on the whole time axis.
    """
    share = left_share(left, right)[:, None]
    pressure = share * left.sole[:, :2] + (1.0 - share) * right.sole[:, :2]
    omega = np.sqrt(GRAVITY_M_S2 / height_m)
    half = int(np.ceil(8.0 / omega * rate_hz))
    kernel = np.exp(-omega * np.abs(np.arange(-half, half + 1) / rate_hz + LEAD_S))
    padded = np.pad(pressure, ((half, half), (0, 0)), mode="edge")
    columns = [np.convolve(padded[:, axis], kernel / kernel.sum(), mode="valid") for axis in range(2)]
    return np.stack(columns, axis=1)


def pelvis_height(body: Body, wanted_m: F64, hips_from_pelvis: F64, pelvis_xy_m: F64, ankles: F64, *, rate_hz: float) -> F64:
    """(T,) height of the pelvis: as wanted, but never so high that a leg would have to stretch.

    Args:
        body: the person.
        wanted_m: (T,) height if the legs were long enough.
        hips_from_pelvis: (T, 2, 3) left and right hip from the pelvis, world axes.
        pelvis_xy_m: (T, 2) world.
        ankles: (T, 2, 3) world.
        rate_hz: steps per second.
    """
    hips_xy = pelvis_xy_m[:, None] + hips_from_pelvis[..., :2]
    across = np.sum((hips_xy - ankles[..., :2]) ** 2, axis=-1)
    reach = np.sqrt(np.maximum((STRAIGHTEST * body.leg_m) ** 2 - across, 0.0))
    limit = np.min(ankles[..., 2] + reach - hips_from_pelvis[..., 2], axis=1)
    return smooth_below(np.minimum(limit, wanted_m), rate_hz=rate_hz, half_width_s=0.12)


def heading(left: FootPath, right: FootPath, *, rate_hz: float) -> F64:
    """(T,) yaw of the body: the mean of both feet, smoothed."""
    return smooth((left.yaw + right.yaw) / 2.0, rate_hz=rate_hz, sigma_s=0.2)


def bounce(t_s: F64, *, step_s: float, stance_s: float) -> F64:
    """(T,) height of a runner's body about its mean: in free fall between stances, pushed up during them.

    The first stance begins at 0; one follows every `step_s`. The push is (1 - cos) over the stance and carries the
    weight of the whole step.
    """
    n = 2000
    u = np.arange(n) / n * step_s
    push = np.where(u < stance_s, 1.0 - np.cos(2.0 * np.pi * u / stance_s), 0.0)
    accel = GRAVITY_M_S2 * (push / push.mean() - 1.0)
    speed = np.cumsum(accel) * step_s / n
    height = np.cumsum(speed - speed.mean()) * step_s / n
    return np.asarray(np.interp(np.mod(t_s, step_s), np.append(u, step_s), np.append(height, height[0])) - height.mean())
