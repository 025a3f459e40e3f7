"""Questions to a catalog: plain conditions, or SQL where DuckDB is installed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from understudy.errors import InputError, MissingDependencyError, UnknownNameError

if TYPE_CHECKING:
    import pyarrow as pa

_CONDITION = re.compile(r"\s*(?P<column>\w+)\s*(?P<op><=|>=|!=|=|<|>|~)\s*(?P<value>.*?)\s*", re.DOTALL)
OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "~")
"""What a condition may compare by; `~` is "contains", upper and lower case alike."""


def matching(table: pa.Table, conditions: Sequence[str]) -> pa.Table:
    """The rows for which every condition holds.

    Args:
        table: a catalog.
        conditions: each `COLUMN OP VALUE` with an operator of `OPERATORS`; an empty value asks for a cell without one.

    Raises:
        InputError: not such a condition, or a value that its column cannot be compared with.
        UnknownNameError: there is no such column.
    """
    for text in conditions:
        table = table.filter(_mask(table, text))
    return table


def _mask(table: pa.Table, text: str) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    found = _CONDITION.fullmatch(text)
    if found is None:
        raise InputError(f"condition {text!r}: write COLUMN OP VALUE, such as task=squat or 'quality_rating>=0.7'; "
                         f"OP is one of {' '.join(OPERATORS)}")  # fmt: skip
    name, op, value = found["column"], found["op"], found["value"]
    column = _column(table, name)
    if value == "" and op in ("=", "!="):
        empty = pc.or_kleene(pc.is_null(column), pc.equal(column, "")) if _is_text(column) else pc.is_null(column)
        return pc.fill_null(empty if op == "=" else pc.invert(empty), op == "=")
    if op == "~":
        if not _is_text(column):
            raise InputError(f"condition {text!r}: ~ looks into text, and {name} is a number; use = < > <= >= or !=")
        return pc.fill_null(pc.match_substring(column, value, ignore_case=True), False)
    compare = {"=": pc.equal, "!=": pc.not_equal, "<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal}[op]
    return pc.fill_null(compare(column, value if _is_text(column) else _number(value, text)), op == "!=")


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    import pyarrow.types as kinds

    known = [field.name for field in table.schema if not kinds.is_fixed_size_list(field.type)]
    if name not in known:
        raise UnknownNameError("column of the catalog", name, known)
    return table[name]


def _is_text(column: pa.ChunkedArray) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_string(column.type))


def _number(value: str, text: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InputError(f"condition {text!r}: the column holds numbers, and {value!r} is none") from None


def ordered(table: pa.Table, column: str, *, downwards: bool = False) -> pa.Table:
    """The rows sorted by a column; empty cells last.

    Raises:
        UnknownNameError: there is no such column.
    """
    _column(table, column)
    return table.sort_by([(column, "descending" if downwards else "ascending")])


def columns(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Some columns, in that order.

    Raises:
        UnknownNameError: there is no such column.
    """
    for name in names:
        _column(table, name)
    return table.select(list(names))


def ask(table: pa.Table, sql: str) -> pa.Table:
    """The answer to an SQL statement about the table `catalog`. It reaches no file, and nothing it does is kept.

    Raises:
        MissingDependencyError: DuckDB is not installed.
        InputError: DuckDB does not take the statement; its words are given.
    """
    try:
        import duckdb
    except ImportError:
        raise MissingDependencyError(
            "questions in SQL need DuckDB: pip install 'understudy[query]'; plain conditions work without"
        ) from None
    with duckdb.connect(":memory:", config={"enable_external_access": False}) as connection:
        connection.register("catalog", table)
        try:
            answer = connection.sql(sql)
            if answer is None:
                raise InputError(f"this statement answers nothing: {sql!r}; begin it with SELECT")
            return answer.to_arrow_table()
        except duckdb.Error as error:
            raise InputError(f"DuckDB does not take this: {error}") from None
