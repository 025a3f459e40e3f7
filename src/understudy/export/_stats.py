"""Statistics of features: exact over every frame for vectors, exact over sampled frames for images.

Quantiles interpolate linearly between ranks, as `numpy.quantile` does. Training scales by these figures, so a
dimension that never moves is guarded: its `std` is raised to `STD_FLOOR` and its name is reported.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from understudy.geom.arrays import F64, I64, U8, AnyArray

QUANTILES: Mapping[str, float] = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
STATS = ("min", "max", "mean", "std", "count", *QUANTILES)
STD_FLOOR = 1e-4
"""Smallest standard deviation written, in the feature's unit: 0.1 mrad and 0.1 mm are below any sensor of these robots."""
SAMPLED_IMAGES = 100
SAMPLED_SIDE = 128
_BLOCK = 4_000_000

Stats = Mapping[str, AnyArray]
"""Statistic to (D,) values, or (3, 1, 1) for images; `count` is (1,) int64."""


def vector_stats(values: AnyArray) -> Stats:
    """Exact statistics over all frames.

    Args:
        values: (N, D) or (N,) numbers, N at least 1.

    Returns:
        Each statistic (D,) in float64; `min` and `max` keep integers.
    """
    table = values.reshape(len(values), -1)
    width = max(1, _BLOCK // len(table))
    blocks = [_block_stats(table[:, at : at + width]) for at in range(0, table.shape[1], width)]
    joined = {name: np.concatenate([block[name] for block in blocks]) for name in STATS if name != "count"}
    return {**joined, "count": np.array([len(table)])}


def _block_stats(table: AnyArray) -> dict[str, AnyArray]:
    exact = table.astype(np.float64)
    ordered = np.sort(exact, axis=0)
    ends = np.sort(table, axis=0)[[0, -1]] if table.dtype.kind in "iu" else ordered[[0, -1]]
    rank = (len(table) - 1) * np.array(list(QUANTILES.values()))
    low = np.floor(rank).astype(int)
    high = np.minimum(low + 1, len(table) - 1)
    at = ordered[low] + (ordered[high] - ordered[low]) * (rank - low)[:, None]
    quantiles = dict(zip(QUANTILES, at, strict=True))
    return {"min": ends[0], "max": ends[1], "mean": exact.mean(axis=0), "std": exact.std(axis=0), **quantiles}


def guard_constant(stats: Stats) -> tuple[Stats, tuple[int, ...]]:
    """The same statistics with `std` raised to `STD_FLOOR`, and the dimensions where it was below."""
    constant = np.flatnonzero(np.asarray(stats["std"], dtype=np.float64) < STD_FLOOR)
    floored: F64 = np.maximum(np.asarray(stats["std"], dtype=np.float64), STD_FLOOR)
    return {**stats, "std": floored}, tuple(constant.tolist())


def sampled_steps(frames: int) -> frozenset[int]:
    """Which frames of an episode the image statistics look at: at most `SAMPLED_IMAGES`, evenly spread."""
    return frozenset(np.round(np.linspace(0, frames - 1, min(frames, SAMPLED_IMAGES))).astype(int).tolist())


def channel_counts(image: U8) -> I64:
    """(3, 256) how often each value stands in each channel of an image (H, W, 3), on a grid of about 128 pixels."""
    stride = max(1, -(-min(image.shape[:2]) // SAMPLED_SIDE))
    few = image[::stride, ::stride]
    return np.stack([np.bincount(few[..., c].ravel(), minlength=256) for c in range(3)])


def image_stats(counts: I64, images: int) -> Stats:
    """Statistics of the pixels behind `counts` (3, 256), scaled to 0..1, each (3, 1, 1); `count` is the number of images."""
    levels = np.arange(256) / 255.0
    total = counts.sum(axis=1)
    mean = counts @ levels / total
    std = np.sqrt(np.maximum((counts * (levels - mean[:, None]) ** 2).sum(axis=1) / total, 0.0))
    ranked = counts.cumsum(axis=1)
    rows: dict[str, F64] = {"min": _at_rank(ranked, 0 * total), "max": _at_rank(ranked, total - 1), "mean": mean, "std": std}
    for name, q in QUANTILES.items():
        rank = (total - 1) * q
        low = np.floor(rank).astype(np.int64)
        below, above = _at_rank(ranked, low), _at_rank(ranked, np.minimum(low + 1, total - 1))
        rows[name] = below + (above - below) * (rank - low)
    shaped: dict[str, AnyArray] = {name: row.reshape(3, 1, 1) for name, row in rows.items()}
    return {**shaped, "count": np.array([images])}


def _at_rank(ranked: I64, rank: I64) -> F64:
    """(3,) the value, 0..1, that stands at a rank of each channel's sorted pixels."""
    return np.array([np.searchsorted(ranked[c], rank[c], side="right") for c in range(3)]) / 255.0


def stats_json(stats: Stats) -> dict[str, object]:
    """The statistics as plain lists, in the usual order."""
    return {name: stats[name].tolist() for name in STATS}
