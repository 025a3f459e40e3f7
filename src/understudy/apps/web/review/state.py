"""Where the review stands, as one reviewer may see it: what others said about an episode shows when one has decided oneself."""

from __future__ import annotations

import time

from understudy.pipeline.review.lists import lists_for
from understudy.pipeline.review.session import ReviewSession
from understudy.pipeline.review.standing import Standing
from understudy.pipeline.review.summary import summarize

CLAIM_S = 20.0
Json = dict[str, object]


class Claims:
    """Who has which episode open just now, so that two people do not begin the same one. From any thread."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, float]] = {}

    def claim(self, episode: str, reviewer: str) -> None:
        """A reviewer looks at an episode."""
        now_s = time.monotonic()
        held = {name: by for name, by in list(self._held.items()) if now_s - by[1] < CLAIM_S and by[0] != reviewer}
        if episode not in held:
            held[episode] = (reviewer, now_s)
        self._held = held

    def of_others(self, reviewer: str) -> dict[str, str]:
        """Episodes that somebody else looks at, and who."""
        now_s = time.monotonic()
        return {name: who for name, (who, since_s) in self._held.items() if who != reviewer and now_s - since_s < CLAIM_S}


def state_json(session: ReviewSession, reviewer: str, trouble: str = "") -> Json:
    """The lists with their rows, what the reviewer said, and how far the review is."""
    lists = lists_for(session, reviewer)
    summary = summarize(session)
    shown = {row.episode for rows in lists.values() for row in rows} | set(session.board.spoken_of)
    told = {name: said_json(session.board.standing(name), reviewer) for name in shown}
    return {
        "changes": session.changes,
        "trouble": trouble,
        "damaged": list(summary.damaged),
        "unapplied": summary.unapplied,
        "lists": {name: [vars(row) for row in rows] for name, rows in lists.items()},
        "said": {name: said for name, said in told.items() if said},
        "undo": undo_json(session, reviewer),
        "progress": {
            "episodes": summary.episodes,
            "drawn": sum(b.drawn for b in summary.batches),
            "done": sum(b.done for b in summary.batches),
            "accepted": summary.accepted,
            "rejected": summary.rejected,
            "seconds_per_hundred": summary.seconds_per_hundred,
            "agreement": summary.agreement.percent,
            "kappa": summary.agreement.kappa,
            "together": summary.agreement.episodes,
        },
    }


def said_json(standing: Standing, reviewer: str) -> Json:
    """What the reviewer said about an episode, and what the others did where the reviewer has decided."""
    mine, stars = standing.decisions.get(reviewer), standing.ratings.get(reviewer)
    out: Json = {}
    if mine is not None:
        out["mine"] = {"verdict": mine.verdict, "reason": mine.reason, "text": mine.text}
        out["others"] = [
            {"reviewer": d.reviewer, "verdict": d.verdict, "reason": d.reason, "text": d.text}
            for d in standing.decisions.values()
            if d.reviewer != reviewer
        ]
        out["ruling"] = standing.ruling
    if stars is not None:
        out["stars"] = stars.stars
    marks = [m for m in standing.marks if mine is not None or m.reviewer == reviewer]
    if marks:
        out["marks"] = [{"start_ns": m.start_ns, "end_ns": m.end_ns, "text": m.text, "by": m.reviewer} for m in marks]
    return out


def undo_json(session: ReviewSession, reviewer: str) -> Json | None:
    """The last thing that the reviewer could take back."""
    last = session.board.undoable(reviewer) if reviewer else None
    return None if last is None else {"id": last.id, "episode": last.episode, "kind": last.kind}
