"""Smooth curves through given values."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from understudy.geom.arrays import F64


def ease(u: F64) -> F64:
    """0 to 1 with zero speed and acceleration at both ends, constant outside: the minimum-jerk profile."""
    u = np.clip(u, 0.0, 1.0)
    return np.asarray(u**3 * (10.0 - 15.0 * u + 6.0 * u**2))


def quintic(u: F64, start: tuple[F64, F64, F64], end: tuple[F64, F64, F64]) -> F64:
    """The polynomial of degree five between two states.

    Args:
        u: (T,) 0 to 1.
        start: (D,) position, and its first and second derivative by u, at 0.
        end: the same at 1.

    Returns:
        (T, D).
    """
    (p0, v0, a0), (p1, v1, a1) = start, end
    d, e, f = p1 - p0 - v0 - a0 / 2.0, v1 - v0 - a0, a1 - a0
    c3, c4, c5 = 10.0 * d - 4.0 * e + f / 2.0, -15.0 * d + 7.0 * e - f, 6.0 * d - 3.0 * e + f / 2.0
    u = np.asarray(u)[:, None]
    return np.asarray(p0 + u * (v0 + u * (a0 / 2.0 + u * (c3 + u * (c4 + u * c5)))))


@dataclass
class Keys:
    """A value over time that rests at its knots and eases between them.

    Attributes:
        knots: (time in seconds, value (D,)) in order of time.
    """

    start: F64
    knots: list[tuple[float, float, F64]] = field(default_factory=list)

    def to(self, value: F64 | float, start_s: float, end_s: float) -> None:
        """Go to `value` between two times; those of an earlier call must be over."""
        self.knots.append((start_s, end_s, np.atleast_1d(np.asarray(value, dtype=np.float64))))

    def at(self, t_s: F64) -> F64:
        """(T, D) the value at each time."""
        value = np.atleast_1d(self.start)
        out = np.repeat(value[None], len(t_s), axis=0)
        for begin, end, target in self.knots:
            out = out + ease((t_s - begin) / (end - begin))[:, None] * (target - value)
            value = target
        return out


def smooth(values: F64, *, rate_hz: float, sigma_s: float) -> F64:
    """(T, ...) Gaussian mean over time, ends held."""
    return np.asarray(gaussian_filter1d(values, sigma_s * rate_hz, axis=0, mode="nearest"))


def smooth_below(values: F64, *, rate_hz: float, half_width_s: float) -> F64:
    """(T,) a smooth curve that is nowhere above `values`: a mean of minima over the mean's own window."""
    half = max(round(half_width_s * rate_hz), 1)
    low = minimum_filter1d(values, 2 * half + 1, mode="nearest")
    return np.asarray(gaussian_filter1d(low, half / 3.0, radius=half, mode="nearest"))
