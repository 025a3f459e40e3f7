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
_COARSE_S, _STEP_S = 0.005, 0.001
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

    def pose_at(self, lag_s: float) -> F64:
        """(n,) pose a lag before each image."""
        return lerp_at(self.ref_ns, self.pose, self.t_ns - round(lag_s * 1e9))


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
    moved = (steps.max(axis=0) > limit) & (np.partition(steps[quiet], _most(quiet), axis=0)[_most(quiet)] < limit)
    if int(moved.sum()) < _LEAST_PIXELS:
        return None
    return _extent(moved.sum(axis=1)), _extent(moved.sum(axis=0))


def _most(quiet: Bool) -> int:
    """Index of the value that nine tenths are below, when sorted."""
    return int(0.9 * (int(quiet.sum()) - 1))


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
    best = _lowest(lambda lag: _left(_basis(passes, lag), seen)[0], 0.0, (MOST_LAG_S, _COARSE_S, _STEP_S))
    if best is None:
        return []
    _, curve = _left(_basis(passes, best[0]), seen)
    found, begin = [], 0
    for one in passes:
        own = seen[begin : begin + len(one.t_ns)]
        begin += len(one.t_ns)
        if (offset := _own(one, own, curve, best[0], reference)) is not None:
            found.append(offset)
    return found


def _own(one: _Pass, seen: F64, curve: F64, common_s: float, reference: Reference) -> Offset | None:
    motion = reference.motions[one.motion]
    anchor = reference.landmark(motion)
    best = _lowest(lambda lag: float(((seen - _basis([one], lag) @ curve) ** 2).sum()), common_s, (_NEAR_S, 2 * _STEP_S, _FINE_S))
    total = float(((seen - seen.mean(axis=0)) ** 2).sum())
    if anchor is None or best is None or best[1] > (1.0 - _LEAST_EXPLAINED) * total:
        return None
    snr = float(np.abs(seen - np.median(seen, axis=0)).max())
    return Offset(one.motion, anchor.t_ns, round(best[0] * 1e9), snr, motion.outward)


def _lowest(left: Callable[[float], float], middle_s: float, steps_s: tuple[float, float, float]) -> tuple[float, float] | None:
    """The lag at which something is least, and how little that is; None where it is least at an end.

    Args:
        left: of a lag in seconds.
        middle_s: where to look around.
        steps_s: how far to both sides, and the coarse and the fine step.
    """
    reach, coarse, fine = steps_s
    lags = middle_s + np.arange(-reach, reach + 1e-9, coarse)
    rough = float(lags[int(np.argmin([left(float(lag)) for lag in lags]))])
    near = rough + np.arange(-coarse, coarse + 1e-9, fine)
    values = np.array([left(float(lag)) for lag in near])
    k = int(np.argmin(values))
    if not 0 < k < len(near) - 1 or abs(rough - middle_s) > reach - coarse / 2.0:
        return None
    a, b, c = (float(v) for v in values[k - 1 : k + 2])
    return float(near[k]) + fine * 0.5 * (a - c) / max(a - 2.0 * b + c, 1e-30), b


def _basis(passes: list[_Pass], lag_s: float) -> F64:
    """(n, D + 1) Chebyshev polynomials of the pose a lag before each image of all passes."""
    return np.asarray(np.polynomial.chebyshev.chebvander(np.concatenate([one.pose_at(lag_s) for one in passes]), _DEGREE))


def _left(basis: F64, seen: F64) -> tuple[float, F64]:
    """What least squares leaves, and its coefficients."""
    normal = basis.T @ basis + 1e-9 * len(basis) * np.eye(basis.shape[1])
    curve: F64 = np.asarray(np.linalg.solve(normal, basis.T @ seen), dtype=np.float64)
    return float(((seen - basis @ curve) ** 2).sum()), curve
