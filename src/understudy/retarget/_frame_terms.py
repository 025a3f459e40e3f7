"""Compiled terms of one frame: what each adds to the frame's equations, in the columns of the part being solved.

Rows are laid out as in `_elimination`: right-hand side first, then the upper triangle of the frame's own block. `place` maps a
tangent column (root translation 3, root rotation 3, joints J) to its row, or to -1 where that column is held.
"""

from __future__ import annotations

import numba as nb

from understudy.geom.arrays import F64, I64, U8
from understudy.kinematics.segments import closest_on_segments
from understudy.retarget import _kernels as k
from understudy.retarget._elimination import LEAD
from understudy.retarget._tables import Capsules, Ground, Tree, Vectors

SHARED, TIP, TAIL = 0, 1, 2
"""How a joint moves a vector: as a whole, at its tip, or at its tail."""


@nb.njit(cache=True, nogil=True, inline="always")
def _turn(out: F64, x: float, y: float, z: float, ax: float, ay: float, az: float, scale: float) -> None:
    """out (3,) = scale (x, y, z) x (ax, ay, az)."""
    out[0] = scale * (y * az - z * ay)
    out[1] = scale * (z * ax - x * az)
    out[2] = scale * (x * ay - y * ax)


@nb.njit(cache=True, nogil=True)
def add_vectors(
    vec: Vectors, place: I64, pos: F64, rot: F64, axis: F64, target: F64, weight: F64,
    rows: F64, at: I64, jac: F64, pa: F64, pb: F64, r: F64,
) -> None:  # fmt: skip
    """Terms w |(p_b - p_a) / L - target|^2 of the frame's vector tasks."""
    for v in range(len(vec.a_body)):
        w = weight[v]
        if w == 0.0:
            continue
        a, inv = vec.a_body[v], vec.inv_len[v]
        k.carried(pos, rot, vec.b_body[v], vec.b_off[v], pb)
        if a >= 0:
            k.carried(pos, rot, a, vec.a_off[v], pa)
        else:
            pa[:] = 0.0
        x, y, z = pb[0] - pa[0], pb[1] - pa[1], pb[2] - pa[2]
        count = 0
        for n in range(vec.col_len[v]):
            c = vec.cols[v, n]
            if place[c] < 0:
                continue
            at[count] = place[c]
            j = jac[count]
            if c < 3:
                j[:] = 0.0
                j[c] = inv
            elif c < 6:
                ux, uy, uz = (1.0 if c == 3 else 0.0), (1.0 if c == 4 else 0.0), (1.0 if c == 5 else 0.0)
                if a >= 0:
                    _turn(j, ux, uy, uz, x, y, z, inv)
                else:
                    _turn(j, ux, uy, uz, pb[0] - pos[0, 0], pb[1] - pos[0, 1], pb[2] - pos[0, 2], inv)
            else:
                u, o = axis[c - 6], pos[c - 5]
                if vec.moves[v, n] == SHARED:
                    _turn(j, u[0], u[1], u[2], x, y, z, inv)
                elif vec.moves[v, n] == TIP:
                    _turn(j, u[0], u[1], u[2], pb[0] - o[0], pb[1] - o[1], pb[2] - o[2], inv)
                else:
                    _turn(j, u[0], u[1], u[2], pa[0] - o[0], pa[1] - o[1], pa[2] - o[2], -inv)
            count += 1
        r[0], r[1], r[2] = x * inv - target[v, 0], y * inv - target[v, 1], z * inv - target[v, 2]
        for i in range(count):
            row, p = rows[at[i]], at[i]
            j0, j1, j2 = w * jac[i, 0], w * jac[i, 1], w * jac[i, 2]
            row[0] += j0 * r[0] + j1 * r[1] + j2 * r[2]
            row[LEAD + p] += j0 * jac[i, 0] + j1 * jac[i, 1] + j2 * jac[i, 2]
            for b in range(i + 1, count):
                row[LEAD + at[b]] += j0 * jac[b, 0] + j1 * jac[b, 1] + j2 * jac[b, 2]


@nb.njit(cache=True, nogil=True)
def cost_of_vectors(vec: Vectors, pos: F64, rot: F64, target: F64, weight: F64, pa: F64, pb: F64) -> float:
    """Sum of the terms of `add_vectors` over all tasks."""
    cost = 0.0
    for v in range(len(vec.a_body)):
        if weight[v] == 0.0:
            continue
        k.carried(pos, rot, vec.b_body[v], vec.b_off[v], pb)
        if vec.a_body[v] >= 0:
            k.carried(pos, rot, vec.a_body[v], vec.a_off[v], pa)
        else:
            pa[:] = 0.0
        for i in range(3):
            cost += weight[v] * ((pb[i] - pa[i]) * vec.inv_len[v] - target[v, i]) ** 2
    return cost


@nb.njit(cache=True, nogil=True)
def add_joints(tree: Tree, cols: I64, q: F64, limit_weight: float, active: U8, damping: float, rows: F64) -> None:
    """Damping of every column, the pull of joints to the rest pose, and one-sided limits where `active` is 1 (lower) or 2."""
    for i in range(len(cols)):
        rows[i, LEAD + i] += damping
        if cols[i] < 6:
            continue
        j = cols[i] - 6
        rows[i, LEAD + i] += tree.rest_weight[j]
        rows[i, 0] += tree.rest_weight[j] * (q[j] - tree.rest[j])
        if active[j] != 0:
            rows[i, LEAD + i] += limit_weight
            rows[i, 0] += limit_weight * (q[j] - (tree.lower[j] if active[j] == 1 else tree.upper[j]))


@nb.njit(cache=True, nogil=True)
def _body_heights(tree: Tree, place: I64, pos: F64, rot: F64, axis: F64, body: int, at: I64, jac: F64) -> int:
    """How each column changes a body's height and the height of its three axes' tips: jac (count, 4); returns how many."""
    count = 0
    u, o = rot[body], pos[body]
    for c in range(2, 5):
        if place[c] < 0:
            continue
        at[count] = place[c]
        j = jac[count]
        if c == 2:
            j[0], j[1], j[2], j[3] = 1.0, 0.0, 0.0, 0.0
        elif c == 3:
            j[0], j[1], j[2], j[3] = o[1] - pos[0, 1], u[1, 0], u[1, 1], u[1, 2]
        else:
            j[0], j[1], j[2], j[3] = pos[0, 0] - o[0], -u[0, 0], -u[0, 1], -u[0, 2]
        count += 1
    for n in range(tree.chain_len[body]):
        k_ = tree.chain[body, n]
        if place[6 + k_] < 0:
            continue
        at[count] = place[6 + k_]
        x, y = axis[k_, 0], axis[k_, 1]
        j = jac[count]
        j[0] = x * (o[1] - pos[k_ + 1, 1]) - y * (o[0] - pos[k_ + 1, 0])
        for d in range(3):
            j[1 + d] = x * u[1, d] - y * u[0, d]
        count += 1
    return count


@nb.njit(cache=True, nogil=True)
def add_ground(
    tree: Tree, ground: Ground, place: I64, pos: F64, rot: F64, axis: F64, pull: F64, push: float, active: U8,
    rows: F64, at: I64, jac: F64, moment: F64, first: F64,
) -> None:  # fmt: skip
    """Height terms: w (z - clearance)^2 two-sided with weight `pull[n]`, or one-sided with `push` where active.

    Points of one body follow each other in the table, and their heights are affine in its pose: together they are one term
    with the second moments of their weights.
    """
    total, n = len(ground.body), 0
    while n < total:
        body, some = ground.body[n], False
        while n < total and ground.body[n] == body:
            w = pull[n] if pull[n] != 0.0 else (push if active[n] != 0 else 0.0)
            if w != 0.0:
                if not some:
                    moment[:, :] = 0.0
                    first[:] = 0.0
                    some = True
                x, y, z = ground.offset[n, 0], ground.offset[n, 1], ground.offset[n, 2]
                u = rot[body, 2]
                r = w * (pos[body, 2] + u[0] * x + u[1] * y + u[2] * z - ground.clearance[n])
                wx, wy, wz = w * x, w * y, w * z
                first[0] += r
                first[1] += r * x
                first[2] += r * y
                first[3] += r * z
                moment[0, 0] += w
                moment[0, 1] += wx
                moment[0, 2] += wy
                moment[0, 3] += wz
                moment[1, 1] += wx * x
                moment[1, 2] += wx * y
                moment[1, 3] += wx * z
                moment[2, 2] += wy * y
                moment[2, 3] += wy * z
                moment[3, 3] += wz * z
            n += 1
        if some:
            _add_moments(_body_heights(tree, place, pos, rot, axis, body, at, jac), at, jac, moment, first, rows)


@nb.njit(cache=True, nogil=True)
def _add_moments(count: int, at: I64, jac: F64, moment: F64, first: F64, rows: F64) -> None:
    for i in range(1, 4):
        for j in range(i):
            moment[i, j] = moment[j, i]
    for a in range(count):
        j0, j1, j2, j3 = jac[a, 0], jac[a, 1], jac[a, 2], jac[a, 3]
        q0 = j0 * moment[0, 0] + j1 * moment[1, 0] + j2 * moment[2, 0] + j3 * moment[3, 0]
        q1 = j0 * moment[0, 1] + j1 * moment[1, 1] + j2 * moment[2, 1] + j3 * moment[3, 1]
        q2 = j0 * moment[0, 2] + j1 * moment[1, 2] + j2 * moment[2, 2] + j3 * moment[3, 2]
        q3 = j0 * moment[0, 3] + j1 * moment[1, 3] + j2 * moment[2, 3] + j3 * moment[3, 3]
        row = rows[at[a]]
        row[0] += j0 * first[0] + j1 * first[1] + j2 * first[2] + j3 * first[3]
        for b in range(a, count):
            row[LEAD + at[b]] += q0 * jac[b, 0] + q1 * jac[b, 1] + q2 * jac[b, 2] + q3 * jac[b, 3]


@nb.njit(cache=True, nogil=True)
def _exclusive(
    tree: Tree, place: I64, pos: F64, axis: F64, body: int, common: int, point: F64,
    nx: float, ny: float, nz: float, count: int, at: I64, jac: F64,
) -> int:  # fmt: skip
    """Append the joints of a body's chain beyond the first `common`: how they move a point along a direction."""
    for n in range(common, tree.chain_len[body]):
        j = tree.chain[body, n]
        if place[6 + j] < 0:
            continue
        x, y, z = point[0] - pos[j + 1, 0], point[1] - pos[j + 1, 1], point[2] - pos[j + 1, 2]
        ax, ay, az = axis[j, 0], axis[j, 1], axis[j, 2]
        at[count] = place[6 + j]
        jac[count, 0] = nx * (ay * z - az * y) + ny * (az * x - ax * z) + nz * (ax * y - ay * x)
        count += 1
    return count


@nb.njit(cache=True, nogil=True)
def _sort_columns(at: I64, jac: F64, count: int) -> None:
    """Put rows in ascending order of their column (insertion sort: two runs that are sorted already)."""
    for a in range(1, count):
        column, value, b = at[a], jac[a, 0], a
        while b > 0 and at[b - 1] > column:
            at[b], jac[b, 0] = at[b - 1], jac[b - 1, 0]
            b -= 1
        at[b], jac[b, 0] = column, value


@nb.njit(cache=True, nogil=True)
def add_collisions(
    tree: Tree, caps: Capsules, place: I64, pos: F64, rot: F64, axis: F64, margin: float, weight: float, active: U8,
    rows: F64, at: I64, jac: F64, ends: F64, on_p: F64, on_q: F64,
) -> None:  # fmt: skip
    """One-sided terms w (d - margin)^2 of active capsule pairs; the witness points move with their bodies.

    Columns that move both bodies as one do not change their distance, so only joints of one of them appear.
    """
    some = 0
    for n in range(len(active)):
        some |= active[n]
    if some == 0:
        return
    for n in range(len(caps.pair)):
        if active[n] == 0:
            continue
        i, j = caps.pair[n, 0], caps.pair[n, 1]
        for c, e in ((i, 0), (j, 1)):
            k.carried(pos, rot, caps.body[c], caps.a[c], ends[e, 0])
            k.carried(pos, rot, caps.body[c], caps.b[c], ends[e, 1])
        d = closest_on_segments(ends[0, 0], ends[0, 1], ends[1, 0], ends[1, 1], on_p, on_q)
        if d < 1e-6:
            continue
        nx, ny, nz = (on_p[0] - on_q[0]) / d, (on_p[1] - on_q[1]) / d, (on_p[2] - on_q[2]) / d
        p, q = caps.body[i], caps.body[j]
        common = 0
        while common < min(tree.chain_len[p], tree.chain_len[q]) and tree.chain[p, common] == tree.chain[q, common]:
            common += 1
        count = _exclusive(tree, place, pos, axis, p, common, on_p, nx, ny, nz, 0, at, jac)
        count = _exclusive(tree, place, pos, axis, q, common, on_q, -nx, -ny, -nz, count, at, jac)
        _sort_columns(at, jac, count)
        r = max(d - caps.radius[i] - caps.radius[j] - margin, -k.PUSH_M)
        for a in range(count):
            w = weight * jac[a, 0]
            rows[at[a], 0] += w * r
            for b in range(a, count):
                rows[at[a], LEAD + at[b]] += w * jac[b, 0]
