"""Every quality bar on every clip: `python benchmarks/quality.py [CLIP...] [--samples DIR] [--synthetic] [--robot NAME...]`.

A row per clip and robot, each figure against its bar, written as JSON and as a Markdown table. With --yardstick FILE the figures
of the robots it knows are those of that independent evaluator; a BVH file it reads by itself, of other sources it is given the
person's joints. All other figures are our own.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quality_bars import COLUMNS, bars
from quality_conditions import conditions
from quality_figures import SHORT_NAME, jerk_ratio, judged, own_figures

from understudy.kinematics.load import load_robot
from understudy.mocap.read import read_motion
from understudy.retarget.clip import without_reference_pose
from understudy.retarget.problem import make_problem
from understudy.retarget.retarget import retarget
from understudy.retarget.trajectory import Settings
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import HumanMotion

SAMPLES: tuple[tuple[str, str], ...] = (
    ("PyMO walk", "bvh/AV_8Walk_Meredith_HVHA_Rep1.bvh"),
    ("CMU 01_01", "bvh/01_01.bvh"),
    ("mocapbank", "bvh/test_mocapbank.bvh"),
    ("AMASS walk", "amass/video_walk_level1_filter_amass.npz"),
    ("AMASS step", "amass/video_step_forward_back_level1_filter_amass.npz"),
    ("AMASS squat", "amass/video_squat_level2_filter_amass.npz"),
    ("AMASS jump", "amass/video_jump_forward_level3_filter_amass.npz"),
    ("Plug-in Gait walk", "c3d/gaitalytics_fullbody_pig_walk.c3d"),
    ("Xsens", "mvnx/test_mocap.mvnx"),
)
"""Samples that count: name, path in the folder of samples."""


@dataclass(frozen=True)
class Clip:
    """One clip: its name, the person, and the BVH file it came from, if it did."""

    name: str
    human: HumanMotion
    bvh: Path | None


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--samples", type=Path, help="folder of public samples")
    parser.add_argument("--synthetic", action="store_true", help="clips made by understudy.simulate")
    parser.add_argument("--robot", nargs="+", default=["unitree_g1"], help="names or robot files")
    parser.add_argument("--fast", action="store_true", help="as `--fast` of the commands does it")
    parser.add_argument("--only", default="", help="clips whose name contains this")
    parser.add_argument("--yardstick", type=Path)
    parser.add_argument("--yardstick-h1", help="model file of the H1 that the yardstick is to load")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()
    rows = []
    for name in args.robot:
        robot = load_robot(name)
        for clip in clips(args):
            rows.append(measure(clip, robot, args))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if args.markdown:
        args.markdown.write_text(table(rows) + "\n", encoding="utf-8")
    print(f"{sum(not row['misses'] for row in rows)} of {len(rows)} rows keep every bar")


def clips(args: argparse.Namespace) -> Iterator[Clip]:
    """The clips asked for."""
    paths = [(path.stem, path) for path in args.clips]
    if args.samples:
        paths += [(name, args.samples / path) for name, path in SAMPLES]
    for name, path in paths:
        if args.only in name:
            human, _said = without_reference_pose(read_motion(path))
            yield Clip(name, human, path if path.suffix == ".bvh" else None)
    if args.synthetic:
        from understudy.simulate.moves import MOVES

        yield from (Clip(name, make(), None) for name, make in MOVES.items() if args.only in name)


def measure(clip: Clip, robot: RobotModel, args: argparse.Namespace) -> dict[str, Any]:
    """One row: figures, bars, and what misses."""
    given = conditions(clip.name, clip.human, make_problem(robot))
    result = retarget(clip.human, robot, settings=Settings(fast=args.fast))
    figures: dict[str, Any] = own_figures(clip.human, result.motion, robot)
    if args.yardstick and robot.name in SHORT_NAME:
        model = args.yardstick_h1 if robot.name == "unitree_h1" else None
        figures |= judged(args.yardstick, model, robot, clip.human, clip.bvh, result.motion)
        figures["jerk_ratio"] = jerk_ratio(clip.human, result.motion, robot)
    asked = [bar for bar in bars(robot.name, given) if figures.get(bar.figure) is not None]
    return {
        "clip": clip.name,
        "robot": robot.name,
        "frames": len(clip.human),
        "rate_hz": round(clip.human.rate_hz, 2),
        "figures": {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()},
        "conditions": asdict(given),
        "bars": {bar.figure: {"limit": round(bar.limit, 4), "least": bar.least, "why": bar.why} for bar in asked},
        "misses": [bar.figure for bar in asked if not bar.kept(figures[bar.figure])],
        "infeasible_pct": round(100.0 * float(result.infeasible.mean()), 3),
        "warnings": list(result.warnings),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a value that misses its bar is bold, with the bar behind it."""
    shown = [column for column in COLUMNS if any(column[0] in row["figures"] for row in rows)]
    lines = ["| clip | robot | frames | " + " | ".join(head for _, head, _ in shown) + " |", "|---" * (len(shown) + 3) + "|"]
    for row in rows:
        cells = [row["clip"], row["robot"].removeprefix("unitree_"), str(row["frames"])]
        for name, _head, written in shown:
            value = row["figures"].get(name)
            text = "-" if value is None else written(value)
            if name in row["misses"]:
                text = f"**{text}** ({row['bars'][name]['limit']:.3g})"
            cells.append(text)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
