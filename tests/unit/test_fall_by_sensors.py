"""Falls of a robot that does not know where it is: tilt by its sensors, height by the foot that bears its weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.geom.arrays import F64, I64
from understudy.geom.rotations import matrix_to_quat, quat_mul, rotvec_to_quat, yaw_to_quat
from understudy.kinematics.forward import body_poses
from understudy.quality.posture import posture
from understudy.quality.upright import imu_mount
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.stream import Stream
from understudy.testing.episodes import (
    make_episode,
    make_fall_episode,
    make_squat_episode,
    motion_of,
    with_data,
    with_stream,
    without,
)
from understudy.testing.gates import gate_findings
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
SCHEMA = default_schema(ROBOT, "test")
BASE, GRAVITY, CONTACT = "debug/base_pose_world", "observations/projected_gravity", "observations/foot_contact"


def _recorded(episode: Episode, *, imu: str = "pelvis", weight: bool | None = True, gravity: bool = False) -> Episode:
    """The episode as a robot without a pose in the world records it.

    Args:
        imu: part that carries the only IMU; none where empty.
        weight: whether its feet bear weight by the ankles' sensors; None without sensors and contacts.
    """
    motion = motion_of(episode)
    out = without(episode, BASE) if gravity else without(without(episode, BASE), GRAVITY)
    if imu:
        mount = imu_mount(ROBOT, imu)
        assert mount is not None
        frame = ROBOT.frame(mount.link)
        poses = body_poses(ROBOT, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos)
        on_body = quat_mul(matrix_to_quat(frame.rot_body_frame[None]), np.array([mount.quat_wxyz]))
        quat = quat_mul(matrix_to_quat(poses.rot_world[:, frame.body]), on_body)
        quat = quat_mul(yaw_to_quat(np.full(len(quat), 0.7)), quat)  # the yaw of an IMU is its own
        data = np.concatenate([quat, np.zeros((len(quat), 6))], axis=1)
        out = with_stream(out, Stream(SCHEMA.stream(f"observations/imu_{imu}"), motion.t_ns, data))
    return without(out, CONTACT) if weight is None else _with_weight(out, motion.t_ns, weight)


def _with_weight(episode: Episode, t_ns: I64, weight: bool) -> Episode:
    force: F64 = np.zeros((len(t_ns), 6))
    force[:, 2] = 0.5 * 9.81 * float(ROBOT.mass_kg.sum()) if weight else 8.0
    for side in ("left", "right"):
        episode = with_stream(episode, Stream(SCHEMA.stream(f"observations/wrench_{side}_ankle"), t_ns, force))
    return episode


def _fall(episode: Episode) -> list[Finding]:
    return gate_findings("fall", episode, ROBOT)


@pytest.mark.parametrize("imu", ["pelvis", "torso", "head"])
def test_a_fall_is_seen_by_any_imu(imu: str) -> None:
    (found,) = _fall(_recorded(make_fall_episode(ROBOT), imu=imu))
    assert found.severity == "reject"
    assert found.stream == f"observations/imu_{imu}"


def test_a_fall_is_seen_by_the_direction_of_gravity() -> None:
    (found,) = _fall(_recorded(make_fall_episode(ROBOT), imu="", gravity=True))
    assert found.stream == GRAVITY


def test_a_fall_is_seen_by_its_tilt_where_nothing_tells_the_height() -> None:
    for weight in (False, None):
        (found,) = _fall(_recorded(make_fall_episode(ROBOT), weight=weight))
        assert found.unit == "rad"


@pytest.mark.parametrize("weight", [True, False, None])
def test_squats_and_standing_pass(weight: bool | None) -> None:
    assert _fall(_recorded(make_squat_episode(ROBOT), weight=weight)) == []
    assert _fall(_recorded(make_episode(ROBOT, duration_s=2.0), weight=weight)) == []


def test_the_height_is_that_above_the_foot_that_bears_weight() -> None:
    whole = make_squat_episode(ROBOT)
    seen, truth = posture(_recorded(whole), ROBOT), posture(whole, ROBOT)
    assert (seen.base_from, truth.base_from) == ("sensors", "pose")
    np.testing.assert_allclose(seen.base_pos_world_m[:, 2], truth.base_pos_world_m[:, 2], atol=2e-3)
    np.testing.assert_allclose(seen.tilt_rad, truth.tilt_rad, atol=1e-9)
    hanging = posture(_recorded(whole, weight=False), ROBOT)
    assert np.isnan(hanging.base_pos_world_m[:, 2]).all()


def test_gravity_gives_the_same_tilt_as_an_imu() -> None:
    whole = make_fall_episode(ROBOT)
    by_gravity = posture(_recorded(whole, imu="", gravity=True), ROBOT).tilt_rad
    np.testing.assert_allclose(by_gravity, posture(whole, ROBOT).tilt_rad, atol=1e-6)


def test_a_robot_that_hangs_in_a_gantry_with_its_legs_drawn_up_has_not_fallen() -> None:
    """Low by its pose it would be: the joints are those of a deep squat."""
    assert _fall(_recorded(make_squat_episode(ROBOT), weight=False)) == []


def test_a_sudden_collapse_onto_the_knees_is_a_fall() -> None:
    """Upright all the way, feet on the ground, but down faster than anybody squats."""
    collapse = make_squat_episode(ROBOT, duration_s=0.8, depth_rad=1.8)
    found = _fall(_recorded(collapse))
    assert len(found) == 1
    assert "going down at" in found[0].message


def test_what_is_not_finite_is_left_out() -> None:
    episode = _recorded(make_episode(ROBOT, duration_s=2.0))
    imu = episode.data("observations/imu_pelvis").copy()
    imu[50:60] = np.nan
    imu[70:72, :4] = 0.0
    seen = posture(with_data(episode, "observations/imu_pelvis", imu), ROBOT)
    assert np.isfinite(seen.tilt_rad).all()
    assert _fall(with_data(episode, "observations/imu_pelvis", imu)) == []


def test_without_pose_and_tilt_it_says_so() -> None:
    with pytest.raises(AssertionError, match=r"skipped: .*no pose of the base and no tilt"):
        _fall(_recorded(make_fall_episode(ROBOT), imu=""))


def test_a_mount_turns_the_imu_back_to_the_pelvis() -> None:
    """An IMU mounted upside down tells the same tilt."""
    episode = _recorded(make_squat_episode(ROBOT))
    flip = rotvec_to_quat(np.array([[np.pi, 0.0, 0.0]]))
    data = episode.data("observations/imu_pelvis").copy()
    data[:, :4] = quat_mul(data[:, :4], flip)
    mount = imu_mount(ROBOT, "pelvis")
    assert mount is not None
    turned = mount.model_copy(update={"quat_wxyz": tuple(quat_mul(np.array([mount.quat_wxyz]), flip)[0])})
    profile = ROBOT.profile.model_copy(update={"imus": {**ROBOT.profile.imus, "imu_pelvis": turned}})
    flipped = replace(ROBOT, profile=profile)
    seen = posture(with_data(episode, "observations/imu_pelvis", data), flipped)
    np.testing.assert_allclose(seen.tilt_rad, posture(episode, ROBOT).tilt_rad, atol=1e-9)
