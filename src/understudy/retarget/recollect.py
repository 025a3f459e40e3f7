"""The re-collect list: which stretches to record again, what went wrong in each, and what to tell the demonstrator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.kinematics.forward import BodyPoses
from understudy.retarget.causes import Cause, Moment, Reason, moment, reasons_of
from understudy.retarget.feasibility import ENDS, LIMIT_M, Stretch, limb_of
from understudy.retarget.problem import Problem
from understudy.retarget.targets import Targets
from understudy.spec.robot import RobotMotion

BRIDGED = "interpolated"
"""A stretch so treated shows a motion of its own and is not asked for again."""
BEHIND, OVERHEAD, ACROSS, FOLDED, HIGH_KNEE = -0.25, 0.5, 0.25, 0.5, -0.5
"""Where a limb was asked to be, in lengths of the limb from its shoulder or hip, in the trunk's axes."""
FAR = 0.6
"""A stretch's worst frames have this share of its worst residual."""
LEG_PARTS = ("hip", "thigh", "shank", "knee", "foot", "ankle", "leg")
AT_ONCE = 64
"""Stretches of one limb that are looked at together."""
WORTH_SAYING = 0.5
"""A direction is named when it has this share of the largest."""


@dataclass(frozen=True)
class Recollect:
    """One stretch to record again.

    Attributes:
        end: `left_hand`, `right_hand`, `left_foot` or `right_foot`.
        start_s, end_s: times in the clip; worst_s when the limb is furthest off.
        worst_m: how far the robot's limb is then from what was asked.
        cause: what kept it, see `causes.Cause`: in most of the stretch.
        why: the same in words, and what made it worst where that is something else.
        tell: what to tell the demonstrator.
        treated: what was done with the stretch in this episode.
    """

    end: str
    start_s: float
    end_s: float
    worst_s: float
    worst_m: float
    cause: Cause
    why: str
    tell: str
    treated: str

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        when = f"{self.start_s:.2f} to {self.end_s:.2f} s"
        return f"{when}, {self.end.replace('_', ' ')}, {100 * self.worst_m:.0f} cm off: {self.why}; {self.tell}"


def recollect_list(
    found: Sequence[Stretch],
    motion: RobotMotion,
    targets: Targets,
    problem: Problem,
    residual_m: F64,
    *,
    person_m: dict[str, float],
    lowpass_hz: float,
    rate_hz: float,
) -> tuple[Recollect, ...]:
    """What to say of every stretch.

    Args:
        found: stretches of `motion`.
        motion: the robot's, before anything was done about them.
        targets: what was asked of it.
        problem: the robot.
        residual_m: (T, 4) metres, order ENDS.
        person_m: length of the person's `arm` and `leg`: what is told is in the person's size.
        lowpass_hz: cut-off of the smoothing in the solve; rate_hz: frames per second.
    """
    out: dict[int, Recollect] = {}
    for end in ENDS:
        own = [i for i, s in enumerate(found) if s.end == end]
        off = residual_m[:, ENDS.index(end)]
        for some in (own[i : i + AT_ONCE] for i in range(0, len(own), AT_ONCE)):  # all of a long take would fill the memory
            parts = [part for i in some for part in _parts(found[i], off[found[i].first : found[i].stop])]
            reasons = reasons_of(
                end, [frames for frames, _ in parts], motion, targets, problem, lowpass_hz=lowpass_hz, rate_hz=rate_hz
            )
            seen = moment(end, np.array([typical for _, typical in parts]), motion, targets, problem)
            size = person_m[limb_of(end).split("_")[1]] / problem.lengths_m[limb_of(end)]
            told = [_tell(reason, at, size) for reason, at in zip(reasons, _asked(seen, problem), strict=True)]
            for n, i in enumerate(some):
                worst = found[i].first + int(np.argmax(off[found[i].first : found[i].stop]))
                here = slice(2 * n, 2 * n + 2)
                out[i] = _entry(found[i], float(motion.t_ns[worst]) * 1e-9, reasons[here], told[here])
    return tuple(out[i] for i in range(len(found)))


def _entry(s: Stretch, worst_s: float, reasons: Sequence[Reason], told: Sequence[str]) -> Recollect:
    """What to say of a stretch, by the reasons of all its frames and of its worst ones."""
    if reasons[0].cause == reasons[1].cause:
        reasons, told = reasons[1:], told[1:]
    return Recollect(
        end=s.end,
        start_s=s.start_s,
        end_s=s.end_s,
        worst_s=worst_s,
        worst_m=s.worst_m,
        cause=reasons[0].cause,
        why=", and ".join(_why(reason, s.end) for reason in reasons),
        tell=", and ".join(told),
        treated=s.treated,
    )


def _parts(s: Stretch, off_m: F64) -> tuple[tuple[I64, int], tuple[I64, int]]:
    """All frames of a stretch that are over the limit, and its worst ones; each with the frame that stands for them."""
    over, far = np.flatnonzero(off_m > LIMIT_M), np.flatnonzero(off_m >= FAR * off_m.max())
    median = over[np.argsort(off_m[over])[len(over) // 2]]
    return (s.first + over, s.first + int(median)), (s.first + far, s.first + int(np.argmax(off_m)))


def as_treated(listed: Sequence[Recollect], found: Sequence[Stretch]) -> tuple[Recollect, ...]:
    """The list after `feasibility.treat`, which keeps the order: bridged stretches are not asked for again."""
    done = [replace(entry, treated=s.treated) for entry, s in zip(listed, found, strict=True)]
    return tuple(entry for entry in done if entry.treated != BRIDGED)


def _why(reason: Reason, end: str) -> str:
    limb = limb_of(end).replace("_", " ")
    joint = reason.what.removesuffix("_joint").replace("_", " ")
    words: dict[Cause, str] = {
        "reach": f"{reason.bound:.2f} times the length of the robot's {limb} is asked",
        "joint_limit": f"the robot's {joint} ends at {np.degrees(reason.bound):.0f} degrees",
        "speed": f"the robot's {joint} turns no faster than {reason.bound:.1f} rad/s",
        "self_collision": f"the robot's {limb} would run into its {joint}",
        "floor": f"the robot's {limb} would go into the floor",
        "standing": "the foot stands on the floor, and the pose asks for it elsewhere",
        "smoothing": f"the movement is faster than the smoothing at {reason.bound:g} Hz lets through",
        "other": f"the robot's proportions and its other limbs keep its {limb} away",
    }
    return words[reason.cause]


@dataclass(frozen=True)
class _Asked:
    """One limb in one frame, in the trunk's axes: forward, left, up.

    Attributes:
        end: which of ENDS.
        reach: (3,) from shoulder or hip to where it was asked to be, in lengths of the limb.
        off_m: (3,) from where it was asked to be to where it is.
    """

    end: str
    reach: F64
    off_m: F64


def _asked(seen: Moment, problem: Problem) -> list[_Asked]:
    """Each of the frames by itself."""
    reach, off_m = seen.asked_world_m - seen.base_world_m, seen.tip_world_m - seen.asked_world_m
    length = problem.lengths_m[limb_of(seen.end)]
    axes = _axes(seen.poses, problem)
    return [_Asked(seen.end, axes[i].T @ reach[i] / length, axes[i].T @ off_m[i]) for i in range(len(axes))]


def _tell(reason: Reason, at: _Asked, size: float) -> str:
    kind = at.end.split("_")[1]
    if reason.cause == "speed":
        return "do this part slower"
    if reason.cause == "smoothing":
        return "do this part slower, or raise --lowpass"
    move = _move(at, size)
    if reason.cause == "self_collision":
        legs = kind == "foot" and reason.what.split()[-1] in LEG_PARTS
        apart = "the legs apart" if legs else f"the {limb_of(at.end).split('_')[1]} clear of the {reason.what}"
        return f"keep {apart}: {move}"
    if reason.cause == "floor":
        return f"stay higher above the floor: {move}"
    if reason.cause == "standing":
        return f"stand with the feet flat under the hips, or lift the foot: {move}"
    return f"{_place(at)}: {move}"


def _axes(poses: BodyPoses, problem: Problem) -> F64:
    """(N, 3, 3) columns forward, left and up of the trunk, in `world`."""
    at = {name: poses.points(*problem.robot.point(name)) for name in ("left_hip", "right_hip", "pelvis", "neck")}
    up = _unit(at["neck"] - at["pelvis"])
    left = at["left_hip"] - at["right_hip"]
    left = _unit(left - np.sum(left * up, axis=1, keepdims=True) * up)
    return np.stack([np.cross(left, up), left, up], axis=2)


def _place(at: _Asked) -> str:
    """What to change about where the limb was asked to be."""
    side, kind = at.end.split("_")
    inward = -1.0 if side == "left" else 1.0
    x, y, z = at.reach
    away = float(np.linalg.norm([x, y, z]))
    across = float(inward * y)
    if kind == "hand":
        if x < BEHIND:
            return "keep the hand in front of the body"
        if z > OVERHEAD:
            return "reach less high"
        if away < FOLDED:
            return "fold the arm less"
        if across > ACROSS:
            return "reach less far across the body"
        return "keep the hand nearer to where the arm reaches easily"
    if across > ACROSS:
        return "do not cross the legs"
    if z > HIGH_KNEE and x < 0.0:
        return "bring the leg back less"
    if away < FOLDED or z > HIGH_KNEE:
        return "bend the leg less"
    return "keep the feet nearer to under the hips"


def _move(at: _Asked, size: float) -> str:
    """How the limb should have been held, in the person's centimetres and the trunk's directions."""
    side, kind = at.end.split("_")
    outward = 1.0 if side == "left" else -1.0
    off = size * at.off_m
    named = (("forward", "back"), ("outward", "inward"), ("up", "down"))
    parts = [off[0], outward * off[1], off[2]]
    order = sorted(range(3), key=lambda i: -abs(parts[i]))
    words = [named[i][0 if parts[i] > 0 else 1] for i in order if abs(parts[i]) >= WORTH_SAYING * abs(parts[order[0]])]
    listed = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    return f"the {kind} about {100 * float(np.linalg.norm(off)):.0f} cm further {listed}"


def _unit(v: F64) -> F64:
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-9))
