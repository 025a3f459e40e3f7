"""The text of a table of joint positions: `frame,time,<joint>.x,<joint>.y,<joint>.z,...`."""

from __future__ import annotations

import re

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64

AXES = ("x", "y", "z")
_SAID = re.compile(r"#\s*([a-z_]+)\s*[:=]\s*(\S+)\s*$", re.IGNORECASE)
_KNOWN = ("unit", "up", "rate_hz", "synthetic")
MAX_COLUMNS = 3002


def is_joint_csv(head: bytes) -> bool:
    """Whether the first line that is no comment begins with frame and time and names a joint's x."""
    for line in head.removeprefix(b"\xef\xbb\xbf").splitlines():
        if line.strip() and not line.lstrip().startswith(b"#"):
            words = [word.strip().lower() for word in line[:400].split(b",")]
            return len(words) > 4 and words[0] == b"frame" and words[1].startswith(b"time") and words[2].endswith(b".x")
    return False


def parse_joint_csv(data: bytes, where: str) -> tuple[tuple[str, ...], F64, F64 | None, dict[str, str]]:
    """Names, positions (T, J, 3) with NaN in gaps, times (T,) in seconds, and what the comments say.

    The times are None where the column is empty.

    Raises:
        MocapError: names file, line and column, and what to do.
    """
    if not data.strip():
        raise MocapError(f"{where}: the file is empty: export or copy it again")
    if b"\0" in data[:4096]:
        raise MocapError(f"{where}: a binary file; a table of joint positions is text")
    said: dict[str, str] = {}
    lines = data.decode("utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if line.lstrip().startswith("#"):
            found = _SAID.match(line.strip())
            if found and found[1].lower() in _KNOWN:
                said[found[1].lower()] = found[2]
        elif line.strip():
            names = _names(line.split(","), f"{where}:{number}")
            table = _table(lines, number, 2 + 3 * len(names), where)
            t_s = table[:, 1] if table.size and not np.isnan(table[:, 1]).all() else None
            if t_s is not None and "rate_hz" in said:
                t_s = None
            return names, table[:, 2:].reshape(len(table), len(names), 3), t_s, said
    raise MocapError(f"{where}: no line with column names: frame,time,<joint>.x,<joint>.y,<joint>.z,... is needed")


def _names(columns: list[str], at: str) -> tuple[str, ...]:
    words = [word.strip() for word in columns]
    if len(words) > MAX_COLUMNS:
        raise MocapError(f"{at}: {len(words)} columns; at most {MAX_COLUMNS} are read")
    if len(words) < 5 or words[0].lower() != "frame" or not words[1].lower().startswith("time"):
        raise MocapError(f"{at}: the columns begin with {','.join(words[:3])[:60]!r}; frame,time,<joint>.x,... are needed")
    names = []
    for k in range(2, len(words), 3):
        parts = [word.rpartition(".") for word in words[k : k + 3]]
        joint = parts[0][0]
        if [part[2].lower() for part in parts] != list(AXES) or {part[0] for part in parts} != {joint} or not joint:
            raise MocapError(f"{at}: columns {k + 1} to {k + 3} are {','.join(words[k : k + 3])[:60]!r}; <joint>.x,.y,.z are due")
        names.append(joint)
    return tuple(names)


def _table(lines: list[str], after: int, width: int, where: str) -> F64:
    """(T, width) the cells below the header; an empty one is NaN."""
    rows = []
    for number, line in enumerate(lines[after:], start=after + 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells = line.split(",")
        if len(cells) != width:
            raise MocapError(f"{where}:{number}: {len(cells)} cells, the header has {width}: the file is truncated or damaged")
        try:
            rows.append([float(cell) if cell.strip() else np.nan for cell in cells])
        except ValueError:
            bad = next(k for k, cell in enumerate(cells) if cell.strip() and not _is_number(cell))
            raise MocapError(f"{where}:{number}: column {bad + 1} is {cells[bad].strip()[:40]!r}; a number is needed") from None
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
