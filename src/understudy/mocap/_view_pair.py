"""Two calibrated views of one person, held against each other at different shifts in time.

A point seen at the same time lies on the epipolar line of the other view; fast keypoints leave it where the times differ.

Source: Hartley and Zisserman, "Multiple View Geometry", 2nd ed., 9.6 (essential matrix) and 11.4.3 (Sampson distance).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from understudy.geom.arrays import F64
from understudy.geom.filters import lowpass
from understudy.mocap._cameras import Camera
from understudy.mocap._keypoints import Keypoints
from understudy.mocap._triangulate import MIN_CONFIDENCE

FARTHEST_PX = 15.0
"""Keypoints further from their lines count no more than this: outliers must not decide."""
SMOOTH_HZ, MEDIAN_FRAMES = 6.0, 5
SAMPLES, FEWEST_SAMPLES, FEWEST_FRAMES = 4000, 100, 10
FAST, SPIKES = 50.0, 95.0
"""Percentiles of the speed in the image between which a keypoint is used: slow ones say nothing, spikes lie."""
FINE_STEPS = 10
"""Steps per frame in the second search."""
RIVAL_S, CLEARER = 0.3, 0.8
"""The best shift must have at most this share of the cost of any minimum further away than that."""
CORRELATED = 20
"""Neighbouring samples err alike; so many count as one."""


@dataclass(frozen=True)
class ViewPair:
    """Two views: fast samples of one, the whole track of the other.

    Attributes:
        E: (3, 3) essential matrix, b' E a = 0.
        at_s: (N,) when the samples were taken, on the clock of b's first frame, at the declared offsets.
        a: (N, 2) normalised samples. column: (N,) keypoints of them in b. b: (T, K, 2) normalised.
        rate_hz: of b. focal_px: mean of both.
    """

    E: F64
    at_s: F64
    a: F64
    column: np.ndarray[tuple[int], np.dtype[np.int64]]
    b: F64
    rate_hz: float
    focal_px: float

    @classmethod
    def of(
        cls, camera_a: Camera, camera_b: Camera, seen_a: Keypoints, seen_b: Keypoints, a: F64, b: F64, declared_s: float
    ) -> ViewPair | None:
        """None where the views share no keypoint that moves, or are too short."""
        shared = [(i, seen_b.names.index(name)) for i, name in enumerate(seen_a.names) if name in seen_b.names]
        if not shared or not seen_a.rate_hz or not seen_b.rate_hz or min(len(a), len(b)) < FEWEST_FRAMES:
            return None
        own, other = (np.array(columns) for columns in zip(*shared, strict=True))
        speed = np.linalg.norm(np.gradient(a[:, own], axis=0), axis=2)
        known = np.isfinite(speed)
        if int(known.sum()) < FEWEST_SAMPLES:
            return None
        low, high = np.percentile(speed[known], [FAST, SPIKES])
        frames, joints = np.nonzero(known & (speed >= low) & (speed <= high))
        keep = slice(None, None, max(1, len(frames) // SAMPLES))
        frames, joints = frames[keep], joints[keep]
        R = camera_b.R_camera_world @ camera_a.R_camera_world.T
        t = camera_b.t_camera - R @ camera_a.t_camera
        x, y, z = t / max(float(np.linalg.norm(t)), 1e-12)
        E = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]) @ R
        at_s = frames / seen_a.rate_hz - declared_s
        focal = float(np.mean([*camera_a.focal_px, *camera_b.focal_px]))
        return cls(E, at_s, a[frames, own[joints]], other[joints], b, seen_b.rate_hz, focal)

    def half(self, which: int) -> ViewPair:
        """The first (0) or second (1) half of the samples."""
        own = (self.at_s > np.median(self.at_s)) == bool(which)
        return replace(self, at_s=self.at_s[own], a=self.a[own], column=self.column[own])

    def shift(self, within_s: float) -> tuple[float, float] | None:
        """Seconds that b began later than declared, and its standard deviation; None where no shift stands out."""
        step_s = 1.0 / self.rate_hz
        coarse = np.arange(-np.ceil(within_s / step_s), np.ceil(within_s / step_s) + 1.0) * step_s
        costs = np.array([self._cost(s) for s in coarse])
        if not np.isfinite(costs).any():
            return None
        best = int(np.nanargmin(costs))
        rivals = costs[np.abs(coarse - coarse[best]) > RIVAL_S]
        if rivals.size and np.isfinite(rivals).any() and costs[best] > CLEARER * np.nanmin(rivals):
            return None
        fine = coarse[best] + np.arange(-1.5 * FINE_STEPS, 1.5 * FINE_STEPS + 1.0) * step_s / FINE_STEPS
        curve = np.array([self._cost(s) for s in fine])
        if not np.isfinite(curve).all():
            return None
        bend, slope, level = np.polyfit(fine - coarse[best], curve, 2)
        if bend <= 0.0:
            return None
        at = float(np.clip(-slope / (2.0 * bend), -1.5 * step_s, 1.5 * step_s))
        least = max(float(level - slope * slope / (4.0 * bend)), 0.01)
        return float(coarse[best]) + at, float(np.sqrt(least * CORRELATED / (bend * len(self.at_s))))

    def _cost(self, shift_s: float) -> float:
        """Mean bounded squared distance from the epipolar lines, pixels squared; NaN where too few samples overlap."""
        frame = (self.at_s - shift_s) * self.rate_hz
        inside = (frame >= 0.0) & (frame <= len(self.b) - 1)
        frame, column, a = frame[inside], self.column[inside], self.a[inside]
        before = np.minimum(frame.astype(np.int64), len(self.b) - 2)
        u = (frame - before)[:, None]
        b = (1.0 - u) * self.b[before, column] + u * self.b[before + 1, column]
        a, b = (np.concatenate([p, np.ones((len(p), 1))], axis=1) for p in (a, b))
        line_b, line_a = a @ self.E.T, b @ self.E
        size = line_b[:, 0] ** 2 + line_b[:, 1] ** 2 + line_a[:, 0] ** 2 + line_a[:, 1] ** 2
        off = self.focal_px**2 * np.sum(b * line_b, axis=1) ** 2 / np.maximum(size, 1e-12)
        off = off[np.isfinite(off)]
        enough = max(FEWEST_SAMPLES, len(self.at_s) // 3)
        return float(np.mean(np.minimum(off, FARTHEST_PX**2))) if len(off) >= enough else float("nan")


def smoothed(seen: Keypoints, camera: Camera) -> F64:
    """(T, K, 2) normalised keypoints without spikes and jitter; NaN where they are not seen for long."""
    px = np.where((seen.confidence >= MIN_CONFIDENCE)[..., None], seen.px, np.nan)
    spare = MEDIAN_FRAMES // 2
    padded = np.pad(px, ((spare, spare), (0, 0), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, MEDIAN_FRAMES, axis=0)
    seen_in_window = np.isfinite(windows).sum(axis=-1)
    middle = np.sort(np.where(np.isfinite(windows), windows, np.inf), axis=-1)  # NaN last
    index = np.maximum(seen_in_window - 1, 0) // 2
    calm = np.take_along_axis(middle, index[..., None], axis=-1)[..., 0]
    calm = np.where(seen_in_window > spare, calm, np.nan)
    return camera.normalised(_filtered(calm, float(seen.rate_hz or 30.0)))


def _filtered(px: F64, rate_hz: float) -> F64:
    """Each track low-passed, with short gaps bridged for it and left as gaps afterwards."""
    out = np.full_like(px, np.nan)
    frames = np.arange(len(px))
    for k in range(px.shape[1]):
        there = np.isfinite(px[:, k]).all(axis=1)
        if there.sum() < 4:
            continue
        track = np.stack([np.interp(frames, frames[there], px[there, k, axis]) for axis in (0, 1)], axis=1)
        out[there, k] = lowpass(track, rate_hz=rate_hz, cutoff_hz=SMOOTH_HZ)[there]
    return out
