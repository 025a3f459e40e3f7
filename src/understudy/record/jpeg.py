"""Whether bytes are one whole JPEG of the size a stream has."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

START, END = b"\xff\xd8\xff", b"\xff\xd9"


def jpeg_fault(image: bytes, shape: tuple[int, ...]) -> str:
    """What is wrong with an image; empty where nothing is. The picture itself is not decoded.

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
    if (height, width) != shape[:2]:
        return f"an image of {width}x{height}; the schema says {shape[1]}x{shape[0]}"
    return ""


@cache
def _header() -> Any:
    import simplejpeg

    return cast(Any, simplejpeg.decode_jpeg_header)
