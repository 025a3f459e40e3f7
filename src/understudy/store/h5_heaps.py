"""Texts and images of an HDF5 file lie in heaps, which HDF5 goes through without end where one byte of them is wrong.

An entry of a heap that says it takes no room (sixteen zeros do) leaves HDF5, up to 2.0 at least, at the same place for ever, in a
call that nothing can interrupt. So every heap of a file is walked here first. Heaps carry no checksum.

Source: HDF5 File Format Specification version 3.0, III.E, Disk Format: Level 1E, Global Heap.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

_SIGNATURE = b"GCOL\x01\x00\x00\x00"
"""With its version, and three bytes that are always zero: samples that happen to look like it are as good as impossible."""
_HEAD, _ENTRY = struct.Struct("<8sQ"), struct.Struct("<HH4xQ")
_LEAST_BYTES = 4096


def damaged_heap(path: Path) -> int | None:
    """Byte at which the first heap begins that cannot be gone through; None where all can.

    What is between heaps is searched at memory's speed, what is in them only jumped over from entry to entry.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        if file.seek(0, 2) == 0:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            at = content.find(_SIGNATURE)
            while at >= 0:
                size = _HEAD.unpack_from(content, at)[1] if at + _HEAD.size <= len(content) else 0
                if size < _LEAST_BYTES or at + size > len(content) or not _ends(content, at + _HEAD.size, at + size):
                    return at
                at = content.find(_SIGNATURE, at + size)
    return None


def _ends(content: mmap.mmap, at: int, stop: int) -> bool:
    """Whether going from entry to entry comes to the end of a heap. An entry without a number is what is free."""
    while at + _ENTRY.size <= stop:
        number, _, size = _ENTRY.unpack_from(content, at)
        taken = _ENTRY.size + (size + 7) // 8 * 8 if number else size
        if taken == 0 or at + taken > stop:
            return False
        at += taken
    return True
