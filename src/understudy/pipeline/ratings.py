"""The step after judging: every score against the episodes of its task, from what the notes hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from understudy.errors import EpisodeError
from understudy.pipeline.check_known import noted
from understudy.pipeline.labels import UNLABELLED
from understudy.quality.in_task import FEWEST, Reference, rated, references
from understudy.spec.findings import Notes
from understudy.spec.robot import Strict
from understudy.store.alone import alone
from understudy.store.atomic import write_text
from understudy.store.dataset import Dataset, EpisodeRef
from understudy.store.notes import read_notes

SCORES = "scores.json"
"""Where each component lies in each task, in the dataset's folder; derived, and made anew where it is missing."""
GROWTH = 1.1
"""A task's references are made anew, and all its episodes rated again, when it has this many times the episodes."""


class TaskScores(Strict):
    """Where the components of one task lie: its accepted episodes when they were taken, and with what they were checked."""

    episodes: int
    checked_with: str
    components: Mapping[str, Reference]


class ScoresFile(Strict):
    """What `scores.json` holds."""

    format: Literal["understudy-scores"] = "understudy-scores"
    format_version: Literal[1] = 1
    tasks: Mapping[str, TaskScores] = {}


def rate_dataset(
    dataset: Dataset, unrated: Collection[str], *, current: str, redo: bool = False, task: str | None = None
) -> dict[str, Notes]:
    """Rate what has no rating against its task yet, and the whole task again where that has grown by a tenth.

    A new episode in a task of thousands moves the median by nothing that counts, so it alone is rated and the cost of a
    check stays that of what is new. Refused episodes are rated too, but do not say what is usual. What is unlabelled has no
    task: nothing is usual there, and its scores count by their fixed scales.

    Args:
        dataset: whose notes are read and, where a rating changed, replaced.
        unrated: ids of the episodes that are new to it (`unrated` below tells).
        current: what they were judged with (`quality.verdict.check_hash`); figures of another version are not mixed in.
        redo: take every task's references anew.
        task: look at this one only.

    Returns:
        Id to notes of every episode whose rating changed.

    Raises:
        StorageError: the disk refused.
    """
    tables = _read(dataset.root)
    refs: dict[str, list[EpisodeRef]] = {}
    for ref in dataset.refs("all"):
        if task in (None, ref.task):
            refs.setdefault(ref.task, []).append(ref)
    changed: dict[str, Notes] = {}
    for name, of_task in refs.items():
        count = sum(ref.partition == "episodes" for ref in of_task)
        table = tables.get(name)
        if redo or _stale(table, count, current):
            notes = _notes(of_task)
            table = tables[name] = _table(of_task, notes if name != UNLABELLED else {}, current)
        else:
            notes = _notes([ref for ref in of_task if ref.id in unrated])
        if table is not None:
            changed |= _rate(dataset, notes, table)
    _write(dataset.root, tables)
    return changed


def unrated(notes: Notes) -> bool:
    """Whether a score has not been held against the task yet."""
    return any(score.components and score.in_task is None for score in notes.scores)


def _table(refs: Collection[EpisodeRef], notes: Mapping[str, Notes], current: str) -> TaskScores:
    accepted = [notes[ref.id] for ref in refs if ref.partition == "episodes" and ref.id in notes]
    usual = references(n for n in accepted if n.checked_with == current)
    return TaskScores(episodes=sum(ref.partition == "episodes" for ref in refs), checked_with=current, components=usual)


def _rate(dataset: Dataset, notes: Mapping[str, Notes], table: TaskScores) -> dict[str, Notes]:
    """Written alone, on what is newest: people review meanwhile."""
    changed = {}
    for id_, seen in notes.items():
        if seen.verdict == "unchecked" or rated(seen, table.components) == seen:
            continue
        with alone(dataset.root):
            ref = dataset.find(id_)
            newest = None if ref is None else noted(ref)
            if newest is not None:
                changed[id_] = rated(newest, table.components)
                dataset.write_notes(changed[id_])
    return changed


def _stale(table: TaskScores | None, count: int, current: str) -> bool:
    if table is None:
        return count >= FEWEST
    return table.checked_with != current or not table.episodes / GROWTH < count < table.episodes * GROWTH


def _notes(refs: Collection[EpisodeRef]) -> dict[str, Notes]:
    """What is noted about some episodes; damaged notes are named by the check itself and left out here."""
    found = {}
    for ref in refs:
        try:
            notes = read_notes(ref.path)
        except EpisodeError:
            continue
        if notes is not None:
            found[ref.id] = notes
    return found


def _read(root: Path) -> dict[str, TaskScores]:
    """What is known of the tasks; a file that is missing, damaged or of another version is made anew."""
    try:
        return dict(ScoresFile.model_validate_json((root / SCORES).read_bytes()).tasks)
    except (FileNotFoundError, ValidationError):
        return {}


def _write(root: Path, tables: Mapping[str, TaskScores]) -> None:
    """Replace the file where it would say something else."""
    text = ScoresFile(tasks=dict(sorted(tables.items()))).model_dump_json(indent=2) + "\n"
    path = root / SCORES
    if tables and (not path.is_file() or path.read_text(encoding="utf-8") != text):
        write_text(path, text)
