"""One frame's targets: what `targets.vector_targets` says, compiled for a single frame, and what of it the frame does not say.

A bone of no length has no direction. Its target stays the one of the frame before and counts for nothing meanwhile. A frame whose
hips or trunk have none says nothing at all.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.retarget._stream_kernel import Room
from understudy.retarget.problem import LIMBS, Problem
from understudy.retarget.targets import PLACE, Calibration
from understudy.spec.skeleton import INDEX, SIDES

SHORTEST_M = 1e-3
"""A bone shorter than this has no direction."""
LEAST_ANGLE = 0.05
"""Sine of the smallest angle between the hips' line and the trunk's that still says which way the person faces."""


class Reading(NamedTuple):
    """Which targets are read from which joints.

    bone (N, 3): target, joint that the bone begins at and joint that it ends at; reach (4, 3): the same of ankles and wrists, -1
    for the middle of the hips, over reach_m (4,); sole (2, 3): target, ankle and toe, pitched down by sole_pitch (2,) radians;
    torso (4,): the targets midhip, pelvis_lateral, pelvis_up and trunk; hip (2,) and neck: joints; hand_side (2,): targets; scale
    and shift_m: of midhip.
    """

    bone: I64
    reach: I64
    reach_m: F64
    sole: I64
    sole_pitch: F64
    torso: I64
    hip: I64
    neck: int
    hand_side: I64
    scale: float
    shift_m: float


class Hips(NamedTuple):
    """Where the robot's hips are: body (3,) and offset (3, 3) of the point between them, the left and the right one; off (2, 3):
    hips from there, and axes (3, 3): rows ahead, left and up, of the last frame that was asked; out (2, 3): in world."""

    body: I64
    offset: F64
    off: F64
    axes: F64
    out: F64


def reading_of(problem: Problem, known: Calibration) -> Reading:
    """The table for a robot and a person."""
    bones = [(f"{a}>{b}", a, b) for a, b in LIMBS]
    bones += [("shoulder_line", "right_shoulder", "left_shoulder")]
    bones += [(f"{s}_hand_aim", f"{s}_wrist", f"{s}_hand") for s in SIDES]
    reaches = [(PLACE[f"{s}_foot"], -1, INDEX[f"{s}_ankle"]) for s in SIDES]
    reaches += [(PLACE[f"{s}_hand"], INDEX[f"{s}_shoulder"], INDEX[f"{s}_wrist"]) for s in SIDES]
    return Reading(
        bone=np.array([(PLACE[name], INDEX[a], INDEX[b]) for name, a, b in bones]),
        reach=np.array(reaches),
        reach_m=np.array([*known.leg_m, *known.arm_m]),
        sole=np.array([(PLACE[f"{s}_sole"], INDEX[f"{s}_ankle"], INDEX[f"{s}_toe"]) for s in SIDES]),
        sole_pitch=np.array([problem.foot_pitch_rad - pitch for pitch in known.stand_pitch_rad]),
        torso=np.array([PLACE[name] for name in ("midhip", "pelvis_lateral", "pelvis_up", "trunk")]),
        hip=np.array([INDEX[f"{s}_hip"] for s in SIDES]),
        neck=INDEX["neck"],
        hand_side=np.array([PLACE[f"{s}_hand_side"] for s in SIDES]),
        scale=known.scale,
        shift_m=known.height_shift_m,
    )


def hips_of(problem: Problem) -> Hips:
    """The robot's hips, of which nothing has been asked yet."""
    points = [problem.robot.point(name) for name in ("pelvis", *(f"{s}_hip" for s in SIDES))]
    return Hips(
        body=np.array([body for body, _ in points]),
        offset=np.array([offset for _, offset in points]),
        off=problem.hip_half_width_m * np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]),
        axes=np.eye(3),
        out=np.zeros((2, 3)),
    )


@nb.njit(cache=True, nogil=True)
def read_targets(reading: Reading, pos: F64, radial: F64, out: F64, says: F64) -> bool:
    """Targets `out` (V, 3) of the person's joints (23, 3) metres and thumbs' sides (2, 3, zeros where not known), in place.

    `says` (V,) is 1, or 0 for a target that the frame does not say and that is left as it was. False, and nothing changed, where
    hips and neck make no torso.
    """
    left, right, neck = pos[reading.hip[0]], pos[reading.hip[1]], pos[reading.neck]
    wide = math.sqrt((left[0] - right[0]) ** 2 + (left[1] - right[1]) ** 2 + (left[2] - right[2]) ** 2)
    mx, my, mz = 0.5 * (left[0] + right[0]), 0.5 * (left[1] + right[1]), 0.5 * (left[2] + right[2])
    tall = math.sqrt((neck[0] - mx) ** 2 + (neck[1] - my) ** 2 + (neck[2] - mz) ** 2)
    if not (wide > SHORTEST_M and tall > SHORTEST_M):
        return False
    lx, ly, lz = (left[0] - right[0]) / wide, (left[1] - right[1]) / wide, (left[2] - right[2]) / wide
    tx, ty, tz = (neck[0] - mx) / tall, (neck[1] - my) / tall, (neck[2] - mz) / tall
    along = lx * tx + ly * ty + lz * tz
    ux, uy, uz = tx - along * lx, ty - along * ly, tz - along * lz
    up = math.sqrt(ux * ux + uy * uy + uz * uz)
    if not up > LEAST_ANGLE:
        return False
    says[:] = 1.0
    midhip, lateral, above, trunk = reading.torso[0], reading.torso[1], reading.torso[2], reading.torso[3]
    out[midhip, 0], out[midhip, 1], out[midhip, 2] = reading.scale * mx, reading.scale * my, reading.scale * mz + reading.shift_m
    out[lateral, 0], out[lateral, 1], out[lateral, 2] = lx, ly, lz
    out[above, 0], out[above, 1], out[above, 2] = ux / up, uy / up, uz / up
    out[trunk, 0], out[trunk, 1], out[trunk, 2] = tx, ty, tz
    for n in range(len(reading.bone)):
        says[reading.bone[n, 0]] = _direction(pos[reading.bone[n, 1]], pos[reading.bone[n, 2]], out[reading.bone[n, 0]])
    for n in range(len(reading.reach)):
        row, start, end = reading.reach[n, 0], reading.reach[n, 1], pos[reading.reach[n, 2]]
        if start < 0:
            out[row, 0] = (end[0] - mx) / reading.reach_m[n]
            out[row, 1] = (end[1] - my) / reading.reach_m[n]
            out[row, 2] = (end[2] - mz) / reading.reach_m[n]
        else:
            for x in range(3):
                out[row, x] = (end[x] - pos[start, x]) / reading.reach_m[n]
    for i in range(2):
        out[reading.hand_side[i]] = radial[i]
        row = reading.sole[i, 0]
        says[row] = _sole(pos[reading.sole[i, 1]], pos[reading.sole[i, 2]], reading.sole_pitch[i], out[row])
    return True


@nb.njit(cache=True, nogil=True)
def _direction(start: F64, end: F64, out: F64) -> float:
    """Unit direction from start to end into `out` (3,); 0, and nothing changed, where there is none."""
    x, y, z = end[0] - start[0], end[1] - start[1], end[2] - start[2]
    size = math.sqrt(x * x + y * y + z * z)
    if size < SHORTEST_M:
        return 0.0
    out[0], out[1], out[2] = x / size, y / size, z / size
    return 1.0


@nb.njit(cache=True, nogil=True)
def _sole(ankle: F64, toe: F64, down_rad: float, out: F64) -> float:
    """Direction from ankle to toe pitched down by `down_rad` into `out` (3,); 0, and nothing changed, where there is none."""
    x, y, z = toe[0] - ankle[0], toe[1] - ankle[1], toe[2] - ankle[2]
    if math.sqrt(x * x + y * y + z * z) < SHORTEST_M:
        return 0.0
    pitch, yaw = math.atan2(-z, math.hypot(x, y)) + down_rad, math.atan2(y, x)
    out[0], out[1], out[2] = math.cos(pitch) * math.cos(yaw), math.cos(pitch) * math.sin(yaw), -math.sin(pitch)
    return 1.0


@nb.njit(cache=True, nogil=True)
def carry_hips(hips: Hips, room: Room, lateral: F64, up: F64, first: bool) -> None:
    """`hips.out`: where the robot's hips will be from the point between them if they stay in the pelvis where they are.

    They are not fixed there: a hip's first joint moves the end of the thigh with it.

    Args:
        hips: the robot's hips.
        room: the frame before, as solved.
        lateral, up: (3,) how the pelvis is to be turned.
        first: nothing has been solved yet.
    """
    for i in range(2):
        if not first:
            for x in range(3):
                hips.out[i, x] = _at(hips, room, 1 + i, x) - _at(hips, room, 0, x)
            hips.off[i] = hips.axes @ hips.out[i]
    for x in range(3):
        y, z = (x + 1) % 3, (x + 2) % 3
        hips.axes[0, x] = lateral[y] * up[z] - lateral[z] * up[y]
        hips.axes[1, x], hips.axes[2, x] = lateral[x], up[x]
    for i in range(2):
        hips.out[i] = hips.off[i] @ hips.axes


@nb.njit(cache=True, nogil=True)
def _at(hips: Hips, room: Room, n: int, x: int) -> float:
    b, o = hips.body[n], hips.offset[n]
    return float(room.pos[b, x] + room.rot[b, x, 0] * o[0] + room.rot[b, x, 1] * o[1] + room.rot[b, x, 2] * o[2])
