"""Compiled: what the vector tasks of a motion come to."""

from __future__ import annotations

import numba as nb
import numpy as np

from understudy.geom.arrays import F64
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
