"""What other checkers say: `python benchmarks/defects_peers.py --work DIR --lerobot-doctor PROGRAM --deepen PROGRAM`.

For every defect a LeRobot export of some clean episodes and as many other ones spoilt, outside the repository, given to the
programs named. `--work` is that of `defects.py`, whose clean episodes are taken. What cannot be exported counts by itself: the
exporter refuses it before a checker could see it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from understudy import plugins
from understudy.errors import UnderstudyError
from understudy.export.lerobot import LeRobotExporter
from understudy.kinematics.load import load_robot
from understudy.quality.skip import NotApplicable
from understudy.spec.defect import Defect
from understudy.spec.episode import Episode
from understudy.spec.protocols import ExportOptions
from understudy.store.dataset import Dataset

WITH_IMAGES = ("stuck_camera", "corrupt_image")
RECORDED_ONLY = ("tracking_error", "force_spike")
DUPLICATE = "duplicate"
REFUSED = "the export refuses"
Checker = Callable[[Path, int], dict[str, set[int]]]
"""Given an export and its number of episodes: what it calls its check to the episodes it finds odd."""


def doctor(program: str) -> Checker:
    """lerobot-doctor: episodes its per-episode check names, and those its score would drop."""

    def run(root: Path, count: int) -> dict[str, set[int]]:
        said = subprocess.run([program, "check", str(root), "--json", "-v"], capture_output=True, text=True, check=False).stdout
        named = {int(number) for number in re.findall(r"Episode (\d+):", said)}
        scored = subprocess.run([program, "score", str(root), "--json"], capture_output=True, text=True, check=False).stdout
        drops = json.loads(scored[scored.index("{") :]).get("recommended_drops", []) if "{" in scored else []
        return {"lerobot-doctor check": named & set(range(count)), "lerobot-doctor score": {int(d) for d in drops}}

    return run


def deepen(program: str) -> Checker:
    """deepen-grade: episodes with a defect, and those with a risk that it fails them for."""

    def run(root: Path, count: int) -> dict[str, set[int]]:
        said = subprocess.run(
            [program, "grade", str(root), "--json", "--quiet"], capture_output=True, text=True, check=False
        ).stdout
        episodes = json.loads(said[said.index("{") :])["episodes"] if "{" in said else []
        checks = [(i, c["claim_type"], c["severity"]) for i, episode in enumerate(episodes) for c in episode["checks"]]
        return {
            "deepen-grade, defects": {i for i, claim, severity in checks if claim == "defect" and severity in ("warn", "fail")},
            "deepen-grade, risks": {i for i, claim, severity in checks if claim == "risk" and severity == "fail"},
        }

    return run


def main() -> None:
    """Export, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--lerobot-doctor")
    parser.add_argument("--deepen")
    parser.add_argument("--episodes", type=int, default=10, help="clean ones per defect; the doctor lists no more than 20")
    parser.add_argument("--only", nargs="*", default=plugins.names("defects"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    checkers = [doctor(args.lerobot_doctor)] if args.lerobot_doctor else []
    checkers += [deepen(args.deepen)] if args.deepen else []
    [root] = sorted(args.work.glob("clean_*"), key=lambda path: path.stat().st_mtime)[-1:]
    dataset = Dataset.open(root)
    rows: dict[str, dict[str, Any]] = {}
    for name in args.only:
        rows[name] = one(name, dataset, checkers, args.episodes)
        sys.stderr.write(table({name: rows[name]}).splitlines()[-1] + "\n")
    sys.stdout.write(table(rows) + "\n")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def one(name: str, dataset: Dataset, checkers: Sequence[Checker], count: int) -> dict[str, Any]:
    """What the checkers say of one defect."""
    pairs = _pairs(name, dataset, count if name == DUPLICATE else 2 * count)
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
        exported, refused = _exportable(pairs, dataset, Path(folder))
        found: dict[str, Any] = {"episodes": count, REFUSED: f"{refused} of {len(pairs)}"}
        if not exported:
            return found
        out, half = Path(folder) / "set", len(exported) if name == DUPLICATE else len(exported) // 2
        spoilt = exported if name == DUPLICATE else exported[half:]  # others than the clean ones: twins look like duplicates
        _export([clean for clean, _ in exported[:half]] + [hurt for _, hurt in spoilt], dataset, out)
        for checker in checkers:
            for what, odd in checker(out, half + len(spoilt)).items():
                found[what] = {"clean": len([e for e in odd if e < half]), "spoilt": len([e for e in odd if e >= half])}
    return found


def _pairs(name: str, dataset: Dataset, count: int) -> list[tuple[Episode, Episode]]:
    """Clean and spoilt, of one family of episodes: an export has the streams that all of its episodes have."""
    robot, defect = load_robot(dataset.robot_source), cast(Defect, plugins.load("defects", name))
    family = {"early_release": "carry_", **dict.fromkeys((*RECORDED_ONLY, *WITH_IMAGES), "rec_")}.get(name, "")
    pairs: list[tuple[Episode, Episode]] = []
    for ref in sorted(dataset.refs(), key=lambda ref: zlib.crc32(ref.id.encode())):
        others = ("rec_", "sway_", "bend_") if not family else ()
        if len(pairs) == count or not ref.task.startswith(family) or ref.task.startswith(others):
            continue
        clean = dataset.read(ref.id)
        if name not in WITH_IMAGES:
            clean = replace(clean, streams={k: s for k, s in clean.streams.items() if s.spec.kind != "image"})
        try:
            hurt = defect.inject(clean, defect.documented, robot=robot, seed=zlib.crc32(ref.id.encode()))
        except NotApplicable:
            continue
        pairs.append((clean, replace(hurt, id=f"{ref.id}_{name}")))
    return pairs


def _exportable(
    pairs: Sequence[tuple[Episode, Episode]], dataset: Dataset, folder: Path
) -> tuple[list[tuple[Episode, Episode]], int]:
    good = []
    for i, (clean, hurt) in enumerate(pairs):
        try:
            _export([hurt], dataset, folder / f"try_{i}")
        except (UnderstudyError, ValueError):
            continue
        good.append((clean, hurt))
    return good, len(pairs) - len(good)


def _export(episodes: Sequence[Episode], dataset: Dataset, out: Path) -> None:
    robot = load_robot(dataset.robot_source)
    keys = set.intersection(*(set(episode.streams) for episode in episodes))
    common = [replace(e, streams={k: s for k, s in e.streams.items() if k in keys}) for e in episodes]
    LeRobotExporter().export(
        common, out, robot=robot, schema=dataset.schema, options=ExportOptions(), progress=lambda done, total: None
    )


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: of the spoilt, and of the clean ones beside them, how many are found odd."""
    heads = sorted({key for row in rows.values() for key in row if key not in ("episodes", REFUSED)})
    lines = [f"| defect | episodes | {REFUSED} | " + " | ".join(heads) + " |", "|---" * (3 + len(heads)) + "|"]
    for name, row in rows.items():
        cells = [f"`{name}`", str(row["episodes"]), row[REFUSED]]
        cells += [f"{row[head]['spoilt']} (clean {row[head]['clean']})" if head in row else "-" for head in heads]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
