"""Simple whole-body motions of any robot, made by formula: feet planted on the floor unless the motion says otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.rotations import matrix_to_quat, quat_continuous, quat_to_matrix, rotvec_to_quat
from understudy.kinematics.forward import body_poses
from understudy.spec.robot import RobotModel, RobotMotion

_SWAY = {"shoulder_pitch": 0.15, "elbow": 0.1}


def stamps(duration_s: float, rate_hz: float) -> I64:
    """(T,) even stamps from 0 to `duration_s`, nanoseconds."""
    return np.round(np.arange(round(duration_s * rate_hz) + 1) * (1e9 / rate_hz)).astype(np.int64)


def sway(robot: RobotModel, t_ns: I64, *, seed: int = 0) -> RobotMotion:
    """Standing, leaning a little forward and back over the ankles, arms swinging."""
    rng = np.random.default_rng(seed)
    t_s = t_ns * 1e-9
    q = np.tile(robot.home_rad, (len(t_ns), 1))
    lean = 0.02 * np.sin(2 * np.pi * 0.4 * t_s + rng.uniform(0, 2 * np.pi))
    for j, name in enumerate(robot.joint_names):
        if _is_ankle_pitch(name):
            q[:, j] += lean
        for part, amplitude in _SWAY.items():
            if part in name:
                phase = rng.uniform(0, 2 * np.pi)
                q[:, j] += amplitude * np.sin(2 * np.pi * rng.uniform(0.3, 0.6) * t_s + phase)
    return planted(robot, t_ns, np.clip(q, robot.lower_rad, robot.upper_rad))


def squat(robot: RobotModel, t_ns: I64, *, depth_rad: float = 1.6) -> RobotMotion:
    """Down and up again on flat feet: hips bend by `depth_rad`, ankles as far as they can, knees by both; arms reach forward."""
    t_s = t_ns * 1e-9
    down = 0.5 * (1.0 - np.cos(2 * np.pi * t_s / max(float(t_s[-1]), 1e-9)))
    ankles = [j for j, name in enumerate(robot.joint_names) if _is_ankle_pitch(name)]
    bend_rad = min([depth_rad, *(float(robot.home_rad[j] - robot.lower_rad[j]) for j in ankles)])
    q = np.tile(robot.home_rad, (len(t_ns), 1))
    for j, name in enumerate(robot.joint_names):
        if "hip_pitch" in name:
            q[:, j] -= depth_rad * down
        elif "knee" in name:
            q[:, j] += (depth_rad + bend_rad) * down
        elif j in ankles:
            q[:, j] -= bend_rad * down
        elif "shoulder_pitch" in name:
            q[:, j] -= 0.8 * down
    return planted(robot, t_ns, np.clip(q, robot.lower_rad, robot.upper_rad))


def planted(robot: RobotModel, t_ns: I64, joint_pos: F64) -> RobotMotion:
    """The base pose that keeps the left sole where it is in the home pose."""
    foot = robot.frame(robot.profile.soles["left"].link).body
    unit = np.tile([1.0, 0.0, 0.0, 0.0], (len(t_ns), 1))
    height = np.array([[0.0, 0.0, robot.profile.standing_height_m]])
    home = body_poses(robot, height, unit[:1], robot.home_rad[None])
    poses = body_poses(robot, np.zeros((len(t_ns), 3)), unit, joint_pos)
    root_rot = home.rot_world[:, foot] @ np.swapaxes(poses.rot_world[:, foot], -1, -2)
    root_pos = home.pos_world_m[:, foot] - np.einsum("tij,tj->ti", root_rot, poses.pos_world_m[:, foot])
    return RobotMotion(t_ns, root_pos, quat_continuous(matrix_to_quat(root_rot)), joint_pos, robot.joint_names)


def fall(robot: RobotModel, motion: RobotMotion, *, at_s: float = 1.0, lasts_s: float = 0.6) -> RobotMotion:
    """The motion, then pushed over forward: pitched by 1.5 rad about the feet within `lasts_s`, and lying there."""
    t_s = motion.t_ns * 1e-9
    progress = np.clip((t_s - at_s) / lasts_s, 0.0, 1.0) ** 2
    turn = quat_to_matrix(rotvec_to_quat(progress[:, None] * np.array([0.0, 1.5, 0.0])))
    pos = np.einsum("tij,tj->ti", turn, motion.root_pos_world_m)
    rot = turn @ quat_to_matrix(motion.root_quat_world_wxyz)
    fallen = RobotMotion(motion.t_ns, pos, quat_continuous(matrix_to_quat(rot)), motion.joint_pos, motion.joint_names)
    lowest = sole_heights(robot, fallen).min(axis=1)
    lifted = pos + np.maximum(-lowest, 0.0)[:, None] * np.array([0.0, 0.0, 1.0])
    return replace(fallen, root_pos_world_m=lifted)


def sole_heights(robot: RobotModel, motion: RobotMotion) -> F64:
    """(T, 2) lowest point of the left and right sole above the floor, metres."""
    poses = body_poses(robot, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos)
    heights = []
    for side in ("left", "right"):
        sole = robot.profile.soles[side]
        points = poses.points(*robot.on_body(sole.link, np.array(sole.outline_m)))
        heights.append(points[..., 2].min(axis=1))
    return np.stack(heights, axis=1)


def _is_ankle_pitch(name: str) -> bool:
    return "ankle" in name and "roll" not in name
