"""How well a robot's motion repeats a person's: figures that compare the two and never look at a retargeter's own targets.

Angles are compared in each body's own heading frame, lengths as shares of each body's own limbs, so neither size matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.geom.interpolation import lerp_at
from understudy.kinematics.contact import horizontal_speed, sole_centre, sole_points
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.retarget.contacts import ENTER_M_S, RISE_M, central_speed
from understudy.retarget.problem import LIMBS
from understudy.retarget.robot_hand import palm_of
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.spec.skeleton import INDEX, SIDES, HumanMotion

FAST_RAD_S = 15.0
DEEP_M = 0.01
JERK_HZ = 30.0


@dataclass(frozen=True)
class MotionMetrics:
    """Figures of one motion.

    Attributes:
        limb_dir_deg: mean angle between the person's and the robot's thighs, shanks, upper arms and forearms.
        limb_dir_p95_deg: its 95th percentile.
        hand_pct, foot_pct: mean distance of wrist from shoulder and ankle from mid-hip, in percent of arm and leg.
        skate_cm_s: mean speed over the ground of the sole's centre while the person's foot stands.
        float_cm: mean height of the lowest sole point, without sign, while the person's foot stands.
        penetration_pct: frames in which a sole is over 1 cm under the ground.
        body_penetration_pct: frames in which any capsule, or a sole, is.
        limit_violations: samples over 1e-3 rad outside the joint limits.
        fast_steps: joint steps over 15 rad/s.
        max_joint_speed_rad_s: fastest joint step.
        jerk_rad_s3: mean size of the joints' third derivative at 30 Hz.
        stance_pct: share of foot-frames in which the person's foot stands.
        hand_dir_deg: mean angle between where the person's and the robot's hands point, where the source has knuckles; None else.
        palm_deg: mean angle between their thumbs' sides, at right angles to that; None where the source does not say it.
        foot_dir_deg: mean angle between the directions of their feet, ankle to toe, each against its own standing foot.
    """

    limb_dir_deg: float
    limb_dir_p95_deg: float
    hand_pct: float
    foot_pct: float
    skate_cm_s: float
    float_cm: float
    penetration_pct: float
    body_penetration_pct: float
    limit_violations: int
    fast_steps: int
    max_joint_speed_rad_s: float
    jerk_rad_s3: float
    stance_pct: float
    hand_dir_deg: float | None = None
    palm_deg: float | None = None
    foot_dir_deg: float = 0.0


def motion_metrics(human: HumanMotion, motion: RobotMotion, robot: RobotModel) -> MotionMetrics:
    """Compare a motion with the clip it came from, frame by frame (same stamps).

    Source: docs/retargeting.md, figures.
    """
    poses = body_poses(robot, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos)
    points = {name: poses.points(*robot.point(name)) for name in robot.profile.points}
    lateral = poses.rot_world[:, 0] @ robot.frame(robot.profile.links["pelvis"]).rot_body_frame[:, 1]
    to_human, human_ok = _heading(human.joint("left_hip") - human.joint("right_hip"))
    to_robot, robot_ok = _heading(lateral)
    keep = human_ok & robot_ok
    angles = np.concatenate(
        [_angle(_turn(to_human, human.joint(b) - human.joint(a)), _turn(to_robot, points[b] - points[a]))[keep] for a, b in LIMBS]
    )
    stance = np.stack([source_stance(human, side) for side in SIDES], axis=1)
    hand_dir, palm = _hands(human, robot, poses, to_human, to_robot, keep)
    low, speed = _soles(robot, poses, motion.t_ns)
    step = np.abs(np.diff(motion.joint_pos, axis=0)) / (np.diff(motion.t_ns) * 1e-9)[:, None]
    outside = np.maximum(robot.lower_rad - motion.joint_pos, motion.joint_pos - robot.upper_rad)
    return MotionMetrics(
        limb_dir_deg=float(angles.mean()),
        limb_dir_p95_deg=float(np.percentile(angles, 95)),
        hand_pct=_reach_error(human, points, ("shoulder", "elbow", "wrist"), None, to_human, to_robot, keep),
        foot_pct=_reach_error(human, points, ("hip", "knee", "ankle"), "pelvis", to_human, to_robot, keep),
        skate_cm_s=_mean(100.0 * speed[stance]),
        float_cm=_mean(100.0 * np.abs(low[stance])),
        penetration_pct=100.0 * float((low < -DEEP_M).any(axis=1).mean()),
        body_penetration_pct=100.0 * float((np.minimum(low.min(axis=1), _lowest_body(robot, poses)) < -DEEP_M).mean()),
        limit_violations=int((outside > 1e-3).sum()),
        fast_steps=int((step > FAST_RAD_S).sum()),
        max_joint_speed_rad_s=float(step.max()),
        jerk_rad_s3=_jerk(motion),
        stance_pct=100.0 * float(stance.mean()),
        hand_dir_deg=hand_dir,
        palm_deg=palm,
        foot_dir_deg=_feet(human, points, to_human, to_robot, keep),
    )


def _hands(
    human: HumanMotion, robot: RobotModel, poses: BodyPoses, to_human: F64, to_robot: F64, keep: Bool
) -> tuple[float | None, float | None]:
    """Mean angles of the hands' directions and of their thumbs' sides, degrees; None where the source does not say them."""
    aims: list[F64] = []
    sides: list[F64] = []
    for i, side in enumerate(SIDES):
        palm = palm_of(robot, side)
        if palm is None:
            continue
        rot = poses.rot_world[:, palm.body]
        if human.measured[INDEX[f"{side}_hand"]]:
            asked = human.joint(f"{side}_hand") - human.joint(f"{side}_wrist")
            aims.append(_angle(_turn(to_human, asked), _turn(to_robot, rot @ palm.forward))[keep])
        if human.hand_radial_world is not None:
            off = _angle(_turn(to_human, human.hand_radial_world[:, i]), _turn(to_robot, rot @ palm.radial))[keep]
            sides.append(off[np.isfinite(off)])
    return _mean_angle(aims), _mean_angle(sides)


def _mean_angle(angles: list[F64]) -> float | None:
    every = np.concatenate(angles) if angles else np.zeros(0)
    return float(every.mean()) if every.size else None


def _feet(human: HumanMotion, points: dict[str, F64], to_human: F64, to_robot: F64, keep: Bool) -> float:
    """Mean angle between the feet's directions, degrees, less the constant pitch by which one toe lies lower than the other.

    That is the median difference while the person's foot stands, else over the clip.
    """
    angles = []
    for side in SIDES:
        asked = _turn(to_human, human.joint(f"{side}_toe") - human.joint(f"{side}_ankle"))
        done = _turn(to_robot, points[f"{side}_toe"] - points[f"{side}_ankle"])
        standing = source_stance(human, side)
        off = _pitch(done) - _pitch(asked)
        angles.append(_angle(_pitched(asked, float(np.median(off[standing] if standing.any() else off))), done)[keep])
    return float(np.concatenate(angles).mean())


def _pitch(v: F64) -> F64:
    return np.asarray(np.arctan2(-v[:, 2], np.hypot(v[:, 0], v[:, 1])))


def _pitched(v: F64, by_rad: float) -> F64:
    """(T, 3) directions lowered by an angle, kept at their heading."""
    yaw, pitch = np.arctan2(v[:, 1], v[:, 0]), _pitch(v) + by_rad
    return np.stack([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), -np.sin(pitch)], axis=1)


def source_stance(human: HumanMotion, side: str) -> Bool:
    """(T,) the person's foot stands: ankle and toe slower than 0.2 m/s and the toe within 5 cm of its low level."""
    ankle, toe = human.joint(f"{side}_ankle"), human.joint(f"{side}_toe")
    slow = (central_speed(ankle, human.t_ns) < ENTER_M_S) & (central_speed(toe, human.t_ns) < ENTER_M_S)
    return np.asarray(slow & (toe[:, 2] < np.percentile(toe[:, 2], 5) + RISE_M))


def _soles(robot: RobotModel, poses: BodyPoses, t_ns: I64) -> tuple[F64, F64]:
    """(T, 2) height of the lowest sole point, m, and speed of the sole's centre over the ground, m/s."""
    outline = sole_points(robot, poses)
    low = np.stack([outline[side][:, :, 2].min(axis=1) for side in SIDES], axis=1)
    speed = np.stack([horizontal_speed(poses.points(*sole_centre(robot, side)), t_ns) for side in SIDES], axis=1)
    return low, speed


def _lowest_body(robot: RobotModel, poses: BodyPoses) -> F64:
    """(T,) height of the lowest capsule, metres; those of the feet are left out, for the soles stand for them."""
    feet = {robot.on_body(sole.link, np.zeros(3))[0] for sole in robot.profile.soles.values()}
    lowest = np.full(len(poses.pos_world_m), np.inf)
    for capsule in robot.profile.capsules:
        body, ends = robot.on_body(capsule.link, np.array([capsule.a_m, capsule.b_m]))
        if body not in feet:
            lowest = np.minimum(lowest, poses.points(body, ends)[:, :, 2].min(axis=1) - capsule.radius_m)
    return lowest


def _heading(lateral_world: F64) -> tuple[F64, Bool]:
    """(T, 3, 3) rotations from world into the heading frame, and where it is defined: lateral within 60 degrees of level."""
    side = lateral_world / np.linalg.norm(lateral_world, axis=1, keepdims=True)
    yaw = np.arctan2(-side[:, 0], side[:, 1])
    c, s, zero = np.cos(yaw), np.sin(yaw), np.zeros_like(yaw)
    rows = [[c, s, zero], [-s, c, zero], [zero, zero, zero + 1.0]]
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1), np.hypot(side[:, 0], side[:, 1]) >= 0.5


def _turn(rot: F64, v: F64) -> F64:
    return np.asarray(np.einsum("tij,tj->ti", rot, v))


def _angle(a: F64, b: F64) -> F64:
    return np.asarray(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), np.sum(a * b, axis=1))))


def _reach_error(
    human: HumanMotion,
    points: dict[str, F64],
    chain: tuple[str, str, str],
    base: str | None,
    to_human: F64,
    to_robot: F64,
    keep: Bool,
) -> float:
    """Mean distance of a limb's tip from its base, each body's in its heading frame and by its own limb, percent."""
    errors = []
    for side in SIDES:
        a, b, c = (f"{side}_{part}" for part in chain)
        human_base = 0.5 * (human.joint("left_hip") + human.joint("right_hip")) if base else human.joint(a)
        robot_base = points[base] if base else points[a]
        human_len = _span(human.joint(a), human.joint(b)) + _span(human.joint(b), human.joint(c))
        robot_len = _span(points[a], points[b]) + _span(points[b], points[c])
        asked = _turn(to_human, human.joint(c) - human_base) / human_len
        done = _turn(to_robot, points[c] - robot_base) / robot_len
        errors.append(np.linalg.norm(done - asked, axis=1)[keep])
    return 100.0 * float(np.mean(np.concatenate(errors)))


def _span(a: F64, b: F64) -> float:
    return float(np.median(np.linalg.norm(a - b, axis=1)))


def _jerk(motion: RobotMotion) -> float:
    grid = np.arange(motion.t_ns[0], motion.t_ns[-1], round(1e9 / JERK_HZ))
    q = lerp_at(motion.t_ns, motion.joint_pos, grid)
    return float(np.abs(np.diff(q, n=3, axis=0)).mean() * JERK_HZ**3) if len(grid) > 3 else 0.0


def _mean(values: F64) -> float:
    return float(values.mean()) if values.size else 0.0
