"""Run inside the lerobot environment: read a dataset with LeRobotDataset and dump what it gives into the new folder OUT.

    python read_lerobot.py ROOT OUT [--chunk 16]

Needs nothing of Understudy. Every frame is asked for by index, as a training loop does.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset  # type: ignore[import-not-found]


def main() -> None:
    """Dump every frame, the metadata and, with --chunk, the action chunks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("out")
    parser.add_argument("--chunk", type=int, default=0)
    args = parser.parse_args()
    first = LeRobotDataset("understudy/interop", root=args.root)
    deltas = {"action": [k / first.fps for k in range(args.chunk)]} if args.chunk else None
    dataset = LeRobotDataset("understudy/interop", root=args.root, delta_timestamps=deltas)
    columns: dict[str, list[np.ndarray]] = {}
    tasks = []
    for index in range(len(dataset)):
        item = dataset[index]
        tasks.append(item.pop("task"))
        for name, value in item.items():
            columns.setdefault(name, []).append(np.asarray(value))
    meta = {
        "fps": dataset.fps,
        "episodes": dataset.meta.total_episodes,
        "frames": len(dataset),
        "tasks": tasks,
        "task_table": {str(text): int(i) for text, i in dataset.meta.tasks["task_index"].items()},
        "names": {k: f["names"] for k, f in dataset.features.items()},
        "robot": dataset.meta.robot_type,
        "from": [int(e["dataset_from_index"]) for e in dataset.meta.episodes],
        "to": [int(e["dataset_to_index"]) for e in dataset.meta.episodes],
        "stats": {k: {s: v.tolist() for s, v in stats.items()} for k, stats in dataset.meta.stats.items()},
    }
    out = pathlib.Path(args.out)
    out.mkdir()
    (out / "meta.json").write_text(json.dumps(meta))
    for name, values in columns.items():
        np.save(out / f"{name}.npy", np.stack(values))


main()
