"""How late one stream shows a motion against the reference stream: landmark against landmark, read the same way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.interpolation import lerp_at
from understudy.sync.landmark import Reading, half_way, window
from understudy.sync.motion import Motion

_ROUNDS = 4
_SETTLED_NS = 2_000


@dataclass(frozen=True)
class Offset:
    """One motion in one stream.

    Attributes:
        motion: index of the motion.
        t_ns: when it was, on the reference stream's stamps.
        offset_ns: how much later the stream shows it than the reference does.
        snr: of the landmark, change over noise.
        outward: which way the motion went.
    """

    motion: int
    t_ns: int
    offset_ns: int
    snr: float
    outward: bool


@dataclass(frozen=True)
class Reference:
    """The stream all others are held against.

    Attributes:
        t_ns: (N,) increasing stamps.
        values: (N, D) positions.
        motions: what was found in it.
    """

    t_ns: I64
    values: F64
    motions: tuple[Motion, ...]

    def landmark(self, motion: Motion) -> Reading | None:
        """Where the motion is half way."""
        part = window(self.t_ns, motion)
        return half_way(self.t_ns[part], self.values[part], motion)

    def along(self, motion: Motion) -> tuple[I64, F64]:
        """Stamps and (n,) position on the line from rest to rest, in the motion's window."""
        part = window(self.t_ns, motion)
        return self.t_ns[part], np.asarray(self.values[part] @ motion.direction)


def offset_of(t_ns: I64, values: F64, index: int, reference: Reference) -> Offset | None:
    """Offset of a position-like signal in one motion.

    The reference is read at the stream's own moments, so that whatever the spacing of the samples does to a landmark it does to
    both. Which moments these are depends on the offset; a few rounds settle it.

    Args:
        t_ns: (n,) stamps of the stream in the motion's window. values: (n, D) the signal there.
        index: of the motion.
        reference: the reference stream.

    Returns:
        None where the stream, or the reference, does not show the motion.
    """
    motion = reference.motions[index]
    seen, anchor = half_way(t_ns, values, motion), reference.landmark(motion)
    if seen is None or anchor is None:
        return None
    ref_ns, ref_along = reference.along(motion)
    lag = seen.t_ns - anchor.t_ns
    for _ in range(_ROUNDS):
        alike = half_way(t_ns, lerp_at(ref_ns, ref_along, t_ns - lag)[:, None], motion)
        if alike is None:
            break
        step = seen.t_ns - alike.t_ns
        lag += step
        if abs(step) <= _SETTLED_NS:
            break
    return Offset(index, anchor.t_ns, lag, seen.snr, motion.outward)
