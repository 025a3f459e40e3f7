"""Compiled: which point of each resting surface is held on the floor, frame by frame."""

from __future__ import annotations

import numba as nb
import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.retarget import _kernels as k
from understudy.retarget._tables import Ground, Pose, Tree

KEEP_M = 0.005
"""A point that rests goes on resting unless another is lower by more than this."""


@nb.njit(cache=True, nogil=True)
def chosen_point(gap: F64, before: int) -> int:
    """The lowest of a surface's points by their `gap` (N,) to the floor; the one `before` is kept while no other is lower by more
    than KEEP_M (-1: there was none)."""
    lowest = int(np.argmin(gap))
    return before if before >= 0 and gap[before] <= gap[lowest] + KEEP_M else lowest


@nb.njit(cache=True, nogil=True)
def rest_points(
    tree: Tree, ground: Ground, pose: Pose, rows: I64, bounds: I64, column: I64, rests: Bool, planted: Bool,
    feet_pull: F64, feet_slip: F64, push: float, slip: float, firm: float, loose: float, pull: F64, slips: F64, changed: Bool,
) -> None:  # fmt: skip
    """Choose the points of P surfaces and write what holds them, beside what holds the feet.

    Args:
        rows: ground points of one surface after the other; surface p has those from bounds[p] to bounds[p + 1].
        column: (P,) slip point of each surface's first point; -1 for a foot, which is held by its own.
        rests, planted: (T, P) surfaces that rest, and those of them that do not move.
        feet_pull, feet_slip: (T, G) and (T, M) what holds the feet.
        push: weight of what sinks; slip of what is planted; firm and loose: shares of `push` that draw down what is planted, and
            what rests but moves.
        pull, slips: (T, G) and (T, M), written to.
        changed: (T,) set true where that is something else than before.
    """
    nj, surfaces = len(tree.parent), len(column)
    pos, rot, axis = np.empty((nj + 1, 3)), np.empty((nj + 1, 3, 3)), np.empty((nj, 3))
    point, gap = np.empty(3), np.empty(len(rows))
    choice, last = np.empty(surfaces, np.int64), np.full(surfaces, -1)
    old_pull, old_slip = np.empty(pull.shape[1]), np.empty(slips.shape[1])
    for f in range(len(pull)):
        old_pull[:], old_slip[:] = pull[f], slips[f]
        pull[f], slips[f] = feet_pull[f], feet_slip[f]
        choice[:] = -1
        if rests[f].any():
            k.forward(
                pose.root_pos[f], pose.root_rot[f], pose.q[f], tree.parent, tree.rot0, tree.pos0, tree.axis0, pos, rot, axis
            )
            for p in range(surfaces):
                if rests[f, p]:
                    own = rows[bounds[p] : bounds[p + 1]]
                    for i in range(len(own)):
                        k.carried(pos, rot, ground.body[own[i]], ground.offset[own[i]], point)
                        gap[i] = point[2] - ground.clearance[own[i]]
                        if column[p] < 0:
                            pull[f, own[i]] = 0.0
                    choice[p] = chosen_point(gap[: len(own)], last[p])
                    share = 1.0 if gap[choice[p]] < 0.0 else (firm if planted[f, p] else loose)
                    pull[f, own[choice[p]]] = share * push
                    if column[p] >= 0 and f + 1 < len(pull) and planted[f, p] and rests[f + 1, p] and planted[f + 1, p]:
                        slips[f, column[p] + choice[p]] = slip
        last[:] = choice
        changed[f] = changed[f] or (old_pull != pull[f]).any() or (old_slip != slips[f]).any()
