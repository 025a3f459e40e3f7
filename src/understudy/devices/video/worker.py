"""The process that reads a camera: opens it, encodes its frames, and opens it again when it is lost."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from understudy.devices._encoder import Encoding, PictureEncoder
from understudy.devices._frames import (
    FAILED,
    NOTICE,
    READY,
    SETUP,
    Assembler,
    image_message,
    message,
    take_over_output,
    write_all,
)
from understudy.devices.video.source import VideoSource
from understudy.errors import DeviceError, UnderstudyError
from understudy.spec.sample import NO_STAMP

if TYPE_CHECKING:
    import av
    import av.container

FIRST_RETRY_S, LONGEST_RETRY_S = 0.25, 5.0
NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Frame:
    """A picture that came in.

    Attributes:
        data: a whole JPEG file, or an H.264 packet.
        t_ns: host's monotonic clock when it was in hand, or when it was due for a file.
        pts_ns: the source's own stamp; None where it has none.
    """

    data: bytes
    t_ns: int
    pts_ns: int | None


class InputEndedError(Exception):
    """The device let go of this process."""


def main() -> None:
    """Read until the input ends."""
    out = take_over_output()
    try:
        source, width, height, rate_hz = _setup()
        _read_on(source, width, height, rate_hz, out)
    except (InputEndedError, BrokenPipeError):
        return
    except (UnderstudyError, OSError, ValueError) as error:
        write_all(out, message(FAILED, str(error).encode()))


def _setup() -> tuple[VideoSource, int, int, float]:
    assembler, messages = Assembler(), list[tuple[int, bytes]]()
    while not messages:
        piece = os.read(0, 1 << 16)
        if not piece:
            raise InputEndedError
        messages += assembler.take(piece)
    kind, content = messages[0]
    if kind != SETUP:
        raise ValueError("the process was started by hand; it is started by its device")
    found = json.loads(content)
    source = {**found["source"], "encoding": Encoding(**found["source"]["encoding"])}
    return VideoSource(**source), int(found["width"]), int(found["height"]), float(found["rate_hz"])


def _read_on(source: VideoSource, width: int, height: int, rate_hz: float, out: int) -> None:
    import av

    counter, retry_s, begun = Counter(rate_hz), FIRST_RETRY_S, False
    while True:
        why = "it ended"
        try:
            for frame in frames(source, width, height, rate_hz):
                if not begun:
                    write_all(out, message(READY, b""))
                begun, retry_s = True, FIRST_RETRY_S
                pts_ns = NO_STAMP if frame.pts_ns is None else frame.pts_ns
                write_all(out, image_message(0, counter.next(frame.pts_ns), frame.t_ns, pts_ns, frame.data))
                _listen(0.0)
        except (DeviceError, OSError, ValueError, av.FFmpegError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            why = str(error)
        if not begun:
            raise DeviceError(f"{source.url}: {why}; plug it in, or mend its address")
        counter.lost()
        if source.kind == "file" and not source.loop:
            write_all(out, message(NOTICE, b"the file has ended"))
            _listen(None)
        if source.kind != "file":
            write_all(out, message(NOTICE, f"lost ({why}); it is opened again".encode()))
            _listen(retry_s)
            retry_s = min(2.0 * retry_s, LONGEST_RETRY_S)


def frames(source: VideoSource, width: int, height: int, rate_hz: float) -> Iterator[Frame]:
    """Frames of one opening of a source, until it ends; H.264 begins with a keyframe.

    Raises:
        DeviceError: it has no pictures, or pictures of another size.
        OSError: FFmpeg cannot open or read it.
    """
    import av

    wanted = source.format or ("v4l2" if source.kind == "device" else None)
    with av.open(source.url, format=wanted, options=dict(source.options), timeout=(source.timeout_s,) * 2) as container:
        if not container.streams.video:
            raise DeviceError("it has no video stream")
        stream = container.streams.video[0]
        stream.thread_type = "NONE"  # threads would hold frames back
        encoder = ImagesOf(source, width, height, rate_hz)
        start_ns, first_ns = time.monotonic_ns(), None
        for packet in container.demux(stream):
            for data, pts in encoder.images(packet, stream.codec_context.name):
                pts_ns = None if pts is None else round(float(pts * stream.time_base) * NS_PER_S)
                t_ns = time.monotonic_ns()
                if source.kind == "file" and pts_ns is not None:
                    first_ns = pts_ns if first_ns is None else first_ns
                    t_ns = start_ns + pts_ns - first_ns
                    _listen(max((t_ns - time.monotonic_ns()) / NS_PER_S, 0.0))
                yield Frame(data, t_ns, pts_ns)


class ImagesOf:
    """Makes images of a source's packets; JPEG files of a camera that sends them in the right size are passed on."""

    def __init__(self, source: VideoSource, width: int, height: int, rate_hz: float) -> None:
        self._source, self._size = source, (width, height)
        self._pass_on: bool | None = None if source.encoding.codec == "jpeg" else False
        self._encoder = PictureEncoder(source.encoding, width, height, rate_hz)

    def images(self, packet: av.Packet, codec: str) -> Iterator[tuple[bytes, int | None]]:
        """(image, stamp) of every picture in a packet."""
        if self._pass_on is None and packet.size:
            self._pass_on = codec == "mjpeg" and self._is_whole(bytes(packet))
        if self._pass_on:
            if packet.size:
                yield bytes(packet), packet.pts
            return
        width, height = self._size
        for frame in packet.decode():  # the empty packet at the end brings what the decoder holds back
            if (frame.width, frame.height) != self._size and not self._source.scale:
                raise DeviceError(
                    f"pictures are {frame.width}x{frame.height}, the schema says {width}x{height}; ask the camera for that size "
                    "(option video_size), give scale=true, or change the schema"
                )
            yield self._encoder.encode(frame.to_ndarray(format="rgb24", width=width, height=height)), frame.pts

    def _is_whole(self, data: bytes) -> bool:
        """Whether it is a JPEG of the stream's size that others can read; some cameras leave out its tables."""
        import simplejpeg

        try:
            height, width = simplejpeg.decode_jpeg_header(data)[:2]
            simplejpeg.decode_jpeg(data)
        except ValueError:
            return False
        return (width, height) == self._size


class Counter:
    """Numbers frames; what is missing between two stamps of the source, at its rate, is counted as lost."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz, self._number = rate_hz, -1
        self._pts_ns: int | None = None

    def next(self, pts_ns: int | None) -> int:
        """Number of the frame with this stamp."""
        steps = 1
        if pts_ns is not None and self._pts_ns is not None and self._rate_hz > 0:
            steps = max(1, round((pts_ns - self._pts_ns) * self._rate_hz / NS_PER_S))
        self._pts_ns = pts_ns
        self._number += steps
        return self._number

    def lost(self) -> None:
        """The source was lost: at least one frame is missing, and its stamps may begin anew."""
        self._number, self._pts_ns = self._number + 1, None


def _listen(timeout_s: float | None) -> None:
    """Wait, and end with the device that started this process."""
    if select.select([0], [], [], timeout_s)[0] and not os.read(0, 1 << 16):
        raise InputEndedError
