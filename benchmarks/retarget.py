"""Quality and speed of retargeting clips: `python benchmarks/retarget.py CLIP... [--robot NAME] [--root-path metric]`.

Every clip is retargeted twice and the second run is timed, so compilation is not counted. With --yardstick FILE the motions are
also given to an independent evaluator (a Python file with load_bvh, evaluate, Robot), whose figures stand beside ours.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.pipeline.read import read_clip
from understudy.retarget.clip import without_reference_pose
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.retarget import Retargeted, retarget
from understudy.retarget.root_path import midhip_m
from understudy.retarget.trajectory import Settings
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import HumanMotion

BARS = {"limb_dir_deg": 3.0, "skate_cm_s": 0.6, "float_cm": 0.2, "penetration_pct": 0.5, "limit_violations": 0, "fast_steps": 0}
"""What a walking clip must keep on the G1."""
MORE = ("hand_pct", "foot_pct", "root_path_err_cm", "infeasible_pct", "jerk_rad_s3")


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--robot", default="unitree_g1")
    parser.add_argument("--lowpass", type=float, default=5.0)
    parser.add_argument("--root-path", default="scaled", choices=("scaled", "metric"))
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--yardstick", type=Path)
    parser.add_argument("--yardstick-model", help="model file the yardstick is to load")
    args = parser.parse_args()
    robot = load_robot(args.robot)
    rows = [measure(clip, robot, args) for clip in args.clips]
    print(table(rows))
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def measure(clip: Path, robot: RobotModel, args: argparse.Namespace) -> dict[str, Any]:
    """One clip's figures."""
    settings = Settings(lowpass_hz=args.lowpass, fast=args.fast)
    for _ in range(2):
        start = time.perf_counter()
        human, _said = without_reference_pose(read_clip(clip))
        read_s = time.perf_counter() - start
        result = retarget(human, robot, settings=settings, root_path=args.root_path)
        total_s = time.perf_counter() - start
    row: dict[str, Any] = {
        "clip": clip.stem,
        "robot": robot.name,
        "frames": len(human),
        "rate_hz": round(human.rate_hz, 3),
        "read_s": round(read_s, 4),
        "seconds": round(total_s, 4),
        "frames_per_s": round(len(human) / total_s, 1),
        **{
            key: value if value is None else round(value, 4)
            for key, value in asdict(motion_metrics(human, result.motion, robot)).items()
        },
        **root_error_cm(human, result, robot, args.root_path),
        "infeasible_pct": round(100.0 * float(result.infeasible.mean()), 3),
        "warnings": list(result.warnings),
    }
    if args.yardstick:
        row["yardstick"] = judged(args.yardstick, clip, result, robot, args.yardstick_model)
    return row


def root_error_cm(human: HumanMotion, result: Retargeted, robot: RobotModel, root_path: str) -> dict[str, float]:
    """How far the hips go from where the root path puts them, over the floor."""
    motion = result.motion
    poses = body_poses(robot, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos)
    asked = (result.scale if root_path == "scaled" else 1.0) * midhip_m(human)
    off = np.linalg.norm((poses.points(*robot.point("pelvis")) - asked)[:, :2], axis=1)
    return {"root_path_err_cm": round(100.0 * float(off.mean()), 4), "scale": round(result.scale, 4)}


def judged(path: Path, clip: Path, result: Retargeted, robot: RobotModel, model: str | None) -> dict[str, Any]:
    """The same motion by the independent evaluator."""
    spec = importlib.util.spec_from_file_location("yardstick", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["yardstick"] = module
    spec.loader.exec_module(module)
    motion = result.motion
    given = module.Motion(
        motion.t_ns * 1e-9, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos, list(motion.joint_names)
    )
    short = {"unitree_g1": "g1", "unitree_h1": "h1"}[robot.name]
    found = module.evaluate(module.load_bvh(str(clip)), given, module.Robot(short, model))
    pose, contact, joints = found["pose"], found["contact"], found["joints"]
    return {
        "limb_dir_deg": pose["limb_dir_deg"]["mean"],
        "hand_pct": pose["hand_pos_pct"]["mean"],
        "foot_pct": pose["foot_pos_pct"]["mean"],
        "skate_cm_s": contact["skate_cm_s"]["mean"],
        "float_cm": contact["float_cm"]["mean"],
        "penetration_pct": contact["pen_frames_pct"],
        "body_penetration_pct": contact["body_pen_frames_pct"],
        "limit_violations": joints["limit_violations"],
        "fast_steps": joints["steps_gt_15"],
        "jerk_rad_s3": joints["jerk_rad_s3"],
        "f1_z0": contact["f1_z0"]["f1"],
        "f1_kin": contact["f1_kin"]["f1"],
        "root_path_err_cm": found["root"]["path_err_cm"]["mean"],
        "self_collision_pct": found["selfcol"]["frames_pct"],
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The main figures, a row per clip; what misses the walking bar is starred."""
    head = ["clip", "frames", "frames/s", *BARS, *MORE]
    lines = ["  ".join(f"{h:>16}" for h in head)]
    for row in rows:
        cells = [row["clip"][:16], f"{row['frames']}", f"{row['frames_per_s']:.0f}"]
        cells += [f"{row[key]:g}{'*' if row[key] > bar else ''}" for key, bar in BARS.items()]
        cells += [f"{row[key]:g}" for key in MORE]
        lines.append("  ".join(f"{c:>16}" for c in cells))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
