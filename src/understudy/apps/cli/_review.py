"""What the command `review` does, and how it prints it."""

from __future__ import annotations

import sys
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from understudy.apps.cli._command import UsageError
from understudy.apps.cli._console import note, print_table, progress, say, say_json
from understudy.errors import InputError
from understudy.pipeline.review.bring_in import bring_in
from understudy.pipeline.review.draw import Quota
from understudy.pipeline.review.session import ReviewSession
from understudy.pipeline.review.summary import YARDSTICK_S, ReviewSummary, summarize
from understudy.store.dataset import Dataset


def opened_session(root: Path, quota: Quota) -> ReviewSession:
    """The review of a dataset, with its batches drawn.

    Raises:
        UsageError: shares outside 0 to 100.
        InputError: the folder is no dataset.
        StorageError: the disk refused.
    """
    if not 0.0 < quota.per_hundred <= 100.0 or not 0.0 <= quota.share_twice <= 1.0:
        raise UsageError("--per-hundred is over 0 and at most 100, --twice from 0 to 100")
    session = ReviewSession(Dataset.open(root), quota)
    with progress("looking for new episodes") as advance:
        session.refresh(advance)
    for text in session.damaged:
        note(f"left out: {text}")
    return session


def serve(session: ReviewSession, *, host: str, port: int, browser: bool) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        InputError: the address cannot be had.
    """
    from understudy.apps.web.review.server import ReviewServer
    from understudy.kinematics.load import load_robot

    with ReviewServer(session, load_robot(session.dataset.robot_source), host=host, port=port) as server:
        note(f"open {server.url}   (Ctrl-C ends)")
        if browser and sys.stdin.isatty() and sys.stdout.isatty():
            webbrowser.open(server.url)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            note("ended; everything that the page called saved is in reviews.jsonl")


def write_folder(session: ReviewSession, out: Path) -> None:
    """Write the page as a folder.

    Raises:
        InputError: there is something else at `out`, or nothing to review.
        StorageError: the disk refused.
    """
    from understudy.apps.web.review.bundle import write_static
    from understudy.kinematics.load import load_robot

    with progress("writing episodes") as advance:
        written = write_static(session, load_robot(session.dataset.robot_source), out, advance)
    for text in written.left_out:
        note(f"left out: {text}")
    say(f"{out}: {written.episodes} episodes, {written.bytes / 1e6:.1f} MB. Send the folder; index.html opens in any browser.")
    say(f"What comes back is taken in by: understudy review {session.dataset.root} --import FILE")


def bring_in_file(session: ReviewSession, file: Path) -> Sequence[str]:
    """Take in a file of decisions; returns why lines were not taken."""
    found = bring_in(session, file)
    say(f"{file}: {found.taken} taken in, {found.known} were there already, {len(found.refused)} refused")
    for text in found.unapplied:
        note(text)
    return found.refused


def print_report(session: ReviewSession, *, as_json: bool) -> None:
    """How far the review is."""
    try:
        session.refresh()
    except InputError as error:
        note(str(error))
    summary = summarize(session)
    if as_json:
        say_json(summary.as_json())
        return
    rows = [(b.batch, b.at[:10], b.episodes, b.drawn, b.done) for b in summary.batches]
    figures = ("batch", "episodes", "drawn", "done")
    print_table(("batch", "drawn on", "episodes", "drawn", "done"), rows, right=figures)
    if summary.reviewers:
        people = [(r.reviewer, r.decisions, _seconds(r.median_s), _seconds(r.mean_s)) for r in summary.reviewers]
        print_table(("reviewer", "decisions", "median s", "mean s"), people, right=("decisions", "median s", "mean s"))
    for line in _sentences(summary):
        say(line)


def _sentences(summary: ReviewSummary) -> list[str]:
    reasons = ", ".join(f"{count} {reason}" for reason, count in summary.reasons.items() if count)
    out = [f"{summary.accepted} accepted, {summary.rejected} rejected" + (f" ({reasons})" if reasons else "")]
    found = summary.agreement
    if found.percent is not None:
        kappa = "not defined: everybody said the same" if found.kappa is None else f"{found.kappa:.2f}"
        name = {"cohen": "Cohen's kappa", "fleiss": "Fleiss' kappa"}.get(found.kind, "kappa")
        out.append(f"agreement on {found.episodes} episodes: {found.percent:.0f} %, {name} {kappa}")
    if summary.disagreements:
        out.append(f"reviewers differ, rejected until one more decides: {', '.join(summary.disagreements)}")
    if summary.seconds_per_hundred is not None:
        told = f"{summary.seconds_per_hundred / 60.0:.1f} min for 100 episodes ({summary.per_hundred:g} watched)"
        out.append(f"{told}; the yardstick is {YARDSTICK_S / 60.0:.0f} min")
    out += [f"not followed yet: {why}" for why in summary.unapplied.values()]
    return out


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
