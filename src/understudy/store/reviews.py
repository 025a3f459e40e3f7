"""`reviews.jsonl`: what people said about a dataset's episodes, one line each, appended and never changed."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from understudy.errors import InputError, StorageError
from understudy.spec.review import Entry, parse_entry
from understudy.store.atomic import disk_errors, sync_folder
from understudy.store.journal_file import lock

REVIEWS = "reviews.jsonl"
TURN_S, LOOK_S = 10.0, 0.005


@dataclass(frozen=True)
class DamagedLine:
    """A line that cannot be read: left where it is, and told.

    Attributes:
        line: counted from 1.
        why: what is wrong with it.
    """

    line: int
    why: str


class ReviewLog:
    """The log of one dataset, read on as it grows; several processes may append to it.

    Not for several threads at once.

    Args:
        root: folder of the dataset.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / REVIEWS
        self._offset, self._lines = 0, 0
        self._entries: list[Entry] = []
        self._ids: set[str] = set()
        self._damaged: list[DamagedLine] = []

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What was read so far, in the order of the file; a line that came twice is there once."""
        return tuple(self._entries)

    @property
    def damaged(self) -> tuple[DamagedLine, ...]:
        """Lines that cannot be read; a last one without an end may still be on its way, and is not counted."""
        return tuple(self._damaged)

    def __contains__(self, entry_id: str) -> bool:
        return entry_id in self._ids

    def refresh(self) -> tuple[Entry, ...]:
        """Read what came since; returns the new entries.

        Raises:
            StorageError: the file cannot be read, or became shorter, which an append-only file never does.
        """
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size < self._offset:
                    raise StorageError(
                        f"{self.path}: it was {self._offset} bytes long and is {size} now; lines are never taken out of it. "
                        "Put the old file back and start the review again"
                    )
                file.seek(self._offset)
                fresh = file.read()
        except FileNotFoundError:
            if self._offset:
                raise StorageError(f"{self.path}: the file is gone; put it back and start the review again") from None
            return ()
        except PermissionError as error:
            raise StorageError(f"{self.path}: cannot be read: {error.strerror}") from None
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(whole)
        before = len(self._entries)
        for line in whole.splitlines():
            self._take(line)
        return tuple(self._entries[before:])

    def append(self, entries: Iterable[Entry]) -> tuple[Entry, ...]:
        """Append what is not there yet and force it to disk; returns what was appended. What others appended is read too.

        Raises:
            StorageError: the disk refused; nothing of it is then in the file.
        """
        with disk_errors(self.path), self._held() as fd:
            self.refresh()
            fresh = list({entry.id: entry for entry in entries if entry.id not in self._ids}.values())
            if fresh:
                self._write(fd, b"".join(_line(entry) for entry in fresh))
            self.refresh()
        return tuple(fresh)

    @contextmanager
    def _held(self) -> Iterator[int]:
        """The open file, locked against other processes."""
        new = not self.path.exists()
        fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            if new:
                sync_folder(self.path.parent)
            until_s = time.monotonic() + TURN_S
            while not lock(fd):
                if time.monotonic() > until_s:
                    raise OSError(errno.EBUSY, f"another program has held it for {TURN_S:.0f} s")
                time.sleep(LOOK_S)
            yield fd
        finally:
            os.close(fd)

    def _write(self, fd: int, lines: bytes) -> None:
        """At the end of the file, whole or not at all; what a dying writer left half there gets its own line."""
        size = os.fstat(fd).st_size
        torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
        left = memoryview(b"\n" * torn + lines)
        try:
            while left:
                left = left[os.write(fd, left) :]
            os.fsync(fd)
        except OSError:
            os.ftruncate(fd, size)
            raise

    def _take(self, line: bytes) -> None:
        self._lines += 1
        if not line.strip():
            return
        try:
            entry = parse_entry(line)
        except InputError as error:
            self._damaged.append(DamagedLine(self._lines, str(error)))
            return
        if entry.id not in self._ids:
            self._ids.add(entry.id)
            self._entries.append(entry)


def _line(entry: Entry) -> bytes:
    return json.dumps(entry.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
