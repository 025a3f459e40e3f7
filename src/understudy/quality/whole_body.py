"""What the rest of an episode says about its joint angles: centre of mass, standing feet, torques and forces against gravity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.geom.interpolation import lerp_at, slerp_at
from understudy.geom.rotations import quat_to_matrix
from understudy.geom.vectors import lengths
from understudy.kinematics.com import center_of_mass
from understudy.kinematics.contact import sole_track
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.quality.columns import BASE, POSITIONS, TORQUES, joint_series, series
from understudy.quality.memo import Last
from understudy.quality.posture import CONTACTS
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import INDEX, JOINTS

PERSON = "debug/human_target_world"
"""The person's joints, sized for the robot, where it should have its own."""
_ROWS = 60
_G_M_S2 = 9.81
_CALM_RAD_S, _CALM_RAD_S2, _APART_S, _FEWEST_CALM = 2.0, 4.0, 0.05, 8
"""Only while the arms turn and quicken less than this do their torques and the hands' pull come from weight alone."""
_ARM = ("shoulder", "elbow", "wrist")


@dataclass(frozen=True)
class Witness:
    """A contradiction between the joint angles and another stream.

    Attributes:
        stream: the other stream.
        error: its size; near 0 where the two agree.
        unit: of that.
    """

    stream: str
    error: float
    unit: str


@dataclass(frozen=True)
class Body:
    """Some moments of an episode.

    Attributes:
        t_ns: (n,) their stamps.
        joint_pos: (n, J) in the robot's order.
        base_pos_world_m: (n, 3), base_quat_world_wxyz (n, 4); upright at the origin where the episode has no base pose.
        based: whether it has one.
        calm: (n,) the arms are so slow that weight is what their joints and wrists feel.
    """

    t_ns: I64
    joint_pos: F64
    base_pos_world_m: F64
    base_quat_world_wxyz: F64
    based: bool
    calm: Bool


_last: Last[Body | None] = Last()
_last_told: Last[list[Witness]] = Last()


def body_of(episode: Episode, robot: RobotModel) -> Body | None:
    """Evenly chosen moments, kept for the gate that asks next; None where the episode has no angles of this robot's joints."""
    return _last.get(episode, robot, make=lambda: _body_of(episode, robot))


def told_as_it_is(episode: Episode, robot: RobotModel, body: Body) -> list[Witness]:
    """How far every stream that knows contradicts the angles; kept for the gate that asks next."""
    return _last_told.get(episode, robot, body, make=lambda: witnesses(episode, robot, body, body.joint_pos))


def _body_of(episode: Episode, robot: RobotModel) -> Body | None:
    found = joint_series(episode, POSITIONS)
    if found is None:
        return None
    rows = np.unique(np.linspace(0, len(found[0]) - 1, _ROWS).astype(np.int64))
    t_ns, joint_pos = found[0][rows], found[1][rows][:, robot.reorder(episode.joint_names, where=f"episode {episode.id}")]
    calm = _calm(*found, t_ns, episode.joint_names)
    base = series(episode, BASE)
    if base is None or base[1].shape[1] != 7 or (np.abs(lengths(base[1][:, 3:]) - 1.0) > 0.5).any():
        return Body(t_ns, joint_pos, np.zeros((len(t_ns), 3)), np.tile([1.0, 0.0, 0.0, 0.0], (len(t_ns), 1)), False, calm)
    return Body(t_ns, joint_pos, lerp_at(base[0], base[1][:, :3], t_ns), slerp_at(base[0], base[1][:, 3:], t_ns), True, calm)


def _calm(stamps_ns: I64, joint_pos: F64, t_ns: I64, names: tuple[str, ...]) -> Bool:
    """(n,) how the arms move around each moment, by three places of their joints."""
    arms = [j for j, name in enumerate(names) if any(part in name for part in _ARM)]
    step_ns = round(_APART_S * 1e9)
    before, here, after = (lerp_at(stamps_ns, joint_pos[:, arms], t_ns + shift) for shift in (-step_ns, 0, step_ns))
    speed = np.abs(after - before).max(axis=1, initial=0.0) / (2.0 * _APART_S)
    quickening = np.abs(after - 2.0 * here + before).max(axis=1, initial=0.0) / _APART_S**2
    return np.asarray((speed < _CALM_RAD_S) & (quickening < _CALM_RAD_S2))


def witnesses(episode: Episode, robot: RobotModel, body: Body, joint_pos: F64) -> list[Witness]:
    """How far every stream that knows contradicts these angles (n, J); the same streams in the same order for any angles."""
    if not np.isfinite(joint_pos).all() or np.abs(joint_pos).max(initial=0.0) > 1e3:
        return []
    poses = body_poses(robot, body.base_pos_world_m, body.base_quat_world_wxyz, joint_pos)
    found: list[Witness] = []
    if body.based:
        for tell in (_person, _centre, _feet, _imus):
            found += tell(episode, robot, body, poses)
    upright = body.based or _pelvis_upright(episode)
    return found + ([*_arms(episode, robot, body, poses), *_hands(episode, robot, body, poses)] if upright else [])


def _pelvis_upright(episode: Episode) -> bool:
    gravity = series(episode, "observations/projected_gravity")
    return gravity is not None and gravity[1].shape[1] == 3 and bool((gravity[1][:, 2] < -0.95).all())


def _person(episode: Episode, robot: RobotModel, body: Body, poses: BodyPoses) -> Iterator[Witness]:
    """Wrists and ankles, which the robot should have where the person it follows has them."""
    told = series(episode, PERSON)
    names = [f"{side}_{part}" for side in ("left", "right") for part in ("wrist", "ankle")]
    if told is None or told[1].shape[1] != 3 * len(JOINTS) or not all(name in robot.profile.points for name in names):
        return
    places = lerp_at(told[0], told[1], body.t_ns).reshape(len(body.t_ns), len(JOINTS), 3)
    off = [poses.points(*robot.point(name)) - places[:, INDEX[name]] for name in names]
    yield Witness(PERSON, float(np.median(np.linalg.norm(np.stack(off), axis=-1).mean(axis=0))), "m")


def _centre(episode: Episode, robot: RobotModel, body: Body, poses: BodyPoses) -> Iterator[Witness]:
    told = series(episode, "debug/com_world")
    if told is not None and told[1].shape[1] == 3:
        off = center_of_mass(robot, poses) - lerp_at(told[0], told[1], body.t_ns)
        yield Witness("debug/com_world", float(np.median(np.linalg.norm(off, axis=1))), "m")


def _feet(episode: Episode, robot: RobotModel, body: Body, poses: BodyPoses) -> Iterator[Witness]:
    """Height over the floor of soles that are said to stand."""
    for key in CONTACTS:
        if key in episode and len(episode.stream(key)) and episode.stream(key).spec.shape == (2,):
            stands = np.asarray(episode.stream(key).sample_at(body.t_ns)).astype(np.float64) > 0.5
            lowest, _ = sole_track(robot, poses)
            if int(stands.sum()) >= 5:
                yield Witness(key, float(np.mean(np.abs(lowest[stands]))), "m")


def _imus(episode: Episode, robot: RobotModel, body: Body, poses: BodyPoses) -> Iterator[Witness]:
    """Up, as the torso's and the head's IMU have it."""
    for part in ("torso", "head"):
        imu, mount = series(episode, f"observations/imu_{part}"), robot.profile.imus.get(f"imu_{part}")
        if imu is None or imu[1].shape[1] != 10 or mount is None or mount.link not in robot.frames:
            continue
        frame = robot.frame(mount.link)
        rot = poses.rot_world[:, frame.body] @ frame.rot_body_frame @ quat_to_matrix(np.array([mount.quat_wxyz]))[0]
        told = quat_to_matrix(slerp_at(imu[0], imu[1][:, :4], body.t_ns))
        yield Witness(f"observations/imu_{part}", float(np.median(np.linalg.norm(rot[:, 2] - told[:, 2], axis=1))), "1")


def _arms(episode: Episode, robot: RobotModel, body: Body, poses: BodyPoses) -> Iterator[Witness]:
    """Torques of the arms against what holds them against gravity, as a share of the torques."""
    told = joint_series(episode, TORQUES)
    columns = [j for j, name in enumerate(robot.joint_names) if any(part in name for part in _ARM)]
    if told is None or not columns:
        return
    order = robot.reorder(episode.joint_names, where=f"episode {episode.id}")
    if int(body.calm.sum()) < _FEWEST_CALM:
        return
    torque = lerp_at(told[0], told[1], body.t_ns)[:, order][:, columns][body.calm]
    scale = float(np.median(np.linalg.norm(torque, axis=1)))
    if scale > 0.3:
        off = np.linalg.norm(torque - _gravity_torques(robot, poses, columns)[body.calm], axis=1)
        yield Witness(TORQUES, float(np.median(off)) / scale, "1")


def _gravity_torques(robot: RobotModel, poses: BodyPoses, joints: list[int]) -> F64:
    """(n, len(joints)) torque that holds everything beyond each joint against gravity, N m."""
    com = poses.pos_world_m + np.einsum("tbij,bj->tbi", poses.rot_world, robot.com_body_m)
    beyond = _beyond(robot)
    out = np.empty((len(com), len(joints)))
    for i, j in enumerate(joints):
        bodies = beyond[j]
        axis = poses.rot_world[:, j + 1] @ robot.axis_joint[j]
        arm = com[:, bodies] - poses.pos_world_m[:, j + 1, None]
        lift = axis[:, None, 0] * arm[..., 1] - axis[:, None, 1] * arm[..., 0]
        out[:, i] = _G_M_S2 * (lift * robot.mass_kg[bodies]).sum(axis=1)
    return out


def _beyond(robot: RobotModel) -> list[list[int]]:
    """Joint to the bodies that it carries."""
    carried: list[list[int]] = [[j + 1] for j in range(robot.dof)]
    for j in range(robot.dof - 1, -1, -1):
        parent = int(robot.body_parent[j])
        if parent > 0:
            carried[parent - 1] += carried[j]
    return carried


def _hands(episode: Episode, robot: RobotModel, body: Body, poses: BodyPoses) -> Iterator[Witness]:
    """Pull at the wrists against straight down: a hand that is free hangs by its weight."""
    if int(body.calm.sum()) < _FEWEST_CALM:
        return
    for side in ("left", "right"):
        key, link = f"observations/wrench_{side}_wrist", robot.profile.links.get(f"{side}_wrist", "")
        told = series(episode, key)
        if told is None or told[1].shape[1] != 6 or link not in robot.frames:
            continue
        frame = robot.frame(link)
        force = lerp_at(told[0], told[1][:, :3], body.t_ns)
        world = np.einsum("tij,tj->ti", poses.rot_world[:, frame.body] @ frame.rot_body_frame, force)[body.calm]
        down = world / np.maximum(np.linalg.norm(world, axis=1, keepdims=True), 1e-9)
        yield Witness(key, float(np.median(np.linalg.norm(down - np.array([0.0, 0.0, -1.0]), axis=1))), "1")
