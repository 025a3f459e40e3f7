"""A file that HDF5 can write to and never hears of a disk's refusal.

HDF5 ends the process when a disk refuses while it closes a file. Here the first refusal is remembered, what comes after it is
kept in memory so that HDF5 finds what it wrote, and the writer asks between two samples and once at the end.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import TracebackType


class DiskFile(io.RawIOBase):
    """The file object of `h5py.File(file, "w")`.

    Args:
        path: new file.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        self._at, self._end = 0, 0
        self._refused: OSError | None = None
        self._kept: list[tuple[int, bytes]] = []

    def check(self) -> None:
        """Raise what the disk refused first, if it did."""
        if self._refused is not None:
            raise self._refused

    def write(self, data: object) -> int:
        """All of it, always."""
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        if self._refused is None:
            try:
                self._to_disk(view)
            except OSError as error:
                self._refused = error
        if self._refused is not None:
            self._kept.append((self._at, bytes(view)))
        self._at += len(view)
        self._end = max(self._end, self._at)
        return len(view)

    def _to_disk(self, view: memoryview) -> None:
        done = 0
        while done < len(view):
            done += os.pwrite(self._fd, view[done:], self._at + done)

    def readinto(self, buffer: object) -> int:
        """What was written, wherever it is."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        size = max(min(len(view), self._end - self._at), 0)
        got = os.pread(self._fd, size, self._at)
        view[: len(got)] = got
        view[len(got) : size] = bytes(size - len(got))
        for start, data in self._kept:
            first, last = max(start, self._at), min(start + len(data), self._at + size)
            if first < last:
                view[first - self._at : last - self._at] = data[first - start : last - start]
        self._at += size
        return size

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move; to any place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._at

    def truncate(self, size: int | None = None, /) -> int:
        """Set the length."""
        size = self._at if size is None else size
        if self._refused is None:
            try:
                os.ftruncate(self._fd, size)
            except OSError as error:
                self._refused = error
        self._end = size
        return size

    def readable(self) -> bool:
        """HDF5 reads what it wrote."""
        return True

    def writable(self) -> bool:
        """It writes."""
        return True

    def seekable(self) -> bool:
        """It jumps about."""
        return True

    def close(self) -> None:
        """Close the file; twice is fine."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
        super().close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
