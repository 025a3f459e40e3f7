"""Pictures to H.264 in a camera's own process: one packet per picture at once, each decodable with those before it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from understudy.devices._settings import Settings
from understudy.errors import DeviceError, MissingDependencyError
from understudy.geom.arrays import U8

if TYPE_CHECKING:
    import av

Codec = Literal["jpeg", "h264"]
CODECS: tuple[Codec, ...] = ("jpeg", "h264")
KEYFRAME_S = 0.5
"""A lost packet costs the images up to the next keyframe, and a take's pre-roll begins at one."""
_MBIT_S_PER_PIXEL_RATE = 2.0 / (640 * 480 * 30)


@dataclass(frozen=True)
class Encoding:
    """How a camera's pictures are encoded.

    Attributes:
        codec: `jpeg` or `h264`.
        quality: of JPEG files, 1 to 100.
        crf: of H.264: lower is better and larger, 1 to 51.
        mbit_s: what H.264 takes at most; 0 for 2 Mbit/s at 640x480 and 30 Hz, and in proportion.
    """

    codec: Codec = "jpeg"
    quality: int = 90
    crf: int = 21
    mbit_s: float = 0.0

    @classmethod
    def of(cls, settings: Settings) -> Encoding:
        """What a person asks for: settings `codec`, `quality`, `crf`, `mbit_s`.

        Raises:
            DeviceError: a setting is out of range.
            UnknownNameError: a codec that does not exist.
        """
        codec: Codec = "h264" if settings.text("codec", "jpeg", CODECS) == "h264" else "jpeg"
        quality, crf = settings.count("quality", 90, low=1, high=100), settings.count("crf", 21, low=1, high=51)
        return cls(codec, quality, crf, settings.number("mbit_s", 0.0, low=0.0, high=1000.0))


JPEG_FILES = Encoding()


class PictureEncoder:
    """Encodes the pictures of one camera.

    Args:
        encoding: how.
        width, height: of the pictures, pixels.
        rate_hz: of the pictures.

    Raises:
        DeviceError: H.264 cannot have this size.
        MissingDependencyError: FFmpeg was built without its encoder.
    """

    def __init__(self, encoding: Encoding, width: int, height: int, rate_hz: float) -> None:
        self._encoding, self._count = encoding, 0
        self._codec: av.VideoCodecContext | None = None
        if encoding.codec == "h264":
            self._codec = _x264(encoding, width, height, rate_hz if rate_hz > 0 else 30.0)

    def encode(self, image: U8) -> bytes:
        """A whole JPEG file, or the H.264 packet of this very picture.

        Args:
            image: (H, W, 3) RGB.

        Raises:
            DeviceError: the encoder did not give one packet for one picture.
        """
        if self._codec is None:
            import simplejpeg

            data: bytes = simplejpeg.encode_jpeg(image, quality=self._encoding.quality, colorspace="RGB")
            return data
        import av

        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, self._count = self._count, self._count + 1
        packets = self._codec.encode(frame)
        if len(packets) != 1:
            raise DeviceError(f"the H.264 encoder gave {len(packets)} packets for one picture; update PyAV, or use codec=jpeg")
        return bytes(packets[0])


def _x264(encoding: Encoding, width: int, height: int, rate_hz: float) -> av.VideoCodecContext:
    import av

    if width % 2 or height % 2:
        raise DeviceError(f"H.264 of {width}x{height} pixels: even sizes are needed; change the schema, or use codec=jpeg")
    try:
        codec: av.VideoCodecContext = av.VideoCodecContext.create("libx264", "w")
    except av.codec.codec.UnknownCodecError:
        raise MissingDependencyError(
            "this PyAV has no encoder libx264; `pip install --force-reinstall --only-binary av av`, or use codec=jpeg"
        ) from None
    rate = Fraction(rate_hz).limit_denominator(1000)
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.framerate, codec.time_base, codec.thread_count = rate, 1 / rate, 1
    kbit_s = round(1000.0 * (encoding.mbit_s or _MBIT_S_PER_PIXEL_RATE * width * height * rate_hz))
    steps = max(round(KEYFRAME_S * rate_hz), 1)
    # the buffer of half a second keeps to the rate over every keyframe and what builds on it
    own = f"scenecut=0:repeat-headers=1:sliced-threads=0:vbv-maxrate={kbit_s}:vbv-bufsize={max(kbit_s // 2, 1)}"
    codec.options = {
        "preset": "superfast", "tune": "zerolatency", "crf": str(encoding.crf),
        "g": str(steps), "bf": "0", "x264-params": f"{own}:colormatrix=smpte170m",
    }  # fmt: skip
    return codec
