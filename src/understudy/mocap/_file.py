"""Bytes of a file that a user named, or a message that says why not."""

from __future__ import annotations

from pathlib import Path

from understudy.errors import MocapError, did_you_mean


def read_bytes(path: Path, limit: int = -1) -> bytes:
    """The first `limit` bytes of `path`, all of them by default.

    Raises:
        MocapError: no such file, a directory, or not readable.
    """
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except FileNotFoundError:
        raise MocapError(f"{path}: no such file{_neighbour(path)}") from None
    except IsADirectoryError:
        raise MocapError(f"{path}: a directory, not a motion capture file; name the file in it") from None
    except OSError as error:
        raise MocapError(f"{path}: cannot be read: {error.strerror}") from error


def _neighbour(path: Path) -> str:
    return did_you_mean(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else ""
