"""Capsules fitted to the convex hull of a link's shape, slightly inside rather than outside.

A capsule that sticks out of its link makes a natural contact (a hand beside the thigh) look like a collision, so points of
the hull that end up inside a capsule cost more than points that stay uncovered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial import ConvexHull

from understudy.geom.arrays import F64

_PROTRUSION_WEIGHT = 1.2
_SAMPLES = 500


@dataclass(frozen=True)
class FittedCapsule:
    """Segment ends (3,) and radius, metres, in the frame of the points."""

    a_m: F64
    b_m: F64
    radius_m: float


@dataclass(frozen=True)
class CapsuleFit:
    """Capsules and how far the hull departs from them: `uncovered_m` the farthest point outside, `protrusion_m` inside."""

    capsules: tuple[FittedCapsule, ...]
    uncovered_m: float
    protrusion_m: float


def fit_capsules(points_m: F64, count: int, *, mirrored: bool = False, starts: int = 12, seed: int = 0) -> CapsuleFit:
    """Fit `count` capsules to the convex hull of points.

    Args:
        points_m: (N, 3) points of a link's shape.
        count: how many capsules; even where `mirrored`.
        mirrored: the link lies across the plane y = 0: half of the capsules are fitted to y >= 0, the others
            are their mirror images.
        starts: how many random starts to choose from.

    Returns:
        The best of several starts.
    """
    surface = hull_samples(points_m, seed=seed)
    target = surface[surface[:, 1] >= 0.0] if mirrored else surface
    wanted = count // 2 if mirrored else count
    rng = np.random.default_rng(seed)
    best = np.empty(0)
    lowest = np.inf
    for _ in range(starts):
        found = least_squares(
            _residual,
            _start(target, wanted, rng),
            args=(target, mirrored),
            method="lm",
            max_nfev=60 * (7 * wanted + 1),
            x_scale=0.02,
        )
        if found.cost < lowest:
            lowest, best = float(found.cost), found.x
    capsules = [_capsule(row) for row in np.reshape(best, (wanted, 7))]
    capsules += [mirror(capsule) for capsule in capsules] if mirrored else []
    distance = union_distance(surface, capsules)
    return CapsuleFit(tuple(capsules), float(max(0.0, distance.max())), float(max(0.0, -distance.min())))


def fit_to_tolerance(points_m: F64, *, uncovered_m: float = 0.012, most: int = 3) -> CapsuleFit:
    """The fewest capsules, at most `most`, that leave no hull point farther than `uncovered_m` outside."""
    fit = fit_capsules(points_m, 1, starts=2)
    for count in range(2, most + 1):
        if fit.uncovered_m <= uncovered_m:
            break
        fit = fit_capsules(points_m, count, starts=4)
    return fit


def hull_samples(points_m: F64, *, count: int = _SAMPLES, seed: int = 0) -> F64:
    """(count, 3) points spread evenly over the surface of the convex hull."""
    hull = ConvexHull(points_m)
    corners = points_m[hull.simplices]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    rng = np.random.default_rng(seed)
    picked = corners[rng.choice(len(area), size=count, p=area / area.sum())]
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    weight = np.stack([1.0 - u, u * (1.0 - v), u * v], axis=1)
    return np.asarray(np.einsum("nk,nki->ni", weight, picked))


def union_distance(points_m: F64, capsules: list[FittedCapsule]) -> F64:
    """(N,) signed distance of points to the union of capsules, negative inside."""
    return np.asarray(np.min([_distance(points_m, c.a_m, c.b_m) - c.radius_m for c in capsules], axis=0))


def _distance(points: F64, a: F64, b: F64) -> F64:
    along = b - a
    s = np.clip((points - a) @ along / max(float(along @ along), 1e-12), 0.0, 1.0)
    return np.asarray(np.linalg.norm(points - a - s[:, None] * along, axis=1))


def _capsule(row: F64) -> FittedCapsule:
    return FittedCapsule(row[:3].copy(), row[3:6].copy(), abs(float(row[6])))


def mirror(capsule: FittedCapsule) -> FittedCapsule:
    """The mirror image in the plane y = 0."""
    flip = np.array([1.0, -1.0, 1.0])
    return FittedCapsule(capsule.a_m * flip, capsule.b_m * flip, capsule.radius_m)


def _residual(flat: F64, points: F64, mirrored: bool) -> F64:
    capsules = [_capsule(row) for row in flat.reshape(-1, 7)]
    signed = union_distance(points, capsules + [mirror(capsule) for capsule in capsules] if mirrored else capsules)
    weighted = np.where(signed < 0.0, _PROTRUSION_WEIGHT, 1.0) * np.abs(signed) / 0.005
    return np.asarray(weighted**1.5)


def _start(points: F64, count: int, rng: np.random.Generator) -> F64:
    """A capsule along the longest axis of each of `count` clusters."""
    centres = points[rng.choice(len(points), size=count, replace=False)]
    for _ in range(10):
        label = np.argmin(np.linalg.norm(points[:, None] - centres[None], axis=2), axis=1)
        centres = np.stack([points[label == k].mean(axis=0) if (label == k).any() else centres[k] for k in range(count)])
    rows = []
    for k in range(count):
        cluster = points[label == k] if (label == k).sum() >= 4 else points
        centred = cluster - cluster.mean(axis=0)
        spread = np.linalg.svd(centred, full_matrices=False)
        half, radius = spread[1][0] / np.sqrt(len(cluster)), spread[1][1] / np.sqrt(len(cluster))
        middle, axis = cluster.mean(axis=0), spread[2][0]
        rows.append(np.concatenate([middle - half * axis, middle + half * axis, [max(radius, 0.005)]]))
    return np.concatenate(rows)
