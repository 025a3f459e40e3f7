"""Stamps as they stand in the file: increasing, and carried on where a clock was set in the middle of a take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import I64, Bool

STEP_NS = 100_000_000
"""A jump of stamps against arrivals by more is a clock that was set."""
_AROUND = 25


@dataclass(frozen=True)
class ClockStep:
    """A clock that was set.

    Attributes:
        row: first sample after it.
        t_ns: its stamp as mended.
        step_ns: by how much the clock was set; later stamps are shifted back by it.
    """

    row: int
    t_ns: int
    step_ns: int


def mended(t_ns: I64, t_arrival_ns: I64) -> tuple[I64, list[ClockStep]]:
    """Stamps without the jumps of a clock that was set, told by when samples arrived.

    A pause of the stream moves stamps and arrivals alike and is none.

    Args:
        t_ns: (N,) as they came.
        t_arrival_ns: (N,) on the host's monotonic clock, which nobody sets.

    Returns:
        (N,) stamps, and the jumps.
    """
    lead = t_ns - t_arrival_ns
    jumped = np.flatnonzero((np.diff(t_ns) <= 0) | (np.diff(lead) > STEP_NS)) + 1
    out, steps, shift = t_ns.copy(), list[ClockStep](), 0
    for row in jumped.tolist():
        before, after = lead[max(row - _AROUND, 0) : row], lead[row : row + _AROUND]
        step_ns = int(np.median(after)) - int(np.median(before))
        if abs(step_ns) > STEP_NS // 2:
            shift += step_ns
            out[row:] -= step_ns
            steps.append(ClockStep(row, int(out[row]), step_ns))
    return out, steps


def increasing(t_ns: I64) -> Bool:
    """(N,) true for every stamp that lies after all before it."""
    if len(t_ns) == 0:
        return np.zeros(0, dtype=np.bool_)
    highest = np.maximum.accumulate(t_ns)
    return np.concatenate([[True], t_ns[1:] > highest[:-1]])
