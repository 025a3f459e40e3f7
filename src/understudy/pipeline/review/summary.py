"""How far a review is, what was decided and why, how well reviewers agree, and how long it took."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from statistics import mean, median

from understudy.pipeline.review.agreement import Agreement, agreement
from understudy.pipeline.review.session import ReviewSession
from understudy.pipeline.review.standing import Board
from understudy.spec.review import REASONS

YARDSTICK_S = 15.0 * 60.0
"""A hundred episodes, that is ten of them watched, should take no longer."""


@dataclass(frozen=True)
class BatchProgress:
    """One batch: episodes in it, drawn to be watched, and watched by as many as were asked."""

    batch: int
    at: str
    episodes: int
    drawn: int
    done: int


@dataclass(frozen=True)
class ReviewerProgress:
    """One reviewer: decisions that hold, and median and mean seconds for one."""

    reviewer: str
    decisions: int
    median_s: float | None
    mean_s: float | None


@dataclass(frozen=True)
class ReviewSummary:
    """The review of a dataset.

    Attributes:
        dataset: its name; episodes how many it has now.
        batches, reviewers: as above.
        accepted, rejected: episodes by what holds.
        reasons: reason to number of rejections that hold.
        disagreements: episodes with as many for as against.
        agreement: of verdicts that were given independently.
        human_ratings: stars to how many.
        seconds_per_episode: median over all decisions; `seconds_per_hundred` what a hundred episodes take at the mean, of
            which `per_hundred` are watched.
        unapplied: episode to why its notes do not follow the log yet.
        damaged: lines of the log that cannot be read.
    """

    dataset: str
    episodes: int
    batches: tuple[BatchProgress, ...]
    reviewers: tuple[ReviewerProgress, ...]
    accepted: int
    rejected: int
    reasons: dict[str, int]
    disagreements: tuple[str, ...]
    agreement: Agreement
    human_ratings: dict[int, int]
    seconds_per_episode: float | None
    per_hundred: float
    seconds_per_hundred: float | None
    unapplied: dict[str, str]
    damaged: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The same for machines."""
        return asdict(self)


def summarize(session: ReviewSession) -> ReviewSummary:
    """The review as it stands in the log."""
    board = session.board
    standings = {name: board.standing(name) for name in board.spoken_of}
    decisions = [d for s in standings.values() for d in s.decisions.values()]
    rulings = Counter(s.ruling for s in standings.values())
    seconds = [d.seconds for d in decisions if d.seconds > 0.0]
    reasons: Counter[str] = Counter(
        d.reason for s in standings.values() if s.ruling == "rejected" for d in s.decisions.values() if d.reason
    )
    return ReviewSummary(
        dataset=session.dataset.schema.name,
        episodes=len(session.folder.seen),
        batches=tuple(_batch(board, k) for k in range(len(board.draws))),
        reviewers=tuple(_reviewer(name, [d.seconds for d in decisions if d.reviewer == name]) for name in board.reviewers),
        accepted=rulings["accepted"],
        rejected=rulings["rejected"],
        reasons={reason: reasons[reason] for reason in REASONS},
        disagreements=tuple(sorted(name for name, s in standings.items() if s.disagree)),
        agreement=independent_agreement(board),
        human_ratings=dict(sorted(Counter(r.stars for s in standings.values() for r in s.ratings.values()).items())),
        seconds_per_episode=median(seconds) if seconds else None,
        per_hundred=session.quota.per_hundred,
        seconds_per_hundred=mean(seconds) * session.quota.per_hundred if seconds else None,
        unapplied=session.unapplied,
        damaged=session.damaged,
    )


def independent_agreement(board: Board) -> Agreement:
    """Agreement of the verdicts that were given before anybody knew of a disagreement: deciding ones are left out."""
    rows = []
    for name in board.spoken_of:
        rows.append({who: d.verdict for who, d in board.standing(name).decisions.items() if not d.deciding})
    return agreement(rows)


def _batch(board: Board, k: int) -> BatchProgress:
    found = board.draws[k]
    done = sum(board.standing(d.episode).status(board.needed(d.episode)) == "done" for d in found.drawn)
    return BatchProgress(found.batch, found.at, len(found.covers), len(found.drawn), done)


def _reviewer(name: str, spent_s: list[float]) -> ReviewerProgress:
    known = [s for s in spent_s if s > 0.0]
    return ReviewerProgress(name, len(spent_s), median(known) if known else None, mean(known) if known else None)
