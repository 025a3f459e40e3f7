"""Read an export back and hold it against the dataset it came from."""

from __future__ import annotations

from understudy.apps.cli._arguments import NewDir, Off, OptionalFolder
from understudy.apps.cli._command import Command


def validate(
    out: NewDir,
    /,
    *,
    dataset: OptionalFolder = None,
    json: Off = False,
) -> int:
    """Read an export back and hold it against the dataset it came from.

    Checks sizes, joint order by name, indices, times, statistics, videos, and every value where the dataset is at hand.
    Exit code 1 when something does not hold.

    Args:
        out: folder that `understudy export` wrote.
        dataset: the dataset's folder; what the export says it came from when left out.
        json: print the findings as JSON.
    """
    from understudy.apps.cli._command import DONE, FINDINGS
    from understudy.apps.cli._console import print_table, say, say_json
    from understudy.pipeline.export import source_of, validate_export
    from understudy.store.dataset import Dataset

    root = dataset or source_of(out)
    findings = validate_export(out, Dataset.open(root) if root else None)
    if json:
        held_against = str(root) if root else None
        say_json({"out": str(out), "dataset": held_against, "findings": [f.model_dump(mode="json") for f in findings]})
        return FINDINGS if findings else DONE
    if findings:
        print_table(("check", "column", "what was found"), [(f.gate, f.stream, f.message) for f in findings])
        say(f"{out}: {len(findings)} findings; export again, and report it if they come back")
        return FINDINGS
    say(f"{out}: holds, {f'every value equals {root}' if root else 'the dataset is not at hand: values were not compared'}")
    return DONE


PLUGIN: Command = Command.of(validate)
