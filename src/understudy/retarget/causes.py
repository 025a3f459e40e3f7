"""What kept a limb from where it was asked to be, told from the robot's motion and the targets of the frames concerned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.geom.filters import lowpass
from understudy.kinematics.collision import CollisionModel, self_distances, witnesses
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.kinematics.jacobian import point_jacobians
from understudy.retarget.feasibility import CHAINS, limb_of, reached_and_asked
from understudy.retarget.problem import Problem
from understudy.retarget.speed import MET, speed_bound
from understudy.retarget.targets import Targets
from understudy.retarget.trajectory import MARGIN_M
from understudy.spec.robot import RobotMotion

Cause = Literal["reach", "joint_limit", "speed", "self_collision", "floor", "standing", "smoothing", "other"]
MOST_SAMPLES = 64
"""Most frames of a stretch that are looked at."""
LEAST_SHARE = 0.3
"""Share of them in which a cause must hold to be the stretch's."""
AT_LIMIT_RAD, TOUCHING_M, OVER_LENGTH = 0.02, 0.004, 1.02
HELPS_M_RAD = 0.02
"""A joint at its limit is to blame where turning on would bring the limb nearer, by at least this much per radian."""
NEAR_S = 0.1
"""A joint that reaches its speed bound this near makes its limb late here."""
AROUND_S = 1.0


@dataclass(frozen=True)
class Reason:
    """Why a limb was not where it was asked to be.

    Attributes:
        cause: the kind.
        share: of the frames looked at in which it holds.
        what: the joint, or the body part that is in the way; empty otherwise.
        bound: the bound that was met, in the unit of the cause: rad, rad/s, m, Hz, or times the limb; NaN without one.
    """

    cause: Cause
    share: float
    what: str = ""
    bound: float = float("nan")


@dataclass(frozen=True)
class Moment:
    """One limb in some frames.

    Attributes:
        end: which of `feasibility.ENDS`.
        frames: (N,) of the clip.
        poses: the robot's in those frames.
        base_world_m, tip_world_m, asked_world_m: (N, 3) shoulder or hip, wrist or ankle, and where that was asked to be.
    """

    end: str
    frames: I64
    poses: BodyPoses
    base_world_m: F64
    tip_world_m: F64
    asked_world_m: F64

    @cached_property
    def toward(self) -> F64:
        """(N, 3) unit vectors from where the limb is to where it was asked to be."""
        gap = self.asked_world_m - self.tip_world_m
        return np.asarray(gap / np.maximum(np.linalg.norm(gap, axis=1, keepdims=True), 1e-9))


def moment(end: str, frames: I64, motion: RobotMotion, targets: Targets, problem: Problem) -> Moment:
    """A limb in some frames of a motion."""
    robot, (side, kind) = problem.robot, end.split("_")
    poses = body_poses(robot, motion.root_pos_world_m[frames], motion.root_quat_world_wxyz[frames], motion.joint_pos[frames])
    tip, asked = reached_and_asked(poses, targets.vectors[frames], problem, end)
    return Moment(end, frames, poses, poses.points(*robot.point(f"{side}_{CHAINS[kind][0]}")), tip, asked)


@dataclass(frozen=True)
class _Found:
    """One cause in several parts of a clip.

    Attributes:
        cause: the kind.
        share: (P,) of each part's frames in which it holds.
        of: a part's number to what and bound, as in `Reason`.
    """

    cause: Cause
    share: F64
    of: Callable[[int], tuple[str, float]]


class _Parts:
    """Parts of a clip, laid one behind the other: (N,) frames in all, of which each part has a stretch."""

    def __init__(self, frames: Sequence[I64]) -> None:
        self.frames = np.concatenate(frames)
        self.sizes = np.array([len(part) for part in frames])
        self.first = np.cumsum(self.sizes) - self.sizes

    def __getitem__(self, part: int) -> slice:
        """Where a part lies."""
        return slice(int(self.first[part]), int(self.first[part] + self.sizes[part]))

    def share(self, mask: Bool) -> F64:
        """(P,) of each part's frames in which `mask` (N,) holds."""
        return np.asarray(np.add.reduceat(mask.astype(np.float64), self.first) / self.sizes)


def reasons_of(
    end: str, parts: Sequence[I64], motion: RobotMotion, targets: Targets, problem: Problem, *, lowpass_hz: float, rate_hz: float
) -> list[Reason]:
    """For each of some parts of a clip the reason that holds in most of its frames.

    Args:
        end: which of `feasibility.ENDS`.
        parts: frames (N,) of each, in which the limb is far off, ascending.
        motion: the robot's, before anything was done about the stretch.
        targets: what was asked.
        problem: the robot.
        lowpass_hz: cut-off of the smoothing in the solve; 0 for none.
        rate_hz: frames per second.
    """
    at = _Parts([frames[:: -(-len(frames) // MOST_SAMPLES)] for frames in parts])
    seen = moment(end, at.frames, motion, targets, problem)
    found = [
        _reach(seen, at, problem),
        _speed(seen, at, motion, problem, rate_hz),
        _joint_limit(seen, at, motion, problem),
        _self_collision(seen, at, problem),
        _floor(seen, at, problem),
    ]
    open_parts = np.flatnonzero(np.max([each.share for each in found], axis=0) < 1.0)  # elsewhere nothing holds in more frames
    found.append(_smoothing(seen, at, open_parts, motion, targets, problem, lowpass_hz, rate_hz))
    found.append(_standing(seen, at, targets))
    return [_most(found, part) for part in range(len(parts))]


def _most(found: Sequence[_Found], part: int) -> Reason:
    """The cause with the largest share of a part; of equals the first."""
    best = max(found, key=lambda each: float(each.share[part]))
    share = float(best.share[part])
    return Reason(best.cause, share, *best.of(part)) if share >= LEAST_SHARE else Reason("other", 1.0)


def _reach(seen: Moment, at: _Parts, problem: Problem) -> _Found:
    times = np.linalg.norm(seen.asked_world_m - seen.base_world_m, axis=1) / problem.lengths_m[limb_of(seen.end)]
    return _Found("reach", at.share(times > OVER_LENGTH), lambda part: ("", float(times[at[part]].max())))


def _speed(seen: Moment, at: _Parts, motion: RobotMotion, problem: Problem, rate_hz: float) -> _Found:
    joints, names = _joints(seen, problem)
    near, total = max(1, round(NEAR_S * rate_hz)), len(motion.t_ns)
    most = speed_bound(problem.robot)[joints]
    speed = np.abs(np.diff(motion.joint_pos[:, joints], axis=0)) * rate_hz
    fast = np.concatenate([[0], np.cumsum((speed > MET * most).any(axis=1))])
    late = fast[np.minimum(seen.frames + near, total - 1)] > fast[np.maximum(seen.frames - near, 0)]

    def of(part: int) -> tuple[str, float]:
        frames = seen.frames[at[part]]
        around = slice(max(int(frames[0]) - near, 0), int(frames[-1]) + near)
        worst = int(np.argmax((speed[around] / most).max(axis=0)))
        return names[worst], float(most[worst])

    return _Found("speed", at.share(late), of)


def _joint_limit(seen: Moment, at: _Parts, motion: RobotMotion, problem: Problem) -> _Found:
    joints, names = _joints(seen, problem)
    robot, side = problem.robot, seen.end.split("_")[0]
    body, offset = robot.point(f"{side}_{CHAINS[seen.end.split('_')[1]][2]}")
    columns = point_jacobians(robot, seen.poses, body, offset)[:, :3, 6:][:, :, joints]
    gain = np.einsum("nij,ni->nj", columns, seen.toward)
    q, lower, upper = motion.joint_pos[seen.frames][:, joints], robot.lower_rad[joints], robot.upper_rad[joints]
    beyond = np.where(q > upper - AT_LIMIT_RAD, 1.0, np.where(q < lower + AT_LIMIT_RAD, -1.0, 0.0))
    helps: F64 = np.maximum(beyond * gain, 0.0)

    def of(part: int) -> tuple[str, float]:
        own = helps[at[part]]
        worst = int(np.argmax(own.sum(axis=0)))
        above = beyond[at[part]][int(np.argmax(own[:, worst])), worst] > 0
        return names[worst], float((upper if above else lower)[worst])

    return _Found("joint_limit", at.share(np.asarray((helps > HELPS_M_RAD).any(axis=1))), of)


def _self_collision(seen: Moment, at: _Parts, problem: Problem) -> _Found:
    table, robot = problem.capsules, problem.robot
    names = tuple(capsule.name for capsule in robot.profile.capsules)
    model = CollisionModel(names, table.body, table.a, table.b, table.radius, table.pair)
    own = np.isin(table.body, [joint + 1 for joint in _joints(seen, problem)[0]])
    pairs = table.pair[own[table.pair[:, 0]] != own[table.pair[:, 1]]]
    model = replace(model, pair=pairs)
    ahead = np.zeros((len(seen.frames), len(pairs)))
    touching = MARGIN_M + TOUCHING_M
    close = np.flatnonzero((self_distances(robot, seen.poses, model).distance_m < 2.0 * touching).any(axis=1))
    near = witnesses(model, BodyPoses(seen.poses.pos_world_m[close], seen.poses.rot_world[close]))
    other = near.on_b_world_m - near.on_a_world_m
    other *= np.where(own[pairs[:, 0]], 1.0, -1.0)[:, None] / np.maximum(np.linalg.norm(other, axis=2, keepdims=True), 1e-9)
    cosine = np.einsum("npc,nc->np", other, seen.toward[close])  # of the angle between the way to go and that to the other part
    ahead[close] = np.where(near.distance_m < touching, np.maximum(cosine, 0.0), 0.0)

    def of(part: int) -> tuple[str, float]:
        i, j = pairs[int(np.argmax(ahead[at[part]].sum(axis=0)))]
        return body_part(names[j if own[i] else i]), MARGIN_M

    return _Found("self_collision", at.share(np.asarray(ahead.any(axis=1))), of)


def _floor(seen: Moment, at: _Parts, problem: Problem) -> _Found:
    ground = problem.ground
    own = np.flatnonzero(np.isin(ground.body, [joint + 1 for joint in _joints(seen, problem)[0]]))
    heights = [seen.poses.points(int(ground.body[g]), ground.offset[g])[:, 2] - ground.clearance[g] for g in own]
    low: Bool = np.min(heights, axis=0) < TOUCHING_M if heights else np.zeros(len(seen.frames), dtype=np.bool_)
    return _Found("floor", at.share(low & (seen.toward[:, 2] < -0.5)), lambda part: ("floor", float("nan")))


def _standing(seen: Moment, at: _Parts, targets: Targets) -> _Found:
    side, kind = seen.end.split("_")
    nobody = np.zeros(len(seen.frames), dtype=np.bool_)
    stands = targets.stance[seen.frames, ("left", "right").index(side)] if kind == "foot" else nobody
    return _Found("standing", at.share(stands), lambda part: ("", float("nan")))


def _smoothing(
    seen: Moment, at: _Parts, open_parts: I64, motion: RobotMotion, targets: Targets, problem: Problem, lowpass_hz: float,
    rate_hz: float,
) -> _Found:  # fmt: skip
    """Where what was asked and its low-passed course differ by most of what is missing; nowhere but in `open_parts`."""
    share = np.zeros(len(at.sizes))
    found = _Found("smoothing", share, lambda part: ("", lowpass_hz))
    if lowpass_hz <= 0.0 or lowpass_hz >= rate_hz / 2.0 or not len(open_parts):
        return found
    spare, total = round(AROUND_S * rate_hz), len(motion.t_ns)
    looked = []
    wanted = np.zeros(total, dtype=np.bool_)
    for part in open_parts:
        frames = seen.frames[at[part]]
        near = np.abs(frames - frames[len(frames) // 2]) <= spare  # a whole long stretch would fill the memory
        looked.append((at[part], near))
        wanted[max(int(frames[near][0]) - spare, 0) : int(frames[near][-1]) + spare + 1] = True
    around = np.flatnonzero(wanted)
    all_around = moment(seen.end, around, motion, targets, problem)
    course = all_around.asked_world_m - all_around.base_world_m
    lost = np.empty((total, 3))
    for run in np.split(np.arange(len(around)), np.flatnonzero(np.diff(around) > 1) + 1):
        lost[around[run]] = course[run] - lowpass(course[run], rate_hz=rate_hz, cutoff_hz=lowpass_hz)
    missing = np.linalg.norm(seen.asked_world_m - seen.tip_world_m, axis=1)
    for part, (own, near) in zip(open_parts, looked, strict=True):
        there = lost[seen.frames[own][near]]
        share[part] = (np.sum(there * seen.toward[own][near], axis=1) > 0.5 * missing[own][near]).mean()
    return found


def _joints(seen: Moment, problem: Problem) -> tuple[list[int], list[str]]:
    names = list(problem.robot.profile.groups[limb_of(seen.end)])
    return [problem.robot.joint_index(name) for name in names], names


def body_part(capsule: str) -> str:
    """`left thigh` of the capsule `left_thigh_2`."""
    return " ".join(word for word in capsule.split("_") if not word.isdigit())
