"""Watch a part of the episodes in the browser and decide: accept, or reject with a reason."""

from __future__ import annotations

from typing import Annotated

import tyro

from understudy.apps.cli._arguments import Count, DatasetDir, Off, On, OptionalFile, OptionalFolder
from understudy.apps.cli._command import DONE, FINDINGS, Command

Address = Annotated[str, tyro.conf.arg(metavar="ADDRESS")]
Percent = Annotated[float, tyro.conf.arg(metavar="N")]
OptionalImport = Annotated[OptionalFile, tyro.conf.arg(name="import", metavar="FILE", help_behavior_hint="")]


def review(
    dataset: DatasetDir,
    /,
    *,
    per_hundred: Percent = 10.0,
    twice: Percent = 20.0,
    seed: Count = 0,
    host: Address = "127.0.0.1",
    port: Count = 8793,
    browser: On = True,
    static: OptionalFolder = None,
    bring_in: OptionalImport = None,
    report: Off = False,
    json: Off = False,
) -> int:
    """Watch a part of the episodes in the browser and decide: accept, or reject with a reason. Ctrl-C ends it.

    Of every hundred episodes ten are drawn at random, and the lowest scored stand in a list of their own. What people say is
    appended to reviews.jsonl at once; a rejected episode moves to failures/, undo brings it back. docs/review.md goes through it.

    Exit code 1 when lines of --import could not be taken in.

    Args:
        dataset: the dataset's folder.
        per_hundred: how many of a hundred new episodes are drawn.
        twice: how many percent of these two people watch, so that their agreement can be computed.
        seed: of the draws; what was drawn stays drawn.
        host: address that the page is served at; anything but this computer's own asks for the token that is printed.
        port: of the page; 0 takes any that is free.
        browser: open the page in the browser, where somebody sits at the terminal.
        static: write the page with its episodes as a folder, to send to somebody without Understudy, and end.
        bring_in: take in the decisions that such a folder's page downloaded, and end.
        report: print how far the review is and end.
        json: print that as JSON; beside the page, when it ends.
    """
    from understudy.apps.cli._console import note
    from understudy.apps.cli._review import bring_in_file, opened_session, print_report, serve, write_folder
    from understudy.pipeline.review.draw import Quota

    session = opened_session(dataset, Quota(per_hundred, twice / 100.0, seed))
    refused = bring_in_file(session, bring_in) if bring_in is not None else ()
    if static is not None:
        write_folder(session, static)
    elif bring_in is None and not report:
        serve(session, host=host, port=port, browser=browser)
    if report or json:
        print_report(session, as_json=json)
    for text in refused:
        note(text)
    return FINDINGS if refused else DONE


PLUGIN: Command = Command.of(review)
