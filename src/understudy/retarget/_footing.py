"""Where each foot is to go, frame by frame and without the future: compiled.

A foot is a rod from heel to toe. The robot's follows the person's, a little off: while an end of the person's foot is slow and
low, the same end of the robot's is held where it is, and what the foot is off its place by then is made up when it moves again,
in proportion to the way it goes. So nothing slides and nothing jumps.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb

from understudy.geom.arrays import F64, I64

HOLD_M_S, FREE_M_S = 0.2, 0.4
"""An end that moves slower than the first is held, one faster than the second is free."""
LOW_M, HIGH_M = 0.04, 0.08
"""Height over its standing level, of the person, under which an end can be held and over which it cannot."""
RECOVER_M, RECOVER_S = 0.12, 0.2
"""A free foot makes up what it is off over this way and this time."""
CREEP_FROM_M, CREEP_PER_S, CREEP_M_S = 0.03, 0.5, 0.01
"""A held foot that is further off than the first creeps back, no faster than the last."""
LOST_M = 0.3
"""A foot that is further off than this is where it has no business to be: it is put to its place at once."""
FLAT_RAD, TILTED_RAD = math.radians(5.0), math.radians(15.0)
"""Pitches off the standing one under which a held foot is laid flat, and over which it is left as it is."""
LAY_S = 0.05
TAKE_UP_S = 0.02
"""A held foot is laid down with the first time constant, a free one taken up with the second."""
UPRIGHT_RAD, TOPPLED_RAD = math.radians(70.0), math.radians(85.0)
"""Pitches within which heel and toe stand over the ground beside each other, and beyond which only the ankle is placed."""
CLEARANCE, SWING_M_S = 0.031, 1.0
"""A foot that moves as fast as the second keeps this share of the leg's length over the ground."""
SKIM_M = 0.004
"""Over how much height it bends away from the ground."""
YIELD = 0.6
"""A raised toe that would have the ankle higher than the leg's directions put it is lowered by this share of the excess."""
STEEP, SHANK_DOWN, SHORTEST = 0.2, 0.3, 0.3
"""A foot steeper than the first has no yaw of its own; the shank of a standing leg points down to the second share at least; over
the ground a foot counts as no shorter than the last share of its length."""


class Build(NamedTuple):
    """What is known of robot and person.

    ends (2 feet, heel and toe, 3): from the robot's ankle when the sole lies flat and points ahead; body (2, 3): its thigh, shank
    and half the way between its hips, metres; toe_pitch: fall from ankle to toe of a flat sole, radians; turn (2, 2): least and
    most that each foot turns from where the pelvis faces; level (2, 2): heights of the person's ankle and toe when the foot
    stands; stand_pitch (2,): fall from ankle to toe then; joints (2, 3): indices of knee, ankle and toe; wide: 0 puts the ankle
    where the person's is by the leg's length, 1 where the directions of thigh and shank put it.
    """

    ends: F64
    body: F64
    toe_pitch: float
    turn: F64
    level: F64
    stand_pitch: F64
    joints: I64
    wide: float


class Footing(NamedTuple):
    """What the robot's feet are to do, and the memory of it.

    ends (2, 2, 3): heel and toe; ankle (2, 3); sole (2, 3): direction from ankle to toe; left (2, 3): level direction across the
    sole; held (2, 2): share to which heel and toe are held; upright (2,): share to which the foot stands over its sole; laid
    (2, 2): share to which the sole is laid flat and its lower end put to the ground; off (2, 3): what the ankle is off its place
    over the ground, and the foot's yaw off the person's; place (2, 2): of the ankle, without that; yaw (2,): of the person's.
    """

    ends: F64
    ankle: F64
    sole: F64
    left: F64
    held: F64
    upright: F64
    laid: F64
    off: F64
    place: F64
    yaw: F64


@nb.njit(cache=True, nogil=True)
def _fade(x: float, one: float, zero: float) -> float:
    """1 below `one`, 0 above `zero`, smooth in between."""
    s = min(max((zero - x) / (zero - one), 0.0), 1.0)
    return s * s * (3.0 - 2.0 * s)


@nb.njit(cache=True, nogil=True)
def _wrapped(angle: float) -> float:
    return (angle + math.pi) % (2.0 * math.pi) - math.pi


@nb.njit(cache=True, nogil=True)
def _soon(change: float, dt_s: float, fresh: bool) -> float:
    """Share of a change in how far a foot is laid down that one frame makes."""
    return 1.0 if fresh else float(1.0 - math.exp(-dt_s / (LAY_S if change > 0.0 else TAKE_UP_S)))


@nb.njit(cache=True, nogil=True)
def place_feet(
    build: Build,
    pos: F64,
    then: F64,
    span_s: float,
    asked: F64,
    midhip: F64,
    hip: F64,
    lateral: F64,
    dt_s: float,
    fresh: bool,
    out: Footing,
) -> None:
    """The next frame's `out`, in place.

    Args:
        build: robot and person.
        pos: (23, 3) the person's joints now, and `then`, `span_s` before; metres.
        asked: (2, 3, 3) directions of thigh and shank, and the ankle from the middle of the hips by the leg's length.
        midhip: (3,) where the middle of the robot's hips is to be; hip (2, 3) where its hips are from there;
            lateral (3,) direction from right to left hip.
        dt_s: time since the last frame.
        fresh: forget what was before.
    """
    facing = math.atan2(-lateral[0], lateral[1])
    for i in range(2):
        if fresh:
            out.off[i] = 0.0
        pitch = _read_attitude(build, i, pos, fresh, out)
        speed = _read_hold(build, i, pos, then, span_s, out)
        pitch *= 1.0 - _lay(i, pitch, dt_s, fresh, out)
        leg = build.body[i, 0] + build.body[i, 1]
        for x in range(3):
            true = hip[i, x] + build.body[i, 0] * asked[i, 0, x] + build.body[i, 1] * asked[i, 1, x]
            out.ankle[i, x] = midhip[x] + (1.0 - build.wide) * leg * asked[i, 2, x] + build.wide * true
        swing = 1.0 - _fade(speed, FREE_M_S, SWING_M_S)
        high, clearance = out.ankle[i, 2], CLEARANCE * leg * swing
        if pitch < 0.0:
            less = YIELD * (1.0 - out.laid[i, 1]) * out.upright[i]
            pitch += less * (_fitting(build, i, pitch, high - clearance) - pitch)
        _hold(build, i, pitch, facing, dt_s, fresh, out)
        _set_height(build, i, pitch, high, clearance, out)
        fall = pitch + build.stand_pitch[i] + out.upright[i] * (build.toe_pitch - build.stand_pitch[i])
        yaw = out.yaw[i] + out.off[i, 2]
        out.sole[i, 0], out.sole[i, 1], out.sole[i, 2] = (
            math.cos(fall) * math.cos(yaw),
            math.cos(fall) * math.sin(yaw),
            -math.sin(fall),
        )
        out.left[i, 0], out.left[i, 1], out.left[i, 2] = -math.sin(yaw), math.cos(yaw), 0.0


@nb.njit(cache=True, nogil=True)
def _between(a: F64, b: F64) -> float:
    return math.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2)


@nb.njit(cache=True, nogil=True)
def _read_attitude(build: Build, i: int, pos: F64, fresh: bool, out: Footing) -> float:
    """Yaw of the person's foot and how far it stands over its sole; returns its pitch down from lying flat."""
    knee, ankle, toe = pos[build.joints[i, 0]], pos[build.joints[i, 1]], pos[build.joints[i, 2]]
    dx, dy, dz = toe[0] - ankle[0], toe[1] - ankle[1], toe[2] - ankle[2]
    flat, last = math.hypot(dx, dy), out.yaw[i]
    if fresh or flat > STEEP * abs(dz):
        out.yaw[i] = math.atan2(dy, dx)
    if abs(_wrapped(out.yaw[i] - last)) > TOPPLED_RAD:
        out.off[i, 2] = 0.0
    pitch = math.atan2(-dz, flat) - build.stand_pitch[i]
    down = 1.0 - _fade((knee[2] - ankle[2]) / max(_between(knee, ankle), 1e-9), 0.0, SHANK_DOWN)
    out.upright[i] = down * _fade(abs(pitch), UPRIGHT_RAD, TOPPLED_RAD)
    return float(pitch)


@nb.njit(cache=True, nogil=True)
def _read_hold(build: Build, i: int, pos: F64, then: F64, span_s: float, out: Footing) -> float:
    """How far heel and toe are held; returns the slower one's speed, the person's size."""
    speed = 1e9
    for e in range(2):
        j = build.joints[i, 1 + e]
        own = _between(pos[j], then[j]) / span_s if span_s > 0.0 else 0.0
        speed = min(speed, own)
        out.held[i, e] = _fade(own, HOLD_M_S, FREE_M_S) * _fade(pos[j, 2] - build.level[i, e], LOW_M, HIGH_M)
    return speed


@nb.njit(cache=True, nogil=True)
def _lay(i: int, pitch: float, dt_s: float, fresh: bool, out: Footing) -> float:
    """Lay a held foot down by degrees; returns the share to which it lies flat."""
    both = min(out.held[i, 0], out.held[i, 1]) * out.upright[i] * _fade(abs(pitch), FLAT_RAD, TILTED_RAD)
    either = max(out.held[i, 0], out.held[i, 1])
    out.laid[i, 0] += _soon(both - out.laid[i, 0], dt_s, fresh) * (both - out.laid[i, 0])
    out.laid[i, 1] += _soon(either - out.laid[i, 1], dt_s, fresh) * (either - out.laid[i, 1])
    return float(out.laid[i, 0])


@nb.njit(cache=True, nogil=True)
def _ahead(build: Build, i: int, e: int, pitch: float) -> float:
    """How far end e is ahead of the ankle, over the ground."""
    return float(build.ends[i, e, 0] * math.cos(pitch) + build.ends[i, e, 2] * math.sin(pitch))


@nb.njit(cache=True, nogil=True)
def _hold(build: Build, i: int, pitch: float, facing: float, dt_s: float, fresh: bool, out: Footing) -> None:
    """Where foot i's ankle and ends are over the ground: its place, what it is off that, and its held ends where they were."""
    ax, ay = out.ankle[i, 0], out.ankle[i, 1]
    way = math.hypot(ax - out.place[i, 0], ay - out.place[i, 1])
    out.place[i, 0], out.place[i, 1] = ax, ay
    a0, a1 = out.upright[i] * _ahead(build, i, 0, pitch), out.upright[i] * _ahead(build, i, 1, pitch)
    if not fresh:
        _stay(build, i, a0, a1, facing, out)
        _come_back(i, way, dt_s, out)
    yaw = out.yaw[i] + out.off[i, 2]
    c, s = math.cos(yaw), math.sin(yaw)
    x, y = ax + out.off[i, 0], ay + out.off[i, 1]
    out.ankle[i, 0], out.ankle[i, 1] = x, y
    out.ends[i, 0, 0], out.ends[i, 0, 1] = x + c * a0, y + s * a0
    out.ends[i, 1, 0], out.ends[i, 1, 1] = x + c * a1, y + s * a1


@nb.njit(cache=True, nogil=True)
def _stay(build: Build, i: int, a0: float, a1: float, facing: float, out: Footing) -> None:
    """Change what foot i is off, so that its held ends, a0 and a1 ahead of the ankle, stay; the looser end follows."""
    yaw, held0, held1 = out.yaw[i] + out.off[i, 2], out.held[i, 0], out.held[i, 1]
    x, y = out.place[i, 0] + out.off[i, 0], out.place[i, 1] + out.off[i, 1]
    c, s = math.cos(yaw), math.sin(yaw)
    d0x, d0y = held0 * (out.ends[i, 0, 0] - x - c * a0), held0 * (out.ends[i, 0, 1] - y - s * a0)
    d1x, d1y = held1 * (out.ends[i, 1, 0] - x - c * a1), held1 * (out.ends[i, 1, 1] - y - s * a1)
    span = max(a1 - a0, SHORTEST * (build.ends[i, 1, 0] - build.ends[i, 0, 0]))
    turned = out.upright[i] * math.atan2(c * (d1y - d0y) - s * (d1x - d0x), span + c * (d1x - d0x) + s * (d1y - d0y))
    share = (1.01 - held0) / (2.02 - held0 - held1)
    pivot = a0 + share * (a1 - a0)
    px, py = x + c * pivot + d0x + share * (d1x - d0x), y + s * pivot + d0y + share * (d1y - d0y)
    yaw = facing + min(max(_wrapped(yaw + turned - facing), build.turn[i, 0]), build.turn[i, 1])
    out.off[i, 0] = px - math.cos(yaw) * pivot - out.place[i, 0]
    out.off[i, 1] = py - math.sin(yaw) * pivot - out.place[i, 1]
    out.off[i, 2] = _wrapped(yaw - out.yaw[i])


@nb.njit(cache=True, nogil=True)
def _come_back(i: int, way: float, dt_s: float, out: Footing) -> None:
    """A free foot makes up what it is off as it goes `way`; a held one that is far off creeps."""
    keep = math.exp(-(1.0 - max(out.held[i, 0], out.held[i, 1])) * (dt_s / RECOVER_S + way / RECOVER_M))
    for x in range(3):
        out.off[i, x] *= keep
    off = math.hypot(out.off[i, 0], out.off[i, 1])
    if off > LOST_M:
        out.off[i] = 0.0
    elif off > CREEP_FROM_M:
        left = 1.0 - min(CREEP_PER_S * (off - CREEP_FROM_M), CREEP_M_S) * dt_s / off
        out.off[i, 0] *= left
        out.off[i, 1] *= left


@nb.njit(cache=True, nogil=True)
def _fitting(build: Build, i: int, pitch: float, high: float) -> float:
    """The pitch, or as much of it as fits between an ankle so high and the ground: a foot long for its leg is pitched less."""
    e = 1 if pitch > 0.0 else 0
    ahead, below = abs(build.ends[i, e, 0]), -build.ends[i, e, 2]
    most = math.asin(min(max(high / math.hypot(ahead, below), 0.0), 1.0)) - math.atan2(below, ahead)
    return math.copysign(min(abs(pitch), max(most, 0.0)), pitch)


@nb.njit(cache=True, nogil=True)
def _set_height(build: Build, i: int, pitch: float, high: float, clearance: float, out: Footing) -> None:
    """Heights of foot i's ankle and ends: on the ground while held, as high over it as the person's otherwise."""
    c, s = math.cos(pitch), math.sin(pitch)
    z0, z1 = build.ends[i, 0, 2] * c - build.ends[i, 0, 0] * s, build.ends[i, 1, 2] * c - build.ends[i, 1, 0] * s
    ground = -min(z0, z1)
    clear = high - ground - clearance
    over = high - clear + 0.5 * (clear + math.hypot(clear, SKIM_M))
    up = out.upright[i]
    free = up * over + (1.0 - up) * high
    out.ankle[i, 2] = free + up * out.laid[i, 1] * (ground - free)
    out.ends[i, 0, 2], out.ends[i, 1, 2] = out.ankle[i, 2] + z0, out.ankle[i, 2] + z1
