"""An episode made of a robot's motion: every stream that follows from it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from understudy.geom.arrays import F64, I64, AnyArray
from understudy.geom.filters import derivative
from understudy.geom.interpolation import lerp_at
from understudy.geom.rotations import angular_velocity, quat_apply, quat_conj
from understudy.kinematics.com import center_of_mass
from understudy.kinematics.contact import sole_track, standing
from understudy.kinematics.forward import body_poses
from understudy.spec.episode import Episode, MetadataValue, even_timeline
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.spec.schema import parse_schema
from understudy.spec.stream import Stream

DOWN_WORLD = np.array([0.0, 0.0, -1.0])
_BLOCK = 8192


def motion_columns(robot: RobotModel, motion: RobotMotion) -> dict[str, AnyArray]:
    """Streams that follow from a motion, at its own stamps: joints, base, gravity, contacts, centre of mass."""
    t_ns, pos, quat = motion.t_ns, motion.root_pos_world_m, motion.root_quat_world_wxyz
    com, lowest, centre = _bodies(robot, motion)
    down = np.broadcast_to(DOWN_WORLD, pos.shape)
    return {
        "observations/joint_positions": motion.joint_pos,
        "observations/joint_velocities": derivative(motion.joint_pos, t_ns),
        "observations/base_velocity": np.concatenate(
            [derivative(pos, t_ns), angular_velocity(quat, t_ns.astype(np.float64))], axis=1
        ),
        "observations/projected_gravity": quat_apply(quat_conj(quat), down),
        "observations/foot_contact": standing(lowest, centre, t_ns),
        "debug/base_pose_world": np.concatenate([pos, quat], axis=1),
        "debug/com_world": com,
    }


def _bodies(robot: RobotModel, motion: RobotMotion) -> tuple[F64, F64, F64]:
    """Centre of mass, height of the soles and centre of the soles; in blocks, for the poses of a long take fill the memory."""
    parts = []
    for first in range(0, len(motion.t_ns), _BLOCK):
        cut = slice(first, first + _BLOCK)
        poses = body_poses(robot, motion.root_pos_world_m[cut], motion.root_quat_world_wxyz[cut], motion.joint_pos[cut])
        parts.append((center_of_mass(robot, poses), *sole_track(robot, poses)))
    com, lowest, centre = zip(*parts, strict=True)
    return np.concatenate(com), np.concatenate(lowest), np.concatenate(centre)


def next_state(joint_pos: AnyArray, t_ns: I64, timeline_ns: I64) -> AnyArray:
    """(T, J) the position at the step after each: what a motion without commands is taken to have been asked for."""
    return lerp_at(t_ns, joint_pos.astype(np.float64), np.append(timeline_ns[1:], timeline_ns[-1:]))


def motion_episode(
    robot: RobotModel,
    motion: RobotMotion,
    *,
    episode_id: str,
    schema_toml: str,
    metadata: Mapping[str, MetadataValue],
    extra: Mapping[str, AnyArray] | None = None,
) -> Episode:
    """An episode of a motion without commands.

    Args:
        episode_id: file stem.
        schema_toml: the dataset's schema, as text.
        metadata: as the schema asks for it.
        extra: further streams at the motion's stamps, `group/name` to (T, ...).
    """
    schema = parse_schema(schema_toml, where="schema.toml")
    timeline_ns = even_timeline(int(motion.t_ns[0]), int(motion.t_ns[-1]), schema.control_rate_hz)
    columns = {**motion_columns(robot, motion), **(extra or {})}
    streams = {key: Stream(schema.stream(key), motion.t_ns, values) for key, values in columns.items()}
    key = f"actions/joint_{schema.action_kind}_target"
    target = (
        next_state(motion.joint_pos, motion.t_ns, timeline_ns)
        if schema.action_kind == "position"
        else next_state(columns["observations/joint_velocities"], motion.t_ns, timeline_ns)
    )
    streams[key] = Stream(schema.stream(key), timeline_ns, target, derived="next_state")
    return Episode(
        id=episode_id,
        robot=robot.name,
        model_sha256=robot.model_sha256,
        joint_names=robot.joint_names,
        timeline_ns=timeline_ns,
        streams=streams,
        metadata=metadata,
        schema_toml=schema_toml,
    )
