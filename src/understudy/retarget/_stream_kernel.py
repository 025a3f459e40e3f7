"""Compiled solve of one frame: dense normal equations, a Cholesky factorisation, and the one-sided terms' active sets.

The unknowns are root position (3,), root rotation (3, 3) and joints (J,); the tangent is that of `_kernels`.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np

from understudy.geom.arrays import F64, I64, U8
from understudy.kinematics.segments import closest_on_segments
from understudy.retarget import _kernels as k
from understudy.retarget._tables import Capsules, Ground, Stiff, Tree, Vectors

TOUCH_M = 0.05
"""Capsules further apart than this are not looked at."""
LARGEST = 0.5
"""Most that one iteration moves, radians or metres."""
RESTLESS, DAMPED, MOST_DAMPING = 0.01, 0.02, 1e3
"""Steps over the first that do not shrink are damped, with at least the second and at most the third."""


class Asked(NamedTuple):
    """What one frame is asked.

    target (V, 3) and weight (V,) of the vector tasks; rest (J,) and rest_weight (J,) of the pull on each joint; before (J,) the
    joints of the frame before and step (J,) most that each turns from there.
    """

    target: F64
    weight: F64
    rest: F64
    rest_weight: F64
    before: F64
    step: F64


class InForce(NamedTuple):
    """One-sided terms in force: ground (G,), limit (J,), pair (P,), speed (J,); limit and speed: 1 for lower, 2 for upper."""

    ground: U8
    limit: U8
    pair: U8
    speed: U8


class Room(NamedTuple):
    """Work space: kinematics of a frame, its normal equations, and small vectors."""

    pos: F64
    rot: F64
    axis: F64
    h: F64
    g: F64
    jac: F64
    lin: F64
    ang: F64
    ends: F64
    small: F64
    row: F64


def make_room(tree: Tree, caps: Capsules) -> Room:
    """Work space for a robot."""
    joints = len(tree.parent)
    nv = 6 + joints
    return Room(
        pos=np.empty((joints + 1, 3)), rot=np.empty((joints + 1, 3, 3)), axis=np.empty((joints, 3)),
        h=np.empty((nv, nv)), g=np.empty(nv), jac=np.zeros((3, nv)),
        lin=np.empty((joints + 1, 3)), ang=np.empty((joints + 1, 3)), ends=np.empty((len(caps.body), 2, 3)),
        small=np.empty((5, 3)), row=np.empty(nv),
    )  # fmt: skip


@nb.njit(cache=True, nogil=True)
def solve_frame(
    tree: Tree, vec: Vectors, ground: Ground, caps: Capsules, stiff: Stiff, asked: Asked, force: InForce, room: Room,
    root_pos: F64, root_rot: F64, q: F64, iterations: int, enough: float, damping: float,
) -> int:  # fmt: skip
    """Gauss-Newton from the pose given, in place; returns the iterations taken (stops when no entry moves by `enough`)."""
    nv, calm, last = 6 + len(q), damping, 0.0
    cols = np.empty(nv, np.int64)
    room.g[:] = 0.0
    k.forward(root_pos, root_rot, q, tree.parent, tree.rot0, tree.pos0, tree.axis0, room.pos, room.rot, room.axis)
    _predict(tree, ground, caps, stiff, asked, force, room, q)
    for iteration in range(iterations):
        room.h[:, :] = 0.0
        room.g[:] = 0.0
        _add_terms(tree, vec, ground, caps, stiff, asked, force, room, q, cols)
        for i in range(nv):
            room.h[i, i] += damping
        if not k.cholesky_solve(room.h, room.g):
            return iteration
        largest = 0.0
        for i in range(nv):
            largest = max(largest, abs(room.g[i]))
        if not np.isfinite(room.g.sum()):
            return iteration
        restless = largest > RESTLESS and last > 0.0 and largest > 0.7 * last
        damping = min(5.0 * max(damping, DAMPED), MOST_DAMPING) if restless else max(0.4 * damping, calm)
        last = largest
        if largest > LARGEST:
            for i in range(nv):
                room.g[i] *= LARGEST / largest
        _predict(tree, ground, caps, stiff, asked, force, room, q)
        for i in range(3):
            root_pos[i] -= room.g[i]
        k.turn(root_rot, -room.g[3], -room.g[4], -room.g[5])
        for i in range(len(q)):
            q[i] -= room.g[6 + i]
        k.forward(root_pos, root_rot, q, tree.parent, tree.rot0, tree.pos0, tree.axis0, room.pos, room.rot, room.axis)
        if largest < enough:
            return iteration + 1
    return iterations


@nb.njit(cache=True, nogil=True)
def _add_terms(
    tree: Tree,
    vec: Vectors,
    ground: Ground,
    caps: Capsules,
    stiff: Stiff,
    asked: Asked,
    force: InForce,
    room: Room,
    q: F64,
    cols: F64,
) -> None:
    """Everything asked of the frame into `room.h` (lower triangle) and `room.g`."""
    pa, pb, arm, on_p, on_q = room.small[0], room.small[1], room.small[2], room.small[3], room.small[4]
    k.add_vector_tasks(
        room.pos, room.rot, room.axis, vec.a_body, vec.a_off, vec.b_body, vec.b_off, vec.inv_len,
        tree.chain, tree.chain_len, vec.cols, vec.col_len,
        asked.target, asked.weight, room.h, room.g, room.jac, pa, pb, arm,
    )  # fmt: skip
    k.add_joint_terms(q, asked.rest, asked.rest_weight, tree.lower, tree.upper, stiff.limit, force.limit, room.h, room.g)
    for i in range(len(q)):
        if force.speed[i] != 0:
            off = q[i] - asked.before[i] - (asked.step[i] if force.speed[i] == 2 else -asked.step[i])
            room.h[6 + i, 6 + i] += stiff.speed
            room.g[6 + i] += stiff.speed * off
    _add_ground(tree, ground, stiff.ground, force.ground, room, cols)
    k.add_collisions(
        room.pos, room.rot, room.axis, caps.body, caps.a, caps.b, caps.radius, caps.pair, stiff.margin, stiff.pair, force.pair,
        tree.chain, tree.chain_len, cols, room.h, room.g, room.jac, room.ends, on_p, on_q, arm, room.row,
    )  # fmt: skip


@nb.njit(cache=True, nogil=True)
def _add_ground(tree: Tree, ground: Ground, weight: float, active: U8, room: Room, cols: I64) -> None:
    """Heights of the points that are, or are about to be, below their clearance."""
    point, arm = room.small[0], room.small[2]
    for n in range(len(ground.body)):
        if active[n] == 0:
            continue
        b = ground.body[n]
        k.carried(room.pos, room.rot, b, ground.offset[n], point)
        count = 6 + tree.chain_len[b]
        for c in range(count):
            col = c if c < 6 else 6 + tree.chain[b, c - 6]
            cols[c] = col
            for i in range(3):
                room.jac[i, col] = 0.0
        k.point_columns(room.pos, room.axis, point, tree.chain[b], tree.chain_len[b], 1.0, room.jac, arm)
        off = point[2] - ground.clearance[n]
        for a in range(count):
            i = cols[a]
            w = weight * room.jac[2, i]
            room.g[i] += w * off
            for c in range(count):
                if cols[c] <= i:
                    room.h[i, cols[c]] += w * room.jac[2, cols[c]]


@nb.njit(cache=True, nogil=True)
def _predict(tree: Tree, ground: Ground, caps: Capsules, stiff: Stiff, asked: Asked, force: InForce, room: Room, q: F64) -> None:
    """Which one-sided terms are in force after the step -room.g: those whose predicted value is negative."""
    point, va, vb, on_p, on_q = room.small[0], room.small[1], room.small[2], room.small[3], room.small[4]
    for i in range(6 + len(q)):
        room.row[i] = -room.g[i]
    k.twist(room.row, room.pos, room.axis, tree.parent, room.lin, room.ang)
    for n in range(len(ground.body)):
        k.carried(room.pos, room.rot, ground.body[n], ground.offset[n], point)
        k.moved(point, ground.body[n], room.pos, room.lin, room.ang, va)
        force.ground[n] = 1 if point[2] + va[2] < ground.clearance[n] else 0
    k.capsule_ends(room.pos, room.rot, caps.body, caps.a, caps.b, room.ends)
    for n in range(len(caps.pair)):
        i, j = caps.pair[n, 0], caps.pair[n, 1]
        force.pair[n] = 0
        if k.between_middles(room.ends[i], room.ends[j]) - caps.reach[i] - caps.reach[j] > TOUCH_M:
            continue
        gap = closest_on_segments(room.ends[i, 0], room.ends[i, 1], room.ends[j, 0], room.ends[j, 1], on_p, on_q)
        clear = gap - caps.radius[i] - caps.radius[j]
        if clear >= TOUCH_M:
            continue
        k.moved(on_p, caps.body[i], room.pos, room.lin, room.ang, va)
        k.moved(on_q, caps.body[j], room.pos, room.lin, room.ang, vb)
        for x in range(3):
            clear += (on_p[x] - on_q[x]) * (va[x] - vb[x]) / max(gap, 1e-6)
        force.pair[n] = 1 if clear < stiff.margin else 0
    for i in range(len(q)):
        pred = q[i] + room.row[6 + i]
        force.limit[i] = 1 if pred < tree.lower[i] else (2 if pred > tree.upper[i] else 0)
        turned = pred - asked.before[i]
        force.speed[i] = 2 if turned > asked.step[i] else (1 if turned < -asked.step[i] else 0)


@nb.njit(cache=True, nogil=True)
def misfit(vec: Vectors, room: Room, target: F64, row: int) -> float:
    """How far one vector of the frame that was solved last is from its target."""
    a, b = vec.a_body[row], vec.b_body[row]
    begin, end = room.small[0], room.small[1]
    k.carried(room.pos, room.rot, b, vec.b_off[row], end)
    begin[:] = 0.0
    if a >= 0:
        k.carried(room.pos, room.rot, a, vec.a_off[row], begin)
    off = 0.0
    for i in range(3):
        off += ((end[i] - begin[i]) * vec.inv_len[row] - target[row, i]) ** 2
    return float(np.sqrt(off))


@nb.njit(cache=True, nogil=True)
def quat_of(rot: F64) -> F64:
    """(4,) unit quaternion wxyz, w not negative, of a rotation matrix (3, 3): from the largest of its four parts."""
    out = np.empty(4)
    trace = rot[0, 0] + rot[1, 1] + rot[2, 2]
    largest = 0
    for i in range(3):
        if 2.0 * rot[i, i] - trace > (trace if largest == 0 else 2.0 * rot[largest - 1, largest - 1] - trace):
            largest = i + 1
    if largest == 0:
        out[0] = 1.0 + trace
        for i in range(3):
            out[i + 1] = rot[(i + 2) % 3, (i + 1) % 3] - rot[(i + 1) % 3, (i + 2) % 3]
    else:
        i = largest - 1
        j, m = (i + 1) % 3, (i + 2) % 3
        out[0] = rot[m, j] - rot[j, m]
        out[i + 1] = 1.0 + 2.0 * rot[i, i] - trace
        out[j + 1] = rot[j, i] + rot[i, j]
        out[m + 1] = rot[m, i] + rot[i, m]
    size = np.sqrt((out**2).sum()) * (1.0 if out[0] >= 0.0 else -1.0)
    for i in range(4):
        out[i] /= size
    return out
