"""An imitation of Vicon's Python package that replays a motion: the functions that its examples call, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from threading import Event
from types import ModuleType

from understudy.spec.skeleton import HumanMotion

_MIDDLE: dict[str, tuple[str, str]] = {
    "Pelvis": ("", "pelvis"),
    "Lumbar": ("Pelvis", "spine"),
    "Thorax": ("Lumbar", "chest"),
    "Neck": ("Thorax", "neck"),
    "Head": ("Neck", "head"),
}
_SIDED: dict[str, tuple[str, str]] = {
    "Femur": ("Pelvis", "hip"),
    "Tibia": ("Femur", "knee"),
    "Foot": ("Tibia", "ankle"),
    "Toes": ("Foot", "toe"),
    "Collar": ("Thorax", "collar"),
    "Humerus": ("Collar", "shoulder"),
    "Radius": ("Humerus", "elbow"),
    "Wrist": ("Radius", "wrist"),
    "Knuckles": ("Wrist", "hand"),
}


def _segments() -> dict[str, tuple[str, str]]:
    out = dict(_MIDDLE)
    for side in ("left", "right"):
        mark = side[0].upper()
        for segment, (parent, joint) in _SIDED.items():
            out[f"{mark}_{segment}"] = parent if parent in _MIDDLE else f"{mark}_{parent}", f"{side}_{joint}"
    return out


SEGMENTS = _segments()
"""Segment to its parent and the joint it turns about."""


class Server:
    """What the imitated Vicon program streams.

    Attributes:
        motion: the person called `name`.
        numbers: frame numbers in the order in which they come; frame n shows frame n - `first` of the motion.
        occluded: segments that are hidden in every frame after `hidden_after`.
        alive: whether it answers.
    """

    def __init__(
        self, motion: HumanMotion, numbers: Sequence[int], *, name: str = "Anna", first: int = 0, occluded: Sequence[str] = ()
    ) -> None:
        """Frames wait until somebody asks for them; after the last there is silence."""
        self.motion, self.numbers, self.name, self.first = motion, list(numbers), name, first
        self.occluded, self.hidden_after = tuple(occluded), first
        self.connections = 0
        self.refusals = 0
        self.done = Event()


def imitation(server: Server) -> ModuleType:
    """A module with the interface of `vicon_dssdk.ViconDataStream`, connected to `server`."""

    class DataStreamException(Exception):  # noqa: N818 - the vendor's name
        pass

    class Client:
        class StreamMode(Enum):
            EClientPull = 0
            EClientPullPreFetch = 1
            EServerPush = 2

        class AxisMapping(Enum):
            EUp = 0
            EDown = 1
            ELeft = 2
            ERight = 3
            EForward = 4
            EBackward = 5

        def __init__(self) -> None:
            self._number: int | None = None
            self._ready: set[str] = set()

        def SetConnectionTimeout(self, timeout_ms: int) -> None:
            self._ready.add("timeout")

        def Connect(self, host: str) -> None:
            server.connections += 1
            if server.connections <= server.refusals or host != "vicon.example:801":
                raise DataStreamException(f"could not connect to {host}")
            self._ready.add("connected")

        def SetBufferSize(self, frames: int) -> None:
            self._ready.add("buffer")

        def EnableSegmentData(self) -> None:
            if "connected" not in self._ready:
                raise DataStreamException("NotConnected")
            self._ready.add("segments")

        def SetStreamMode(self, mode: StreamMode) -> None:
            if mode is self.StreamMode.EServerPush:
                self._ready.add("push")

        def SetAxisMapping(self, x: AxisMapping, y: AxisMapping, z: AxisMapping) -> None:
            if [axis.name for axis in (x, y, z)] == ["EForward", "ELeft", "EUp"]:
                self._ready.add("z up")

        def GetFrame(self) -> bool:
            if not {"segments", "push", "z up"} <= self._ready:
                raise DataStreamException("NotConnected")
            if not server.numbers:
                server.done.set()
                raise DataStreamException("NoFrame")
            self._number = server.numbers.pop(0)
            return True

        def GetFrameNumber(self) -> int:
            if self._number is None:
                raise DataStreamException("NoFrame")
            return self._number

        def GetFrameRate(self) -> float:
            return server.motion.rate_hz

        def GetSubjectNames(self) -> list[str]:
            return ["Box", server.name] if server.name else []

        def GetSegmentNames(self, subject: str) -> list[str]:
            return ["Box"] if subject == "Box" else list(SEGMENTS)

        def GetSegmentParentName(self, subject: str, segment: str) -> str:
            if subject == "Box" or not SEGMENTS[segment][0]:
                raise DataStreamException("InvalidSegmentName")
            return SEGMENTS[segment][0]

        def GetSegmentGlobalTranslation(self, subject: str, segment: str) -> tuple[tuple[float, float, float], bool]:
            if subject == "Box":
                return (1.0, 2.0, 3.0), False
            k = self.GetFrameNumber() - server.first
            if segment in server.occluded and self.GetFrameNumber() > server.hidden_after:
                return (0.0, 0.0, 0.0), True
            x, y, z = (1e3 * server.motion.joint(SEGMENTS[segment][1])[k]).tolist()
            return (x, y, z), False

        def Disconnect(self) -> None:
            self._ready.clear()

    module = ModuleType("vicon_dssdk.ViconDataStream")
    module.Client, module.DataStreamException = Client, DataStreamException  # type: ignore[attr-defined]
    return module


@contextmanager
def installed(server: Server) -> Iterator[None]:
    """The imitation in the place of the vendor's package."""
    module = imitation(server)
    sys.modules["vicon_dssdk"], sys.modules["vicon_dssdk.ViconDataStream"] = ModuleType("vicon_dssdk"), module
    try:
        yield
    finally:
        del sys.modules["vicon_dssdk"], sys.modules["vicon_dssdk.ViconDataStream"]
