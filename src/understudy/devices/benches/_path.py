"""The path of a made-up arm that goes where it is told: smooth, sharp, and known exactly at every moment."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64

LASTS_S = 0.2


class ArmPath:
    """One angle over time, from rest to rest along curves of least jerk.

    A command sets off a motion some time after it was given; a command given while one runs begins where that one ends.
    """

    def __init__(self, start_rad: float, *, command_latency_s: float = 0.012, lasts_s: float = LASTS_S) -> None:
        self._moves: list[tuple[float, float, float]] = [(-1e9, start_rad, start_rad)]
        self._latency_s, self._lasts_s = command_latency_s, lasts_s

    def go(self, t_s: float, target_rad: float) -> None:
        """A command given at `t_s`."""
        began_s, _, now_rad = self._moves[-1]
        self._moves.append((max(t_s + self._latency_s, began_s + self._lasts_s), now_rad, target_rad))

    def at(self, t_s: F64) -> tuple[F64, F64, F64]:
        """(N,) angle rad, speed rad/s and acceleration rad/s^2."""
        begins = np.array([m[0] for m in self._moves])
        a, b = (np.array([m[i] for m in self._moves]) for i in (1, 2))
        k = np.searchsorted(begins, t_s, side="right") - 1
        u = np.clip((t_s - begins[k]) / self._lasts_s, 0.0, 1.0)
        way = b[k] - a[k]
        angle = a[k] + way * u**3 * (10.0 - 15.0 * u + 6.0 * u**2)
        speed = way * 30.0 * u**2 * (1.0 - u) ** 2 / self._lasts_s
        return angle, speed, way * 60.0 * u * (1.0 - 3.0 * u + 2.0 * u**2) / self._lasts_s**2
