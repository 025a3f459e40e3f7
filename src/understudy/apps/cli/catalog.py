"""List episodes of a dataset by what is known of them: filters, columns, SQL."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import tyro

from understudy.apps.cli._arguments import Count, DatasetDir, Off, OptionalNames, OptionalText, Text
from understudy.apps.cli._command import Command, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

Conditions = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="CONDITION...", help_behavior_hint="")]
SHOWN = ("id", "task", "partition", "verdict", "demonstrator_id", "motion_source", "duration_s", "quality_rating", "refused_by")
"""Columns of the table when none are asked for."""


def catalog(
    dataset: DatasetDir,
    /,
    where: Conditions = (),
    *,
    columns: OptionalNames = None,
    sort: OptionalText = None,
    descending: Off = False,
    limit: Count = 0,
    sql: Text = "",
    ids: Off = False,
    csv: Off = False,
    json: Off = False,
) -> int:
    """List episodes of a dataset by what is known of them: catalog.parquet, brought up to date first.

    A condition is COLUMN OP VALUE with = != < <= > >= or ~ (contains); all have to hold. `understudy catalog DIR --columns`
    without a name lists the columns. Mind the shell: quote conditions with < or >.

    Args:
        dataset: the dataset's folder.
        where: conditions, such as task=squat 'quality_rating>=0.7' refused_by~skate demonstrator_id=.
        columns: columns to show; without names, say which there are.
        sort: column to sort by.
        descending: sort downwards.
        limit: most rows to show; 0 shows all.
        sql: a statement about the table `catalog` in DuckDB's SQL, on what the conditions leave.
        ids: print ids only, one a line, for other commands.
        csv: print as CSV.
        json: print as JSON, one object per row.
    """
    from understudy.apps.cli._console import progress, say
    from understudy.store.catalog import refresh_catalog
    from understudy.store.catalog_query import ask, matching, ordered
    from understudy.store.catalog_query import columns as chosen
    from understudy.store.dataset import Dataset

    if ids + csv + json > 1:
        raise UsageError("--ids, --csv and --json exclude each other; give one")
    if limit < 0:
        raise UsageError(f"--limit is {limit}; give a count, or 0 for all")
    opened = Dataset.open(dataset)
    with progress("reading") as advance:
        table = refresh_catalog(opened, progress=advance)
    if columns == ():
        for field in table.schema:
            say(f"{field.name}  {field.type}")
        return 0
    table = matching(table, where)
    table = ordered(table, sort, downwards=descending) if sort else table
    table = ask(table, sql) if sql else chosen(table, _wanted(columns, ids=ids, whole=csv or json, table=table))
    _show(table.slice(0, limit) if limit else table, ids=ids, csv=csv, json=json)
    return 0


def _wanted(columns: tuple[str, ...] | None, *, ids: bool, whole: bool, table: pa.Table) -> tuple[str, ...]:
    if ids:
        return ("id",)
    if columns is not None:
        return columns
    import pyarrow.types as kinds

    plain = tuple(field.name for field in table.schema if not kinds.is_fixed_size_list(field.type))
    return plain if whole else SHOWN


def _show(table: pa.Table, *, ids: bool, csv: bool, json: bool) -> None:
    from understudy.apps.cli._console import print_table, say, say_json

    if ids:
        if "id" not in table.column_names:
            raise UsageError(f"--ids: the answer has no column id, but {', '.join(table.column_names)}")
        sys.stdout.writelines(f"{name}\n" for name in table["id"].to_pylist())
    elif csv:
        from pyarrow.csv import write_csv

        write_csv(table, sys.stdout.buffer)
    elif json:
        say_json(table.to_pylist())
    else:
        import pyarrow.types as kinds

        right = [
            f.name for f in table.schema if kinds.is_integer(f.type) or kinds.is_floating(f.type) or kinds.is_decimal(f.type)
        ]
        rows = [[_text(row[name]) for name in table.column_names] for row in table.to_pylist()]
        if rows:
            print_table(table.column_names, rows, right=right)
        say(f"{table.num_rows} rows")


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)


PLUGIN = Command.of(catalog)
