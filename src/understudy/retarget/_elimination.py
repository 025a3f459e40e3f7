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
_PANEL = 8
"""Rows eliminated together: each pass over a row in memory then does eight times the work."""


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def _minus_one(out: F64, s: float, row: F64) -> None:
    for j in range(len(out)):
        out[j] -= s * row[j]


@nb.njit(cache=True, nogil=True, inline="always", fastmath=_FAST)
def _minus_panel(m: F64, k: int, first: int, end: int, out: F64, i: int, start: int) -> None:
    """out[i, start:] -= m[k : k + 8, first]^T m[k : k + 8, first : end], and the same of the right-hand side."""
    s0, s1, s2, s3 = m[k, first], m[k + 1, first], m[k + 2, first], m[k + 3, first]
    s4, s5, s6, s7 = m[k + 4, first], m[k + 5, first], m[k + 6, first], m[k + 7, first]
    out[i, 0] -= s0 * m[k, 0] + s1 * m[k + 1, 0] + s2 * m[k + 2, 0] + s3 * m[k + 3, 0]
    out[i, 0] -= s4 * m[k + 4, 0] + s5 * m[k + 5, 0] + s6 * m[k + 6, 0] + s7 * m[k + 7, 0]
    r0, r1, r2, r3 = m[k, first:end], m[k + 1, first:end], m[k + 2, first:end], m[k + 3, first:end]
    r4, r5, r6, r7 = m[k + 4, first:end], m[k + 5, first:end], m[k + 6, first:end], m[k + 7, first:end]
    target = out[i, start : start + end - first]
    for j in range(len(target)):
        target[j] -= (s0 * r0[j] + s1 * r1[j] + s2 * r2[j] + s3 * r3[j]) + (s4 * r4[j] + s5 * r5[j] + s6 * r6[j] + s7 * r7[j])


@nb.njit(cache=True, nogil=True, fastmath=_FAST)
def eliminate(m: F64, n: int) -> bool:
    """Factor one frame's own block and carry the factor's inverse over to the rest of its rows; false when it is singular."""
    k = 0
    while k < n:
        stop = min(k + _PANEL, n)
        end = 1 + 2 * n + stop
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
        if stop < n:
            for i in range(stop, n):
                _minus_panel(m, k, 1 + i, end, m, i, 1 + i)
        k = stop
    return True


@nb.njit(cache=True, nogil=True, fastmath=_FAST)
def hand_on(m: F64, following: F64, after: F64, n: int) -> None:
    """Take an eliminated frame's share out of the equations of the two frames after it."""
    k = 0
    while k < n:
        whole = k + _PANEL <= n
        stop = k + _PANEL if whole else k + 1
        end = 1 + 2 * n + stop
        for i in range(n):
            c = 1 + n + i
            if whole:
                _minus_panel(m, k, c, end, following, i, 1 + i)
            else:
                following[i, 0] -= m[k, c] * m[k, 0]
                _minus_one(following[i, 1 + i : 1 + n + stop], m[k, c], m[k, c:end])
        for i in range(stop):
            c = 1 + 2 * n + i
            if whole:
                _minus_panel(m, k, c, end, after, i, 1 + i)
            else:
                after[i, 0] -= m[k, c] * m[k, 0]
                _minus_one(after[i, 1 + i : 1 + stop], m[k, c], m[k, c:end])
        k = stop


@nb.njit(cache=True, nogil=True, fastmath=_FAST)
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


@nb.njit(cache=True, nogil=True, fastmath=_FAST)
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
