"""TRC (track row column): marker positions as text, by Motion Analysis; written by OpenSim, OpenCap, Pose2Sim and others."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._cells import cells, fewer_rows, holds_something, number_table, text_lines, without_blank_end
from understudy.mocap._file import read_bytes
from understudy.mocap._labelled_points import motion_from_points
from understudy.mocap._markers import (
    MOST_MARKERS,
    MarkerTake,
    check_take,
    even_frames,
    length_unit,
    number_cell,
    true_rate,
)
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import HumanMotion

HEAD_LINES = 5


class Trc:
    """Reader of TRC files."""

    suffixes: tuple[str, ...] = (".trc",)
    title: str = "TRC marker trajectories"

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether the text begins with PathFileType."""
        return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:12].lower() == b"pathfiletype"

    def read(self, path: Path) -> HumanMotion:
        """The motion in `path`, from markers, or from joint centres where the points are named so.

        Raises:
            MocapError: damaged file, no whole body, or no frame that shows it.
        """
        data = read_bytes(path)
        take = take_from_trc(data, str(path))
        return motion_from_points(take, path=str(path), sha256=hashlib.sha256(data).hexdigest(), format_name="trc")


def take_from_trc(data: bytes, where: str) -> MarkerTake:
    """The points in the bytes of a TRC file.

    Raises:
        MocapError: names the line and what is wrong there.
    """
    lines = text_lines(data)
    if len(lines) < HEAD_LINES or cells(lines[0], b"\t")[0].lower()[:12] != "pathfiletype":
        raise MocapError(f"{where}:1: not a TRC file: it must begin with PathFileType and have {HEAD_LINES} header lines")
    separator = b"\t" if b"\t" in lines[1] else b","
    keys = _keys(cells(lines[1], separator), cells(lines[2], separator))
    stated_hz = number_cell(keys.get("DataRate", ""), "DataRate on line 3", where)
    unit_m = length_unit(keys.get("Units", ""), f"{where}:3")
    names = _names(lines, separator, where)
    first = next((i for i in range(HEAD_LINES, len(lines)) if holds_something(lines[i])), len(lines))
    rows, nameless = _named_columns(without_blank_end(lines[first:]), separator, 2 + 3 * len(names))
    table = number_table(rows, separator, 2 + 3 * len(names), where, first + 1)
    rate_hz, odd_rate = true_rate(stated_hz, table[:, 1])
    place, odd_times = _places(table[:, 0], table[:, 1], rate_hz)
    pos, left_out = even_frames(place, table[:, 2:].reshape(len(table), len(names), 3), where)
    warnings = [odd_rate, odd_times, left_out, nameless, fewer_rows(keys.get("NumFrames", ""), len(rows))]
    take = MarkerTake(
        names, pos * unit_m, rate_hz, unit_m, warnings=tuple(text for text in warnings if text)
    )  # fmt: skip
    return check_take(take, where)


def _keys(keys: list[str], values: list[str]) -> dict[str, str]:
    """Entries of lines 2 and 3; some programs set two separators between the values, but one between the keys."""
    filled = [value for value in values if value]
    return dict(zip(keys, filled if len(values) > len(keys) and len(filled) == len(keys) else values, strict=False))


def _named_columns(rows: list[bytes], separator: bytes, columns: int) -> tuple[list[bytes], str | None]:
    """The rows without whole points beyond the last name, such as Cortex writes of unnamed trajectories; and what was cut."""
    further = max((row.count(separator) + 1 for row in rows), default=0) - columns
    if further < 3:
        return rows, None
    cut = [separator.join(row.split(separator, columns)[:columns]) for row in rows]
    return cut, f"{further // 3} points behind the last name have none; they were left out"


def _places(frame: F64, t_s: F64, rate_hz: float) -> tuple[F64, str | None]:
    """(T,) frame of each row, by the times; by the frame numbers where there are no times or these do not fit any rate."""
    by_time = t_s * rate_hz
    if not np.isfinite(by_time).all():
        return frame, None
    if len(frame) > 1 and np.any(np.diff(np.rint(by_time - by_time[0])) < 1.0) and np.all(np.diff(frame) == 1.0):
        return frame, "the times of the rows are not evenly spaced; the frame numbers were taken"
    return by_time, None


def _names(lines: list[bytes], separator: bytes, where: str) -> tuple[str, ...]:
    """Marker names of line 4, held against the coordinates of line 5."""
    names = tuple(name for name in cells(lines[3], separator)[2:] if name)
    columns = sum(bool(cell) for cell in cells(lines[4], separator))
    if len(names) > MOST_MARKERS:
        raise MocapError(f"{where}:4: {len(names)} markers; at most {MOST_MARKERS} are read")
    if not names and not columns:
        raise MocapError(f"{where}:4: the file names no marker: label the markers, and export the take again")
    if columns != 3 * len(names):
        raise MocapError(
            f"{where}:4: {len(names)} marker names, but {columns} coordinates on line 5; there must be three per name: "
            "the header is damaged, or a marker has no name"
        )
    return names


PLUGIN: MocapReader = Trc()
