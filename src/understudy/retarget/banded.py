"""Block-banded elimination: Cholesky factors of a stretch of frames, and what it hands on to the next.

`nv` is the number of unknowns of one frame; a frame is coupled to the two after it. Bands are LAPACK's lower form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.blas import dtbsv
from scipy.linalg.lapack import dpbtrf

from understudy.errors import UnderstudyError
from understudy.geom.arrays import F64


@dataclass(frozen=True)
class Factored:
    """One stretch: Cholesky factor (band), right-hand side, the block that couples it to the next two frames, and what it
    adds to those frames' own block and right-hand side."""

    factor: F64
    rhs: F64
    coupling: F64
    next_block: F64
    next_rhs: F64


def factored(band: F64, rhs: F64, given: tuple[F64, F64], nv: int) -> Factored:
    """Eliminate one stretch.

    Args:
        band: (3 nv, (n + 2) nv) normal equations of n frames and what they add to the two after them; overwritten.
        rhs: ((n + 2) nv,); overwritten.
        given: block (2 nv, 2 nv) and right-hand side (2 nv,) that the stretch before handed on.

    Raises:
        UnderstudyError: the equations are singular; the message says in which frame of the stretch.
    """
    size = band.shape[1] - 2 * nv
    _add_block(band, given[0])
    rhs[: 2 * nv] += given[1]
    coupling, tail = _coupling(band, size, nv), _lower_block(band[:, size:], 2 * nv)
    factor, info = dpbtrf(band[:, :size], lower=1, overwrite_ab=1)
    if info != 0:
        raise UnderstudyError(f"the equations are singular at frame {(info - 1) // nv} of the stretch")
    return Factored(factor, rhs[:size], coupling, tail, rhs[size:])


def schur(part: Factored, nv: int) -> tuple[F64, F64]:
    """Block and right-hand side that the next stretch gets once this one is eliminated."""
    y = dtbsv(3 * nv - 1, part.factor, part.rhs, lower=1)
    last = np.tril(_lower_block(part.factor[:, -2 * nv :], 2 * nv))
    w = solve_triangular(last, part.coupling, lower=True)
    return part.next_block - w.T @ w, part.next_rhs - w.T @ y[-2 * nv :]


def back_substitute(part: Factored, after: F64, nv: int) -> F64:
    """The stretch's step, given the next two frames'."""
    rhs = part.rhs.copy()
    rhs[-2 * nv :] -= part.coupling @ after
    y = dtbsv(3 * nv - 1, part.factor, rhs, lower=1)
    return np.asarray(dtbsv(3 * nv - 1, part.factor, y, lower=1, trans=1))


def _add_block(band: F64, block: F64) -> None:
    """Add a symmetric block (n, n) to the head of a lower band."""
    n = len(block)
    for d in range(n):
        band[d, : n - d] += np.diagonal(block, -d)


def _lower_block(band: F64, n: int) -> F64:
    """(n, n) symmetric block at the head of a lower band."""
    out = np.zeros((n, n))
    for d in range(min(n, len(band))):
        i = np.arange(n - d)
        out[i + d, i] = band[d, : n - d]
        out[i, i + d] = band[d, : n - d]
    return out


def _coupling(band: F64, size: int, nv: int) -> F64:
    """(2 nv, 2 nv) entries of the next two frames (columns) against the last two frames of the stretch (rows)."""
    out = np.zeros((2 * nv, 2 * nv))
    for a in range(2 * nv):
        column = size - 2 * nv + a
        rows = 2 * nv - a
        reach = len(band) - rows
        if column >= 0 and reach > 0:
            out[a, : min(reach, 2 * nv)] = band[rows : rows + min(reach, 2 * nv), column]
    return out
