"""What `build` and `retarget` share: clips with their labels, stages with progress bars, and the summary table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.apps.cli._command import UsageError
from understudy.apps.cli._console import note, print_table, say

if TYPE_CHECKING:
    from understudy.pipeline.check import CheckSummary
    from understudy.pipeline.labels import LabelledClip
    from understudy.pipeline.recollect import RecollectList, Segment
    from understudy.pipeline.run import TaskResult


def labelled(clips: Sequence[Path], *, task: str, demonstrator: str, instruction: str, labels: Path | None) -> list[LabelledClip]:
    """Clips with their labels; says once what has none.

    Raises:
        UsageError: there is no clip.
    """
    from understudy.pipeline.labels import label_clips, missing_labels

    if not clips:
        raise UsageError("no clip was given; name one or more motion capture files")
    found = label_clips(clips, task=task, demonstrator=demonstrator, instruction=instruction, table=labels)
    if sentence := missing_labels(found):
        note(sentence)
    return found


def check_workers(workers: int) -> None:
    """Refuse less than one worker; raises UsageError."""
    if workers < 1:
        raise UsageError(f"--workers is {workers}; give 1 or more, at most the number of processor cores")


def summary_rows(results: Sequence[TaskResult], checked: CheckSummary | None) -> list[list[object]]:
    """One row per clip: figures of the retargeting, speed and verdict."""
    rows: list[list[object]] = []
    for result in results:
        s = result.summary
        if not result.ok:
            rows.append([result.task.name, "", "", "", "", "", "", _verdict(result, checked)])
            continue
        frames = int(str(s["frames"]))
        speed = "resumed" if result.state == "already" else f"{frames / max(result.seconds, 1e-9):,.0f}"
        figures = [float(str(s[key])) for key in ("hand_residual_cm", "foot_residual_cm", "infeasible_pct")]
        cells = [f"{frames:,}", f"{result.seconds:.2f}", speed, *(f"{v:.1f}" for v in figures)]
        rows.append([result.task.name, *cells, _verdict(result, checked)])
    return rows


def _verdict(result: TaskResult, checked: CheckSummary | None) -> str:
    """What became of a clip; an episode that an earlier run refused lies in failures/ and is not checked again."""
    if not result.ok:
        return "failed"
    if any("failures" in path.parts[-3:-2] for path in result.outputs):
        return "rejected"
    outcomes = {} if checked is None else {e.id: e.outcome for e in checked.episodes}
    return outcomes.get(str(result.summary["episode"]), "unchecked")


COLUMNS = ("clip", "frames", "seconds", "frames/s", "hands cm", "feet cm", "infeasible %", "verdict")


def print_summary(results: Sequence[TaskResult], checked: CheckSummary | None) -> None:
    """The table at the end, then every warning once."""
    print_table(COLUMNS, summary_rows(results, checked), right=COLUMNS[1:7])
    for result in results:
        warnings = result.summary.get("warnings") or []
        for sentence in warnings if isinstance(warnings, list) else []:
            say(f"  {result.task.name}: {sentence}")


RECOLLECT_COLUMNS = ("clip", "from s", "to s", "limb", "cm off", "why", "tell the demonstrator")
MOST_RECOLLECT = 12
"""Rows of the re-collect list that are printed; the files hold all."""


def segments_of_run(results: Sequence[TaskResult], listed: RecollectList | None) -> list[Segment]:
    """The part of a dataset's re-collect list that is about the clips of this run."""
    made = {str(r.summary.get("episode")) for r in results if r.ok}
    return [] if listed is None else [s for s in listed.segments if s.episode in made]


def print_recollect(results: Sequence[TaskResult], listed: RecollectList | None) -> None:
    """What to record again of this run's clips, the worst first; says so where it is nothing."""
    if listed is None or not any(r.ok for r in results):
        return
    mine = segments_of_run(results, listed)
    if not mine:
        say("Nothing to record again.")
        return
    rows = [(s.clip, f"{s.start_s:.2f}", f"{s.end_s:.2f}", s.limb, f"{s.off_cm:.0f}", s.why, s.tell) for s in mine]
    figures = ("from s", "to s", "cm off")
    print_table(
        RECOLLECT_COLUMNS,
        rows[:MOST_RECOLLECT],
        title=f"To record again: {len(mine)} {'stretch' if len(mine) == 1 else 'stretches'}",
        right=figures,
    )
    if len(mine) > MOST_RECOLLECT:
        say(f"and {len(mine) - MOST_RECOLLECT} more in {listed.csv}")


def errors(results: Sequence[TaskResult], checked: CheckSummary | None = None) -> list[str]:
    """What could not be used, each said once: clips that failed, and episodes that cannot be read."""
    unreadable = () if checked is None else checked.unreadable
    return list(dict.fromkeys([*(_error(r) for r in results if not r.ok), *(e.error for e in unreadable)]))


def _error(result: TaskResult) -> str:
    if not result.detail:
        return result.error
    fault = f"{result.task.name}: {result.error_class}: {result.error}"
    return f"{fault}: a fault of understudy itself, not of the clip; please report it with these lines\n{result.detail}"


def as_json(
    results: Sequence[TaskResult], checked: CheckSummary | None = None, listed: RecollectList | None = None
) -> list[dict[str, object]]:
    """The same for machines."""
    again = segments_of_run(results, listed)
    return [
        {
            "clip": r.task.name,
            "state": r.state,
            "seconds": r.seconds,
            "error": r.error,
            **dict(r.summary),
            **({"recollect": [asdict(s) for s in again if s.episode == r.summary.get("episode")]} if listed else {}),
            "verdict": _verdict(r, checked),
            "outputs": [str(p) for p in r.outputs],
        }
        for r in results
    ]
