"""Motive CSV: its header, and its columns gathered into things (bones, markers) with rotations and positions.

Line 1 holds pairs of key and value; below stand lines of types, names, ids, from version 1.24 on parents, of `Rotation` or
`Position`, and of axes beginning with `Frame,Time`.

Source: OptiTrack documentation, "Data Export: CSV", format versions 1.2 to 1.25.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._cells import cells, fewer_rows, holds_something, number_table, text_lines, without_blank_end
from understudy.mocap._markers import even_frames, length_unit, number_cell, true_rate

HEADER_LINES = 12
"""The line of axes lies within the first lines."""
KINDS = ("Bone", "Marker", "Bone Marker", "Rigid Body", "Rigid Body Marker")


@dataclass(frozen=True)
class Thing:
    """A bone or a marker.

    Attributes:
        kind: one of KINDS.
        name: as in the file, the subject before a colon.
        parent: name of the parent bone, empty where the file does not say.
        position: first of its three columns, -1 for none.
        rotation: first of its four columns, -1 for none.
    """

    kind: str
    name: str
    parent: str
    position: int
    rotation: int


@dataclass(frozen=True)
class MotiveFile:
    """What a Motive CSV holds.

    Attributes:
        keys: the pairs of line 1.
        things: bones and markers in the order of the file.
        table: (T, C) cells, NaN where empty; evenly numbered frames.
        rate_hz: frames per second.
        unit_m: metres per unit.
        warnings: what was noticed.
    """

    keys: dict[str, str]
    things: tuple[Thing, ...]
    table: F64
    rate_hz: float
    unit_m: float
    warnings: tuple[str, ...]

    def positions(self, things: list[Thing]) -> F64:
        """(T, N, 3) metres."""
        columns = [thing.position + k for thing in things for k in range(3)]
        return self.unit_m * self.table[:, columns].reshape(len(self.table), len(things), 3)

    def quaternions_xyzw(self, things: list[Thing]) -> F64:
        """(T, N, 4) in the order of the file: x, y, z, w."""
        columns = [thing.rotation + k for thing in things for k in range(4)]
        return self.table[:, columns].reshape(len(self.table), len(things), 4)


def parse_motive(data: bytes, where: str) -> MotiveFile:
    """Header and columns of a Motive CSV.

    Raises:
        MocapError: names the line and what is wrong there.
    """
    lines = text_lines(data)
    head = _csv_row(lines[0], where)
    if head[:1] != ["Format Version"]:
        raise MocapError(f"{where}:1: not a Motive CSV: it must begin with 'Format Version', found {head[0][:40]!r}")
    keys = dict(zip(head[::2], head[1::2], strict=False))
    version = head[1] if len(head) > 1 else ""
    if not version.startswith("1.2"):
        raise MocapError(f"{where}:1: format version {version[:20]!r} is not known; 1.2 to 1.25 are: export with Motive 2 or 3")
    axes_line = next((i for i in range(1, min(HEADER_LINES, len(lines))) if lines[i].startswith(b"Frame,")), None)
    if axes_line is None:
        raise MocapError(f"{where}: no line 'Frame,Time (Seconds),X,Y,Z' among the first {HEADER_LINES}: export with its header")
    things, width = _things(lines, axes_line, where)
    rows = without_blank_end(lines[axes_line + 1 :])
    table = number_table(_without_time_code(rows, lines[axes_line]), b",", width, where, axes_line + 2)
    stated = keys.get("Export Frame Rate") or keys.get("Capture Frame Rate", "")
    t_s = table[:, _time_column(lines[axes_line])]
    rate_hz, odd_rate = true_rate(number_cell(stated, "the frame rate on line 1", where), t_s)
    even, left_out = even_frames(t_s * rate_hz, table[:, :, None], where)
    warnings = [odd_rate, left_out, fewer_rows(keys.get("Total Exported Frames", ""), len(rows))]
    unit_m = length_unit(keys.get("Length Units", ""), f"{where}:1")
    return MotiveFile(keys, things, even[:, :, 0], rate_hz, unit_m, tuple(text for text in warnings if text))


def _csv_row(line: bytes, where: str) -> list[str]:
    """Cells of a header line whose names may hold commas in quotes."""
    text = line.decode("utf-8", "replace").replace("\0", "").replace("\r", " ")
    try:
        row = next(csv.reader(io.StringIO(text), strict=False), [""])
    except csv.Error as error:
        raise MocapError(f"{where}: a header line is damaged ({error}): export the file again") from error
    return [cell.strip() for cell in row] or [""]


def _time_column(axes: bytes) -> int:
    """Which of the first columns is the time; a time code may stand before or behind it."""
    columns = cells(axes, b",")[:4]
    return next((i for i, name in enumerate(columns) if name.lower().startswith("time (")), 1)


def _without_time_code(rows: list[bytes], axes: bytes) -> list[bytes]:
    """The rows with the text of their column TimeCode emptied."""
    columns = cells(axes, b",")[:4]
    if "TimeCode" not in columns:
        return rows
    at = columns.index("TimeCode")
    parts = [row.split(b",", at + 1) for row in rows]
    return [b",".join([*part[:at], b"", *part[at + 1 :]]) for part in parts]


def _things(lines: list[bytes], axes_line: int, where: str) -> tuple[tuple[Thing, ...], int]:
    """Bones and markers, and how many columns there are."""
    rows = [_csv_row(line, where) for line in lines[1:axes_line] if holds_something(line)]
    axes = _csv_row(lines[axes_line], where)
    if len(rows) < 3 or any(len(row) < 3 for row in rows):
        raise MocapError(f"{where}: {len(rows)} header lines above 'Frame,Time'; types, names and Rotation/Position are needed")
    labelled = {row[1]: row for row in rows if row[1]}
    kinds, names = labelled.get("Type", rows[0]), labelled.get("Name", rows[1])
    parents, what = labelled.get("Parent", []), rows[-1]

    def at(row: list[str], column: int) -> str:
        return row[column] if column < len(row) else ""

    found: dict[tuple[str, str], dict[str, int]] = {}
    parent_of: dict[tuple[str, str], str] = {}
    for column in range(2, len(axes)):
        key = (at(kinds, column), at(names, column))
        group = at(what, column)
        wanted = ["X", "Y", "Z", "W"] if group == "Rotation" else ["X", "Y", "Z"]
        if group in ("Rotation", "Position") and axes[column : column + len(wanted)] == wanted and key[0] in KINDS:
            same = all((at(kinds, c), at(names, c)) == key for c in range(column, column + len(wanted)))
            if same:
                found.setdefault(key, {}).setdefault(group, column)
                parent_of.setdefault(key, at(parents, column))
    things = [
        Thing(kind, name, parent_of[kind, name], own.get("Position", -1), own.get("Rotation", -1))
        for (kind, name), own in found.items()
        if "Position" in own
    ]
    if not things:
        raise MocapError(f"{where}: no column holds the position of a bone or a marker: export them")
    return tuple(things), len(axes)
