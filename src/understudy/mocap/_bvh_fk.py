"""Positions of BVH joints from channel values: one compiled pass, frame by frame."""

from __future__ import annotations

import numba
import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.mocap._bvh_hierarchy import Hierarchy


@numba.njit(cache=True)
def _positions(
    values: F64, parents: I64, offsets: F64, first: I64, codes: I64, takes_position: Bool, needed: I64, turns: Bool, slot: I64,
    out: F64,
) -> None:  # fmt: skip
    n = len(parents)
    rot, pos, local = np.empty((n, 3, 3)), np.empty((n, 3)), np.empty(3)
    for t in range(len(values)):
        for k in needed:
            p = parents[k]
            local[:] = offsets[k]
            if takes_position[k]:
                for c in range(first[k], first[k + 1]):
                    if codes[c] < 3:
                        local[codes[c]] = values[t, c]
            if p < 0:
                pos[k] = local
                for i in range(3):
                    for j in range(3):
                        rot[k, i, j] = 1.0 if i == j else 0.0
            else:
                for i in range(3):
                    pos[k, i] = pos[p, i] + rot[p, i, 0] * local[0] + rot[p, i, 1] * local[1] + rot[p, i, 2] * local[2]
                if turns[k]:
                    for i in range(3):
                        for j in range(3):
                            rot[k, i, j] = rot[p, i, j]
            if turns[k]:
                for c in range(first[k], first[k + 1]):
                    if codes[c] >= 3:
                        angle = values[t, c] * (np.pi / 180.0)
                        cos, sin = np.cos(angle), np.sin(angle)
                        i, j = (codes[c] - 2) % 3, (codes[c] - 1) % 3
                        for row in range(3):
                            u, v = rot[k, row, i], rot[k, row, j]
                            rot[k, row, i] = u * cos + v * sin
                            rot[k, row, j] = v * cos - u * sin
            if slot[k] >= 0:
                for i in range(3):
                    out[t, slot[k], i] = pos[k, i]


def joint_positions(hierarchy: Hierarchy, values: F64, nodes: list[int]) -> F64:
    """Positions of some nodes in the file's world and unit.

    Rotation channels multiply in the order of the file, the first outermost. Position channels stand in place of the
    joint's OFFSET; on a joint that is not the root and whose position channels are zero throughout, OFFSET stays.

    Args:
        hierarchy: N nodes with C channels in all.
        values: (T, C) channel values, angles in degrees.
        nodes: K nodes to return.

    Returns:
        (T, K, 3) positions.

    Source: Meredith and Maddock, "Motion capture file formats explained", CS-01-11, University of Sheffield (2001).
    """
    widths = [len(codes) for codes in hierarchy.channels]
    first = np.concatenate([[0], np.cumsum(widths)]).astype(np.int64)
    codes = np.array([code for own in hierarchy.channels for code in own], dtype=np.int64)
    needed, turns = np.zeros(len(widths), dtype=np.bool_), np.zeros(len(widths), dtype=np.bool_)
    needed[nodes] = True
    for k in range(len(widths) - 1, 0, -1):  # a parent comes before its children
        if needed[k] and (p := int(hierarchy.parents[k])) >= 0:
            needed[p] = turns[p] = True
    takes_position = np.zeros(len(widths), dtype=np.bool_)
    for k in np.flatnonzero(needed).tolist():
        columns = first[k] + np.flatnonzero(codes[first[k] : first[k + 1]] < 3)
        takes_position[k] = len(columns) > 0 and (hierarchy.parents[k] < 0 or bool(np.any(values[:, columns] != 0.0)))
    slot = np.full(len(widths), -1, dtype=np.int64)
    slot[nodes] = np.arange(len(nodes))
    out = np.empty((len(values), len(nodes), 3))
    _positions(
        values, hierarchy.parents, hierarchy.offsets, first, codes, takes_position, np.flatnonzero(needed), turns, slot, out
    )
    return out
