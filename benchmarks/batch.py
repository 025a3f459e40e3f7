"""A batch of clips, file to episode: `python benchmarks/batch.py CLIP... [--fast] [--workers 2] [--robot NAME] [--peer COMMAND]`.

Clips are given to the pipeline's own retarget step and process engine, each under several names until there are `--frames` of
them, as a lab's session would be: read, retargeted, checked against the schema and written as HDF5 episodes. Reported are source
frames per second of the whole batch, the start of the workers in it (`frames_per_s`) and without it (by the time that the
clips themselves took), and how one worker's time splits.

With --peer COMMAND, a shell command in which {clip} and {robot} stand for the file and the robot, another retargeter is run on
the same clips in the same run, as many at a time as there are workers; it is to exit 0 and its own time counts as a whole.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from understudy.kinematics.load import load_robot
from understudy.pipeline import retarget as step_module
from understudy.pipeline.build import open_or_create, retarget_clips
from understudy.pipeline.labels import label_clips
from understudy.pipeline.retarget import RetargetOptions
from understudy.spec.robot import RobotModel


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--robot", default="unitree_g1")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--frames", type=int, default=40_000, help="least number of source frames in the batch")
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--peer")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    robot = load_robot(args.robot)
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(args, robot, Path(scratch))
    print(json.dumps(found, indent=1))
    if args.out:
        args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measure(args: argparse.Namespace, robot: RobotModel, scratch: Path) -> dict[str, Any]:
    """The batch with the process engine, then its first clips by one worker for the split of time."""
    options = RetargetOptions(fast=args.fast)
    run(args.clips, robot, scratch / "warm", options, workers=1)  # compiled code is on the disk from here on
    once = copied(args.clips, scratch / "once", 1)
    frames_once = sum(run(once, robot, scratch / "count", options, workers=1)["frames"])
    copies = copied(args.clips, scratch / "clips", -(-args.frames // frames_once))
    batch = run(copies, robot, scratch / "batch", options, workers=args.workers)
    found: dict[str, Any] = {
        "robot": robot.name,
        "mode": "fast" if args.fast else "accurate",
        "workers": args.workers,
        "clips": len(copies),
        "frames": sum(batch["frames"]),
        "wall_s": round(batch["wall_s"], 3),
        "frames_per_s": round(sum(batch["frames"]) / batch["wall_s"], 1),
        "frames_per_s_after_start": round(sum(batch["frames"]) * args.workers / sum(batch["seconds"]), 1),
        "one_worker": split(once, robot, scratch / "split", options),
    }
    if args.peer:
        found["peer"] = peer(args.peer, args.clips, robot.name, args.workers, frames_once)
        found["ratio_to_peer"] = round(found["frames_per_s"] / found["peer"]["frames_per_s"], 2)
    return found


def copied(clips: list[Path], folder: Path, times: int) -> list[Path]:
    """Every clip under `times` names; one that is given twice is two clips."""
    folder.mkdir()
    out = []
    for number, clip in enumerate(clips):
        for i in range(times):
            target = folder / f"{clip.stem}_{number}_{i}{clip.suffix}"
            shutil.copyfile(clip, target)
            out.append(target)
    return out


def run(clips: list[Path], robot: RobotModel, root: Path, options: RetargetOptions, *, workers: int) -> dict[str, Any]:
    """Retarget clips into a new dataset; frames and seconds of each, and the wall time of all."""
    dataset = open_or_create(root, robot)
    start = time.perf_counter()
    results = retarget_clips(label_clips(clips), dataset, robot, options, workers=workers, stage=unseen)
    wall_s = time.perf_counter() - start
    for result in results:
        if not result.ok:
            raise SystemExit(f"{result.task.name}: {result.error}")
    return {"wall_s": wall_s, "frames": [r.summary["frames"] for r in results], "seconds": [r.seconds for r in results]}


@contextmanager
def unseen(name: str) -> Iterator[Callable[[int, int], None]]:
    """The progress of a stage, shown to nobody."""
    del name
    yield lambda done, total: None


def split(clips: list[Path], robot: RobotModel, root: Path, options: RetargetOptions) -> dict[str, float]:
    """Microseconds per source frame of one worker: reading, retargeting, and the episode's making and writing."""
    spent: dict[str, float] = {}
    with timed(spent, "_prepared", "read"), timed(spent, "retarget", "retarget"):
        done = run(clips, robot, root, options, workers=1)
    frames, seconds = sum(done["frames"]), sum(done["seconds"])
    spent["episode"] = seconds - sum(spent.values())
    return {
        "frames_per_s": round(frames / seconds, 1),
        **{f"{what}_us": round(1e6 * value / frames, 1) for what, value in spent.items()},
    }


@contextmanager
def timed(spent: dict[str, float], name: str, what: str) -> Iterator[None]:
    """Add to `spent[what]` the time in the retarget step's function `name`."""
    inner: Callable[..., Any] = getattr(step_module, name)

    def outer(*given: Any, **named: Any) -> Any:
        start = time.perf_counter()
        out = inner(*given, **named)
        spent[what] = spent.get(what, 0.0) + time.perf_counter() - start
        return out

    setattr(step_module, name, outer)
    try:
        yield
    finally:
        setattr(step_module, name, inner)


def peer(command: str, clips: list[Path], robot: str, workers: int, frames: int) -> dict[str, float]:
    """Another program on the same clips, `workers` at a time."""

    def once(clip: Path) -> None:
        words = [word.format(clip=clip.resolve(), robot=robot) for word in shlex.split(command)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)

    start = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(once, clips))
    wall_s = time.perf_counter() - start
    return {"frames": frames, "wall_s": round(wall_s, 3), "frames_per_s": round(frames / wall_s, 1)}


if __name__ == "__main__":
    main()
