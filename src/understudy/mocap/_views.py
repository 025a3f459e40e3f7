"""The views of several cameras held against each other: exchanged sides put right, cameras that do not fit found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, I64, Bool
from understudy.mocap._cameras import Camera
from understudy.mocap._keypoint_names import other_side
from understudy.mocap._triangulate import Points, triangulate

MIN_SIDED = 4
"""Keypoints of a left or right that must be compared before a view is called exchanged."""
MOST_DROPPED, MANY_DROPPED = 0.5, 0.3
"""A camera of whose keypoints more than this contradict the others is left out; the second is said."""
LEAST_AGREED, LOOSE_PX = 0.3, 1e4
"""Part of the keypoints seen twice that must have a position; the bound that errors are found with where it is less."""
STANDS_OUT, LEAST_PX = 2.5, 4.0
"""A camera is named when its median error is this many times the others', and at least so many pixels."""


@dataclass(frozen=True)
class ViewReport:
    """How one camera agrees with the others.

    Attributes:
        name: of the camera.
        median_px: median reprojection error of all it saw, used or not; NaN where nothing could be compared.
        dropped: part of its confident keypoints that contradict the others.
        exchanged: frames whose left and right were exchanged, and put right.
        left_out: it was not used at all.
    """

    name: str
    median_px: float
    dropped: float
    exchanged: int
    left_out: bool = False


@dataclass(frozen=True)
class Scene:
    """Keypoints in space: `points` of (T, K), and a report per camera."""

    points: Points
    reports: tuple[ViewReport, ...]


def triangulate_views(
    cameras: Sequence[Camera],
    names: Sequence[str],
    px: F64,
    confidence: F64,
    *,
    max_error_px: float,
    min_confidence: float,
    where: str,
) -> Scene:
    """Positions of one person's keypoints, with bad views and bad cameras left out.

    Args:
        cameras: C cameras.
        names: K keypoint names.
        px: (C, T, K, 2) pixels. confidence: (C, T, K).
        max_error_px: a view further off contradicts the others. min_confidence: views below are not used.
        where: name of the session, for messages.

    Raises:
        MocapError: the cameras do not agree on anything; says by how much each is off.
    """
    keep = list(range(len(cameras)))
    exchanged = np.zeros(len(cameras), dtype=np.int64)
    mirror = np.array([list(names).index(other_side(n)) if other_side(n) in names else i for i, n in enumerate(names)])

    def solve(bound_px: float = max_error_px) -> Points:
        return triangulate(
            [cameras[c] for c in keep], px[keep], confidence[keep], max_error_px=bound_px, min_confidence=min_confidence
        )

    points = solve()
    if len(cameras) > 2:
        swap = _exchanged(cameras, px, confidence, points, mirror, max_error_px, min_confidence)
        exchanged = swap.sum(axis=1)
        if swap.any():
            px = np.where(swap[..., None, None], px[:, :, mirror], px)
            confidence = np.where(swap[..., None], confidence[:, :, mirror], confidence)
            points = solve()
    dropped, median = _agreement(points, confidence, min_confidence)
    left_out: dict[int, ViewReport] = {}
    while len(keep) > 2 and dropped.max() > MOST_DROPPED:
        worst = int(np.argmax(dropped))
        camera = keep.pop(worst)
        left_out[camera] = ViewReport(
            cameras[camera].name, float(median[worst]), float(dropped[worst]), int(exchanged[camera]), True
        )
        points = solve()
        dropped, median = _agreement(points, confidence[keep], min_confidence)
    reports = [
        left_out[c] if c in left_out
        else ViewReport(cameras[c].name, float(median[keep.index(c)]), float(dropped[keep.index(c)]), int(exchanged[c]))
        for c in range(len(cameras))
    ]  # fmt: skip
    _check(points, confidence[keep], min_confidence, lambda: solve(LOOSE_PX), [cameras[c] for c in keep], where)
    return Scene(points, tuple(reports))


def complaints(reports: Sequence[ViewReport], frames: int) -> list[str]:
    """What the user should know about the cameras."""
    out = []
    used = [r.median_px for r in reports if not r.left_out and np.isfinite(r.median_px)]
    for r in reports:
        others = [o.median_px for o in reports if o is not r and not o.left_out and np.isfinite(o.median_px)]
        if r.left_out:
            out.append(
                f"camera {r.name} was left out: {100 * r.dropped:.0f} % of its keypoints contradict the other cameras (median "
                f"{r.median_px:.0f} px off, the others {np.median(used):.1f} px): calibrate it again, check its offset_s "
                "(find_offsets_s), or "
                "that it is the camera of this file"
            )
        elif others and len(used) > 2 and r.median_px > max(STANDS_OUT * float(np.median(others)), LEAST_PX):
            out.append(
                f"camera {r.name} is {r.median_px:.1f} px off in the median, the others {np.median(others):.1f} px: it may "
                "have been moved since the calibration, or run late"
            )
        elif r.dropped > MANY_DROPPED:
            out.append(
                f"camera {r.name}: {100 * r.dropped:.0f} % of its keypoints contradict the other cameras: check that all "
                "cameras started together (offset_s, find_offsets_s), and the calibration"
            )
        if r.exchanged:
            out.append(
                f"camera {r.name}: left and right were exchanged in {r.exchanged} of {frames} frames; put right by the other "
                "cameras"
            )
    return out


def _exchanged(
    cameras: Sequence[Camera], px: F64, confidence: F64, points: Points, mirror: I64, bound_px: float, min_confidence: float
) -> Bool:
    """(C, T) frames of a camera whose sided keypoints fit the others clearly better with left and right exchanged."""
    sided = mirror != np.arange(len(mirror))
    out = np.zeros(px.shape[:2], dtype=np.bool_)
    for c, camera in enumerate(cameras):
        others = points.used.sum(axis=0) - points.used[c] >= 2
        expected = camera.project(points.pos_world)
        cost = []
        for order in (np.arange(len(mirror)), mirror):
            error = np.linalg.norm(px[c][:, order] - expected, axis=2)
            weight = np.where(others & others[:, mirror] & sided & (confidence[c][:, order] >= min_confidence), 1.0, 0.0)
            weight = np.where(np.isfinite(error), weight, 0.0)
            cost.append((np.sum(weight * np.minimum(np.nan_to_num(error), 2.0 * bound_px) ** 2, axis=1), weight.sum(axis=1)))
        (own, n_own), (turned, n_turned) = cost
        enough = (n_own >= MIN_SIDED) & (n_turned >= MIN_SIDED)
        own, turned = own / np.maximum(n_own, 1.0), turned / np.maximum(n_turned, 1.0)
        out[c] = enough & (turned < 0.4 * own) & (own > (0.5 * bound_px) ** 2)
    return out


def _agreement(points: Points, confidence: F64, min_confidence: float) -> tuple[F64, F64]:
    """(C,) part of the confident keypoints left out where a position was found, and median residual."""
    known = (confidence >= min_confidence) & np.isfinite(points.residual_px)
    dropped = (known & ~points.used).sum(axis=(1, 2)) / np.maximum(known.sum(axis=(1, 2)), 1)
    median = np.array([np.median(r[k]) if k.any() else np.nan for r, k in zip(points.residual_px, known, strict=True)])
    return np.asarray(dropped), np.asarray(median)


def _check(
    points: Points, confidence: F64, min_confidence: float, loose: Callable[[], Points], cameras: Sequence[Camera], where: str
) -> None:
    """Refuse views that do not fit together; `loose` triangulates without dropping any."""
    could = (confidence >= min_confidence).sum(axis=0) >= 2
    listed = ", ".join(c.name for c in cameras)
    if not could.any():
        raise MocapError(
            f"{where}: no keypoint is seen by two of the cameras {listed} at a time; check offset_s and min_confidence"
        )
    agreed = np.isfinite(points.error_px).sum() / could.sum()
    if agreed >= LEAST_AGREED:
        return
    _, median = _agreement(loose(), confidence, min_confidence)
    off = ", ".join(f"{c.name} {m:.0f} px" for c, m in zip(cameras, median, strict=True))
    raise MocapError(
        f"{where}: the cameras agree on {100 * agreed:.0f} % of what two of them see (median reprojection error: {off}): one "
        "is calibrated wrongly, belongs to another file, runs late (offset_s), or they see different people"
    )
