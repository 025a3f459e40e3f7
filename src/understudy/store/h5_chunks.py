"""Arrays as HDF5 keeps them, in checksummed chunks that are made here and written as they are.

HDF5's own way takes several times as long: it asks for the same stamps to be compressed once for every stream, and counts its
checksums byte by byte. What it reads back is the same.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from understudy.geom.arrays import U8, AnyArray
from understudy.store._fletcher import fletcher32

if TYPE_CHECKING:
    import h5py

_CHUNK_BYTES = 256 * 1024
_LEVEL = 1
_CHECKSUM = struct.Struct("<I")


class Chunks:
    """Writes the arrays of one file.

    An array that comes again is not packed again, and a type, a shape or a layout that comes again is not described again: of
    sixty small datasets that took two thirds of the time.
    """

    def __init__(self) -> None:
        self._packed: dict[int, tuple[AnyArray, list[U8]]] = {}
        self._types: dict[np.dtype[Any], h5py.h5t.TypeID] = {}
        self._spaces: dict[tuple[int, ...], h5py.h5s.SpaceID] = {}
        self._layouts: dict[tuple[tuple[int, ...], str], h5py.h5p.PropDCID] = {}

    def write(self, group: h5py.h5g.GroupID, name: bytes, values: AnyArray) -> None:
        """A dataset in chunks of equal length.

        Whole numbers and flags shrink tenfold and are compressed; measured angles shrink by a seventh for four times the
        writing time and are not.
        """
        from h5py import h5d

        rows, inner = _rows(values), values.shape[1:]
        layout = self._layout((rows, *inner), values.dtype.kind)
        dataset = h5d.create(group, name, self._type(values.dtype), self._space(values.shape), dcpl=layout)
        zeros = (0,) * len(inner)
        for i, chunk in enumerate(self._chunks(values, rows)):
            dataset.write_direct_chunk((i * rows, *zeros), chunk)

    def _type(self, dtype: np.dtype[Any]) -> h5py.h5t.TypeID:
        from h5py import h5t

        if dtype not in self._types:
            self._types[dtype] = h5t.py_create(dtype, logical=True)
        return self._types[dtype]

    def _space(self, shape: tuple[int, ...]) -> h5py.h5s.SpaceID:
        from h5py import h5s

        if shape not in self._spaces:
            self._spaces[shape] = h5s.create_simple(shape)
        return self._spaces[shape]

    def _layout(self, chunk: tuple[int, ...], kind: str) -> h5py.h5p.PropDCID:
        """How a dataset is kept: chunks, and the filters in the order in which they are taken."""
        from h5py import h5p

        if (chunk, kind) not in self._layouts:
            layout = h5p.create(h5p.DATASET_CREATE)
            layout.set_obj_track_times(False)
            layout.set_chunk(chunk)
            if _is_packed(kind):
                layout.set_shuffle()
                layout.set_deflate(_LEVEL)
            layout.set_fletcher32()
            self._layouts[chunk, kind] = layout
        return self._layouts[chunk, kind]

    def _chunks(self, values: AnyArray, rows: int) -> Iterator[U8]:
        if not _is_packed(values.dtype.kind):
            yield from _made(values, rows)
            return
        if id(values) not in self._packed:  # the array is kept with them, so that its id stays its own
            self._packed[id(values)] = values, list(_made(values, rows))
        yield from self._packed[id(values)][1]


def _is_packed(kind: str) -> bool:
    return kind in "iub"


def _rows(values: AnyArray) -> int:
    """Rows of a chunk."""
    chunks = max(1, -(-values.nbytes // _CHUNK_BYTES))
    return max(1, -(-len(values) // chunks))


def _made(values: AnyArray, rows: int) -> Iterator[U8]:
    """Each chunk's bytes, the last one filled up with zeros, and its checksum behind them."""
    for first in range(0, len(values), rows):
        part = np.ascontiguousarray(values[first : first + rows])
        if len(part) < rows:
            part = np.concatenate([part, np.zeros((rows - len(part), *values.shape[1:]), dtype=values.dtype)])
        content = part.reshape(-1).view(np.uint8)
        if _is_packed(values.dtype.kind):
            shuffled = content.reshape(-1, values.dtype.itemsize).T
            content = np.frombuffer(zlib.compress(shuffled.tobytes(), _LEVEL), dtype=np.uint8)
        size = len(content)
        out = np.empty(size + _CHECKSUM.size, dtype=np.uint8)
        out[:size] = content
        out[size] = 0  # an odd number of bytes is summed with a zero behind it
        checksum = fletcher32(out[: size + size % 2].view(np.uint16))
        out[size:] = np.frombuffer(_CHECKSUM.pack(checksum), dtype=np.uint8)
        yield out
