"""The sole of a foot from the vertices of its mesh: the flat underside as a convex outline of few points."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull

from understudy.geom.arrays import F64

_THICKNESS_M = 0.005


def sole_hull(vertices_m: F64) -> F64:
    """Convex outline of the vertices within 5 mm of the lowest one.

    Args:
        vertices_m: (N, 3) vertices of the foot link's mesh in the link's frame, z up when the foot stands.

    Returns:
        (K, 3) outline, counter-clockwise from above; z between the lowest vertex and 5 mm above.
    """
    low = vertices_m[vertices_m[:, 2] < vertices_m[:, 2].min() + _THICKNESS_M]
    return np.asarray(low[ConvexHull(low[:, :2]).vertices])


def reduce_outline(hull_m: F64, points: int = 16) -> F64:
    """Outline of at most `points` points that departs from the hull as little to the outside as to the inside.

    The fewest hull vertices whose chords cut off no more than a tolerance are kept, for the smallest tolerance that needs no more
    than `points`; the ring is then moved outward by half the largest cut. Each point takes the lowest z of the hull around it,
    so that the lowest point stays the lowest.
    """
    if len(hull_m) <= points:
        return hull_m.copy()
    cuts = _cuts(hull_m[:, :2])
    low_m, high_m, kept = 0.0, float(cuts.max()), list(range(len(hull_m)))
    for _ in range(30):
        middle = (low_m + high_m) / 2.0
        trial = _fewest(cuts, middle)
        if len(trial) <= points:
            high_m, kept = middle, trial if len(trial) >= 3 else kept
        else:
            low_m = middle
    outline = hull_m[kept].copy()
    outline[:, :2] = _grown(outline[:, :2], outline_error(outline, hull_m) / 2.0)
    gap = np.linalg.norm(hull_m[None, :, :2] - outline[:, None, :2], axis=2)
    outline[:, 2] = np.where(gap < gap.min(axis=1, keepdims=True) + 0.01, hull_m[None, :, 2], np.inf).min(axis=1)
    return outline


def outline_error(outline_m: F64, hull_m: F64) -> float:
    """Largest horizontal distance by which one outline leaves the other, metres."""
    return max(_outside(hull_m[:, :2], outline_m[:, :2]), _outside(outline_m[:, :2], hull_m[:, :2]))


def _cuts(ring: F64) -> F64:
    """(K, K) largest distance from the chord i to i + step of the vertices that it cuts off; row i, column step."""
    count = len(ring)
    cuts = np.zeros((count, count))
    for i in range(count):
        for step in range(2, count):
            chord = ring[(i + step) % count] - ring[i]
            skipped = ring[(i + np.arange(1, step)) % count] - ring[i]
            cuts[i, step] = np.abs(skipped @ np.array([chord[1], -chord[0]])).max() / np.linalg.norm(chord)
    return cuts


def _fewest(cuts: F64, tolerance_m: float) -> list[int]:
    """Fewest vertices around the ring whose chords cut off at most the tolerance."""
    count = len(cuts)
    best = list(range(count))
    reach = [
        max(1, int(np.argmax(cuts[i, 2:] > tolerance_m)) + 1) if (cuts[i] > tolerance_m).any() else count - 1
        for i in range(count)
    ]
    for start in range(count):
        kept, walked = [start], 0
        while walked + reach[kept[-1]] < count:
            walked += reach[kept[-1]]
            kept.append((start + walked) % count)
        if len(kept) < len(best):
            best = kept
    return best


def _edges(ring: F64) -> tuple[F64, F64]:
    """Outward unit normals (K, 2) and offsets (K,) of the edges of a counter-clockwise ring."""
    along = np.roll(ring, -1, axis=0) - ring
    normal = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.linalg.norm(along, axis=1, keepdims=True)
    return normal, np.sum(normal * ring, axis=1)


def _outside(points: F64, ring: F64) -> float:
    normal, offset = _edges(ring)
    return float(max(0.0, (points @ normal.T - offset).max()))


def _grown(ring: F64, by_m: float) -> F64:
    """The ring with every edge moved outward by `by_m`."""
    normal, offset = _edges(ring)
    previous = np.roll(normal, 1, axis=0), np.roll(offset, 1)
    out = np.empty_like(ring)
    for k in range(len(ring)):
        lines = np.stack([previous[0][k], normal[k]])
        out[k] = np.linalg.solve(lines, np.array([previous[1][k], offset[k]]) + by_m)
    return out
