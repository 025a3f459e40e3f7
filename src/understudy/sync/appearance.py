"""The offset of a camera: how far the reference must be shifted until pose alone explains what is seen.

What a camera sees of a motion is some crooked function of the pose: a turning arm comes nearer, hides the wall, catches light.
Half of the change in light is not half of the way, and is early on the way out by as much as it is late on the way back: tens
of milliseconds, measured. But it is the same function both ways. So the way out and the way back are drawn over the pose, and the
delay at which both lie on one curve is the camera's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from understudy.geom.arrays import F64, I64, U8, Bool
from understudy.geom.interpolation import lerp_at
from understudy.sync.landmark import MOST_LAG_S, rests, window
from understudy.sync.motion import Motion
from understudy.sync.offset import Offset, Reference

Greys = Callable[[slice], U8]
"""(n, H, W) small grey images of some samples of a stream."""

LEAST_EACH_WAY = 2
_MOST_MOTIONS = 48
_LEAST_IMAGES = 6
_FEATURES = 3
_DEGREE = 8
_STEP_S = 0.001
_NEAR_S = 0.03
_FINE_S = 0.0005
_LEAST_EXPLAINED = 0.7
_LEAST_SNR = 6.0
_SIGMAS = 6.0
_LEAST_GREY = 2.0
_LEAST_PIXELS = 6
_COARSE = 2
_ITERATIONS = 8


def image_offsets(t_ns: I64, greys: Greys, reference: Reference) -> list[Offset]:
    """Offsets of a camera, one per motion.

    Args:
        t_ns: (N,) stamps, the middle of each exposure.
        greys: gives the images.
        reference: positions.

    Returns:
        Empty where the images do not show the motions, or there are not two ways out and two ways back along one line.
    """
    found: list[Offset] = []
    for line in _lines(reference.motions):
        found += _of_line(t_ns, greys, reference, line[:_MOST_MOTIONS])
    return sorted(found, key=lambda o: o.motion)


def _lines(motions: tuple[Motion, ...]) -> list[list[int]]:
    """Indices of the motions along each line in the space of joints."""
    lines: list[list[int]] = []
    for index, motion in enumerate(motions):
        for line in lines:
            if abs(float(motions[line[0]].direction @ motion.direction)) > 0.95:
                line.append(index)
                break
        else:
            lines.append([index])
    return lines


def _of_line(t_ns: I64, greys: Greys, reference: Reference, line: list[int]) -> list[Offset]:
    motions = reference.motions
    parts = {k: window(t_ns, motions[k]) for k in line}
    line = [k for k in line if parts[k].stop - parts[k].start >= _LEAST_IMAGES]
    ways = [motions[k].outward for k in line]
    if min(ways.count(True), ways.count(False)) < LEAST_EACH_WAY:
        return []
    stamps = [t_ns[parts[k]] for k in line]
    resting = [np.logical_or(*rests(s, motions[k])) for s, k in zip(stamps, line, strict=True)]
    if not all(r.any() for r in resting):
        return []
    seen = _features([greys(parts[k]) for k in line], resting)
    if seen is None:
        return []
    return _fitted([_Pass(k, s, *_way(reference, motions[k])) for s, k in zip(stamps, line, strict=True)], seen, reference)


@dataclass(frozen=True)
class _Pass:
    """One motion as a camera passed over it.

    Attributes:
        motion: its index. t_ns: (n,) stamps of the images.
        ref_ns, pose: (m,) the reference around it; -1 and 1 are the rests on the two sides of the line.
    """

    motion: int
    t_ns: I64
    ref_ns: I64
    pose: F64

    def basis(self, lag_s: float) -> F64:
        """(n, D + 1) Chebyshev polynomials of the pose a lag before each image."""
        pose = lerp_at(self.ref_ns, self.pose, self.t_ns - round(lag_s * 1e9))
        return np.asarray(np.polynomial.chebyshev.chebvander(pose, _DEGREE))


def _way(reference: Reference, motion: Motion) -> tuple[I64, F64]:
    ref_ns, along = reference.along(motion)
    start, size = float(np.median(along[ref_ns <= motion.start_ns])), float(np.linalg.norm(motion.change))
    way = 2.0 * (along - start) / size
    return ref_ns, np.clip(way - 1.0 if motion.outward else way + 1.0, -1.3, 1.3)


def _features(images: list[U8], resting: list[Bool]) -> F64 | None:
    """(n, F) what changes most in all images together, in units of its noise at rest; None where nothing does."""
    if len({stack.shape[1:] for stack in images}) > 1:
        return None
    smooth = _blurred(np.concatenate(images).astype(np.float32))
    still = np.concatenate(resting)
    box = _changed(smooth, still, [len(stack) for stack in images])
    if box is None:
        return None
    pixels = smooth[:, box[0], box[1]][:, ::_COARSE, ::_COARSE].reshape(len(smooth), -1).astype(np.float64)
    pixels -= pixels.mean(axis=0)
    features = _principal(pixels)
    noise = _rest_noise(features, still)
    kept = np.abs(features).max(axis=0) > _LEAST_SNR * noise
    return np.asarray(features[:, kept] / noise[kept]) if kept.any() else None


def _principal(pixels: F64) -> F64:
    """(n, F) first principal components, by subspace iteration: a few of many are wanted, and roughly will do."""
    basis: F64 = np.random.default_rng(0).standard_normal((pixels.shape[1], 2 * _FEATURES))
    for _ in range(_ITERATIONS):
        basis = np.asarray(np.linalg.qr(pixels.T @ (pixels @ basis))[0], dtype=np.float64)
    left, size, _ = np.linalg.svd(pixels @ basis, full_matrices=False)
    return np.asarray((left * size)[:, :_FEATURES])


def _blurred(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of 3 by 3 pixels, whose noise is a third, less the mean of each image: a flickering lamp moves nothing."""
    images = images - images.mean(axis=(1, 2), keepdims=True)
    rows = images[:, :-2] + images[:, 1:-1] + images[:, 2:]
    return np.asarray((rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9.0)


def _changed(smooth: NDArray[np.float32], still: Bool, counts: list[int]) -> tuple[slice, slice] | None:
    """Rows and columns of the box around everything that something moved over."""
    steps = np.abs(np.diff(smooth, axis=0))
    ends = np.cumsum(counts)[:-1] - 1
    steps[ends] = 0.0  # from one motion's last image to the next one's first
    quiet = still[1:] & still[:-1]
    quiet[ends] = False
    if not quiet.any():
        return None
    limit = max(_LEAST_GREY, _SIGMAS * 1.4826 * float(np.median(steps[quiet])))
    moved = (steps.max(axis=0) > limit) & (np.quantile(steps[quiet], 0.9, axis=0) < limit)
    if int(moved.sum()) < _LEAST_PIXELS:
        return None
    return _extent(moved.sum(axis=1)), _extent(moved.sum(axis=0))


def _extent(counts: I64) -> slice:
    """From the first to the last row or column that holds over a hundredth of what changed, two more on both sides."""
    share = np.cumsum(counts) / max(1, int(counts.sum()))
    first, last = int(np.searchsorted(share, 0.01)), int(np.searchsorted(share, 0.99))
    return slice(max(0, first - 2), min(len(counts), last + 3))


def _rest_noise(features: F64, still: Bool) -> F64:
    """(F,) noise of neighbouring images at rest."""
    both = still[1:] & still[:-1]
    steps = np.abs(np.diff(features, axis=0)[both])
    return np.asarray(np.maximum(1.4826 * np.median(steps, axis=0) / np.sqrt(2.0), 1e-9))


def _fitted(passes: list[_Pass], seen: F64, reference: Reference) -> list[Offset]:
    """One curve over the pose for all motions at the best delay; then each motion's own delay against that curve."""
    lags = np.arange(-MOST_LAG_S, MOST_LAG_S + 1e-9, _STEP_S)
    left = np.array([_left(_stacked(passes, lag), seen)[0] for lag in lags])
    k = int(np.argmin(left))
    if not 0 < k < len(lags) - 1:
        return []
    common = float(lags[k]) + _STEP_S * _vertex(left[k - 1 : k + 2])
    _, curve = _left(_stacked(passes, common), seen)
    near = common + np.arange(-_NEAR_S, _NEAR_S + 1e-9, _FINE_S)
    found, begin = [], 0
    for one in passes:
        own = seen[begin : begin + len(one.t_ns)]
        begin += len(one.t_ns)
        errors = np.array([float(((own - one.basis(lag) @ curve) ** 2).sum()) for lag in near])
        if (offset := _own(one.motion, near, errors, own, reference)) is not None:
            found.append(offset)
    return found


def _stacked(passes: list[_Pass], lag_s: float) -> F64:
    return np.concatenate([one.basis(lag_s) for one in passes])


def _own(index: int, lags: F64, left: F64, seen: F64, reference: Reference) -> Offset | None:
    motion = reference.motions[index]
    anchor = reference.landmark(motion)
    k = int(np.argmin(left))
    total = float(((seen - seen.mean(axis=0)) ** 2).sum())
    if anchor is None or not 0 < k < len(lags) - 1 or left[k] > (1.0 - _LEAST_EXPLAINED) * total:
        return None
    lag_s = float(lags[k]) + _FINE_S * _vertex(left[k - 1 : k + 2])
    snr = float(np.abs(seen - np.median(seen, axis=0)).max())
    return Offset(index, anchor.t_ns, round(lag_s * 1e9), snr, motion.outward)


def _left(basis: F64, seen: F64) -> tuple[float, F64]:
    """What least squares leaves, and its coefficients."""
    normal = basis.T @ basis + 1e-9 * len(basis) * np.eye(basis.shape[1])
    curve: F64 = np.asarray(np.linalg.solve(normal, basis.T @ seen), dtype=np.float64)
    return float(((seen - basis @ curve) ** 2).sum()), curve


def _vertex(left: F64) -> float:
    """Where the parabola through three neighbours is lowest, in steps from the middle one."""
    a, b, c = (float(v) for v in left)
    return 0.5 * (a - c) / max(a - 2.0 * b + c, 1e-30)
