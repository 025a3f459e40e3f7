"""Clips solved at a low rate and drawn as a curve."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.kinematics.load import load_robot
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.retarget import retarget
from understudy.retarget.trajectory import Settings
from understudy.simulate import moves
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import HumanMotion


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def walk() -> HumanMotion:
    return moves.walk(steps=4, rate_hz=120.0)


def test_a_fast_clip_keeps_feet_planted_between_the_solved_frames(walk: HumanMotion, robot: RobotModel) -> None:
    found = motion_metrics(walk, retarget(walk, robot).motion, robot)
    assert found.skate_cm_s < 0.3
    assert found.float_cm < 0.1
    assert (found.fast_steps, found.limit_violations, found.penetration_pct) == (0, 0, 0.0)


def test_hurried_arms_keep_to_the_speed_bound(robot: RobotModel) -> None:
    throw = moves.swing_arms(0.2, rate_hz=120.0)
    found = motion_metrics(throw, retarget(throw, robot).motion, robot)
    assert found.fast_steps == 0
    assert found.max_joint_speed_rad_s <= 15.0


def test_the_fast_mode_takes_another_way_to_nearly_the_same_motion(walk: HumanMotion, robot: RobotModel) -> None:
    """Directions within half a degree and the root within 2 cm; not the same to the digit, or it would not be a mode."""
    slow, fast = (retarget(walk, robot, settings=Settings(fast=fast)) for fast in (False, True))
    directions = [motion_metrics(walk, found.motion, robot).limb_dir_deg for found in (slow, fast)]
    assert abs(directions[0] - directions[1]) < 0.5
    apart = np.abs(slow.motion.root_pos_world_m - fast.motion.root_pos_world_m).max()
    assert 0.0 < apart < 0.02
    assert motion_metrics(walk, fast.motion, robot).limit_violations == 0
