"""The landmark of a motion in one signal: where it is half way from rest to rest, read between the samples.

Half way the signal is steepest, so noise moves the landmark least, and it lies at the same moment of the motion whatever
the stream's rate and noise are. The first sample over a threshold has neither property: it comes late by as much as the motion
needs to rise over that stream's noise, up to the next sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.sync.motion import Motion

MOST_LAG_S = 0.12
"""A stream may be this far off and still be read."""
LEAST_SNR = 8.0
_CLOSE_S = 0.03
_LOW, _HIGH = 0.25, 0.75
_MANY = 6
_LEAST_SIZE = 1e-100


@dataclass(frozen=True)
class Reading:
    """One landmark.

    Attributes:
        t_ns: half way, on the stream's own stamps.
        snr: change from rest to rest over the noise at rest.
    """

    t_ns: int
    snr: float


def window(t_ns: I64, motion: Motion) -> slice:
    """The samples of a stream that belong to a motion: it and the rest on both sides."""
    a = np.searchsorted(t_ns, motion.start_ns - round(motion.before_s * 1e9))
    b = np.searchsorted(t_ns, motion.end_ns + round(motion.after_s * 1e9), side="right")
    return slice(int(a), int(b))


def rests(t_ns: I64, motion: Motion, *, lag_s: float = 0.0, margin_s: float = MOST_LAG_S) -> tuple[Bool, Bool]:
    """(N,) samples surely before and surely after a motion, for a stream late by `lag_s`, give or take `margin_s`.

    Of a rest shorter than the margin the outer third is taken.
    """
    lag = round(lag_s * 1e9)
    before = min(margin_s, motion.before_s * 2.0 / 3.0)
    after = min(margin_s, motion.after_s * 2.0 / 3.0)
    return t_ns <= motion.start_ns + lag - round(before * 1e9), t_ns >= motion.end_ns + lag + round(after * 1e9)


def half_way(t_ns: I64, values: F64, motion: Motion) -> Reading | None:
    """The landmark of a motion in a position-like signal.

    Args:
        t_ns: (N,) increasing stamps of the samples in the motion's `window`.
        values: (N, D) the signal; it is laid on the line from rest to rest.
        motion: where to look.

    Returns:
        The landmark; None where the signal does not show the motion, or has too few samples around it.
    """
    rough = _half_way(t_ns, values, motion, 0.0, MOST_LAG_S)
    if rough is None:
        return None
    middle = (motion.start_ns + motion.end_ns) / 2.0
    lag_s = (rough.t_ns - middle) * 1e-9
    return _half_way(t_ns, values, motion, lag_s, _CLOSE_S) or rough


def _half_way(t_ns: I64, values: F64, motion: Motion, lag_s: float, margin_s: float) -> Reading | None:
    before, after = rests(t_ns, motion, lag_s=lag_s, margin_s=margin_s)
    if before.sum() < 2 or after.sum() < 2:
        return None
    low, high = np.median(values[before], axis=0), np.median(values[after], axis=0)
    size = float(np.linalg.norm(high - low))
    if not _LEAST_SIZE < size < np.inf:
        return None
    along = (values - low) / size @ ((high - low) / size)
    noise = max(_noise(along[before]), _noise(along[after]), 1e-9)
    at = _crossing(t_ns, along) if 1.0 / noise >= LEAST_SNR else None
    return None if at is None else Reading(at, 1.0 / noise)


def _noise(values: F64) -> float:
    """Standard deviation of what rests; from the median, so that a settling tail weighs little."""
    few = 1.0 + 2.0 / len(values)
    return 1.4826 * few * float(np.median(np.abs(values - np.median(values))))


def _crossing(t_ns: I64, along: F64) -> int | None:
    """Where a signal from 0 to 1 is at one half, ns."""
    over = np.flatnonzero(along >= _HIGH)
    if len(over) == 0:
        return None
    under = np.flatnonzero(along[: over[0]] <= _LOW)
    if len(under) == 0:
        return None
    a, b = int(under[-1]), int(over[0])
    inside = slice(a + 1, b)
    t0 = int(t_ns[a])
    x = (t_ns - t0).astype(np.float64)
    if b - a - 1 >= _MANY:
        root = _root(x[inside], along[inside], float(x[a]), float(x[b]))
        if root is not None:
            return t0 + round(root)
    cross = a + int(np.flatnonzero((along[a:b] < 0.5) & (along[a + 1 : b + 1] >= 0.5))[0])
    return t0 + round(_on_cubic(x, along, cross))


def _on_cubic(x: F64, y: F64, k: int) -> float:
    """Where the cubic through the four samples around the crossing between k and k + 1 is at one half."""
    a, b = float(x[k]), float(x[k + 1])
    line = a + (b - a) * float((0.5 - y[k]) / (y[k + 1] - y[k]))
    if k < 1 or k + 2 >= len(x):
        return line
    root = _root(x[k - 1 : k + 3], y[k - 1 : k + 3], a, b)
    return line if root is None else root


def _root(x: F64, y: F64, a: float, b: float) -> float | None:
    """Where the cubic of least squares through (x, y) is at one half, between a and b; None where that is not one place."""
    scale = b - a
    roots = np.roots(np.polyfit((x - a) / scale, y - 0.5, 3))
    real = roots[np.abs(roots.imag) < 1e-9].real
    real = real[(real >= 0.0) & (real <= 1.0)]
    return a + scale * float(real[0]) if len(real) == 1 else None
