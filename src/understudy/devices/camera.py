"""Opens a camera of this machine, a network stream or a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from understudy.devices._encoder import Encoding
from understudy.devices._settings import Settings
from understudy.spec.device import Device
from understudy.spec.protocols import DeviceFactory
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema


class CameraFactory:
    """Settings: `url`, `stream` (observations/head_left), `name` (cam_ and the stream's name), `format`, `stamp` (arrival or
    capture), `exposure_s`, `readout_s`, `loop`, `scale`, `codec` (jpeg or h264), `quality` (90),
    `crf` (21), `mbit_s` (at most; 0: by size and rate), `timeout_s` (5), and FFmpeg's own as `option.NAME`.
    """

    title = "camera by FFmpeg: USB, RTSP, HTTP, or a video file"

    def open(self, config: Mapping[str, str | float | bool], robot: RobotModel, schema: Schema) -> Sequence[Device]:
        """One camera.

        Raises:
            DeviceError: a setting is not known or out of range.
            UnknownNameError: the schema has no such stream.
        """
        from understudy.devices.video import VideoCamera, VideoSource

        settings = Settings("camera", {key: value for key, value in config.items() if not key.startswith("option.")})
        spec = schema.stream(settings.text("stream", "observations/head_left"))
        stamp = settings.text("stamp", "arrival", ("arrival", "capture"))
        name, url = settings.text("name", f"cam_{spec.name}"), settings.text("url", "")
        kind = settings.text("format", "")
        exposure_s = settings.number("exposure_s", 0.0, low=0.0, high=10.0)
        readout_s = settings.number("readout_s", 0.0, low=-10.0, high=10.0)
        loop, scale = settings.switch("loop", False), settings.switch("scale", False)
        encoding = Encoding.of(settings)
        timeout_s = settings.number("timeout_s", 5.0, low=0.1, high=600.0)
        settings.close()
        source = VideoSource(
            url=url,
            format=kind,
            options={k.removeprefix("option."): str(v) for k, v in config.items() if k.startswith("option.")},
            stamp="capture" if stamp == "capture" else "arrival",
            exposure_s=exposure_s,
            readout_s=readout_s,
            loop=loop,
            scale=scale,
            encoding=encoding,
            timeout_s=timeout_s,
        )
        return [VideoCamera(spec, source, name=name)]


PLUGIN: DeviceFactory = CameraFactory()
