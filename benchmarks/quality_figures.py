"""The figures of one motion: by our own metrics, and by the independent evaluator where one is given."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from understudy.geom.arrays import F64
from understudy.geom.filters import lowpass
from understudy.geom.interpolation import lerp_at
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.retarget import retarget
from understudy.retarget.trajectory import Settings
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.spec.skeleton import JOINTS, HumanMotion

SHORT_NAME = {"unitree_g1": "g1", "unitree_h1": "h1"}
"""Robots that the evaluator knows."""
LOOSE_HZ, CUT_HZ, JERK_HZ = 6.45, 5.0, 30.0
"""The low-passed clip: retargeted with little smoothness (6.45 Hz), then filtered at 5 Hz."""


def own_figures(human: HumanMotion, motion: RobotMotion, robot: RobotModel) -> dict[str, float]:
    """Our own metrics, every one that the clip has."""
    found = asdict(motion_metrics(human, motion, robot))
    return {key: float(value) for key, value in found.items() if value is not None}


def jerk_ratio(human: HumanMotion, motion: RobotMotion, robot: RobotModel) -> float:
    """Mean joint jerk over that of the clip low-passed at 5 Hz.

    The low-passed clip is the same clip retargeted by the same solver with hardly any smoothness in it, its joints then filtered
    at 5 Hz by a second-order Butterworth, forward and backward, as a tool without contacts would have it. Both on a 30 Hz grid.
    """
    loose = retarget(human, robot, settings=Settings(lowpass_hz=LOOSE_HZ)).motion
    filtered = lowpass(loose.joint_pos, rate_hz=human.rate_hz, cutoff_hz=CUT_HZ)
    return _jerk(motion.joint_pos, human) / max(_jerk(filtered, human), 1e-9)


def _jerk(q: F64, human: HumanMotion) -> float:
    grid = np.arange(human.t_ns[0], human.t_ns[-1], round(1e9 / JERK_HZ))
    return float(np.abs(np.diff(lerp_at(human.t_ns, q, grid), n=3, axis=0)).mean() * JERK_HZ**3)


def judged(
    yardstick: Path, model: str | None, robot: RobotModel, human: HumanMotion, clip: Path | None, motion: RobotMotion
) -> dict[str, Any]:
    """The evaluator's figures; `clip` is the BVH file it reads by itself, None where it is given the person's joints."""
    module = _module(yardstick)
    given = module.Motion(
        motion.t_ns * 1e-9, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos, list(motion.joint_names)
    )
    source = module.load_bvh(str(clip)) if clip else _from_positions(module, human)
    found = module.evaluate(source, given, _judge(module, SHORT_NAME[robot.name], model))
    pose, contact, joints = found["pose"], found["contact"], found["joints"]
    return {
        "limb_dir_deg": pose["limb_dir_deg"]["mean"],
        "hand_pct": pose["hand_pos_pct"]["mean"],
        "foot_pct": pose["foot_pos_pct"]["mean"],
        "torso_bias_deg": pose["torso_dir_bias_deg"],
        "skate_cm_s": contact["skate_cm_s"]["mean"] or 0.0,
        "slip_cm_s": contact["slip_cm_s"]["mean"] or 0.0,
        "float_cm": contact["float_cm"]["mean"] or 0.0,
        "penetration_pct": contact["pen_frames_pct"],
        "body_penetration_pct": contact["body_pen_frames_pct"],
        "f1_z0": contact["f1_z0"]["f1"],
        "f1_kin": contact["f1_kin"]["f1"],
        "stance_pct": contact["stance_source_pct"],
        "limit_violations": joints["limit_violations"],
        "fast_steps": joints["steps_gt_15"],
        "jerk_rad_s3": joints["jerk_rad_s3"],
        "root_path_cm": found["root"]["path_err_cm"]["mean"],
        "root_path_pct": found["root"]["path_err_pct"]["mean"],
        "self_collision_pct": found["selfcol"]["frames_pct"],
        "self_collision_pairs": found["selfcol"]["top_pairs"][:3],
        "by_limb": pose["limb_dir_deg"]["by_limb"],
        "source": found["meta"]["source"],
    }


def _from_positions(module: ModuleType, human: HumanMotion) -> Any:
    names = [name for name in JOINTS if name != "pelvis"]
    return module.source_from_positions(human.t_ns * 1e-9, {name: human.joint(name) for name in names})


@lru_cache(maxsize=1)
def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("yardstick", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["yardstick"] = module
    spec.loader.exec_module(module)
    return module


_JUDGES: dict[str, Any] = {}


def _judge(module: ModuleType, name: str, model: str | None) -> Any:
    if name not in _JUDGES:
        _JUDGES[name] = module.Robot(name, model)
    return _JUDGES[name]
