"""Whole-body-tracking npz: generalised positions and velocities, and every body's pose and velocity in world.

Arrays: fps (1), joint_pos (T, 7 + J) root xyz, root wxyz, joints; joint_vel (T, 6 + J); body_pos_w (T, B, 3), body_quat_w
(T, B, 4) wxyz, body_lin_vel_w and body_ang_vel_w (T, B, 3); joint_names, body_names. Files of BeyondMimic and mjlab hold joints
alone in joint_pos and no names; the root is then their first body.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.export._motion_flavour import (
    FileMotion,
    Flavour,
    Told,
    file_motion,
    frames_per_second,
    one_rate,
)
from understudy.export._motion_npz import array_names, numbers, read_arrays, texts
from understudy.geom.arrays import F64, AnyArray
from understudy.geom.filters import derivative
from understudy.geom.rotations import angular_velocity, matrix_to_quat, quat_continuous
from understudy.kinematics.forward import body_poses
from understudy.spec.robot import RobotModel, RobotMotion

NEEDED = ("fps", "joint_pos", "body_pos_w", "body_quat_w")
NAMES = ("joint_names", "body_names")
ROOT = 7


def arrays_of(motion: RobotMotion, robot: RobotModel) -> dict[str, AnyArray]:
    """The arrays of a file; velocities are central differences at the motion's own stamps, of what stands in the file."""
    t_ns = motion.t_ns
    root_pos, root_quat = motion.root_pos_world_m, motion.root_quat_world_wxyz
    names, pos, quat = body_frames(motion, robot)
    stamps = t_ns.astype(np.float64)
    turning = np.stack([angular_velocity(quat[:, b], stamps) for b in range(len(names))], axis=1)
    fps = frames_per_second(t_ns)
    return {
        "fps": np.array([int(fps)] if fps == int(fps) else [fps]),
        "joint_pos": np.concatenate([root_pos, root_quat, motion.joint_pos], axis=1),
        "joint_vel": np.concatenate(
            [derivative(root_pos, t_ns), angular_velocity(root_quat, stamps), derivative(motion.joint_pos, t_ns)], axis=1
        ),
        "body_pos_w": pos,
        "body_quat_w": quat,
        "body_lin_vel_w": derivative(pos, t_ns),
        "body_ang_vel_w": turning,
        "joint_names": np.array(motion.joint_names),
        "body_names": np.array(names),
    }


def body_frames(motion: RobotMotion, robot: RobotModel) -> tuple[tuple[str, ...], F64, F64]:
    """Names (B,), positions (T, B, 3) and orientations (T, B, 4) wxyz of the world and every link, in world."""
    poses = body_poses(robot, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos)
    steps = len(motion.t_ns)
    pos, quat = [np.zeros((steps, 3))], [np.tile([1.0, 0.0, 0.0, 0.0], (steps, 1))]
    for frame in robot.frames.values():
        pos.append(poses.points(frame.body, frame.pos_body_frame_m))
        quat.append(quat_continuous(matrix_to_quat(poses.rot_world[:, frame.body] @ frame.rot_body_frame)))
    return ("world", *robot.frames), np.stack(pos, axis=1), np.stack(quat, axis=1)


def write(motion: RobotMotion, robot: RobotModel, path: Path) -> None:
    """Write one file."""
    with path.open("wb") as file:
        np.savez(file, **arrays_of(motion, robot))  # type: ignore[arg-type]


def read(path: Path, robot: RobotModel, told: Told) -> FileMotion:
    """The motion in a file: its root and joints; bodies and velocities follow from them.

    Raises:
        MocapError: arrays are missing or do not fit together.
        JointOrderError: its joints are not the robot's.
    """
    there = array_names(path)
    arrays = read_arrays(path, [n for n in (*NEEDED, *NAMES) if n in there or n in NEEDED[:2]])
    where = str(path)
    fps = arrays["fps"]
    if fps.size != 1 or fps.dtype.kind not in "iuf":
        raise MocapError(f"{where}: fps is {fps!r}; one number is needed")
    names = told.joint_names or (texts(arrays, "joint_names", path) if "joint_names" in arrays else ())
    if not names:
        raise MocapError(
            f"{where}: it names no joints, and trackers order them differently; say what they are with `--joint-names`"
        )
    joint_pos = numbers(arrays, "joint_pos", path, shape=(None, None))
    root_pos, root_quat, joints = _split(arrays, joint_pos, len(names), path)
    return file_motion(
        where,
        robot,
        told,
        fps=one_rate(where, float(fps.reshape(-1)[0]), told),
        root_pos=root_pos,
        root_quat_wxyz=root_quat,
        joint_pos=joints,
        joint_names=names,
    )


def _split(arrays: Mapping[str, AnyArray], joint_pos: F64, joints: int, path: Path) -> tuple[F64, F64, F64]:
    """Root position, root quaternion and joints: from joint_pos, or the root from the first body."""
    if joint_pos.shape[1] == joints + ROOT:
        return joint_pos[:, :3], joint_pos[:, 3:ROOT], joint_pos[:, ROOT:]
    if joint_pos.shape[1] != joints:
        raise MocapError(
            f"{path}: joint_pos has {joint_pos.shape[1]} columns for {joints} joint names; {joints}, or {joints + ROOT} with the "
            "root, are needed"
        )
    for name in ("body_pos_w", "body_quat_w"):
        if name not in arrays:
            raise MocapError(f"{path}: no array {name}, and joint_pos holds no root; its first body gives the root's pose")
    steps = len(joint_pos)
    bodies = texts(arrays, "body_names", path) if "body_names" in arrays else ()
    first = 1 if bodies[:1] == ("world",) else 0
    pos, quat = (numbers(arrays, n, path, shape=(steps, None, k)) for n, k in (("body_pos_w", 3), ("body_quat_w", 4)))
    if min(pos.shape[1], quat.shape[1]) <= first:
        raise MocapError(f"{path}: {pos.shape[1]} bodies in body_pos_w; the root's is needed")
    return pos[:, first], quat[:, first], joint_pos


FLAVOUR = Flavour("wbt", ".npz", "whole-body-tracking npz with body poses and velocities", write, read)
