"""What a check knows of a dataset's episodes without opening their files: earlier verdicts, durations, fingerprints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from understudy.errors import EpisodeError
from understudy.pipeline.labels import UNLABELLED
from understudy.quality.fingerprint import KnownMotions
from understudy.spec.findings import Notes
from understudy.store.dataset import Dataset, EpisodeRef
from understudy.store.episode_file import read_duration_s
from understudy.store.notes import read_notes

CUT = "truncation"
"""The gate that goes by the duration and travel of a task's other episodes."""


def noted(ref: EpisodeRef) -> Notes | None:
    """The notes beside an episode's file; None where there are none, or none that can be read."""
    try:
        return read_notes(ref.path)
    except EpisodeError:
        return None


def standing(ref: EpisodeRef, current: str) -> Notes | None:
    """Notes whose verdict still holds, by the same schema, robot and gates, of a file of this size; else None: judge it."""
    notes = noted(ref)
    if notes is None or notes.verdict == "unchecked" or notes.checked_with != current or notes.facts is None:
        return None
    return notes if notes.facts.bytes == size_of(ref) else None


def size_of(ref: EpisodeRef) -> int:
    """Bytes of an episode's file; 0 where it is gone."""
    try:
        return ref.path.stat().st_size
    except OSError:
        return 0


@dataclass
class Known:
    """What the episodes of a dataset are held against: those that are not refused, and came before.

    Unlabelled episodes have no task: they may be anything, and are held against none by duration or travel.

    Attributes:
        peers: task to episode id to duration in seconds.
        motions: fingerprints.
        travels: task to episode id to how far its joints go, radians. `add` leaves it, so that what is said of an episode does
            not depend on which others were judged before it.
    """

    peers: defaultdict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    motions: KnownMotions = field(default_factory=KnownMotions)
    travels: defaultdict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, ref: EpisodeRef, notes: Notes) -> None:
        """Take note of an episode that is not refused."""
        if notes.facts is not None:
            self.lasts(ref, notes.facts.duration_s)
            self.motions.add(ref.id, notes.facts.fingerprint)

    def lasts(self, ref: EpisodeRef, duration_s: float) -> None:
        """Take note of how long an episode is that is not refused."""
        if ref.task != UNLABELLED:
            self.peers[ref.task][ref.id] = duration_s

    def learn(self, ref: EpisodeRef, notes: Notes) -> None:
        """Take note of how far the joints of an episode go that is not refused."""
        if notes.facts is not None and notes.facts.travel_rad > 0 and ref.task != UNLABELLED:
            self.travels[ref.task][ref.id] = notes.facts.travel_rad


def known_of(
    dataset: Dataset,
    held: Mapping[str, Notes],
    *,
    task: str | None = None,
    but: Iterable[str] = (),
    back: Iterable[EpisodeRef] = (),
) -> Known:
    """What is known before anything is judged.

    Args:
        dataset: whose episodes, without `failures/`.
        held: id to notes that still stand.
        task: durations of this task alone are wanted.
        but: ids whose motion is judged in this run: they are known by their durations only, until it is.
        back: refused episodes that may come back in this run. How long they last and how far their joints go counts too, unless
            it was that which refused them: else what a gate took away together, such as all the short takes of a task, could not
            come back together, for each would be held against the long ones alone.
    """
    known, judged = Known(), frozenset(but)
    for ref in dataset.refs("episodes"):
        notes = held.get(ref.id) or noted(ref)
        if notes is not None and notes.verdict == "rejected":
            continue  # refused, and not moved yet
        if notes is not None and notes.facts is not None and notes.facts.bytes == size_of(ref):
            known.learn(ref, notes)
            if ref.id not in judged:
                known.add(ref, notes)
                continue
            known.lasts(ref, notes.facts.duration_s)
        elif task in (None, ref.task):
            _add_duration(known, ref)
    for ref in back:
        notes = noted(ref)
        if notes is not None and notes.facts is not None and not _cut_off(notes):
            known.lasts(ref, notes.facts.duration_s)
            known.learn(ref, notes)
    return known


def _cut_off(notes: Notes) -> bool:
    return any(f.gate == CUT and f.severity == "reject" for f in notes.findings)


def _add_duration(known: Known, ref: EpisodeRef) -> None:
    try:
        known.lasts(ref, read_duration_s(ref.path))
    except EpisodeError:
        return  # the run that judges it says so
