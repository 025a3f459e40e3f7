"""Positions of BVH joints from channel values: one compiled pass, frame by frame."""

from __future__ import annotations

import numba
import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.mocap._bvh_hierarchy import Hierarchy


@numba.njit(cache=True)
def _positions(
    values: F64, parents: I64, offsets: F64, first: I64, codes: I64, takes_position: Bool, slot: I64, out: F64
) -> None:
    n = len(parents)
    rot, pos, local = np.empty((n, 3, 3)), np.empty((n, 3)), np.empty(3)
    for t in range(len(values)):
        for k in range(n):
            p = parents[k]
            local[:] = offsets[k]
            for c in range(first[k], first[k + 1]):
                if codes[c] < 3 and takes_position[k]:
                    local[codes[c]] = values[t, c]
            if p < 0:
                pos[k] = local
                rot[k] = np.eye(3)
            else:
                for i in range(3):
                    pos[k, i] = pos[p, i] + rot[p, i, 0] * local[0] + rot[p, i, 1] * local[1] + rot[p, i, 2] * local[2]
                    for j in range(3):
                        rot[k, i, j] = rot[p, i, j]
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
                out[t, slot[k]] = pos[k]


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
    takes_position = np.zeros(len(widths), dtype=np.bool_)
    for k, width in enumerate(widths):
        columns = first[k] + np.flatnonzero(codes[first[k] : first[k] + width] < 3)
        takes_position[k] = len(columns) > 0 and (hierarchy.parents[k] < 0 or bool(np.any(values[:, columns] != 0.0)))
    slot = np.full(len(widths), -1, dtype=np.int64)
    slot[nodes] = np.arange(len(nodes))
    out = np.empty((len(values), len(nodes), 3))
    _positions(values, hierarchy.parents, hierarchy.offsets, first, codes, takes_position, slot, out)
    return out
