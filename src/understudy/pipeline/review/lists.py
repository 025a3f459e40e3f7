"""The lists that a reviewer works through."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from understudy.pipeline.check import REVIEW_KEY
from understudy.pipeline.review.folder import UNKNOWN, Seen
from understudy.pipeline.review.session import ReviewSession
from understudy.pipeline.review.standing import Status

LOWEST_PER_HUNDRED = 5.0
MOST_REFUSED = 200


@dataclass(frozen=True)
class Row:
    """An episode in a list.

    Attributes:
        episode, task, operator: of it.
        status: where its review stands.
        verdict: what holds, once the reviewer may know: they decided, or it needs nobody any more.
        todo: the reviewer is asked to look at it.
        twice: two people watch it.
        rating: the computed score; None without one.
        partition: where it is; empty where the dataset does not have it now.
        why: the gate that refused it first; empty otherwise.
    """

    episode: str
    task: str
    operator: str
    status: Status
    verdict: str
    todo: bool
    twice: bool
    rating: float | None
    partition: str
    why: str = ""


def lists_for(session: ReviewSession, reviewer: str) -> Mapping[str, Sequence[Row]]:
    """What there is to do for a reviewer.

    drawn: the random draw of every batch. lowest: the five of every hundred with the lowest computed scores. disagreements:
    episodes with as many for as against. refused: what the gates refused and nobody looked at, to be brought back where a gate
    was wrong; nobody is asked to work through these.
    """
    board, seen = session.board, session.folder.seen
    drawn = [_row(session, name, reviewer, asked=True) for name in board.drawn]
    disagreements = [n for n in board.spoken_of if board.standing(n).disagree]
    refused = [s.ref.id for s in seen.values() if s.ref.partition == "failures" and _by_gates(s)]
    return {
        "drawn": drawn,
        "lowest": [_row(session, name, reviewer, asked=True) for name in lowest_scored(session)],
        "disagreements": [_row(session, name, reviewer, asked=True) for name in sorted(disagreements)],
        "refused": [_row(session, name, reviewer, asked=False) for name in sorted(refused)[:MOST_REFUSED]],
    }


def lowest_scored(session: ReviewSession) -> list[str]:
    """The lowest computed scores among all that the gates let through, worst first; what was drawn anyway is left out."""
    board, seen = session.board, session.folder.seen
    passed = [name for name, s in seen.items() if s.ref.partition == "episodes" or not _by_gates(s)]
    count = math.ceil(len(passed) * LOWEST_PER_HUNDRED / 100.0 - 1e-9)
    return [s.ref.id for s in session.folder.lowest(count, (name for name in passed if name not in board.drawn))]


def _by_gates(seen: Seen) -> bool:
    """Refused by the gates, and by no person."""
    return seen.notes is not None and seen.notes.verdict == "rejected" and REVIEW_KEY not in seen.notes.review


def _row(session: ReviewSession, name: str, reviewer: str, *, asked: bool) -> Row:
    board, seen = session.board, session.seen(name)
    standing, needed = board.standing(name), board.needed(name)
    status = standing.status(needed)
    decided = reviewer in standing.decisions
    todo = asked and not decided and status != "done" and seen is not None
    drawn = board.drawn.get(name)
    notes = seen.notes if seen is not None else None
    why = next((f.gate for f in notes.findings if f.severity == "reject"), "") if notes is not None and not asked else ""
    return Row(
        episode=name,
        task=drawn.task if drawn else seen.ref.task if seen else "",
        operator=drawn.operator if drawn else session.folder.operator(seen) if seen else UNKNOWN,
        status=status,
        verdict=(standing.ruling or "") if decided or status == "done" else "",
        todo=todo,
        twice=needed > 1,
        rating=seen.rating if seen is not None else None,
        partition=seen.ref.partition if seen is not None else "",
        why=why,
    )
