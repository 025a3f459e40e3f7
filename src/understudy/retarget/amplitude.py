"""How much of the motion's swing the smoothing took away."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64
from understudy.geom.filters import band
from understudy.retarget.problem import LIMBS, VECTORS

SLOW_HZ, NOISE_HZ = 1.0, 12.0
WARN_LOSS = 0.15
AT_ONCE = 2
"""Limbs whose directions are filtered together; spectra of all of them would fill the memory with a long take."""
QUIET = 0.03
"""Swing (radians, rms) under which a limb counts as still."""


def amplitude_loss(human: F64, robot: F64, rate_hz: float) -> dict[str, float]:
    """Share of each limb's fast swing that is missing in the robot's motion; limbs that hardly swing are left out.

    Args:
        human: (T, V, 3) directions asked for; robot: (T, V, 3) directions reached; order `VECTORS`.
        rate_hz: frames per second.

    Returns:
        limb to 1 - rms(robot) / rms(human), the swing being what lies between 1 and 12 Hz.
    """
    columns = [VECTORS.index(f"{a}>{b}") for a, b in LIMBS]
    few = (columns[i : i + AT_ONCE] for i in range(0, len(columns), AT_ONCE))
    swings = [_swing(np.stack([human[:, some], robot[:, some]], axis=1), rate_hz) for some in few]
    asked, done = np.concatenate(swings, axis=1)
    return {f"{a} to {b}": float(1.0 - done[i] / asked[i]) for i, (a, b) in enumerate(LIMBS) if asked[i] > QUIET}


def loss_warning(loss: dict[str, float], lowpass_hz: float, *, at_bound: bool = False) -> str:
    """One sentence about the limbs that lost over 15 %; empty where none did.

    Args:
        loss: as `amplitude_loss` gives it.
        lowpass_hz: cut-off of the smoothing.
        at_bound: joints turned as fast as they may, so that less smoothing alone would not bring all of it back.
    """
    worst = sorted(((v, k) for k, v in loss.items() if v > WARN_LOSS), reverse=True)
    if not worst:
        return ""
    listed = ", ".join(f"{name} {100 * value:.0f} %" for value, name in worst[:4])
    advice = "joints turn as fast as they may: slow the motion down, or raise" if at_bound else "raise"
    return f"fast motion lost amplitude at --lowpass {lowpass_hz:g}: {listed}; {advice} the cut-off to keep more of it"


def _swing(directions: F64, rate_hz: float) -> F64:
    """(2, L) rms of the fast swing of directions (T, 2, L, 3)."""
    fast = band(directions, rate_hz=rate_hz, low_hz=SLOW_HZ, high_hz=NOISE_HZ)
    return np.asarray(np.sqrt(np.mean(np.ascontiguousarray(np.moveaxis(np.sum(fast * fast, axis=-1), 0, -1)), axis=-1)))
