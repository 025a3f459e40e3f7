"""Compiled loops over frames: the band matrix of the whole-clip problem, and taking its step."""

from __future__ import annotations

import numba as nb
import numpy as np

from understudy.geom.arrays import F64, U8
from understudy.retarget import _kernels as k
from understudy.retarget._tables import Active, Capsules, Drive, Ground, Pose, Stiff, Tree, Vectors

TOUCH_M = 0.05
"""Capsules further apart than this are not looked at: what a linear prediction says of them is not to be trusted."""
LARGEST = 0.5
"""Most that a frame moves in one step, radians or metres."""


@nb.njit(cache=True, nogil=True)
def _slip_jacobians(tree: Tree, ground: Ground, pos: F64, rot: F64, axis: F64, points: F64, jacs: F64, arm: F64) -> None:
    for m in range(len(ground.slip_body)):
        b = ground.slip_body[m]
        k.carried(pos, rot, b, ground.slip_offset[m], points[m])
        jacs[m] = 0.0
        k.point_columns(pos, axis, points[m], tree.chain[b], tree.chain_len[b], 1.0, jacs[m], arm)


@nb.njit(cache=True, nogil=True)
def _add_slip(
    tree: Tree,
    ground: Ground,
    weight: F64,
    slide: F64,
    p0: F64,
    j0: F64,
    p1: F64,
    j1: F64,
    column: int,
    nv: int,
    band: F64,
    rhs: F64,
) -> None:
    """Terms w |p(f + 1) - p(f) - slide|^2 in the ground plane: diagonal blocks of both frames and the block between them."""
    cols = np.empty(6 + len(tree.parent), np.int64)
    for m in range(len(ground.slip_body)):
        w = weight[m]
        if w == 0.0:
            continue
        b = ground.slip_body[m]
        count = 6 + tree.chain_len[b]
        for c in range(6):
            cols[c] = c
        for c in range(tree.chain_len[b]):
            cols[6 + c] = 6 + tree.chain[b, c]
        for x in range(2):
            r = p1[m, x] - p0[m, x] - slide[m, x]
            for a in range(count):
                i = cols[a]
                w0, w1 = w * j0[m, x, i], w * j1[m, x, i]
                rhs[column + i] -= w0 * r
                rhs[column + nv + i] += w1 * r
                for c in range(count):
                    j = cols[c]
                    if j <= i:
                        band[i - j, column + j] += w0 * j0[m, x, j]
                        band[i - j, column + nv + j] += w1 * j1[m, x, j]
                    band[nv + i - j, column + j] -= w1 * j0[m, x, j]


@nb.njit(cache=True, nogil=True)
def _add_acceleration(w: F64, pose: Pose, f: int, column: int, nv: int, band: F64, rhs: F64, r0: F64, r1: F64) -> None:
    """Terms w (x(f + 2) - 2 x(f + 1) + x(f))^2, owned by their first frame f."""
    k.relative_rotvec(pose.root_rot[f], pose.root_rot[f + 1], r0)
    k.relative_rotvec(pose.root_rot[f + 1], pose.root_rot[f + 2], r1)
    for i in range(nv):
        wi = w[i]
        if i < 3:
            r = pose.root_pos[f + 2, i] - 2.0 * pose.root_pos[f + 1, i] + pose.root_pos[f, i]
        elif i < 6:
            r = r1[i - 3] - r0[i - 3]
        else:
            r = pose.q[f + 2, i - 6] - 2.0 * pose.q[f + 1, i - 6] + pose.q[f, i - 6]
        c0, c1, c2 = column + i, column + nv + i, column + 2 * nv + i
        band[0, c0] += wi
        band[0, c1] += 4.0 * wi
        band[0, c2] += wi
        band[nv, c0] -= 2.0 * wi
        band[nv, c1] -= 2.0 * wi
        band[2 * nv, c0] += wi
        rhs[c0] += wi * r
        rhs[c1] -= 2.0 * wi * r
        rhs[c2] += wi * r


@nb.njit(cache=True, nogil=True)
def _add_speed(w: float, step: F64, active: U8, pose: Pose, f: int, column: int, nv: int, band: F64, rhs: F64) -> None:
    """Terms w (|q(f + 1) - q(f)| - step)^2 of joints that turn too fast into frame f + 1."""
    for i in range(len(step)):
        if active[i] == 0:
            continue
        r = pose.q[f + 1, i] - pose.q[f, i] - (step[i] if active[i] == 1 else -step[i])
        c0, c1 = column + 6 + i, column + nv + 6 + i
        band[0, c0] += w
        band[0, c1] += w
        band[nv, c0] -= w
        rhs[c0] -= w * r
        rhs[c1] += w * r


@nb.njit(cache=True, nogil=True)
def assemble(
    tree: Tree, vec: Vectors, ground: Ground, caps: Capsules, drive: Drive, stiff: Stiff, damping: F64,
    active: Active, pose: Pose,
    first: int, stop: int, band: F64, rhs: F64,
) -> float:  # fmt: skip
    """Normal equations of frames [first, stop) into `band` (3 nv, (n + 2) nv) and `rhs`; returns the data cost.

    A term belongs to its earliest frame, so the last two frames of the band hold what this stretch adds to its successor.
    """
    total, nj = len(pose.q), len(tree.parent)
    nv = 6 + nj
    band[:, :] = 0.0
    rhs[:] = 0.0
    pos, rot, axis = np.empty((nj + 1, 3)), np.empty((nj + 1, 3, 3)), np.empty((nj, 3))
    h, g, jac = np.empty((nv, nv)), np.empty(nv), np.zeros((3, nv))
    pa, pb, arm, on_p, on_q, row = np.empty(3), np.empty(3), np.empty(3), np.empty(3), np.empty(3), np.empty(nv)
    cols, ends = np.empty(nv, np.int64), np.empty((len(caps.body), 2, 3))
    slips = len(ground.slip_body)
    p0, p1, j0, j1 = np.zeros((slips, 3)), np.zeros((slips, 3)), np.zeros((slips, 3, nv)), np.zeros((slips, 3, nv))
    cost = 0.0
    for f in range(first, min(stop + 1, total)):
        k.forward(pose.root_pos[f], pose.root_rot[f], pose.q[f], tree.parent, tree.rot0, tree.pos0, tree.axis0, pos, rot, axis)
        column = (f - first) * nv
        _slip_jacobians(tree, ground, pos, rot, axis, p1, j1, arm)
        if f > first:
            _add_slip(tree, ground, drive.slip[f - 1], drive.slide[f - 1], p0, j0, p1, j1, column - nv, nv, band, rhs)
        p0[:, :] = p1
        j0[:, :, :] = j1
        if f == stop:
            break
        h[:, :] = 0.0
        g[:] = 0.0
        cost += k.add_vector_tasks(
            pos, rot, axis, vec.a_body, vec.a_off, vec.b_body, vec.b_off, vec.inv_len,
                tree.chain, tree.chain_len, vec.cols, vec.col_len,
            drive.target[f], drive.weight[f], h, g, jac, pa, pb, arm,
        )  # fmt: skip
        k.add_joint_terms(pose.q[f], tree.rest, tree.rest_weight, tree.lower, tree.upper, stiff.limit, active.limit[f], h, g)
        k.add_ground(
            pos, rot, axis, ground.body, ground.offset, ground.clearance, drive.pull[f], stiff.ground, active.ground[f],
            tree.chain, tree.chain_len, cols, h, g, jac, pa, arm,
        )  # fmt: skip
        k.add_collisions(
            pos, rot, axis, caps.body, caps.a, caps.b, caps.radius, caps.pair, stiff.margin, stiff.pair, active.pair[f],
            tree.chain, tree.chain_len, cols, h, g, jac, ends, on_p, on_q, arm, row,
        )  # fmt: skip
        for j in range(nv):
            for i in range(j, nv):
                band[i - j, column + j] += h[i, j]
            band[0, column + j] += damping[f]
            rhs[column + j] += g[j]
        if f + 1 < total:
            _add_speed(stiff.speed, drive.step, active.speed[f + 1], pose, f, column, nv, band, rhs)
        if f + 2 < total:
            _add_acceleration(drive.accel[f + 1], pose, f, column, nv, band, rhs, on_p, on_q)
    return cost


@nb.njit(cache=True, nogil=True)
def take_step(
    tree: Tree, ground: Ground, caps: Capsules, stiff: Stiff, active: Active, pose: Pose, most: F64, step: F64,
    first: int, stop: int, size: F64,
) -> None:  # fmt: skip
    """Predict every one-sided term, set the active ones, and move by -step (n, nv).

    Fills `size` (n,), each frame's largest entry. No frame moves by more than LARGEST in one step. `most` (J,): see `Drive.step`.

    A term is active where its *predicted* value is negative: deciding by the present sign never settles.
    """
    nj = len(tree.parent)
    pos, rot, axis = np.empty((nj + 1, 3)), np.empty((nj + 1, 3, 3)), np.empty((nj, 3))
    lin, ang, d = np.empty((nj + 1, 3)), np.empty((nj + 1, 3)), np.empty(6 + nj)
    point, va, vb, on_p, on_q = np.empty(3), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    ends = np.empty((len(caps.body), 2, 3))
    for f in range(first, stop):
        largest = 0.0
        for i in range(6 + nj):
            largest = max(largest, abs(step[f - first, i]))
        size[f - first] = largest
        share = LARGEST / largest if largest > LARGEST else 1.0
        for i in range(6 + nj):
            d[i] = -share * step[f - first, i]
        k.forward(pose.root_pos[f], pose.root_rot[f], pose.q[f], tree.parent, tree.rot0, tree.pos0, tree.axis0, pos, rot, axis)
        k.twist(d, pos, axis, tree.parent, lin, ang)
        for n in range(len(ground.body)):
            k.carried(pos, rot, ground.body[n], ground.offset[n], point)
            k.moved(point, ground.body[n], pos, lin, ang, va)
            active.ground[f, n] = 1 if point[2] + va[2] < ground.clearance[n] else 0
        k.capsule_ends(pos, rot, caps.body, caps.a, caps.b, ends)
        for n in range(len(caps.pair)):
            i, j = caps.pair[n, 0], caps.pair[n, 1]
            if k.far_apart(ends[i], ends[j], caps.reach[i] + caps.reach[j] + TOUCH_M):
                active.pair[f, n] = 0
                continue
            gap = k.closest_on_segments(ends[i, 0], ends[i, 1], ends[j, 0], ends[j, 1], on_p, on_q)
            k.moved(on_p, caps.body[i], pos, lin, ang, va)
            k.moved(on_q, caps.body[j], pos, lin, ang, vb)
            change = 0.0
            for x in range(3):
                change += (on_p[x] - on_q[x]) * (va[x] - vb[x]) / max(gap, 1e-6)
            active.pair[f, n] = (
                1
                if gap - caps.radius[i] - caps.radius[j] < TOUCH_M
                and gap + change - caps.radius[i] - caps.radius[j] < stiff.margin
                else 0
            )
        for i in range(nj):
            pred = pose.q[f, i] + d[6 + i]
            active.limit[f, i] = 1 if pred < tree.lower[i] else (2 if pred > tree.upper[i] else 0)
            pose.q[f, i] = pred
            turned = pred - pose.q[f - 1, i] if f > 0 else 0.0
            active.speed[f, i] = 1 if turned > most[i] else (2 if turned < -most[i] else 0)
        for i in range(3):
            pose.root_pos[f, i] += d[i]
        k.turn(pose.root_rot[f], d[3], d[4], d[5])
