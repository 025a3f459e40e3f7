"""Messages between a device and its own process, over the process's standard input and output.

A message is its length (4 bytes, little-endian), one byte that says what it is, and its content.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field

HEAD = struct.Struct("<IB")
MOST_BYTES = 64 * 1024 * 1024
"""A longer message is a broken one."""
SETUP, STATE = 1, 2
"""To the process: what it is to do, as JSON, first; and whatever it then works on."""
READY, FAILED, FRAME, NOTICE = 11, 12, 13, 14
"""From it: it can begin; it cannot, with the reason; a frame; something to log."""
IMAGE = struct.Struct("<Hqqq")
"""Before the bytes of an image in a FRAME: number of the camera, number of the frame, stamp, device stamp."""


def message(kind: int, content: bytes) -> bytes:
    """A message as it goes over the wire."""
    return HEAD.pack(len(content), kind) + content


def image_message(camera: int, number: int, t_ns: int, t_device_ns: int, data: bytes) -> bytes:
    """A FRAME that holds an image."""
    return message(FRAME, IMAGE.pack(camera, number, t_ns, t_device_ns) + data)


@dataclass
class Assembler:
    """Whole messages out of pieces."""

    _held: bytearray = field(default_factory=bytearray)

    def take(self, piece: bytes) -> list[tuple[int, bytes]]:
        """(kind, content) of every message that `piece` completes.

        Raises:
            ValueError: the length of a message is none.
        """
        self._held += piece
        out, at = [], 0
        while len(self._held) - at >= HEAD.size:
            length, kind = HEAD.unpack_from(self._held, at)
            if length > MOST_BYTES:
                raise ValueError(f"a message of {length} bytes; up to {MOST_BYTES} are allowed")
            if len(self._held) - at < HEAD.size + length:
                break
            out.append((kind, bytes(self._held[at + HEAD.size : at + HEAD.size + length])))
            at += HEAD.size + length
        del self._held[:at]
        return out


def take_over_output() -> int:
    """File descriptor for messages, in the process: from now on whatever prints goes to standard error instead."""
    own = os.dup(1)
    os.dup2(2, 1)
    return own


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything, waiting for the reader."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
