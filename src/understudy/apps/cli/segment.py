"""Split episodes into locomotion, manipulation and idle; show and correct the segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import tyro

from understudy.apps.cli._arguments import DatasetDir, Off, OptionalFile, Text
from understudy.apps.cli._command import DONE, FINDINGS, Command, UsageError

if TYPE_CHECKING:
    from understudy.pipeline.segment import Segmented

SetFile = Annotated[OptionalFile, tyro.conf.arg(name="set")]


def segment(
    dataset: DatasetDir,
    /,
    *,
    json: Off = False,
    redo: Off = False,
    overwrite: Off = False,
    save: OptionalFile = None,
    set_: SetFile = None,
    by: Text = "person",
) -> int:
    """Split every episode into locomotion, manipulation and idle; what a person set is never replaced unasked.

    Exit code 1 when an episode could not be split.

    Args:
        dataset: the dataset's folder.
        json: print every segment as JSON.
        redo: split anew what the rule split before; what a person set stays.
        overwrite: with --redo, replace what persons set too.
        save: also write the segments to this .csv or .json file, to be edited and given to --set.
        set_: take the segments of the episodes that this .csv or .json file names from there.
        by: who set them, as a code.
    """
    from understudy.apps.cli._console import note, progress, say_json
    from understudy.pipeline.segment import segment_dataset
    from understudy.pipeline.segment_table import apply_table, rows_of, write_table
    from understudy.store.dataset import Dataset

    if overwrite and not redo:
        raise UsageError("--overwrite goes with --redo: it lets the rule replace what persons set")
    opened = Dataset.open(dataset)
    if set_ is not None:
        changed = apply_table(opened, set_, by=by)
        note(f"{len(changed)} episodes have their segments from {set_} now; what differs is noted as set by {by}")
    with progress("segmenting") as advance:
        found = segment_dataset(opened, advance, redo=redo, overwrite=overwrite)
    if save is not None:
        write_table(save, found)
    if json:
        say_json({"segments": rows_of(found), "failed": {one.id: one.error for one in found if one.error}})
    else:
        _print(found)
    return FINDINGS if any(one.did == "failed" for one in found) else DONE


def _print(found: tuple[Segmented, ...]) -> None:
    from understudy.apps.cli._console import print_table, say

    rows = [
        (one.id, *(f"{(t - one.start_ns) * 1e-9:.2f}" for t in (s.start_ns, s.end_ns)), s.label, s.source, s.by, s.subtask)
        for one in found
        for s in one.segments
    ]
    if rows:
        print_table(("episode", "from s", "to s", "label", "source", "by", "subtask"), rows, right=("from s", "to s"))
    for one in found:
        if one.error:
            say(f"{one.id}: {one.error}")
    split = sum(one.did == "split" for one in found)
    say(f"{len(found)} episodes, {split} split now, {sum(one.did == 'failed' for one in found)} not possible")


PLUGIN: Command = Command.of(segment)
