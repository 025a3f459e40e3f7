"""Published rules, own code: what is written down elsewhere about telling good episodes from bad, as formulas.

No code of another project is in here. The rules look at joint positions and durations alone, as they do where they come from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from understudy.errors import UnderstudyError
from understudy.geom.arrays import F64
from understudy.geom.filters import derivative
from understudy.spec.episode import Episode

POSITIONS = "observations/joint_positions"
SMOOTH_LDLJ = -8.0
"""A log dimensionless jerk from -8 to -6 is called smooth, one below jerky, such as -15 to -25."""
FENCE = 1.5
"""Tukey's: an episode is odd where a figure is further than 1.5 interquartile ranges outside the quartiles of the dataset."""
STILL_RAD_S = 0.02
FIGURES = ("duration_s", "mean_jerk", "mean_speed", "static_share")
RULES = ("LDLJ under -8", "Tukey fence: duration", "Tukey fence: duration, jerk, speed, static share")


def figures(episode: Episode) -> dict[str, float]:
    """Duration, log dimensionless jerk, means of jerk and speed, and the share of time that nothing moves; NaN where unknown."""
    unknown = dict.fromkeys((*FIGURES, "ldlj"), math.nan) | {"duration_s": episode.duration_s}
    try:
        stream, q_rad = episode.stream(POSITIONS), episode.data(POSITIONS)
    except UnderstudyError:
        return unknown
    if len(stream) < 8 or not np.isfinite(q_rad).all() or bool((np.diff(stream.t_ns) <= 0).any()):
        return unknown
    speed = derivative(q_rad, stream.t_ns)
    jerk = derivative(derivative(speed, stream.t_ns), stream.t_ns)
    return {
        "duration_s": episode.duration_s,
        "ldlj": log_dimensionless_jerk(speed, jerk, stream.t_ns * 1e-9),
        "mean_jerk": float(np.abs(jerk).mean()),
        "mean_speed": float(np.abs(speed).mean()),
        "static_share": float((np.abs(speed).max(axis=1) < STILL_RAD_S).mean()),
    }


def log_dimensionless_jerk(speed: F64, jerk: F64, t_s: F64) -> float:
    """Median over the joints that move of -ln(D^3 / v_peak^2 * integral of jerk^2), D the duration.

    Args:
        speed: (T, J) rad/s.
        jerk: (T, J) rad/s^3.
        t_s: (T,) seconds.

    Source: Balasubramanian and others, On the analysis of movement smoothness, J NeuroEng Rehab 2015, eq. 5.
    """
    peak = np.abs(speed).max(axis=0)
    moving = peak > STILL_RAD_S
    if not moving.any():
        return math.nan
    squared = np.trapezoid(jerk[:, moving] ** 2, t_s, axis=0)
    lasts_s = float(t_s[-1] - t_s[0])
    return float(np.median(-np.log(np.maximum(lasts_s**3 / peak[moving] ** 2 * squared, 1e-300))))


def fences(clean: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """Lower and upper fence of every figure, from a dataset's own episodes."""
    out = {}
    for name in FIGURES:
        low, high = np.nanpercentile([row[name] for row in clean], [25.0, 75.0])
        out[name] = (float(low - FENCE * (high - low)), float(high + FENCE * (high - low)))
    return out


def flagged(row: Mapping[str, float], fence: Mapping[str, tuple[float, float]]) -> dict[str, bool]:
    """Which of the `RULES` find an episode odd; a figure that cannot be worked out is not odd."""

    def outside(name: str) -> bool:
        low, high = fence[name]
        return bool(row[name] < low or row[name] > high)

    return dict(zip(RULES, (row["ldlj"] < SMOOTH_LDLJ, outside("duration_s"), any(map(outside, FIGURES))), strict=True))
