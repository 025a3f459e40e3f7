"""Compiled terms of planted points: none moves over the ground between two frames, or each as far as it is to slide.

Points of one body depend on the same columns. What they ask is laid out as rows over all columns and taken into the equations by
whole blocks, those that the body's columns touch.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np

from understudy.geom.arrays import F64, I64, U8
from understudy.retarget import _kernels as k
from understudy.retarget._elimination import LEAD
from understudy.retarget._tables import Bodies, Ground, Part, Tree
from understudy.retarget._vector_blocks import ABREAST, WIDTH, take_out


class Slips(NamedTuple):
    """Memory for the planted points of two frames by turns, (2, M, ...), and tables of their bodies.

    bounds: where the points of each body begin; blocks: first column of each block that a body's columns touch, and block_count
    how many; point: where each point is, and moves: how each of its columns moves it; known: whether that is known already;
    columns (M, n) and how many there are, counts (M,); rows: per body, how its points move with the columns N of this frame and
    with those of the next one, and both with the other sign.
    """

    bounds: I64
    blocks: I64
    block_count: I64
    point: F64
    moves: F64
    known: U8
    columns: I64
    counts: I64
    rows: F64


@nb.njit(cache=True, nogil=True)
def slip_room(tree: Tree, ground: Ground, part: Part) -> Slips:
    """Fresh memory for a robot's points that can be planted, and a part of it."""
    points, n = len(ground.slip_body), len(part.place)
    size = -(-len(part.cols) // WIDTH) * WIDTH
    bounds, groups, most = np.zeros(points + 1, np.int64), 0, 1
    for m in range(points):
        if m + 1 == points or ground.slip_body[m + 1] != ground.slip_body[m]:
            groups += 1
            bounds[groups] = m + 1
            most = max(most, m + 1 - bounds[groups - 1])
    blocks, block_count = np.zeros((groups, size // WIDTH), np.int64), np.zeros(groups, np.int64)
    for g in range(groups):
        body, touched = ground.slip_body[bounds[g]], np.zeros(size // WIDTH, np.bool_)
        for c in range(n):
            moves = c < 6
            for j in range(tree.chain_len[body]):
                moves = moves or c == 6 + tree.chain[body, j]
            if moves and part.place[c] >= 0:
                touched[part.place[c] // WIDTH] = True
        found = np.flatnonzero(touched)
        blocks[g, : len(found)], block_count[g] = WIDTH * found, len(found)
    return Slips(
        bounds[: groups + 1], blocks, block_count, np.empty((2, points, 3)), np.empty((2, points, n, 2)),
        np.zeros((2, points), np.uint8), np.empty((points, n), np.int64), np.empty(points, np.int64),
        np.zeros((groups, 2 * most, 4 * size)),
    )  # fmt: skip


@nb.njit(cache=True, nogil=True)
def planted(tree: Tree, ground: Ground, place: I64, pos: F64, rot: F64, axis: F64, m: int, point: F64, at: I64, jac: F64) -> int:
    """Where a planted point is, and how each column moves it over the ground: jac (count, 2); returns how many."""
    body = ground.slip_body[m]
    k.carried(pos, rot, body, ground.slip_offset[m], point)
    x, y, z = point[0] - pos[0, 0], point[1] - pos[0, 1], point[2] - pos[0, 2]
    count = 0
    for c in range(6):
        if place[c] < 0 or c == 2:
            continue
        at[count] = place[c]
        jac[count, 0] = 1.0 if c == 0 else (z if c == 4 else (-y if c == 5 else 0.0))
        jac[count, 1] = 1.0 if c == 1 else (-z if c == 3 else (x if c == 5 else 0.0))
        count += 1
    for n in range(tree.chain_len[body]):
        j = tree.chain[body, n]
        if place[6 + j] < 0:
            continue
        x, y, z = point[0] - pos[j + 1, 0], point[1] - pos[j + 1, 1], point[2] - pos[j + 1, 2]
        at[count] = place[6 + j]
        jac[count, 0] = axis[j, 1] * z - axis[j, 2] * y
        jac[count, 1] = axis[j, 2] * x - axis[j, 0] * z
        count += 1
    return count


@nb.njit(cache=True, nogil=True)
def add_slips(
    tree: Tree, ground: Ground, place: I64, weight: F64, slide: F64, now: Bodies, later: Bodies,
    here: F64, following: F64, turn: int, room: Slips,
) -> None:  # fmt: skip
    """Terms w |p(f + 1) - p(f) - slide|^2 in the ground plane: both frames' own blocks and the block between them.

    What is worked out of the later frame stands when its turn comes: `turn` is 0 and 1 for one frame after the other.
    """
    then = 1 - turn
    for g in range(len(room.block_count)):
        used = 0
        for m in range(room.bounds[g], room.bounds[g + 1]):
            known = room.known[turn, m]
            room.known[turn, m] = 0
            if weight[m] == 0.0:
                continue
            at = room.columns[m]
            if known == 0:
                planted(tree, ground, place, now.pos, now.rot, now.axis, m, room.point[turn, m], at, room.moves[turn, m])
            room.counts[m] = planted(
                tree, ground, place, later.pos, later.rot, later.axis, m, room.point[then, m], at, room.moves[then, m]
            )
            room.known[then, m] = 1
            _lay_out(room, g, m, weight[m], slide[m], used, turn, here, following)
            used += 2
        if used > 0:
            _take_in(room, g, used, here, following)


@nb.njit(cache=True, nogil=True)
def _lay_out(room: Slips, g: int, m: int, weight: float, slide: F64, used: int, turn: int, here: F64, following: F64) -> None:
    """Write a point's two rows, with the root of its weight, and add its right-hand sides."""
    size, root = len(here), math.sqrt(weight)
    p0, p1, j0, j1 = room.point[turn, m], room.point[1 - turn, m], room.moves[turn, m], room.moves[1 - turn, m]
    for x in range(2):
        row, off = room.rows[g, used + x], weight * (p1[x] - p0[x] - slide[x])
        for a in range(room.counts[m]):
            i = room.columns[m, a]
            row[i], row[size + i] = root * j0[a, x], root * j1[a, x]
            row[2 * size + i], row[3 * size + i] = -root * j0[a, x], -root * j1[a, x]
            here[i, 0] -= j0[a, x] * off
            following[i, 0] += j1[a, x] * off


@nb.njit(cache=True, nogil=True)
def _take_in(room: Slips, g: int, used: int, here: F64, following: F64) -> None:
    """Add the squares of a body's rows to the equations, in the blocks that it touches."""
    size, blocks, count, rows = len(here), room.blocks[g], room.block_count[g], room.rows[g]
    for r in range(count):
        i = blocks[r]
        for s in range(0, count, ABREAST):
            c0, c1, c2 = blocks[s], blocks[min(s + 1, count - 1)], blocks[min(s + 2, count - 1)]
            take_out(rows, 0, used, i, size + c0, size + c1, size + c2, here, i, -LEAD)
            if c2 >= i:
                c0, c1 = max(c0, i), max(c1, i)
                take_out(rows, 0, used, 2 * size + i, c0, c1, c2, here, i, -LEAD)
                take_out(rows, 0, used, 3 * size + i, size + c0, size + c1, size + c2, following, i, size - LEAD)
