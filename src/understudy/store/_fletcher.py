"""The checksum that HDF5 keeps with every chunk, compiled: its own counts byte by byte and takes longer than all the rest."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

_BLOCK = 128
"""Words that are summed before the sums are folded: 128 words of 16 bits, each weighed by its place, fit into 32 bits."""
_FOLD = 65535


@numba.njit(cache=True, nogil=True)
def fletcher32(words: NDArray[np.uint16]) -> int:
    """Fletcher's checksum of 16-bit words that lie in memory as little-endian ones, as HDF5 takes it of their bytes in order.

    HDF5 reads the words as big-endian; exchanging the bytes of a word is multiplying it by 256 modulo 65535, and so both sums are
    multiplied at the end.

    Source: Fletcher, "An arithmetic checksum for serial transmissions", IEEE Trans. Communications 30 (1982); HDF5 file format
    specification, filter 3.
    """
    total, running = 0, 0
    blocks = len(words) // _BLOCK
    for block in range(blocks):
        plain, weighed = np.uint32(0), np.uint32(0)
        for k in range(_BLOCK):
            word = np.uint32(words[block * _BLOCK + k])
            plain = np.uint32(plain + word)
            weighed = np.uint32(weighed + np.uint32(k) * word)
        running += _BLOCK * (total + int(plain)) - int(weighed)
        total += int(plain)
        if block % 256 == 255:
            total, running = _folded(total), _folded(running)
    for k in range(blocks * _BLOCK, len(words)):
        total += int(words[k])
        running += total
    high, low = int(_folded(256 * _folded(running))), int(_folded(256 * _folded(total)))
    return (high << 16) | low


@numba.njit(cache=True, nogil=True)
def _folded(total: int) -> int:
    """The sum modulo 65535, as adding its halves until one is left gives it: 65535 for its multiples, 0 for nothing but zeros."""
    return (total - 1) % _FOLD + 1 if total > 0 else 0
