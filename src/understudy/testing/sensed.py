"""Episodes that also have what only a recorded one has: inertial and force sensors, cameras, jaws, commands, a thing to carry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from understudy.geom.arrays import F64, I64, AnyArray
from understudy.geom.filters import derivative
from understudy.geom.interpolation import lerp_at, slerp_at
from understudy.geom.rotations import angular_velocity, quat_apply, quat_conj
from understudy.kinematics.forward import body_poses
from understudy.spec.episode import Episode, even_timeline
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema
from understudy.spec.skeleton import SIDES
from understudy.spec.stream import Stream
from understudy.testing.producers import Scene

GRAVITY_M_S2 = 9.81
RATE_HZ, CAMERA_HZ, GRIPPER_HZ = 200.0, 30.0, 100.0
CLOSES_S = 0.3
WEIGHT_N = {"ankle": 150.0, "wrist": 5.0}


def with_sensors(episode: Episode, robot: RobotModel, schema: Schema, *, seed: int = 0) -> Episode:
    """The episode with the pelvis' IMU, four wrenches, one head camera and commands that it follows.

    Args:
        episode: of a motion, with joints and base.
        robot: the episode's.
        schema: with all standard streams; its cameras should be small.
        seed: of all noise.
    """
    rng = np.random.default_rng(seed)
    begin, end = int(episode.timeline_ns[0]), int(episode.timeline_ns[-1])
    t_ns = even_timeline(begin, end, RATE_HZ)
    made = [Stream(schema.stream("observations/imu_pelvis"), t_ns, _imu(episode, t_ns, rng))]
    for place, weight_n in WEIGHT_N.items():
        for side in SIDES:
            wrench = rng.normal(0.0, 0.5, (len(t_ns), 6)) + np.array([0.0, 0.0, weight_n, 0.0, 0.0, 0.0])
            made.append(Stream(schema.stream(f"observations/wrench_{side}_{place}"), t_ns, wrench))
    camera = schema.stream("observations/head_left")
    shown, when = Scene(camera.shape, seed=seed), even_timeline(begin, end, CAMERA_HZ)
    images = np.array([shown(camera, float(t - begin) * 1e-9) for t in when], dtype=object)
    made.append(Stream(camera, when, images))
    target = episode.stream("actions/joint_position_target")
    made.append(replace(target, values=_followed(episode, target.t_ns), derived=""))
    return replace(episode, streams={**episode.streams, **{stream.spec.key: stream for stream in made}})


def _imu(episode: Episode, t_ns: I64, rng: np.random.Generator) -> F64:
    base = episode.stream("debug/base_pose_world")
    pose = base.data.astype(np.float64)
    quat = slerp_at(base.t_ns, pose[:, 3:], t_ns)
    spin = lerp_at(base.t_ns, angular_velocity(pose[:, 3:], base.t_ns.astype(np.float64)), t_ns)
    force = lerp_at(base.t_ns, derivative(derivative(pose[:, :3], base.t_ns), base.t_ns), t_ns)
    force += np.array([0.0, 0.0, GRAVITY_M_S2])
    noise = rng.normal(0.0, 1.0, (len(t_ns), 6)) * [0.002, 0.002, 0.002, 0.02, 0.02, 0.02]
    return np.concatenate([quat, np.concatenate([quat_apply(quat_conj(quat), v) for v in (spin, force)], axis=1) + noise], axis=1)


def _followed(episode: Episode, t_ns: I64) -> AnyArray:
    """(T, J) what was commanded so that the joints came to where they are: where they are."""
    return episode.stream("observations/joint_positions").sample_at(t_ns)


def with_carried_object(episode: Episode, robot: RobotModel, schema: Schema) -> Episode:
    """The episode with jaws that close where the hands are lowest in its first half, and a thing that goes with them.

    They open again where the hands are lowest in its second half; before and after the thing stays where it is.
    """
    joints, base = episode.stream("observations/joint_positions"), episode.stream("debug/base_pose_world")
    t_ns = joints.t_ns
    hands = _between_hands(robot, np.asarray(base.sample_at(t_ns), dtype=np.float64), joints.data.astype(np.float64))
    half = len(t_ns) // 2
    take, leave = int(np.argmin(hands[:half, 2])), half + int(np.argmin(hands[half:, 2]))
    rows = np.clip(np.arange(len(t_ns)), take, leave)
    pose = np.concatenate([hands[rows], np.tile([1.0, 0.0, 0.0, 0.0], (len(t_ns), 1))], axis=1)
    jaws_ns = even_timeline(int(t_ns[0]), int(t_ns[-1]), GRIPPER_HZ)
    shut = np.clip((jaws_ns - t_ns[take]) * 1e-9 / CLOSES_S + 1.0, 0.0, 1.0)
    shut -= np.clip((jaws_ns - t_ns[leave]) * 1e-9 / CLOSES_S, 0.0, 1.0)
    opening = np.repeat(1.0 - shut[:, None], 2, axis=1)
    made = [
        Stream(schema.stream("debug/object_poses_world"), t_ns, pose),
        Stream(schema.stream("observations/gripper"), jaws_ns, opening),
        Stream(schema.stream("actions/gripper_target"), jaws_ns, opening),
    ]
    return replace(episode, streams={**episode.streams, **{stream.spec.key: stream for stream in made}})


def _between_hands(robot: RobotModel, base_pose: F64, joint_pos: F64) -> F64:
    """(T, 3) the middle between both hands, metres."""
    poses = body_poses(robot, base_pose[:, :3], base_pose[:, 3:], joint_pos)
    hands = [poses.points(*robot.on_body(robot.profile.links[f"{side}_hand"], np.zeros(3))) for side in SIDES]
    return np.asarray(np.mean(hands, axis=0))
