"""What follows from decisions: the episode's notes and its partition, by the same path as `check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from understudy.pipeline.check import REVIEW_KEY
from understudy.pipeline.review.standing import Standing
from understudy.pipeline.segment import replace_segments
from understudy.spec.findings import Notes, Segment
from understudy.spec.review import Stretch
from understudy.store.alone import alone
from understudy.store.dataset import Dataset, EpisodeRef, Partition
from understudy.store.notes import read_notes

BEFORE = "before_review"
"""Key of `Notes.review` that keeps a decision made elsewhere, such as an operator's discard, until the review is taken back."""
RATING = "rating"
"""Key of `Notes.review` for the mean of people's ratings, 1 to 5; the computed score is `Notes.quality_rating`."""
_OWN = ("reason", "text", "by", RATING, "votes", BEFORE)


@dataclass(frozen=True)
class Applied:
    """What became of an episode.

    Attributes:
        ref: where it is now.
        notes: what is noted about it now.
        changed: its notes or its place are others than before.
    """

    ref: EpisodeRef
    notes: Notes
    changed: bool


def apply_standing(dataset: Dataset, episode_id: str, standing: Standing) -> Applied:
    """Bring an episode's notes and place in line with what reviewers said; nothing changes where they are already.

    Args:
        dataset: its dataset.
        episode_id: of the episode.
        standing: what was said, as it holds.

    Raises:
        UnknownNameError: the dataset has no such episode.
        EpisodeError: its notes are damaged.
        StorageError: the disk refused.
    """
    with alone(dataset.root):
        ref = dataset.ref(episode_id)
        notes = read_notes(ref.path) or Notes(episode=episode_id)
        new = reviewed_notes(notes, standing)
        changed = new != notes
        if changed:
            dataset.write_notes(new)
        target: Partition = "failures" if new.verdict == "rejected" else "episodes"
        decided = bool(standing.decisions) or "by" in notes.review
        if decided and ref.partition != target:
            ref, changed = dataset.move(episode_id, target), True
        return Applied(ref, new, changed)


def write_segments(dataset: Dataset, episode_id: str, stretches: Sequence[Stretch]) -> None:
    """Replace the segments in an episode's notes.

    Raises:
        UnknownNameError: the dataset has no such episode.
        EpisodeError: the episode or its notes are damaged.
        InputError: a segment is outside the episode or over another one.
        StorageError: the disk refused.
    """
    timeline_ns = dataset.read(episode_id).timeline_ns
    replace_segments(dataset, episode_id, absolute(stretches, int(timeline_ns[0]) if len(timeline_ns) else 0))


def reviewed_notes(notes: Notes, standing: Standing) -> Notes:
    """Notes with the reviewers' ruling in them; without one, what the gates found holds again."""
    review = {key: text for key, text in notes.review.items() if key not in _OWN}
    ours = "by" in notes.review
    before = notes.review.get(BEFORE, "") if ours else notes.review.get(REVIEW_KEY, "")
    if standing.ratings:
        review[RATING] = f"{mean(r.stars for r in standing.ratings.values()):.3g}"
    if standing.ruling is None:
        if not ours:
            return notes.model_copy(update={"review": review}) if review != notes.review else notes
        review.pop(REVIEW_KEY, None)
        if before:
            review[REVIEW_KEY] = before
        return notes.model_copy(update={"review": review, "verdict": before or gates_verdict(notes)})
    deciding = [d for d in standing.decisions.values() if d.verdict == standing.ruling]
    review |= {REVIEW_KEY: standing.ruling, "by": ", ".join(standing.decisions)}
    if before:
        review[BEFORE] = before
    if reasons := sorted({d.reason for d in deciding if d.reason}):
        review["reason"] = ", ".join(reasons)
    if texts := [d.text for d in deciding if d.text]:
        review["text"] = "; ".join(texts)
    if len(standing.decisions) > 1:
        review["votes"] = f"{len(deciding)} of {len(standing.decisions)}"
    return notes.model_copy(update={"review": review, "verdict": standing.ruling})


def gates_verdict(notes: Notes) -> str:
    """What the gates alone say, by the findings that they left."""
    if any(finding.severity == "reject" for finding in notes.findings):
        return "rejected"
    return "accepted" if notes.checked_with else "unchecked"


def absolute(stretches: Sequence[Stretch], start_ns: int) -> tuple[Segment, ...]:
    """Segments on the dataset's clock, of stretches that count from the episode's first step."""
    return tuple(
        Segment(
            start_ns=start_ns + s.start_ns,
            end_ns=start_ns + s.end_ns,
            label=s.label,
            source=s.source,
            subtask=s.subtask,
            by=s.by,
        )
        for s in stretches
    )


def relative(segments: Sequence[Segment], start_ns: int) -> tuple[Stretch, ...]:
    """Stretches from the episode's first step, of segments on the dataset's clock; what lies before it is cut off."""
    return tuple(
        Stretch(
            start_ns=max(s.start_ns - start_ns, 0),
            end_ns=s.end_ns - start_ns,
            label=s.label,
            source=s.source,
            subtask=s.subtask,
            by=s.by,
        )
        for s in segments
        if s.end_ns > start_ns
    )
