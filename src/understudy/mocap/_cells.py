"""The numbers of a delimited text table, with empty cells as NaN: straight from the bytes, compiled."""

from __future__ import annotations

import re

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._bvh_numbers import read_numbers

_EMPTY = 1.5e250
_STAND_IN = b"15e249"
"""What stands in an empty cell while the numbers are read; no position can have it."""

_NAN = re.compile(rb"[-+]?(nan|inf(inity)?|na|null)(?=[,;\t\r\n ]|$)", re.IGNORECASE)
_BLANKS, _LETTERS = (b" ", b"\x0b", b"\x0c"), (b"n", b"N", b"i", b"I")
ROW_ENDS = b"\r\n\t,; "
"""What a row without content may hold."""


def number_table(rows: list[bytes], separator: bytes, columns: int, where: str, first_line: int) -> F64:
    """Cells of a table.

    Args:
        rows: lines without their ends; a row may stop early, its last cells are then empty.
        separator: one byte.
        columns: cells per row; further cells must be empty.
        where: name of the file, for messages.
        first_line: line of the first row in the file.

    Returns:
        (len(rows), columns), NaN where a cell is empty or says NaN.

    Raises:
        MocapError: a cell is no number, or a row is too long; names the line and the cell.
    """
    full = [_exact(row, separator, columns, where, first_line + i) for i, row in enumerate(rows)]
    text = separator.join(full)
    if separator != b"," and b"," in text and b"." not in text:
        text = text.replace(b",", b".")  # decimal commas, as spreadsheets of many countries write them
    if any(blank in text for blank in _BLANKS):
        text = re.sub(rb"[ \x0b\x0c]*" + separator + rb"[ \x0b\x0c]*", separator, text).strip(b" ")
    if any(letter in text for letter in _LETTERS):
        text = _NAN.sub(b"", text)
    doubled = separator + separator
    while doubled in text:
        text = text.replace(doubled, separator + _STAND_IN + separator)
    text = (_STAND_IN if text[:1] == separator or not text else b"") + text + (_STAND_IN if text[-1:] == separator else b"")
    data = np.frombuffer(text.replace(separator, b" "), dtype=np.uint8)
    out = np.empty(len(rows) * columns)
    filled, wrong = read_numbers(data, out)
    if wrong >= 0 or filled != out.size:
        row, column = divmod(filled, columns)
        word = text[max(wrong, 0) :].split(separator)[0][:40].decode("utf-8", "replace")
        raise MocapError(
            f"{where}:{first_line + row}: cell {column + 1} holds {word!r}, which is no number; "
            "leave it empty where a marker is missing"
        )
    out[out >= _EMPTY] = np.nan
    return out.reshape(len(rows), columns)


def _exact(row: bytes, separator: bytes, columns: int, where: str, line: int) -> bytes:
    """The row with exactly `columns` cells."""
    short = columns - 1 - row.count(separator)
    if short >= 0:
        return row + separator * short
    cut = row.split(separator)
    if any(cell.strip() for cell in cut[columns:]):
        raise MocapError(f"{where}:{line}: {len(cut)} cells, but the header names {columns}: export the file again")
    return separator.join(cut[:columns])


def text_lines(data: bytes) -> list[bytes]:
    """Lines of a text file, without a byte order mark and line ends."""
    return [line.rstrip(b"\r") for line in data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").split(b"\n")]


def cells(line: bytes, separator: bytes) -> list[str]:
    """Words of a header line, without blanks and quotes around them."""
    return [cell.strip().strip('"').strip() for cell in line.decode("utf-8", "replace").split(separator.decode())]


def without_blank_end(rows: list[bytes]) -> list[bytes]:
    """The rows up to the last one that holds anything."""
    last = len(rows)
    while last and not holds_something(rows[last - 1]):
        last -= 1
    return rows[:last]


def holds_something(line: bytes) -> bool:
    """Whether any cell of a line is filled."""
    return bool(line.strip(ROW_ENDS))


def fewer_rows(declared: str, there: int) -> str | None:
    """What to say of a table with fewer frames than its header declares; nothing where it declares none."""
    if not declared.isdecimal() or int(declared) <= there:
        return None
    return f"the header declares {int(declared)} frames, {there} are there: exported in part, or cut off"
