"""Images that are kept as H.264 packets, and read as pictures or as JPEG files like any others."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from understudy.errors import EpisodeError
from understudy.geom.arrays import U8, U32, AnyArray, Bool
from understudy.spec.h264 import PacketReader, parameter_sets

if TYPE_CHECKING:
    import av

JPEG_QUALITY = 95
"""Of JPEG files that are made of decoded pictures: what is lost once more is less than the video lost."""


class Packets(Protocol):
    """Packets that are read when they are needed."""

    def span(self, first: int, end: int) -> Iterator[bytes]:
        """Those from `first` on, before `end`."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Kept:
    """Packets in memory."""

    packets: Sequence[bytes]

    def span(self, first: int, end: int) -> Iterator[bytes]:
        """See `Packets`."""
        return iter(self.packets[first:end])

    def __len__(self) -> int:
        return len(self.packets)


@dataclass(frozen=True)
class Video:
    """The images of a stream as H.264, one packet per image and none that builds on a later one; `spec.stream.Piecewise`.

    Read as images it gives JPEG files. An image that cannot be decoded is empty there, as no JPEG is, so that whoever decodes
    images finds it.

    Attributes:
        packets: (N,) in Annex B form, in the order in which they were encoded.
        keyframe: (N,) packets that stand alone; the first is one.
        extradata: parameter sets, in Annex B form; keyframes have them, too.
        crc32: (N,) uint32 checksums of the packets as they were recorded; None where nobody made them.
        where: named in messages.
    """

    packets: Packets = field(repr=False)
    keyframe: Bool
    extradata: bytes = field(repr=False)
    crc32: U32 | None = field(default=None, repr=False)
    where: str = "video"

    @classmethod
    def of(cls, packets: Sequence[bytes], where: str = "video") -> Video:
        """Of packets in memory.

        Raises:
            ValueError: they are none, or do not begin with a keyframe.
        """
        reader = PacketReader()
        keyframe = np.array([reader.head(packet).keyframe for packet in packets], dtype=np.bool_)
        if not (len(keyframe) and keyframe[0]):
            raise ValueError(f"{where}: H.264 that does not begin with a keyframe")
        return cls(Kept(tuple(packets)), keyframe, parameter_sets(packets[0]), checksums(packets), where)

    def __len__(self) -> int:
        return len(self.keyframe)

    def __call__(self) -> AnyArray:
        """(N,) all images as JPEG files."""
        images = np.empty(len(self), dtype=object)
        images[:] = list(self)
        return images

    def __iter__(self) -> Iterator[bytes]:
        """The images as JPEG files, one after the other."""
        return (_jpeg(picture) for picture in self._decoded(range(len(self)), "rgb24"))

    def at(self, step: int) -> bytes:
        """One image as a JPEG file."""
        (picture,) = self._decoded([range(len(self))[step]], "rgb24")
        return _jpeg(picture)

    def images(self, steps: Iterable[int]) -> Iterator[bytes]:
        """The images at `steps`, which go up, as JPEG files; between two of them only what is needed is decoded."""
        return (_jpeg(picture) for picture in self._decoded(list(steps), "rgb24"))

    def brightness(self) -> Iterator[U8 | None]:
        """(H, W) brightness of every image, None where it cannot be decoded; about half the time that JPEG files take."""
        return self._decoded(range(len(self)), "gray")

    def decodable(self) -> Bool:
        """(N,) images that can be decoded."""
        return np.array([picture is not None for picture in self.brightness()], dtype=np.bool_)

    def pictures(self, steps: Iterable[int]) -> Iterator[U8]:
        """(H, W, 3) RGB of the images at `steps`, which go up; between two of them only what is needed is decoded.

        Raises:
            EpisodeError: one cannot be decoded.
        """
        return self._demanded(steps, "rgb24")

    def greys(self, steps: Iterable[int]) -> Iterator[U8]:
        """(H, W) brightness of the images at `steps`, which go up.

        Raises:
            EpisodeError: one cannot be decoded.
        """
        return self._demanded(steps, "gray")

    def _demanded(self, steps: Iterable[int], pixels: str) -> Iterator[U8]:
        wanted = list(steps)
        for step, picture in zip(wanted, self._decoded(wanted, pixels), strict=True):
            if picture is None:
                raise EpisodeError(f"{self.where}: image {step} cannot be decoded; run `understudy check`")
            yield picture

    def _decoded(self, steps: Sequence[int], pixels: str) -> Iterator[U8 | None]:
        """The pictures at `steps`, None for each that cannot be decoded."""
        for first, wanted in _runs(steps, self.keyframe):
            decoder, left = _Decoder(pixels), list(wanted)
            for step, packet in enumerate(self.packets.span(first, wanted[-1] + 1), start=first):
                whole = self.crc32 is None or zlib.crc32(packet) == int(self.crc32[step])
                picture = decoder.picture(packet if whole else b"", wanted=step == left[0])
                if step == left[0]:
                    yield picture
                    left.pop(0)


def checksums(packets: Iterable[bytes]) -> U32:
    """(N,) CRC-32 of each packet."""
    return np.array([zlib.crc32(packet) for packet in packets], dtype=np.uint32)


def _runs(steps: Sequence[int], keyframe: Bool) -> Iterator[tuple[int, list[int]]]:
    """Stretches that are decoded in one go: the keyframe that each begins with, and the steps wanted of it."""
    keys = np.flatnonzero(keyframe)
    first, wanted = 0, list[int]()
    for step in steps:
        key = int(keys[np.searchsorted(keys, step, side="right") - 1])
        if wanted and key > wanted[-1] + 1:
            yield first, wanted
            wanted = []
        first = first if wanted else key
        wanted.append(step)
    if wanted:
        yield first, wanted


class _Decoder:
    """Packets to pictures, one for one."""

    def __init__(self, pixels: str) -> None:
        import av

        self._pixels = pixels
        self._codec: av.VideoCodecContext = av.VideoCodecContext.create("h264", "r")
        self._codec.thread_count = 1
        self._codec.flags |= av.codec.context.Flags.low_delay
        self._codec.options = {"err_detect": "crccheck+bitstream+buffer+explode", "flags": "+low_delay"}
        self._broken = False

    def picture(self, packet: bytes, *, wanted: bool) -> U8 | None:
        """The picture of the next packet, where it is wanted; None where it cannot be decoded, for whatever reason."""
        import av

        if not packet:
            self._broken = True
            return None
        try:
            frames = self._codec.decode(av.Packet(packet))
        except (av.FFmpegError, ValueError):
            self._broken = True
            return None
        if len(frames) != 1 or frames[0].is_corrupt:
            self._broken = True
            return None
        self._broken = self._broken and not frames[0].key_frame
        if self._broken or not wanted:
            return None
        return np.asarray(frames[0].to_ndarray(format=self._pixels), dtype=np.uint8)


def decoded_keyframe(packet: bytes) -> U8 | None:
    """(H, W, 3) RGB of a packet that stands alone; None where it cannot be decoded."""
    return _Decoder("rgb24").picture(packet, wanted=True)


def _jpeg(picture: U8 | None) -> bytes:
    import simplejpeg

    if picture is None:
        return b""
    image: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality=JPEG_QUALITY, colorspace="RGB")
    return image


def keyframe_jpeg(packet: bytes) -> bytes:
    """A JPEG file of a packet that stands alone; empty where it cannot be decoded."""
    return _jpeg(decoded_keyframe(packet))
