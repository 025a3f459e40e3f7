"""Compiled block elimination: the normal equations of a clip, frame by frame, while a frame is still in the cache.

A frame has `n` unknowns and is coupled to the two frames after it. Its equations are the rows of one array (n, 1 + 3 n):
right-hand side, own block (upper triangle), block towards the next frame, block towards the frame after that (upper
triangle; diagonal before elimination, lower triangle after).

Source: Golub and Van Loan, Matrix Computations, 4th ed., section 4.5 (block tridiagonal Cholesky).
"""

from __future__ import annotations

import math

import numba as nb

from understudy.geom.arrays import F32, F64

_FAST = {"contract", "reassoc", "nsz"}
"""With these the order of a sum is the compiler's. So everything here is inlined into its callers: a copy that is optimised once
on its own and once inside its caller would add up differently in the process that compiled it and in those that load it."""
_BLOCK = 4
"""Rows that are eliminated together, and rows that they are taken out of together: sixteen factors stay in registers."""


def frame_shape(n: int, *, coupled: bool = True) -> tuple[int, int]:
    """Rows and columns of the array that holds one frame's equations; its rows after the first `n` fill a block."""
    return -(-n // _BLOCK) * _BLOCK, 1 + (3 if coupled else 1) * n + _BLOCK - 1


def kept_columns(n: int) -> int:
    """Numbers that substitution needs of each of a frame's rows, see `keep`."""
    return 2 * n + 2


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def _minus_one(out: F64, s: float, row: F64) -> None:
    for j in range(len(out)):
        out[j] -= s * row[j]


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def _minus_block(m: F64, k: int, first: int, end: int, out: F64, i: int, start: int) -> None:
    """out[i : i + 4, start:] -= m[k : k + 4, first : first + 4]^T m[k : k + 4, first : end], and likewise the right-hand side."""
    for r in range(_BLOCK):
        f = first + r
        out[i + r, 0] -= m[k, f] * m[k, 0] + m[k + 1, f] * m[k + 1, 0] + m[k + 2, f] * m[k + 2, 0] + m[k + 3, f] * m[k + 3, 0]
    f, g, h = first + 1, first + 2, first + 3
    a0, a1, a2, a3 = m[k, first], m[k + 1, first], m[k + 2, first], m[k + 3, first]
    b0, b1, b2, b3 = m[k, f], m[k + 1, f], m[k + 2, f], m[k + 3, f]
    c0, c1, c2, c3 = m[k, g], m[k + 1, g], m[k + 2, g], m[k + 3, g]
    d0, d1, d2, d3 = m[k, h], m[k + 1, h], m[k + 2, h], m[k + 3, h]
    r0, r1, r2, r3 = m[k, first:end], m[k + 1, first:end], m[k + 2, first:end], m[k + 3, first:end]
    stop = start + end - first
    t0, t1, t2, t3 = out[i, start:stop], out[i + 1, start:stop], out[i + 2, start:stop], out[i + 3, start:stop]
    for j in range(len(t0)):
        x0, x1, x2, x3 = r0[j], r1[j], r2[j], r3[j]
        t0[j] -= a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
        t1[j] -= b0 * x0 + b1 * x1 + b2 * x2 + b3 * x3
        t2[j] -= c0 * x0 + c1 * x1 + c2 * x2 + c3 * x3
        t3[j] -= d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def eliminate(m: F64, n: int, coupled: bool) -> bool:
    """Factor one frame's own block and carry the factor's inverse over to the rest of its rows; false when it is singular.

    A frame that is not `coupled` to any other has no columns but those of its own block. Below the diagonal, and in the rows
    that fill up the last block, nothing of meaning is left.
    """
    for k in range(0, n, _BLOCK):
        stop = min(k + _BLOCK, n)
        end = 1 + 2 * n + stop if coupled else 1 + n
        for a in range(k, stop):
            pivot = m[a, 1 + a]
            if not pivot > 0.0:
                return False
            inverse = 1.0 / math.sqrt(pivot)
            m[a, 0] *= inverse
            own = m[a, 1 + a : end]
            for j in range(len(own)):
                own[j] *= inverse
            for b in range(a + 1, stop):
                s = m[a, 1 + b]
                m[b, 0] -= s * m[a, 0]
                _minus_one(m[b, 1 + b : end], s, m[a, 1 + b : end])
        for i in range(stop, n, _BLOCK):
            _minus_block(m, k, 1 + i, end, m, i, 1 + i)
    return True


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def hand_on(m: F64, following: F64, after: F64, n: int) -> None:
    """Take an eliminated frame's share out of the equations of the two frames after it."""
    m[n:] = 0.0  # rows that fill up the last block have no share
    for k in range(0, n, _BLOCK):
        stop = min(k + _BLOCK, n)
        end = 1 + 2 * n + stop
        for i in range(0, n, _BLOCK):
            _minus_block(m, k, 1 + n + i, end, following, i, 1 + i)
        for i in range(0, stop, _BLOCK):
            _minus_block(m, k, 1 + 2 * n + i, end, after, i, 1 + i)


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def solved(m: F64, n: int, x: F64) -> None:
    """The unknowns (n,) of an eliminated frame that is coupled to no other."""
    for i in range(n - 1, -1, -1):
        s, own, known = m[i, 0], m[i, 2 + i : 1 + n], x[i + 1 : n]
        for j in range(len(known)):
            s -= own[j] * known[j]
        x[i] = s / m[i, 1 + i]


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def keep(m: F64, n: int, kept: F32) -> None:
    """Store what substitution needs of an eliminated frame, (n, 2 n + 2), in single precision.

    Row i of `m` is right-hand side, zeros, and from column 1 + i on 2 n + 1 numbers. Rounding them makes the step a little
    inexact, never what it converges to: the gradient is worked out anew in double precision at every step.
    """
    for i in range(n):
        kept[i, 0] = m[i, 0]
        source, target = m[i, 1 + i : 2 + 2 * n + i], kept[i, 1:]
        for j in range(len(target)):
            target[j] = source[j]


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def substitute(kept: F32, x: F64, following: F64, after: F64, n: int) -> None:
    """The frame's unknowns (n,), given those of the two frames after it."""
    for i in range(n - 1, -1, -1):
        row = kept[i]
        s = float(row[0])
        own, towards_next, towards_after = row[2 : 1 + n - i], row[1 + n - i : 1 + 2 * n - i], row[1 + 2 * n - i :]
        for j in range(len(towards_next)):
            s -= towards_next[j] * following[j]
        for j in range(len(towards_after)):
            s -= towards_after[j] * after[j]
        known = x[i + 1 : n]
        for j in range(len(known)):
            s -= own[j] * known[j]
        x[i] = s / row[1]
