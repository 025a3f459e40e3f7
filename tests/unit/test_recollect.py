"""The re-collect list: its causes, told apart on motions made to have them, and what the demonstrator is told."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.retarget.causes import body_part, reasons_of
from understudy.retarget.clip import mirrored
from understudy.retarget.problem import VECTORS, Problem, make_problem
from understudy.retarget.recollect import Recollect
from understudy.retarget.retarget import retarget
from understudy.retarget.targets import Targets, make_targets
from understudy.retarget.trajectory import Settings
from understudy.simulate.walker import stand, walk
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.spec.skeleton import INDEX, HumanMotion

BEHIND_BACK = {"elbow": (-0.26, 0.05, -0.12), "wrist": (-0.24, -0.2, -0.06), "hand": (-0.24, -0.28, -0.05)}
ACROSS_BACK = {"elbow": (-0.15, -0.15, -0.18), "wrist": (-0.15, -0.4, -0.18), "hand": (-0.15, -0.48, -0.18)}
FOLDED = {"elbow": (0.0, 0.0, -0.28), "wrist": (0.0, 0.0, -0.03), "hand": (0.0, 0.0, -0.03)}
CROSSED = {"knee": (0.1, -0.2, -0.35), "ankle": (0.1, -0.45, -0.65), "toe": (0.25, -0.45, -0.7)}
UP = {"elbow": (0.02, 0.02, 0.28), "wrist": (0.02, 0.02, 0.53), "hand": (0.02, 0.02, 0.62)}


@pytest.fixture(scope="module")
def g1() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def h1() -> RobotModel:
    return load_robot("unitree_h1")


def posed(base: str, offsets_m: dict[str, tuple[float, float, float]], frames: slice, *, blend: int = 31) -> HumanMotion:
    """Standing for 3 s at 60 Hz, with joints of the left side at offsets from one of its joints for some frames."""
    motion = stand(3.0, rate_hz=60.0)
    pos = motion.joint_pos_world_m.copy()
    share = np.zeros(len(pos))
    share[frames] = 1.0
    window = np.hanning(blend + 2)
    share = np.convolve(share, window / window.sum(), "same")[:, None]
    for joint, offset in offsets_m.items():
        there = pos[:, INDEX[f"left_{base}"]] + np.array(offset)
        pos[:, INDEX[f"left_{joint}"]] = (1.0 - share) * pos[:, INDEX[f"left_{joint}"]] + share * there
    return replace(motion, joint_pos_world_m=pos)


def listed(motion: HumanMotion, robot: RobotModel) -> tuple[Recollect, ...]:
    return retarget(motion, robot).recollect


def test_an_arm_behind_the_back_meets_a_joint_limit_and_is_to_come_forward(h1: RobotModel) -> None:
    entry = max(listed(posed("shoulder", BEHIND_BACK, slice(80, 120)), h1), key=lambda entry: entry.worst_m)
    assert (entry.end, entry.cause) == ("left_hand", "joint_limit")
    assert "left shoulder yaw ends at -74 degrees" in entry.why
    assert entry.tell.startswith("keep the hand in front of the body")
    assert "forward" in entry.tell
    assert 1.2 < entry.start_s < entry.worst_s < entry.end_s < 2.1
    assert entry.sentence.startswith(f"{entry.start_s:.2f} to {entry.end_s:.2f} s, left hand, {100 * entry.worst_m:.0f} cm off")


def test_the_mirrored_clip_is_told_the_same_of_the_other_hand(h1: RobotModel) -> None:
    """Inward and outward, forward and back: a flipped side or axis shows here."""
    motion = posed("shoulder", ACROSS_BACK, slice(80, 120))
    left, right = listed(motion, h1), listed(mirrored(motion), h1)
    assert {entry.end for entry in right} == {"right_hand"}
    assert [entry.tell.replace("right", "left") for entry in right] == [entry.tell for entry in left]
    assert [entry.cause for entry in right] == [entry.cause for entry in left]
    assert "outward" in left[0].tell


def test_a_folded_arm_is_told_to_fold_less(h1: RobotModel) -> None:
    (entry,) = listed(posed("shoulder", FOLDED, slice(80, 120)), h1)
    assert entry.cause == "joint_limit"
    assert "left elbow" in entry.why
    assert entry.tell.startswith("fold the arm less")


def test_crossed_legs_are_told_to_keep_apart(g1: RobotModel) -> None:
    found = listed(posed("hip", CROSSED, slice(80, 120)), g1)
    first = next(entry for entry in found if entry.end == "left_foot")
    assert first.cause == "self_collision"
    assert "right" in first.why
    assert first.tell.startswith("keep the legs apart")


def test_an_arm_thrown_up_within_a_frame_is_to_go_slower(g1: RobotModel) -> None:
    found = listed(posed("shoulder", UP, slice(90, 181), blend=1), g1)
    assert re.search(r"left shoulder \w+ turns no faster than 14\.5 rad/s", found[0].why)
    assert found[0].tell.endswith("do this part slower")


def test_a_walk_is_not_asked_for_again(g1: RobotModel) -> None:
    assert listed(walk(2.0, rate_hz=30.0), g1) == ()


def test_what_was_bridged_is_left_out_and_what_was_too_long_stays(h1: RobotModel) -> None:
    short = retarget(posed("shoulder", FOLDED, slice(80, 90), blend=5), h1, infeasible="interpolate")
    long = retarget(posed("shoulder", FOLDED, slice(70, 130)), h1, infeasible="interpolate")
    assert {s.treated for s in short.stretches} == {"interpolated"}
    assert short.recollect == ()
    assert [(e.end, e.treated) for e in long.recollect] == [("left_hand", "too long to interpolate")]


def test_a_clipped_stretch_is_told_what_kept_it_before(h1: RobotModel) -> None:
    motion = posed("shoulder", FOLDED, slice(80, 120))
    (flagged,), (clipped,) = (retarget(motion, h1, infeasible=mode).recollect for mode in ("flag", "clip"))
    assert clipped == replace(flagged, treated="clipped")


def _still(problem: Problem, *, height_m: float = 0.8) -> tuple[RobotMotion, Targets]:
    """Ten frames with the pelvis at a height and the left arm held away from it, and targets of somebody who stands."""
    robot = problem.robot
    motion = stand(2.0, rate_hz=60.0)
    q = np.clip(np.zeros((10, robot.dof)), robot.lower_rad, robot.upper_rad)
    q[:, robot.joint_index("left_shoulder_roll_joint")] = 0.6
    root, quat = np.tile([0.0, 0.0, height_m], (10, 1)), np.tile([1.0, 0.0, 0.0, 0.0], (10, 1))
    targets = make_targets(motion, problem)
    cut = replace(targets, vectors=targets.vectors[:10], stance=targets.stance[:10] & False, flat=targets.flat[:10])
    return RobotMotion(motion.t_ns[:10], root, quat, q, robot.joint_names), cut


def _asking(targets: Targets, **directions: F64) -> Targets:
    vectors = targets.vectors.copy()
    for name, direction in directions.items():
        vectors[:, [VECTORS.index(v) for v in VECTORS if v.startswith(f"left_{name}") or v == f"left_{name}"]] = direction
    return replace(targets, vectors=vectors)


def test_the_floor_is_to_blame_where_the_limb_rests_on_it_and_is_asked_below(g1: RobotModel) -> None:
    problem = make_problem(g1)
    motion, targets = _still(problem)
    body, _ = g1.point("left_wrist")
    ground = problem.ground
    poses = body_poses(g1, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos)
    hand = [g for g in range(len(ground.body)) if ground.body[g] == body]
    low = min(float(poses.points(body, ground.offset[g])[0, 2] - ground.clearance[g]) for g in hand)
    motion, _ = _still(problem, height_m=0.8 - low)
    down = np.array([0.0, 0.0, -1.0])
    asked = _asking(targets, shoulder=down, elbow=down, hand=down)
    (reason,) = reasons_of("left_hand", [np.arange(10)], motion, asked, problem, lowpass_hz=0.0, rate_hz=60.0)
    assert (reason.cause, reason.share) == ("floor", 1.0)


def test_a_stretched_arm_asks_beyond_the_reach(g1: RobotModel) -> None:
    problem = make_problem(g1)
    motion, targets = _still(problem)
    ahead = np.array([1.3, 0.0, 0.0])
    asked = _asking(targets, shoulder=ahead, elbow=ahead, hand=ahead)
    (reason,) = reasons_of("left_hand", [np.arange(10)], motion, asked, problem, lowpass_hz=0.0, rate_hz=60.0)
    assert reason.cause == "reach"
    assert reason.bound == pytest.approx(1.3, abs=0.01)


def test_names_of_capsules_are_body_parts() -> None:
    assert body_part("left_thigh_2") == "left thigh"
    assert body_part("torso_1") == "torso"


def test_what_the_low_pass_took_is_told_so(h1: RobotModel) -> None:
    """An arm that swings four times a second, within limits and speed: at 1.5 Hz most of it is lost."""
    motion = stand(3.0, rate_hz=60.0)
    pos = motion.joint_pos_world_m.copy()
    swing = 0.5 + 0.35 * np.sin(2.0 * np.pi * 4.0 * motion.t_ns * 1e-9)
    reach = np.stack([np.sin(swing), np.zeros_like(swing), -np.cos(swing)], axis=1)
    for name, length in (("left_elbow", 0.28), ("left_wrist", 0.53), ("left_hand", 0.62)):
        pos[:, INDEX[name]] = pos[:, INDEX["left_shoulder"]] + length * reach
    found = retarget(replace(motion, joint_pos_world_m=pos), h1, settings=Settings(lowpass_hz=1.5)).recollect
    assert {entry.cause for entry in found} == {"smoothing"}
    assert {entry.tell for entry in found} == {"do this part slower, or raise --lowpass"}
    assert "1.5 Hz" in found[0].why
