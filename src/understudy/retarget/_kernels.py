"""Compiled inner loops of the solver: one frame's kinematics, its weighted least-squares terms, and a dense solve.

A frame's tangent is (root translation in world 3, root rotation in world 3, joints J), nv = 6 + J. All residuals are
differences of points carried by bodies, so one Jacobian column serves all: a joint turns a point p by axis x (p - origin).
Of symmetric matrices only the lower triangles are written.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from understudy.geom.arrays import F64, I64, U8
from understudy.kinematics.segments import closest_on_segments

_TURN = 2.0 * math.pi
_S3, _S5, _S7, _S9, _S11, _S13 = ((-1.0) ** (n // 2) / math.factorial(n) for n in (3, 5, 7, 9, 11, 13))
_C4, _C6, _C8, _C10, _C12 = (-((-1.0) ** (n // 2)) / math.factorial(n) for n in (4, 6, 8, 10, 12))
PUSH_M = 0.02
"""A penetration counts as no deeper than this: the normal of a deeper one is not to be trusted; it goes out by degrees."""


@nb.njit(cache=True, nogil=True, inline="always")
def sine_versine(angle: float) -> tuple[float, float]:
    """Sine and 1 - cosine of an angle, to 2e-15 within a few turns.

    The library's two functions take most of the time of `forward`. Taylor's series of an eighth of the angle, doubled thrice.
    """
    x = 0.125 * (angle - _TURN * math.floor(angle / _TURN + 0.5))
    y = x * x
    s = x * (1.0 + y * (_S3 + y * (_S5 + y * (_S7 + y * (_S9 + y * (_S11 + y * _S13))))))
    v = y * (0.5 + y * (_C4 + y * (_C6 + y * (_C8 + y * (_C10 + y * _C12)))))
    for _ in range(3):
        s, v = 2.0 * s * (1.0 - v), 2.0 * s * s
    return s, v


@nb.njit(cache=True, nogil=True)
def forward(
    root_pos: F64, root_rot: F64, q: F64, parent: I64, rot0: F64, pos0: F64, axis0: F64, pos: F64, rot: F64, axis: F64
) -> None:
    """Body positions (B, 3), rotations (B, 3, 3) and joint axes (J, 3) in world, written in place. Rodrigues' formula."""
    for i in range(3):
        pos[0, i] = root_pos[i]
        for j in range(3):
            rot[0, i, j] = root_rot[i, j]
    turned = np.empty((2, len(q)))
    sine, versine = turned[0], turned[1]
    for k in range(len(q)):
        sine[k], versine[k] = sine_versine(q[k])
    for k in range(len(q)):
        p, s, v = parent[k], sine[k], versine[k]
        c = 1.0 - v
        x, y, z = axis0[k, 0], axis0[k, 1], axis0[k, 2]
        for i in range(3):
            a0, a1, a2 = rot[p, i, 0], rot[p, i, 1], rot[p, i, 2]
            b0 = a0 * rot0[k, 0, 0] + a1 * rot0[k, 1, 0] + a2 * rot0[k, 2, 0]
            b1 = a0 * rot0[k, 0, 1] + a1 * rot0[k, 1, 1] + a2 * rot0[k, 2, 1]
            b2 = a0 * rot0[k, 0, 2] + a1 * rot0[k, 1, 2] + a2 * rot0[k, 2, 2]
            along = b0 * x + b1 * y + b2 * z
            pos[k + 1, i] = pos[p, i] + a0 * pos0[k, 0] + a1 * pos0[k, 1] + a2 * pos0[k, 2]
            axis[k, i] = along
            rot[k + 1, i, 0] = c * b0 + v * along * x + s * (b1 * z - b2 * y)
            rot[k + 1, i, 1] = c * b1 + v * along * y + s * (b2 * x - b0 * z)
            rot[k + 1, i, 2] = c * b2 + v * along * z + s * (b0 * y - b1 * x)


@nb.njit(cache=True, nogil=True)
def carried(pos: F64, rot: F64, body: int, offset: F64, out: F64) -> None:
    """World position (3,) of a point carried by a body."""
    for i in range(3):
        out[i] = pos[body, i] + rot[body, i, 0] * offset[0] + rot[body, i, 1] * offset[1] + rot[body, i, 2] * offset[2]


@nb.njit(cache=True, nogil=True)
def _cross_into(a: F64, b: F64, sign: float, jac: F64, col: int) -> None:
    jac[0, col] += sign * (a[1] * b[2] - a[2] * b[1])
    jac[1, col] += sign * (a[2] * b[0] - a[0] * b[2])
    jac[2, col] += sign * (a[0] * b[1] - a[1] * b[0])


@nb.njit(cache=True, nogil=True)
def point_columns(pos: F64, axis: F64, point: F64, chain: I64, length: int, sign: float, jac: F64, arm: F64) -> None:
    """Add `sign` times the Jacobian of a world point to `jac` (3, 6 + J): root columns and the joints of `chain`."""
    for i in range(3):
        jac[i, i] += sign
        arm[i] = point[i] - pos[0, i]
    # d(p)/d(root rotation) = -[arm]x
    jac[0, 4] += sign * arm[2]
    jac[0, 5] -= sign * arm[1]
    jac[1, 3] -= sign * arm[2]
    jac[1, 5] += sign * arm[0]
    jac[2, 3] += sign * arm[1]
    jac[2, 4] -= sign * arm[0]
    for n in range(length):
        k = chain[n]
        for i in range(3):
            arm[i] = point[i] - pos[k + 1, i]
        _cross_into(axis[k], arm, sign, jac, 6 + k)


@nb.njit(cache=True, nogil=True)
def _add_row(row: F64, cols: I64, count: int, residual: float, weight: float, h: F64, g: F64) -> None:
    for a in range(count):
        i = cols[a]
        wi = weight * row[i]
        if wi == 0.0:
            continue
        g[i] += wi * residual
        for b in range(a + 1):
            h[i, cols[b]] += wi * row[cols[b]]


@nb.njit(cache=True, nogil=True)
def add_vector_tasks(
    pos: F64, rot: F64, axis: F64,
    a_body: I64, a_off: F64, b_body: I64, b_off: F64, inv_len: F64,
    chain: I64, chain_len: I64, cols: I64, col_len: I64,
    target: F64, weight: F64,
    h: F64, g: F64, jac: F64, pa: F64, pb: F64, arm: F64,
) -> float:  # fmt: skip
    """Add sum of w |(p_b - p_a) / L - target|^2 over the frame's vector tasks to H (lower) and g; returns the cost."""
    cost = 0.0
    for v in range(len(a_body)):
        w = weight[v]
        if w == 0.0:
            continue
        count = col_len[v]
        for n in range(count):
            for i in range(3):
                jac[i, cols[v, n]] = 0.0
        carried(pos, rot, b_body[v], b_off[v], pb)
        point_columns(pos, axis, pb, chain[b_body[v]], chain_len[b_body[v]], inv_len[v], jac, arm)
        if a_body[v] >= 0:
            carried(pos, rot, a_body[v], a_off[v], pa)
            point_columns(pos, axis, pa, chain[a_body[v]], chain_len[a_body[v]], -inv_len[v], jac, arm)
        else:
            pa[:] = 0.0
        for i in range(3):
            r = (pb[i] - pa[i]) * inv_len[v] - target[v, i]
            cost += w * r * r
            _add_row(jac[i], cols[v], count, r, w, h, g)
    return cost


@nb.njit(cache=True, nogil=True)
def add_joint_terms(
    q: F64, rest: F64, rest_weight: F64, lower: F64, upper: F64, limit_weight: float, active: U8, h: F64, g: F64
) -> float:
    """Pull to the rest pose, and one-sided joint limits where `active` (J,) is 1 (lower) or 2 (upper)."""
    cost = 0.0
    for k in range(len(q)):
        r = q[k] - rest[k]
        h[6 + k, 6 + k] += rest_weight[k]
        g[6 + k] += rest_weight[k] * r
        cost += rest_weight[k] * r * r
        if active[k] != 0:
            bound = lower[k] if active[k] == 1 else upper[k]
            r = q[k] - bound
            h[6 + k, 6 + k] += limit_weight
            g[6 + k] += limit_weight * r
    return cost


@nb.njit(cache=True, nogil=True)
def between_middles(a: F64, b: F64) -> float:
    """Distance between the middles of two segments, (2, 3) each."""
    d = 0.0
    for i in range(3):
        d += (0.5 * (a[0, i] + a[1, i] - b[0, i] - b[1, i])) ** 2
    return math.sqrt(d)


@nb.njit(cache=True, nogil=True)
def capsule_ends(pos: F64, rot: F64, cap_body: I64, cap_a: F64, cap_b: F64, ends: F64) -> None:
    """World end points (C, 2, 3) of every capsule."""
    for c in range(len(cap_body)):
        carried(pos, rot, cap_body[c], cap_a[c], ends[c, 0])
        carried(pos, rot, cap_body[c], cap_b[c], ends[c, 1])


@nb.njit(cache=True, nogil=True)
def add_collisions(
    pos: F64, rot: F64, axis: F64, cap_body: I64, cap_a: F64, cap_b: F64, radius: F64, pair: I64,
    margin: float, weight: float, active: U8,
    chain: I64, chain_len: I64, cols: I64, h: F64, g: F64, jac: F64, ends: F64, on_p: F64, on_q: F64, arm: F64, row: F64,
) -> None:  # fmt: skip
    """One-sided terms w (d - margin)^2 of active capsule pairs; the witness points move with their bodies."""
    nv = len(g)
    capsule_ends(pos, rot, cap_body, cap_a, cap_b, ends)
    for n in range(len(pair)):
        if active[n] == 0:
            continue
        i, j = pair[n, 0], pair[n, 1]
        d = closest_on_segments(ends[i, 0], ends[i, 1], ends[j, 0], ends[j, 1], on_p, on_q)
        if d < 1e-6:
            continue
        jac[:, :] = 0.0
        point_columns(pos, axis, on_p, chain[cap_body[i]], chain_len[cap_body[i]], 1.0, jac, arm)
        point_columns(pos, axis, on_q, chain[cap_body[j]], chain_len[cap_body[j]], -1.0, jac, arm)
        count = 0
        for c in range(3, nv):
            row[c] = 0.0
            for k in range(3):
                row[c] += (on_p[k] - on_q[k]) / d * jac[k, c]
            if row[c] != 0.0:
                cols[count] = c
                count += 1
        _add_row(row, cols, count, max(d - radius[i] - radius[j] - margin, -PUSH_M), weight, h, g)


@nb.njit(cache=True, nogil=True)
def cholesky_solve(h: F64, x: F64) -> bool:
    """Solve H x = b in place, H (n, n) symmetric positive definite given by its lower triangle; false when it is not."""
    n = len(x)
    for j in range(n):
        d = h[j, j]
        for k in range(j):
            d -= h[j, k] * h[j, k]
        if d <= 0.0:
            return False
        d = math.sqrt(d)
        h[j, j] = d
        for i in range(j + 1, n):
            s = h[i, j]
            for k in range(j):
                s -= h[i, k] * h[j, k]
            h[i, j] = s / d
    for i in range(n):
        s = x[i]
        for k in range(i):
            s -= h[i, k] * x[k]
        x[i] = s / h[i, i]
    for i in range(n - 1, -1, -1):
        s = x[i]
        for k in range(i + 1, n):
            s -= h[k, i] * x[k]
        x[i] = s / h[i, i]
    return True


@nb.njit(cache=True, nogil=True)
def turn(rot: F64, wx: float, wy: float, wz: float) -> None:
    """rot <- exp([w]x) rot, in place."""
    angle = math.sqrt(wx * wx + wy * wy + wz * wz)
    if angle < 1e-12:
        return
    x, y, z = wx / angle, wy / angle, wz / angle
    c, s = math.cos(angle), math.sin(angle)
    v = 1.0 - c
    for j in range(3):
        a, b, d = rot[0, j], rot[1, j], rot[2, j]
        rot[0, j] = (c + x * x * v) * a + (x * y * v - z * s) * b + (x * z * v + y * s) * d
        rot[1, j] = (y * x * v + z * s) * a + (c + y * y * v) * b + (y * z * v - x * s) * d
        rot[2, j] = (z * x * v - y * s) * a + (z * y * v + x * s) * b + (c + z * z * v) * d


@nb.njit(cache=True, nogil=True)
def relative_rotvec(a: F64, b: F64, out: F64) -> None:
    """Rotation vector (3,) of b a^T: the world rotation that takes a to b."""
    trace = 0.0
    for i in range(3):
        for j in range(3):
            trace += a[i, j] * b[i, j]
    m21 = m12 = m02 = m20 = m10 = m01 = 0.0
    for j in range(3):
        m21 += b[2, j] * a[1, j]
        m12 += b[1, j] * a[2, j]
        m02 += b[0, j] * a[2, j]
        m20 += b[2, j] * a[0, j]
        m10 += b[1, j] * a[0, j]
        m01 += b[0, j] * a[1, j]
    c = min(max((trace - 1.0) / 2.0, -1.0), 1.0)
    angle = math.acos(c)
    s = math.sin(angle)
    k = 0.5 if s < 1e-9 else angle / (2.0 * s)
    out[0] = k * (m21 - m12)
    out[1] = k * (m02 - m20)
    out[2] = k * (m10 - m01)


@nb.njit(cache=True, nogil=True)
def twist(step: F64, pos: F64, axis: F64, parent: I64, lin: F64, ang: F64) -> None:
    """Velocity of every body's origin (B, 3) and angular velocity (B, 3) in world, for a tangent step (nv,)."""
    for i in range(3):
        lin[0, i] = step[i]
        ang[0, i] = step[3 + i]
    for k in range(len(parent)):
        p = parent[k]
        ax, ay, az = pos[k + 1, 0] - pos[p, 0], pos[k + 1, 1] - pos[p, 1], pos[k + 1, 2] - pos[p, 2]
        lin[k + 1, 0] = lin[p, 0] + ang[p, 1] * az - ang[p, 2] * ay
        lin[k + 1, 1] = lin[p, 1] + ang[p, 2] * ax - ang[p, 0] * az
        lin[k + 1, 2] = lin[p, 2] + ang[p, 0] * ay - ang[p, 1] * ax
        for i in range(3):
            ang[k + 1, i] = ang[p, i] + step[6 + k] * axis[k, i]


@nb.njit(cache=True, nogil=True)
def moved(point: F64, body: int, pos: F64, lin: F64, ang: F64, out: F64) -> None:
    """Velocity (3,) of a world point carried by a body."""
    x, y, z = point[0] - pos[body, 0], point[1] - pos[body, 1], point[2] - pos[body, 2]
    out[0] = lin[body, 0] + ang[body, 1] * z - ang[body, 2] * y
    out[1] = lin[body, 1] + ang[body, 2] * x - ang[body, 0] * z
    out[2] = lin[body, 2] + ang[body, 0] * y - ang[body, 1] * x
