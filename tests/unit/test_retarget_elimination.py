"""Frame-by-frame elimination against a dense solve."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.retarget._elimination import eliminate, frame_shape, hand_on, keep, solved
from understudy.retarget._whole_clip import substituted

FRAMES = 7


def _rows(n: int, seed: int) -> F64:
    """Equations of a random positive definite chain: (FRAMES + 2, *frame_shape(n)); what means nothing is filled with 7."""
    rng = np.random.default_rng(seed)
    rows = np.full((FRAMES + 2, *frame_shape(n)), 7.0)
    rows[:, :n, : 1 + 3 * n] = 0.0
    for f in range(FRAMES):
        own = rng.normal(size=(n, n))
        rows[f, :n, 0] = rng.normal(size=n)
        rows[f, :n, 1 : 1 + n] = np.triu(own @ own.T + 8.0 * n * np.eye(n))
        if f + 1 < FRAMES:
            rows[f, :n, 1 + n : 1 + 2 * n] = rng.normal(size=(n, n))
        if f + 2 < FRAMES:
            rows[f, :n, 1 + 2 * n : 1 + 3 * n] = np.diag(rng.normal(size=n))
    return rows


def _dense(rows: F64, n: int) -> tuple[F64, F64]:
    full = np.zeros((FRAMES * n, (FRAMES + 2) * n))
    for f in range(FRAMES):
        full[f * n : (f + 1) * n, f * n : (f + 3) * n] = rows[f, :n, 1 : 1 + 3 * n]
    full = full[:, : FRAMES * n]
    return full + np.triu(full, 1).T, rows[:FRAMES, :n, 0].ravel()


@pytest.mark.parametrize("n", [1, 3, 8, 13, 21, 35])
def test_elimination_and_substitution_solve_the_equations(n: int) -> None:
    rows = _rows(n, n)
    matrix, rhs = _dense(rows, n)
    kept = np.full((FRAMES, n, 2 * n + 2), np.nan, dtype=np.float32)
    for f in range(FRAMES):
        assert eliminate(rows[f], n, True)
        hand_on(rows[f], rows[f + 1], rows[f + 2], n)
        keep(rows[f], n, kept[f])
    found = np.zeros((FRAMES + 2, n))
    substituted(kept, found, n)
    exact = np.linalg.solve(matrix, rhs)
    np.testing.assert_allclose(found[:FRAMES].ravel(), exact, atol=1e-5 * np.abs(exact).max())


def test_singular_equations_are_refused() -> None:
    rows = _rows(9, 0)
    rows[0, 4, 5] = -1e6
    assert not eliminate(rows[0], 9, True)


@pytest.mark.parametrize("n", [1, 3, 8, 13, 21, 35])
def test_a_frame_alone_is_solved(n: int) -> None:
    rng = np.random.default_rng(n)
    factor, rhs = rng.normal(size=(n, n)), rng.normal(size=n)
    matrix = factor @ factor.T + n * np.eye(n)
    rows = np.full(frame_shape(n, coupled=False), 7.0)
    rows[:n, 1 : 1 + n], rows[:n, 0] = np.triu(matrix), rhs
    assert eliminate(rows, n, False)
    found = np.empty(n)
    solved(rows, n, found)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, rhs), atol=1e-12)
