"""Whether bytes are one whole image of the size a stream has: a JPEG file, or an H.264 packet."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, cast

from understudy.record.batch import JPEG
from understudy.spec.h264 import START_CODES, PacketReader

START, END = b"\xff\xd8\xff", b"\xff\xd9"


class Look(NamedTuple):
    """What an image is.

    Attributes:
        fault: what is wrong with it; empty where nothing is.
        alone: it can be shown without the images before it.
    """

    fault: str
    alone: bool = False


def look(codec: str, image: bytes, shape: tuple[int, ...], reader: PacketReader) -> Look:
    """What an image is, by its head; the picture itself is not decoded.

    Args:
        codec: `jpeg` or `h264`.
        image: one sample.
        shape: (height, width, channels) of the stream.
        reader: of the stream's packets.
    """
    if codec == JPEG:
        return Look(jpeg_fault(image, shape), alone=True)
    if image.startswith(START):
        return Look("a JPEG that is said to be H.264; send it with dtype jpeg")
    try:
        head = reader.head(image)
    except ValueError as error:
        # whoever listens from the middle on meets pictures that build on what it never heard; the episode leaves them out
        return Look("" if reader.parameters is None and image.startswith(START_CODES) else str(error))
    found = reader.parameters
    assert found is not None  # a head was read by it
    return Look(_size_fault(found.width, found.height, shape), head.keyframe)


def jpeg_fault(image: bytes, shape: tuple[int, ...]) -> str:
    """What is wrong with a JPEG; empty where nothing is.

    Args:
        image: one sample.
        shape: (height, width, channels) of the stream.
    """
    if not image.startswith(START):
        return f"an image that is no JPEG (begins with {image[:3].hex()}); encode it in the camera's process"
    if not (image.endswith(END) or image.rstrip(b"\0").endswith(END)):  # some cameras fill up with zeros
        return "a JPEG that is cut off; it has no end"
    try:
        height, width, *_ = _header()(image)
    except ValueError as error:
        return f"a JPEG that cannot be read ({error})"
    return _size_fault(width, height, shape)


def _size_fault(width: int, height: int, shape: tuple[int, ...]) -> str:
    if (height, width) != shape[:2]:
        return f"an image of {width}x{height}; the schema says {shape[1]}x{shape[0]}"
    return ""


@cache
def _header() -> Any:
    import simplejpeg

    return cast(Any, simplejpeg.decode_jpeg_header)
