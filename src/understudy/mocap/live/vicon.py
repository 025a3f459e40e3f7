"""Vicon Nexus, Shogun, Tracker and Evoke through Vicon's own Python package, where it is installed.

`vicon://host` or `vicon://host:801?subject=Anna`. The positions of a skeleton's segments are taken, each the joint about which
the segment turns; their names and who hangs on whom come from Vicon.

Source: the functions of Vicon DataStream SDK 1.12 as its examples for Python call them: Connect, EnableSegmentData,
SetStreamMode, SetAxisMapping, GetFrame, GetFrameNumber, GetFrameRate, GetSubjectNames, GetSegmentNames, GetSegmentParentName,
GetSegmentGlobalTranslation (millimetres, and whether occluded). Tried against an imitation of them only.
"""

from __future__ import annotations

import importlib
import threading
import time
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

import numpy as np

from understudy.errors import MissingDependencyError, MocapError, did_you_mean
from understudy.geom.arrays import F64, I64
from understudy.mocap.live._named_body import NamedBody
from understudy.mocap.live._order import FrameOrder
from understudy.mocap.live._payloads import Mailbox
from understudy.mocap.live._url import LiveUrl, parse_url
from understudy.spec.live import LiveCounters, LiveFrame, LiveSource, LiveStream

PORT = 801
CONNECT_MS = 1000
AGAIN_S = 0.5
SAME_FRAME_S = 0.001
"""Pause where Vicon gives the same frame again."""
CLOSE_S = 2.0
_OPTIONS = {"subject": "name of the person; the first with a whole body if it is left out"}


class ViconClient(Protocol):
    """What is used of the package's `Client`."""

    def GetFrame(self) -> object: ...
    def GetFrameNumber(self) -> int: ...
    def GetFrameRate(self) -> float: ...
    def GetSubjectNames(self) -> list[str]: ...
    def GetSegmentNames(self, subject: str) -> list[str]: ...
    def GetSegmentParentName(self, subject: str, segment: str) -> str: ...
    def GetSegmentGlobalTranslation(self, subject: str, segment: str) -> tuple[tuple[float, float, float], bool]: ...
    def Disconnect(self) -> object: ...


@dataclass(frozen=True)
class Snapshot:
    """A frame as Vicon gives it.

    Attributes:
        number: frame number.
        rate_hz: frames per second.
        subjects: subject to its segments' names and positions (N, 3), millimetres, z up, NaN where occluded.
        parents: subject to each segment's parent, empty for the root.
    """

    number: int
    rate_hz: float
    subjects: dict[str, tuple[tuple[str, ...], F64]]
    parents: dict[str, tuple[str, ...]]


class ViconConnection:
    """A thread that asks Vicon for frames; one other thread reads them.

    Attributes:
        trouble: why nothing comes at the moment.
    """

    def __init__(self, host: str, sdk: ModuleType) -> None:
        """Begin to connect to `host:port`."""
        self.trouble = ""
        self._host, self._sdk = host, sdk
        self.box: Mailbox[Snapshot] = Mailbox()
        self._closed = threading.Event()
        self._parents: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._thread = threading.Thread(target=self._stay, name=f"vicon {host}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; one that Vicon holds back is left to end by itself."""
        self._closed.set()
        self.box.close()
        self._thread.join(CLOSE_S)

    def _stay(self) -> None:
        while not self._closed.is_set():
            try:
                client = self._connected()
                self.trouble = ""
                self._take_frames(client)
                client.Disconnect()
            except self._sdk.DataStreamException as error:
                self.trouble = f"Vicon at {self._host}: {error}; trying again"
            except BaseException as error:
                self.box.refuse(f"Vicon at {self._host}: its package failed ({error!r}); look for a newer one")
                raise
            self._closed.wait(AGAIN_S)

    def _connected(self) -> ViconClient:
        kind = self._sdk.Client
        client = kind()
        client.SetConnectionTimeout(CONNECT_MS)
        client.Connect(self._host)
        client.SetBufferSize(1)
        client.EnableSegmentData()
        client.SetStreamMode(kind.StreamMode.EServerPush)
        client.SetAxisMapping(kind.AxisMapping.EForward, kind.AxisMapping.ELeft, kind.AxisMapping.EUp)
        connected: ViconClient = client
        return connected

    def _take_frames(self, client: ViconClient) -> None:
        newest = None
        while not self._closed.is_set():
            client.GetFrame()
            number = client.GetFrameNumber()
            if number == newest:
                self._closed.wait(SAME_FRAME_S)
                continue
            newest = number
            self.box.put(self._snapshot(client, number))

    def _snapshot(self, client: ViconClient, number: int) -> Snapshot:
        subjects, parents = {}, {}
        for subject in client.GetSubjectNames():
            names = tuple(client.GetSegmentNames(subject))
            pos = np.full((len(names), 3), np.nan)
            for k, name in enumerate(names):
                translation, occluded = client.GetSegmentGlobalTranslation(subject, name)
                if not occluded:
                    pos[k] = translation
            subjects[subject] = names, pos
            if (subject, *names) not in self._parents:
                self._parents[subject, *names] = tuple(self._parent(client, subject, name) for name in names)
            parents[subject] = self._parents[subject, *names]
        return Snapshot(int(number), float(client.GetFrameRate()), subjects, parents)

    def _parent(self, client: ViconClient, subject: str, segment: str) -> str:
        """The parent's name; for the root Vicon has none and says so by an exception."""
        try:
            return client.GetSegmentParentName(subject, segment)
        except self._sdk.DataStreamException:
            return ""


class ViconStream:
    """Frames of one subject."""

    def __init__(self, url: LiveUrl, sdk: ModuleType) -> None:
        """Begin to connect."""
        host = f"{url.host}:{url.port}"
        self.name = f"Vicon at {host}"
        self.rate_hz: float | None = None
        self.counters = LiveCounters()
        self._connection = ViconConnection(host, sdk)
        self._order = FrameOrder(self.counters)
        self._wanted = url.options.get("subject")
        self._chosen = ""
        self._bodies: dict[tuple[str, ...], NamedBody] = {}

    def read(self, timeout_s: float) -> LiveFrame | None:
        """The next frame, or None when none came within `timeout_s`.

        Raises:
            MocapError: the subject is not there, or no subject has a whole body.
        """
        until = time.monotonic() + timeout_s
        while True:
            got = self._connection.box.get(max(until - time.monotonic(), 0.0))
            if got is None:
                self.counters.last_damage = self._connection.trouble or self.counters.last_damage
                return None
            frame = self._frame(*got)
            if frame is not None:
                return frame

    def close(self) -> None:
        """End the connection; safe to call twice."""
        self._connection.close()

    def _frame(self, snapshot: Snapshot, t_arrival_ns: int) -> LiveFrame | None:
        self.rate_hz = snapshot.rate_hz if snapshot.rate_hz > 0.0 else None
        body = self._joints(snapshot)
        if body is None:
            return None
        t_ns = round(snapshot.number * 1e9 / self.rate_hz) if self.rate_hz else None
        sequence = self._order.take(snapshot.number, t_ns, t_arrival_ns)
        if sequence is None:
            return None
        return LiveFrame(sequence, t_arrival_ns if t_ns is None else t_ns, t_arrival_ns, *body)

    def _joints(self, snapshot: Snapshot) -> tuple[F64, F64 | None] | None:
        """Joints and hands of the subject that was asked for, or of the first with a whole body.

        Raises:
            MocapError: there is none.
        """
        subjects = snapshot.subjects
        if self._wanted is not None and subjects and self._wanted not in subjects:
            raise MocapError(
                f"{self.name}: there is no subject {self._wanted!r}{did_you_mean(self._wanted, subjects)} (subjects: "
                f"{', '.join(subjects)})"
            )
        asked = self._wanted or self._chosen
        errors = []
        for subject in [asked] if asked in subjects else subjects:
            try:
                body = self._body(subject, snapshot).joints(subjects[subject][1])
            except MocapError as error:
                errors.append(error)
                continue
            self._chosen = subject
            return body
        if errors:
            raise errors[0]
        self.counters.last_damage = f"{self.name}: the frames have no subject; switch one on in Vicon"
        return None

    def _body(self, subject: str, snapshot: Snapshot) -> NamedBody:
        names, _ = snapshot.subjects[subject]
        if (subject, *names) not in self._bodies:
            where = f"{self.name}, subject {subject}"
            parents = _indices(names, snapshot.parents[subject])
            self._bodies[subject, *names] = NamedBody(names, where, parents=parents, unit="mm", up="z")
        return self._bodies[subject, *names]


def _indices(names: tuple[str, ...], parents: tuple[str, ...]) -> I64:
    """(N,) index of each segment's parent, -1 for none."""
    return np.array([names.index(parent) if parent in names else -1 for parent in parents], dtype=np.int64)


class Vicon:
    """Vicon's programs through Vicon's own package."""

    schemes: tuple[str, ...] = ("vicon",)
    title: str = "Vicon DataStream (through the vendor's package)"

    def open(self, url: str) -> LiveStream:
        """Connect; raises MocapError where the address is wrong, MissingDependencyError where the package is not there."""
        parts = parse_url(url, schemes=self.schemes, port=PORT, options=_OPTIONS, form=f"vicon://host:{PORT}?subject=NAME")
        try:
            sdk = importlib.import_module("vicon_dssdk.ViconDataStream")
        except ImportError as error:
            raise MissingDependencyError(
                f"{url}: Vicon's package vicon_dssdk is not installed. It is not on PyPI: install the DataStream SDK from "
                "vicon.com/software/datastream-sdk, then `pip install` the folder Python/vicon_dssdk inside it "
                f"(by default C:\\Program Files\\Vicon\\DataStream SDK\\Win64\\Python\\vicon_dssdk): {error}"
            ) from error
        return ViconStream(parts, sdk)


PLUGIN: LiveSource = Vicon()
