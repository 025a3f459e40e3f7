"""What the scores depend on, and how long they take: `python benchmarks/scores.py [--robot NAME] [--qualities N] [--json FILE]`.

Episodes whose quality is drawn apart from their length (`understudy.testing.qualities`): how the combined score and every
component go with the length, and with what made the episode good or bad. Then CPU time over one minute of motion at 120 Hz
with wrenches and grippers: every score, and contacts, centre of mass, support and segments.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from understudy import plugins
from understudy.geom.arrays import F64
from understudy.kinematics.load import load_robot
from understudy.pipeline.segment import split_episode
from understudy.quality.in_task import rated, references
from understudy.quality.posture import posture
from understudy.segment.signals import body_signals
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Facts, Notes
from understudy.spec.protocols import GateContext, Score
from understudy.spec.robot import RobotModel
from understudy.spec.stream import Stream
from understudy.testing.episodes import make_episode, with_stream, with_wrench
from understudy.testing.motions import stamps
from understudy.testing.qualities import LENGTHS_S, quality_episodes

SCORES = ("balance", "retarget_fidelity", "smoothness")
CAUSES = ("tremor_rad", "lean_rad", "off_m")


def dependence(robot: RobotModel, *, qualities: int, seed: int = 11) -> dict[str, object]:
    """Rank correlations over `qualities` times four episodes of one task."""
    context = GateContext(robot, default_schema(robot, "benchmark"), {}, {})
    notes, made = [], []
    for quality, episode in quality_episodes(robot, qualities, seed=seed):
        scores = tuple(_score(name).rate(episode, context) for name in SCORES)
        notes.append(
            Notes(episode=episode.id, verdict="accepted", scores=scores, facts=Facts(facts=Facts(duration_s=episode.duration_s)))
        )
        made.append(quality)
    usual = references(notes)
    notes = [rated(n, usual) for n in notes]
    lengths_s = np.array([n.facts.duration_s for n in notes], dtype=np.float64)
    ratings = np.array([n.quality_rating for n in notes], dtype=np.float64)
    parts: dict[str, dict[str, float]] = {}
    for key in usual:
        score, name = key.split(".", 1)
        raw = np.array([c.raw for n in notes for s in n.scores if s.name == score for c in s.components if c.name == name])
        if raw.std() > 0.0 and len(raw) == len(notes):
            causes = {cause: _ranked(raw, np.array([getattr(q, cause) for q in made])) for cause in CAUSES}
            parts[key] = {"length": _ranked(raw, lengths_s), **causes}
    return {
        "episodes": len(notes),
        "lengths_s": list(LENGTHS_S),
        "rating_with_length_pearson": round(float(np.corrcoef(ratings, lengths_s)[0, 1]), 3),
        "rating_with_length_ranks": _ranked(ratings, lengths_s),
        "rating_p10_p50_p90": [round(float(x), 2) for x in np.percentile(ratings, [10, 50, 90])],
        "components": parts,
    }


def times(robot: RobotModel, *, seconds: float = 60.0, repeats: int = 7) -> dict[str, float]:
    """Median CPU milliseconds of each, once compiled; the posture that gates and scores share is apart."""
    episode = _minute(robot, seconds)
    context = GateContext(robot, default_schema(robot, "benchmark"), {}, {"a": seconds, "b": seconds, "c": seconds})
    out = {"posture": _ms(lambda: posture(_copy(episode), robot).soles, repeats)}
    posture(episode, robot)
    out |= {name: _ms(partial(_score(name).rate, episode, context), repeats) for name in plugins.names("scores")}
    out["contacts_com_support"] = _ms(partial(body_signals, episode, robot), repeats)
    out["segments"] = _ms(partial(split_episode, episode, robot), repeats)
    return out


def _minute(robot: RobotModel, seconds: float) -> Episode:
    schema = default_schema(robot, "benchmark")
    episode = make_episode(robot, duration_s=seconds, schema=schema)
    for place in ("ankle", "wrist"):
        for side in ("left", "right"):
            episode = with_wrench(episode, schema, f"observations/wrench_{side}_{place}")
    t_ns = stamps(seconds, 100.0)
    opening = np.where((t_ns // 4_000_000_000) % 2 == 0, 1.0, 0.4)
    return with_stream(episode, Stream(schema.stream("observations/gripper"), t_ns, np.stack([opening, opening], axis=1)))


def _copy(episode: Episode) -> Episode:
    return episode.with_notes(Notes(episode=episode.id))


def _score(name: str) -> Score:
    return cast(Score, plugins.load("scores", name))


def _ranked(a: F64, b: F64) -> float:
    of_a, of_b = (np.unique(x, return_inverse=True)[1].astype(np.float64) for x in (a, b))
    return round(float(np.corrcoef(of_a, of_b)[0, 1]), 3)


def _ms(work: Callable[[], object], repeats: int) -> float:
    work()
    found = []
    for _ in range(repeats):
        began_s = time.process_time()
        work()
        found.append(1e3 * (time.process_time() - began_s))
    return round(statistics.median(found), 1)


def main() -> None:
    """Print the figures, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robot", default="unitree_g1")
    parser.add_argument("--qualities", type=int, default=60)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    robot = load_robot(args.robot)
    found = {"robot": robot.name, "dependence": dependence(robot, qualities=args.qualities), "cpu_ms_per_minute": times(robot)}
    text = json.dumps(found, indent=2)
    print(text)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
