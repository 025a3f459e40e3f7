"""Bytes of a file that a user named, or a message that says why not."""

from __future__ import annotations

import difflib
from pathlib import Path

from understudy.errors import MocapError


def read_bytes(path: Path, limit: int = -1) -> bytes:
    """The first `limit` bytes of `path`, all of them by default.

    Raises:
        MocapError: no such file, a directory, or not readable.
    """
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except FileNotFoundError:
        near = _neighbour(path)
        raise MocapError(f"{path}: no such file" + (f"; did you mean {near}?" if near else "")) from None
    except IsADirectoryError:
        raise MocapError(f"{path}: a directory, not a motion capture file; name the file in it") from None
    except OSError as error:
        raise MocapError(f"{path}: cannot be read: {error.strerror}") from error


def _neighbour(path: Path) -> str | None:
    if not path.parent.is_dir():
        return None
    near = difflib.get_close_matches(path.name, [p.name for p in path.parent.iterdir()], n=1, cutoff=0.6)
    return str(path.parent / near[0]) if near else None
