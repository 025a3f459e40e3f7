"""The main job on one clip: `make demo` on a motion of the project's own walker, `make demo CLIP=path.bvh` on a real one."""

from __future__ import annotations

import argparse
from pathlib import Path

from understudy.apps.cli._main import main as understudy


def main() -> int:
    """Make the clip where none is given, then build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--robot", default="unitree_g1")
    parser.add_argument("--into", type=Path, default=Path("demo"))
    args = parser.parse_args()
    labels = ["--instruction", "follow the motion"]
    clip = args.clip
    if clip is None:
        clip = args.into / "walk_turn_squat_reach_carry.bvh"
        synthetic_clip(clip)
        labels = ["--task", "whole_body", "--demonstrator", "walker", "--instruction", "walk, turn, squat, reach and carry"]
    dataset = args.into / (f"dataset_{args.robot}" if args.clip is None else f"{clip.stem}_{args.robot}")
    target = ["--robot", args.robot, "--into", str(dataset), "--export", "lerobot"]
    code = understudy(["build", str(clip), *target, *labels])
    print(f"look at it:  open {dataset / 'reports' / 'report.html'}")
    return code


def synthetic_clip(path: Path) -> None:
    """Write the walker's motion as a BVH file, labelled synthetic; kept where it is there already."""
    if path.exists():
        return
    from understudy.simulate.walker import parametric_motion, write_bvh

    path.parent.mkdir(parents=True, exist_ok=True)
    write_bvh(parametric_motion(), path)


if __name__ == "__main__":
    raise SystemExit(main())
