"""The newest picture of each camera: the JPEG file as it came, or one of the newest H.264 keyframe, fetched a few times a
second at most, however many ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass

from understudy.errors import BusError
from understudy.record.address import BusAddress
from understudy.record.commands import Commander
from understudy.spec.video import keyframe_jpeg

JPEG = b"\xff\xd8"
EVERY_S = 0.3
ANSWER_S = 0.5


@dataclass(frozen=True, slots=True)
class Picture:
    """A camera's picture.

    Attributes:
        jpeg: as the camera's producer made it, or made here of H.264; empty where the recorder gives none.
        asked_s: when it was asked for, monotonic.
    """

    jpeg: bytes
    asked_s: float


class Pictures:
    """The newest pictures; from any thread.

    Args:
        address: of the recorder's bus.
        cameras: streams there are pictures of.
    """

    def __init__(self, address: BusAddress, cameras: Collection[str]) -> None:
        self.cameras = frozenset(cameras)
        self._commander = Commander(address, timeout_s=ANSWER_S)
        self._known: dict[str, Picture] = {}
        self._lock = threading.Lock()
        self._closed = False

    def newest(self, camera: str) -> bytes:
        """JPEG of a camera; empty where there is none, or the recorder has no time for it."""
        if camera not in self.cameras:
            return b""
        with self._lock:
            if self._closed:
                return b""
            known = self._known.get(camera)
            if known is None or time.monotonic() - known.asked_s > EVERY_S:
                known = self._known[camera] = Picture(self._ask(camera), time.monotonic())
            return known.jpeg

    def _ask(self, camera: str) -> bytes:
        try:
            image = self._commander.ask("thumbnail", {"stream": camera}).get("image", b"")
        except BusError:
            return b""
        if not isinstance(image, bytes):
            return b""
        return image if image.startswith(JPEG) else keyframe_jpeg(image)

    def close(self) -> None:
        """Free the socket."""
        with self._lock:
            self._closed = True
            self._commander.close()
