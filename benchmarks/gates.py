"""Time of all gates and scores on one minute of episode: `python benchmarks/gates.py [--robot NAME] [--json FILE]`.

Bar 0.2 s, stretch 0.05 s for one minute of a 29-joint robot at 120 Hz, on one core, compiled kernels warm.
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
from understudy.testing.episodes import make_episode, with_wrench

BAR_S, STRETCH_S = 0.2, 0.05
PEERS = {"a": 55.0, "b": 60.0, "c": 70.0}
WRENCHES = tuple(f"observations/wrench_{side}_{place}" for place in ("ankle", "wrist") for side in ("left", "right"))


def episode_of_a_minute(robot: RobotModel, schema: Schema, *, seconds: float = 60.0) -> Episode:
    """A standing, swaying robot at 120 Hz with four wrench streams at 200 Hz, so that every gate has work."""
    episode = make_episode(robot, duration_s=seconds, schema=schema)
    for key in WRENCHES:
        episode = with_wrench(episode, schema, key)
    return episode


def measure(robot: RobotModel, *, repeats: int = 9, seconds: float = 60.0) -> dict[str, object]:
    """Median seconds of the whole set, and of each gate and score with the posture already made."""
    schema = default_schema(robot, "benchmark")
    episode = episode_of_a_minute(robot, schema, seconds=seconds)
    notes = judge(episode, robot, schema, peers=PEERS)  # compiles
    whole = [_seconds(partial(judge, replace(episode), robot, schema, peers=PEERS)) for _ in range(repeats)]
    parts: dict[str, float] = {}
    for name, gate in load_gates().items():
        context = GateContext(robot, schema, merged(name, gate, schema, ""))
        skipped: list[Skipped] = []
        parts[name] = _median(partial(run_gate, name, gate, episode, context, skipped), repeats)
    for name in (s.name for s in notes.scores):
        score = cast(Score, plugins.load("scores", name))
        parts[name] = _median(partial(_rate, score, episode, GateContext(robot, schema, {}, PEERS)), repeats)
    total_s = statistics.median(whole)
    return {
        "what": "all gates and scores, one episode",
        "robot": robot.name,
        "dof": robot.dof,
        "episode_s": seconds,
        "frames": len(episode.stream("observations/joint_positions")),
        "verdict": notes.verdict,
        "skipped": [s.name for s in notes.skipped],
        "seconds": total_s,
        "seconds_best": min(whole),
        "seconds_each": parts,
        "bar_s": BAR_S,
        "stretch_s": STRETCH_S,
        "reached": "stretch" if total_s <= STRETCH_S else "bar" if total_s <= BAR_S else "neither",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def _rate(score: Score, episode: Episode, context: GateContext) -> None:
    try:
        score.rate(episode, context)
    except NotApplicable as why:
        raise SystemExit(f"the benchmark's episode must be ratable: {why}") from None


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _median(work: Callable[[], object], repeats: int) -> float:
    return statistics.median(_seconds(work) for _ in range(repeats))


def main() -> None:
    """Print the figures, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robot", default="unitree_g1")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result = measure(load_robot(args.robot))
    text = json.dumps(result, indent=2)
    print(text)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
