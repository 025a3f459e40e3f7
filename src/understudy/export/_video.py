"""H.264 video of camera images: written with an exact number of frames, and read back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from understudy.errors import ExportError, MissingDependencyError
from understudy.geom.arrays import U8


@dataclass(frozen=True)
class VideoSettings:
    """How videos are encoded.

    Attributes:
        codec: FFmpeg's encoder.
        preset: its speed.
        crf: its quality, lower is better and larger.
        gop: a key frame every so many frames; 2 makes any frame quick to reach.
        threads: fixed, so that a machine with more cores writes the same bytes.
    """

    codec: str = "libx264"
    preset: str = "veryfast"
    crf: int = 23
    gop: int = 2
    threads: int = 2


class VideoWriter:
    """One video file under construction."""

    def __init__(self, path: Path, *, width: int, height: int, fps: int, settings: VideoSettings) -> None:
        """Open `path`.

        Raises:
            ExportError: 4:2:0 video cannot have this size.
            MissingDependencyError: FFmpeg was built without the encoder.
        """
        import av

        if width % 2 or height % 2:
            raise ExportError(f"{path.name}: images of {width}x{height} pixels; video needs even sizes, crop or resize them")
        options = {"preset": settings.preset, "crf": str(settings.crf), "g": str(settings.gop), "bf": "0"}
        self.path, self.frames, self.bytes, self._packets, self._tick = path, 0, 0, 0, Fraction(1, fps)
        self._container = av.open(str(path), "w")
        try:
            self._stream = self._container.add_stream(settings.codec, rate=fps, options=options)
        except av.codec.codec.UnknownCodecError:
            self._container.close()
            raise MissingDependencyError(
                f"this PyAV has no encoder {settings.codec}; `pip install --force-reinstall --only-binary av av`"
            ) from None
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._stream.codec_context.thread_count = settings.threads
        self._stream.codec_context.thread_type = "FRAME"
        self._size = (height, width, 3)

    def write(self, image: U8, *, times: int = 1) -> None:
        """Add one RGB image (H, W, 3), `times` in a row.

        Raises:
            ExportError: it has another size than the first one.
        """
        import av

        if image.shape != self._size:
            raise ExportError(f"{self.path.name}: image {self.frames} is {image.shape}, the first one {self._size}; use one size")
        for _ in range(times):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = self.frames, self._tick
            self._encode(frame)
            self.frames += 1

    def close(self) -> None:
        """Finish the file.

        Raises:
            ExportError: the encoder gave another number of frames than it was given.
        """
        try:
            self._encode(None)
        finally:
            self._container.close()
        if self._packets != self.frames:
            raise ExportError(f"{self.path.name}: the encoder made {self._packets} frames of {self.frames}")

    def abandon(self) -> None:
        """Let go of the file as it is; it is about to be removed."""
        self._container.close()

    def _encode(self, frame: object) -> None:
        import av

        try:
            packets = self._stream.encode(frame)
            self._container.mux(packets)
        except av.error.FFmpegError as error:
            if isinstance(error, OSError):
                raise  # the disk: the folder above names it
            raise ExportError(f"{self.path.name}: frame {self.frames} cannot be encoded: {error}") from None
        self.bytes += sum(packet.size for packet in packets)
        self._packets += len(packets)


def read_video(path: Path) -> Iterator[tuple[float, U8]]:
    """Each frame's time, seconds, and RGB image (H, W, 3).

    Raises:
        ExportError: the file is not a video that can be decoded.
    """
    import av

    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield float(frame.time), np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    except (av.error.FFmpegError, IndexError) as error:
        raise ExportError(f"{path}: cannot be decoded: {error}") from None
