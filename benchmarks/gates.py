"""Time of all gates and scores: `python benchmarks/gates.py [--robot NAME] [--no-images] [--scale N] [--json FILE]`.

One minute of a 29-joint robot as it is recorded: 16 streams and more, joints at 120 Hz, inertial and force sensors at 200 Hz,
with and without two cameras of 640x480 at 30 Hz, whose images are decoded. Bars: 0.2 s without images (stretch 0.05 s), 2 s with
them. Where other work runs on the machine, look at the processor time.

`--scale N` writes N such episodes without images into a dataset and has two workers check it; what 10 000 would take is
extrapolated from that.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from gates_scale import scale

from understudy import plugins
from understudy.kinematics.load import load_robot
from understudy.quality.skip import NotApplicable
from understudy.quality.thresholds import merged
from understudy.quality.verdict import judge, load_gates, run_gate
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Skipped
from understudy.spec.protocols import GateContext, Score
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema
from understudy.spec.stream import Stream
from understudy.testing.episodes import make_episode, with_stream, with_wrench
from understudy.testing.motions import stamps

BAR_S, STRETCH_S, BAR_WITH_IMAGES_S = 0.2, 0.05, 2.0
PEERS = {"a": 55.0, "b": 60.0, "c": 70.0}
WRENCHES = tuple(f"observations/wrench_{side}_{place}" for place in ("ankle", "wrist") for side in ("left", "right"))
CAMERAS = ("observations/head_left", "observations/head_right")
TARGET = "actions/joint_position_target"
IMAGES = 90
"""Different pictures; a camera shows them over and over."""


def episode_of_a_minute(robot: RobotModel, schema: Schema, *, seconds: float = 60.0, seed: int = 0) -> Episode:
    """A standing, swaying robot with every kind of stream that gates look at, so that each has work; without images."""
    episode = make_episode(robot, duration_s=seconds, schema=schema, seed=seed)
    for key in WRENCHES:
        episode = with_wrench(episode, schema, key, seed=seed)
    rng = np.random.default_rng(seed)
    t_ns = stamps(seconds, 200.0)
    for part in ("pelvis", "torso", "head"):
        imu = rng.normal(0.0, 0.01, (len(t_ns), 10)) + np.array([1.0, 0, 0, 0, 0, 0, 0, 0, 0, 9.81])
        imu[:, :4] /= np.linalg.norm(imu[:, :4], axis=1, keepdims=True)
        episode = with_stream(episode, Stream(schema.stream(f"observations/imu_{part}"), t_ns, imu))
    t_ns = stamps(seconds, 100.0)
    jaws = 0.5 + 0.4 * np.sin(0.5 * t_ns[:, None] * 1e-9 + np.array([0.0, 1.0]))
    episode = with_stream(episode, Stream(schema.stream("observations/gripper"), t_ns, jaws))
    told = episode.stream(TARGET)
    return with_stream(episode, replace(told, values=episode.data(TARGET) + rng.normal(0.0, 1e-4, told.data.shape), derived=""))


def with_cameras(episode: Episode, schema: Schema) -> Episode:
    """The episode with two cameras of 640x480 at 30 Hz, JPEGs of about 30 kB."""
    import simplejpeg

    rng = np.random.default_rng(0)
    smooth = rng.integers(0, 255, (IMAGES, 61, 81, 3)).astype(np.uint8)
    kept = [simplejpeg.encode_jpeg(np.ascontiguousarray(s.repeat(8, 0).repeat(8, 1)[:480, :640]), quality=90) for s in smooth]
    t_ns = stamps(episode.duration_s, 30.0)
    for key in CAMERAS:
        images = np.empty(len(t_ns), dtype=object)
        images[:] = [kept[i % IMAGES] for i in range(len(t_ns))]
        episode = with_stream(episode, Stream(schema.stream(key), t_ns, images))
    return episode


def measure(robot: RobotModel, *, repeats: int = 9, seconds: float = 60.0, images: bool = True) -> dict[str, object]:
    """Seconds of the whole set with and without images, and of each gate and score with the posture already made."""
    schema = default_schema(robot, "benchmark")
    episode = episode_of_a_minute(robot, schema, seconds=seconds)
    notes = judge(episode, robot, schema, peers=PEERS)  # compiles
    whole = _times(lambda: judge(replace(episode), robot, schema, peers=PEERS), repeats)
    found: dict[str, object] = {
        "what": "all gates and scores, one episode",
        "robot": robot.name,
        "dof": robot.dof,
        "episode_s": seconds,
        "frames": len(episode.stream("observations/joint_positions")),
        "streams": len(episode.streams),
        "verdict": notes.verdict,
        "findings": [f.message for f in notes.findings],
        "skipped": [s.name for s in notes.skipped],
        **whole,
        "processor_seconds_each": _each(episode, robot, schema, repeats),
        "bar_s": BAR_S,
        "stretch_s": STRETCH_S,
        "reached": _reached(whole["seconds"]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    if images:
        seeing = with_cameras(episode, schema)
        judge(seeing, robot, schema, peers=PEERS)
        times = _times(lambda: judge(replace(seeing), robot, schema, peers=PEERS), max(3, repeats // 3))
        size = sum(len(seeing.stream(key)) for key in CAMERAS)
        found["with_images"] = {"images": size, **times, "bar_s": BAR_WITH_IMAGES_S}
    return found


def _each(episode: Episode, robot: RobotModel, schema: Schema, repeats: int) -> dict[str, float]:
    """Least processor time of each gate and score, what they share made before, seconds."""
    parts: dict[str, float] = {}
    for name, gate in load_gates().items():
        context = GateContext(robot, schema, merged(name, gate, schema, ""), PEERS)
        skipped: list[Skipped] = []
        parts[name] = _least(partial(run_gate, name, gate, episode, context, skipped), repeats)
    for name in plugins.names("scores"):
        score = cast(Score, plugins.load("scores", name))
        parts[name] = _least(partial(_rate, score, episode, GateContext(robot, schema, {}, PEERS)), repeats)
    return parts


def _reached(seconds: float) -> str:
    return "stretch" if seconds <= STRETCH_S else "bar" if seconds <= BAR_S else "neither"


def _rate(score: Score, episode: Episode, context: GateContext) -> None:
    try:
        score.rate(episode, context)
    except NotApplicable:
        return


def _times(work: Callable[[], object], repeats: int) -> dict[str, float]:
    """Median and least time by the clock, and the least processor time, seconds."""
    clock, processor = [], []
    for _ in range(repeats):
        start, used = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return {"seconds": statistics.median(clock), "seconds_best": min(clock), "processor_seconds_best": min(processor)}


def _least(work: Callable[[], object], repeats: int) -> float:
    return _times(work, repeats)["processor_seconds_best"]


def main() -> None:
    """Print the figures, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robot", default="unitree_g1")
    parser.add_argument("--no-images", action="store_true")
    parser.add_argument("--scale", type=int, default=0, metavar="N", help="also check a dataset of N episodes with two workers")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    robot = load_robot(args.robot)
    result = measure(robot, images=not args.no_images)
    if args.scale:
        result["scale"] = scale(robot, episode_of_a_minute, args.scale)
    text = json.dumps(result, indent=2)
    print(text)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
