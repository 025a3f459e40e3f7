"""The review of one dataset: what was said goes to the log first, then into the notes; both are looked at again and again."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from understudy.errors import EpisodeError, InputError, StorageError, UnderstudyError, UnknownNameError
from understudy.pipeline.review.apply import Applied, apply_standing, write_segments
from understudy.pipeline.review.draw import Candidate, Quota, batches_of, draw, generator
from understudy.pipeline.review.folder import FolderWatch, Seen
from understudy.pipeline.review.standing import Board, Standing
from understudy.spec.protocols import Progress
from understudy.spec.review import Decision, Draw, Drawn, Said, Segments, Undo
from understudy.store.dataset import Dataset
from understudy.store.reviews import ReviewLog

AGAIN = 2
"""A file that another program moved just now is looked for so many times."""
AGAIN_S = 0.05
_T = TypeVar("_T")


@dataclass(frozen=True)
class Answer:
    """What became of a line.

    Attributes:
        saved: it is in the log, on disk.
        applied: the episode's notes and place follow it.
        message: what there is to say; empty where all went well.
    """

    saved: bool
    applied: bool
    message: str = ""


class ReviewSession:
    """One dataset under review; from any thread.

    Args:
        dataset: to review.
        quota: how much of what is new is drawn.
    """

    def __init__(self, dataset: Dataset, quota: Quota | None = None) -> None:
        self.dataset, self.quota = dataset, quota or Quota()
        self.board = Board()
        self.folder = FolderWatch(dataset)
        self.lock = threading.RLock()
        self.changes = 0
        self._log = ReviewLog(dataset.root)
        self._pending: set[str] = set()
        self._failed: dict[str, str] = {}

    @property
    def path(self) -> Path:
        """The log's file."""
        return self._log.path

    @property
    def damaged(self) -> tuple[str, ...]:
        """What cannot be read in the log."""
        return tuple(f"{self.path}, line {d.line}: {d.why}" for d in self._log.damaged)

    @property
    def unapplied(self) -> dict[str, str]:
        """Episodes that do not follow what was said about them yet, and why."""
        return dict(self._failed)

    def refresh(self, progress: Progress | None = None) -> None:
        """Read on in the log, look at the folder, draw where episodes are new, and bring notes in line with the log.

        Raises:
            StorageError: the disk refused.
            InputError: the folder is no dataset any more.
        """
        with self.lock:
            changed = self.folder.look()
            self._learn()
            if changed:
                self.changes += 1
                self._pending |= set(changed) & set(self.board.spoken_of)
            self._draw(progress)
            self._settle()

    def add(self, said: Said) -> Answer:
        """Take in what a person said: on disk first, then into notes and folders.

        Raises:
            InputError: it is about an episode that the dataset never had, or takes back what is not the reviewer's own.
            StorageError: the disk refused; nothing was said then.
        """
        with self.lock:
            self._learn()
            if said.id in self._log:
                return Answer(saved=True, applied=said.episode not in self._failed, message="")
            self.check(said)
            if isinstance(said, Decision):
                said = said.model_copy(update={"deciding": self._deciding(said)})
            before = self.board.segments_undone_by(said) if isinstance(said, Undo) else None
            self._log.append([said])
            self._learn()
            return self._follow(said, before)

    def check(self, said: Said) -> None:
        """Refuse what no review could have said.

        Raises:
            InputError: with why.
        """
        if not self.knows(said.episode):
            raise InputError(f"episode {said.episode!r} is not in {self.dataset.root} and never was")
        if isinstance(said, Undo) and self.board.owner(said.undoes, said.episode) != said.reviewer:
            raise InputError(f"{said.reviewer} said nothing about {said.episode} under the id {said.undoes}")

    def has(self, entry_id: str) -> bool:
        """Whether a line is in the log."""
        with self.lock:
            self._learn()
            return entry_id in self._log

    def knows(self, episode_id: str) -> bool:
        """Whether the dataset has the episode, or had it when it was drawn or spoken of."""
        if episode_id in self.folder.seen or episode_id in self.board.covered or episode_id in self.board.spoken_of:
            return True
        try:
            return self.dataset.find(episode_id) is not None
        except EpisodeError:
            return False

    def _deciding(self, said: Decision) -> bool:
        others = {name: d for name, d in self.board.standing(said.episode).decisions.items() if name != said.reviewer}
        return Standing(decisions=others).disagree

    def _learn(self) -> None:
        """Take lines in that were appended by whomever."""
        self._log.refresh()
        fresh = self._log.entries[self.board.lines :]
        if fresh:
            self.board.add(fresh)
            self.changes += 1
            self._pending |= {e.episode for e in fresh if not isinstance(e, Draw)}

    def _follow(self, said: Said, before: Segments | None) -> Answer:
        """Notes and place of the episode that something was said about."""
        segments = said.segments if isinstance(said, Segments) else None
        if before is not None:
            now = self.board.standing(said.episode).segments
            segments = now.segments if now is not None else before.before
        try:
            if segments is not None:
                _again(lambda: write_segments(self.dataset, said.episode, segments))
            self._apply(said.episode)
        except UnderstudyError as error:
            self._failed[said.episode] = str(error)
            return Answer(saved=True, applied=False, message=f"saved in {self.path.name}; not applied yet: {error}")
        return Answer(saved=True, applied=True)

    def _settle(self) -> None:
        """Apply what is pending; what cannot be is tried again at the next turn."""
        for episode in sorted(self._pending | set(self._failed)):
            try:
                self._apply(episode)
            except UnknownNameError:
                self._failed[episode] = f"{episode} is not in the dataset now: it was renamed or taken out"
            except (EpisodeError, StorageError) as error:
                self._failed[episode] = str(error)
            self._pending.discard(episode)

    def _apply(self, episode: str) -> Applied:
        standing = self.board.standing(episode)
        applied = _again(lambda: apply_standing(self.dataset, episode, standing))
        self._pending.discard(episode)
        self._failed.pop(episode, None)
        self.folder.update(applied.ref)
        return applied

    def _draw(self, progress: Progress | None) -> None:
        """Make batches of what is new among the episodes that nothing refused."""
        there = (s.ref for s in self.folder.seen.values() if s.ref.partition == "episodes")
        fresh = [ref.id for ref in there if ref.id not in self.board.covered]
        for done, ids in enumerate(batches := batches_of(fresh)):
            if progress is not None:
                progress(done, len(batches))
            self._log.append([self._batch(ids)])
            self._learn()

    def _batch(self, ids: Sequence[str]) -> Draw:
        """A batch of new episodes: so many are drawn that of all episodes so far the quota is."""
        quota, number = self.quota, len(self.board.draws) + 1
        due = quota.of(len(self.board.covered) + len(ids)) - len(self.board.drawn)
        open_to_draw = [self._candidate(name) for name in ids if not self.board.standing(name).decisions]
        picked = draw(open_to_draw, max(due, 0), generator(quota.seed, number, ids, "drawn"))
        due_twice = quota.twice_of(len(self.board.drawn) + len(picked)) - sum(d.twice for d in self.board.drawn.values())
        twice = {c.episode for c in draw(picked, max(due_twice, 0), generator(quota.seed, number, ids, "twice"))}
        return Draw(
            id=secrets.token_hex(16),
            at=now(),
            batch=number,
            seed=quota.seed,
            per_hundred=quota.per_hundred,
            share_twice=quota.share_twice,
            covers=tuple(ids),
            drawn=tuple(Drawn(episode=c.episode, task=c.task, operator=c.operator, twice=c.episode in twice) for c in picked),
        )

    def _candidate(self, episode: str) -> Candidate:
        seen = self.folder.seen[episode]
        return Candidate(episode, seen.ref.task, self.folder.operator(seen))

    def seen(self, episode_id: str) -> Seen | None:
        """What is known of an episode; None where the dataset does not have it now."""
        return self.folder.seen.get(episode_id)


def now() -> str:
    """This moment, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _again(what: Callable[[], _T]) -> _T:
    """Do it, and once more where the file had been moved away just then."""
    for left in reversed(range(AGAIN)):
        try:
            return what()
        except (StorageError, UnknownNameError):
            if not left:
                raise
            time.sleep(AGAIN_S)
    raise AssertionError("unreachable")
