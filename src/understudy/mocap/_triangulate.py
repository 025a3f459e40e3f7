"""Points seen by several calibrated cameras to positions, with the views that contradict the others left out.

Every pair of views proposes a position (direct linear transform); the one that most confident views agree with wins, as in
MSAC, and is refined on the views that agree by weighted least squares of the reprojection error.

Source: Hartley and Zisserman, "Multiple View Geometry", 2nd ed., 12.2 (linear triangulation); Torr and Zisserman, "MLESAC",
Computer Vision and Image Understanding 78 (2000), eq. 13 (bounded cost of outliers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from understudy.errors import ShapeError
from understudy.geom.arrays import F64, Bool
from understudy.mocap._cameras import Camera

MAX_ERROR_PX, MIN_CONFIDENCE = 15.0, 0.3
MIN_ANGLE_RAD = np.radians(2.0)
"""Rays that are nearer to parallel say nothing about the distance."""
REFINE_STEPS, CHUNK = 5, 4096


@dataclass(frozen=True)
class Points:
    """What the views agree on.

    Attributes:
        pos_world: (..., 3) positions in the unit of the calibration; NaN where fewer than two views agree.
        error_px: (...,) root mean square reprojection error of the views used.
        used: (C, ...) views that the position was computed from.
        residual_px: (C, ...) reprojection error of every view that was given, used or not; NaN where it saw nothing or
            there is no position.
    """

    pos_world: F64
    error_px: F64
    used: Bool
    residual_px: F64


@dataclass(frozen=True)
class _Rig:
    """Cameras with the world moved and scaled so that normal equations are well conditioned."""

    R: F64
    t: F64
    focal_px: F64
    centre: F64
    scale: float

    @classmethod
    def of(cls, cameras: Sequence[Camera]) -> _Rig:
        centres = np.stack([c.centre for c in cameras])
        middle = centres.mean(axis=0)
        scale = float(np.linalg.norm(centres - middle, axis=1).max()) or 1.0
        R = np.stack([c.R_camera_world for c in cameras])
        t = np.stack([(c.R_camera_world @ middle + c.t_camera) / scale for c in cameras])
        return cls(R, t, np.stack([c.focal_px for c in cameras]), middle, scale)


def triangulate(
    cameras: Sequence[Camera],
    px: F64,
    confidence: F64,
    *,
    max_error_px: float = MAX_ERROR_PX,
    min_confidence: float = MIN_CONFIDENCE,
) -> Points:
    """Positions of points from their pixels in two or more cameras.

    Args:
        cameras: C cameras.
        px: (C, ..., 2) pixels; NaN where a camera does not see a point.
        confidence: (C, ...) 0 to 1, weights of the views.
        max_error_px: a view further off than this contradicts the others and is left out.
        min_confidence: views below it are not used.

    Raises:
        ShapeError: fewer than two cameras, or arrays that do not fit them.
    """
    if len(cameras) < 2 or px.shape != (len(cameras), *confidence.shape[1:], 2) or confidence.shape[0] != len(cameras):
        raise ShapeError(
            f"triangulation needs two cameras or more and pixels (C, ..., 2) with confidences (C, ...); got {len(cameras)} "
            f"cameras, pixels {px.shape}, confidences {confidence.shape}"
        )
    shape = confidence.shape[1:]
    flat_px, weight = px.reshape(len(cameras), -1, 2), confidence.reshape(len(cameras), -1)
    rays = np.stack([camera.normalised(p) for camera, p in zip(cameras, flat_px, strict=True)])
    seen = np.isfinite(rays).all(axis=2) & np.isfinite(weight)
    weight = np.where(seen & (weight >= min_confidence), np.clip(weight, 0.0, 1.0), 0.0)
    rays = np.where(seen[..., None], rays, 0.0)
    rig = _Rig.of(cameras)
    parts = [slice(i, i + CHUNK) for i in range(0, max(rays.shape[1], 1), CHUNK)]
    solved = [_solve(rig, rays[:, part], weight[:, part], max_error_px) for part in parts]
    pos = np.concatenate([s[0] for s in solved])
    used: Bool = np.concatenate([s[1] for s in solved], axis=1)
    residual = np.where(seen, np.concatenate([s[2] for s in solved], axis=1), np.nan)
    with np.errstate(invalid="ignore"):
        error = np.sqrt(np.sum(np.where(used, residual, 0.0) ** 2, axis=0) / np.maximum(used.sum(axis=0), 1))
    missing: Bool = np.asarray(~np.isfinite(pos).all(axis=1))
    error[missing] = np.nan
    return Points(
        (pos * rig.scale + rig.centre).reshape(*shape, 3),
        error.reshape(shape),
        used.reshape(confidence.shape),
        residual.reshape(confidence.shape),
    )


def _solve(rig: _Rig, rays: F64, weight: F64, bound_px: float) -> tuple[F64, Bool, F64]:
    pos = _best_pair(rig, rays, weight, bound_px)
    for _ in range(REFINE_STEPS):
        pos = _refined(rig, rays, weight, pos, bound_px)
    residual = _residual_px(rig, rays, pos)
    used: Bool = np.asarray((residual < bound_px) & (weight > 0.0))
    good: Bool = (used.sum(axis=0) >= 2) & _wide(rig, rays, used)
    return np.where(good[:, None], pos, np.nan), used & good, np.where(good, residual, np.nan)


def _best_pair(rig: _Rig, rays: F64, weight: F64, bound_px: float) -> F64:
    """(N, 3) the proposal of the pair of views with the least bounded cost over all views."""
    best, best_cost = np.full((rays.shape[1], 3), np.nan), np.full(rays.shape[1], np.inf)
    for a, b in combinations(range(len(rays)), 2):
        pair = [a, b]
        both = np.flatnonzero((weight[pair] > 0.0).all(axis=0))
        if not both.size:
            continue
        pos = _linear(rig, rays, pair, both)
        residual = _residual_px(rig, rays[:, both], pos)
        cost = np.sum(weight[:, both] * np.minimum(np.nan_to_num(residual, nan=np.inf), bound_px) ** 2, axis=0)
        better = cost < best_cost[both]
        best[both[better]], best_cost[both[better]] = pos[better], cost[better]
    return best


def _linear(rig: _Rig, rays: F64, pair: Sequence[int], which: np.ndarray[tuple[int], np.dtype[np.int64]]) -> F64:
    """(n, 3) direct linear transform of two views; NaN where their rays are parallel."""
    H, g = np.zeros((which.size, 3, 3)), np.zeros((which.size, 3))
    for c in pair:
        for axis in (0, 1):
            ray = rays[c, which, axis]
            row = ray[:, None] * rig.R[c, 2] - rig.R[c, axis]
            H += row[:, :, None] * row[:, None, :]
            g += row * (rig.t[c, axis] - ray * rig.t[c, 2])[:, None]
    return _solved(H, g)


def _refined(rig: _Rig, rays: F64, weight: F64, pos: F64, bound_px: float) -> F64:
    """One step of Gauss-Newton on the reprojection error of the views that agree, larger errors weighing less (Cauchy)."""
    in_camera = np.einsum("cij,nj->cni", rig.R, pos) + rig.t[:, None]
    depth = in_camera[..., 2]
    seen = np.where(depth > 1e-9, depth, np.nan)
    at = in_camera[..., :2] / seen[..., None]
    error = (rays - at) * rig.focal_px[:, None]
    size2 = np.sum(error**2, axis=2)
    agree = (size2 < bound_px**2) & (weight > 0.0)
    w = np.where(agree, weight / (1.0 + size2 / (bound_px / 3.0) ** 2), 0.0)
    J = (rig.R[:, None, :2, :] - at[..., :, None] * rig.R[:, None, 2:, :]) * (rig.focal_px[:, None] / seen[..., None])[..., None]
    J, error = (np.where(agree.reshape(*agree.shape, *(1,) * (a.ndim - 2)), a, 0.0) for a in (J, error))
    H = np.einsum("cn,cnki,cnkj->nij", w, J, J)
    g = np.einsum("cn,cnki,cnk->ni", w, J, error)
    step = _solved(H, g)
    moved = pos + np.where(np.isfinite(step).all(axis=1, keepdims=True), step, 0.0)
    return np.where((agree.sum(axis=0) >= 2)[:, None], moved, pos)


def _solved(H: F64, g: F64) -> F64:
    """(N, 3) solutions of H x = g; NaN where H says nothing about a direction."""
    usable: Bool = np.asarray(np.isfinite(H).all(axis=(1, 2)) & np.isfinite(g).all(axis=1))
    H, g = np.where(usable[:, None, None], H, np.eye(3)), np.where(usable[:, None], g, np.nan)
    spread = np.linalg.eigvalsh(H)
    usable = np.asarray(spread[:, 0] > 1e-12 * np.maximum(spread[:, 2], 1e-300))
    out = np.linalg.solve(np.where(usable[:, None, None], H, np.eye(3)), g[..., None])[..., 0]
    return np.where(usable[:, None], out, np.nan)


def _residual_px(rig: _Rig, rays: F64, pos: F64) -> F64:
    """(C, N) distance in pixels of an undistorted image; infinite behind a camera, NaN without a position."""
    in_camera = np.einsum("cij,nj->cni", rig.R, pos) + rig.t[:, None]
    depth = in_camera[..., 2]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        error = (rays - in_camera[..., :2] / depth[..., None]) * rig.focal_px[:, None]
        return np.where(depth <= 1e-9, np.inf, np.hypot(error[..., 0], error[..., 1]))


def _wide(rig: _Rig, rays: F64, used: Bool) -> Bool:
    """(N,) whether two of the views used look at the point from clearly different sides."""
    direction = np.einsum("cji,cnj->cni", rig.R, np.concatenate([rays, np.ones((*rays.shape[:2], 1))], axis=2))
    direction /= np.linalg.norm(direction, axis=2, keepdims=True)
    wide = np.zeros(rays.shape[1], dtype=np.bool_)
    for a, b in combinations(range(len(rays)), 2):
        cosine = np.abs(np.einsum("ni,ni->n", direction[a], direction[b]))
        wide |= used[a] & used[b] & (cosine < np.cos(MIN_ANGLE_RAD))
    return wide
