"""Gaps in marker trajectories: short ones filled, long ones left and told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64, Bool

LONGEST_S = 0.1
"""A gap up to this long is filled."""


@dataclass(frozen=True)
class Gap:
    """A run of frames without a marker: frames `start` to `end` - 1 of the marker with index `marker`."""

    marker: int
    start: int
    end: int
    filled: bool


def runs(missing: Bool) -> list[tuple[int, int]]:
    """(start, end) of every run of true values of a (T,) array."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def fill_gaps(
    pos_m: F64, rate_hz: float, segments: Sequence[Sequence[int]], *, longest_s: float = LONGEST_S
) -> tuple[F64, list[Gap]]:
    """Markers with their short gaps filled.

    A gap between two seen frames, at most `longest_s` long, is filled with the motion of its segment where three other markers of
    the segment are there, else by a cubic through the two frames on either side. Gaps at the ends of the take are not filled.

    Args:
        pos_m: (T, M, 3) NaN where missing.
        rate_hz: frames per second.
        segments: markers that move as one rigid body; indices into M.
        longest_s: longest gap that is filled.

    Returns:
        a filled copy, and every gap.
    """
    out = pos_m.copy()
    missing: Bool = np.asarray(~np.isfinite(pos_m).all(axis=2))
    gaps = []
    for marker in range(pos_m.shape[1]):
        for start, end in runs(missing[:, marker]):
            short = start > 0 and end < len(pos_m) and (end - start) / rate_hz <= longest_s + 1e-9
            if short:
                out[start:end, marker] = _filled(pos_m, missing, marker, start, end, segments)
            gaps.append(Gap(marker, start, end, short))
    return out, gaps


def _filled(pos: F64, missing: Bool, marker: int, start: int, end: int, segments: Sequence[Sequence[int]]) -> F64:
    frames = slice(start - 1, end + 1)
    for segment in segments:
        mates = [m for m in segment if m != marker and not missing[frames, m].any()] if marker in segment else []
        if len(mates) >= 3:
            return _with_segment(pos[frames][:, mates], pos[start - 1, marker], pos[end, marker])
    return cubic_fill(pos[:, marker], ~missing[:, marker], start, end)


def _with_segment(mates: F64, before: F64, after: F64) -> F64:
    """(n, 3) a marker carried by its mates (n + 2, K, 3) from the frame before the gap, blended into the one after it."""
    count = len(mates) - 2
    u = (np.arange(1, count + 1) / (count + 1))[:, None]
    from_start = carry(mates[0], mates[1:-1], before)
    from_end = carry(mates[-1], mates[1:-1], after)
    return np.asarray((1.0 - u) * from_start + u * from_end)


def carry(source: F64, targets: F64, point: F64) -> F64:
    """(n, 3) where `point` goes when the points `source` (K, 3) go to `targets` (n, K, 3) as nearly as a rigid body can.

    Source: Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta Cryst. A32 (1976).
    """
    a = source - source.mean(axis=0)
    centre = targets.mean(axis=1)
    u, _, vt = np.linalg.svd(np.einsum("ki,nkj->nij", a, targets - centre[:, None]))
    vt[:, 2] *= np.sign(np.linalg.det(u) * np.linalg.det(vt))[:, None]
    return np.asarray(centre + np.swapaxes(u @ vt, 1, 2) @ (point - source.mean(axis=0)))


def cubic_fill(track: F64, seen: Bool, start: int, end: int) -> F64:
    """(end - start, 3) the cubic through the two seen frames on either side of a gap; a line where there is only one."""
    before = np.flatnonzero(seen[max(start - 12, 0) : start])[-2:] + max(start - 12, 0)
    after: I64 = np.flatnonzero(seen[end : end + 12])[:2] + end
    knots = np.concatenate([before, after])
    t = np.arange(start, end, dtype=np.float64)
    out = np.zeros((end - start, 3))
    for i, knot in enumerate(knots):
        others = np.delete(knots, i).astype(np.float64)
        out += np.prod((t[:, None] - others) / (knot - others), axis=1)[:, None] * track[knot]
    return out
