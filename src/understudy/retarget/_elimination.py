"""Compiled block elimination: the normal equations of a clip, frame by frame, while a frame is still in the cache.

A frame has `n` unknowns and is coupled to the two frames after it. Its equations are the rows of one array (n, 1 + 3 n):
right-hand side, own block (upper triangle), block towards the next frame, block towards the frame after that (upper
triangle; diagonal before elimination, lower triangle after).

Source: Golub and Van Loan, Matrix Computations, 4th ed., section 4.5 (block tridiagonal Cholesky).
"""

from __future__ import annotations

import math

import numba as nb

from understudy.geom.arrays import F64

_FAST = {"contract", "reassoc", "nsz"}
_PANEL = 4
"""Rows eliminated together: each pass over a row in memory then does four times the work."""


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def _minus_four(out: F64, s0: float, s1: float, s2: float, s3: float, r0: F64, r1: F64, r2: F64, r3: F64) -> None:
    for j in range(len(out)):
        out[j] -= s0 * r0[j] + s1 * r1[j] + s2 * r2[j] + s3 * r3[j]


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def _minus_one(out: F64, s: float, row: F64) -> None:
    for j in range(len(out)):
        out[j] -= s * row[j]


@nb.njit(cache=True, nogil=True, fastmath=_FAST)
def eliminate(m: F64, n: int) -> bool:
    """Factor one frame's own block and carry the factor's inverse over to the rest of its rows; false when it is singular."""
    k = 0
    while k < n:
        stop = min(k + _PANEL, n)
        for a in range(k, stop):
            pivot = m[a, 1 + a]
            if not pivot > 0.0:
                return False
            inverse = 1.0 / math.sqrt(pivot)
            end = 2 + 2 * n + a
            m[a, 0] *= inverse
            own = m[a, 1 + a : end]
            for j in range(len(own)):
                own[j] *= inverse
            for b in range(a + 1, stop):
                s = m[a, 1 + b]
                m[b, 0] -= s * m[a, 0]
                _minus_one(m[b, 1 + b : end], s, m[a, 1 + b : end])
        if stop - k == _PANEL:
            end = 1 + 2 * n + stop
            for i in range(stop, n):
                c = 1 + i
                s0, s1, s2, s3 = m[k, c], m[k + 1, c], m[k + 2, c], m[k + 3, c]
                m[i, 0] -= s0 * m[k, 0] + s1 * m[k + 1, 0] + s2 * m[k + 2, 0] + s3 * m[k + 3, 0]
                _minus_four(
                    m[i, c:end], s0, s1, s2, s3, m[k, c:end], m[k + 1, c:end], m[k + 2, c:end], m[k + 3, c:end]
                )  # fmt: skip
        k = stop
    return True


@nb.njit(cache=True, nogil=True, fastmath=_FAST)
def hand_on(m: F64, following: F64, after: F64, n: int) -> None:
    """Take an eliminated frame's share out of the equations of the two frames after it."""
    k = 0
    while k < n:
        rows = _PANEL if k + _PANEL <= n else 1
        last = k + rows
        end = 1 + 2 * n + last
        for i in range(n):
            _take_out(m, k, rows, 1 + n + i, end, following, i, 1 + n + last)
        for i in range(last):
            _take_out(m, k, rows, 1 + 2 * n + i, end, after, i, 1 + last)
        k = last


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def _take_out(m: F64, k: int, rows: int, first: int, end: int, out: F64, i: int, out_end: int) -> None:
    """out[i] -= (m[k : k + rows, first])^T m[k : k + rows, first : end], right-hand side included."""
    target = out[i, 1 + i : out_end]
    if rows == _PANEL:
        s0, s1, s2, s3 = m[k, first], m[k + 1, first], m[k + 2, first], m[k + 3, first]
        out[i, 0] -= s0 * m[k, 0] + s1 * m[k + 1, 0] + s2 * m[k + 2, 0] + s3 * m[k + 3, 0]
        _minus_four(target, s0, s1, s2, s3, m[k, first:end], m[k + 1, first:end], m[k + 2, first:end], m[k + 3, first:end])
    else:
        out[i, 0] -= m[k, first] * m[k, 0]
        _minus_one(target, m[k, first], m[k, first:end])


@nb.njit(cache=True, nogil=True, fastmath=_FAST)
def substitute(m: F64, x: F64, following: F64, after: F64, n: int) -> None:
    """The frame's unknowns (n,), given those of the two frames after it."""
    for i in range(n - 1, -1, -1):
        row = m[i]
        s = row[0]
        towards_next, towards_after, own = row[1 + n : 1 + 2 * n], row[1 + 2 * n : 2 + 2 * n + i], row[2 + i : 1 + n]
        for j in range(len(towards_next)):
            s -= towards_next[j] * following[j]
        for j in range(len(towards_after)):
            s -= towards_after[j] * after[j]
        known = x[i + 1 : n]
        for j in range(len(known)):
            s -= own[j] * known[j]
        x[i] = s / row[1 + i]
