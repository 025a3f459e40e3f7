"""Vectors in rows."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64


def lengths(vectors: F64) -> F64:
    """(N,) lengths of vectors (N, C) of a few columns, column by column: numpy's own norm goes through them row by row."""
    square = np.zeros(len(vectors))
    for column in vectors.T:
        square += column * column
    return np.sqrt(square)
