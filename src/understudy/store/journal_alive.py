"""A note that a recorder leaves of itself: when it last lived, and how many samples of each stream it had taken by then.

It is a small file mapped into memory, so that a note costs nothing and outlives the process. Held against the journal it tells
what a killed recorder lost: nothing is guessed.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from understudy.geom.arrays import I64
from understudy.store.atomic import disk_errors

_MAGIC = 0x45564C41_554E4453
_HEAD = 3


class Alive:
    """Written by the recorder.

    Args:
        path: new file.
        streams: their order; fixed for the take.

    Raises:
        StorageError: the disk refused.
    """

    def __init__(self, path: Path, streams: Sequence[str]) -> None:
        size = 8 * (_HEAD + len(streams))
        with disk_errors(path):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                os.write(fd, bytes(size))  # blocks are there from now on: a full disk cannot hit a note
                self._map = mmap.mmap(fd, size)
            finally:
                os.close(fd)
        self._cells: I64 = np.frombuffer(self._map, dtype=np.int64)
        self._cells[:_HEAD] = _MAGIC, 0, len(streams)
        self._index = {stream: _HEAD + i for i, stream in enumerate(streams)}

    def at(self, t_ns: int) -> None:
        """The recorder lives at `t_ns`."""
        self._cells[1] = t_ns

    def add(self, stream: str, samples: int) -> None:
        """So many samples of a stream more were taken; fewer than none where they were let go on purpose."""
        self._cells[self._index[stream]] += samples

    def close(self) -> None:
        """Give the memory back; twice is fine."""
        self._cells = np.zeros(0, dtype=np.int64)
        self._map.close()


def read_alive(path: Path, streams: Sequence[str]) -> tuple[int, Mapping[str, int]] | None:
    """When the recorder last lived, and samples taken of each stream; None where the note is missing or another take's."""
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    if len(raw) != 8 * (_HEAD + len(streams)):
        return None
    cells = np.frombuffer(raw, dtype=np.int64)
    if cells[0] != _MAGIC or cells[2] != len(streams):
        return None
    return int(cells[1]), dict(zip(streams, cells[_HEAD:].tolist(), strict=True))
