"""People on the floor whose planted joints stand exactly still: `python benchmarks/floor.py [--robot NAME] [--fast]`.

Every motion is solved twice: with contacts of the feet alone (`feet`) and with everything that rests on the floor (`all`).
Float is the mean height of a surface's lowest point over the floor, without sign, and slip that point's mean speed over it, both
while the person's surface is planted; the worst surface is given. From the sixth motion on they are people, rates, strides and
depths that no height or weight was chosen on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from understudy.geom.arrays import Bool
from understudy.geom.rotations import quat_continuous
from understudy.kinematics.collision import self_distances
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.retarget.coarse import solve_from_targets
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.problem import Problem, make_problem, with_wrists
from understudy.retarget.start import pose_quat_wxyz
from understudy.retarget.surfaces import surface_points
from understudy.retarget.targets import make_targets
from understudy.retarget.trajectory import Settings
from understudy.simulate import floor
from understudy.simulate.floor import FloorMotion
from understudy.spec.robot import RobotModel, RobotMotion

MOTIONS: dict[str, Callable[[], FloorMotion]] = {
    "crawl": lambda: floor.crawl(),
    "kneel": lambda: floor.kneel(),
    "push-up": lambda: floor.push_up(),
    "sit": lambda: floor.sit(),
    "roll": lambda: floor.roll(),
    "crawl, 1.60 m, 30 Hz": lambda: floor.crawl(4, 0.2, height_m=1.60, rate_hz=30.0),
    "crawl, 1.88 m, 120 Hz": lambda: floor.crawl(2, 0.4, height_m=1.88, rate_hz=120.0),
    "kneel, 1.65 m, 30 Hz": lambda: floor.kneel(0.05, height_m=1.65, rate_hz=30.0),
    "push-up, 1.85 m, 120 Hz": lambda: floor.push_up(1, 1.2, height_m=1.85, rate_hz=120.0),
    "sit, 1.60 m, 30 Hz": lambda: floor.sit(height_m=1.60, rate_hz=30.0),
    "sit, 1.85 m, 120 Hz": lambda: floor.sit(height_m=1.85, rate_hz=120.0),
    "roll, 1.62 m, 30 Hz": lambda: floor.roll(height_m=1.62, rate_hz=30.0),
    "roll, 1.85 m, 120 Hz": lambda: floor.roll(height_m=1.85, rate_hz=120.0),
}
"""Title to motion; the first five are those that heights and weights were chosen on."""
INTO_M = 0.005
"""Bodies this deep in each other collide."""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robot", default="unitree_g1")
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    robot = load_robot(args.robot)
    rows = [row for name, make in MOTIONS.items() for row in measure(name, make(), robot, Settings(fast=args.fast))]
    print(table(rows))
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def measure(name: str, made: FloorMotion, robot: RobotModel, settings: Settings) -> list[dict[str, Any]]:
    """The figures with contacts of the feet alone, and with all."""
    problem, rows = make_problem(robot), []
    targets = make_targets(made.motion, problem)
    problem = with_wrists(problem, targets.weights)
    for contacts in ("feet", "all"):
        none = np.zeros_like(targets.touch)
        asked = targets if contacts == "all" else replace(targets, touch=none, planted=none)
        pose = solve_from_targets(problem, asked, settings, made.motion.rate_hz)
        motion = RobotMotion(
            made.motion.t_ns, pose.root_pos, quat_continuous(pose_quat_wxyz(pose)), pose.q, robot.joint_names
        )  # fmt: skip
        found = motion_metrics(made.motion, motion, robot)
        poses = body_poses(robot, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos)
        into = (self_distances(robot, poses).distance_m < -INTO_M).any(axis=1)
        surfaces = [_surface(problem, motion, surface, on) for surface, on in made.planted.items() if on.any()]
        rows.append(
            {
                "clip": name,
                "contacts": contacts,
                "limb_dir_deg": found.limb_dir_deg,
                "float_cm": max(float_cm for float_cm, _ in surfaces),
                "slip_cm_s": max(slip for _, slip in surfaces),
                "body_pct": found.body_penetration_pct,
                "self_collision_pct": 100.0 * float(into.mean()),
                "fast_steps": found.fast_steps,
                "jerk_rad_s3": found.jerk_rad_s3,
            }
        )
    return rows


def _surface(problem: Problem, motion: RobotMotion, surface: str, on: Bool) -> tuple[float, float]:
    """Float, cm, and slip, cm/s, of a surface of the robot while the person's is planted, (T,) `on`."""
    ground, rows = problem.ground, surface_points(problem)[surface]
    poses = body_poses(problem.robot, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos)
    points = np.stack([poses.points(int(ground.body[n]), ground.offset[n]) for n in rows], axis=1)
    gap = points[:, :, 2] - ground.clearance[rows]
    lowest, f = gap.argmin(axis=1)[:-1], np.arange(len(gap) - 1)
    moved = np.linalg.norm((points[f + 1, lowest] - points[f, lowest])[:, :2], axis=1)
    both = on[1:] & on[:-1]
    rate_hz = 1e9 / float(np.median(np.diff(motion.t_ns)))
    return 100.0 * float(np.abs(gap.min(axis=1))[on].mean()), 100.0 * rate_hz * float(moved[both].mean())


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, a line per motion and kind of contacts."""
    lines = [
        "| clip | contacts of | direction, deg | float, cm | slip, cm/s | body, % | self-collision, % | fast | jerk |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            row["clip"] if row["contacts"] == "feet" else "",
            row["contacts"],
            *(f"{row[key]:.2f}" for key in ("limb_dir_deg", "float_cm", "slip_cm_s")),
            *(f"{row[key]:.1f}" for key in ("body_pct", "self_collision_pct")),
            f"{row['fast_steps']}",
            f"{row['jerk_rad_s3']:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
