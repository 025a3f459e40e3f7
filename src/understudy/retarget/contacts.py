"""When the person's feet stand: read off the human side, in SI units, at any frame rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.kinematics.course import central_speeds
from understudy.spec.skeleton import SIDES, HumanMotion

WINDOW_NS = 33_333_333
"""Half the window of the speed, and the time added on both sides of a stance."""
ENTER_M_S, LEAVE_M_S = 0.2, 0.3
RISE_M = 0.05
SLOW_M_S, FAST_M_S = 0.5, 1.5
"""A foot of which an end moves slower than the first has its direction followed closely, one both of whose ends are faster than
the second does not."""
TIPTOE_M, LOW_PERCENTILE = 0.03, 10.0
"""A heel is down where the ankle of a standing foot is no further above its low level, that percentile of its height."""
FLAT_PITCH_RAD, UPRIGHT = np.radians(30.0), 0.25
"""A foot that lies flat is within this pitch of how it stands, under a shank that points down by at least this share."""


def central_speed(pos_m: F64, t_ns: I64) -> F64:
    """(T,) speed over plus and minus 1/30 s, m/s, of points (T, 3); clipped at the ends."""
    return np.asarray(central_speeds(pos_m, t_ns, WINDOW_NS))


def hysteresis(enter: Bool, stay: Bool) -> Bool:
    """(T,) true from where `enter` holds, forward and backward for as long as `stay` holds."""
    stay = stay | enter
    edges = np.flatnonzero(np.diff(np.concatenate([[0], stay.astype(np.int8), [0]])))
    out = np.zeros(len(enter), dtype=np.bool_)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if enter[start:stop].any():
            out[start:stop] = True
    return out


def grown(mask: Bool, by: int) -> Bool:
    """(T,) true within `by` frames of where `mask` is."""
    return np.asarray(np.convolve(mask.astype(np.float64), np.ones(2 * by + 1))[by : by + len(mask)] > 0.5)


@dataclass(frozen=True)
class Standing:
    """Which feet stand, left and right.

    Attributes:
        stands: (T, 2) those that are said to stand.
        firm: (T, 2) those that lie on the floor: the frames in which the rule holds, nothing added.
        placed: (T, 2) those whose place over the floor is kept: the firm ones and up to 1/30 s on both sides, in which a heel
            may rise or come down already.
    """

    stands: Bool
    firm: Bool
    placed: Bool


def stance(motion: HumanMotion) -> Bool:
    """(T, 2) true while the left and right foot stands, see `standing`."""
    return standing(motion).stands


def standing(motion: HumanMotion) -> Standing:
    """When the left and right foot stands.

    A foot enters stance when ankle and toe are slower than 0.2 m/s and the toe is within 5 cm of its low level (the
    5th percentile of its height), and stays while they are slower than 0.3 m/s; up to 1/30 s is added on both
    sides.

    Where the source says itself which foot touches the ground (`motion.contact`), that takes the place of the height and of
    the 0.2 m/s: a foot stands while it touches and is slower than 0.3 m/s. A touching foot that rolls or slides is no stance.
    """
    grow = max(1, round(WINDOW_NS * 1e-9 * motion.rate_hz))
    speeds = _speeds(motion)
    if motion.contact is not None:
        said: Bool = np.asarray(motion.contact & (speeds < LEAVE_M_S))
        return Standing(said, said, np.stack([grown(said[:, i], grow) for i in range(2)], axis=1))
    firm, placed = np.zeros((len(motion), 2), dtype=np.bool_), np.zeros((len(motion), 2), dtype=np.bool_)
    for i, side in enumerate(SIDES):
        toe, speed = motion.joint(f"{side}_toe"), speeds[:, i]
        low = toe[:, 2] < np.percentile(toe[:, 2], 5) + RISE_M
        # leaving is slower than entering only inside a stance, so a foot that merely passes by slowly is not held
        firm[:, i] = (speed < ENTER_M_S) & low
        held = hysteresis(firm[:, i], (speed < LEAVE_M_S) & low)
        placed[:, i] = _with_margins(firm[:, i], held, grow)
    return Standing(placed, firm, placed)


def _with_margins(standing: Bool, held: Bool, most: int) -> Bool:
    """(T,) stances with up to `most` frames added on both sides, and up to twice as many while `held`.

    One that lasts less than four times that is given three quarters of it: with more, a runner's foot would stand twice as long.
    """
    out = np.zeros_like(standing)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], standing.astype(np.int8), [0]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        by = most if stop - start >= 4 * most else max(1, round(0.75 * most))
        out[max(start - by, 0) : stop + by] = True
        wide = slice(max(start - 2 * by, 0), stop + 2 * by)
        out[wide] |= held[wide]
    return out


def slowness(motion: HumanMotion) -> F64:
    """(T, 2) 1 where the slower end of the left and right foot moves slower than SLOW_M_S, 0 above FAST_M_S; 0 of a foot under a
    shank that does not point down."""
    slow = np.clip((FAST_M_S - _ends(motion).min(axis=2)) / (FAST_M_S - SLOW_M_S), 0.0, 1.0)
    return np.asarray(slow * np.stack([shank_down(motion, side) for side in SIDES], axis=1))


def _speeds(motion: HumanMotion) -> F64:
    """(T, 2) the faster of ankle and toe, left and right, m/s."""
    return np.asarray(_ends(motion).max(axis=2))


def _ends(motion: HumanMotion) -> F64:
    """(T, 2, 2) speeds of ankle and toe, left and right, m/s."""
    parts = [[central_speed(motion.joint(f"{side}_{part}"), motion.t_ns) for part in ("ankle", "toe")] for side in SIDES]
    return np.stack([np.stack(pair, axis=1) for pair in parts], axis=1)


def foot_pitch(motion: HumanMotion, side: str) -> F64:
    """(T,) angle of ankle to toe below the horizontal, radians."""
    d = motion.joint(f"{side}_toe") - motion.joint(f"{side}_ankle")
    return np.asarray(np.arctan2(-d[:, 2], np.hypot(d[:, 0], d[:, 1])))


def heel_down(motion: HumanMotion, side: str, standing: Bool) -> Bool:
    """(T,) standing frames in which the heel is down: somebody who is on the toes for most of a clip does not stand so."""
    if not standing.any():
        return standing
    height = motion.joint(f"{side}_ankle")[:, 2]
    return np.asarray(standing & (height <= np.percentile(height[standing], LOW_PERCENTILE) + TIPTOE_M))


def standing_pitch(motion: HumanMotion, side: str, standing: Bool) -> float:
    """Median `foot_pitch` while the foot stands with its heel down, radians; over the whole clip when it never stands."""
    return _median_pitch(foot_pitch(motion, side), heel_down(motion, side, standing))


def _median_pitch(pitch: F64, frames: Bool) -> float:
    return float(np.median(pitch[frames] if frames.any() else pitch))


def shank_down(motion: HumanMotion, side: str) -> Bool:
    """(T,) whether the shank points down, as that of a foot which stands on its sole."""
    shank = motion.joint(f"{side}_ankle") - motion.joint(f"{side}_knee")
    return np.asarray(shank[:, 2] < -UPRIGHT * np.linalg.norm(shank, axis=1))


def flat(motion: HumanMotion, standing: Bool) -> Bool:
    """(T, 2) true where a standing foot lies flat: within 30 degrees of its standing pitch, with the shank pointing down.

    A foot that stands otherwise (kneeling, toes tucked) keeps only its toe on the ground.
    """
    out = np.zeros_like(standing)
    for i, side in enumerate(SIDES):
        pitch = foot_pitch(motion, side)
        off = np.abs(pitch - _median_pitch(pitch, standing[:, i]))
        out[:, i] = standing[:, i] & shank_down(motion, side) & (off < FLAT_PITCH_RAD)
    return out
