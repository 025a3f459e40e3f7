"""Reading a packet byte by byte without ever leaving it."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from understudy.errors import MocapError
from understudy.geom.arrays import F64

LONGEST_NAME = 1024


class DamagedPacketError(MocapError):
    """A packet that is not what its protocol says."""


class Cursor:
    """A place in a packet, moving on with everything read."""

    def __init__(self, data: bytes, order: str) -> None:
        """The beginning of `data`; `order` is `<` for little-endian, `>` for big-endian."""
        self._data, self._order = data, order
        self.at = 0

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self._data) - self.at

    def take(self, size: int, what: str) -> bytes:
        """The next `size` bytes.

        Raises:
            DamagedPacketError: the packet ends before.
        """
        if not 0 <= size <= self.left:
            raise DamagedPacketError(f"{what} needs {size} bytes at byte {self.at}, {self.left} are left")
        self.at += size
        return self._data[self.at - size : self.at]

    def integer(self, code: str, what: str) -> int:
        """The next integer, `code` as in the module struct."""
        value: int = struct.unpack(self._order + code, self.take(struct.calcsize("=" + code), what))[0]
        return value

    def number(self, code: str, what: str) -> float:
        """The next float, `f` or `d`."""
        value: float = struct.unpack(self._order + code, self.take(struct.calcsize("=" + code), what))[0]
        return value

    def count(self, each: int, what: str) -> int:
        """A 32-bit count of things of at least `each` bytes that follow.

        Raises:
            DamagedPacketError: it is negative, or more than the packet has room for.
        """
        value = self.integer("i", what)
        if not 0 <= value * each <= self.left:
            raise DamagedPacketError(
                f"{what} is {value} at byte {self.at - 4}; {self.left} bytes have room for {self.left // each}"
            )
        return value

    def text(self, what: str) -> str:
        """Text up to a zero byte.

        Raises:
            DamagedPacketError: there is none within the longest name allowed.
        """
        end = self._data.find(b"\0", self.at, self.at + LONGEST_NAME)
        if end < 0:
            raise DamagedPacketError(f"{what} at byte {self.at} does not end within {LONGEST_NAME} bytes")
        return self.take(end + 1 - self.at, what)[:-1].decode("utf-8", "replace")

    def array(self, dtype: np.dtype[np.void], size: int, what: str) -> NDArray[np.void]:
        """The next `size` records."""
        return np.frombuffer(self.take(size * dtype.itemsize, what), dtype=dtype)

    def floats(self, size: int, what: str) -> tuple[float, ...]:
        """The next `size` 32-bit floats."""
        return struct.unpack(f"{self._order}{size}f", self.take(4 * size, what))


def as_f64(values: NDArray[np.floating]) -> F64:
    """The values in double precision; bit patterns that are no number become NaN without a warning."""
    with np.errstate(invalid="ignore"):
        return values.astype(np.float64)
