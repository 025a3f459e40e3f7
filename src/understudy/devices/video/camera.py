"""A camera, a network stream or a file as a device."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict

from understudy.devices._frames import IMAGE
from understudy.devices._worker import Worker
from understudy.devices.video.source import VideoSource
from understudy.errors import DeviceError
from understudy.spec.device import ClockKind
from understudy.spec.sample import NO_STAMP, ClockPing, Sample
from understudy.spec.stream import StreamSpec

START_S = 20.0
"""How long a camera may take from its start to its first picture."""
RESTART_S = 1.0
_MODULE = "understudy.devices.video.worker"
_log = logging.getLogger(__name__)


class VideoCamera:
    """One image stream from a source that FFmpeg can open, read in a process of its own.

    `t_ns` is the middle of the exposure as far as the source says: its stamp less `readout_s` and half of `exposure_s`. `seq`
    counts frames, with those that are missing by the source's own stamps. A source that is lost is opened again, however long
    that takes; the log says so.

    A network stream has a clock of its own that is only seen in its stamps (`push`). Files, and devices of this machine whose
    driver stamps by the host's clock, have the host's.
    """

    def __init__(self, spec: StreamSpec, source: VideoSource, *, name: str = "camera") -> None:
        """A camera that is not on.

        Args:
            spec: of its stream; its shape is the size that pictures must have.
            source: where they come from.
            name: on the bus.

        Raises:
            DeviceError: the stream is no image stream.
        """
        if spec.kind != "image" or len(spec.shape) != 3:
            raise DeviceError(f"{name}: stream {spec.key} holds no images but {spec.kind} of shape {list(spec.shape)}")
        self.name, self.source = name, source
        self.streams: tuple[StreamSpec, ...] = (spec,)
        own_clock = source.kind == "network" or (source.kind == "device" and source.stamp == "arrival")
        self.clock: ClockKind = "push" if own_clock else "host"
        self._worker: Worker | None = None
        self._restarted_s = 0.0

    @property
    def pid(self) -> int | None:
        """Of the process that reads; None where there is none."""
        return self._worker.pid if self._worker else None

    def start(self) -> None:
        """Open it and wait for its first picture.

        Raises:
            DeviceError: it is not there, or its pictures do not fit the stream.
        """
        spec = self.streams[0]
        height, width = spec.shape[:2]
        setup = {"source": asdict(self.source), "width": width, "height": height, "rate_hz": spec.rate_hz}
        worker = Worker(_MODULE, setup, name=self.name)
        worker.start()
        worker.wait_ready(START_S)
        self._worker = worker

    def read(self, timeout_s: float) -> Sequence[Sample]:
        """Pictures that came since the last call.

        Raises:
            DeviceError: it was not started, or is closed.
        """
        worker = self._worker
        if worker is None:
            raise DeviceError(f"{self.name}: read before start, or after close")
        if not worker.alive:
            self._start_again(worker, timeout_s)
            return []
        try:
            return [self._sample(content) for content in worker.receive(timeout_s)]
        except DeviceError as error:  # its process came back and the camera is not there: it is tried again
            _log.warning("%s", error)
            return []

    def ping(self) -> ClockPing | None:
        """None: no camera answers."""
        return None

    def close(self) -> None:
        """Let go of the source."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()

    def _start_again(self, worker: Worker, timeout_s: float) -> None:
        wait_s = self._restarted_s + RESTART_S - time.monotonic()
        if wait_s > 0:
            time.sleep(min(wait_s, timeout_s))
            return
        _log.warning("%s: its process died; it is started again", self.name)
        self._restarted_s = time.monotonic()
        worker.start()

    def _sample(self, content: bytes) -> Sample:
        _, number, t_ns, pts_ns = IMAGE.unpack_from(content)
        stamp_ns = pts_ns if self.source.stamp == "capture" and pts_ns != NO_STAMP else t_ns
        arrival_ns = max(t_ns, time.monotonic_ns()) if self.source.kind == "file" else t_ns
        device_ns = pts_ns if self.clock == "push" else NO_STAMP
        return Sample(
            self.streams[0].key, content[IMAGE.size :], stamp_ns - self.source.midpoint_ns, device_ns, arrival_ns, number
        )
