"""What `build` and `retarget` share: clips with their labels, stages with progress bars, and the summary table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.apps.cli._console import console, print_table, say

if TYPE_CHECKING:
    from understudy.pipeline.check import CheckSummary
    from understudy.pipeline.labels import LabelledClip
    from understudy.pipeline.run import TaskResult


def labelled(clips: Sequence[Path], *, task: str, demonstrator: str, instruction: str, labels: Path | None) -> list[LabelledClip]:
    """Clips with their labels; says once what has none."""
    from understudy.pipeline.labels import label_clips, missing_labels

    found = label_clips(clips, task=task, demonstrator=demonstrator, instruction=instruction, table=labels)
    if sentence := missing_labels(found):
        say(sentence)
    return found


def summary_rows(results: Sequence[TaskResult], checked: CheckSummary | None) -> list[list[object]]:
    """One row per clip: figures of the retargeting, speed and verdict."""
    verdicts = {} if checked is None else {e.id: e.outcome for e in checked.episodes}
    rows: list[list[object]] = []
    for result in results:
        s = result.summary
        if not result.ok:
            rows.append([result.task.name, "", "", "", "", "", "", "failed"])
            continue
        frames = int(str(s["frames"]))
        speed = "resumed" if result.state == "already" else f"{frames / max(result.seconds, 1e-9):,.0f}"
        figures = [float(str(s[key])) for key in ("hand_residual_cm", "foot_residual_cm", "infeasible_pct")]
        verdict = verdicts.get(str(s["episode"]), "unchecked")
        rows.append([result.task.name, f"{frames:,}", f"{result.seconds:.2f}", speed, *(f"{v:.1f}" for v in figures), verdict])
    return rows


COLUMNS = ("clip", "frames", "seconds", "frames/s", "hands cm", "feet cm", "infeasible %", "verdict")


def print_summary(results: Sequence[TaskResult], checked: CheckSummary | None) -> None:
    """The table at the end, then every warning and every failure once."""
    print_table(COLUMNS, summary_rows(results, checked), right=COLUMNS[1:7])
    for result in results:
        warnings = result.summary.get("warnings") or []
        for sentence in warnings if isinstance(warnings, list) else []:
            say(f"  {result.task.name}: {sentence}")
    for result in results:
        if not result.ok:
            console().print(f"[red]failed[/red] {result.task.name}: ", end="")
            say(result.error)


def as_json(results: Sequence[TaskResult]) -> list[dict[str, object]]:
    """The same for machines."""
    return [
        {
            "clip": r.task.name,
            "state": r.state,
            "seconds": r.seconds,
            "error": r.error,
            **dict(r.summary),
            "outputs": [str(p) for p in r.outputs],
        }
        for r in results
    ]
