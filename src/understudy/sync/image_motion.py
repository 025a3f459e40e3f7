"""What a camera shows of a motion: how far the light has moved, from small grey images.

Two readings, and the better one is used. The first moment of the change (grey value times place, summed where anything
changes) moves in proportion to a thing that moves before a quiet background, averages the noise of all its pixels, and tells
more than steps between neighbouring images, whose errors add up. Where it does not rise steadily from rest to rest, as
with a thing as bright as what is behind it, the summed change between neighbouring images stands in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from understudy.geom.arrays import F64, I64, U8, Bool
from understudy.sync.landmark import LEAST_SNR, rests
from understudy.sync.motion import Motion

_SIGMAS = 6.0
_LEAST_GREY = 4.0
_LEAST_PIXELS = 6
_STEADY = 0.85


def image_signal(t_ns: I64, grey: U8, motion: Motion) -> F64 | None:
    """(n, D) a position-like signal of the images around a motion; None where they do not show it.

    Args:
        t_ns: (n,) stamps, the middle of each exposure.
        grey: (n, H, W) small grey images, all of one size.
        motion: where to look.
    """
    before, after = rests(t_ns, motion)
    if before.sum() < 2 or after.sum() < 2:
        return None
    images = grey.astype(np.float32)
    images -= images.mean(axis=(1, 2), keepdims=True)  # a flickering lamp moves nothing
    changed = _changed(images, before, after)
    if changed.sum() < _LEAST_PIXELS:
        return None
    moment = _moment(images, changed, before)
    if _steady(moment, before, after):
        return moment
    return _summed_change(images, changed, before, after)


def _changed(images: NDArray[np.float32], before: Bool, after: Bool) -> Bool:
    """(H, W) the box around everything that something moved over.

    A box, not the changed pixels alone: what is in between and was missed would bend the signal. It is found on means of 3 by 3
    pixels, whose noise is a third.
    """
    smooth = _blurred(images)
    start = smooth[before].mean(axis=0)
    noise = 1.4826 * float(np.median(np.abs(smooth[before] - start)))
    limit = max(_LEAST_GREY, _SIGMAS * noise)
    restless = np.maximum(np.abs(smooth[before] - start).max(axis=0), _range(smooth[after]))
    moved = (np.abs(smooth - start).max(axis=0) > limit) & (restless < limit)
    rows, columns = _extent(moved.sum(axis=1)), _extent(moved.sum(axis=0))
    box: Bool = np.zeros(moved.shape, dtype=np.bool_)
    if moved.sum() >= _LEAST_PIXELS:
        box[rows, columns] = True
    return box


def _extent(counts: I64) -> slice:
    """From the first to the last row or column that holds over a hundredth of what changed, one more on both sides."""
    share = np.cumsum(counts) / max(1, int(counts.sum()))
    first, last = int(np.searchsorted(share, 0.01)), int(np.searchsorted(share, 0.99))
    return slice(max(0, first - 2), min(len(counts), last + 3))


def _blurred(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of 3 by 3 pixels; the edge is one pixel less."""
    rows = images[:, :-2] + images[:, 1:-1] + images[:, 2:]
    out = np.zeros_like(images)
    out[:, 1:-1, 1:-1] = (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9.0
    return out


def _range(images: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.abs(images - images.mean(axis=0)).max(axis=0))


def _moment(images: NDArray[np.float32], changed: Bool, before: Bool) -> F64:
    """(n, 2) first moment of the change since before, down and right."""
    rows, columns = np.nonzero(changed)
    pixels = images[:, rows, columns].astype(np.float64)
    pixels = pixels - pixels[before].mean(axis=0)
    place = np.stack([rows - rows.mean(), columns - columns.mean()], axis=1)
    return np.asarray(pixels @ place)


def _steady(signal: F64, before: Bool, after: Bool) -> bool:
    """Whether it rises from rest to rest well over its noise, without going back much on the way."""
    low, high = np.median(signal[before], axis=0), np.median(signal[after], axis=0)
    size = float(np.linalg.norm(high - low))
    if size == 0.0:
        return False
    along = (signal - low) @ (high - low) / size**2
    noise = float(np.concatenate([along[before] - 0.0, along[after] - 1.0]).std())
    between = along[np.flatnonzero(before)[-1] : np.flatnonzero(after)[0] + 1]
    path = float(np.abs(np.diff(between)).sum())
    return noise * LEAST_SNR < 1.0 and path * _STEADY <= 1.0 + 2.0 * noise * len(between)


def _summed_change(images: NDArray[np.float32], changed: Bool, before: Bool, after: Bool) -> F64:
    """(n, 1) mean absolute change between neighbours, summed from the first image on, less what it is at rest."""
    rows, columns = np.nonzero(changed)
    pixels = images[:, rows, columns].astype(np.float64)
    change = np.concatenate([[0.0], np.abs(np.diff(pixels, axis=0)).mean(axis=1)])
    still = (before | after) & (np.arange(len(change)) > 0)
    still[np.flatnonzero(after)[0]] = False  # the change to the first image after may still be of the motion
    floor = float(np.median(change[still])) if still.any() else 0.0
    return np.asarray(np.cumsum(change - floor)[:, None])
