"""Elimination in stretches against a dense solve."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.errors import UnderstudyError
from understudy.geom.arrays import F64
from understudy.retarget.banded import back_substitute, factored, schur

NV, FRAMES = 3, 11


def _problem(seed: int) -> tuple[F64, F64]:
    """A dense positive definite system that couples each frame to the two after it, and a right-hand side."""
    rng = np.random.default_rng(seed)
    n = NV * FRAMES
    full = np.eye(n) * 0.1
    for f in range(FRAMES - 2):
        rows = rng.normal(size=(2 * NV, 3 * NV))
        at = slice(f * NV, (f + 3) * NV)
        full[at, at] += rows.T @ rows
    return full, rng.normal(size=n)


def _stretch(full: F64, b: F64, first: int, stop: int) -> tuple[F64, F64]:
    """Band and right-hand side of frames [first, stop), without what frames before them add."""
    size = (stop - first) * NV
    band, rhs = np.zeros((3 * NV, size + 2 * NV), order="F"), np.zeros(size + 2 * NV)
    rhs[:size] = b[first * NV : stop * NV]
    for column in range(size):
        j = first * NV + column
        for d in range(3 * NV):
            if j + d < len(b):
                band[d, column] = full[j + d, j]
    return band, rhs


@pytest.mark.parametrize("cuts", [(0, 11), (0, 4, 11), (0, 2, 5, 9, 11)])
def test_stretches_give_the_dense_solution(cuts: tuple[int, ...]) -> None:
    full, b = _problem(0)
    parts, given = [], (np.zeros((2 * NV, 2 * NV)), np.zeros(2 * NV))
    for first, stop in zip(cuts[:-1], cuts[1:], strict=True):
        part = factored(*_stretch(full, b, first, stop), given, NV)
        parts.append(part)
        given = schur(part, NV)
    after, found = np.zeros(2 * NV), []
    for part in reversed(parts):
        x = back_substitute(part, after, NV)
        after = x[: 2 * NV]
        found.append(x)
    np.testing.assert_allclose(np.concatenate(found[::-1]), np.linalg.solve(full, b), atol=1e-10)


def test_singular_equations_are_said_with_their_frame() -> None:
    full, b = _problem(1)
    full[4 * NV, 4 * NV] = -1e6
    with pytest.raises(UnderstudyError, match="singular at frame 4 of the stretch"):
        factored(*_stretch(full, b, 0, FRAMES), (np.zeros((2 * NV, 2 * NV)), np.zeros(2 * NV)), NV)
