"""How a robot without a pose in the world stands: tilt by its own sensors, height by the foot that bears its weight."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.geom.rotations import matrix_to_quat, quat_conj, quat_mul, quat_normalize
from understudy.kinematics.contact import SIDES
from understudy.kinematics.forward import body_poses
from understudy.kinematics.sole_travel import sole_travel
from understudy.quality.joints import JointTrack
from understudy.quality.skip import NotApplicable
from understudy.spec.episode import Episode
from understudy.spec.robot import Mount, RobotModel
from understudy.spec.stream import Stream

IMUS = ("pelvis", "torso", "head")
GRAVITY = "observations/projected_gravity"
TILT = (*(f"observations/imu_{part}" for part in IMUS), GRAVITY)
"""Streams that a tilt is read from, the first that is there."""
WRENCHES = tuple(f"observations/wrench_{side}_ankle" for side in SIDES)
CONTACT = "observations/foot_contact"
BEARS = 0.15
"""A foot bears weight from this share of the robot's own on; a foot in the air pulls with a twentieth."""
_G_M_S2 = 9.81
_BLOCK = 8192


def base_from_sensors(episode: Episode, track: JointTrack) -> tuple[F64, F64]:
    """Height and orientation of the pelvis at every sample of the joints.

    Returns:
        (T,) metres over the ground that the weight-bearing foot stands on, NaN where none bears weight; (T, 4) wxyz, yaw free,
        NaN where the sensor says nothing.

    Raises:
        NotApplicable: the episode has no stream of `TILT`.
    """
    quat_wxyz = _tilt(episode, track)
    height_m = np.full(len(track.t_ns), np.nan)
    bears = _bears_weight(episode, track)
    if bears is None:
        return height_m, quat_wxyz
    known = np.flatnonzero(bears.any(axis=1) & np.isfinite(quat_wxyz).all(axis=1))
    for rows in np.split(known, range(_BLOCK, len(known), _BLOCK)):
        poses = body_poses(track.robot, np.zeros((len(rows), 3)), quat_wxyz[rows], track.joint_pos[rows])
        lowest_m, _ = sole_travel(track.robot, poses)
        height_m[rows] = -np.where(bears[rows], lowest_m, np.inf).min(axis=1)
    return height_m, quat_wxyz


def _tilt(episode: Episode, track: JointTrack) -> F64:
    """(T, 4) pelvis to world, yaw free."""
    for part in IMUS:
        key = f"observations/imu_{part}"
        mount = imu_mount(track.robot, part)
        if mount is not None and key in episode and len(episode.stream(key)):
            return _by_imu(episode.stream(key), mount, track)
    if GRAVITY in episode and len(episode.stream(GRAVITY)):
        return _by_gravity(episode.stream(GRAVITY), track)
    raise NotApplicable(f"the episode has no pose of the base and no tilt: none of {', '.join(TILT)}")


def imu_mount(robot: RobotModel, part: str) -> Mount | None:
    """Where the IMU of a part sits: as the profile says, else on the part's link itself; None where there is no such link."""
    imus, links = robot.profile.imus, robot.profile.links
    found = imus.get(f"imu_{part}") or imus.get(part)
    return found or (Mount(link=links[part]) if part in links else None)


def _by_imu(imu: Stream, mount: Mount, track: JointTrack) -> F64:
    """The pelvis' orientation by an IMU on any link: world from IMU, times IMU from pelvis by the joints."""
    with np.errstate(invalid="ignore"):  # what is not finite, or no rotation, is left out below
        world_imu = np.asarray(imu.sample_at(track.t_ns), dtype=np.float64)[:, :4]
    world_imu = np.where(np.abs(np.linalg.norm(world_imu, axis=1, keepdims=True) - 1.0) < 0.5, world_imu, np.nan)
    frame = track.robot.frame(mount.link)
    on_body = quat_mul(matrix_to_quat(frame.rot_body_frame[None]), np.array([mount.quat_wxyz]))
    if frame.body == 0:
        return quat_mul(quat_normalize(world_imu), quat_conj(on_body))
    body = matrix_to_quat(track.from_pelvis(np.arange(len(track.t_ns))).rot_world[:, frame.body])
    return quat_mul(quat_normalize(world_imu), quat_conj(quat_mul(body, on_body)))


def _by_gravity(gravity: Stream, track: JointTrack) -> F64:
    """The shortest turn that brings the direction of gravity in the pelvis' axes to straight down."""
    down = np.asarray(gravity.sample_at(track.t_ns), dtype=np.float64)
    norm = np.linalg.norm(down, axis=1, keepdims=True)
    down = np.where(norm > 0.5, down / np.maximum(norm, 1e-9), np.nan)
    x, y, z = down.T
    half = np.stack([1.0 - z, -y, x, np.zeros_like(x)], axis=1)  # 1 + d . down, d x down for down = (0, 0, -1)
    flipped = 1.0 - z < 1e-6  # hanging head down: any half turn will do
    half[flipped] = [0.0, 1.0, 0.0, 0.0]
    return quat_normalize(half)


def _bears_weight(episode: Episode, track: JointTrack) -> Bool | None:
    """(T, 2) feet that bear weight: by the ankles' force sensors, else by the contacts; None where there is neither."""
    if all(key in episode and len(episode.stream(key)) for key in WRENCHES):
        most_n = BEARS * _G_M_S2 * float(track.robot.mass_kg.sum())
        force = [np.asarray(episode.stream(key).sample_at(track.t_ns), dtype=np.float64)[:, :3] for key in WRENCHES]
        return np.stack([np.linalg.norm(f, axis=1) > most_n for f in force], axis=1)
    if CONTACT in episode and len(episode.stream(CONTACT)):
        return np.asarray(episode.stream(CONTACT).sample_at(track.t_ns).astype(np.float64) > 0.5)
    return None
