"""Compiled block elimination: the normal equations of a clip, frame by frame, while a frame is still in the cache.

A frame has `n` unknowns and is coupled to the two frames after it. Its equations are the rows of one array (N, LEAD + 3 N), N
being `n` filled up to whole blocks: right-hand side in column 0, then from column LEAD on its own block (upper triangle), the
block towards the next frame, and the block towards the frame after that (diagonal before elimination, lower triangle after).
What fills up blocks is zero, see `fill_up`.

Source: Golub and Van Loan, Matrix Computations, 4th ed., section 4.5 (block tridiagonal Cholesky).
"""

from __future__ import annotations

import math

import numba as nb

from understudy.geom.arrays import F32, F64
from understudy.retarget._vector_blocks import ABREAST, WIDTH, solve_rows, take_out

LEAD = WIDTH
"""Columns before a frame's own block."""
_FAST = {"contract", "reassoc", "nsz"}
"""With these the order of a sum is the compiler's. So what has them is inlined into its callers: a copy that is optimised once
on its own and once inside its caller would add up differently in the process that compiled it and in those that load it."""


def frame_shape(n: int, *, coupled: bool = True) -> tuple[int, int]:
    """Rows and columns of the array that holds one frame's equations."""
    whole = -(-n // WIDTH) * WIDTH
    return whole, LEAD + (3 if coupled else 1) * whole


def kept_columns(n: int) -> int:
    """Numbers that substitution needs of each of a frame's rows, see `keep`."""
    return 2 * frame_shape(n)[0] + 2


@nb.njit(cache=True, nogil=True)
def fill_up(m: F64, n: int) -> None:
    """Give the rows after the first `n` an equation of their own: their unknowns are zero."""
    for i in range(n, len(m)):
        m[i, LEAD + i] = 1.0


@nb.njit(cache=True, nogil=True)
def _take_out_all(m: F64, stop: int, a: int, first: int, end: int, after: int, out: F64, i: int, back: int) -> None:
    """out[i : i + 4, first - back : end - back] -= m[:stop, a : a + 4]^T m[:stop, first:end], and likewise the right-hand side.

    Row k of `m` holds zeros from column `after` + k + 1 on, and so does its column `a` where that lies there.
    """
    least = max(0, a - after)
    last = end - WIDTH
    take_out(m, least, stop, a, first, min(first + WIDTH, last), min(first + 2 * WIDTH, last), out, i, back)
    for c in range(first + ABREAST * WIDTH, end, ABREAST * WIDTH):
        start = max(least, c - after)
        take_out(m, start, stop, a, c, min(c + WIDTH, last), min(c + 2 * WIDTH, last), out, i, back)
    take_out(m, least, stop, a, 0, 0, 0, out, i, 0)


@nb.njit(cache=True, nogil=True)
def _factor(m: F64, i: int, first: int, end: int) -> bool:
    """Factor the block of rows i to i + 4 on the diagonal and solve for the rest of their columns; false where it is singular."""
    a, b, c, d = LEAD + i, LEAD + i + 1, LEAD + i + 2, LEAD + i + 3
    p0 = m[i, a]
    if not p0 > 0.0:
        return False
    r0 = 1.0 / math.sqrt(p0)
    u01, u02, u03 = m[i, b] * r0, m[i, c] * r0, m[i, d] * r0
    p1 = m[i + 1, b] - u01 * u01
    if not p1 > 0.0:
        return False
    r1 = 1.0 / math.sqrt(p1)
    u12, u13 = (m[i + 1, c] - u01 * u02) * r1, (m[i + 1, d] - u01 * u03) * r1
    p2 = m[i + 2, c] - u02 * u02 - u12 * u12
    if not p2 > 0.0:
        return False
    r2 = 1.0 / math.sqrt(p2)
    u23 = (m[i + 2, d] - u02 * u03 - u12 * u13) * r2
    p3 = m[i + 3, d] - u03 * u03 - u13 * u13 - u23 * u23
    if not p3 > 0.0:
        return False
    inverse, above = (r0, r1, r2, 1.0 / math.sqrt(p3)), (u01, u02, u03, u12, u13, u23)
    solve_rows(m, i, 0, inverse, above)
    for column in range(first, end, WIDTH):
        solve_rows(m, i, column, inverse, above)
    return True


@nb.njit(cache=True, nogil=True)
def eliminate(m: F64, coupled: bool) -> bool:
    """Factor one frame's own block and carry the factor's inverse over to the rest of its rows; false when it is singular.

    A frame that is not `coupled` to any other has no columns but those of its own block. Below the diagonal nothing of meaning
    is left.
    """
    size = len(m)
    for i in range(0, size, WIDTH):
        first, end = LEAD + i, LEAD + (2 * size + i + WIDTH if coupled else size)
        if i > 0:
            _take_out_all(m, i, first, first, end, LEAD + 2 * size, m, i, 0)
        if not _factor(m, i, first, end):
            return False
    return True


@nb.njit(cache=True, nogil=True)
def hand_on(m: F64, following: F64, after: F64) -> None:
    """Take an eliminated frame's share out of the equations of the two frames after it."""
    size = len(m)
    next_, last, end = LEAD + size, LEAD + 2 * size, LEAD + 3 * size
    for i in range(0, size, WIDTH):
        _take_out_all(m, size, next_ + i, next_ + i, end, last, following, i, size)
        _take_out_all(m, size, last + i, last + i, end, last, after, i, 2 * size)


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def solved(m: F64, n: int, x: F64) -> None:
    """The unknowns (n,) of an eliminated frame that is coupled to no other."""
    for i in range(n - 1, -1, -1):
        s, own, known = m[i, 0], m[i, LEAD + 1 + i : LEAD + n], x[i + 1 : n]
        for j in range(len(known)):
            s -= own[j] * known[j]
        x[i] = s / m[i, LEAD + i]


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def keep(m: F64, n: int, kept: F32) -> None:
    """Store what substitution needs of an eliminated frame, (n, 2 N + 2), in single precision.

    Row i of `m` is right-hand side, zeros, and from its diagonal on 2 N + 1 numbers. Rounding them makes the step a little
    inexact, never what it converges to: the gradient is worked out anew in double precision at every step.
    """
    for i in range(n):
        kept[i, 0] = m[i, 0]
        source, target = m[i, LEAD + i : LEAD + 2 * len(m) + i + 1], kept[i, 1:]
        for j in range(len(target)):
            target[j] = source[j]


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def substitute(kept: F32, x: F64, following: F64, after: F64, n: int) -> None:
    """The frame's unknowns (n,), given those of the two frames after it."""
    size = (kept.shape[1] - 2) // 2
    for i in range(n - 1, -1, -1):
        row = kept[i]
        s = float(row[0])
        own, towards_next = row[2 : 1 + n - i], row[1 + size - i : 1 + size - i + n]
        towards_after = row[1 + 2 * size - i :]
        for j in range(len(towards_next)):
            s -= towards_next[j] * following[j]
        for j in range(len(towards_after)):
            s -= towards_after[j] * after[j]
        known = x[i + 1 : n]
        for j in range(len(known)):
            s -= own[j] * known[j]
        x[i] = s / row[1]
