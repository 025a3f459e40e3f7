"""What is said about joints that turn too fast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from understudy.geom.rotations import quat_to_matrix
from understudy.kinematics.load import load_robot
from understudy.retarget import trajectory
from understudy.retarget._tables import Pose
from understudy.retarget.amplitude import loss_warning
from understudy.retarget.coarse import _curve, _within_speed
from understudy.retarget.retarget import retarget
from understudy.retarget.speed import fast_steps, fast_warning, meets_bound, speed_bound
from understudy.retarget.trajectory import Settings
from understudy.simulate.moves import MOVES
from understudy.simulate.walker import walk
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.spec.skeleton import INDEX


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


def turning(robot: RobotModel, speed_rad_s: float) -> RobotMotion:
    """Still for a second at 100 Hz but for one step of the right elbow from 0.50 to 0.51 s."""
    q = np.zeros((100, robot.dof))
    q[51:, robot.joint_index("right_elbow_joint")] = 0.01 * speed_rad_s
    t_ns = np.arange(100) * 10_000_000
    return RobotMotion(t_ns, np.zeros((100, 3)), np.tile([1.0, 0, 0, 0], (100, 1)), q, robot.joint_names)


def test_a_step_that_is_too_fast_is_named_with_its_time(robot: RobotModel) -> None:
    motion = turning(robot, 15.5)
    assert int(fast_steps(motion, 100.0).sum()) == 1
    said = fast_warning(motion, 100.0, 5.0)
    assert said.startswith("1 joint steps over 15 rad/s are left, the first of right_elbow_joint at 0.51 s")
    assert "slow the motion down" in said
    assert "lowpass" not in said  # more smoothing than the usual takes more than it mends


@pytest.mark.parametrize("lowpass_hz", [0.0, 12.0])
def test_smoothing_is_advised_where_there_is_little(robot: RobotModel, lowpass_hz: float) -> None:
    assert "--lowpass 5" in fast_warning(turning(robot, -15.5), 100.0, lowpass_hz)


def test_what_keeps_to_the_bound_is_not_mentioned(robot: RobotModel) -> None:
    assert fast_warning(turning(robot, 14.5), 100.0, 0.0) == ""
    assert meets_bound(turning(robot, 14.4), robot, 100.0)
    assert not meets_bound(turning(robot, 12.0), robot, 100.0)


def test_the_bound_is_below_each_joints_own_limit(robot: RobotModel) -> None:
    assert np.all(speed_bound(robot) < robot.velocity_rad_s)
    assert speed_bound(robot).max() == 14.5


def test_lost_swing_at_the_speed_bound_asks_for_a_slower_motion() -> None:
    loss = {"left_shoulder to left_elbow": 0.3}
    assert "slow the motion down" in loss_warning(loss, 5.0, at_bound=True)
    assert "slow" not in loss_warning(loss, 5.0)


def test_a_curve_through_angles_at_their_bound_keeps_to_it() -> None:
    """It overshoots where it is left alone; its knots and the stretches that are slow enough stay as they are."""
    frames = np.arange(0, 81, 4)
    knots = np.zeros((len(frames), 2))
    knots[:, 0] = np.clip(4 * 0.1 * (np.arange(len(frames)) - 9), 0.0, 1.2)  # three intervals at 0.1 a frame
    knots[:, 1] = 0.02 * np.sin(frames / 8.0)
    curve = CubicSpline(frames, knots, axis=0, bc_type="natural")(np.arange(83))
    most = np.array([0.102, 0.102])
    assert np.abs(np.diff(curve, axis=0)).max() > 1.05 * most[0]
    kept = _within_speed(curve, frames, most)
    assert (np.abs(np.diff(kept, axis=0)) <= most + 1e-12).all()
    np.testing.assert_array_equal(kept[frames], curve[frames])
    np.testing.assert_array_equal(kept[:, 1], curve[:, 1])
    np.testing.assert_array_equal(kept[:32], curve[:32])


def test_a_look_keeps_to_the_bound_where_the_person_cannot_be_followed(robot: RobotModel) -> None:
    """An arm that is on the shoulder's other side for four frames in every second: five steps do not end that."""
    motion = walk(duration_s=6.0, rate_hz=30.0)
    pos = motion.joint_pos_world_m.copy()
    shoulder = pos[:, INDEX["left_shoulder"]].copy()
    for first in range(40, len(pos) - 10, 30):
        flung = slice(first, first + 4)
        for name in ("left_elbow", "left_wrist", "left_hand"):
            pos[flung, INDEX[name]] = 2.0 * shoulder[flung] - pos[flung, INDEX[name]]
    done = retarget(replace(motion, joint_pos_world_m=pos), robot, settings=Settings(fast=True))
    assert done.fast_steps == 0


def test_a_look_goes_on_where_the_last_step_still_moved_far(robot: RobotModel, monkeypatch: pytest.MonkeyPatch) -> None:
    motion = MOVES["swing arms"]()
    off_m = [float(retarget(motion, robot, settings=Settings(fast=True)).residual_m[:, :2].mean())]
    monkeypatch.setattr(trajectory, "ASTRAY", np.inf)
    off_m.append(float(retarget(motion, robot, settings=Settings(fast=True)).residual_m[:, :2].mean()))
    assert off_m[0] < 0.9 * off_m[1]


def test_a_curve_goes_straight_on_beyond_the_last_frame_that_was_solved() -> None:
    """Joints, root and its turn that change evenly do so to the end, whatever is left over."""
    at, frames = np.arange(23), np.arange(0, 23, 4)
    q, pos = 0.02 * at[:, None] * np.array([1.0, -2.0]), 0.01 * at[:, None] * np.array([1.0, 0.5, 0.0])
    yaw = 0.001 * at
    turned = quat_to_matrix(np.stack([np.cos(yaw / 2.0), 0 * yaw, 0 * yaw, np.sin(yaw / 2.0)], axis=1))
    drawn = _curve(Pose(pos[frames], turned[frames], q[frames]), frames, len(at))
    np.testing.assert_allclose(drawn.q, q, atol=1e-12)
    np.testing.assert_allclose(drawn.root_pos, pos, atol=1e-12)
    np.testing.assert_allclose(drawn.root_rot, turned, atol=1e-6)
