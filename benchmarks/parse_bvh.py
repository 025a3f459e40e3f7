"""Numbers per second of the BVH reader against NumPy's own ways, in one run on one core.

    python benchmarks/parse_bvh.py [CLIP.bvh] [--json out.json]

Without a clip it writes a synthetic one of about 20 000 frames.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from understudy.mocap._bvh_numbers import read_numbers
from understudy.mocap.read import read_motion
from understudy.simulate.walker import walk, write_bvh

REPEATS = 5


def best_s(work: Callable[[], object]) -> float:
    """Shortest time of several runs, seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(path: Path) -> dict[str, object]:
    """Values per second of each way to read the motion block of `path`, and frames per second of the whole reader."""
    start = time.perf_counter()
    frames = len(read_motion(path))
    first_s = time.perf_counter() - start
    data = path.read_bytes()
    at = data.index(b"\n", data.upper().index(b"FRAME TIME"))
    text = np.frombuffer(data, dtype=np.uint8)[at:]
    reference = np.array(data[at:].split(), dtype=np.float64)
    out = np.empty(len(reference))
    found, bad_at = read_numbers(text, out)
    if bad_at >= 0 or found != len(reference) or not np.array_equal(out, reference):
        sys.exit(f"{path}: the reader and NumPy read different numbers")
    ours = len(out) / best_s(lambda: read_numbers(text, out))
    split = len(out) / best_s(lambda: np.array(data[at:].split(), dtype=np.float64))
    fromstring = len(out) / best_s(lambda: np.fromstring(data[at:], dtype=np.float64, sep=" "))
    return {
        "clip": path.name,
        "frames": frames,
        "values": len(out),
        "understudy_values_per_s": ours,
        "numpy_split_values_per_s": split,
        "numpy_fromstring_values_per_s": fromstring,
        "ratio_to_split": ours / split,
        "whole_reader_frames_per_s": frames / best_s(lambda: read_motion(path)),
        "first_read_s": first_s,
        "bar_values_per_s": 7e6,
        "reached": ours >= 7e6,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }


def main() -> int:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = given.clip
        if clip is None:
            clip = Path(folder) / "walk.bvh"
            write_bvh(walk(167.0), clip)
        result = measure(clip)
    for key, value in result.items():
        print(f"{key:32} {value:.4g}" if isinstance(value, float) else f"{key:32} {value}")
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if result["reached"] else 1


if __name__ == "__main__":
    sys.exit(main())
