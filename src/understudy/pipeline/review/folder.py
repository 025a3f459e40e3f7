"""The dataset's folder as a review sees it: which episodes are there, where, and what their notes say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from understudy.errors import EpisodeError, InputError, UnderstudyError
from understudy.spec.findings import Notes
from understudy.store.dataset import SCHEMA, Dataset, EpisodeRef
from understudy.store.episode_read import read_metadata
from understudy.store.notes import notes_path, read_notes

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Seen:
    """An episode as it was last seen.

    Attributes:
        ref: where it is.
        stamp: of its notes: time of the last change and size; zeros without notes.
        notes: what is noted; None without notes, or with damaged ones, and `error` says why.
    """

    ref: EpisodeRef
    stamp: tuple[int, int]
    notes: Notes | None
    error: str = ""

    @property
    def rating(self) -> float | None:
        """The computed score, 0 to 1."""
        return None if self.notes is None else self.notes.quality_rating


class FolderWatch:
    """Knows a dataset's episodes.

    Args:
        dataset: to watch.

    Attributes:
        seen: id to what was last seen.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.seen: dict[str, Seen] = {}
        self._operators: dict[str, str] = {}

    def look(self) -> tuple[str, ...]:
        """Look at the folder; returns the ids that are new, moved, changed in their notes, or gone.

        Raises:
            InputError: the folder is no dataset any more.
        """
        if not (self.dataset.root / SCHEMA).is_file():
            raise InputError(f"{self.dataset.root}: the dataset is not there any more: it was moved or renamed")
        found = {ref.id: ref for ref in self.dataset.refs("all")}
        changed = [name for name in self.seen if name not in found]
        for name in changed:
            del self.seen[name]
        for name, ref in found.items():
            old = self.seen.get(name)
            if old is None or old.ref != ref or old.stamp != _stamp(ref):
                self.seen[name] = _look(ref)
                changed.append(name)
        return tuple(changed)

    def update(self, ref: EpisodeRef) -> None:
        """Look at one episode that was just changed."""
        self.seen[ref.id] = _look(ref)

    def operator(self, seen: Seen) -> str:
        """Who moved in an episode; an episode never changes, so it is read once. `unknown` where it cannot be read."""
        name = seen.ref.id
        if name not in self._operators:
            try:
                self._operators[name] = str(read_metadata(seen.ref.path).get("demonstrator_id", UNKNOWN))
            except UnderstudyError:
                return UNKNOWN
        return self._operators[name]

    def lowest(self, count: int, among: Iterable[str]) -> list[Seen]:
        """The episodes with the lowest computed scores, worst first; those without one are left out."""
        rated = [s for name in among if (s := self.seen.get(name)) is not None and s.rating is not None]
        return sorted(rated, key=lambda s: (s.rating or 0.0, s.ref.id))[:count]


def _stamp(ref: EpisodeRef) -> tuple[int, int]:
    try:
        found = notes_path(ref.path).stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _look(ref: EpisodeRef) -> Seen:
    stamp = _stamp(ref)
    try:
        return Seen(ref, stamp, read_notes(ref.path))
    except EpisodeError as error:
        return Seen(ref, stamp, None, str(error))
