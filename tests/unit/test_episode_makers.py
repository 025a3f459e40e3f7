"""The episodes that tests are made of must themselves be right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.geom.rotations import quat_apply, quat_conj
from understudy.kinematics.load import load_robot
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.spec.schema import parse_schema
from understudy.store.episode_check import check_episode
from understudy.testing import episodes as make
from understudy.testing.motions import sole_heights
from understudy.testing.stand_in import stand_in_robot


@pytest.fixture(scope="module", params=["stand_in", "unitree_g1"])
def robot(request: pytest.FixtureRequest) -> RobotModel:
    return stand_in_robot() if request.param == "stand_in" else load_robot(request.param)


MAKERS: list[Callable[[RobotModel], Episode]] = [
    lambda robot: make.make_episode(robot, duration_s=1.0),
    lambda robot: make.make_squat_episode(robot, duration_s=1.0),
    lambda robot: make.make_fall_episode(robot, duration_s=2.0, at_s=0.5),
]


@pytest.mark.parametrize("maker", MAKERS, ids=["stand", "squat", "fall"])
def test_every_made_episode_fits_its_schema(robot: RobotModel, maker: Callable[[RobotModel], Episode]) -> None:
    episode = maker(robot)
    check_episode(episode, parse_schema(episode.schema_toml, where="test"))
    assert episode.joint_names == robot.joint_names


def test_standing_keeps_both_soles_on_the_floor_and_joints_within_limits(robot: RobotModel) -> None:
    episode = make.make_episode(robot)
    heights = sole_heights(robot, make.motion_of(episode))
    assert np.abs(heights).max() < 2e-3
    q = episode.data("observations/joint_positions")
    assert np.all((q >= robot.lower_rad) & (q <= robot.upper_rad))
    assert np.abs(episode.data("observations/joint_velocities")).max() < 2.0
    assert episode.data("observations/foot_contact").all()


def test_a_squat_is_low_and_no_fall_and_a_fall_is_both(robot: RobotModel) -> None:
    squat, fall = make.make_squat_episode(robot), make.make_fall_episode(robot)
    standing = robot.profile.standing_height_m
    assert squat.data("debug/base_pose_world")[:, 2].min() < 0.5 * standing
    assert fall.data("debug/base_pose_world")[-1, 2] < 0.5 * standing
    assert squat.data("observations/projected_gravity")[:, 2].max() < -0.99
    assert fall.data("observations/projected_gravity")[-1, 2] > -0.2
    assert fall.data("observations/projected_gravity")[-1, 0] > 0.9  # forward: gravity along the pelvis's own x
    assert np.abs(sole_heights(robot, make.motion_of(squat))).max() < 2e-3


def test_streams_follow_from_the_motion(robot: RobotModel) -> None:
    episode = make.make_episode(robot, seed=4)
    pose, t_ns = episode.data("debug/base_pose_world"), episode.stream("debug/base_pose_world").t_ns
    gravity = quat_apply(quat_conj(pose[:, 3:]), np.tile([0.0, 0.0, -1.0], (len(pose), 1)))
    np.testing.assert_allclose(episode.data("observations/projected_gravity"), gravity, atol=1e-12)
    velocity, step_s = episode.data("observations/base_velocity")[:, :3], np.diff(t_ns)[:, None] * 1e-9
    moved: F64 = np.cumsum(0.5 * (velocity[1:] + velocity[:-1]) * step_s, axis=0)
    np.testing.assert_allclose(moved, pose[1:, :3] - pose[0, :3], atol=2e-4)
    q_on_timeline = episode.on_timeline("observations/joint_positions").astype(np.float64)
    target = episode.data("actions/joint_position_target")
    np.testing.assert_allclose(target[:-1], q_on_timeline[1:], atol=1e-12)
    np.testing.assert_array_equal(target[-1], target[-2])


def test_seeds_differ_and_repeat() -> None:
    key = "observations/joint_positions"
    first = make.make_episode(seed=1).data(key)
    np.testing.assert_array_equal(first, make.make_episode(seed=1).data(key))
    assert np.abs(first - make.make_episode(seed=2).data(key)).max() > 0.01


def test_faults_change_what_they_say_and_nothing_else() -> None:
    robot, episode = stand_in_robot(), make.make_episode()
    schema = default_schema(robot, "test")
    key, joint = "observations/joint_positions", "left_elbow_joint"
    column = robot.joint_index(joint)
    jumped = make.with_joint_jump(episode, joint, jump_rad=1.0, at_s=2.0).data(key) - episode.data(key)
    assert np.flatnonzero(np.abs(jumped).max(axis=1) > 0.5).tolist() == [240]
    assert np.flatnonzero(np.abs(jumped).max(axis=0) > 0.5).tolist() == [column]
    gap = make.with_gap(episode, key, start_s=1.0, gap_s=0.2).stream(key)
    assert np.diff(gap.t_ns).max() == pytest.approx(0.2e9, rel=0.05)
    lost = make.with_missing(episode, key, fraction=0.05).stream(key)
    assert len(lost) == len(episode.stream(key)) - round(0.05 * len(episode.stream(key)))
    wrench = make.with_wrench(episode, schema, "observations/wrench_left_ankle", spike_n=900.0, at_s=1.0)
    force = wrench.data("observations/wrench_left_ankle")[:, 2]
    assert np.argmax(force) == 200
    assert force.max() == pytest.approx(1050, abs=5)
    assert np.isnan(make.with_nan(episode, "debug/com_world").data("debug/com_world")).any(axis=1).sum() == 1
    held = make.with_joints(episode, robot, {joint: 1.5}, from_s=1.0)
    assert held.data(key)[-1, column] == 1.5
    assert held.data(key)[0, column] == episode.data(key)[0, column]
    sunk = make.with_base_shift(episode, robot, np.array([0.0, 0.0, -0.05]))
    np.testing.assert_allclose(sole_heights(robot, make.motion_of(sunk)), -0.05, atol=2e-3)
    assert key not in make.without(episode, key)
