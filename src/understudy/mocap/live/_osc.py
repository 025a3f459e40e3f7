"""Open Sound Control 1.0: the messages of a datagram, with bundles inside bundles.

Source: Wright, "The Open Sound Control 1.0 Specification" (2002): big-endian, everything padded to four bytes. A message is an
address, a comma with one letter per argument, and the arguments. A bundle is `#bundle`, an NTP time, and elements, each behind
its length.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from understudy.errors import MocapError

Argument = int | float | str | bytes | bool | None
IMMEDIATELY = 1
"""The time of a bundle that states none."""
DEEPEST = 8
MOST_ARGUMENTS = 64
_BUNDLE = b"#bundle\0"


@dataclass(frozen=True)
class OscMessage:
    """One message.

    Attributes:
        address: such as `/VMC/Ext/T`.
        arguments: in their order.
    """

    address: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class OscPacket:
    """A datagram.

    Attributes:
        messages: all of them, in their order, out of all bundles.
        time: NTP time of the outer bundle, 2^-32 s since 1900; None for a lone message or a bundle that states none.
    """

    messages: tuple[OscMessage, ...]
    time: int | None


def parse_osc(data: bytes) -> OscPacket:
    """The messages of a datagram.

    Raises:
        MocapError: says at which byte what was found.
    """
    time = int.from_bytes(data[8:16], "big") if data.startswith(_BUNDLE) and len(data) >= 16 else IMMEDIATELY
    return OscPacket(tuple(_elements(data, 0, len(data), 0)), None if time == IMMEDIATELY else time)


def _elements(data: bytes, at: int, end: int, depth: int) -> Iterator[OscMessage]:
    if data[at : at + 8] != _BUNDLE:
        yield _message(data, at, end)
        return
    if depth >= DEEPEST:
        raise MocapError(f"OSC: byte {at}: bundles lie more than {DEEPEST} deep in each other")
    at += 16
    if at > end:
        raise MocapError(f"OSC: byte {end}: a bundle ends before its time does")
    while at < end:
        size = _int32(data, at, end)
        at += 4
        if size < 0 or size % 4 or at + size > end:
            raise MocapError(f"OSC: byte {at - 4}: an element of {size} bytes where {end - at} are left; multiples of 4 fit")
        yield from _elements(data, at, at + size, depth + 1)
        at += size


def _message(data: bytes, at: int, end: int) -> OscMessage:
    address, at = _string(data, at, end)
    if not address.startswith("/"):
        raise MocapError(f"OSC: an address begins with {address[:20]!r}; '/' or '#bundle' is due")
    tags, at = _string(data, at, end)
    if not tags.startswith(",") or len(tags) > MOST_ARGUMENTS:
        raise MocapError(f"OSC: {address[:40]}: types {tags[:20]!r}; a comma and up to {MOST_ARGUMENTS - 1} letters are due")
    arguments: list[Argument] = []
    for tag in tags[1:]:
        if tag in _CONSTANTS:
            arguments.append(_CONSTANTS[tag])
        elif tag in _READERS:
            value, at = _READERS[tag](data, at, end)
            arguments.append(value)
        elif tag not in "[]":
            raise MocapError(f"OSC: {address[:40]}: type {tag!r} is not known; {''.join(sorted({*_CONSTANTS, *_READERS}))} are")
    return OscMessage(address, tuple(arguments))


def _int32(data: bytes, at: int, end: int) -> int:
    return int.from_bytes(_bytes(data, at, end, 4), "big", signed=True)


def _bytes(data: bytes, at: int, end: int, size: int) -> bytes:
    if at + size > end:
        raise MocapError(f"OSC: byte {at}: {size} bytes are due, {end - at} are left: the message is cut off")
    return data[at : at + size]


def _string(data: bytes, at: int, end: int) -> tuple[str, int]:
    """A text up to its zero byte, and where the next four bytes begin."""
    stop = data.find(b"\0", at, end)
    if stop < 0:
        raise MocapError(f"OSC: byte {at}: a text without an end")
    return data[at:stop].decode("utf-8", errors="replace"), stop + 4 - (stop - at) % 4


def _blob(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    size = _int32(data, at, end)
    if size < 0:
        raise MocapError(f"OSC: byte {at}: a blob of {size} bytes")
    return _bytes(data, at + 4, end, size), at + 4 + size + -size % 4


def _number(form: str) -> Callable[[bytes, int, int], tuple[Argument, int]]:
    packed = struct.Struct(form)

    def read(data: bytes, at: int, end: int) -> tuple[Argument, int]:
        value: Argument = packed.unpack(_bytes(data, at, end, packed.size))[0]
        return value, at + packed.size

    return read


_CONSTANTS: dict[str, Argument] = {"T": True, "F": False, "N": None, "I": float("inf")}
_READERS: dict[str, Callable[[bytes, int, int], tuple[Argument, int]]] = {
    **{tag: _number(form) for tag, form in (("i", ">i"), ("f", ">f"), ("h", ">q"), ("d", ">d"), ("t", ">Q"))},
    **{tag: _number(">I") for tag in "crm"},
    "s": _string,
    "S": _string,
    "b": _blob,
}
