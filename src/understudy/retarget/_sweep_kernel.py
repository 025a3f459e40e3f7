"""Compiled per-frame sweep: every frame solved from its neighbour's solution."""

from __future__ import annotations

import numba as nb
import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.retarget import _frame_terms as t
from understudy.retarget import _kernels as k
from understudy.retarget._elimination import LEAD, eliminate, fill_up, solved
from understudy.retarget._tables import Part, Pose, Tree, Vectors

_LARGEST = 0.6
"""Most that a frame moves in one step, radians or metres."""


@nb.njit(cache=True, nogil=True)
def sweep(
    tree: Tree, vec: Vectors, part: Part, target: F64, weight: F64, first: int, last: int, stride: int,
    warm_iterations: int, start_iterations: int, still: float, limit_weight: float, prior: float,
    root_pos: F64, root_rot: F64, q: F64, cost: F64, rows: F64,
) -> None:  # fmt: skip
    """Solve frame after frame, each from its neighbour's solution; the pose of frame `first` holds the start.

    `rows` is memory of `frame_shape(n, coupled=False)`. A frame is done when no entry of its step exceeds `still`, radians or
    metres, or after its iterations.
    """
    nj, n = len(tree.parent), len(part.cols)
    pos, rot, axis = np.empty((nj + 1, 3)), np.empty((nj + 1, 3, 3)), np.empty((nj, 3))
    step, at, jac = np.empty(n), np.empty(n, np.int64), np.empty((n, 4))
    pa, pb, off = np.empty(3), np.empty(3), np.empty(3)
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
            rows[:, :] = 0.0
            t.add_vectors(vec, part.place, pos, rot, axis, target[f], weight[f], rows, at, jac, pa, pb, off)
            t.add_joints(tree, part.cols, q[f], limit_weight, active, 1e-4, rows)
            for i in range(n):
                j = part.cols[i] - 6
                if j >= 0:
                    rows[i, LEAD + i] += prior
                    rows[i, 0] += prior * (q[f, j] - last_q[j])
            fill_up(rows, n)
            if not eliminate(rows, False):
                break
            solved(rows, n, step)
            largest = np.abs(step).max()
            share = min(1.0, _LARGEST / largest) if largest > 0.0 else 1.0
            for i in range(n):
                c = part.cols[i]
                if c < 3:
                    root_pos[f, c] -= share * step[i]
                elif c >= 6:
                    j = c - 6
                    predicted = q[f, j] - step[i]
                    active[j] = 1 if predicted < tree.lower[j] else (2 if predicted > tree.upper[j] else 0)
                    q[f, j] -= share * step[i]
            k.turn(root_rot[f], -share * step[3], -share * step[4], -share * step[5])
            if largest < still:
                break
        for j in range(nj):
            q[f, j] = min(max(q[f, j], tree.lower[j]), tree.upper[j])
        k.forward(root_pos[f], root_rot[f], q[f], tree.parent, tree.rot0, tree.pos0, tree.axis0, pos, rot, axis)
        cost[f] = t.cost_of_vectors(vec, pos, rot, target[f], weight[f], pa, pb)
        for j in range(nj):
            cost[f] += tree.rest_weight[j] * (q[f, j] - tree.rest[j]) ** 2
        f += stride


@nb.njit(cache=True, nogil=True)
def squared_gaps(one: Pose, two: Pose) -> F64:
    """(T,) squared distance between two solutions of each frame, the root's turn and the joints', radians squared."""
    out, turn = np.empty(len(one.q)), np.empty(3)
    for f in range(len(out)):
        k.relative_rotvec(one.root_rot[f], two.root_rot[f], turn)
        total = turn[0] ** 2 + turn[1] ** 2 + turn[2] ** 2
        for j in range(one.q.shape[1]):
            total += (one.q[f, j] - two.q[f, j]) ** 2
        out[f] = total
    return out


@nb.njit(cache=True, nogil=True)
def cheapest_of_two(costs: F64, switch: F64) -> I64:
    """(T,) which of two solutions to take at each frame: least total cost (T, 2) plus `switch` (T,) at each change.

    Source: Viterbi, "Error bounds for convolutional codes", IEEE Trans. Information Theory 13 (1967).
    """
    total = len(costs)
    came, path = np.zeros((total, 2), np.int64), np.empty(total, np.int64)
    zero, one = costs[0, 0], costs[0, 1]
    for f in range(1, total):
        change = min(switch[f], switch[f - 1])
        to_zero, to_one = one + change, zero + change
        came[f, 0] = 0 if zero <= to_zero else 1
        came[f, 1] = 1 if one <= to_one else 0
        zero, one = min(zero, to_zero) + costs[f, 0], min(one, to_one) + costs[f, 1]
    path[-1] = 0 if zero <= one else 1
    for f in range(total - 1, 0, -1):
        path[f - 1] = came[f, path[f]]
    return path
