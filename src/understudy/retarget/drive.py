"""What every frame of a clip is asked: the targets' weights, planted feet and smoothness, at the clip's own time step."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.retarget._tables import Drive
from understudy.retarget.parts import joints_of
from understudy.retarget.problem import Problem
from understudy.retarget.targets import PLACE, Targets, frame_weights
from understudy.spec.skeleton import SIDES

REFERENCE_HZ = 30.0
"""The rate at which the weights were chosen; other rates scale them by their step."""
GROUND, SLIP = 3e4, 1e6
FASTEST_RAD_S, SPEED_SHARE = 14.5, 0.98
"""Joints turn no faster than this, nor than this share of their own limit."""
SOFT_SOLE = 0.03
"""Share of the ground weight that lays the sole flat where the ankle cannot roll."""
HEEL_UP_RAD = np.radians(10.0)
"""A standing foot whose heel is up by more has its toe's edge on the floor; by less, its whole sole."""
ROOT_POS_ACCEL, ROOT_TURN_ACCEL = 100.0, 4.0
"""The root is held by more than a joint is: with these its low-pass is about that of the joints."""
LEG_PULL = 5.2
"""Weight of what a leg is asked, two bones and the foot's place, from which on `_accelerations` keeps its low-pass."""
TRACE = 1e-4
"""Weight of the second differences at 30 Hz where no smoothing is asked, against jitter."""
FEET_POINTS = 4
"""Points that can be planted where only the feet bear."""


def acceleration_weight(lowpass_hz: float, rate_hz: float = REFERENCE_HZ) -> float:
    """Weight of the squared second difference at a rate that makes a zero-phase second-order low-pass at `lowpass_hz`.

    Minimising |q - target|^2 + w |second difference|^2 is the filter 1 / (1 + w (2 - 2 cos(2 pi f / rate))^2). It halves a sine
    of frequency fc where w = (2 - 2 cos(2 pi fc / rate))^-2, and for f far below the rate it is 1 / (1 + (f / fc)^4): a
    second-order Butterworth run forward and backward. For a cut-off beyond half the rate, where no sine is, the slow sine's
    weight (2 pi fc / rate)^-4 stands.
    """
    if lowpass_hz <= 0:
        return TRACE * (rate_hz / REFERENCE_HZ) ** 4
    turn = 2.0 * np.pi * lowpass_hz / rate_hz
    return float((2.0 - 2.0 * np.cos(turn) if turn < np.pi else turn**2) ** -2)


def make_drive(problem: Problem, targets: Targets, lowpass_hz: float, rate_hz: float, weight: F64 | None = None) -> Drive:
    """What every frame is asked, with weights scaled to the clip's own time step."""
    step = REFERENCE_HZ / rate_hz
    total = len(targets.vectors)
    weights = frame_weights(targets) if weight is None else weight
    accel = _accelerations(problem, targets, lowpass_hz, rate_hz)
    return Drive(
        target=targets.vectors,
        weight=weights * step,
        pull=_pull(problem, targets) * step,
        slip=_slip(problem, targets) / step,
        slide=np.zeros((total, len(problem.ground.slip_body), 2)),
        accel=np.tile(accel * step, (total, 1)),
        step=np.minimum(FASTEST_RAD_S, SPEED_SHARE * problem.robot.velocity_rad_s) / rate_hz,
    )


def _accelerations(problem: Problem, targets: Targets, lowpass_hz: float, rate_hz: float) -> F64:
    """(nv,) weights of the second differences, against data that weigh as at 30 Hz.

    The cut-off goes with the fourth root of how much a joint is pulled to its target. Where the hips' mismatch makes the foot's
    place weigh more, the legs' accelerations weigh as much more, and it stays. A trace against jitter has no cut-off.
    """
    accel = np.full(6 + problem.robot.dof, acceleration_weight(lowpass_hz, rate_hz))
    accel[:3] *= ROOT_POS_ACCEL
    if lowpass_hz <= 0:
        return accel
    accel[3:6] *= ROOT_TURN_ACCEL
    for i, side in enumerate(SIDES):
        leg = [6 + j for j in joints_of(problem.tree, int(problem.ground.slip_body[2 * i]))]
        accel[leg] *= max(1.0, (2.0 + targets.weights[PLACE[f"{side}_foot"]]) / LEG_PULL)
    return accel


def held_level(problem: Problem, targets: Targets) -> Bool:
    """(T, 2) feet whose whole sole is held on the floor: firm, flat, and with the heel up by no more than HEEL_UP_RAD."""
    soles = targets.vectors[:, [PLACE[f"{side}_sole"] for side in SIDES]]
    heel_up = np.arcsin(np.clip(-soles[:, :, 2], -1.0, 1.0)) - problem.foot_pitch_rad
    return np.asarray(targets.flat & targets.firm & (heel_up <= HEEL_UP_RAD))


def _pull(problem: Problem, targets: Targets) -> F64:
    """(T, G) two-sided height weights: the whole sole of a foot that is held level, the toe's edge of one that only stands.

    A foot is held down while it is firm, and may rise before its place is let go, and come down after it is taken.
    """
    level = held_level(problem, targets)
    out = np.zeros((len(targets.stance), len(problem.ground.body)))
    start = 0
    for i, count in enumerate(problem.sole_count):
        share = GROUND / count * (1.0 if problem.can_roll else SOFT_SOLE)
        out[level[:, i], start : start + count] = share
        front = problem.ground.offset[start : start + count, 0]
        toe = start + np.flatnonzero(front > front.max() - 0.01)
        out[np.ix_(targets.firm[:, i] & ~level[:, i], toe)] = share
        start += count
    return out


def _slip(problem: Problem, targets: Targets) -> F64:
    """(T, M) no-slip weights between frames f and f + 1: heel and toe of a flat foot, the toe alone of one on its toes.

    The feet's points are the first four of the M; those of other surfaces get no weight here.
    """
    out = np.zeros((len(targets.stance), len(problem.ground.slip_body)))
    both = targets.placed[:-1] & targets.placed[1:]
    lying = targets.flat[:-1] & targets.flat[1:]
    for i in range(2):
        out[:-1, 2 * i] = SLIP * lying[:, i]
        out[:-1, 2 * i + 1] = SLIP * both[:, i]
    return out
