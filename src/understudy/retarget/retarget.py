"""Retargeting: a person's motion in, a robot's motion out, with how well it went.

targets -> start (two sweeps) -> whole-clip solve -> steps softened -> infeasible frames found and treated -> fingers
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, Bool
from understudy.geom.filters import lowpass
from understudy.geom.rotations import quat_continuous
from understudy.retarget._tables import Pose
from understudy.retarget.amplitude import amplitude_loss, loss_warning
from understudy.retarget.coarse import solve_from_targets
from understudy.retarget.feasibility import (
    LIMIT_M,
    Infeasible,
    Stretch,
    bridged,
    end_residual,
    reached_vectors,
    stretches,
    treat,
)
from understudy.retarget.fingers import FingerReport, Fingers
from understudy.retarget.problem import make_problem, with_wrists
from understudy.retarget.recollect import Recollect, as_treated, recollect_list
from understudy.retarget.root_path import RootPath, drawn_on_path, on_root_path
from understudy.retarget.solve import solve_clip
from understudy.retarget.speed import fast_steps, fast_warning, meets_bound
from understudy.retarget.start import pose_quat_wxyz, start_pose
from understudy.retarget.targets import Targets, make_targets, person_at_robot_size
from understudy.retarget.trajectory import Settings
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.spec.skeleton import SLOWEST_HZ, HumanMotion

SHORTEST = 5
"""Fewest frames that can be smoothed and differentiated."""


@dataclass(frozen=True)
class Retargeted:
    """The outcome for one clip.

    Attributes:
        motion: the robot's motion, at the clip's own stamps.
        human_target_world_m: (T, 23, 3) the person at the robot's size, to be drawn over the robot.
        residual_m: (T, 4) end effectors against what was asked, order `feasibility.ENDS`.
        infeasible: (T,) any of them over 5 cm, before treatment.
        stance: (T, 2) feet that the person stood on.
        contacts: (T, K) what of the person was on the floor without moving, order `skeleton.CONTACTS`.
        stretches: infeasible stretches and what was done with each.
        recollect: those to record again, and what to tell the demonstrator.
        scale: robot's leg over the person's.
        amplitude_loss: limb to share of its fast swing that is missing.
        fast_steps: joint steps over 15 rad/s that are left.
        warnings: what the user should know.
        fingers: per hand how well its fingers were copied; empty where the person's or the robot's hands have none.
    """

    motion: RobotMotion
    human_target_world_m: F64
    residual_m: F64
    infeasible: Bool
    stance: Bool
    contacts: Bool
    stretches: tuple[Stretch, ...]
    recollect: tuple[Recollect, ...]
    scale: float
    amplitude_loss: dict[str, float]
    fast_steps: int
    warnings: tuple[str, ...]
    fingers: tuple[FingerReport, ...] = ()


def retarget(
    motion: HumanMotion,
    robot: RobotModel,
    *,
    settings: Settings | None = None,
    infeasible: Infeasible = "flag",
    root_path: RootPath = "scaled",
    arm_filter_hz: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> Retargeted:
    """Retarget one clip.

    Args:
        motion: the person.
        robot: who is to do it.
        settings: of the whole-clip solve.
        infeasible: `flag`, `clip` or `interpolate` frames whose end-effector residual exceeds 5 cm.
        root_path: `scaled` takes the person's path over the floor at the robot's size, `metric` in metres.
        arm_filter_hz: run a zero-phase Butterworth over trunk, arm and hand joints afterwards (0: none). Legs and root are
            never filtered afterwards: it would lift planted feet.
        progress: called with (done, total) solver iterations.

    Raises:
        MocapError: the clip is too short.

    Source: docs/retargeting.md.
    """
    if len(motion) < SHORTEST:
        raise MocapError(f"{motion.source.path}: {len(motion)} frames are too few to retarget; at least {SHORTEST} are needed")
    settings = settings or Settings()
    problem = make_problem(robot)
    targets = on_root_path(make_targets(motion, problem), motion, problem, root_path)
    problem = with_wrists(problem, targets.weights)
    pose = solve_from_targets(problem, targets, settings, motion.rate_hz, progress)
    result = _as_motion(pose, motion, robot)
    reached = reached_vectors(result, problem)
    residual = end_residual(result, targets, problem, reached)
    found = stretches(residual, motion.t_ns)
    subject = motion.subject()
    listed = recollect_list(
        found, result, targets, problem, residual,
        person_m={"arm": subject.arm_m, "leg": subject.leg_m}, lowpass_hz=settings.lowpass_hz, rate_hz=motion.rate_hz,
    )  # fmt: skip
    if infeasible != "flag" and found:
        edge = _as_motion(start_pose(problem, targets), motion, robot)
        asked, weight, found = treat(infeasible, found, targets, edge, problem, motion.rate_hz)
        pose = pose._replace(q=bridged(pose.q, found, robot))
        pose = solve_clip(problem, asked, pose, settings, motion.rate_hz, weight=weight)
        result = _as_motion(pose, motion, robot)
    if arm_filter_hz > 0:
        result = _filter_arms(result, robot, motion.rate_hz, arm_filter_hz)
    changed = infeasible != "flag" or arm_filter_hz > 0
    if changed:
        reached = reached_vectors(result, problem)
    result, fingers = _with_fingers(result, motion, robot, settings.lowpass_hz)
    loss = amplitude_loss(targets.vectors, reached, motion.rate_hz)
    return Retargeted(
        motion=result,
        human_target_world_m=drawn_on_path(person_at_robot_size(motion, targets, problem), targets, motion, root_path),
        residual_m=end_residual(result, targets, problem, reached) if changed else residual,
        infeasible=np.asarray((residual > LIMIT_M).any(axis=1)),
        stance=targets.stance,
        contacts=np.concatenate([targets.stance, targets.touch], axis=1),
        stretches=found,
        recollect=as_treated(listed, found),
        scale=targets.scale,
        amplitude_loss=loss,
        fast_steps=int(fast_steps(result, motion.rate_hz).sum()),
        warnings=_warnings(motion, result, targets, found, loss, settings, robot),
        fingers=fingers,
    )


def _as_motion(pose: Pose, motion: HumanMotion, robot: RobotModel) -> RobotMotion:
    return RobotMotion(
        t_ns=motion.t_ns,
        root_pos_world_m=pose.root_pos,
        root_quat_world_wxyz=quat_continuous(pose_quat_wxyz(pose)),
        joint_pos=pose.q,
        joint_names=robot.joint_names,
    )


def _with_fingers(
    result: RobotMotion, motion: HumanMotion, robot: RobotModel, lowpass_hz: float
) -> tuple[RobotMotion, tuple[FingerReport, ...]]:
    """The motion with the person's fingers on the robot's, where both have some, and how well they were copied."""
    if motion.hand_pos_world_m is None:
        return result, ()
    q, reports = Fingers(robot).solve(
        motion.hand_pos_world_m, result.joint_pos, rate_hz=motion.rate_hz, lowpass_hz=lowpass_hz
    )  # fmt: skip
    return replace(result, joint_pos=q), reports


def _filter_arms(motion: RobotMotion, robot: RobotModel, rate_hz: float, cutoff_hz: float) -> RobotMotion:
    legs = {*robot.profile.groups["left_leg"], *robot.profile.groups["right_leg"]}
    columns = [i for i, name in enumerate(robot.joint_names) if name not in legs]
    q = motion.joint_pos.copy()
    q[:, columns] = lowpass(q[:, columns], rate_hz=rate_hz, cutoff_hz=cutoff_hz)
    q = np.clip(q, robot.lower_rad, robot.upper_rad)
    return RobotMotion(motion.t_ns, motion.root_pos_world_m, motion.root_quat_world_wxyz, q, motion.joint_names)


def _warnings(
    motion: HumanMotion, result: RobotMotion, targets: Targets, found: tuple[Stretch, ...], loss: dict[str, float],
    settings: Settings, robot: RobotModel,
) -> tuple[str, ...]:  # fmt: skip
    said = [*motion.source.warnings]
    if motion.rate_hz < SLOWEST_HZ:
        said.append(
            f"{motion.rate_hz:g} frames per second are too few to tell when feet stand (at least {SLOWEST_HZ:g}), and every foot "
            "seems to move slowly: correct the rate in the file (of BVH, the line Frame Time)"
        )
    if not targets.stance.any():
        said.append("no foot ever stands still: the floor was put under the lowest toes and no foot is planted")
    bound = meets_bound(result, robot, motion.rate_hz)
    if settings.lowpass_hz > 0 and (sentence := loss_warning(loss, settings.lowpass_hz, at_bound=bound)):
        said.append(sentence)
    if found:
        worst = max(found, key=lambda s: s.worst_m)
        said.append(
            f"{len(found)} infeasible stretches; worst: {worst.end.replace('_', ' ')} {100 * worst.worst_m:.0f} cm off "
            f"at {worst.start_s:.2f} to {worst.end_s:.2f} s ({worst.treated})"
        )
    if sentence := fast_warning(result, motion.rate_hz, settings.lowpass_hz):
        said.append(sentence)
    return tuple(said)
