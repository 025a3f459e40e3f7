"""What kept a limb from where it was asked to be, told from the robot's motion and the targets of the frames concerned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.geom.filters import lowpass
from understudy.kinematics.collision import CollisionModel, witnesses
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

    @property
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


def reason_of(
    end: str, frames: I64, motion: RobotMotion, targets: Targets, problem: Problem, *, lowpass_hz: float, rate_hz: float
) -> Reason:
    """The reason that holds in most of a stretch's worst frames.

    Args:
        end: which of `feasibility.ENDS`.
        frames: (N,) in which the limb is far off, ascending.
        motion: the robot's, before anything was done about the stretch.
        targets: what was asked.
        problem: the robot.
        lowpass_hz: cut-off of the smoothing in the solve; 0 for none.
        rate_hz: frames per second.
    """
    seen = moment(end, frames[:: -(-len(frames) // MOST_SAMPLES)], motion, targets, problem)
    found = [
        _reach(seen, problem),
        _speed(seen, motion, problem, rate_hz),
        _joint_limit(seen, motion, problem),
        _self_collision(seen, problem),
        _floor(seen, problem),
        _smoothing(seen, motion, targets, problem, lowpass_hz, rate_hz),
        _standing(seen, targets),
    ]
    best = max(found, key=lambda reason: reason.share)
    return best if best.share >= LEAST_SHARE else Reason("other", 1.0)


def _reach(seen: Moment, problem: Problem) -> Reason:
    times = np.linalg.norm(seen.asked_world_m - seen.base_world_m, axis=1) / problem.lengths_m[limb_of(seen.end)]
    return Reason("reach", float((times > OVER_LENGTH).mean()), bound=float(times.max()))


def _speed(seen: Moment, motion: RobotMotion, problem: Problem, rate_hz: float) -> Reason:
    joints, names = _joints(seen, problem)
    near = max(1, round(NEAR_S * rate_hz))
    first, stop = max(int(seen.frames[0]) - near, 0), int(seen.frames[-1]) + near + 1
    most = speed_bound(problem.robot)[joints]
    speed = np.abs(np.diff(motion.joint_pos[first:stop][:, joints], axis=0)) * rate_hz
    bound = speed > MET * most
    late = [bool(bound[max(f - near - first, 0) : f + near - first].any()) for f in seen.frames]
    worst = int(np.argmax((speed / most).max(axis=0)))
    return Reason("speed", float(np.mean(late)), names[worst], float(most[worst]))


def _joint_limit(seen: Moment, motion: RobotMotion, problem: Problem) -> Reason:
    joints, names = _joints(seen, problem)
    robot, side = problem.robot, seen.end.split("_")[0]
    body, offset = robot.point(f"{side}_{CHAINS[seen.end.split('_')[1]][2]}")
    columns = point_jacobians(robot, seen.poses, body, offset)[:, :3, 6:][:, :, joints]
    gain = np.einsum("nij,ni->nj", columns, seen.toward)
    q, lower, upper = motion.joint_pos[seen.frames][:, joints], robot.lower_rad[joints], robot.upper_rad[joints]
    beyond = np.where(q > upper - AT_LIMIT_RAD, 1.0, np.where(q < lower + AT_LIMIT_RAD, -1.0, 0.0))
    helps: F64 = np.maximum(beyond * gain, 0.0)
    worst = int(np.argmax(helps.sum(axis=0)))
    bound = upper[worst] if beyond[int(np.argmax(helps[:, worst])), worst] > 0 else lower[worst]
    return Reason("joint_limit", float((helps > HELPS_M_RAD).any(axis=1).mean()), names[worst], float(bound))


def _self_collision(seen: Moment, problem: Problem) -> Reason:
    table, robot = problem.capsules, problem.robot
    names = tuple(capsule.name for capsule in robot.profile.capsules)
    model = CollisionModel(names, table.body, table.a, table.b, table.radius, table.pair)
    own = np.isin(table.body, [joint + 1 for joint in _joints(seen, problem)[0]])
    pairs = table.pair[own[table.pair[:, 0]] != own[table.pair[:, 1]]]
    near = witnesses(replace(model, pair=pairs), seen.poses)
    other = near.on_b_world_m - near.on_a_world_m
    other *= np.where(own[pairs[:, 0]], 1.0, -1.0)[:, None] / np.maximum(np.linalg.norm(other, axis=2, keepdims=True), 1e-9)
    cosine = np.einsum("npc,nc->np", other, seen.toward)  # of the angle between the way to go and that to the other part
    ahead = np.where(near.distance_m < MARGIN_M + TOUCHING_M, np.maximum(cosine, 0.0), 0.0)
    if not ahead.any():
        return Reason("self_collision", 0.0)
    i, j = pairs[int(np.argmax(ahead.sum(axis=0)))]
    return Reason("self_collision", float(ahead.any(axis=1).mean()), body_part(names[j if own[i] else i]), MARGIN_M)


def _floor(seen: Moment, problem: Problem) -> Reason:
    ground = problem.ground
    own = np.flatnonzero(np.isin(ground.body, [joint + 1 for joint in _joints(seen, problem)[0]]))
    heights = [seen.poses.points(int(ground.body[g]), ground.offset[g])[:, 2] - ground.clearance[g] for g in own]
    low: Bool = np.min(heights, axis=0) < TOUCHING_M if heights else np.zeros(len(seen.frames), dtype=np.bool_)
    return Reason("floor", float((low & (seen.toward[:, 2] < -0.5)).mean()), "floor")


def _standing(seen: Moment, targets: Targets) -> Reason:
    side, kind = seen.end.split("_")
    stands = targets.stance[seen.frames, ("left", "right").index(side)] if kind == "foot" else np.zeros(1)
    return Reason("standing", float(np.mean(stands)))


def _smoothing(
    seen: Moment, motion: RobotMotion, targets: Targets, problem: Problem, lowpass_hz: float, rate_hz: float
) -> Reason:
    """Where what was asked and its low-passed course differ by most of what is missing."""
    if lowpass_hz <= 0.0 or lowpass_hz >= rate_hz / 2.0:
        return Reason("smoothing", 0.0, bound=lowpass_hz)
    spare = round(AROUND_S * rate_hz)
    middle = int(seen.frames[len(seen.frames) // 2])
    near = np.abs(seen.frames - middle) <= spare  # poses of a whole long take would fill the memory
    first = max(int(seen.frames[near][0]) - spare, 0)
    around = np.arange(first, min(int(seen.frames[near][-1]) + spare + 1, len(motion.t_ns)))
    all_around = moment(seen.end, around, motion, targets, problem)
    course = all_around.asked_world_m - all_around.base_world_m
    lost = (course - lowpass(course, rate_hz=rate_hz, cutoff_hz=lowpass_hz))[seen.frames[near] - first]
    missing = np.linalg.norm(seen.asked_world_m - seen.tip_world_m, axis=1)[near]
    return Reason("smoothing", float((np.sum(lost * seen.toward[near], axis=1) > 0.5 * missing).mean()), bound=lowpass_hz)


def _joints(seen: Moment, problem: Problem) -> tuple[list[int], list[str]]:
    names = list(problem.robot.profile.groups[limb_of(seen.end)])
    return [problem.robot.joint_index(name) for name in names], names


def body_part(capsule: str) -> str:
    """`left thigh` of the capsule `left_thigh_2`."""
    return " ".join(word for word in capsule.split("_") if not word.isdigit())
