"""Run gates and scores over a dataset; what is refused moves to failures/."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.apps.cli._arguments import Count, DatasetDir, Off
from understudy.apps.cli._command import DONE, FINDINGS, Command, UsageError

if TYPE_CHECKING:
    from understudy.pipeline.check import Checked, CheckSummary
    from understudy.spec.findings import Finding

_ORDER = {"reject": 0, "warn": 1, "info": 2}


def check(dataset: DatasetDir, /, *, json: Off = False, redo: Off = False, restore: Off = False, workers: Count = 1) -> int:
    """Run gates and scores over a dataset; what is refused moves to failures/ with its findings. Nothing is deleted.

    Then the catalog is brought up to date. Exit code 1 when this run refused an episode or could not read one.

    Args:
        dataset: the dataset's folder.
        json: print everything that was found as JSON.
        redo: judge again what has a verdict, and what is in failures/; what passes now comes back.
        restore: look at failures/ alone, and bring back what passes now.
        workers: processes that judge beside each other.
    """
    from understudy.apps.cli._clips import check_workers
    from understudy.apps.cli._console import progress, say_json
    from understudy.pipeline.check import check_dataset
    from understudy.store.catalog import refresh_catalog
    from understudy.store.dataset import Dataset

    check_workers(workers)
    if redo and restore:
        raise UsageError("--redo looks at failures/ as well as --restore does; give one of the two")
    opened = Dataset.open(dataset)
    with progress("checking") as advance:
        summary = check_dataset(opened, advance, redo=redo, restore=restore, workers=workers)
    with progress("catalog") as advance:
        refresh_catalog(opened, progress=advance, seen=summary.rows)
    if json:
        say_json(_as_json(summary))
    else:
        _print(summary)
    return FINDINGS if summary.refused else DONE


def _print(summary: CheckSummary) -> None:
    from understudy.apps.cli._console import print_table, say

    if summary.episodes:
        scores = sorted({s.name for e in summary.episodes if e.notes for s in e.notes.scores})
        figures = (*(name.replace("_", " ") for name in scores), "rating")
        print_table(("episode", "task", "verdict", *figures), [_row(e, scores) for e in summary.episodes], right=figures)
    for episode in summary.episodes:
        if text := _worst(episode):
            say(f"{episode.id}: {text}")
    looked_at = sum(e.looked_at for e in summary.episodes)
    damaged = len(summary.unreadable)
    line = f"{len(summary.episodes)} episodes, {looked_at} checked now: {len(summary.refused) - damaged} refused"
    line += f", {damaged} that cannot be read" if damaged else ""
    say(line + (f", {len(summary.restored)} brought back from failures/" if summary.restored else ""))
    if summary.waiting:
        count, takes = len(summary.waiting), ", ".join(summary.waiting[:3])
        what = "take is" if count == 1 else "takes are"
        say(f"{count} {what} in journal/ without an episode yet ({takes}): checked when it is made")
    if damaged:
        say("What cannot be read stays where it is: put a copy in its place, or move it out of the dataset")
    if len(summary.refused) > damaged:
        say("Refused episodes are in failures/, findings in <episode>.notes.json. After a change of thresholds: --restore")


def _row(episode: Checked, scores: list[str]) -> list[str]:
    if episode.notes is None:
        return [episode.id, episode.task, episode.outcome, *("" for _ in scores), ""]
    value = {s.name: f"{s.rated:.2f}" for s in episode.notes.scores}
    rating = "" if episode.notes.quality_rating is None else f"{episode.notes.quality_rating:.2f}"
    return [episode.id, episode.task, episode.outcome, *(value.get(name, "") for name in scores), rating]


def _worst(episode: Checked) -> str:
    """The worst that was found, and how many findings more there are; empty when nothing was."""
    if episode.notes is None:
        return episode.error
    found, more = worst_finding(episode.notes.findings), len(episode.notes.findings) - 1
    if found is None:
        return ""
    return f"{found.severity} by {found.gate}: {found.message}" + (f" (and {more} more)" if more > 0 else "")


def worst_finding(findings: tuple[Finding, ...]) -> Finding | None:
    """The first of the most severe findings."""
    return min(findings, key=lambda f: _ORDER[f.severity], default=None)


def _as_json(summary: CheckSummary) -> dict[str, object]:
    return {
        "episodes": [
            {
                "id": e.id,
                "task": e.task,
                "outcome": e.outcome,
                "looked_at": e.looked_at,
                "moved": e.moved,
                "mean_score": e.mean,
                "error": e.error,
                "notes": e.notes.model_dump(mode="json") if e.notes else None,
            }
            for e in summary.episodes
        ],
        "refused": [e.id for e in summary.refused],
        "restored": [e.id for e in summary.restored],
        "waiting": list(summary.waiting),
    }


PLUGIN = Command.of(check)
