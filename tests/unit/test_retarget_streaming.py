"""Retargeting frame by frame: laws, bars on walking, and what a stream can do wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.errors import ShapeError
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.retarget import streaming
from understudy.retarget.clip import mirrored
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.problem import make_problem
from understudy.retarget.streaming import LivePose, StreamingRetargeter
from understudy.retarget.targets import Calibration, calibrate
from understudy.simulate.walker import stand, walk
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.spec.skeleton import INDEX, HumanMotion


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def walking() -> HumanMotion:
    return walk(4.0, rate_hz=120.0)


@pytest.fixture(scope="module")
def known(walking: HumanMotion, robot: RobotModel) -> Calibration:
    return calibrate(walking, make_problem(robot))


def _run(robot: RobotModel, known: Calibration, motion: HumanMotion, frames: int | None = None) -> list[LivePose]:
    stream = StreamingRetargeter(robot, known, rate_hz=motion.rate_hz)
    return [stream.step(motion.joint_pos_world_m[f], int(motion.t_ns[f])) for f in range(frames or len(motion))]


def _motion(robot: RobotModel, poses: list[LivePose]) -> RobotMotion:
    return RobotMotion(
        np.array([p.t_ns for p in poses]),
        np.array([p.root_pos_world_m for p in poses]),
        np.array([p.root_quat_world_wxyz for p in poses]),
        np.array([p.joint_pos for p in poses]),
        robot.joint_names,
    )


@pytest.fixture(scope="module")
def walked(robot: RobotModel, known: Calibration, walking: HumanMotion) -> list[LivePose]:
    return _run(robot, known, walking)


def test_walking_without_the_future(walking: HumanMotion, walked: list[LivePose], robot: RobotModel) -> None:
    found = motion_metrics(walking, _motion(robot, walked), robot)
    assert found.limb_dir_deg <= 3.0
    assert found.skate_cm_s <= 1.5
    assert found.float_cm <= 0.3
    assert found.penetration_pct <= 1.0
    assert (found.limit_violations, found.fast_steps) == (0, 0)


def test_the_future_changes_nothing(robot: RobotModel, known: Calibration, walking: HumanMotion, walked: list[LivePose]) -> None:
    again = _run(robot, known, walking, 60)
    for a, b in zip(again, walked[:60], strict=True):
        np.testing.assert_array_equal(a.joint_pos, b.joint_pos)
        np.testing.assert_array_equal(a.root_pos_world_m, b.root_pos_world_m)


def test_it_follows_at_once(walking: HumanMotion, walked: list[LivePose], robot: RobotModel) -> None:
    """The pelvis turns and travels with the person: no more than a frame or two late."""
    travelled = np.array([p.root_pos_world_m[0] for p in walked])
    person = walking.joint("pelvis")[:, 0]
    steps = [np.corrcoef(np.diff(travelled)[10 + lag : -10], np.diff(person)[10 : -10 - lag or None])[0, 1] for lag in range(8)]
    assert int(np.argmax(steps)) <= 3
    assert [p.restarted for p in walked] == [True, *[False] * (len(walked) - 1)]


def test_left_is_left(robot: RobotModel, walking: HumanMotion, walked: list[LivePose]) -> None:
    reflected = mirrored(walking)
    found = _run(robot, calibrate(reflected, make_problem(robot)), reflected, 300)
    left, right = (robot.joint_index(f"{side}_knee_joint") for side in ("left", "right"))
    ours = np.array([p.joint_pos for p in found])
    theirs = np.array([p.joint_pos for p in walked[:300]])
    assert np.degrees(np.abs(ours[:, left] - theirs[:, right]).mean()) < 1.0
    assert np.degrees(np.abs(ours[:, left] - theirs[:, left]).mean()) > 5.0
    assert [tuple(p.stance[::-1]) for p in found] == [tuple(p.stance) for p in walked[:300]]


def test_a_frame_that_cannot_be_used_changes_nothing(
    robot: RobotModel, known: Calibration, walking: HumanMotion, walked: list[LivePose]
) -> None:
    stream = StreamingRetargeter(robot, known, rate_hz=walking.rate_hz)
    for f in range(40):
        if f == 20:
            broken = walking.joint_pos_world_m[f].copy()
            broken[3] = np.nan
            with pytest.raises(ShapeError, match="no finite"):
                stream.step(broken, int(walking.t_ns[f]))
            with pytest.raises(ShapeError, match="no finite"):
                stream.step(broken[:5], int(walking.t_ns[f]))
            with pytest.raises(ShapeError, match="leave late frames out"):
                stream.step(walking.joint_pos_world_m[f], int(walking.t_ns[f - 2]))
        pose = stream.step(walking.joint_pos_world_m[f], int(walking.t_ns[f]))
        np.testing.assert_array_equal(pose.joint_pos, walked[f].joint_pos)


def test_lost_frames_are_bridged_and_a_long_gap_starts_afresh(
    robot: RobotModel, known: Calibration, walking: HumanMotion
) -> None:
    stream = StreamingRetargeter(robot, known, rate_hz=walking.rate_hz)
    poses = [
        stream.step(walking.joint_pos_world_m[f], int(walking.t_ns[f])) for f in (*range(50), *range(62, 100), *range(150, 160))
    ]
    restarted = [i for i, p in enumerate(poses) if p.restarted]
    assert restarted == [0, 88]  # 0.1 s lost is bridged, 0.4 s is not
    gap = np.abs(poses[50].joint_pos - poses[49].joint_pos).max()
    assert gap <= 14.5 * 13 / 120.0 + 1e-9
    assert np.isfinite(poses[-1].joint_pos).all()


def test_a_stream_needs_a_rate(robot: RobotModel, known: Calibration) -> None:
    with pytest.raises(ShapeError, match="positive rate"):
        StreamingRetargeter(robot, known, rate_hz=0.0)


def _arm_delay_s(rate_hz: float) -> float:
    """How late the H1's left arm is that follows one which is lifted forward at an even 1.5 rad/s."""
    robot, person = load_robot("unitree_h1"), stand(1.2, rate_hz=rate_hz)
    pos, t_s = person.joint_pos_world_m.copy(), (person.t_ns - person.t_ns[0]) * 1e-9
    shoulder = pos[:, INDEX["left_shoulder"]]
    angle = 0.1 + 1.5 * t_s
    down = np.stack([np.sin(angle), np.zeros_like(angle), -np.cos(angle)], axis=1)
    for name, reach_m in (("elbow", 0.3), ("wrist", 0.55), ("hand", 0.63)):
        pos[:, INDEX[f"left_{name}"]] = shoulder + reach_m * down
    lifting = replace(person, joint_pos_world_m=pos)
    poses = _run(robot, calibrate(lifting, make_problem(robot)), lifting)
    made = _motion(robot, poses)
    at = body_poses(robot, made.root_pos_world_m, made.root_quat_world_wxyz, made.joint_pos)
    arm = at.points(*robot.point("left_elbow")) - at.points(*robot.point("left_shoulder"))
    late = angle - np.arctan2(arm[:, 0], -arm[:, 2])
    return float(np.mean(late[t_s > 0.6])) / 1.5


def test_an_even_turn_is_held_up_half_as_long_for_the_speed_it_has_at_any_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    late_s = [_arm_delay_s(rate_hz) for rate_hz in (30.0, 60.0, 120.0)]
    assert max(late_s) < 0.5 * streaming.STIFF_LAG / 30.0 + 1e-4
    assert np.ptp(late_s) < 1e-4
    monkeypatch.setattr(streaming, "CARRIED", 0.0)
    assert _arm_delay_s(30.0) > 1.7 * late_s[0]
