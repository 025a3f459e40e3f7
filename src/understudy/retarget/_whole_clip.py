"""Compiled passes over the frames of a clip: equations and elimination forward, substitution backward, and the step itself."""

from __future__ import annotations

import numba as nb
import numpy as np

from understudy.geom.arrays import F32, F64, I64, U8
from understudy.retarget import _frame_terms as t
from understudy.retarget import _kernels as k
from understudy.retarget._elimination import eliminate, hand_on, substitute
from understudy.retarget._tables import Active, Capsules, Drive, Ground, Part, Pose, Stiff, Tree, Vectors

TOUCH_M = 0.05
"""Capsules further apart than this are not looked at: what a linear prediction says of them is not to be trusted."""
LARGEST = 0.5
"""Most that a frame moves in one step, radians or metres."""


@nb.njit(cache=True, nogil=True)
def _add_acceleration(w: F64, part: Part, pose: Pose, f: int, here: F64, following: F64, after: F64, r0: F64, r1: F64) -> None:
    """Terms w (x(f + 2) - 2 x(f + 1) + x(f))^2, owned by their first frame f."""
    n = len(part.cols)
    k.relative_rotvec(pose.root_rot[f], pose.root_rot[f + 1], r0)
    k.relative_rotvec(pose.root_rot[f + 1], pose.root_rot[f + 2], r1)
    for i in range(n):
        c = part.cols[i]
        wi = w[c]
        if c < 3:
            r = pose.root_pos[f + 2, c] - 2.0 * pose.root_pos[f + 1, c] + pose.root_pos[f, c]
        elif c < 6:
            r = r1[c - 3] - r0[c - 3]
        else:
            r = pose.q[f + 2, c - 6] - 2.0 * pose.q[f + 1, c - 6] + pose.q[f, c - 6]
        here[i, 1 + i] += wi
        here[i, 1 + n + i] -= 2.0 * wi
        here[i, 1 + 2 * n + i] += wi
        here[i, 0] += wi * r
        following[i, 1 + i] += 4.0 * wi
        following[i, 1 + n + i] -= 2.0 * wi
        following[i, 0] -= 2.0 * wi * r
        after[i, 1 + i] += wi
        after[i, 0] += wi * r


@nb.njit(cache=True, nogil=True)
def _add_speed(w: float, step: F64, part: Part, active: U8, pose: Pose, f: int, here: F64, following: F64) -> None:
    """Terms w (|q(f + 1) - q(f)| - step)^2 of joints that turn too fast into frame f + 1."""
    n = len(part.cols)
    for i in range(n):
        j = part.cols[i] - 6
        if j < 0 or active[j] == 0:
            continue
        r = pose.q[f + 1, j] - pose.q[f, j] - (step[j] if active[j] == 1 else -step[j])
        here[i, 1 + i] += w
        here[i, 1 + n + i] -= w
        here[i, 0] -= w * r
        following[i, 1 + i] += w
        following[i, 0] += w * r


@nb.njit(cache=True, nogil=True)
def _add_slips(
    tree: Tree, ground: Ground, part: Part, weight: F64, slide: F64,
    pos0: F64, rot0: F64, axis0: F64, pos1: F64, rot1: F64, axis1: F64,
    here: F64, following: F64, p0: F64, p1: F64, at: I64, j0: F64, j1: F64,
) -> None:  # fmt: skip
    for m in range(len(ground.slip_body)):
        if weight[m] == 0.0 or part.slip[m] == 0:
            continue
        t.planted(tree, ground, part.place, pos0, rot0, axis0, m, p0, at, j0)
        count = t.planted(tree, ground, part.place, pos1, rot1, axis1, m, p1, at, j1)
        t.add_slip(len(part.cols), count, at, weight[m], slide[m], p0, j0, p1, j1, here, following)


@nb.njit(cache=True, nogil=True)
def eliminated(
    tree: Tree, vec: Vectors, ground: Ground, caps: Capsules, drive: Drive, stiff: Stiff, parts: tuple[Part, Part],
    damping: F64, active: Active, pose: Pose, first: int, stop: int, rows: tuple[F64, F64],
) -> int:  # fmt: skip
    """Equations of frames [first, stop), eliminated one after the other, into `rows` (stop - first + 2, n, 1 + 3 n) of each part.

    The first two blocks of `rows` come in with what earlier frames handed on; the last two go out with what these hand on.
    A term belongs to its earliest frame; what couples one part to the other is left out. Returns the first frame whose
    equations are singular, or -1.
    """
    total, nj = len(pose.q), len(tree.parent)
    pos, rot, axis = np.empty((2, nj + 1, 3)), np.empty((2, nj + 1, 3, 3)), np.empty((2, nj, 3))
    at, jac, ends = np.empty(6 + nj, np.int64), np.empty((6 + nj, 4)), np.empty((2, 2, 3))
    pa, pb, on_p, on_q, r = np.empty(3), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    j0, j1, moment, weighed = np.empty((6 + nj, 2)), np.empty((6 + nj, 2)), np.empty((4, 4)), np.empty(4)
    k.forward(pose.root_pos[first], pose.root_rot[first], pose.q[first], tree.parent, tree.rot0, tree.pos0, tree.axis0,
              pos[0], rot[0], axis[0])  # fmt: skip
    now = 0
    for f in range(first, stop):
        p, o, x = pos[now], rot[now], axis[now]
        later = 1 - now
        if f + 1 < total:
            k.forward(pose.root_pos[f + 1], pose.root_rot[f + 1], pose.q[f + 1], tree.parent, tree.rot0, tree.pos0, tree.axis0,
                      pos[later], rot[later], axis[later])  # fmt: skip
        for which in range(len(parts)):
            part, n = parts[which], len(parts[which].cols)
            if n == 0:
                continue
            here, following, after = rows[which][f - first], rows[which][f - first + 1], rows[which][f - first + 2]
            after[:, :] = 0.0
            t.add_vectors(vec, part.task, part.place, p, o, x, drive.target[f], drive.weight[f], here, at, jac, pa, pb, r)
            t.add_joints(tree, part.cols, pose.q[f], stiff.limit, active.limit[f], damping[f], here)
            t.add_ground(
                tree, ground, part.ground, part.place, p, o, x, drive.pull[f], stiff.ground, active.ground[f],
                here, at, jac, moment, weighed,
            )  # fmt: skip
            t.add_collisions(
                tree, caps, part.pair, part.place, p, o, x, stiff.margin, stiff.pair, active.pair[f],
                here, at, jac, ends, on_p, on_q,
            )  # fmt: skip
            if f + 1 < total:
                _add_slips(
                    tree, ground, part, drive.slip[f], drive.slide[f], p, o, x, pos[later], rot[later], axis[later],
                    here, following, pa, pb, at, j0, j1,
                )  # fmt: skip
                _add_speed(stiff.speed, drive.step, part, active.speed[f + 1], pose, f, here, following)
            if f + 2 < total:
                _add_acceleration(drive.accel[f + 1], part, pose, f, here, following, after, on_p, on_q)
            if not eliminate(here, n):
                return f
            hand_on(here, following, after, n)
        now = later
    return -1


@nb.njit(cache=True, nogil=True)
def substituted(rows: F64, step: F64, n: int) -> None:
    """Steps (T + 2, n) of the frames of `rows`; the last two come in known."""
    for f in range(len(step) - 3, -1, -1):
        substitute(rows[f], step[f], step[f + 1], step[f + 2], n)


@nb.njit(cache=True, nogil=True)
def _predict_ground(ground: Ground, pos: F64, rot: F64, lin: F64, ang: F64, active: U8, point: F64, velocity: F64) -> None:
    for n in range(len(ground.body)):
        k.carried(pos, rot, ground.body[n], ground.offset[n], point)
        k.moved(point, ground.body[n], pos, lin, ang, velocity)
        active[n] = 1 if point[2] + velocity[2] < ground.clearance[n] else 0


@nb.njit(cache=True, nogil=True)
def _predict_pairs(
    caps: Capsules, margin: float, pos: F64, rot: F64, lin: F64, ang: F64, active: U8, wait: F32, gone: F32,
    ends: F64, va: F64, vb: F64, on_p: F64, on_q: F64,
) -> None:  # fmt: skip
    """Pairs that would come nearer than the margin. Two bodies far from each other are not looked at before they have moved
    that far."""
    k.capsule_ends(pos, rot, caps.body, caps.a, caps.b, ends)
    active[:] = 0
    for g in range(len(caps.meeting)):
        bi, bj = caps.meeting[g, 0], caps.meeting[g, 1]
        went = gone[bi] + gone[bj]
        if went < wait[g]:
            continue
        nearest = np.inf
        for n in range(caps.meeting[g, 2], caps.meeting[g, 3]):
            i, j = caps.pair[n, 0], caps.pair[n, 1]
            apart = k.between_middles(ends[i], ends[j]) - caps.reach[i] - caps.reach[j]
            if apart < TOUCH_M:
                gap = k.closest_on_segments(ends[i, 0], ends[i, 1], ends[j, 0], ends[j, 1], on_p, on_q)
                apart = gap - caps.radius[i] - caps.radius[j]
                if apart < TOUCH_M:
                    k.moved(on_p, bi, pos, lin, ang, va)
                    k.moved(on_q, bj, pos, lin, ang, vb)
                    change = 0.0
                    for x in range(3):
                        change += (on_p[x] - on_q[x]) * (va[x] - vb[x]) / max(gap, 1e-6)
                    active[n] = 1 if apart + change < margin else 0
            nearest = min(nearest, apart)
        wait[g] = went + 0.999 * (nearest - TOUCH_M)


@nb.njit(cache=True, nogil=True)
def _went(tree: Tree, step: F64, gone: F32) -> None:
    """Add to `gone` (B,) the most that a point of each body can have moved against the root."""
    for b in range(1, len(gone)):
        far = 0.0
        for n in range(tree.chain_len[b]):
            j = tree.chain[b, n]
            far += abs(step[6 + j]) * tree.lever[j]
        gone[b] += 1.001 * far


@nb.njit(cache=True, nogil=True)
def move(
    tree: Tree, ground: Ground, caps: Capsules, stiff: Stiff, active: Active, pose: Pose, most: F64, step: F64,
    first: int, stop: int, size: F64,
) -> None:  # fmt: skip
    """Predict every one-sided term, set the active ones, and move frames [first, stop) by -step (n, nv).

    Fills `size`, each frame's largest entry. No frame moves by more than LARGEST in one step. `most` (J,): see `Drive.step`.

    A term is active where its *predicted* value is negative: deciding by the present sign never settles.
    """
    nj = len(tree.parent)
    pos, rot, axis = np.empty((nj + 1, 3)), np.empty((nj + 1, 3, 3)), np.empty((nj, 3))
    lin, ang, d = np.empty((nj + 1, 3)), np.empty((nj + 1, 3)), np.zeros(6 + nj)
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
        _predict_ground(ground, pos, rot, lin, ang, active.ground[f], point, va)
        _predict_pairs(
            caps, stiff.margin, pos, rot, lin, ang, active.pair[f], active.wait[f], active.gone[f], ends, va, vb, on_p, on_q
        )
        for i in range(nj):
            predicted = pose.q[f, i] + d[6 + i]
            active.limit[f, i] = 1 if predicted < tree.lower[i] else (2 if predicted > tree.upper[i] else 0)
            pose.q[f, i] = predicted
            turned = predicted - pose.q[f - 1, i] if f > 0 else 0.0
            active.speed[f, i] = 1 if turned > most[i] else (2 if turned < -most[i] else 0)
        _went(tree, d, active.gone[f])
        for i in range(3):
            pose.root_pos[f, i] += d[i]
        k.turn(pose.root_rot[f], d[3], d[4], d[5])
