"""Compiled: what the vector tasks of a motion come to, and how far that leaves its hands and feet from what was asked."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.retarget import _kernels as k
from understudy.retarget._tables import Tree, Vectors


@nb.njit(cache=True, nogil=True)
def fill_reached(tree: Tree, vec: Vectors, root_pos: F64, root_rot: F64, q: F64, out: F64) -> None:
    """Fill `out` (T, V, 3) with the vector tasks' values for root positions (T, 3), rotations (T, 3, 3) and joints (T, J)."""
    nj = len(tree.parent)
    pos, rot, axis = np.empty((nj + 1, 3)), np.empty((nj + 1, 3, 3)), np.empty((nj, 3))
    tail, tip = np.empty(3), np.empty(3)
    for f in range(len(q)):
        k.forward(root_pos[f], root_rot[f], q[f], tree.parent, tree.rot0, tree.pos0, tree.axis0, pos, rot, axis)
        for v in range(len(vec.a_body)):
            k.carried(pos, rot, vec.b_body[v], vec.b_off[v], tip)
            if vec.a_body[v] >= 0:
                k.carried(pos, rot, vec.a_body[v], vec.a_off[v], tail)
            else:
                tail[:] = 0.0
            for i in range(3):
                out[f, v, i] = (tip[i] - tail[i]) * vec.inv_len[v]


@nb.njit(cache=True, nogil=True)
def fill_residual(asked: F64, done: F64, tasks: I64, length_m: F64, from_middle: Bool, out: F64) -> None:
    """Fill `out` (T, E) with metres between each end effector and the nearest of what is asked of it, see `end_residual`.

    Args:
        asked, done: (T, V, 3) vector tasks.
        tasks: (E, 3) each end's two bones and its reach; length_m (E, 3) theirs.
        from_middle: (E,) ends whose reach counts from the middle of the hips, and whose bones from the hip.
    """
    for t in range(len(asked)):
        for e in range(len(tasks)):
            first, second, reach = tasks[e, 0], tasks[e, 1], tasks[e, 2]
            along, size = 0.0, 0.0
            for known in range(2):  # first where on the segment the nearest point is, then how far
                share = min(max(along / max(size, 1e-12), 0.0), 1.0)
                squared = 0.0
                for i in range(3):
                    bones = length_m[e, 0] * done[t, first, i] + length_m[e, 1] * done[t, second, i]
                    start = length_m[e, 0] * asked[t, first, i] + length_m[e, 1] * asked[t, second, i]
                    tip, end = length_m[e, 2] * done[t, reach, i], length_m[e, 2] * asked[t, reach, i]
                    if from_middle[e]:
                        end, tip = end - (tip - bones), bones
                    if known == 0:
                        along += (tip - start) * (end - start)
                        size += (end - start) * (end - start)
                    else:
                        gap = tip - (start + share * (end - start))
                        squared += gap * gap
            out[t, e] = math.sqrt(squared)
