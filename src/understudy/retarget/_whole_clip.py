"""Compiled passes over the frames of a clip: equations and elimination forward, substitution backward, and the step itself."""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np

from understudy.geom.arrays import F32, F64, I64, U8
from understudy.retarget import _frame_terms as t
from understudy.retarget import _kernels as k
from understudy.retarget._elimination import LEAD, eliminate, fill_up, hand_on, keep, substitute
from understudy.retarget._meeting import furthest, meeting_room, predict_pairs
from understudy.retarget._slip_terms import Slips, add_slips, slip_room
from understudy.retarget._tables import Active, Bodies, Capsules, Drive, Ground, Part, Pose, Stiff, Tree, Vectors

LARGEST = 0.5
"""Most that a frame moves in one step, radians or metres."""


@nb.njit(cache=True, nogil=True)
def _add_acceleration(w: F64, part: Part, pose: Pose, f: int, here: F64, following: F64, after: F64, r0: F64, r1: F64) -> None:
    """Terms w (x(f + 2) - 2 x(f + 1) + x(f))^2, owned by their first frame f."""
    towards_next, towards_after = LEAD + len(here), LEAD + 2 * len(here)
    k.relative_rotvec(pose.root_rot[f], pose.root_rot[f + 1], r0)
    k.relative_rotvec(pose.root_rot[f + 1], pose.root_rot[f + 2], r1)
    for i in range(len(part.cols)):
        c = part.cols[i]
        wi = w[c]
        if c < 3:
            r = pose.root_pos[f + 2, c] - 2.0 * pose.root_pos[f + 1, c] + pose.root_pos[f, c]
        elif c < 6:
            r = r1[c - 3] - r0[c - 3]
        else:
            r = pose.q[f + 2, c - 6] - 2.0 * pose.q[f + 1, c - 6] + pose.q[f, c - 6]
        here[i, LEAD + i] += wi
        here[i, towards_next + i] -= 2.0 * wi
        here[i, towards_after + i] += wi
        here[i, 0] += wi * r
        following[i, LEAD + i] += 4.0 * wi
        following[i, LEAD + len(here) + i] -= 2.0 * wi
        following[i, 0] -= 2.0 * wi * r
        after[i, LEAD + i] += wi
        after[i, 0] += wi * r


@nb.njit(cache=True, nogil=True)
def _add_speed(w: float, step: F64, part: Part, active: U8, pose: Pose, f: int, here: F64, following: F64) -> None:
    """Terms w (|q(f + 1) - q(f)| - step)^2 of joints that turn too fast into frame f + 1."""
    for i in range(len(part.cols)):
        j = part.cols[i] - 6
        if j < 0 or active[j] == 0:
            continue
        r = pose.q[f + 1, j] - pose.q[f, j] - (step[j] if active[j] == 1 else -step[j])
        here[i, LEAD + i] += w
        here[i, LEAD + len(here) + i] -= w
        here[i, 0] -= w * r
        following[i, LEAD + i] += w
        following[i, 0] += w * r


class Work(NamedTuple):
    """Memory that the terms of one part of a frame are worked out in."""

    at: I64
    jac: F64
    slips: Slips
    ends: F64
    moment: F64
    weighed: F64
    pa: F64
    pb: F64
    pc: F64


@nb.njit(cache=True, nogil=True)
def work_room(tree: Tree, ground: Ground, part: Part) -> Work:
    """Fresh memory for a part of a robot and the points of it that can be planted."""
    n = len(part.place)
    return Work(
        np.empty(n, np.int64), np.empty((n, 4)), slip_room(tree, ground, part), np.empty((2, 2, 3)),
        np.empty((4, 4)), np.empty(4), np.empty(3), np.empty(3), np.empty(3),
    )  # fmt: skip


@nb.njit(cache=True, nogil=True)
def add_frame(
    tree: Tree, vec: Vectors, ground: Ground, caps: Capsules, drive: Drive, stiff: Stiff, part: Part, damping: float,
    active: Active, pose: Pose, f: int, now: Bodies, later: Bodies, here: F64, following: F64, after: F64, work: Work,
) -> None:  # fmt: skip
    """Add every term that frame f is the earliest of to its own equations and to those of the two frames after it.

    `now` and `later` are the bodies of frames f and f + 1; `work` comes from frame f - 1 of the same part, or is fresh; the three
    arrays before it are as in `_elimination`.
    """
    total = len(pose.q)
    p, o, x = now.pos, now.rot, now.axis
    t.add_vectors(vec, part.place, p, o, x, drive.target[f], drive.weight[f], here, work.at, work.jac, work.pa, work.pb, work.pc)
    t.add_joints(tree, part.cols, pose.q[f], stiff.limit, active.limit[f], damping, here)
    t.add_ground(
        tree, ground, part.place, p, o, x, drive.pull[f], stiff.ground, active.ground[f],
        here, work.at, work.jac, work.moment, work.weighed,
    )  # fmt: skip
    t.add_collisions(
        tree, caps, part.place, p, o, x, stiff.margin, stiff.pair, active.pair[f],
        here, work.at, work.jac, work.ends, work.pa, work.pb,
    )  # fmt: skip
    if f + 1 < total:
        add_slips(tree, ground, part.place, drive.slip[f], drive.slide[f], now, later, here, following, f % 2, work.slips)
        _add_speed(stiff.speed, drive.step, part, active.speed[f + 1], pose, f, here, following)
    if f + 2 < total:
        _add_acceleration(drive.accel[f + 1], part, pose, f, here, following, after, work.pa, work.pb)


@nb.njit(cache=True, nogil=True)
def place_bodies(tree: Tree, pose: Pose, f: int, out: Bodies) -> None:
    """Forward kinematics of frame f."""
    k.forward(
        pose.root_pos[f], pose.root_rot[f], pose.q[f], tree.parent, tree.rot0, tree.pos0, tree.axis0, out.pos, out.rot, out.axis
    )


@nb.njit(cache=True, nogil=True)
def bodies_room(joints: int) -> Bodies:
    """Fresh memory for the bodies of one frame."""
    return Bodies(np.empty((joints + 1, 3)), np.empty((joints + 1, 3, 3)), np.empty((joints, 3)))


@nb.njit(cache=True, nogil=True)
def eliminated(
    tree: Tree, vec: Vectors, ground: Ground, caps: Capsules, drive: Drive, stiff: Stiff, part: Part,
    damping: F64, active: Active, pose: Pose, first: int, stop: int, rows: F64, kept: F32,
) -> int:  # fmt: skip
    """Equations of frames [first, stop), eliminated one after the other.

    `rows` (3, *frame_shape(n)) comes in with what earlier frames handed on to the first two of these, and goes out
    with what these hand on to the next two, in the same places; `kept` (stop - first, n, kept_columns(n)) is filled for the
    substitution. A term belongs to its earliest frame. Returns the first frame whose equations are singular, or -1.
    """
    nj, n = len(tree.parent), len(part.cols)
    now, later = bodies_room(nj), bodies_room(nj)
    work = work_room(tree, ground, part)
    place_bodies(tree, pose, first, now)
    for f in range(first, stop):
        if f + 1 < len(pose.q):
            place_bodies(tree, pose, f + 1, later)
        turn = (f - first) % 3
        here, following, after = rows[turn], rows[(turn + 1) % 3], rows[(turn + 2) % 3]
        after[:, :] = 0.0
        add_frame(
            tree, vec, ground, caps, drive, stiff, part, damping[f], active, pose, f, now, later, here, following, after, work
        )  # fmt: skip
        fill_up(here, n)
        if not eliminate(here, True):
            return f
        hand_on(here, following, after)
        keep(here, n, kept[f - first])
        now, later = later, now
    _turn_back(rows, (stop - first) % 3)
    return -1


@nb.njit(cache=True, nogil=True)
def _turn_back(rows: F64, by: int) -> None:
    """Put the block that is next into the first place."""
    if by:
        rows[:] = np.concatenate((rows[by:], rows[:by]))


@nb.njit(cache=True, nogil=True)
def substituted(kept: F32, step: F64, n: int) -> None:
    """Steps (T + 2, n) of the frames of `kept`; the last two come in known."""
    for f in range(len(step) - 3, -1, -1):
        substitute(kept[f], step[f], step[f + 1], step[f + 2], n)


@nb.njit(cache=True, nogil=True)
def _ground_blocks(ground: Ground) -> tuple[I64, F64]:
    """(K, 3) body, first and end of points that follow each other on one body, and (K,) how far they reach from its origin."""
    count, n, total = 0, 0, len(ground.body)
    blocks, reach = np.empty((total, 3), np.int64), np.zeros(total)
    while n < total:
        body = ground.body[n]
        blocks[count, 0], blocks[count, 1] = body, n
        while n < total and ground.body[n] == body:
            reach[count] = max(reach[count], np.sqrt(np.sum(ground.offset[n] ** 2)) + ground.clearance[n])
            n += 1
        blocks[count, 2] = n
        count += 1
    return blocks[:count], reach[:count]


@nb.njit(cache=True, nogil=True)
def _predict_ground(
    ground: Ground, blocks: I64, reach: F64, pos: F64, rot: F64, lin: F64, ang: F64, active: U8, point: F64, velocity: F64
) -> None:
    for b in range(len(blocks)):
        body = blocks[b, 0]
        turned = abs(ang[body, 0]) + abs(ang[body, 1])
        if pos[body, 2] + lin[body, 2] > (1.0 + turned) * reach[b]:
            active[blocks[b, 1] : blocks[b, 2]] = 0
            continue
        for n in range(blocks[b, 1], blocks[b, 2]):
            k.carried(pos, rot, body, ground.offset[n], point)
            k.moved(point, body, pos, lin, ang, velocity)
            active[n] = 1 if point[2] + velocity[2] < ground.clearance[n] else 0


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
    now, lin, ang, d = bodies_room(nj), np.empty((nj + 1, 3)), np.empty((nj + 1, 3)), np.zeros(6 + nj)
    pos, rot, axis = now.pos, now.rot, now.axis
    point, velocity = np.empty(3), np.empty(3)
    blocks, reach = _ground_blocks(ground)
    meeting = meeting_room(caps, nj + 1)
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
        furthest(tree, d, meeting.going)
        _predict_ground(ground, blocks, reach, pos, rot, lin, ang, active.ground[f], point, velocity)
        predict_pairs(caps, stiff.margin, now, lin, ang, active.pair[f], active.wait[f], active.gone[f], meeting)
        for i in range(nj):
            predicted = pose.q[f, i] + d[6 + i]
            active.limit[f, i] = 1 if predicted < tree.lower[i] else (2 if predicted > tree.upper[i] else 0)
            pose.q[f, i] = predicted
            turned = predicted - pose.q[f - 1, i] if f > 0 else 0.0
            active.speed[f, i] = 1 if turned > most[i] else (2 if turned < -most[i] else 0)
        for b in range(nj + 1):
            active.gone[f, b] += meeting.going[b]
        for i in range(3):
            pose.root_pos[f, i] += d[i]
        k.turn(pose.root_rot[f], d[3], d[4], d[5])
