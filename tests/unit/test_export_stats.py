"""Statistics of vectors and images against numpy, and the guard for what never moves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from understudy.export import _stats
from understudy.export._stats import (
    QUANTILES,
    STATS,
    STD_FLOOR,
    Stats,
    channel_counts,
    guard_constant,
    image_stats,
    sampled_steps,
    vector_stats,
)
from understudy.geom.arrays import F32, F64


def figure(stats: Stats, name: str) -> F64:
    """One statistic as plain numbers."""
    return stats[name].astype(np.float64)


TABLES = arrays(
    np.float32,
    st.tuples(st.integers(1, 40), st.integers(1, 4)),
    elements=st.floats(-1e3, 1e3, width=32, allow_nan=False),
)


@given(TABLES)
def test_every_statistic_is_numpys(table: F32) -> None:
    stats, exact = vector_stats(table), table.astype(np.float64)
    assert tuple(stats) == tuple(s for s in (*STATS[:4], *QUANTILES, "count"))
    np.testing.assert_array_equal(figure(stats, "min"), exact.min(axis=0))
    np.testing.assert_array_equal(figure(stats, "max"), exact.max(axis=0))
    np.testing.assert_allclose(figure(stats, "mean"), exact.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(figure(stats, "std"), exact.std(axis=0), atol=1e-9)
    for name, q in QUANTILES.items():
        np.testing.assert_allclose(figure(stats, name), np.quantile(exact, q, axis=0), atol=1e-9)
    assert stats["count"].tolist() == [len(table)]


def test_by_hand() -> None:
    stats = vector_stats(np.array([[0.0], [1.0], [2.0], [3.0], [4.0]], dtype=np.float32))
    assert [float(figure(stats, s)[0]) for s in ("min", "max", "mean", "q10", "q50", "q90")] == [0.0, 4.0, 2.0, 0.4, 2.0, 3.6]
    assert np.isclose(figure(stats, "std")[0], np.sqrt(2.0))


def test_whole_numbers_stay_whole() -> None:
    stats = vector_stats(np.array([3, 1, 2]))
    assert stats["min"].tolist() == [1]
    assert stats["max"].dtype.kind == "i"


def test_a_wide_table_taken_in_blocks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    whole = vector_stats(table)
    monkeypatch.setattr(_stats, "_BLOCK", 60)
    blocks = vector_stats(table)
    for name in STATS:
        np.testing.assert_allclose(figure(whole, name), figure(blocks, name), rtol=1e-12)


def test_a_dimension_that_never_moves_is_guarded_and_named() -> None:
    moving = np.linspace(-1.0, 1.0, 9)
    stats, constant = guard_constant(vector_stats(np.stack([np.full(9, 0.3), moving, moving * 1e-6], axis=1)))
    assert constant == (0, 2)
    std = figure(stats, "std")
    assert std[0] == std[2] == STD_FLOOR
    assert np.isclose(std[1], moving.std())
    assert figure(stats, "min")[0] == 0.3  # what is true stays


def test_images_are_scaled_and_shaped_for_channels_first() -> None:
    images = np.random.default_rng(1).integers(0, 256, (5, 20, 30, 3), dtype=np.uint8)
    images[..., 2] //= 4
    stats = image_stats(sum(channel_counts(i) for i in images), len(images))  # type: ignore[arg-type]
    pixels = images.reshape(-1, 3) / 255.0
    for name in ("min", "max", "mean", "std"):
        assert stats[name].shape == (3, 1, 1)
        np.testing.assert_allclose(figure(stats, name).ravel(), getattr(pixels, name)(axis=0), atol=1e-9)
    for name, q in QUANTILES.items():
        np.testing.assert_allclose(figure(stats, name).ravel(), np.quantile(pixels, q, axis=0), atol=1e-9)
    assert stats["count"].tolist() == [5]


def test_large_images_are_looked_at_on_a_grid() -> None:
    image = np.zeros((512, 512, 3), dtype=np.uint8)
    image[..., 0] = 255
    counts = channel_counts(image)
    assert counts[0, 255] == counts[1, 0] == 128 * 128


def test_at_most_a_hundred_images_first_and_last_among_them() -> None:
    assert sampled_steps(7) == frozenset(range(7))
    many = sampled_steps(5000)
    assert len(many) == 100
    assert {0, 4999} <= many
