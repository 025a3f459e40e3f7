"""Our own figures of a motion agree with an independent evaluator's, on the G1.

The evaluator is one Python file (load_bvh, source_from_positions, Motion, Robot, evaluate) that is no part of this repository:
UNDERSTUDY_YARDSTICK names it, else ../shared/tools/retarget_eval.py is tried.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from understudy.kinematics.load import load_robot
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.retarget import retarget
from understudy.simulate.moves import jump, walk
from understudy.spec.robot import RobotMotion
from understudy.spec.skeleton import JOINTS, HumanMotion

pytestmark = [  # the evaluator leaves the robot's file to the garbage collector
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def yardstick(pinocchio: object) -> ModuleType:
    named = os.environ.get("UNDERSTUDY_YARDSTICK")
    path = Path(named) if named else Path(__file__).parents[2] / "shared" / "tools" / "retarget_eval.py"
    if not path.is_file():
        pytest.skip(f"no independent evaluator: set UNDERSTUDY_YARDSTICK (looked at {path})")
    spec = importlib.util.spec_from_file_location("yardstick", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["yardstick"] = module
    spec.loader.exec_module(module)
    return module


def _shaken(motion: RobotMotion) -> RobotMotion:
    """A bad motion: the root shakes and sinks, the joints twitch out of their limits."""
    rng = np.random.default_rng(1)
    root = motion.root_pos_world_m + rng.normal(0.0, 0.01, motion.root_pos_world_m.shape) - [0.0, 0.0, 0.01]
    q = motion.joint_pos + rng.normal(0.0, 0.08, motion.joint_pos.shape)
    return RobotMotion(motion.t_ns, root, motion.root_quat_world_wxyz, q, motion.joint_names)


@pytest.mark.parametrize("shake", [False, True])
@pytest.mark.parametrize("human", [walk(steps=3, rate_hz=60.0), jump(jumps=1, rate_hz=60.0)], ids=["walk", "jump"])
def test_both_see_the_same(human: HumanMotion, shake: bool, yardstick: ModuleType) -> None:
    robot = load_robot("unitree_g1")
    motion = retarget(human, robot).motion
    motion = _shaken(motion) if shake else motion
    ours = motion_metrics(human, motion, robot)
    source = yardstick.source_from_positions(human.t_ns * 1e-9, {name: human.joint(name) for name in JOINTS if name != "pelvis"})
    given = yardstick.Motion(
        motion.t_ns * 1e-9, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos, list(motion.joint_names)
    )
    theirs = yardstick.evaluate(source, given, yardstick.Robot("g1"), collision=False)
    pose, contact, joints = theirs["pose"], theirs["contact"], theirs["joints"]
    assert ours.limb_dir_deg == pytest.approx(pose["limb_dir_deg"]["mean"], abs=0.03)
    assert ours.hand_pct == pytest.approx(pose["hand_pos_pct"]["mean"], abs=0.1)
    assert ours.foot_pct == pytest.approx(pose["foot_pos_pct"]["mean"], abs=0.1)
    assert ours.skate_cm_s == pytest.approx(contact["skate_cm_s"]["mean"], abs=0.05, rel=0.02)
    assert ours.float_cm == pytest.approx(contact["float_cm"]["mean"], abs=0.02, rel=0.03)
    assert ours.penetration_pct == pytest.approx(contact["pen_frames_pct"], abs=2.0 if shake else 0.01)
    assert ours.stance_pct == pytest.approx(contact["stance_source_pct"], abs=0.01)
    assert ours.limit_violations == joints["limit_violations"]
    assert ours.fast_steps == joints["steps_gt_15"]
    assert (ours.limit_violations > 0) is shake
    assert ours.jerk_rad_s3 == pytest.approx(joints["jerk_rad_s3"], rel=0.01)
