"""What a camera is asked for: where its pictures come from, and what its stamps mean."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from understudy.devices._encoder import JPEG_FILES, Encoding
from understudy.errors import DeviceError

Kind = Literal["device", "network", "file"]
Stamp = Literal["arrival", "capture"]


@dataclass(frozen=True)
class VideoSource:
    """A source that FFmpeg can open.

    Attributes:
        url: `/dev/video0`, `rtsp://...`, `http://...`, or the path of a file, which is played at its own pace.
        format: FFmpeg's name of the input format; empty has it found out, and is `v4l2` for `/dev/video...`.
        options: of FFmpeg's input, such as `{"video_size": "640x480", "input_format": "mjpeg", "framerate": "30"}`.
        stamp: `arrival`: when the frame was in hand; `capture`: the driver's stamp, which is the host's monotonic clock for
            V4L2 devices.
        exposure_s: length of the exposure: the middle of it is half as long before its end.
        readout_s: from the end of the exposure to the stamp.
        loop: a file begins anew when it ends.
        scale: pictures of another size than the stream's are scaled; refused otherwise, for scaling changes the lens's figures.
        encoding: of pictures; JPEG files that the camera sends are passed on untouched where JPEG files are wanted.
        timeout_s: silence after which a source counts as lost.
    """

    url: str
    format: str = ""
    options: dict[str, str] = field(default_factory=dict)
    stamp: Stamp = "arrival"
    exposure_s: float = 0.0
    readout_s: float = 0.0
    loop: bool = False
    scale: bool = False
    encoding: Encoding = JPEG_FILES
    timeout_s: float = 5.0

    def __post_init__(self) -> None:
        if not self.url:
            raise DeviceError("camera: url is empty; give /dev/video0, an rtsp:// or http:// address, or a file")
        if self.stamp == "capture" and self.kind != "device":
            raise DeviceError(f"camera {self.url}: only the stamps of /dev/video... are on the host's clock; use stamp=arrival")
        for name, value in (("exposure_s", self.exposure_s), ("readout_s", self.readout_s)):
            if not (math.isfinite(value) and abs(value) <= 10.0):
                raise DeviceError(f"camera {self.url}: {name} is {value}; up to 10 s is allowed")

    @property
    def kind(self) -> Kind:
        """A device of this machine, a stream over the network, or a file."""
        if self.url.startswith("/dev/"):
            return "device"
        return "network" if "://" in self.url and not self.url.startswith("file://") else "file"

    @property
    def midpoint_ns(self) -> int:
        """From the middle of the exposure to the stamp."""
        return round((self.exposure_s / 2.0 + self.readout_s) * 1e9)
