"""Latency and quality of the streaming step: `python benchmarks/streaming.py CLIP... [--robot unitree_g1] [--out FILE.json]`.

Every frame is handed over by itself, as a live source does; the time is that of one call, targets included. With
`--yardstick FILE` the motion is also given to an independent evaluator (a Python file with load_bvh, evaluate, Robot), and its
figures stand beside those that GMR, which sees no future either, reached on the same clip (`gmr_figures.json`).
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

from understudy.geom.arrays import F64
from understudy.kinematics.load import load_robot
from understudy.mocap.read import read_motion
from understudy.retarget.clip import trimmed, without_reference_pose
from understudy.retarget.feasibility import reached_vectors
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.problem import LIMBS, make_problem
from understudy.retarget.streaming import LivePose, StreamingRetargeter
from understudy.retarget.targets import Calibration, calibrate, vector_targets
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.spec.skeleton import HumanMotion

WARM_UP = 30
"""Frames left out of the times: the first ones load the compiled kernels."""
HIGHER = {"f1_z0", "f1_z0_debiased", "f1_kin", "ldlj_delta"}
"""Figures of which more is better."""
NOT_JUDGED = {
    "path_len_m",
    "scale",
    "leg_ratio",
    "stance_pct",
    "source_ankle_cm_s",
    "source_ankle_cm_s_p95",
    "robotdef_frames_pct",
}
"""Figures that say what the clip is, or how much another figure rests on, and not how well it went."""
MODELS = {"unitree_g1": "g1", "unitree_h1": "h1"}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--robot", default="unitree_g1")
    parser.add_argument("--calibrate-s", type=float, help="calibrate on the first so many seconds only, not on the whole clip")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the fastest is told")
    parser.add_argument("--yardstick", type=Path)
    parser.add_argument("--yardstick-model", help="model file the yardstick is to load")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    robot = load_robot(args.robot)
    rows = [measure(clip, robot, args) for clip in args.clips]
    for row in rows:
        print(json.dumps({key: value for key, value in row.items() if key not in ("yardstick", "gmr")}))
        print(beside_gmr(row))
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def measure(clip: Path, robot: RobotModel, args: argparse.Namespace) -> dict[str, Any]:
    """One clip's latencies and figures."""
    motion, _ = without_reference_pose(read_motion(clip))
    take = motion if args.calibrate_s is None else trimmed(motion, 0.0, args.calibrate_s)
    known = calibrate(take, make_problem(robot))
    runs = [streamed(motion, robot, known) for _ in range(args.runs)]
    poses, wall_ms, cpu_ms = min(runs, key=lambda run: float(np.percentile(run[1], 99)))
    result = RobotMotion(
        motion.t_ns,
        np.array([p.root_pos_world_m for p in poses]),
        np.array([p.root_quat_world_wxyz for p in poses]),
        np.array([p.joint_pos for p in poses]),
        robot.joint_names,
    )
    row: dict[str, Any] = {
        "clip": clip.stem,
        "robot": robot.name,
        "frames": len(motion),
        "calibrated_on": "whole clip" if args.calibrate_s is None else f"first {args.calibrate_s:g} s",
        "p50_ms": round(float(np.percentile(wall_ms, 50)), 3),
        "p99_ms": round(float(np.percentile(wall_ms, 99)), 3),
        "over_1_ms_pct": round(100.0 * float((wall_ms > 1.0).mean()), 2),
        "cpu_p50_ms": round(float(np.percentile(cpu_ms, 50)), 3),
        "cpu_p99_ms": round(float(np.percentile(cpu_ms, 99)), 3),
        "cpu_over_1_ms_pct": round(100.0 * float((cpu_ms > 1.0).mean()), 2),
        "delay_ms": round(delay_ms(motion, result, known, robot), 1),
        **{
            key: value if value is None else round(value, 4)
            for key, value in asdict(motion_metrics(motion, result, robot)).items()
        },
    }
    if args.yardstick:
        row["yardstick"] = judged(args.yardstick, clip, result, robot, args.yardstick_model)
        published = json.loads(Path(__file__).with_name("gmr_figures.json").read_text(encoding="utf-8"))
        row["gmr"] = published[robot.name].get(clip.stem)
        row["behind_gmr"] = behind(row["yardstick"], row["gmr"] or {})
    return row


def streamed(motion: HumanMotion, robot: RobotModel, known: Calibration) -> tuple[list[LivePose], F64, F64]:
    """The poses of a clip and what each took: milliseconds of wall time and of this thread's processor time."""
    stream = StreamingRetargeter(robot, known, rate_hz=motion.rate_hz)
    poses, taken = [], []
    for pos, t_ns in zip(motion.joint_pos_world_m, motion.t_ns, strict=True):
        wall, cpu = time.perf_counter(), time.thread_time()
        poses.append(stream.step(pos, int(t_ns)))
        taken.append((1e3 * (time.perf_counter() - wall), 1e3 * (time.thread_time() - cpu)))
    times = np.array(taken[WARM_UP:] or taken)
    return poses, times[:, 0], times[:, 1]


def delay_ms(human: HumanMotion, result: RobotMotion, known: Calibration, robot: RobotModel) -> float:
    """How late the robot's limbs turn: the shift that minimises the squared difference of bone directions, between frames too."""
    problem = make_problem(robot)
    rows = slice(0, len(LIMBS))
    asked = vector_targets(human.joint_pos_world_m, known, problem)[:, rows]
    done = reached_vectors(result, problem)[:, rows]
    shifts = np.arange(-6, 7)
    inner = slice(6, len(asked) - 6)
    frames = np.arange(len(asked))[inner]
    cost = np.array([float(((done[inner] - asked[frames - k]) ** 2).mean()) for k in shifts])
    best = int(np.clip(np.argmin(cost), 1, len(shifts) - 2))
    left, middle, right = cost[best - 1 : best + 2]
    between = 0.5 * (left - right) / max(left - 2.0 * middle + right, 1e-12)
    return float((shifts[best] + between) * 1e3 / human.rate_hz)


def judged(path: Path, clip: Path, result: RobotMotion, robot: RobotModel, model: str | None) -> dict[str, float | None]:
    """The motion by the independent evaluator, under the names of `gmr_figures.json`."""
    spec = importlib.util.spec_from_file_location("yardstick", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["yardstick"] = module
    spec.loader.exec_module(module)
    given = module.Motion(
        result.t_ns * 1e-9, result.root_pos_world_m, result.root_quat_world_wxyz, result.joint_pos, list(result.joint_names)
    )
    found = module.evaluate(module.load_bvh(str(clip)), given, module.Robot(MODELS[robot.name], model))
    flat: dict[str, float | None] = {}
    for group, prefix in (("pose", ""), ("root", "root_"), ("contact", ""), ("joints", ""), ("selfcol", "selfcol_")):
        for name, value in found[group].items():
            key = prefix + name if name.startswith("jerk") or prefix != "root_" else name
            if isinstance(value, dict) and "p95" in value:
                flat |= {key: value["mean"], f"{key}_p95": value["p95"], f"{key}_max": value["max"]}
            elif isinstance(value, dict) and "f1" in value:
                flat[key] = value["f1"]
            elif isinstance(value, int | float):
                flat[key] = value
    flat["limb_dir_max_deg"] = flat["limb_dir_deg_max"]
    flat["jerk_rad_s3"] = found["joints"]["jerk_rad_s3"]
    return flat


def behind(ours: dict[str, float | None], gmr: dict[str, float]) -> dict[str, tuple[float, float]]:
    """Figures in which ours is worse by more than the published one's rounding: (ours, GMR's)."""
    out: dict[str, tuple[float, float]] = {}
    for key, theirs in gmr.items():
        own = ours.get(key)
        if own is None or key in NOT_JUDGED:
            continue
        worse, rounding = (theirs - own if key in HIGHER else own - theirs), 0.0051 if abs(theirs) < 1 else 0.051
        if worse > rounding:
            out[key] = (own, theirs)
    return out


def beside_gmr(row: dict[str, Any]) -> str:
    """The yardstick's main figures, ours beside GMR's, and where ours is behind."""
    if not row.get("gmr"):
        return ""
    names = [
        "limb_dir_deg", "hand_pos_pct", "foot_pos_pct", "skate_cm_s", "float_cm", "pen_frames_pct", "f1_z0", "f1_kin",
        "selfcol_frames_pct", "path_err_cm", "steps_gt_15", "jerk_rad_s3", "root_jerk_m_s3", "ldlj_delta",
    ]  # fmt: skip
    lines = [f"{name:>22} {row['yardstick'][name]:>10g} {row['gmr'][name]:>10g}" for name in names]
    lost = [f"{key} {own:g} ({theirs:g})" for key, (own, theirs) in row["behind_gmr"].items()]
    judged_count = len(set(row["gmr"]) - NOT_JUDGED)
    return "\n".join(
        [f"{'':>22} {'streaming':>10} {'GMR':>10}", *lines, f"behind in {len(lost)} of {judged_count}: {'; '.join(lost) or '-'}"]
    )


if __name__ == "__main__":
    main()
