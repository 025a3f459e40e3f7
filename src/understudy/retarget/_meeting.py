"""Compiled look-out for bodies that are about to meet: which capsule pairs a step brings nearer than the margin.

Sieves, the coarse ones first: two bodies that have not moved far enough since they were last looked at; balls around bodies, and
around capsules, that are far apart; and the distance of the segments themselves, worked out for all that are left in one loop
without branches, which the compiler does for several pairs at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np

from understudy.geom.arrays import F32, F64, I64, U8
from understudy.retarget._tables import Bodies, Capsules, Tree

TOUCH_M = 0.05
"""Capsules further apart than this are not looked at: what a linear prediction says of them is not to be trusted."""
_TINY = 1e-14
ABREAST = 8
"""Pairs are filled up to whole eights, so that the loop over them has no remainder."""


class Meeting(NamedTuple):
    """Memory of the look-out.

    going (B,), soon (B,): what the step, and all since the solve began, moves each body; balls (3, B): centres of
    `Capsules.ball`; halves (6, C): the middle of each capsule's segment and the way from there to its end; due (K,): numbers of
    two bodies that may have come near; left (P,): numbers of the pairs that are left, and whose (P,) two bodies they belong to;
    found (12, P): their segments and nearest points.
    """

    going: F64
    soon: F64
    balls: F64
    halves: F64
    due: I64
    left: I64
    whose: I64
    found: F64


@nb.njit(cache=True, nogil=True)
def meeting_room(caps: Capsules, bodies: int) -> Meeting:
    """Fresh memory for a robot's capsules."""
    pairs = len(caps.pair)
    return Meeting(
        np.empty(bodies), np.empty(bodies), np.empty((3, bodies)), np.empty((6, len(caps.body))),
        np.empty(len(caps.meeting) + 1, np.int64), np.empty(pairs + 1, np.int64), np.empty(pairs + 1, np.int64),
        np.empty((12, pairs + ABREAST)),
    )  # fmt: skip


@nb.njit(cache=True, nogil=True)
def furthest(tree: Tree, step: F64, going: F64) -> None:
    """Fill `going` (B,) with the most that a step (nv,) can move a point of each body against the root, metres."""
    going[0] = 0.0
    for b in range(1, len(going)):
        far = 0.0
        for n in range(tree.chain_len[b]):
            j = tree.chain[b, n]
            far += abs(step[6 + j]) * tree.lever[j]
        going[b] = 1.001 * far


@nb.njit(cache=True, nogil=True)
def _place(caps: Capsules, pos: F64, rot: F64, balls: F64, halves: F64) -> None:
    """Middle of every body's ball; middle of every capsule's segment, and the way from there to its end; in world."""
    for b in range(len(caps.ball)):
        x, y, z = caps.ball[b, 0], caps.ball[b, 1], caps.ball[b, 2]
        for i in range(3):
            balls[i, b] = pos[b, i] + rot[b, i, 0] * x + rot[b, i, 1] * y + rot[b, i, 2] * z
    for c in range(len(caps.body)):
        b = caps.body[c]
        mx, my, mz = 0.5 * (caps.a[c, 0] + caps.b[c, 0]), 0.5 * (caps.a[c, 1] + caps.b[c, 1]), 0.5 * (caps.a[c, 2] + caps.b[c, 2])
        hx, hy, hz = 0.5 * (caps.b[c, 0] - caps.a[c, 0]), 0.5 * (caps.b[c, 1] - caps.a[c, 1]), 0.5 * (caps.b[c, 2] - caps.a[c, 2])
        for i in range(3):
            r0, r1, r2 = rot[b, i, 0], rot[b, i, 1], rot[b, i, 2]
            halves[i, c] = pos[b, i] + r0 * mx + r1 * my + r2 * mz
            halves[3 + i, c] = r0 * hx + r1 * hy + r2 * hz


@nb.njit(cache=True, nogil=True)
def _gather(caps: Capsules, halves: F64, left: I64, count: int, found: F64) -> None:
    """Both halves of pairs `left[:count]` and the way between their middles: found[0:3], [3:6] and [6:9]."""
    for n in range(count):
        i, j = caps.pair[left[n], 0], caps.pair[left[n], 1]
        for x in range(3):
            found[x, n] = halves[3 + x, i]
            found[3 + x, n] = halves[3 + x, j]
            found[6 + x, n] = halves[x, i] - halves[x, j]


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _nearest_points(found: F64, count: int) -> None:
    """The distance of each pair's segments, found[9], the way between their nearest points, [6:9], and how far along its half
    each of these lies, -1 to 1, [10] and [11].

    Source: Ericson, Real-Time Collision Detection (2005), section 5.1.9, about the segments' middles.
    """
    u0, u1, u2, v0, v1, v2, r0, r1, r2, d, along_u, along_v = (
        found[0], found[1], found[2], found[3], found[4], found[5], found[6], found[7], found[8], found[9], found[10], found[11],
    )  # fmt: skip
    for n in range(count):
        ux, uy, uz, vx, vy, vz, rx, ry, rz = u0[n], u1[n], u2[n], v0[n], v1[n], v2[n], r0[n], r1[n], r2[n]
        uu, vv = ux * ux + uy * uy + uz * uz + _TINY, vx * vx + vy * vy + vz * vz + _TINY
        uv, ur, vr = ux * vx + uy * vy + uz * vz, ux * rx + uy * ry + uz * rz, vx * rx + vy * ry + vz * rz
        slope = uu * vv - uv * uv
        s = (uv * vr - ur * vv) / max(slope, _TINY * uu * vv)
        s = 1.0 if s > 1.0 else (-1.0 if s < -1.0 else s)
        t = (uv * s + vr) / vv
        t = 1.0 if t > 1.0 else (-1.0 if t < -1.0 else t)
        s = (uv * t - ur) / uu
        s = 1.0 if s > 1.0 else (-1.0 if s < -1.0 else s)
        x, y, z = rx + s * ux - t * vx, ry + s * uy - t * vy, rz + s * uz - t * vz
        r0[n], r1[n], r2[n] = x, y, z
        d[n] = np.sqrt(x * x + y * y + z * z)
        along_u[n], along_v[n] = s, t


@nb.njit(cache=True, nogil=True)
def predict_pairs(
    caps: Capsules, margin: float, now: Bodies, lin: F64, ang: F64, active: U8, wait: F32, gone: F32, room: Meeting
) -> None:
    """Mark the pairs that a step would bring nearer than the margin.

    Args:
        now: one frame's bodies before the step.
        lin: (B, 3) how the step moves their origins.
        ang: (B, 3) how it turns them.
        active: (P,) is filled.
        wait: (K,) of the two bodies' pairs, see `Active`; written for those that are looked at.
        gone: (B,) see `Active`; without the step, whose `room.going` the caller has filled.
    """
    active[:] = 0
    for b in range(len(room.going)):
        room.soon[b] = gone[b] + room.going[b]
    count = _near_balls(caps, margin, now, wait, gone, room)
    if count == 0:
        return
    _gather(caps, room.halves, room.left, count, room.found)
    for n in range(count, -(-count // ABREAST) * ABREAST):
        for x in range(9):
            room.found[x, n] = 1.0
    _nearest_points(room.found, -(-count // ABREAST) * ABREAST)
    for n in range(count):
        pair, group = room.left[n], room.whose[n]
        i, j = caps.pair[pair, 0], caps.pair[pair, 1]
        apart = room.found[9, n] - caps.radius[i] - caps.radius[j]
        if apart < TOUCH_M and apart + _approach(caps.meeting[group], i, j, now, lin, ang, room, n) < margin:
            active[pair] = 1
        bodies = caps.meeting[group]
        due = gone[bodies[0]] + gone[bodies[1]] + 0.999 * (apart - margin)
        wait[group] = min(wait[group], due)


@nb.njit(cache=True, nogil=True)
def _near_balls(caps: Capsules, margin: float, now: Bodies, wait: F32, gone: F32, room: Meeting) -> int:
    """Pairs that are worth a look, into `left` and `whose`; how many. Writes what is to be waited for with the others.

    Indices are unsigned: what is signed may count from the end, and each use of it asks.
    """
    due = _due(caps, wait, room)
    if due == 0:
        return 0
    _place(caps, now.pos, now.rot, room.balls, room.halves)
    x, y, z, count = room.halves[0], room.halves[1], room.halves[2], np.uint64(0)
    for m in range(due):
        g = np.uint64(room.due[m])
        a, b = np.uint64(caps.meeting[g, 0]), np.uint64(caps.meeting[g, 1])
        dx, dy, dz = room.balls[0, a] - room.balls[0, b], room.balls[1, a] - room.balls[1, b], room.balls[2, a] - room.balls[2, b]
        apart = np.sqrt(dx * dx + dy * dy + dz * dz) - caps.ball[a, 3] - caps.ball[b, 3]
        if apart >= TOUCH_M:
            wait[g] = gone[a] + gone[b] + 0.999 * (apart - margin)
            continue
        nearest = np.inf
        for n in range(np.uint64(caps.meeting[g, 2]), np.uint64(caps.meeting[g, 3])):
            i, j = np.uint64(caps.pair[n, 0]), np.uint64(caps.pair[n, 1])
            dx, dy, dz = x[i] - x[j], y[i] - y[j], z[i] - z[j]
            apart = np.sqrt(dx * dx + dy * dy + dz * dz) - caps.reach[i] - caps.reach[j]
            near = apart < TOUCH_M
            room.left[count], room.whose[count] = n, g
            count += np.uint64(near)
            nearest = min(nearest, np.inf if near else apart)
        wait[g] = gone[a] + gone[b] + 0.999 * (nearest - margin)
    return int(count)


@nb.njit(cache=True, nogil=True)
def _due(caps: Capsules, wait: F32, room: Meeting) -> int:
    """Two bodies that may have come near since they were looked at, into `due`; how many."""
    count = np.uint64(0)
    for g in range(len(caps.meeting)):
        a, b = np.uint64(caps.meeting[g, 0]), np.uint64(caps.meeting[g, 1])
        room.due[count] = g
        count += np.uint64(room.soon[a] + room.soon[b] >= wait[g])
    return int(count)


@nb.njit(cache=True, nogil=True)
def _approach(bodies: I64, i: int, j: int, now: Bodies, lin: F64, ang: F64, room: Meeting, n: int) -> float:
    """How much further apart the step brings the nearest points of capsules i and j of two bodies, pair n of those left."""
    change, halves = 0.0, room.halves
    for body, c, along, sign in ((bodies[0], i, room.found[10, n], 1.0), (bodies[1], j, room.found[11, n], -1.0)):
        x = halves[0, c] + along * halves[3, c] - now.pos[body, 0]
        y = halves[1, c] + along * halves[4, c] - now.pos[body, 1]
        z = halves[2, c] + along * halves[5, c] - now.pos[body, 2]
        wx, wy, wz = ang[body, 0], ang[body, 1], ang[body, 2]
        change += sign * room.found[6, n] * (lin[body, 0] + wy * z - wz * y)
        change += sign * room.found[7, n] * (lin[body, 1] + wz * x - wx * z)
        change += sign * room.found[8, n] * (lin[body, 2] + wx * y - wy * x)
    return float(change / max(room.found[9, n], 1e-6))
