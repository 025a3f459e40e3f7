"""Streaming: how feet are held and come back, rates that agree, uneven stamps, and an arm that is led out of the wrong side."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.geom.interpolation import lerp_at
from understudy.geom.rotations import quat_to_matrix
from understudy.kinematics.contact import sole_points
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.retarget._footing import Build, Footing, _fitting, place_feet
from understudy.retarget._stream_kernel import quat_of
from understudy.retarget._stream_tables import build_of, empty_footing, with_feet
from understudy.retarget.problem import Problem, make_problem
from understudy.retarget.streaming import LivePose, StreamingRetargeter
from understudy.retarget.targets import Calibration, calibrate
from understudy.simulate.walker import walk
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import INDEX, HumanMotion

DT_S = 1.0 / 60.0


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def problem(robot: RobotModel) -> Problem:
    return make_problem(robot)


@pytest.fixture(scope="module")
def walking() -> HumanMotion:
    return walk(2.4, rate_hz=240.0)


@pytest.fixture(scope="module")
def known(walking: HumanMotion, problem: Problem) -> Calibration:
    return calibrate(walking, problem)


def _stream(robot: RobotModel, known: Calibration, pos: F64, t_ns: list[int], rate_hz: float) -> list[LivePose]:
    stream = StreamingRetargeter(robot, known, rate_hz=rate_hz)
    return [stream.step(frame, t) for frame, t in zip(pos, t_ns, strict=True)]


def _standing(build: Build) -> F64:
    """(23, 3) a person whose feet lie flat, left foot 0.2 m to the left."""
    pos = np.zeros((23, 3))
    for i in range(2):
        y = 0.2 if i == 0 else -0.2
        knee, ankle, toe = build.joints[i]
        fall = np.tan(build.stand_pitch[i]) * 0.15
        pos[ankle] = 0.0, y, build.level[i, 0]
        pos[knee] = 0.0, y, build.level[i, 0] + 0.4
        pos[toe] = 0.15, y, build.level[i, 0] - fall
    return pos


def _place(build: Build, pos: F64, then: F64, midhip: F64, out: Footing, *, fresh: bool = False) -> None:
    down = np.array([0.0, 0.0, -1.0])
    asked = np.array([[down, down, [0.0, side * 0.1, -1.0]] for side in (1.0, -1.0)])
    hip = build.body[:, 2:] * np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    place_feet(build, pos, then, DT_S, asked, midhip, hip, np.array([0.0, 1.0, 0.0]), DT_S, fresh, out)


def test_a_held_foot_stays_and_a_free_one_comes_back(problem: Problem, known: Calibration) -> None:
    build, out = build_of(problem, known), empty_footing()
    pos, midhip = _standing(build), np.array([0.0, 0.0, 0.6])
    _place(build, pos, pos, midhip, out, fresh=True)
    ends = out.ends.copy()
    assert out.held.min() == 1.0
    for k in range(1, 11):  # the place drifts 2 cm; both feet are held
        _place(build, pos, pos, midhip + np.array([0.002 * k, 0.0, 0.0]), out)
    np.testing.assert_allclose(out.ends[:, :, :2], ends[:, :, :2], atol=1e-9)
    np.testing.assert_allclose(out.off[:, 0], -0.02, atol=1e-9)
    then = pos.copy()
    for _ in range(30):  # the left foot moves fast, the right one stays
        pos = pos.copy()
        pos[[INDEX["left_ankle"], INDEX["left_toe"], INDEX["left_knee"]]] += [0.02, 0.0, 0.0]
        _place(build, pos, then, midhip + np.array([0.02, 0.0, 0.0]), out)
        then = pos
    assert abs(out.off[0, 0]) < 0.003
    np.testing.assert_allclose(out.ends[1, :, :2], ends[1, :, :2], atol=1e-9)


def test_a_held_foot_that_is_far_off_creeps(problem: Problem, known: Calibration) -> None:
    build, out = build_of(problem, known), empty_footing()
    pos, midhip = _standing(build), np.array([0.0, 0.0, 0.6])
    _place(build, pos, pos, midhip, out, fresh=True)
    before = out.ankle[0].copy()
    for _ in range(60):
        _place(build, pos, pos, midhip + np.array([0.2, 0.0, 0.0]), out)
    assert 0.005 < out.ankle[0, 0] - before[0] < 0.0101  # one second at no more than 1 cm/s
    assert out.ankle[0, 1] == pytest.approx(before[1], abs=1e-9)


def test_a_held_foot_that_has_no_business_there_is_put_to_its_place(problem: Problem, known: Calibration) -> None:
    build, out = build_of(problem, known), empty_footing()
    pos, midhip = _standing(build), np.array([0.0, 0.0, 0.6])
    _place(build, pos, pos, midhip, out, fresh=True)
    before = out.ankle.copy()
    _place(build, pos, pos, midhip + np.array([0.5, 0.0, 0.0]), out)
    np.testing.assert_allclose(out.ankle - before, [[0.5, 0.0, 0.0]] * 2, atol=1e-9)


def test_a_raised_toe_yields_to_a_low_ankle(problem: Problem, known: Calibration) -> None:
    """A heel is further from the robot's ankle than from the person's: pitched alike, it would push the ankle up."""
    build = build_of(problem, known)
    low = float(-build.ends[0, 0, 2]) + 0.01
    fits = _fitting(build, 0, -0.5, low)
    assert -0.5 < fits < 0.0
    heel = build.ends[0, 0]
    assert -(heel[2] * np.cos(fits) - heel[0] * np.sin(fits)) == pytest.approx(low, abs=1e-9)
    assert _fitting(build, 0, -0.5, 0.5) == -0.5
    assert _fitting(build, 0, -0.5, 0.0) == 0.0


def test_a_toe_that_stays_is_what_the_heel_turns_about(problem: Problem, known: Calibration) -> None:
    build, out = build_of(problem, known), empty_footing()
    pos, midhip = _standing(build), np.array([0.0, 0.0, 0.6])
    _place(build, pos, pos, midhip, out, fresh=True)
    toe = out.ends[0, 1].copy()
    then = pos.copy()
    for k in range(1, 11):  # the heel rises over a toe that keeps still
        angle = 0.05 * k
        pos = _standing(build)
        ankle, tip = pos[INDEX["left_ankle"]], pos[INDEX["left_toe"]]
        arm = ankle - tip
        c, s = np.cos(angle), np.sin(angle)
        ankle[:] = tip + np.array([c * arm[0] + s * arm[2], arm[1], -s * arm[0] + c * arm[2]])
        pos[INDEX["left_knee"]] = ankle + np.array([0.1, 0.0, 0.38])
        _place(build, pos, then, midhip, out)
        then = pos
    assert out.held[0, 1] > 0.99 > 0.5 > out.held[0, 0]
    np.testing.assert_allclose(out.ends[0, 1, :2], toe[:2], atol=2e-3)
    assert out.ends[0, 0, 2] > 0.05  # the heel is up
    assert out.ends[0, 1, 2] < 0.005
    assert out.sole[0, 2] < -np.sin(build.toe_pitch + 0.3)


def test_feet_have_their_own_tasks(problem: Problem, robot: RobotModel) -> None:
    vec, rows = with_feet(problem), len(problem.vectors.a_body)
    assert len(vec.a_body) == rows + 8
    assert (vec.a_body[rows : rows + 3] == -1).all()
    for n in range(rows, rows + 8):
        joints = vec.cols[n, : vec.col_len[n]]
        names = [robot.joint_names[j - 6] for j in joints if j >= 6]
        assert names
        assert all(name.startswith("left" if n < rows + 4 else "right") for name in names)


def test_the_quaternion_is_that_of_the_matrix() -> None:
    quat = np.random.default_rng(5).normal(size=(200, 4))
    quat[:12] = [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]] * 3
    rot = quat_to_matrix(quat / np.linalg.norm(quat, axis=1, keepdims=True))
    found = np.array([quat_of(r) for r in rot])
    np.testing.assert_allclose(quat_to_matrix(found), rot, atol=1e-12)
    assert (found[:, 0] >= 0.0).all()


@pytest.mark.parametrize("every", [2, 4, 8])
def test_rates_agree(robot: RobotModel, known: Calibration, walking: HumanMotion, every: int) -> None:
    pos, t_ns = walking.joint_pos_world_m, walking.t_ns
    whole = _stream(robot, known, pos, [int(t) for t in t_ns], 240.0)
    slow = _stream(robot, known, pos[::every], [int(t) for t in t_ns[::every]], 240.0 / every)
    a, b = (np.array([p.joint_pos for p in poses]) for poses in (whole[::every], slow))
    root = np.array([p.root_pos_world_m for p in whole[::every]]) - np.array([p.root_pos_world_m for p in slow])
    settled = len(b) // 6
    assert np.degrees(np.abs(a - b)[settled:].mean()) < 1.5
    assert np.linalg.norm(root[settled:], axis=1).mean() < 0.01


def test_stamps_need_not_be_even(robot: RobotModel, known: Calibration, walking: HumanMotion) -> None:
    """Frames a third of a frame early or late: limits and the bound on joint speeds hold, and soles stay over the ground."""
    rng = np.random.default_rng(3)
    even = np.arange(0, int(walking.t_ns[-1]), 16_666_667)
    stamps = np.clip(even + rng.integers(-5_000_000, 5_000_000, len(even)), 0, walking.t_ns[-1])
    pos = lerp_at(walking.t_ns, walking.joint_pos_world_m, stamps)
    poses = _stream(robot, known, pos, [int(t) for t in stamps], 60.0)
    q = np.array([p.joint_pos for p in poses])
    speed = np.abs(np.diff(q, axis=0)) / (np.diff(stamps) * 1e-9)[:, None]
    assert speed.max() <= 14.5 + 1e-6
    assert (q >= robot.lower_rad).all()
    assert (q <= robot.upper_rad).all()
    root_pos, root_quat = (np.array([getattr(p, name) for p in poses]) for name in ("root_pos_world_m", "root_quat_world_wxyz"))
    soles = sole_points(robot, body_poses(robot, root_pos, root_quat, q))
    assert min(points[:, :, 2].min() for points in soles.values()) > -0.01


def test_an_arm_on_the_wrong_side_is_led_back(
    robot: RobotModel, known: Calibration, walking: HumanMotion, problem: Problem
) -> None:
    """The upper arm turned right round its shoulder while the person's hangs: without help it would stay at its limits."""
    stream = StreamingRetargeter(robot, known, rate_hz=60.0)
    frame = walking.joint_pos_world_m[0]
    right = [stream.step(frame, k * 16_666_667) for k in range(20)][-1]
    joints = [robot.joint_index(f"left_shoulder_{axis}_joint") for axis in ("pitch", "roll", "yaw")]
    stream._q[joints] = [problem.tree.lower[joints[0]], problem.tree.upper[joints[1]], problem.tree.upper[joints[2]]]
    later = [stream.step(frame, k * 16_666_667) for k in range(20, 200)][-1]
    elbow = robot.point("left_elbow")
    places = [
        body_poses(robot, p.root_pos_world_m[None], p.root_quat_world_wxyz[None], p.joint_pos[None]).points(*elbow)[0]
        for p in (right, later)
    ]
    assert np.linalg.norm(places[0] - places[1]) < 0.03
