"""The step `check`: every episode through gates and scores; what is refused moves to `failures/`, with its findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from understudy.errors import EpisodeError
from understudy.kinematics.load import load_robot
from understudy.pipeline.ratings import rate_dataset, unrated
from understudy.quality.rating import score_weights, weighted_mean
from understudy.quality.verdict import check_hash, judge
from understudy.spec.findings import Notes
from understudy.spec.protocols import Progress
from understudy.spec.robot import RobotModel
from understudy.store.dataset import Dataset, EpisodeRef, Partition

REVIEW_KEY = "verdict"
"""Key of `Notes.review` under which a person's decision stands: `accepted` or `rejected`. It outranks the gates."""
Outcome = Literal["accepted", "rejected", "unreadable"]


@dataclass(frozen=True)
class Checked:
    """What became of one episode.

    Attributes:
        id, task: of the episode.
        outcome: where it is now: `accepted` in episodes/, `rejected` in failures/, `unreadable` left where it was.
        notes: what is noted about it; None where it cannot be read, and `error` says why.
        mean: weighted mean of its scores; the weakest is `notes.quality_rating`.
        looked_at: judged in this run; false where an earlier verdict still holds.
        moved: to the other partition in this run.
    """

    id: str
    task: str
    outcome: Outcome
    notes: Notes | None
    mean: float | None
    looked_at: bool
    moved: bool
    error: str = ""


@dataclass(frozen=True)
class CheckSummary:
    """What `check_dataset` found, episode by episode in the order of the dataset."""

    episodes: tuple[Checked, ...]

    @property
    def refused(self) -> tuple[Checked, ...]:
        """Episodes that this run refused or could not read."""
        return tuple(e for e in self.episodes if e.outcome == "unreadable" or (e.outcome == "rejected" and e.moved))

    @property
    def unreadable(self) -> tuple[Checked, ...]:
        """Episodes that are damaged."""
        return tuple(e for e in self.episodes if e.outcome == "unreadable")

    @property
    def restored(self) -> tuple[Checked, ...]:
        """Episodes that this run brought back from failures/."""
        return tuple(e for e in self.episodes if e.outcome == "accepted" and e.moved)


def check_dataset(dataset: Dataset, progress: Progress | None = None, *, redo: bool = False) -> CheckSummary:
    """Judge every episode, write its notes, and move it to where its verdict says.

    What is refused moves to `failures/` and is never deleted. An episode that has a verdict by the same schema, robot, gates
    and scores is not judged again. A person's decision in the notes' review stands whatever the gates say.

    Args:
        dataset: to check.
        progress: called with (done, total).
        redo: judge everything again, and what is in `failures/` as well; what passes now comes back.

    Raises:
        SchemaError: thresholds that no gate can work with.
        ModelError: the dataset's robot cannot be loaded.
        StorageError: the disk refused.
    """
    robot = load_robot(dataset.robot_source)
    refs = dataset.refs("all" if redo else "episodes")
    current = check_hash(dataset.schema, robot)
    notes = {ref.id: _current_notes(dataset, ref, current) for ref in refs} if not redo else {}
    to_judge = [ref for ref in refs if notes.get(ref.id) is None]
    peers = _durations_by_task(dataset) if to_judge else {}
    weights = score_weights()
    done: list[Checked] = []
    for i, ref in enumerate(refs):
        held = notes.get(ref.id)
        done.append(_check(dataset, ref, robot, peers.get(ref.task, {}), held, weights))
        if progress is not None:
            progress(i + 1, len(refs))
    return CheckSummary(_rated(dataset, done, current, weights, redo=redo))


def check_one(dataset: Dataset, ref: EpisodeRef) -> Checked:
    """Judge one episode, as `check_dataset` would; for one that was just made.

    Raises:
        SchemaError: thresholds that no gate can work with.
        ModelError: the dataset's robot cannot be loaded.
        StorageError: the disk refused.
    """
    peers = _durations_by_task(dataset, task=ref.task).get(ref.task, {})
    robot, weights = load_robot(dataset.robot_source), score_weights()
    done = _check(dataset, ref, robot, peers, None, weights)
    return _rated(dataset, [done], check_hash(dataset.schema, robot), weights, task=ref.task)[0]


def _check(
    dataset: Dataset,
    ref: EpisodeRef,
    robot: RobotModel,
    peers: Mapping[str, float],
    held: Notes | None,
    weights: Mapping[str, float],
) -> Checked:
    """Judge one episode, unless `held` says what holds already; notes are written before the file moves."""
    try:
        notes = held or judge(dataset.read(ref.id), robot, dataset.schema, peers=peers)
    except EpisodeError as error:
        return Checked(ref.id, ref.task, "unreadable", None, None, looked_at=True, moved=False, error=str(error))
    if held is None:
        notes = _with_review(notes)
        dataset.write_notes(notes)
    target: Partition = "failures" if notes.verdict == "rejected" else "episodes"
    moved = target != ref.partition
    if moved:
        dataset.move(ref.id, target)
    outcome: Outcome = "rejected" if notes.verdict == "rejected" else "accepted"
    return Checked(ref.id, ref.task, outcome, notes, weighted_mean(notes.scores, weights), looked_at=held is None, moved=moved)


def _rated(
    dataset: Dataset,
    done: Sequence[Checked],
    current: str,
    weights: Mapping[str, float],
    *,
    redo: bool = False,
    task: str | None = None,
) -> tuple[Checked, ...]:
    """What was checked, with its scores held against the task's other episodes."""
    new = {e.id for e in done if e.notes is not None and unrated(e.notes)}
    rated = rate_dataset(dataset, new, current=current, redo=redo, task=task)
    return tuple(
        replace(e, notes=rated[e.id], mean=weighted_mean(rated[e.id].scores, weights)) if e.id in rated else e for e in done
    )


def _with_review(notes: Notes) -> Notes:
    """A person's decision in place of the gates'; their findings stay."""
    decision = notes.review.get(REVIEW_KEY)
    return notes.model_copy(update={"verdict": decision}) if decision in ("accepted", "rejected") else notes


def _current_notes(dataset: Dataset, ref: EpisodeRef, current: str) -> Notes | None:
    """The notes of an episode whose verdict still holds; None where it has to be judged."""
    try:
        notes = dataset.read(ref.id).notes
    except EpisodeError:
        return None
    return notes if notes is not None and notes.verdict != "unchecked" and notes.checked_with == current else None


def _durations_by_task(dataset: Dataset, *, task: str | None = None) -> dict[str, dict[str, float]]:
    """Task to episode id to seconds, of the episodes that are not refused; of one task only where it is given."""
    out: dict[str, dict[str, float]] = defaultdict(dict)
    for ref in dataset.refs("episodes"):
        if task not in (None, ref.task):
            continue
        try:
            out[ref.task][ref.id] = dataset.read(ref.id).duration_s
        except EpisodeError:
            continue
    return out
