"""How often the segments are right: `python benchmarks/segments.py [--robot NAME] [--people N] [--json FILE]`.

People who stand, walk, turn and use their hands by a script (`understudy.testing.segments`) are retargeted, and the rule's
segments held against what the script says. The people are others than those that the thresholds were chosen with (0 to 129).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.kinematics.load import load_robot
from understudy.pipeline.segment import split_episode, timeline_span
from understudy.retarget.retarget import retarget
from understudy.segment.rule import LABELS
from understudy.spec.robot import RobotModel
from understudy.testing.episodes import episode_of_motion
from understudy.testing.segments import Stretch, scripted_person

FIRST, STEP_NS = 200, 20_000_000


def measure(robot: RobotModel, *, people: int) -> dict[str, object]:
    """Accuracy per step, errors of the boundaries, and CPU time of the splitting."""
    confusion = np.zeros((len(LABELS), len(LABELS)), dtype=np.int64)
    accuracy, errors, cpu_s, minutes = [], [], 0.0, 0.0
    made = missed = 0
    for seed in range(FIRST, FIRST + people):
        motion, truth = scripted_person(seed)
        episode = episode_of_motion(robot, retarget(motion, robot).motion, episode_id=f"person_{seed:08x}")
        if seed == FIRST:
            split_episode(episode, robot)  # compiles
        began_s = time.process_time()
        found = split_episode(episode, robot)
        cpu_s += time.process_time() - began_s
        start_ns, end_ns = timeline_span(episode)
        minutes += (end_ns - start_ns) * 1e-9 / 60.0
        t_ns = np.arange(start_ns, end_ns, STEP_NS)
        said = np.array([LABELS.index(next(s.label for s in found if s.start_ns <= t < s.end_ns)) for t in t_ns])
        true = _labels(truth, np.asarray(t_ns * 1e-9, dtype=np.float64))
        np.add.at(confusion, (true, said), 1)
        accuracy.append(float((true == said).mean()))
        starts_s = np.array([s.start_ns * 1e-9 for s in found[1:]])
        wanted_s = np.array([s.start_s for s in truth[1:]])
        off = [float(np.abs(starts_s - t).min()) for t in wanted_s]
        errors += off
        missed += sum(e > 0.5 for e in off)
        made += sum(float(np.abs(wanted_s - t).min()) > 0.5 for t in starts_s)
    return {
        "robot": robot.name,
        "people": people,
        "minutes": round(minutes, 1),
        "accuracy": round(float(np.trace(confusion) / confusion.sum()), 4),
        "accuracy_worst_person": round(min(accuracy), 4),
        "recall": {name: round(float(confusion[i, i] / max(confusion[i].sum(), 1)), 4) for i, name in enumerate(LABELS)},
        "precision": {name: round(float(confusion[i, i] / max(confusion[:, i].sum(), 1)), 4) for i, name in enumerate(LABELS)},
        "boundaries": len(errors),
        "boundary_error_s": {f"p{q}": round(float(np.percentile(errors, q)), 3) for q in (50, 90, 95)},
        "boundaries_missed_by_half_a_second": missed,
        "boundaries_too_many": made,
        "cpu_ms_per_minute": round(1e3 * cpu_s / minutes, 1),
    }


def _labels(truth: tuple[Stretch, ...], t_s: F64) -> I64:
    edges = np.array([s.start_s for s in truth])
    at = np.clip(np.searchsorted(edges, t_s, side="right") - 1, 0, len(truth) - 1)
    return np.array([LABELS.index(s.label) for s in truth])[at]


def main() -> None:
    """Print the figures, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robot", default="unitree_g1")
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    text = json.dumps(measure(load_robot(args.robot), people=args.people), indent=2)
    print(text)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
