"""Frame-by-frame elimination against a dense solve."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.retarget._elimination import LEAD, eliminate, fill_up, frame_shape, hand_on, keep, kept_columns, solved
from understudy.retarget._whole_clip import substituted

FRAMES = 7


def _rows(n: int, seed: int) -> F64:
    """Equations of a random positive definite chain: (FRAMES + 2, *frame_shape(n)); what is below diagonals is filled with 7."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((FRAMES + 2, *frame_shape(n)))
    own, towards_next, towards_after = _blocks(rows, n)
    below = np.tril_indices(n, -1)
    for f in range(FRAMES):
        factor = rng.normal(size=(n, n))
        rows[f, :n, 0] = rng.normal(size=n)
        own[f] = factor @ factor.T + 8.0 * n * np.eye(n)
        own[f][below] = 7.0
        if f + 1 < FRAMES:
            towards_next[f] = rng.normal(size=(n, n))
        if f + 2 < FRAMES:
            towards_after[f] = np.diag(rng.normal(size=n))
    return rows


def _blocks(rows: F64, n: int) -> tuple[F64, F64, F64]:
    """(F, n, n) views of the frames' own blocks, and of those towards the next frame and the one after it."""
    size = rows.shape[1]
    own, towards_next, towards_after = (rows[:, :n, LEAD + b * size : LEAD + b * size + n] for b in range(3))
    return own, towards_next, towards_after


def _dense(rows: F64, n: int) -> tuple[F64, F64]:
    full = np.zeros((FRAMES * n, (FRAMES + 2) * n))
    own, towards_next, towards_after = _blocks(rows, n)
    for f in range(FRAMES):
        full[f * n : (f + 1) * n, f * n : (f + 3) * n] = np.concatenate(
            [np.triu(own[f]), towards_next[f], towards_after[f]], axis=1
        )
    full = full[:, : FRAMES * n]
    return full + np.triu(full, 1).T, rows[:FRAMES, :n, 0].ravel()


@pytest.mark.parametrize("n", [1, 3, 8, 13, 21, 35])
def test_elimination_and_substitution_solve_the_equations(n: int) -> None:
    rows = _rows(n, n)
    matrix, rhs = _dense(rows, n)
    kept = np.full((FRAMES, n, kept_columns(n)), np.nan, dtype=np.float32)
    for f in range(FRAMES):
        fill_up(rows[f], n)
        assert eliminate(rows[f], True)
        hand_on(rows[f], rows[f + 1], rows[f + 2])
        keep(rows[f], n, kept[f])
    found = np.zeros((FRAMES + 2, n))
    substituted(kept, found, n)
    exact = np.linalg.solve(matrix, rhs)
    np.testing.assert_allclose(found[:FRAMES].ravel(), exact, atol=1e-5 * np.abs(exact).max())


def test_singular_equations_are_refused() -> None:
    rows = _rows(9, 0)
    fill_up(rows[0], 9)
    rows[0, 4, LEAD + 4] = -1e6
    assert not eliminate(rows[0], True)


@pytest.mark.parametrize("n", [1, 3, 8, 13, 21, 35])
def test_a_frame_alone_is_solved(n: int) -> None:
    rng = np.random.default_rng(n)
    factor, rhs = rng.normal(size=(n, n)), rng.normal(size=n)
    matrix = factor @ factor.T + n * np.eye(n)
    rows = np.zeros(frame_shape(n, coupled=False))
    rows[:n, LEAD : LEAD + n], rows[:n, 0] = np.where(np.tri(n, k=-1) > 0.0, 7.0, matrix), rhs
    fill_up(rows, n)
    assert eliminate(rows, False)
    found = np.empty(n)
    solved(rows, n, found)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, rhs), atol=1e-12)
