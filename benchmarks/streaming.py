"""Latency and quality of the streaming step: `python benchmarks/streaming.py CLIP... [--robot unitree_g1] [--out FILE.json]`.

Every frame is handed over by itself, as a live source does; the time is that of one call, targets included.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from understudy.kinematics.load import load_robot
from understudy.mocap.read import read_motion
from understudy.retarget.clip import without_reference_pose
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.problem import make_problem
from understudy.retarget.streaming import StreamingRetargeter
from understudy.retarget.targets import calibrate
from understudy.spec.robot import RobotModel, RobotMotion

WARM_UP = 30
"""Frames left out of the times: the first ones load the compiled kernels."""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--robot", default="unitree_g1")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    robot = load_robot(args.robot)
    rows = [measure(clip, robot) for clip in args.clips]
    for row in rows:
        print(json.dumps(row))
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def measure(clip: Path, robot: RobotModel) -> dict[str, Any]:
    """One clip's latencies and figures."""
    motion, _ = without_reference_pose(read_motion(clip))
    stream = StreamingRetargeter(robot, calibrate(motion, make_problem(robot)), rate_hz=motion.rate_hz)
    poses, taken_ms = [], []
    for pos, t_ns in zip(motion.joint_pos_world_m, motion.t_ns, strict=True):
        start = time.perf_counter()
        poses.append(stream.step(pos, int(t_ns)))
        taken_ms.append(1e3 * (time.perf_counter() - start))
    late = np.array(taken_ms[WARM_UP:] or taken_ms)
    result = RobotMotion(
        motion.t_ns,
        np.array([p.root_pos_world_m for p in poses]),
        np.array([p.root_quat_world_wxyz for p in poses]),
        np.array([p.joint_pos for p in poses]),
        robot.joint_names,
    )
    return {
        "clip": clip.stem,
        "robot": robot.name,
        "frames": len(motion),
        "p50_ms": round(float(np.percentile(late, 50)), 3),
        "p99_ms": round(float(np.percentile(late, 99)), 3),
        "max_ms": round(float(late.max()), 3),
        **{
            key: value if value is None else round(value, 4)
            for key, value in asdict(motion_metrics(motion, result, robot)).items()
        },
    }


if __name__ == "__main__":
    main()
