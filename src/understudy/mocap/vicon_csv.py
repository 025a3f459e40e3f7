"""Vicon Nexus CSV: the section of trajectories in a text export; model outputs, joints and devices are left alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

from understudy.errors import MocapError
from understudy.mocap._cells import cells, holds_something, number_table, text_lines
from understudy.mocap._file import read_bytes
from understudy.mocap._labelled_points import motion_from_points
from understudy.mocap._markers import LENGTH_UNITS_M, MarkerTake, check_take, even_frames, number_cell
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import HumanMotion

SECTIONS = ("Trajectories", "Joints", "Segments", "Model Outputs", "Devices", "Events")
SEPARATORS = (b",", b"\t", b";")


class ViconCsv:
    """Reader of CSV files by Vicon Nexus."""

    suffixes: tuple[str, ...] = (".csv",)
    title: str = "Vicon Nexus trajectories"

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether the first line is the title of a section of Nexus, and the second a rate."""
        lines = text_lines(head)
        if len(lines) < 3 or _title(lines[0]) not in SECTIONS:
            return False
        rate = lines[1].strip(b",;\t ")
        return rate.replace(b".", b"", 1).isdigit() or _title(lines[0]) == "Events"

    def read(self, path: Path) -> HumanMotion:
        """The motion in `path`, from markers, or from joint centres where the points are named so.

        Raises:
            MocapError: damaged file, no trajectories in it, no whole body, or no frame that shows it.
        """
        data = read_bytes(path)
        take = take_from_vicon_csv(data, str(path))
        return motion_from_points(take, path=str(path), sha256=hashlib.sha256(data).hexdigest(), format_name="vicon_csv")


def _title(line: bytes) -> str:
    return line.strip(b',;\t" ').decode("utf-8", "replace")


def take_from_vicon_csv(data: bytes, where: str) -> MarkerTake:
    """The trajectories in the bytes of a CSV file.

    Raises:
        MocapError: names the line and what is wrong there.
    """
    lines = text_lines(data)
    start = next((i for i, line in enumerate(lines) if _title(line) == "Trajectories"), None)
    if start is None or len(lines) < start + 5:
        raise MocapError(f"{where}: no section 'Trajectories' with its header: export the trajectories of Nexus as ASCII")
    separator = max(SEPARATORS, key=lines[start + 3].count)
    rate_hz = number_cell(cells(lines[start + 1], separator)[0], f"the rate on line {start + 2}", where)
    names, columns, unit_m = _columns([cells(line, separator) for line in lines[start + 2 : start + 5]], where, start + 3)
    first = start + 5
    end = next((i for i in range(first, len(lines)) if not holds_something(lines[i])), len(lines))
    width = len(cells(lines[start + 3], separator))
    table = number_table(lines[first:end], separator, width, where, first + 1)
    pos, left_out = even_frames(table[:, 0], table[:, columns].reshape(len(table), len(names), 3), where)
    take = MarkerTake(names, pos * unit_m, rate_hz, unit_m, warnings=(left_out,) if left_out else ())
    return check_take(take, where)


def _columns(header: list[list[str]], where: str, line: int) -> tuple[tuple[str, ...], list[int], float]:
    """Names, their X Y Z columns, and metres per unit, from the lines of names, axes and units.

    Velocities (X') and trajectories that are no lengths are left out.
    """
    titles, axes, units = (row + [""] * (max(map(len, header)) - len(row)) for row in header)
    if axes[:1] != ["Frame"]:
        raise MocapError(f"{where}:{line + 1}: found {axes[:2]} where 'Frame, Sub Frame, X, Y, Z' is expected: export again")
    found = [
        i for i in range(2, len(axes) - 2)
        if titles[i] and axes[i : i + 3] == ["X", "Y", "Z"] and all(unit.lower() in LENGTH_UNITS_M for unit in units[i : i + 3])
    ]  # fmt: skip
    scales = {LENGTH_UNITS_M[units[i].lower()] for i in found}
    if not found:
        raise MocapError(f"{where}:{line}: no trajectory with a name, X Y Z and a unit of length: label the markers")
    if len(scales) > 1:
        raise MocapError(f"{where}:{line + 2}: trajectories in different units {sorted(scales)} m: export them in one unit")
    return tuple(titles[i] for i in found), [i + k for i in found for k in range(3)], scales.pop()


PLUGIN: MocapReader = ViconCsv()
