"""The step `check`: every episode through gates and scores; what is refused moves to `failures/`, with its findings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from understudy.errors import EpisodeError, UnknownNameError
from understudy.kinematics.load import load_robot
from understudy.pipeline.check_judging import Judgement, judged_by, judged_here
from understudy.pipeline.check_known import Known, known_of, noted, standing
from understudy.pipeline.check_order import judged_too_soon
from understudy.pipeline.ratings import rate_dataset, unrated
from understudy.quality.rating import score_weights, weighted_mean
from understudy.quality.verdict import check_hash
from understudy.spec.findings import Finding, Notes
from understudy.spec.protocols import Progress
from understudy.spec.robot import RobotModel
from understudy.store.alone import alone
from understudy.store.catalog import Row
from understudy.store.dataset import Dataset, EpisodeRef, Partition
from understudy.store.journal_state import JOURNAL_DIR, read_state, takes_in

REVIEW_KEY = "verdict"
"""Key of `Notes.review` under which a person's decision stands: `accepted` or `rejected`. It outranks the gates."""
PEOPLE = ("operator", "review")
"""Names that stand for a gate in findings which people left; a check keeps them."""
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
    """What `check_dataset` found, episode by episode in the order of the dataset.

    Attributes:
        episodes: what became of each, and at the end what lies among them and can be none.
        waiting: takes that a recorder or its finalizer still works on, or died on; they have no episode yet.
        rows: id to what the catalog holds of a file, of those that were opened (for `store.catalog.refresh_catalog`).
    """

    episodes: tuple[Checked, ...]
    waiting: tuple[str, ...] = ()
    rows: Mapping[str, Row] = field(default_factory=dict, repr=False)

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


def check_dataset(
    dataset: Dataset, progress: Progress | None = None, *, redo: bool = False, restore: bool = False, workers: int = 1
) -> CheckSummary:
    """Judge every episode, write its notes, and move it to where its verdict says.

    What is refused moves to `failures/` and is never deleted. An episode that has a verdict by the same schema, robot, gates
    and scores is not judged again, and its file not opened. A person's decision in the notes' review stands whatever the gates
    say. Others may record, check and review meanwhile: notes and moves are made one at a time, on what is newest.

    Args:
        dataset: to check.
        progress: called with (done, total).
        redo: judge everything again, and what is in `failures/` as well; what passes now comes back.
        restore: look at `failures/` alone, and bring back what passes now.
        workers: processes that judge; one judges here.

    Raises:
        SchemaError: thresholds that no gate can work with.
        ModelError: the dataset's robot cannot be loaded.
        StorageError: the disk refused.
    """
    robot = load_robot(dataset.robot_source)
    refs = dataset.refs("failures" if restore else "all" if redo else "episodes")
    current = check_hash(dataset.schema, robot)
    held = {} if redo or restore else {ref.id: notes for ref in refs if (notes := standing(ref, current)) is not None}
    to_judge = [ref for ref in refs if ref.id not in held]
    back = [ref for ref in to_judge if ref.partition == "failures"]
    known = known_of(dataset, held, but=[ref.id for ref in to_judge], back=back) if to_judge else Known()
    weights = score_weights()
    judged = _judged(dataset, to_judge, robot, known, workers)
    done: list[Checked] = []
    rows: dict[str, Row] = {}
    for i, ref in enumerate(refs):
        said: Notes | str | None = held.get(ref.id)
        looked_at = said is None
        if said is None:
            said = _noted(next(judged), ref, rows)
        done.append(_placed(dataset, ref, said, weights, looked_at=looked_at))
        if (notes := done[-1].notes) is not None and done[-1].outcome == "accepted":
            known.add(ref, notes)
        if progress is not None:
            progress(i + 1, len(refs))
    _judge_again(dataset, done, to_judge, robot, known, weights, rows)
    rated = _rated(dataset, done, current, weights, redo=redo)
    strange = [_stranger(path, why) for path, why in dataset.strangers("failures" if restore else "all" if redo else "episodes")]
    return CheckSummary((*rated, *strange), _waiting(dataset), rows)


def _stranger(path: Path, why: str) -> Checked:
    """What lies among the episodes and can be none."""
    name, task, where = (os.fsencode(part).decode(errors="backslashreplace") for part in (path.stem, path.parent.name, path))
    return Checked(name, task, "unreadable", None, None, looked_at=True, moved=False, error=f"{where}: no episode: {why}")


def check_one(dataset: Dataset, ref: EpisodeRef) -> Checked:
    """Judge one episode, as `check_dataset` would; for one that was just made.

    Raises:
        SchemaError: thresholds that no gate can work with.
        ModelError: the dataset's robot cannot be loaded.
        StorageError: the disk refused.
    """
    known, robot, weights = known_of(dataset, {}, task=ref.task, but=[ref.id]), load_robot(dataset.robot_source), score_weights()
    done = _placed(dataset, ref, _noted(judged_here(dataset, ref, robot, known), ref, {}), weights, looked_at=True)
    return _rated(dataset, [done], check_hash(dataset.schema, robot), weights, task=ref.task)[0]


def settle(dataset: Dataset, notes: Notes) -> EpisodeRef:
    """Write an episode's notes and move it to where they say, alone among all who do so.

    What people did while it was judged stays: their decision, their findings, their segments.

    Args:
        dataset: that the episode is in.
        notes: as judged; those beside the file are replaced by them.

    Raises:
        UnknownNameError: the episode is gone.
        EpisodeError: notes that cannot be read, or another episode of that id in the partition it should move to.
        StorageError: the disk refused.
    """
    with alone(dataset.root):
        ref = dataset.ref(notes.episode)
        newest = noted(ref)
        wanted = _with_people(notes, newest)
        if newest != wanted:
            dataset.write_notes(wanted)
        target: Partition = "failures" if wanted.verdict == "rejected" else "episodes"
        return dataset.move(ref.id, target)


def _judged(
    dataset: Dataset, refs: Sequence[EpisodeRef], robot: RobotModel, known: Known, workers: int
) -> Iterator[Judgement | str]:
    """What the gates say of each, in order; `known` grows meanwhile by what was accepted before."""
    if workers <= 1 or len(refs) < 2:
        yield from (judged_here(dataset, ref, robot, known) for ref in refs)
        return
    for ref, said in zip(refs, judged_by(dataset, refs, known, workers), strict=True):
        facts = None if isinstance(said, str) else said.notes.facts
        again = facts is not None and known.motions.alike(facts.fingerprint, but=ref.id)
        yield judged_here(dataset, ref, robot, known) if again else said  # workers do not know each other's


def _judge_again(
    dataset: Dataset,
    done: list[Checked],
    refs: Sequence[EpisodeRef],
    robot: RobotModel,
    known: Known,
    weights: Mapping[str, float],
    rows: dict[str, Row],
) -> None:
    """Replaces in `done` what was said of those of `refs` that were judged before enough was known of their task."""
    at = {e.id: i for i, e in enumerate(done)}
    judged = [(ref, notes) for ref in refs if (notes := done[at[ref.id]].notes) is not None]
    for ref in judged_too_soon(dataset.schema, judged, known):
        said = _noted(judged_here(dataset, ref, robot, known), ref, rows)
        done[at[ref.id]] = _placed(dataset, ref, said, weights, looked_at=True)


def _noted(said: Judgement | str, ref: EpisodeRef, rows: dict[str, Row]) -> Notes | str:
    """What was said of an episode; what the catalog wants of its file is put aside."""
    if isinstance(said, str):
        return said
    rows[ref.id] = said.row
    return said.notes


def _placed(dataset: Dataset, ref: EpisodeRef, said: Notes | str, weights: Mapping[str, float], *, looked_at: bool) -> Checked:
    """Notes written and the episode where they say; what cannot be read stays where it is."""
    if isinstance(said, str):
        return Checked(ref.id, ref.task, "unreadable", None, None, looked_at=True, moved=False, error=said)
    if not looked_at and _decided(said, said).verdict == ("rejected" if ref.partition == "failures" else "accepted"):
        return Checked(ref.id, ref.task, "accepted", said, weighted_mean(said.scores, weights), looked_at=False, moved=False)
    try:
        now = settle(dataset, said)
        notes = dataset.notes(ref.id) or said
    except (EpisodeError, UnknownNameError) as error:
        return Checked(ref.id, ref.task, "unreadable", None, None, looked_at=looked_at, moved=False, error=str(error))
    outcome: Outcome = "rejected" if now.partition == "failures" else "accepted"
    moved = now.partition != ref.partition
    return Checked(ref.id, ref.task, outcome, notes, weighted_mean(notes.scores, weights), looked_at=looked_at, moved=moved)


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


def _with_people(notes: Notes, newest: Notes | None) -> Notes:
    """The gates' notes with what people left in the newest ones."""
    if newest is None:
        return _decided(notes, notes)
    return _decided(notes.model_copy(update={"review": newest.review, "segments": newest.segments or notes.segments}), newest)


def _decided(notes: Notes, newest: Notes) -> Notes:
    """A person's decision in place of the gates'; the gates' findings stay, and so do those of people."""
    said: tuple[Finding, ...] = tuple(f for f in newest.findings if f.gate in PEOPLE and f not in notes.findings)
    decision = notes.review.get(REVIEW_KEY)
    changed: dict[str, object] = {"findings": (*said, *notes.findings)} if said else {}
    if decision in ("accepted", "rejected"):
        changed["verdict"] = decision
    return notes.model_copy(update=changed) if changed else notes


def _waiting(dataset: Dataset) -> tuple[str, ...]:
    """Takes whose episodes are still to be made."""
    folder, found = dataset.root / JOURNAL_DIR, []
    for take in takes_in(folder):
        try:
            state = read_state(folder, take).state
        except EpisodeError:
            state = "FAILED"
        if state != "DONE":
            found.append(take)
    return tuple(found)
