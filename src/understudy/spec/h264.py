"""H.264 packets looked at from outside: whether a picture stands alone, and whether the one that it builds on was there.

Only the heads are read, a few bytes of each packet; no picture is decoded.

Source: ITU-T H.264, 7.3 (syntax), 7.4.3 (frame_num), Annex B (start codes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

H264 = "h264"
_START = b"\0\0\1"
START_CODES = (_START, b"\0" + _START)
"""One of them begins every packet."""
_SLICE, _PARTITIONS, _KEY_SLICE, _SPS, _PPS = 1, (2, 3, 4), 5, 7, 8
_WITH_CHROMA = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
"""Profiles whose parameters name a chroma format."""
_B_SLICES = (1, 6)
_HEAD_BYTES, _PARAMETER_BYTES = 32, 512


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a sequence parameter set says.

    Attributes:
        width, height: of the pictures, pixels.
        frame_num_bits: length of a picture's number in its head.
        planes: whether each colour is a picture of its own.
    """

    width: int
    height: int
    frame_num_bits: int
    planes: bool


@dataclass(frozen=True, slots=True)
class PacketHead:
    """What a packet is.

    Attributes:
        keyframe: it and everything after it can be decoded without what came before.
        frame_num: number of its picture since the last keyframe, modulo `numbers`.
        numbers: after how many the number begins anew.
        reference: later pictures may build on it.
    """

    keyframe: bool
    frame_num: int
    numbers: int
    reference: bool


@dataclass
class PacketReader:
    """Reads the heads of one stream's packets, oldest first; the newest parameters hold until others come."""

    parameters: Parameters | None = None

    def head(self, packet: bytes) -> PacketHead:
        """What a packet is.

        Raises:
            ValueError: it is not one whole picture in Annex B form, or nothing before it said how to read it.
        """
        kinds, head, pictures = list[int](), None, 0
        for unit in units(packet):
            kind = unit[0] & 31
            kinds.append(kind)
            if kind == _SPS:
                self.parameters = parameters_of(unit)
            elif kind in _PARTITIONS:
                raise ValueError("H.264 with data partitions; encode it without")
            elif kind in (_SLICE, _KEY_SLICE):
                first, found = self._slice(unit, kind == _KEY_SLICE)
                pictures += first
                head = head or found
        if head is None or pictures != 1:
            raise ValueError(f"an H.264 packet with {pictures} pictures; one packet is one picture")
        if head.keyframe and not {_SPS, _PPS} <= set(kinds):
            raise ValueError("an H.264 keyframe without its parameter sets; have the encoder repeat them (repeat-headers=1)")
        return head

    def _slice(self, unit: memoryview, key: bool) -> tuple[bool, PacketHead]:
        """Whether a slice is its picture's first, and the picture's head."""
        if self.parameters is None:
            raise ValueError("an H.264 packet before the first keyframe with its parameter sets")
        bits = Bits(unit[1:_HEAD_BYTES])
        first, kind = bits.golomb() == 0, bits.golomb()
        if kind in _B_SLICES:
            raise ValueError("an H.264 picture that is predicted from later ones; encode without B-frames (bf=0)")
        bits.golomb()
        bits.take(2 if self.parameters.planes else 0)
        number = bits.take(self.parameters.frame_num_bits)
        return first, PacketHead(key, number, 1 << self.parameters.frame_num_bits, bool(unit[0] & 0x60))


class Chain:
    """Tells which packets can be decoded: from a keyframe on, as long as every picture that others build on is there."""

    def __init__(self) -> None:
        self._last: PacketHead | None = None

    def holds(self, head: PacketHead) -> bool:
        """Whether the next packet can be decoded."""
        last = self._last
        if not head.keyframe:
            if last is None:
                return False
            if head.frame_num != (last.frame_num + last.reference) % head.numbers:
                self._last = None  # what is missing is missed until the next keyframe
                return False
        self._last = head
        return True


def units(packet: bytes) -> Iterator[memoryview]:
    """The NAL units of a packet, without their start codes.

    Raises:
        ValueError: it does not begin with a start code.
    """
    if not packet.startswith(START_CODES):
        raise ValueError(f"no H.264 in Annex B form (begins with {bytes(packet[:4]).hex()})")
    view, at = memoryview(packet), packet.find(_START) + 3
    while at < len(packet):
        end = packet.find(_START, at)
        yield view[at : len(packet) if end < 0 else end]
        at = len(packet) if end < 0 else end + 3


def parameter_sets(packet: bytes) -> bytes:
    """The sequence and picture parameter sets in a packet, with start codes."""
    kept = (bytes(unit).rstrip(b"\0") for unit in units(packet) if unit[0] & 31 in (_SPS, _PPS))
    return b"".join(b"\0" + _START + unit for unit in kept)


def parameters_of(unit: memoryview) -> Parameters:
    """What a sequence parameter set says.

    Raises:
        ValueError: it ends too early.
    """
    bits = Bits(unit[1:_PARAMETER_BYTES])
    profile = bits.take(24) >> 16
    bits.golomb()
    chroma, planes = 1, False
    if profile in _WITH_CHROMA:
        chroma = bits.golomb()
        planes = bool(chroma == 3 and bits.take(1))
        bits.golomb(), bits.golomb(), bits.take(1)
        if bits.take(1):
            _skip_scaling(bits, 12 if chroma == 3 else 8)
    frame_num_bits = bits.golomb() + 4
    _skip_order(bits)
    bits.golomb(), bits.take(1)
    width, map_height = 16 * (bits.golomb() + 1), 16 * (bits.golomb() + 1)
    fields = 1 - bits.take(1)
    bits.take(1 + fields)
    left, right, top, bottom = (bits.golomb() for _ in range(4)) if bits.take(1) else (0, 0, 0, 0)
    across, down = (2 if chroma in (1, 2) else 1), (2 if chroma == 1 else 1) * (1 + fields)
    height = map_height * (1 + fields)
    return Parameters(width - across * (left + right), height - down * (top + bottom), frame_num_bits, planes)


def _skip_scaling(bits: Bits, lists: int) -> None:
    for k in range(lists):
        if not bits.take(1):
            continue
        last = following = 8
        for _ in range(16 if k < 6 else 64):
            if following:
                following = (last + bits.signed()) % 256
            last = following or last


def _skip_order(bits: Bits) -> None:
    """How the order of output is coded."""
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.take(1), bits.signed(), bits.signed()
        for _ in range(min(bits.golomb(), 255)):
            bits.signed()


class Bits:
    """Bits of a NAL unit, highest first, without the bytes that keep start codes from showing up in it."""

    def __init__(self, content: memoryview) -> None:
        plain = bytes(content).replace(b"\0\0\3", b"\0\0")
        self._value, self._left = int.from_bytes(plain, "big"), 8 * len(plain)

    def take(self, count: int) -> int:
        """The next bits as a number; raises ValueError at the end."""
        if count > self._left:
            raise ValueError("an H.264 packet that is cut off in its head")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def golomb(self) -> int:
        """The next number, coded by Exp-Golomb."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise ValueError("an H.264 packet with a number that cannot be")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """The next signed number, coded by Exp-Golomb."""
        coded = self.golomb()
        return (coded + 1) // 2 if coded % 2 else -(coded // 2)
