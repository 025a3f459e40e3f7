"""An episode whose robot moves otherwise: every stream that follows from joints and base follows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from understudy.geom.arrays import F64, I64, AnyArray
from understudy.geom.filters import derivative
from understudy.geom.interpolation import lerp_at, slerp_at
from understudy.geom.rotations import angular_velocity, quat_apply, quat_conj, quat_mul, quat_normalize
from understudy.kinematics.com import center_of_mass
from understudy.kinematics.forward import body_poses
from understudy.pipeline.motion_episode import next_state
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.spec.stream import Stream
from understudy.testing.defects._pick import BASE, POSITIONS, TARGETS, VELOCITIES

IMUS = ("observations/imu_pelvis", "observations/imu_torso", "observations/imu_head")
COM = "debug/com_world"
FOLLOW_JOINTS = (POSITIONS, VELOCITIES, TARGETS, COM)
"""Streams that change with the joints; targets only where they are the next state."""
FOLLOW_BASE = (BASE, "observations/base_velocity", "observations/projected_gravity", *IMUS, COM)
"""Streams that change with the base. Contacts and wrenches stay as measured, and so does what is known of the person."""


def with_motion(episode: Episode, robot: RobotModel, *, joint_pos: F64 | None = None, base_pose: F64 | None = None) -> Episode:
    """The episode with other joints (N, J) or another base pose (M, 7), at the stamps of the streams they replace.

    What was measured keeps its noise: the difference that the change makes is added to it. The lever arms of IMUs to the base
    are left out.
    """
    streams = dict(episode.streams)
    if joint_pos is not None:
        streams |= _joints(episode, joint_pos)
    if base_pose is not None:
        streams |= _base(episode, base_pose)
    if COM in episode and POSITIONS in episode and BASE in episode:
        shift = _com(robot, replace(episode, streams=streams)) - _com(robot, episode)
        streams[COM] = _plus(episode.stream(COM), episode.stream(POSITIONS).t_ns, shift)
    return replace(episode, streams=streams)


def _joints(episode: Episode, joint_pos: F64) -> dict[str, Stream]:
    stream = episode.stream(POSITIONS)
    out = {POSITIONS: with_samples(stream, joint_pos)}
    if VELOCITIES in episode:
        change = derivative(joint_pos - stream.data.astype(np.float64), stream.t_ns)
        out[VELOCITIES] = _plus(episode.stream(VELOCITIES), stream.t_ns, change)
    if TARGETS in episode and episode.stream(TARGETS).derived:
        targets = episode.stream(TARGETS)
        out[TARGETS] = with_samples(targets, next_state(joint_pos, stream.t_ns, targets.t_ns))
    return out


def _base(episode: Episode, pose: F64) -> dict[str, Stream]:
    stream = episode.stream(BASE)
    before, t_ns, stamps = stream.data.astype(np.float64), stream.t_ns, stream.t_ns.astype(np.float64)
    out = {BASE: with_samples(stream, pose)}
    turn = quat_mul(pose[:, 3:], quat_conj(quat_normalize(before[:, 3:])))
    moved = pose[:, :3] - before[:, :3]
    if "observations/base_velocity" in episode:
        spin = angular_velocity(pose[:, 3:], stamps) - angular_velocity(before[:, 3:], stamps)
        change = np.concatenate([derivative(moved, t_ns), spin], axis=1)
        out["observations/base_velocity"] = _plus(episode.stream("observations/base_velocity"), t_ns, change)
    if "observations/projected_gravity" in episode:
        gravity = episode.stream("observations/projected_gravity")
        old, new = (slerp_at(t_ns, quat, gravity.t_ns) for quat in (before[:, 3:], pose[:, 3:]))
        in_world = quat_apply(old, gravity.data.astype(np.float64))
        out[gravity.spec.key] = with_samples(gravity, quat_apply(quat_conj(new), in_world))
    pushed = derivative(derivative(moved, t_ns), t_ns)
    for key in IMUS:
        if key in episode:
            out[key] = _imu(episode.stream(key), t_ns, turn, pushed)
    return out


def _imu(stream: Stream, t_ns: I64, turn: F64, pushed: F64) -> Stream:
    """An IMU on a base that is turned by `turn` (M, 4) in the world and accelerated by `pushed` (M, 3) besides."""
    data = stream.data.astype(np.float64)
    spin = lerp_at(t_ns, angular_velocity(turn, t_ns.astype(np.float64)), stream.t_ns)
    turned = slerp_at(t_ns, turn, stream.t_ns)
    quat = quat_normalize(quat_mul(turned, data[:, :4]))
    force = quat_apply(turned, quat_apply(data[:, :4], data[:, 7:10])) + lerp_at(t_ns, pushed, stream.t_ns)
    gyro = data[:, 4:7] + quat_apply(quat_conj(quat), spin)
    return with_samples(stream, np.concatenate([quat, gyro, quat_apply(quat_conj(quat), force)], axis=1))


def _com(robot: RobotModel, episode: Episode) -> F64:
    """(N, 3) at the stamps of the joint positions."""
    joints, base = episode.stream(POSITIONS), episode.stream(BASE)
    order = robot.reorder(episode.joint_names, where=f"episode {episode.id}")
    pose = np.asarray(base.sample_at(joints.t_ns), dtype=np.float64)
    poses = body_poses(robot, pose[:, :3], quat_normalize(pose[:, 3:]), joints.data.astype(np.float64)[:, order])
    return center_of_mass(robot, poses)


def _plus(stream: Stream, t_ns: I64, change: F64) -> Stream:
    """The stream with a change at stamps `t_ns` added to its samples."""
    return with_samples(stream, stream.data.astype(np.float64) + lerp_at(t_ns, change, stream.t_ns))


def with_samples(stream: Stream, values: AnyArray) -> Stream:
    """The stream with other samples at the same stamps, of the type it had."""
    return stream.with_values(np.asarray(values).astype(stream.data.dtype), stream.t_ns)


def put(episode: Episode, *changed: Stream) -> Episode:
    """The episode with some streams replaced."""
    return replace(episode, streams={**episode.streams, **{stream.spec.key: stream for stream in changed}})
