"""Frames per second of writing LeRobot v3: our writer against lerobot's own, on the same frames, in one run.

    python benchmarks/export_lerobot.py [--episodes 4] [--frames 300] [--size 224] [--json FILE]

lerobot runs in its own environment (`make env-lerobot`; ENV_LEROBOT names another place); without it only our figures are
printed. lerobot is handed finished arrays, our writer JPEGs that it decodes first. Same encoder settings: H.264 medium,
crf 30, a key frame every 2 frames. Seconds of processor time are the fair figure on a machine that does other things too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

FPS, DIM = 30, 29


def images(seed: int, frames: int, size: int) -> Any:
    """(frames, size, size, 3) moving gradients with two bits of noise."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    for k in range(frames):
        base = np.stack([(x + 2 * k) % 256, (y + k) % 256, (x + y + 3 * k) % 256], axis=2)
        yield (base + rng.integers(0, 4, base.shape)).clip(0, 255).astype(np.uint8)


class Clock:
    """Wall and processor seconds of a block, children included."""

    def __enter__(self) -> Clock:
        self._wall, self._cpu = time.perf_counter(), _cpu_s()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s, self.cpu_s = time.perf_counter() - self._wall, _cpu_s() - self._cpu


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def official(args: argparse.Namespace) -> None:
    """lerobot's own writer, in lerobot's environment: prints its seconds as JSON."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    names = [f"j{i}" for i in range(DIM)]
    features = {
        "observation.state": {"dtype": "float32", "shape": (DIM,), "names": names},
        "action": {"dtype": "float32", "shape": (DIM,), "names": names},
        "observation.images.head_left": {
            "dtype": "video",
            "shape": (args.size, args.size, 3),
            "names": ["height", "width", "channels"],
        },
    }
    takes = [list(images(e, args.frames, args.size)) for e in range(args.episodes)]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "out"
        with Clock() as clock:
            dataset = LeRobotDataset.create("b/b", FPS, features, root=root, use_videos=True, vcodec="h264")
            for take in takes:
                for k, image in enumerate(take):
                    value = np.full(DIM, np.sin(k / 20), np.float32)
                    frame = {"observation.state": value, "action": value, "observation.images.head_left": image, "task": "t"}
                    dataset.add_frame(frame)
                dataset.save_episode()
            dataset.finalize()
        size = sum(p.stat().st_size for p in root.rglob("*") if p.is_file())
    print(json.dumps({"wall_s": clock.wall_s, "cpu_s": clock.cpu_s, "bytes": size}))


def ours(args: argparse.Namespace, preset: str, crf: int) -> dict[str, float]:
    """Our writer on the same frames."""
    import simplejpeg

    from understudy.export._video import VideoSettings
    from understudy.export.lerobot import LeRobotExporter
    from understudy.spec.default_schema import default_schema
    from understudy.spec.episode import Episode, even_timeline
    from understudy.spec.protocols import ExportOptions
    from understudy.spec.stream import Stream
    from understudy.testing.stand_in import stand_in_robot

    robot = stand_in_robot()
    schema = default_schema(robot, "benchmark").model_copy(update={"control_rate_hz": float(FPS)})
    t_ns = even_timeline(0, round((args.frames - 1) / FPS * 1e9) + 1, FPS)
    joints = np.sin(np.arange(args.frames) / 20)[:, None].repeat(DIM, axis=1)
    episodes = []
    for seed in range(args.episodes):
        jpegs = np.empty(args.frames, dtype=object)
        jpegs[:] = [simplejpeg.encode_jpeg(i, quality=95) for i in images(seed, args.frames, args.size)]
        streams = {
            key: Stream(schema.stream(key), t_ns, values)
            for key, values in (
                ("observations/joint_positions", joints),
                ("actions/joint_position_target", joints),
                ("observations/head_left", jpegs),
            )
        }
        episodes.append(
            Episode(f"e{seed}", robot.name, robot.model_sha256, robot.joint_names, t_ns, streams, {"task_id": "t"}, "")
        )
    exporter = LeRobotExporter(video=VideoSettings(preset=preset, crf=crf))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        with Clock() as clock:
            exporter.export(episodes, out, robot=robot, schema=schema, options=ExportOptions(), progress=lambda done, total: None)
        size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    return {"wall_s": clock.wall_s, "cpu_s": clock.cpu_s, "bytes": size}


def _official_in_its_place(args: argparse.Namespace) -> dict[str, float] | None:
    python = Path(os.environ.get("ENV_LEROBOT", ".venv-lerobot")) / "bin" / "python"
    if not python.exists():
        print(f"no lerobot environment at {python.parents[1]}: `make env-lerobot` makes it", file=sys.stderr)
        return None
    sizes = ["--episodes", str(args.episodes), "--frames", str(args.frames), "--size", str(args.size)]
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([python, __file__, "--official", *sizes], capture_output=True, text=True, env=env, check=True)
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def main() -> None:
    """Run both and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=4)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--official", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.official:
        official(args)
        return
    runs: dict[str, dict[str, float] | None] = {
        "ours, same settings (medium, crf 30)": ours(args, "medium", 30),
        "ours, as shipped (veryfast, crf 23)": ours(args, "veryfast", 23),
        "lerobot 0.4.4 (medium, crf 30)": _official_in_its_place(args),
    }
    total = args.episodes * args.frames
    peer = runs["lerobot 0.4.4 (medium, crf 30)"]
    report: dict[str, Any] = {"episodes": args.episodes, "frames": total, "size": args.size, "runs": {}}
    for name, run in runs.items():
        if run is None:
            continue
        row = {"frames_per_s": total / run["wall_s"], "frames_per_cpu_s": total / run["cpu_s"], "bytes": run["bytes"]}
        if peer is not None:
            row["times_lerobot_cpu"] = peer["cpu_s"] / run["cpu_s"]
            row["times_lerobot_wall"] = peer["wall_s"] / run["wall_s"]
        report["runs"][name] = row
        print(f"{name:40} " + "  ".join(f"{k} {v:,.1f}" for k, v in row.items()))
    if args.json:
        args.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
