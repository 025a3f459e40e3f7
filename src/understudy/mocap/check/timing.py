"""When frames are missing, and when nothing moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64

LATE = 1.6
"""A step over this many times the usual one has frames missing."""


@dataclass(frozen=True)
class Stretch:
    """From when to when, seconds from the clip's start."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s


def late_frames(t_ns: I64) -> tuple[Stretch, ...]:
    """Stretches without frames."""
    step = np.diff(t_ns)
    if len(step) == 0:
        return ()
    at = np.flatnonzero(step > LATE * float(np.median(step)))
    return tuple(Stretch(float(t_ns[i]) * 1e-9, float(t_ns[i + 1]) * 1e-9) for i in at)


def frozen(pos_m: F64, t_ns: I64) -> tuple[Stretch, ...]:
    """Stretches of at least three equal frames; a person never stands so still."""
    same = np.all(pos_m[1:] == pos_m[:-1], axis=(1, 2))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(np.int8), [0]])))
    runs = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= 2]
    return tuple(Stretch(float(t_ns[a]) * 1e-9, float(t_ns[b]) * 1e-9) for a, b in runs)
