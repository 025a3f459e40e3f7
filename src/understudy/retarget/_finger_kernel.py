"""Compiled solve of one hand's fingers, frame after frame."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.retarget import _kernels as k

LIMIT_WEIGHT = 100.0
LEAST = 1e-4
"""Of each joint's own weight: keeps a finger that nothing moves solvable."""


class HandTree(NamedTuple):
    """A hand as the kernel sees it; body 0 is the palm.

    chain (n + 1, n) and chain_len: joints that move a body. D digits, the thumb first where there is one: body, tip (D, 3),
    base (D, 3), length (D,). pair (P, 2) of digits whose tips have a distance to keep, over span (P,).
    """

    parent: I64
    rot0: F64
    pos0: F64
    axis0: F64
    lower: F64
    upper: F64
    chain: I64
    chain_len: I64
    body: I64
    tip: F64
    base: F64
    length: F64
    pair: I64
    span: F64


@nb.njit(cache=True, nogil=True)
def solve_fingers(
    tree: HandTree, target: F64, weight: F64, apart: F64, apart_weight: F64, prior: float,
    first_iterations: int, iterations: int, q: F64,
) -> None:  # fmt: skip
    """Fill q (T + 1, n) from its row 0, each frame from the one before.

    Minimised is, per frame, the sum of weight |(tip - base) / length - target|^2 over the digits (T, D, 3), of
    apart_weight (|tip_a - tip_b| / span - apart)^2 over the pairs (T, P), and of prior |q - q of the frame before|^2, which the
    first frame leaves out where it is given more iterations than the others.
    """
    n, digits, pairs = len(tree.parent), len(tree.body), len(tree.pair)
    pos, rot, axis = np.empty((n + 1, 3)), np.empty((n + 1, 3, 3)), np.empty((n, 3))
    h, g, arm = np.empty((n, n)), np.empty(n), np.empty(3)
    jac, ends = np.empty((digits, 3, 6 + n)), np.empty((digits, 3))
    origin, level = np.zeros(3), np.eye(3)
    active, row = np.zeros(n, np.uint8), np.empty(n)
    for f in range(len(target)):
        held = prior if f > 0 or first_iterations == iterations else 0.0
        now, last = q[f + 1], q[f]
        now[:] = last
        active[:] = 0
        for _ in range(first_iterations if f == 0 else iterations):
            k.forward(origin, level, now, tree.parent, tree.rot0, tree.pos0, tree.axis0, pos, rot, axis)
            jac[:, :, :] = 0.0
            for d in range(digits):
                b = tree.body[d]
                k.carried(pos, rot, b, tree.tip[d], ends[d])
                k.point_columns(pos, axis, ends[d], tree.chain[b], tree.chain_len[b], 1.0, jac[d], arm)
            h[:, :] = 0.0
            for i in range(n):
                h[i, i] = held + LEAST
                g[i] = held * (now[i] - last[i])
                if active[i] != 0:
                    bound = tree.lower[i] if active[i] == 1 else tree.upper[i]
                    h[i, i] += LIMIT_WEIGHT
                    g[i] += LIMIT_WEIGHT * (now[i] - bound)
            for d in range(digits):
                for c in range(3):
                    for i in range(n):
                        row[i] = jac[d, c, 6 + i] / tree.length[d]
                    r = (ends[d, c] - tree.base[d, c]) / tree.length[d] - target[f, d, c]
                    _add(row, r, weight[f, d], h, g)
            for p in range(pairs):
                a, b = tree.pair[p, 0], tree.pair[p, 1]
                size = 0.0
                for c in range(3):
                    size += (ends[a, c] - ends[b, c]) ** 2
                size = math.sqrt(size)
                if size < 1e-6 or apart_weight[f, p] == 0.0:
                    continue
                # Newton's own curvature across the line between the tips: without it, tips that meet swing past each other
                across = apart_weight[f, p] * max(0.0, 1.0 - apart[f, p] * tree.span[p] / size)
                for i in range(n):
                    row[i] = 0.0
                    for c in range(3):
                        row[i] += (ends[a, c] - ends[b, c]) / size * (jac[a, c, 6 + i] - jac[b, c, 6 + i]) / tree.span[p]
                _add(row, size / tree.span[p] - apart[f, p], apart_weight[f, p] - across, h, g)
                for c in range(3):
                    for i in range(n):
                        row[i] = (jac[a, c, 6 + i] - jac[b, c, 6 + i]) / tree.span[p]
                    gap = (ends[a, c] - ends[b, c]) / size * (size / tree.span[p] - apart[f, p])
                    _add(row, gap, across, h, g)
            if not k.cholesky_solve(h, g):
                break
            largest = 0.0
            for i in range(n):
                largest = max(largest, abs(g[i]))
            scale = min(1.0, 0.5 / largest) if largest > 0.0 else 1.0
            for i in range(n):
                predicted = now[i] - g[i]
                active[i] = 1 if predicted < tree.lower[i] else (2 if predicted > tree.upper[i] else 0)
                now[i] -= scale * g[i]
            if largest < 1e-3:
                break
        for i in range(n):
            now[i] = min(max(now[i], tree.lower[i]), tree.upper[i])


@nb.njit(cache=True, nogil=True)
def _add(row: F64, residual: float, weight: float, h: F64, g: F64) -> None:
    for i in range(len(row)):
        w = weight * row[i]
        if w == 0.0:
            continue
        g[i] += w * residual
        for j in range(i + 1):
            h[i, j] += w * row[j]


@nb.njit(cache=True, nogil=True)
def finger_ends(tree: HandTree, q: F64, out: F64) -> None:
    """Tips (T, D, 3) in the palm's body for joint angles (T, n)."""
    n = len(tree.parent)
    pos, rot, axis = np.empty((n + 1, 3)), np.empty((n + 1, 3, 3)), np.empty((n, 3))
    origin, level = np.zeros(3), np.eye(3)
    for f in range(len(q)):
        k.forward(origin, level, q[f], tree.parent, tree.rot0, tree.pos0, tree.axis0, pos, rot, axis)
        for d in range(len(tree.body)):
            k.carried(pos, rot, tree.body[d], tree.tip[d], out[f, d])


@nb.njit(cache=True, nogil=True)
def bound_speed(q: F64, step: F64) -> None:
    """Let no joint of q (T, n) move by more than its step (n,) from one frame to the next, in place, from the first on."""
    for f in range(1, len(q)):
        for i in range(q.shape[1]):
            q[f, i] = min(max(q[f, i], q[f - 1, i] - step[i]), q[f - 1, i] + step[i])
