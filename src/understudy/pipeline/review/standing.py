"""Where the review of each episode stands, worked out from the log alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from understudy.spec.review import Decision, Draw, Drawn, Entry, Mark, Rating, Said, Segments, Undo, Verdict

Status = Literal["open", "half", "done", "disagreement"]
"""open: nobody decided; half: one of two did; done: decided; disagreement: as many for as against it."""


@dataclass
class Standing:
    """What was said about one episode, without what was taken back.

    Attributes:
        decisions: reviewer to their last decision, in the order in which they came.
        ratings: reviewer to their last rating.
        marks: of everybody.
        segments: the last edit; None where nobody edited them.
    """

    decisions: dict[str, Decision] = field(default_factory=dict)
    ratings: dict[str, Rating] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    segments: Segments | None = None

    @property
    def ruling(self) -> Verdict | None:
        """What holds: accepted where more accept than reject, rejected otherwise; None where nobody decided."""
        if not self.decisions:
            return None
        accepting = sum(d.verdict == "accepted" for d in self.decisions.values())
        return "accepted" if 2 * accepting > len(self.decisions) else "rejected"

    @property
    def disagree(self) -> bool:
        """As many accept as reject: one more has to decide."""
        accepting = sum(d.verdict == "accepted" for d in self.decisions.values())
        return accepting > 0 and 2 * accepting == len(self.decisions)

    def status(self, needed: int = 1) -> Status:
        """Where it stands, where so many reviewers are asked for."""
        if self.disagree:
            return "disagreement"
        if not self.decisions:
            return "open"
        return "done" if len(self.decisions) >= needed else "half"


class Board:
    """The log, read into standings; entries are added in the order of the log.

    Attributes:
        draws: batches, in their order.
        drawn: episode to what was drawn.
        lines: how many were taken in.
        covered: episodes that were in a batch.
    """

    def __init__(self) -> None:
        self.draws: list[Draw] = []
        self.drawn: dict[str, Drawn] = {}
        self.covered: set[str] = set()
        self.lines = 0
        self._said: dict[str, list[Said]] = {}
        self._by: dict[str, list[Said]] = {}
        self._undone: set[str] = set()
        self._known: dict[str, Standing] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Take further lines in."""
        for entry in entries:
            self.lines += 1
            if isinstance(entry, Draw):
                self._add_draw(entry)
                continue
            self._said.setdefault(entry.episode, []).append(entry)
            self._by.setdefault(entry.reviewer, []).append(entry)
            if isinstance(entry, Undo):
                self._undone.add(entry.undoes)
            self._known.pop(entry.episode, None)

    def _add_draw(self, found: Draw) -> None:
        """A batch; of two programs that drew from the same episodes the first one counts."""
        self.draws.append(found)
        self.drawn.update({one.episode: one for one in found.drawn if one.episode not in self.covered})
        self.covered.update(found.covers)

    def segments_undone_by(self, undo: Undo) -> Segments | None:
        """The edit of segments that a line takes back; None where it takes back something else."""
        said = self._said.get(undo.episode, ())
        return next((e for e in said if e.id == undo.undoes and isinstance(e, Segments)), None)

    def standing(self, episode: str) -> Standing:
        """What holds about an episode."""
        if episode not in self._known:
            self._known[episode] = _folded([e for e in self._said.get(episode, ()) if e.id not in self._undone])
        return self._known[episode]

    @property
    def spoken_of(self) -> tuple[str, ...]:
        """Episodes about which somebody said something, taken back or not."""
        return tuple(self._said)

    def needed(self, episode: str) -> int:
        """How many reviewers an episode needs."""
        return 2 if episode in self.drawn and self.drawn[episode].twice else 1

    def undoable(self, reviewer: str) -> Said | None:
        """The last thing that a reviewer said and did not take back."""
        standing = (e for e in reversed(self._by.get(reviewer, ())) if not isinstance(e, Undo) and e.id not in self._undone)
        return next(standing, None)

    @property
    def reviewers(self) -> tuple[str, ...]:
        """Everybody who said something."""
        return tuple(sorted(self._by))

    def owner(self, entry_id: str, episode: str) -> str:
        """Who said a line about an episode; empty where there is none."""
        return next((e.reviewer for e in self._said.get(episode, ()) if e.id == entry_id), "")


def _folded(said: Iterable[Said]) -> Standing:
    out = Standing()
    for entry in said:
        if isinstance(entry, Decision):
            out.decisions[entry.reviewer] = entry
        elif isinstance(entry, Rating):
            out.ratings[entry.reviewer] = entry
        elif isinstance(entry, Mark):
            out.marks.append(entry)
        elif isinstance(entry, Segments):
            out.segments = entry
    return out
