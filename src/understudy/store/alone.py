"""One process at a time changes what is noted about the episodes of a dataset, and where they lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from understudy.store.atomic import storage_error

LOCK = ".lock"


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Nobody else writes notes or moves episodes of the dataset in `root` inside the block; waits until that is so.

    It is held for moments only: to write notes and to move one episode. A process that dies lets go of it. Where the system knows
    no locks nobody waits.

    Raises:
        StorageError: the file beside schema.toml that is locked cannot be made.
    """
    try:
        fd = os.open(root / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise storage_error(root / LOCK, error) from error
    try:
        _wait_for(fd)
        yield
    finally:
        os.close(fd)


def _wait_for(fd: int) -> None:
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError:
        return  # a network disk without locks: whoever moves an episode last has the last word
