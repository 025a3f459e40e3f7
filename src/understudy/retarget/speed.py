"""How fast joints turn: the bound of the solve, whether a motion meets it, and steps that are too fast in spite of it."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.retarget.drive import FASTEST_RAD_S, SPEED_SHARE
from understudy.spec.robot import RobotModel, RobotMotion

STEP_LIMIT_RAD_S = 15.0
USUAL_HZ = 5.0
"""Smoothing at which the speed bound held on every motion tried: throws, flailing, noise, jumps of the tracking."""
MET = 0.97


def speed_bound(robot: RobotModel) -> F64:
    """(J,) rad/s that the solve lets the joints turn."""
    return np.minimum(FASTEST_RAD_S, SPEED_SHARE * robot.velocity_rad_s)


def meets_bound(motion: RobotMotion, robot: RobotModel, rate_hz: float) -> bool:
    """Whether any joint turns as fast as the solve lets it."""
    return bool((_speed(motion, rate_hz) > MET * speed_bound(robot)).any())


def fast_steps(motion: RobotMotion, rate_hz: float) -> Bool:
    """(T - 1, J) joint steps over 15 rad/s."""
    return np.asarray(_speed(motion, rate_hz) > STEP_LIMIT_RAD_S)


def fast_warning(motion: RobotMotion, rate_hz: float, lowpass_hz: float) -> str:
    """One sentence about steps that are too fast, and where; empty where there are none."""
    fast = fast_steps(motion, rate_hz)
    if not fast.any():
        return ""
    step, joint = (int(i) for i in np.argwhere(fast)[0])
    smoother = 0.0 < lowpass_hz <= USUAL_HZ
    return (
        f"{int(fast.sum())} joint steps over {STEP_LIMIT_RAD_S:g} rad/s are left, the first of {motion.joint_names[joint]} at "
        f"{float(motion.t_ns[step + 1]) * 1e-9:.2f} s: the person moves faster there than the robot can, or the tracking jumped; "
        f"slow the motion down or cut it there{'' if smoother else f', or smooth it with --lowpass {USUAL_HZ:g}'}"
    )


def _speed(motion: RobotMotion, rate_hz: float) -> F64:
    """(T - 1, J) rad/s."""
    return np.asarray(np.abs(np.diff(motion.joint_pos, axis=0)) * rate_hz)
