"""The same motion at 30, 60, 120 and 240 Hz: `python benchmarks/rates.py [CLIP...] [--robot unitree_g1] [--out FILE.json]`.

Without clips the project's own walk and dance are made at 240 Hz, of which every second, fourth or eighth frame is taken (made at
another rate they are another motion, by up to 8 mm and 2 degrees); a clip is resampled by a cubic spline. Compared with
120 Hz are the figures (percent of the figure) and, at common stamps 30 times a second, the joint angles (rms difference in
percent of the rms swing of all joints) and the root's place (in percent of its own rms swing).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from understudy.geom.arrays import F64, I64
from understudy.geom.interpolation import lerp_at
from understudy.kinematics.load import load_robot
from understudy.mocap.read import read_motion
from understudy.retarget.clip import without_reference_pose
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.retarget import retarget
from understudy.simulate.moves import dance, walk
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.spec.skeleton import HumanMotion

RATES_HZ, REFERENCE_HZ = (30.0, 60.0, 120.0, 240.0), 120.0
FIGURES = ("limb_dir_deg", "hand_pct", "foot_pct")


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--robot", default="unitree_g1")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    robot = load_robot(args.robot)
    made: dict[str, Callable[[float], HumanMotion]] = {path.stem: _resampled(path) for path in args.clips}
    made = made or {"walk": _thinned(walk(rate_hz=RATES_HZ[-1])), "dance": _thinned(dance(rate_hz=RATES_HZ[-1]))}
    rows = [row for name, at_rate in made.items() for row in compare(name, at_rate, robot)]
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def compare(name: str, at_rate: Callable[[float], HumanMotion], robot: RobotModel) -> list[dict[str, Any]]:
    """A row per rate."""
    solved = {}
    for rate_hz in RATES_HZ:
        human = at_rate(rate_hz)
        motion = retarget(human, robot).motion
        solved[rate_hz] = (motion, motion_metrics(human, motion, robot))
    last_ns = min(int(motion.t_ns[-1]) for motion, _ in solved.values())
    stamps: I64 = np.arange(0, last_ns, round(1e9 / 30.0))
    reference, figures = solved[REFERENCE_HZ]
    rows = []
    for rate_hz, (motion, own) in solved.items():
        row: dict[str, Any] = {"clip": name, "robot": robot.name, "rate_hz": rate_hz}
        row["joints_pct"] = apart(motion.joint_pos, reference.joint_pos, motion, reference, stamps)
        row["root_pct"] = apart(motion.root_pos_world_m, reference.root_pos_world_m, motion, reference, stamps)
        for key in FIGURES:
            value, wanted = getattr(own, key), getattr(figures, key)
            row[key] = round(value, 3)
            row[f"{key}_off_pct"] = round(100.0 * abs(value - wanted) / wanted, 2)
        rows.append(row)
    return rows


def apart(values: F64, wanted: F64, motion: RobotMotion, reference: RobotMotion, stamps: I64) -> float:
    """Root mean square difference at the stamps, in percent of the root mean square swing of what is wanted."""
    a, b = lerp_at(motion.t_ns, values, stamps), lerp_at(reference.t_ns, wanted, stamps)
    swing = np.sqrt(np.mean((b - b.mean(axis=0)) ** 2))
    return round(100.0 * float(np.sqrt(np.mean((a - b) ** 2)) / swing), 3)


def _thinned(human: HumanMotion) -> Callable[[float], HumanMotion]:
    def at_rate(rate_hz: float) -> HumanMotion:
        every = round(RATES_HZ[-1] / rate_hz)
        return replace(human, joint_pos_world_m=human.joint_pos_world_m[::every], t_ns=human.t_ns[::every])

    return at_rate


def _resampled(path: Path) -> Callable[[float], HumanMotion]:
    human, _said = without_reference_pose(read_motion(path))
    spline = CubicSpline(human.t_ns * 1e-9, human.joint_pos_world_m)

    def at_rate(rate_hz: float) -> HumanMotion:
        t_ns = np.rint(np.arange(0.0, human.duration_s, 1.0 / rate_hz) * 1e9).astype(np.int64)
        return replace(
            human, joint_pos_world_m=spline(t_ns * 1e-9), t_ns=t_ns, contact=None, hand_pos_world_m=None, hand_radial_world=None
        )

    return at_rate


if __name__ == "__main__":
    main()
