"""Hold the collection plan against what is there, and say what to collect next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.apps.cli._arguments import DatasetDir, Off
from understudy.apps.cli._command import Command

if TYPE_CHECKING:
    from understudy.pipeline.plan import Progress, Target


def plan(dataset: DatasetDir, /, *, init: Off = False, json: Off = False) -> int:
    """Hold the collection plan (plan.toml in the dataset) against what is there, and say what to collect next.

    Args:
        dataset: the dataset's folder.
        init: write a plan to edit.
        json: print everything as JSON.
    """
    from understudy.apps.cli._console import progress, say, say_json
    from understudy.pipeline.plan import progress_of, read_plan, start_plan, strangers_text
    from understudy.spec.plan import PLAN
    from understudy.store.catalog import catalog_rows, refresh_catalog
    from understudy.store.dataset import Dataset

    opened = Dataset.open(dataset)
    if init:
        start_plan(opened)
        say(f"{opened.root / PLAN} written: edit it, then run `understudy plan {dataset}`")
        return 0
    wanted = read_plan(opened)
    with progress("reading") as advance:
        table = refresh_catalog(opened, progress=advance)
    reached = progress_of(wanted, catalog_rows(table))
    if json:
        say_json(_as_json(reached))
    else:
        _print(reached)
        if text := strangers_text(reached, wanted):
            say(text)
    return 0


def _print(reached: Progress) -> None:
    from understudy.apps.cli._console import print_table, say

    rows = [
        (t.category or "plan", t.name, _figure(t, t.have), _figure(t, t.want), t.unit, f"{t.share:.0%}") for t in reached.targets
    ]
    if rows:
        print_table(("category", "what", "have", "want", "unit", "there"), rows, right=("have", "want", "there"))
    for source, have, want in reached.shares:
        say(f"{source}: {have:.0%} of the episodes, wanted {want:.0%}")
    say(f"{reached.counted} episodes count, {reached.left_out} were refused or cannot be read")
    if reached.next:
        say("next:")
        for line in reached.next:
            say(f"  {line}")
    else:
        say("the plan is reached")


def _figure(target: Target, value: float) -> str:
    return f"{value:.0f}" if target.unit == "episodes" else f"{value:.2f}"


def _as_json(reached: Progress) -> dict[str, object]:
    return {
        "targets": [
            {"category": t.category, "name": t.name, "have": t.have, "want": t.want, "unit": t.unit, "missing": t.missing}
            for t in reached.targets
        ],
        "shares": [{"motion_source": source, "have": have, "want": want} for source, have, want in reached.shares],
        "next": list(reached.next),
        "not_in_the_plan": dict(reached.strangers),
        "counted": reached.counted,
        "left_out": reached.left_out,
    }


PLUGIN = Command.of(plan)
