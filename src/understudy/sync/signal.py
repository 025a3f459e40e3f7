"""What a stream shows of a motion, brought to the derivative of a position, so that like is compared with like.

A rate is integrated once, an orientation becomes the rotation since before the motion. Forces follow the position, its second
derivative and the square of its first, all at once, and have no single landmark: `matched.py`.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.rotations import quat_conj, quat_continuous, quat_mul, quat_to_rotvec
from understudy.spec.stream import StreamSpec
from understudy.sync.landmark import rests, window
from understudy.sync.motion import Motion

Nature = Literal["position", "rate", "imu", "rotation", "wrench", "image", "none"]
"""How a stream follows a motion; `none` where it cannot tell when one was."""


_WALKS = 8.0
"""An integral must go so many times as far as its noise; noise alone seldom goes three times."""


def nature_of(spec: StreamSpec) -> tuple[Nature, str]:
    """How a stream follows a motion, and where it does not, why."""
    if spec.kind == "image":
        return "image", ""
    if spec.kind == "imu":
        return "imu", ""
    if spec.kind == "quaternion":
        return "rotation", ""
    if spec.kind == "pose":
        return "position", ""
    if spec.kind in ("discrete", "command"):
        return "none", "a command precedes the motion by the robot's latency" if spec.kind == "command" else "it has no half way"
    unit = spec.unit.split(",", 1)[0]
    if unit.startswith("N") and spec.shape != (6,):
        return "none", "friction turns with the motion, which looks like a delay"
    if unit.startswith("N"):
        return "wrench", ""
    return ("rate", "") if unit in ("rad/s", "m/s") else ("position", "")


def position_like(nature: Nature, t_ns: I64, values: F64, motion: Motion) -> tuple[I64, F64]:
    """The stretch of a stream around a motion as something that rests, moves and rests.

    Args:
        nature: of the stream; not `wrench` and not `image`.
        t_ns: (N,) stamps of the whole stream.
        values: (N, D) its samples; imu: wxyz 4, rate of turn 3, acceleration 3.
        motion: where to look.

    Returns:
        (n,) stamps and (n, D) signal.
    """
    part = window(t_ns, motion)
    stamps, signal = t_ns[part], values[part]
    if nature == "imu":
        return stamps, integrated(stamps, signal[:, 4:7], motion)
    if nature == "rate":
        return stamps, integrated(stamps, signal, motion)
    if nature == "rotation" and len(signal):
        quat = quat_continuous(signal[:, :4])
        return stamps, quat_to_rotvec(quat_mul(quat_conj(quat[:1]), quat))
    return stamps, signal[:, :3] if signal.shape[1] == 7 else signal


def integrated(t_ns: I64, rate: F64, motion: Motion) -> F64:
    """(n, D) integral of a rate, whose mean over the rests on both sides is taken out first: that is the sensor's bias."""
    if len(t_ns) < 2:
        return np.zeros_like(rate)
    before, after = rests(t_ns, motion)
    resting = before | after
    bias = rate[resting].mean(axis=0) if resting.any() else np.zeros(rate.shape[1])
    clean = rate - bias
    steps = 0.5 * (clean[1:] + clean[:-1]) * (np.diff(t_ns) * 1e-9)[:, None]
    signal = np.concatenate([np.zeros((1, rate.shape[1])), np.cumsum(steps, axis=0)])
    return signal if not resting.any() or _over_its_walk(t_ns, signal, clean[resting]) else np.zeros_like(signal)


def _over_its_walk(t_ns: I64, signal: F64, at_rest: F64) -> bool:
    """Whether an integral goes further than its noise does by itself: the sum of N samples of noise grows with the root of N.

    Within a rest that walk is short, so that it would pass for a motion with little noise.
    """
    noise = float(np.linalg.norm(1.4826 * np.median(np.abs(at_rest), axis=0)))
    step_s = float(np.median(np.diff(t_ns))) * 1e-9
    went = float(np.linalg.norm(np.ptp(signal, axis=0)))
    return went > _WALKS * noise * step_s * math.sqrt(len(signal))
