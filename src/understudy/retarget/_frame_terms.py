"""Compiled terms of one frame: what each adds to the frame's equations, in the columns of the part being solved.

Rows are laid out as in `_elimination`: right-hand side first, then the upper triangle of the frame's own block. `place` maps a
tangent column (root translation 3, root rotation 3, joints J) to its row, or to -1 where that column is held.
"""

from __future__ import annotations

import numba as nb

from understudy.geom.arrays import F64, I64, U8
from understudy.retarget import _kernels as k
from understudy.retarget._tables import Capsules, Ground, Tree, Vectors

SHARED, TIP, TAIL = 0, 1, 2
"""How a joint moves a vector: as a whole, at its tip, or at its tail."""


@nb.njit(cache=True, nogil=True, inline="always")
def _add_rows(rows: F64, at: I64, jac: F64, count: int, wide: int, weight: float, r: F64) -> None:
    """Add w |r + J x|^2 with J (count, wide) stored by columns of the tangent."""
    for a in range(count):
        i = at[a]
        row = rows[i]
        for d in range(wide):
            w = weight * jac[a, d]
            if w == 0.0:
                continue
            row[0] += w * r[d]
            for b in range(a, count):
                row[1 + at[b]] += w * jac[b, d]


@nb.njit(cache=True, nogil=True, inline="always")
def _turn(out: F64, x: float, y: float, z: float, ax: float, ay: float, az: float, scale: float) -> None:
    """out (3,) = scale (x, y, z) x (ax, ay, az)."""
    out[0] = scale * (y * az - z * ay)
    out[1] = scale * (z * ax - x * az)
    out[2] = scale * (x * ay - y * ax)


@nb.njit(cache=True, nogil=True)
def add_vectors(
    vec: Vectors, task: U8, place: I64, pos: F64, rot: F64, axis: F64, target: F64, weight: F64,
    rows: F64, at: I64, jac: F64, pa: F64, pb: F64, r: F64,
) -> None:  # fmt: skip
    """Terms w |(p_b - p_a) / L - target|^2 of the frame's vector tasks that `task` (V,) admits."""
    for v in range(len(vec.a_body)):
        w = weight[v]
        if w == 0.0 or task[v] == 0:
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
            row[1 + p] += j0 * jac[i, 0] + j1 * jac[i, 1] + j2 * jac[i, 2]
            for b in range(i + 1, count):
                row[1 + at[b]] += j0 * jac[b, 0] + j1 * jac[b, 1] + j2 * jac[b, 2]


@nb.njit(cache=True, nogil=True)
def add_joints(tree: Tree, cols: I64, q: F64, limit_weight: float, active: U8, damping: float, rows: F64) -> None:
    """Damping of every column, the pull of joints to the rest pose, and one-sided limits where `active` is 1 (lower) or 2."""
    for i in range(len(cols)):
        rows[i, 1 + i] += damping
        if cols[i] < 6:
            continue
        j = cols[i] - 6
        rows[i, 1 + i] += tree.rest_weight[j]
        rows[i, 0] += tree.rest_weight[j] * (q[j] - tree.rest[j])
        if active[j] != 0:
            rows[i, 1 + i] += limit_weight
            rows[i, 0] += limit_weight * (q[j] - (tree.lower[j] if active[j] == 1 else tree.upper[j]))


@nb.njit(cache=True, nogil=True)
def _height_columns(tree: Tree, place: I64, pos: F64, axis: F64, body: int, point: F64, at: I64, jac: F64) -> int:
    """Columns that move a point's height, and by how much; returns how many."""
    count = 0
    for c in range(2, 5):
        if place[c] >= 0:
            at[count] = place[c]
            jac[count, 0] = 1.0 if c == 2 else (point[1] - pos[0, 1] if c == 3 else pos[0, 0] - point[0])
            count += 1
    for n in range(tree.chain_len[body]):
        j = tree.chain[body, n]
        if place[6 + j] >= 0:
            at[count] = place[6 + j]
            jac[count, 0] = axis[j, 0] * (point[1] - pos[j + 1, 1]) - axis[j, 1] * (point[0] - pos[j + 1, 0])
            count += 1
    return count


@nb.njit(cache=True, nogil=True)
def add_ground(
    tree: Tree, ground: Ground, use: U8, place: I64, pos: F64, rot: F64, axis: F64, pull: F64, push: float, active: U8,
    rows: F64, at: I64, jac: F64, point: F64, r: F64,
) -> None:  # fmt: skip
    """Height terms: w (z - clearance)^2 two-sided with weight `pull[n]`, or one-sided with `push` where active."""
    for n in range(len(ground.body)):
        w = pull[n]
        if use[n] == 0 or (w == 0.0 and active[n] == 0):
            continue
        if w == 0.0:
            w = push
        k.carried(pos, rot, ground.body[n], ground.offset[n], point)
        count = _height_columns(tree, place, pos, axis, ground.body[n], point, at, jac)
        r[0] = point[2] - ground.clearance[n]
        _add_rows(rows, at, jac, count, 1, w, r)


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
    tree: Tree, caps: Capsules, use: U8, place: I64, pos: F64, rot: F64, axis: F64, margin: float, weight: float, active: U8,
    rows: F64, at: I64, jac: F64, ends: F64, on_p: F64, on_q: F64, r: F64,
) -> None:  # fmt: skip
    """One-sided terms w (d - margin)^2 of active capsule pairs; the witness points move with their bodies.

    Columns that move both bodies as one do not change their distance, so only joints of one of them appear.
    """
    for n in range(len(caps.pair)):
        if active[n] == 0 or use[n] == 0:
            continue
        i, j = caps.pair[n, 0], caps.pair[n, 1]
        for c, e in ((i, 0), (j, 1)):
            k.carried(pos, rot, caps.body[c], caps.a[c], ends[e, 0])
            k.carried(pos, rot, caps.body[c], caps.b[c], ends[e, 1])
        d = k.closest_on_segments(ends[0, 0], ends[0, 1], ends[1, 0], ends[1, 1], on_p, on_q)
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
        r[0] = max(d - caps.radius[i] - caps.radius[j] - margin, -k.PUSH_M)
        _add_rows(rows, at, jac, count, 1, weight, r)


@nb.njit(cache=True, nogil=True)
def planted(tree: Tree, ground: Ground, place: I64, pos: F64, rot: F64, axis: F64, m: int, point: F64, at: I64, jac: F64) -> int:
    """Where a planted point is, and how each column moves it over the ground: jac (count, 2); returns how many."""
    body = ground.slip_body[m]
    k.carried(pos, rot, body, ground.slip_offset[m], point)
    x, y, z = point[0] - pos[0, 0], point[1] - pos[0, 1], point[2] - pos[0, 2]
    count = 0
    for c in range(6):
        if place[c] < 0 or c == 2:
            continue
        at[count] = place[c]
        jac[count, 0] = 1.0 if c == 0 else (z if c == 4 else (-y if c == 5 else 0.0))
        jac[count, 1] = 1.0 if c == 1 else (-z if c == 3 else (x if c == 5 else 0.0))
        count += 1
    for n in range(tree.chain_len[body]):
        j = tree.chain[body, n]
        if place[6 + j] < 0:
            continue
        x, y, z = point[0] - pos[j + 1, 0], point[1] - pos[j + 1, 1], point[2] - pos[j + 1, 2]
        at[count] = place[6 + j]
        jac[count, 0] = axis[j, 1] * z - axis[j, 2] * y
        jac[count, 1] = axis[j, 2] * x - axis[j, 0] * z
        count += 1
    return count


@nb.njit(cache=True, nogil=True)
def add_slip(
    n: int, count: int, at: I64, weight: float, slide: F64, p0: F64, j0: F64, p1: F64, j1: F64, rows: F64, following: F64
) -> None:
    """Terms w |p(f + 1) - p(f) - slide|^2 in the ground plane: both frames' own blocks and the block between them."""
    for d in range(2):
        r = p1[d] - p0[d] - slide[d]
        for a in range(count):
            i = at[a]
            here, there = rows[i], following[i]
            w0, w1 = weight * j0[a, d], weight * j1[a, d]
            here[0] -= w0 * r
            there[0] += w1 * r
            for b in range(a, count):
                here[1 + at[b]] += w0 * j0[b, d]
                there[1 + at[b]] += w1 * j1[b, d]
            for b in range(count):
                here[1 + n + at[b]] -= w0 * j1[b, d]
