"""Compiled loops over the poses of one arm on a torso that is given: solving for bone directions, and the cheapest path.

An arm is a chain of K joints from the torso to the elbow; its state is the K angles. Tables of a chain: `rot0` (K, 3, 3) and
`pos0` (K, 3) place each joint in the body before it, `axis0` (K, 3) is its axis; `points` (3, 3) are shoulder, elbow and wrist
in the bodies `carrier` (3,), counted along the chain from 0, the torso. `limb` (M, 2, 3) are the ends of the arm's capsules in
the bodies `link` (M,), `bulk` (N, 2, 3) those of the torso's, `limb_m` and `bulk_m` their radii, `limb_half_m` and
`bulk_half_m` half the distances between their ends, `pair` (P, 2) which must keep apart.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.kinematics.segments import closest_on_segments, place_capsule
from understudy.retarget._kernels import between_middles, cholesky_solve

SUNK = 400.0
"""Cost of a square metre that arm and torso are into each other: 5 cm weigh as much as a bone that is off by a radian."""

SAME_RAD = 1e-3
"""Two answers whose joints differ by less are one."""


class Chain(NamedTuple):
    """Tables of one arm."""

    rot0: F64
    pos0: F64
    axis0: F64
    points: F64
    carrier: I64
    lower: F64
    upper: F64
    link: I64
    limb: F64
    limb_m: F64
    limb_half_m: F64
    bulk: F64
    bulk_m: F64
    bulk_half_m: F64
    pair: I64


class Room(NamedTuple):
    """Memory for one arm: bodies and axes, its three points and how far its bones are off, the equations for a step, and where
    the ends of the arm's and of the torso's capsules are."""

    rot: F64
    pos: F64
    axis: F64
    at: F64
    off: F64
    jac: F64
    h: F64
    g: F64
    trial: F64
    limb: F64
    bulk: F64
    on_arm: F64
    on_torso: F64


@nb.njit(cache=True, nogil=True)
def arm_room(chain: Chain) -> Room:
    """Fresh memory for an arm."""
    count = len(chain.lower)
    return Room(
        np.empty((count + 1, 3, 3)), np.empty((count + 1, 3)), np.empty((count, 3)), np.empty((3, 3)), np.empty((2, 3)),
        np.empty((2, 3, count)), np.empty((count, count)), np.empty(count), np.empty(count),
        np.empty((len(chain.limb), 2, 3)), np.empty((len(chain.bulk), 2, 3)), np.empty(3), np.empty(3),
    )  # fmt: skip


@nb.njit(cache=True, nogil=True)
def _place(chain: Chain, torso: F64, q: F64, room: Room) -> None:
    """Bodies, axes and the three points, in the torso's axes turned by `torso`; written in place."""
    count, rot, pos, axis, at = len(q), room.rot, room.pos, room.axis, room.at
    for i in range(3):
        pos[0, i] = 0.0
        for j in range(3):
            rot[0, i, j] = torso[i, j]
    for n in range(count):
        c, s = math.cos(q[n]), math.sin(q[n])
        x, y, z = chain.axis0[n, 0], chain.axis0[n, 1], chain.axis0[n, 2]
        v = 1.0 - c
        m = (
            (c + x * x * v, x * y * v - z * s, x * z * v + y * s),
            (y * x * v + z * s, c + y * y * v, y * z * v - x * s),
            (z * x * v - y * s, z * y * v + x * s, c + z * z * v),
        )
        for i in range(3):
            b0 = rot[n, i, 0] * chain.rot0[n, 0, 0] + rot[n, i, 1] * chain.rot0[n, 1, 0] + rot[n, i, 2] * chain.rot0[n, 2, 0]
            b1 = rot[n, i, 0] * chain.rot0[n, 0, 1] + rot[n, i, 1] * chain.rot0[n, 1, 1] + rot[n, i, 2] * chain.rot0[n, 2, 1]
            b2 = rot[n, i, 0] * chain.rot0[n, 0, 2] + rot[n, i, 1] * chain.rot0[n, 1, 2] + rot[n, i, 2] * chain.rot0[n, 2, 2]
            moved = rot[n, i, 0] * chain.pos0[n, 0] + rot[n, i, 1] * chain.pos0[n, 1] + rot[n, i, 2] * chain.pos0[n, 2]
            pos[n + 1, i] = pos[n, i] + moved
            axis[n, i] = b0 * x + b1 * y + b2 * z
            for j in range(3):
                rot[n + 1, i, j] = b0 * m[0][j] + b1 * m[1][j] + b2 * m[2][j]
    for k in range(3):
        b = chain.carrier[k]
        for i in range(3):
            at[k, i] = pos[b, i] + (
                rot[b, i, 0] * chain.points[k, 0] + rot[b, i, 1] * chain.points[k, 1] + rot[b, i, 2] * chain.points[k, 2]
            )


@nb.njit(cache=True, nogil=True)
def _misses(at: F64, asked: F64, off: F64) -> float:
    """Squared error of the two bones' unit directions; the errors go into `off` (2, 3)."""
    total = 0.0
    for bone in range(2):
        length = 0.0
        for i in range(3):
            length += (at[bone + 1, i] - at[bone, i]) ** 2
        length = math.sqrt(length)
        for i in range(3):
            off[bone, i] = (at[bone + 1, i] - at[bone, i]) / length - asked[bone, i]
            total += off[bone, i] ** 2
    return total


@nb.njit(cache=True, nogil=True)
def _normal_equations(chain: Chain, room: Room) -> None:
    """The equations of a step that brings the bones to where they are to point, from where `room` has them."""
    pos, axis, at, jac = room.pos, room.axis, room.at, room.jac
    count = len(room.g)
    jac[:] = 0.0
    for bone in range(2):
        length = 0.0
        for i in range(3):
            length += (at[bone + 1, i] - at[bone, i]) ** 2
        length = math.sqrt(length)
        for n in range(count):
            for end in range(2):
                k = bone + end
                if n + 1 > chain.carrier[k]:
                    continue
                sign = (1.0 if end == 1 else -1.0) / length
                a0, a1, a2 = at[k, 0] - pos[n + 1, 0], at[k, 1] - pos[n + 1, 1], at[k, 2] - pos[n + 1, 2]
                jac[bone, 0, n] += sign * (axis[n, 1] * a2 - axis[n, 2] * a1)
                jac[bone, 1, n] += sign * (axis[n, 2] * a0 - axis[n, 0] * a2)
                jac[bone, 2, n] += sign * (axis[n, 0] * a1 - axis[n, 1] * a0)
    room.h[:, :] = 0.0
    room.g[:] = 0.0
    for bone in range(2):
        for i in range(3):
            for a in range(count):
                room.g[a] += jac[bone, i, a] * room.off[bone, i]
                for b in range(count):
                    room.h[a, b] += jac[bone, i, a] * jac[bone, i, b]


@nb.njit(cache=True, nogil=True)
def _push(chain: Chain, room: Room, add: bool) -> float:
    """Sum over the pairs of how far arm and torso are into each other, squared; its terms go into the equations if `add`."""
    pos, axis, total = room.pos, room.axis, 0.0
    for m in range(len(chain.limb)):
        body = chain.link[m]
        place_capsule(room.rot[body], pos[body], chain.limb[m, 0], chain.limb[m, 1], room.limb[m, 0], room.limb[m, 1])
    for n in range(len(chain.bulk)):
        place_capsule(room.rot[0], pos[0], chain.bulk[n, 0], chain.bulk[n, 1], room.bulk[n, 0], room.bulk[n, 1])
    for p in range(len(chain.pair)):
        m, n = chain.pair[p, 0], chain.pair[p, 1]
        a, b, near = room.limb[m], room.bulk[n], chain.limb_m[m] + chain.bulk_m[n]
        if between_middles(a, b) > near + chain.limb_half_m[m] + chain.bulk_half_m[n]:
            continue
        gap = closest_on_segments(a[0], a[1], b[0], b[1], room.on_arm, room.on_torso)
        into = near - gap
        if into <= 0.0:
            continue
        total += into * into
        if add:
            _add_push(chain.link[m], into, gap, pos, axis, room)
    return total


@nb.njit(cache=True, nogil=True)
def _add_push(body: int, into: float, gap: float, pos: F64, axis: F64, room: Room) -> None:
    """The terms of one pair, `into` each other, whose nearest points `room` has; the arm's is on its `body`."""
    p, q, span = room.on_arm, room.on_torso, max(gap, 1e-9)
    x, y, z = (p[0] - q[0]) / span, (p[1] - q[1]) / span, (p[2] - q[2]) / span
    row = room.trial
    for k in range(body):
        d0, d1, d2 = p[0] - pos[k + 1, 0], p[1] - pos[k + 1, 1], p[2] - pos[k + 1, 2]
        row[k] = -(
            x * (axis[k, 1] * d2 - axis[k, 2] * d1)
            + y * (axis[k, 2] * d0 - axis[k, 0] * d2)
            + z * (axis[k, 0] * d1 - axis[k, 1] * d0)
        )
    for k in range(body):
        room.g[k] += SUNK * row[k] * into
        for j in range(body):
            room.h[k, j] += SUNK * row[k] * row[j]


@nb.njit(cache=True, nogil=True)
def solve_arm(chain: Chain, torso: F64, asked: F64, q: F64, iterations: int, outside: bool, room: Room) -> float:
    """Turn `q` (K,) in place until the bones point as `asked` (2, 3), within the limits and, where `outside`, out of the torso.

    Returns what is left, squared. Levenberg-Marquardt; a joint at its limit that would leave it is held.
    """
    count, h, g, trial = len(q), room.h, room.g, room.trial
    cost: float = _arm_cost(chain, torso, asked, q, outside, room)
    damping = 1e-2
    for _ in range(iterations):
        if cost < 1e-6:
            break
        _normal_equations(chain, room)
        if outside:
            _push(chain, room, True)
        for a in range(count):
            held = (q[a] <= chain.lower[a] and g[a] > 0.0) or (q[a] >= chain.upper[a] and g[a] < 0.0)
            if held:
                h[a, :] = 0.0
                h[:, a] = 0.0
                g[a] = 0.0
            h[a, a] += damping
        cholesky_solve(h, g)
        for a in range(count):
            trial[a] = min(max(q[a] - g[a], chain.lower[a]), chain.upper[a])
        tried = _arm_cost(chain, torso, asked, trial, outside, room)
        if tried < cost:
            cost, damping = tried, max(0.2 * damping, 1e-6)
            q[:] = trial
        else:
            damping *= 5.0
            if damping > 1e3:
                break
            _place(chain, torso, q, room)
            _misses(room.at, asked, room.off)
    return cost


@nb.njit(cache=True, nogil=True)
def _arm_cost(chain: Chain, torso: F64, asked: F64, q: F64, outside: bool, room: Room) -> float:
    """What `solve_arm` makes small; `room` has the arm as `q` (K,) puts it."""
    _place(chain, torso, q, room)
    cost: float = _misses(room.at, asked, room.off)
    pushed: float = SUNK * _push(chain, room, False) if outside else 0.0
    return cost + pushed


@nb.njit(cache=True, nogil=True)
def arm_cost(chain: Chain, torso: F64, asked: F64, q: F64) -> float:
    """Squared error of the two bones' directions."""
    return float(_arm_cost(chain, torso, asked, q, False, arm_room(chain)))


@nb.njit(cache=True, nogil=True)
def sunk(chain: Chain, torso: F64, q: F64) -> float:
    """Sum over the pairs of how far arm and torso are into each other, squared, square metres."""
    return float(_sunk(chain, torso, q, arm_room(chain)))


@nb.njit(cache=True, nogil=True)
def _sunk(chain: Chain, torso: F64, q: F64, room: Room) -> float:
    _place(chain, torso, q, room)
    return float(_push(chain, room, False))


@nb.njit(cache=True, nogil=True)
def sunk_frames(chain: Chain, torso: F64, q: F64) -> F64:
    """(T,) `sunk` of every frame's arm (T, K)."""
    out, room = np.empty(len(q)), arm_room(chain)
    for f in range(len(q)):
        out[f] = _sunk(chain, torso[f], q[f], room)
    return out


@nb.njit(cache=True, nogil=True)
def _first_like(met: F64, s: int) -> int:
    """The first of the arms (S, K) that is the same as number s, which may be that one itself."""
    for other in range(s):
        apart = 0.0
        for k in range(met.shape[1]):
            apart = max(apart, abs(met[other, k] - met[s, k]))
        if apart < SAME_RAD:
            return other
    return s


@nb.njit(cache=True, nogil=True)
def branches(chain: Chain, torso: F64, asked: F64, now: F64, starts: F64, iterations: int, q: F64, cost: F64) -> None:
    """Fill `q` (T, S + 1, K) and `cost` (T, S + 1): the present arm, and the answers from each start."""
    room, met = arm_room(chain), np.empty(starts.shape)
    for f in range(len(now)):
        q[f, 0] = now[f]
        cost[f, 0] = _arm_cost(chain, torso[f], asked[f], now[f], True, room)
        for s in range(len(starts)):
            q[f, s + 1] = starts[s]
            solve_arm(chain, torso[f], asked[f], q[f, s + 1], iterations, False, room)
            met[s] = q[f, s + 1]
            same = _first_like(met, s)
            if same < s:
                q[f, s + 1], cost[f, s + 1] = q[f, same + 1], cost[f, same + 1]
            else:
                cost[f, s + 1] = solve_arm(chain, torso[f], asked[f], q[f, s + 1], iterations, True, room)


@nb.njit(cache=True, nogil=True)
def cheapest_branch(
    chain: Chain, torso: F64, asked: F64, q: F64, cost: F64, most: float, turn: float, hold_first: bool, hold_last: bool
) -> I64:
    """(T,) the answer to take at each frame: least cost of all frames and of all changes between them.

    Args:
        chain, torso, asked: as for `branches`.
        q, cost: its answers.
        most: radians that a joint can turn from frame to frame; a change that is larger takes several frames, in which the arm
            is on its way, so it costs as many times what the arm misses and how deep it is in the torso halfway.
        turn: cost of a squared radian of change.
        hold_first, hold_last: keep answer 0 there.

    Source: Viterbi, "Error bounds for convolutional codes", IEEE Trans. Information Theory 13 (1967).
    """
    total, ways = cost.shape
    best, came = cost[0].copy(), np.zeros((total, ways), np.int64)
    if hold_first:
        best[1:] = 1e9
    new, half, room = np.empty(ways), np.empty(q.shape[2]), arm_room(chain)
    for f in range(1, total):
        for b in range(ways):
            new[b] = np.inf
            for a in range(ways):
                far, squared = 0.0, 0.0
                for j in range(q.shape[2]):
                    d = abs(q[f, b, j] - q[f - 1, a, j])
                    far = max(far, d)
                    squared += d * d
                price = best[a] + turn * squared
                if price >= new[b]:
                    continue
                if far > most:
                    for j in range(len(half)):
                        half[j] = 0.5 * (q[f - 1, a, j] + q[f, b, j])
                    price += 0.6 * far / most * _arm_cost(chain, torso[f], asked[f], half, True, room)
                if price < new[b]:
                    new[b] = price
                    came[f, b] = a
            new[b] += cost[f, b]
        best[:] = new
    path = np.empty(total, np.int64)
    path[-1] = 0 if hold_last else np.argmin(best)
    for f in range(total - 1, 0, -1):
        path[f - 1] = came[f, path[f]]
    return path
