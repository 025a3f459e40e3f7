"""Datasets with HDF5's checksum, read piece by piece and checked here: HDF5's own check takes most of what reading takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from understudy.geom.arrays import AnyArray
from understudy.store._fletcher import fletcher32

if TYPE_CHECKING:
    import h5py

_CHECKSUM_BYTES = 4
_FLETCHER32 = 3
"""Number of the filter in HDF5."""


def checked_array(dataset: h5py.Dataset) -> AnyArray | None:
    """All samples of a dataset whose pieces hold whole rows under a checksum and nothing else.

    None where it lies otherwise, and where a checksum is wrong: HDF5, asked for the same, has the last word then.

    Raises:
        OSError, RuntimeError: a piece cannot be read.
    """
    shape, chunks, dtype = dataset.shape, dataset.chunks, dataset.dtype
    filters = dataset.id.get_create_plist()
    if chunks is None or chunks[1:] != shape[1:] or filters.get_nfilters() != 1 or filters.get_filter(0)[0] != _FLETCHER32:
        return None
    if dtype.kind not in "iuf" or dtype.byteorder == ">" or 0 in shape:
        return None
    row_bytes = math.prod(shape[1:]) * dtype.itemsize
    size = chunks[0] * row_bytes
    if size % 2:
        return None
    pieces = -(-shape[0] // chunks[0])
    memory = np.empty(pieces * size + _CHECKSUM_BYTES, dtype=np.uint8)
    for i in range(pieces):
        place = memory[i * size : (i + 1) * size + _CHECKSUM_BYTES]  # the next piece comes over this one's checksum
        info = dataset.id.get_chunk_info_by_coord((i * chunks[0], *(0 for _ in shape[1:])))
        if info.size != len(place) or info.filter_mask:
            return None
        dataset.id.read_direct_chunk(info.chunk_offset, out=place)
        if fletcher32(place[:size].view(np.uint16)) != int(place[size:].view("<u4")[0]):
            return None
    values: AnyArray = memory[: shape[0] * row_bytes].view(dtype).reshape(shape)
    return values
