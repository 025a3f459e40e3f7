"""Where in a schema's text something stands, so that a message can name the line."""

from __future__ import annotations

import re

_TABLE = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"\s*([\w.-]+|\"[^\"]*\")\s*=")

Place = tuple[str | int, ...]


def line_of(text: str, place: Place) -> int | None:
    """Line, from 1, of a key or table in a TOML text; of the innermost table around a key that is not there.

    Args:
        text: the TOML text, tables and keys one to a line.
        place: such as `("streams", 3, "unit")`, as validation errors give it.
    """
    wanted = tuple(str(part) for part in place)
    table: tuple[str, ...] = ()
    seen: dict[tuple[str, ...], int] = {}
    best: tuple[int, int | None] = (0, None)
    for number, line in enumerate(text.splitlines(), 1):
        if found := _TABLE.match(line):
            table = _parts(found[2])
            if found[1] == "[[":
                seen[table] = seen.get(table, -1) + 1
                table = (*table, str(seen[table]))
            here = table
        elif key := _KEY.match(line):
            here = (*table, *_parts(key[1]))
        else:
            continue
        if len(here) > best[0] and wanted[: len(here)] == here:
            best = (len(here), number)
    return best[1]


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part.strip('" ') for part in re.findall(r"\"[^\"]*\"|[^.]+", name))
