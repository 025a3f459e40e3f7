"""Compiled per-frame sweep: every frame solved from its neighbour's solution."""

from __future__ import annotations

import numba as nb
import numpy as np

from understudy.geom.arrays import F64
from understudy.retarget import _kernels as k
from understudy.retarget._tables import Tree, Vectors


@nb.njit(cache=True, nogil=True)
def sweep(
    tree: Tree, vec: Vectors, target: F64, weight: F64, first: int, last: int, stride: int,
    warm_iterations: int, start_iterations: int, limit_weight: float, prior: float,
    root_pos: F64, root_rot: F64, q: F64, cost: F64,
) -> None:  # fmt: skip
    """Solve frame after frame, each from its neighbour's solution; the pose of frame `first` holds the start."""
    nj = len(tree.parent)
    nv = 6 + nj
    pos, rot, axis = np.empty((nj + 1, 3)), np.empty((nj + 1, 3, 3)), np.empty((nj, 3))
    h, g, jac = np.empty((nv, nv)), np.empty(nv), np.zeros((3, nv))
    pa, pb, arm = np.empty(3), np.empty(3), np.empty(3)
    active, last_q = np.zeros(nj, np.uint8), np.empty(nj)
    f = first
    while f != last:
        if f != first:
            root_pos[f] = root_pos[f - stride]
            root_rot[f] = root_rot[f - stride]
            q[f] = q[f - stride]
        last_q[:] = q[f]
        active[:] = 0
        for _ in range(start_iterations if f == first else warm_iterations):
            k.forward(root_pos[f], root_rot[f], q[f], tree.parent, tree.rot0, tree.pos0, tree.axis0, pos, rot, axis)
            h[:, :] = 0.0
            g[:] = 0.0
            k.add_vector_tasks(
                pos, rot, axis, vec.a_body, vec.a_off, vec.b_body, vec.b_off, vec.inv_len,
                tree.chain, tree.chain_len, vec.cols, vec.col_len,
                target[f], weight[f], h, g, jac, pa, pb, arm,
            )  # fmt: skip
            k.add_joint_terms(q[f], tree.rest, tree.rest_weight, tree.lower, tree.upper, limit_weight, active, h, g)
            for i in range(nv):
                h[i, i] += 1e-4
            for i in range(nj):
                h[6 + i, 6 + i] += prior
                g[6 + i] += prior * (q[f, i] - last_q[i])
            if not k.cholesky_solve(h, g):
                break
            largest = 0.0
            for i in range(nv):
                largest = max(largest, abs(g[i]))
            scale = min(1.0, 0.6 / largest) if largest > 0.0 else 1.0
            for i in range(nj):
                pred = q[f, i] - g[6 + i]
                active[i] = 1 if pred < tree.lower[i] else (2 if pred > tree.upper[i] else 0)
                q[f, i] -= scale * g[6 + i]
            for i in range(3):
                root_pos[f, i] -= scale * g[i]
            k.turn(root_rot[f], -scale * g[3], -scale * g[4], -scale * g[5])
            if largest < 2e-4:
                break
        for i in range(nj):
            q[f, i] = min(max(q[f, i], tree.lower[i]), tree.upper[i])
        k.forward(root_pos[f], root_rot[f], q[f], tree.parent, tree.rot0, tree.pos0, tree.axis0, pos, rot, axis)
        active[:] = 0
        cost[f] = k.add_vector_tasks(
            pos, rot, axis, vec.a_body, vec.a_off, vec.b_body, vec.b_off, vec.inv_len,
                tree.chain, tree.chain_len, vec.cols, vec.col_len,
            target[f], weight[f], h, g, jac, pa, pb, arm,
        ) + k.add_joint_terms(q[f], tree.rest, tree.rest_weight, tree.lower, tree.upper, limit_weight, active, h, g)  # fmt: skip
        f += stride
