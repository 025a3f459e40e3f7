"""Episodes for tests, whole in every stream that a retargeted one has, and faults to put into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from understudy.errors import UnknownNameError
from understudy.geom.arrays import F64, I64, AnyArray
from understudy.geom.filters import derivative
from understudy.geom.interpolation import latest_index
from understudy.pipeline.motion_episode import motion_episode
from understudy.spec.default_schema import default_schema, schema_toml
from understudy.spec.episode import Episode, MetadataValue
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.spec.schema import Schema
from understudy.spec.skeleton import JOINTS
from understudy.spec.stream import Stream
from understudy.testing.motions import fall, planted, sole_heights, squat, stamps, sway
from understudy.testing.stand_in import stand_in_robot

METADATA: Mapping[str, MetadataValue] = {
    "task_id": "stand",
    "demonstrator_id": "tester",
    "motion_source": "synthetic",
    "language_instruction": "stand still",
    "clip": "stand",
    "warnings": "[]",
}


def make_episode(
    robot: RobotModel | None = None,
    *,
    duration_s: float = 4.0,
    seed: int = 0,
    rate_hz: float = 120.0,
    episode_id: str | None = None,
    schema: Schema | None = None,
    metadata: Mapping[str, MetadataValue] | None = None,
) -> Episode:
    """A robot standing and swaying a little, as if retargeted from a clip.

    Args:
        robot: any; a made-up 29-joint one when None.
        duration_s: length.
        seed: of phases and noise; also in the id.
        rate_hz: of the clip.
        episode_id: file stem; `stand_<seed>` when None.
        schema: the dataset's; the default one for `robot` when None.
        metadata: laid over `METADATA`.
    """
    robot = robot or stand_in_robot()
    motion = sway(robot, stamps(duration_s, rate_hz), seed=seed)
    name = episode_id or f"stand_{seed:08x}"
    return episode_of_motion(robot, motion, episode_id=name, schema=schema, metadata=metadata, seed=seed)


def make_squat_episode(robot: RobotModel | None = None, *, duration_s: float = 4.0, depth_rad: float = 1.6) -> Episode:
    """A squat on flat feet, down and up: low, and no fall."""
    robot = robot or stand_in_robot()
    motion = squat(robot, stamps(duration_s, 120.0), depth_rad=depth_rad)
    return episode_of_motion(robot, motion, episode_id="squat_00000000", metadata={"task_id": "squat", "clip": "squat"})


def make_fall_episode(robot: RobotModel | None = None, *, duration_s: float = 4.0, at_s: float = 1.0) -> Episode:
    """Standing, then pushed over: must be refused."""
    robot = robot or stand_in_robot()
    motion = fall(robot, sway(robot, stamps(duration_s, 120.0)), at_s=at_s)
    return episode_of_motion(robot, motion, episode_id="fall_00000000")


def episode_of_motion(
    robot: RobotModel,
    motion: RobotMotion,
    *,
    episode_id: str,
    schema: Schema | None = None,
    metadata: Mapping[str, MetadataValue] | None = None,
    seed: int = 0,
) -> Episode:
    """An episode whose every stream follows from the robot's motion."""
    return motion_episode(
        robot,
        motion,
        episode_id=episode_id,
        schema_toml=schema_toml(schema or default_schema(robot, "test")),
        metadata={**METADATA, **(metadata or {})},
        extra=_streams_of_a_person(robot, motion, np.random.default_rng(seed)),
    )


def _streams_of_a_person(robot: RobotModel, motion: RobotMotion, rng: np.random.Generator) -> dict[str, AnyArray]:
    human = _human(motion.root_pos_world_m)
    contact = sole_heights(robot, motion) < 0.02
    return {
        "debug/human_joints_world": human,
        "debug/human_target_world": human * 0.75,
        "debug/ee_residual": np.abs(rng.normal(0.0, 1e-3, (len(motion.t_ns), 4))),
        "debug/infeasible": np.zeros(len(motion.t_ns), dtype=np.bool_),
        "debug/source_contact": contact,
    }


_OF_THE_PERSON = ("debug/human_joints_world", "debug/human_target_world", "debug/source_contact")

_STANDING_M = {
    "pelvis": (0.0, 0.0, 0.95), "spine": (0.0, 0.0, 1.08), "chest": (0.0, 0.0, 1.25), "neck": (0.0, 0.0, 1.48),
    "head": (0.02, 0.0, 1.58), "collar": (0.0, 0.05, 1.42), "shoulder": (0.0, 0.18, 1.42), "elbow": (0.0, 0.2, 1.14),
    "wrist": (0.05, 0.2, 0.9), "hand": (0.07, 0.2, 0.82), "hip": (0.0, 0.09, 0.93), "knee": (0.02, 0.09, 0.5),
    "ankle": (0.0, 0.09, 0.08), "toe": (0.14, 0.09, 0.02),
}  # fmt: skip


def _human(root_pos: F64) -> F64:
    """(T, 23, 3) a standing person who leans with the robot's base."""
    rest = np.empty((len(JOINTS), 3))
    for i, name in enumerate(JOINTS):
        side, _, part = name.partition("_")
        sign = {"left": 1.0, "right": -1.0}.get(side, 0.0)
        x, y, z = _STANDING_M[part if sign else name]
        rest[i] = x, sign * y, z
    lean: F64 = (root_pos - root_pos[0])[:, None, :] * rest[None, :, 2:] / rest[0, 2]
    return np.asarray(rest[None] + lean)


def with_data(episode: Episode, key: str, data: AnyArray, t_ns: I64 | None = None) -> Episode:
    """The episode with other samples in one stream (and other stamps)."""
    stream = episode.stream(key)
    return with_stream(episode, stream.with_values(data, stream.t_ns if t_ns is None else t_ns))


def with_stream(episode: Episode, stream: Stream) -> Episode:
    """The episode with one stream added or replaced."""
    return replace(episode, streams={**episode.streams, stream.spec.key: stream})


def without(episode: Episode, key: str) -> Episode:
    """The episode without one stream."""
    episode.stream(key)
    return replace(episode, streams={k: s for k, s in episode.streams.items() if k != key})


def with_joints(episode: Episode, robot: RobotModel, angles_rad: Mapping[str, float], *, from_s: float = 0.0) -> Episode:
    """The episode with some joints held at an angle from `from_s` on; everything that follows from them follows."""
    motion = motion_of(episode)
    joint_pos = motion.joint_pos.copy()
    later = motion.t_ns >= round(from_s * 1e9)
    for name, angle in angles_rad.items():
        joint_pos[later, robot.joint_index(name)] = angle
    return _again(episode, robot, planted(robot, motion.t_ns, joint_pos))


def with_base_shift(episode: Episode, robot: RobotModel, shift_world_m: F64) -> Episode:
    """The episode with the base moved by (3,) or (T, 3) metres: floating, sunk or skating feet."""
    motion = motion_of(episode)
    return _again(episode, robot, replace(motion, root_pos_world_m=motion.root_pos_world_m + shift_world_m))


def motion_of(episode: Episode) -> RobotMotion:
    """The whole-body motion in an episode."""
    pose = episode.data("debug/base_pose_world")
    joints = episode.data("observations/joint_positions")
    t_ns = episode.stream("observations/joint_positions").t_ns
    return RobotMotion(t_ns, pose[:, :3], pose[:, 3:], joints, episode.joint_names)


def _again(episode: Episode, robot: RobotModel, motion: RobotMotion) -> Episode:
    """The episode with another motion of the robot; what is known of the person stays."""
    made = episode_of_motion(robot, motion, episode_id=episode.id)
    kept = {key: episode.streams[key] for key in _OF_THE_PERSON if key in episode.streams}
    return replace(episode, streams={**episode.streams, **made.streams, **kept})


def with_joint_jump(episode: Episode, joint: str, *, jump_rad: float, at_s: float = 1.0) -> Episode:
    """One sample of one joint thrown off, as a dropped packet does; velocities follow."""
    t_ns = episode.stream("observations/joint_positions").t_ns
    q = episode.data("observations/joint_positions").copy()
    q[latest_index(t_ns, np.array([round(at_s * 1e9)])), _joint(episode, joint)] += jump_rad
    jumped = with_data(episode, "observations/joint_positions", q)
    return with_data(jumped, "observations/joint_velocities", derivative(q, t_ns))


def with_nan(episode: Episode, key: str, *, step: int = 5) -> Episode:
    """One sample of a stream that is not a number."""
    data = episode.data(key).copy()
    data[step] = np.nan
    return with_data(episode, key, data)


def with_gap(episode: Episode, key: str, *, start_s: float, gap_s: float) -> Episode:
    """A stream that was silent for a while."""
    stream = episode.stream(key)
    t_s = stream.t_ns * 1e-9
    keep = (t_s <= start_s) | (t_s >= start_s + gap_s)
    return with_data(episode, key, stream.data[keep], stream.t_ns[keep])


def with_missing(episode: Episode, key: str, *, fraction: float, seed: int = 0) -> Episode:
    """A stream that lost single samples all along; the first and last stay."""
    stream = episode.stream(key)
    rng = np.random.default_rng(seed)
    inner = np.arange(1, len(stream) - 1)
    lost = rng.choice(inner, size=round(fraction * len(stream)), replace=False)
    keep = np.ones(len(stream), dtype=np.bool_)
    keep[lost] = False
    return with_data(episode, key, stream.data[keep], stream.t_ns[keep])


def with_wrench(episode: Episode, schema: Schema, key: str, *, spike_n: float = 0.0, at_s: float = 1.0, seed: int = 0) -> Episode:
    """The episode with a 200 Hz force/torque stream of quiet noise, and one spike of force along z."""
    rng = np.random.default_rng(seed)
    t_ns = stamps(episode.duration_s, 200.0)
    data = rng.normal(0.0, 0.5, (len(t_ns), 6)) + np.array([0.0, 0.0, 150.0 if "ankle" in key else 5.0, 0.0, 0.0, 0.0])
    data[latest_index(t_ns, np.array([round(at_s * 1e9)])), 2] += spike_n
    return with_stream(episode, Stream(schema.stream(key), t_ns, data))


def with_object(
    episode: Episode,
    schema: Schema,
    *,
    height_m: float = 1.0,
    dropped_at_s: float | None = None,
    drop_m: float = 0.6,
    lowered_at_s: float | None = None,
    lowered_in_s: float = 1.0,
) -> Episode:
    """The episode with an object that is held still in front of the robot, at 100 Hz.

    Args:
        height_m: that it is held at.
        dropped_at_s: from then on it falls freely, and lies `drop_m` lower.
        lowered_at_s: or is set down by as much within `lowered_in_s`.
    """
    t_ns = stamps(episode.duration_s, 100.0)
    pose = np.tile([0.4, 0.0, height_m, 1.0, 0.0, 0.0, 0.0], (len(t_ns), 1))
    if dropped_at_s is not None:
        fallen_s = np.maximum(t_ns * 1e-9 - dropped_at_s, 0.0)
        pose[:, 2] -= np.minimum(0.5 * 9.81 * fallen_s**2, drop_m)
    elif lowered_at_s is not None:
        share = np.clip((t_ns * 1e-9 - lowered_at_s) / lowered_in_s, 0.0, 1.0)
        pose[:, 2] -= drop_m * share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
    return with_stream(episode, Stream(schema.stream("debug/object_poses_world"), t_ns, pose))


def _joint(episode: Episode, name: str) -> int:
    if name not in episode.joint_names:
        raise UnknownNameError(f"joint of episode {episode.id}", name, episode.joint_names)
    return episode.joint_names.index(name)
