"""Signals that follow from an episode's motion: contacts, centre of mass, support, gait phase; made when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.errors import InputError, JointOrderError
from understudy.geom.arrays import F64, I8, I64, AnyArray, Bool
from understudy.geom.rotations import quat_normalize
from understudy.kinematics.com import center_of_mass
from understudy.kinematics.contact import SIDES, sole_points
from understudy.kinematics.contact_states import ContactSource, feet_on_ground
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.kinematics.support import PHASES, gait_phases, support_margin
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.spec.stream import Kind, Stream, StreamSpec

JOINTS, BASE = "observations/joint_positions", "debug/base_pose_world"
HANGING = ((0.15, 0.1, -0.93), (0.15, -0.1, -0.93))
"""Left and right wrist of a loosely hanging arm, from the shoulder: ahead, to the left, up, in lengths of the arm."""
_BLOCK = 4096


@dataclass(frozen=True)
class BodySignals:
    """What follows from the motion, at the stamps of `joint_positions` where joints and base are numbers.

    Attributes:
        t_ns: (T,) stamps.
        contact: (T, 2) left and right foot on the ground; `contact_source` says what it was told by.
        com_world_m: (T, 3) centre of mass.
        margin_m: (T,) the centre of mass over the ground inside the support polygon, outside it below 0; NaN in flight.
        phase: (T,) number of the gait phase in `kinematics.support.PHASES`.
        wrists_chest: (T, 2, 3) left and right wrist from its shoulder, in axes of the torso, over the arm's length.
        arms_away: (T, 2) how far each wrist is from where a neutral arm has it: hanging, or as in the robot's home pose; in
            lengths of the arm.
        base_world_m: (T, 3) origin of the pelvis link; yaw_rad (T,) its heading, without jumps.
    """

    t_ns: I64
    contact: Bool
    contact_source: ContactSource
    com_world_m: F64
    margin_m: F64
    phase: I8
    wrists_chest: F64
    arms_away: F64
    base_world_m: F64
    yaw_rad: F64


def body_signals(episode: Episode, robot: RobotModel) -> BodySignals:
    """Contacts, centre of mass, support, phases and arms of a whole episode.

    Raises:
        InputError: the episode lacks the joints' positions or the base's pose, or has under two samples of them.
        JointOrderError: it is another robot's.
    """
    t_ns, base_m, quat, joint_pos = _motion(episode, robot)
    com, wrists = [], []
    soles: dict[str, list[F64]] = {side: [] for side in SIDES}
    for first in range(0, len(t_ns), _BLOCK):
        cut = slice(first, first + _BLOCK)
        poses = body_poses(robot, base_m[cut], quat[cut], joint_pos[cut])
        com.append(center_of_mass(robot, poses))
        for side, points in sole_points(robot, poses).items():
            soles[side].append(points)
        wrists.append(_wrists(robot, poses))
    com_m = np.concatenate(com)
    outline = {side: np.concatenate(soles.pop(side)) for side in SIDES}  # parts go as they are joined: a long take fills memory
    contact, told_by = feet_on_ground(episode, robot, t_ns, soles_world_m=lambda: outline)
    margin = support_margin(outline, contact, com_m[:, :2])
    w, x, y, z = quat.T
    yaw = np.unwrap(np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z)))
    wrist = np.concatenate(wrists)
    away = np.minimum(*(np.linalg.norm(wrist - at, axis=2) for at in (np.array(HANGING), _home_wrists(robot))))
    return BodySignals(t_ns, contact, told_by, com_m, margin, gait_phases(contact), wrist, away, base_m, np.asarray(yaw))


def known_signals(episode: Episode, robot: RobotModel) -> BodySignals | None:
    """The same; None where the episode has no motion to tell by.

    Raises:
        JointOrderError: it is another robot's.
    """
    try:
        return body_signals(episode, robot)
    except JointOrderError:
        raise
    except InputError:
        return None


def derived_streams(episode: Episode, robot: RobotModel) -> tuple[Stream, ...]:
    """The same as streams in `debug`, each marked as derived; those that the episode has already are left out.

    Empty where the episode has no motion to tell by.

    Raises:
        JointOrderError: it is another robot's.
    """
    found = known_signals(episode, robot)
    if found is None:
        return ()
    rows: tuple[tuple[str, tuple[str, ...], str, Kind, str, AnyArray, str], ...] = (
        ("foot_states", SIDES, "1", "discrete", "bool", found.contact, found.contact_source),
        ("com_world", ("x", "y", "z"), "m", "vector", "float64", found.com_world_m, "kinematics"),
        ("support_margin", (), "m", "vector", "float64", found.margin_m, found.contact_source),
        ("gait_phase", (), "1", "discrete", "int8", found.phase, found.contact_source),
    )
    return tuple(
        Stream(_spec(name, columns, unit, kind, dtype), found.t_ns, values, derived=by)
        for name, columns, unit, kind, dtype, values, by in rows
        if f"debug/{name}" not in episode
    )


def phase_spans(found: BodySignals) -> list[tuple[str, int, int]]:
    """Every gait phase with its name, begin and end (exclusive), nanoseconds, in the order of time."""
    edges = np.concatenate([[0], np.flatnonzero(np.diff(found.phase)) + 1, [len(found.phase)]])
    stamps = np.append(found.t_ns, found.t_ns[-1])
    return [(PHASES[found.phase[a]], int(stamps[a]), int(stamps[b])) for a, b in zip(edges[:-1], edges[1:], strict=True)]


def _motion(episode: Episode, robot: RobotModel) -> tuple[I64, F64, F64, F64]:
    missing = [key for key in (JOINTS, BASE) if key not in episode or not len(episode.stream(key))]
    if missing:
        raise InputError(f"episode {episode.id}: no samples of {', '.join(missing)}; contacts and segments follow from them")
    order = robot.reorder(episode.joint_names, where=f"episode {episode.id}")
    joints, base = episode.stream(JOINTS), episode.stream(BASE)
    joint_pos = joints.data.astype(np.float64)[:, order]
    with np.errstate(invalid="ignore"):  # a zero quaternion becomes NaN, which is left out
        pose = base.data.astype(np.float64) if np.array_equal(base.t_ns, joints.t_ns) else _at(base, joints.t_ns)
    usable = np.isfinite(joint_pos).all(axis=1) & np.isfinite(pose).all(axis=1) & (np.linalg.norm(pose[:, 3:], axis=1) > 0.5)
    usable &= np.diff(joints.t_ns, prepend=joints.t_ns[:1] - 1) > 0
    if usable.sum() < 2:
        raise InputError(f"episode {episode.id}: {int(usable.sum())} samples with joints and base pose; 2 are needed")
    return joints.t_ns[usable], pose[usable, :3], quat_normalize(pose[usable, 3:]), joint_pos[usable]


def _at(base: Stream, t_ns: I64) -> F64:
    return np.asarray(base.sample_at(t_ns), dtype=np.float64)


def _wrists(robot: RobotModel, poses: BodyPoses) -> F64:
    """(T, 2, 3) wrists from their shoulders in axes of the torso, over the length of the arm."""
    frame = robot.frame(robot.profile.links["torso"])
    torso = poses.rot_world[:, frame.body] @ frame.rot_body_frame
    out = []
    for side in SIDES:
        shoulder, elbow, wrist = (poses.points(*robot.point(f"{side}_{part}")) for part in ("shoulder", "elbow", "wrist"))
        arm_m = np.linalg.norm(elbow - shoulder, axis=1) + np.linalg.norm(wrist - elbow, axis=1)
        out.append(np.einsum("tij,ti->tj", torso, wrist - shoulder) / arm_m[:, None])
    return np.stack(out, axis=1)


def _home_wrists(robot: RobotModel) -> F64:
    """(2, 3) the same in the home pose."""
    home = body_poses(robot, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), robot.home_rad[None])
    return np.asarray(_wrists(robot, home)[0])


def _spec(name: str, columns: tuple[str, ...], unit: str, kind: Kind, dtype: str) -> StreamSpec:
    return StreamSpec(
        name=name, group="debug", dtype=dtype, shape=(len(columns),) if columns else (), unit=unit, kind=kind, names=columns,
        privileged=True,
    )  # fmt: skip
