"""What commands print with: one console for results, one for progress, tables with the same look everywhere.

Results go to stdout and progress to stderr, so a command's output can be piped while its bars stay on the screen.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from understudy.spec.protocols import Progress

VERDICT_STYLE: Mapping[str, str] = {
    "accepted": "green", "rejected": "red", "unchecked": "yellow",
    "ok": "green", "missing": "red", "optional": "yellow", "reject": "red", "warn": "yellow", "info": "dim",
}  # fmt: skip
"""Colour of a verdict, a severity or a doctor's finding wherever one is printed."""


PIPED_WIDTH = 132
"""Columns of a table that goes into a file or a pipe, which have no width of their own."""


@cache
def _console(stderr: bool) -> Console:
    from rich.console import Console

    screen = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not screen.is_terminal:
        screen.width = PIPED_WIDTH
    return screen


def console() -> Console:
    """Where results go: stdout."""
    return _console(False)


def say(text: str) -> None:
    """One line of result, written as it is: brackets in a file name are no markup."""
    console().print(text, markup=False, soft_wrap=True)


def note(text: str) -> None:
    """One line for people beside the result, on stderr: what is on stdout stays what was asked for."""
    print(text, file=sys.stderr)


def complain(message: str) -> None:
    """An error, on stderr."""
    note(f"understudy: error: {message}")


def say_json(value: object) -> None:
    """`value` as JSON on stdout: what `--json` prints, whole and without colours."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """A progress bar on stderr while the block runs; gives the callback (done, total).

    Where stderr is not a terminal nothing moves; one line is left when the work is done.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Bars(*columns, console=_console(True)) as bars:
        task = bars.add_task(title, total=None)

        def advance(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        yield advance


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "", right: Sequence[str] = ()) -> None:
    """A table on stdout.

    Args:
        columns: headings.
        rows: one cell per column; a cell that is a word of `VERDICT_STYLE` is coloured.
        title: printed above.
        right: headings of the columns that hold figures.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        figure = column in right
        table.add_column(column, justify="right" if figure else "left", overflow="fold", no_wrap=figure)
    for row in rows:
        table.add_row(*(Text(str(cell), style=VERDICT_STYLE.get(str(cell), "")) for cell in row))
    console().print(table)
