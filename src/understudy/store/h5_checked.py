"""Datasets with HDF5's checksum, read piece by piece and checked here: HDF5's own check takes most of what reading takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numba
import numpy as np
from numpy.typing import NDArray

from understudy.geom.arrays import U8, AnyArray

if TYPE_CHECKING:
    import h5py

U16 = NDArray[np.uint16]
_CHECKSUM_BYTES = 4
_FLETCHER32 = 3
"""Number of the filter in HDF5."""
_MOST_WORDS = 1 << 20
"""Sums of so many words fit into 64 bits."""
_ROUND = 65535


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
        if fletcher32(place[:size]) != int(place[size:].view("<u4")[0]):
            return None
    values: AnyArray = memory[: shape[0] * row_bytes].view(dtype).reshape(shape)
    return values


def fletcher32(data: U8) -> int:
    """The checksum that HDF5 keeps of an even number of bytes (N,).

    Source: Fletcher, IEEE Transactions on Communications 30 (1982); 16-bit words of which the first byte counts 256, both sums
    with end-around carry. Words are summed here as they lie in a little-endian memory: to swap the bytes of a word is to multiply
    it by 256 modulo 65535, and a sum is 0 only where every word is.
    """
    words = data.view("<u2")
    first, second = 0, 0
    for start in range(0, len(words), _MOST_WORDS):
        part = words[start : start + _MOST_WORDS]
        total, weighted = _sums(part)
        second += first * len(part) + int(weighted)
        first += int(total)
    return (_carried(256 * second) << 16) | _carried(256 * first)


def _carried(total: int) -> int:
    """What end-around carries leave of a sum."""
    return total % _ROUND or (_ROUND if total else 0)


@numba.njit(cache=True, nogil=True)
def _sums(words: U16) -> tuple[np.uint64, np.uint64]:
    """Sum of words, and sum of the sums after each."""
    total, weighted = np.uint64(0), np.uint64(0)
    for word in words:
        total += np.uint64(word)
        weighted += total
    return total, weighted
