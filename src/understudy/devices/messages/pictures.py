"""Pictures in messages to JPEG."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from understudy.devices.messages.fields import look_up, parse_path
from understudy.errors import InputError
from understudy.geom.arrays import U8

QUALITY = 95
ENCODINGS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "rgb8": ("RGB", 3),
        "bgr8": ("BGR", 3),
        "rgba8": ("RGBA", 4),
        "bgra8": ("BGRA", 4),
        "mono8": ("GRAY", 1),
        "8UC1": ("GRAY", 1),
    }
)
"""Encoding of a raw image to simplejpeg's name and bytes per pixel; `8UC3` does not say whether red or blue comes first."""
MOST_PIXELS = 64_000_000
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


def jpeg_of(message: object, type_name: str, *, where: str) -> bytes:
    """The picture of an image message as one JPEG; one that is a JPEG already is not touched.

    Raises:
        InputError: the message holds no picture that is read, with what it holds.
    """
    if type_name.endswith("/Image"):
        return _raw(message, where)
    data, format = look_up(message, parse_path("data")), str(look_up(message, parse_path("format")))
    packed = _base64(data, where) if isinstance(data, str) else bytes(np.asarray(data, dtype=np.uint8))
    if packed.startswith(_JPEG):
        jpeg_size(packed, where=where)
        return packed
    if packed.startswith(_PNG) and "Depth" not in format:
        return _png(packed, where)
    begins = packed[:4].hex() or "nothing"
    raise InputError(f"{where}: a picture in the format {format!r} (begins with {begins}); JPEG and PNG are read")


def jpeg_size(jpeg: bytes, *, where: str) -> tuple[int, int]:
    """Height and width of a JPEG.

    Raises:
        InputError: it is none.
    """
    import simplejpeg

    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg)
    except ValueError as error:
        raise InputError(f"{where}: not a whole JPEG ({error})") from None
    return int(height), int(width)


def _raw(message: object, where: str) -> bytes:
    import simplejpeg

    encoding = str(look_up(message, parse_path("encoding")))
    if encoding not in ENCODINGS:
        raise InputError(f"{where}: encoding {encoding!r}; {', '.join(ENCODINGS)} are read")
    colours, channels = ENCODINGS[encoding]
    height, width, step = (int(str(look_up(message, parse_path(name)))) for name in ("height", "width", "step"))
    data = np.asarray(look_up(message, parse_path("data")), dtype=np.uint8).reshape(-1)
    fits = 0 < height * width <= MOST_PIXELS and step >= width * channels and len(data) == step * height
    if not fits:
        raise InputError(f"{where}: {len(data)} bytes for {width} x {height} {encoding} in rows of {step} bytes")
    rows: U8 = data.reshape(height, step)[:, : width * channels].reshape(height, width, channels)
    packed: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(rows), quality=QUALITY, colorspace=colours)
    return packed


def _png(packed: bytes, where: str) -> bytes:
    import av
    import simplejpeg

    try:
        frames = av.CodecContext.create("png", "r").decode(av.Packet(packed))
        image = frames[0].to_ndarray(format="rgb24")
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise InputError(f"{where}: not a whole PNG ({error})") from None
    jpeg: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=QUALITY, colorspace="RGB")
    return jpeg


def _base64(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"{where}: picture data that is not base64 ({error})") from None
