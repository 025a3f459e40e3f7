"""Say what works on this machine, what is missing and how to get it."""

from __future__ import annotations

from pathlib import Path

from understudy.apps.cli._arguments import Folder, Off
from understudy.apps.cli._command import DONE, FINDINGS, Command


def doctor(*, json: Off = False, folder: Folder = Path()) -> int:
    """Say what works on this machine, what is missing and how to get it.

    Exit code 0 when the main job (a clip to a dataset) works, 1 when something that it needs is missing.

    Args:
        json: print the result as JSON.
        folder: where datasets will be written; its disk is looked at.
    """
    from dataclasses import asdict

    from understudy.apps.cli._console import print_table, say, say_json
    from understudy.apps.cli._doctor_checks import run_checks

    checks = run_checks(folder)
    works = all(check.state != "missing" for check in checks)
    if json:
        say_json({"works": works, "checks": [asdict(check) for check in checks]})
    else:
        print_table(["", "what", "found"], [(check.state, check.name, check.found) for check in checks])
        for check in checks:
            if check.remedy:
                say(f"{check.name}: {check.remedy}")
        say("The main job works here." if works else "The main job does not work here yet: see the lines marked missing.")
    return DONE if works else FINDINGS


PLUGIN: Command = Command.of(doctor)
