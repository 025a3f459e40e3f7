"""Run inside the lerobot environment: write a small dataset with lerobot's own writer and dump the types it used.

python write_lerobot.py ROOT OUT.json
"""

from __future__ import annotations

import json
import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import pyarrow.parquet as pq
from lerobot.datasets.lerobot_dataset import LeRobotDataset  # type: ignore[import-not-found]

FEATURES = {
    "observation.state": {"dtype": "float32", "shape": (3,), "names": ["a", "b", "c"]},
    "action": {"dtype": "float32", "shape": (3,), "names": ["a", "b", "c"]},
    "observation.one": {"dtype": "float32", "shape": (1,), "names": ["x"]},
    "observation.images.head_left": {"dtype": "video", "shape": (48, 64, 3), "names": ["height", "width", "channels"]},
}


def main() -> None:
    """Write two episodes; print the schema of every parquet file and info.json."""
    root, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    dataset = LeRobotDataset.create("understudy/reference", 50, FEATURES, root=root, use_videos=True, vcodec="h264")
    for episode in range(2):
        for k in range(5):
            dataset.add_frame(
                {
                    "observation.state": np.full(3, k, np.float32),
                    "action": np.full(3, k, np.float32),
                    "observation.one": np.array([k], np.float32),
                    "observation.images.head_left": np.full((48, 64, 3), 40 * k, np.uint8),
                    "task": f"task {episode}",
                }
            )
        dataset.save_episode()
    dataset.finalize()
    types = {
        p.relative_to(root).as_posix(): {f.name: str(f.type) for f in pq.read_schema(p)} for p in sorted(root.rglob("*.parquet"))
    }
    out.write_text(json.dumps({"types": types, "info": json.loads((root / "meta/info.json").read_text())}))


main()
