"""The file under a journal: every write reaches the system at once and whole, or the file ends where it ended before."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Protocol

from understudy.store.atomic import storage_error


class RawFile(Protocol):
    """What a journal writes to: `tell` and `write` as files have them, and `sync` from any thread."""

    def write(self, data: bytes) -> int:
        """All of `data`, or nothing and StorageError."""
        ...

    def tell(self) -> int:
        """Bytes written so far."""
        ...

    def flush(self) -> None:
        """Nothing is held back."""
        ...

    def sync(self) -> None:
        """Force what was written to the disk; StorageError where it refuses."""
        ...

    def close(self) -> None:
        """Twice is fine."""
        ...


class JournalFile:
    """A new file without any buffer of its own, locked while it is open so that nobody takes it for abandoned.

    Args:
        path: must not exist.

    Raises:
        StorageError: the disk refused.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._end = path, 0
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o644)
        except OSError as error:
            raise storage_error(path, error) from error
        lock(self._fd)

    def write(self, data: bytes) -> int:
        """See `RawFile`. A disk that takes a part only is asked again, and says why when it takes none."""
        view, done = memoryview(data), 0
        try:
            while done < len(view):
                step = os.write(self._fd, view[done:])
                if step == 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                done += step
        except OSError as error:
            self._cut()
            raise storage_error(self._path, error) from error
        self._end += done
        return done

    def _cut(self) -> None:
        """Take back half a write; where the disk refuses even that, a reader stops at it."""
        try:
            os.ftruncate(self._fd, self._end)
            os.lseek(self._fd, self._end, os.SEEK_SET)
        except OSError:
            return

    def tell(self) -> int:
        """Bytes written so far."""
        return self._end

    def flush(self) -> None:
        """Nothing is held back."""

    def sync(self) -> None:
        """Force data to the disk."""
        try:
            getattr(os, "fdatasync", os.fsync)(self._fd)
        except OSError as error:
            raise storage_error(self._path, error) from error

    def close(self) -> None:
        """Also gives up the lock."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def lock(fd: int) -> bool:
    """Take an open file for this process alone, until it closes it or dies; false where another holds it.

    Where the system knows no locks every file is free: nobody else must then record into the same dataset.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True
