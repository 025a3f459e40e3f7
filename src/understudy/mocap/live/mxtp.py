"""Xsens MVN network streamer (MXTP over UDP): positions of the 23 segments, and of fingers where gloves are worn.

A segment's position is its proximal joint, so poses are joint centres as they come. Quaternion poses (type 02) are taken
where they come, else Euler poses (type 01).
"""

from __future__ import annotations

import time

from understudy.errors import MocapError, did_you_mean
from understudy.mocap._units import UP_AXES
from understudy.mocap.live import _mxtp_wire as mxtp
from understudy.mocap.live._mxtp_segments import SEGMENTS, laid_out, pose_nodes, segment_name
from understudy.mocap.live._mxtp_wire import Pose
from understudy.mocap.live._order import FrameOrder
from understudy.mocap.live._skeleton import LiveSkeleton
from understudy.mocap.live._udp import Datagram, UdpReceiver
from understudy.mocap.live._url import LiveUrl, ipv4, parse_url
from understudy.mocap.live._wire import DamagedPacketError
from understudy.mocap.mvnx import TIPS
from understudy.spec.live import LiveCounters, LiveFrame, LiveSource, LiveStream

OPTIONS = {
    "body": "the character's name or number in MVN, where several are streamed",
    "up": "y or z, as the streamer is set (z)",
    "from": "the only host that is listened to",
}
FORM = "mxtp://[INTERFACE][:9763] with this machine's IPv4 number, or 0.0.0.0 for all its interfaces"
SETTLING_S = 1.0
"""A second character that appears so soon after the first was there from the beginning."""
OVERTIME_S = 0.1
"""How long past its time a reader goes on with datagrams that hold no frame."""
NAMED_S = 5.0
"""By then a streamer that sends names has sent them."""


class Mxtp:
    """Opens `mxtp://` addresses."""

    schemes: tuple[str, ...] = ("mxtp", "xsens")
    title: str = "Xsens MVN network streamer"

    def open(self, url: str) -> LiveStream:
        """What MVN streams to the port at `url`.

        Raises:
            MocapError: the address is wrong, or the port is taken.
        """
        parts = parse_url(url, schemes=self.schemes, port=mxtp.PORT, options=OPTIONS, form=FORM)
        if parts.options.get("up", "z") not in ("y", "z"):
            raise MocapError(f"{url}: up is {parts.options['up'][:20]!r}; y or z is allowed, as the streamer is set")
        return MxtpStream(parts)


class MxtpStream:
    """One character of one MVN."""

    def __init__(self, url: LiveUrl) -> None:
        """A stream that listens; raises MocapError where the port cannot be had."""
        self.name = url.options.get("body", "")
        self.counters = LiveCounters()
        self.rate_hz: float | None = None
        self._url, self._where = url, url.text
        self._order = FrameOrder(self.counters, modulus=mxtp.COUNTER_MODULUS)
        self._assembly = mxtp.Assembly()
        self._names: dict[int, str] = {}
        self._first_seen_ns: dict[int, int] = {}
        self._scales: dict[int, mxtp.Scale] = {}
        self._kind = 0
        self._skeleton: LiveSkeleton | None = None
        self._shape = (0, 0)
        self._receiver = UdpReceiver(
            self._where,
            url.port,
            interface=ipv4(url.host, self._where),
            only_from=ipv4(url.options["from"], self._where) if "from" in url.options else None,
        )
        self.address = self._receiver.address

    def read(self, timeout_s: float) -> LiveFrame | None:
        """The next frame of the character; see `LiveStream.read`.

        Raises:
            MocapError: several characters without a choice, none of the name, segments that no person has, or a size that fits
                neither metres nor centimetres.
        """
        end_s = time.monotonic() + timeout_s
        left_s = timeout_s
        while left_s > -OVERTIME_S:
            datagram = self._receiver.get(left_s)
            left_s = end_s - time.monotonic()
            if datagram is None:
                return None
            frame = self.hear(datagram)
            if frame is not None:
                return frame
        return None

    def hear(self, datagram: Datagram) -> LiveFrame | None:
        """The frame that a datagram completes; what is damaged is counted. Raises MocapError as `read` does."""
        try:
            return self._understand(datagram)
        except DamagedPacketError as error:
            self.counters.damaged += 1
            self.counters.last_damage = str(error)
            return None

    def close(self) -> None:
        """Free the socket and the thread."""
        self._receiver.close()

    def _understand(self, datagram: Datagram) -> LiveFrame | None:
        header, payload = mxtp.split_datagram(datagram.data)
        if header.kind == mxtp.CHARACTER:
            name = mxtp.parse_character(payload).get("name", "")
            if name:
                self._names[header.character] = name
        elif header.kind == mxtp.SCALE:
            self._measure(header.character, mxtp.parse_scale(payload))
        elif header.kind in mxtp.POSE_ITEM:
            part = mxtp.parse_items(header, payload)
            if not self._is_wanted(header.character, datagram.t_arrival_ns):
                return None
            pose = self._assembly.add(part, datagram.t_arrival_ns)
            return None if pose is None else self._frame(pose, datagram.t_arrival_ns)
        return None

    def _measure(self, character: int, scale: mxtp.Scale) -> None:
        """Join what datagrams of the scale say; a change lays the skeleton out anew."""
        before = self._scales.get(character, mxtp.Scale({}, {}))
        wanted = {name: place for name, place in scale.points.items() if name in TIPS.values()}
        segments = {segment_name(name): place for name, place in scale.segments.items() if segment_name(name) in SEGMENTS}
        after = mxtp.Scale(before.segments | segments, before.points | wanted)
        if after != before:
            self._scales[character] = after
            self._skeleton = None

    def _is_wanted(self, character: int, t_ns: int) -> bool:
        """Whether poses of this character are to be taken.

        Raises:
            MocapError: there are several from the beginning and none was chosen, or none has the name.
        """
        seen, wanted = self._first_seen_ns, self._url.options.get("body")
        seen.setdefault(character, t_ns)
        listed = ", ".join(f"{number} ({self._names.get(number, 'no name')})" for number in sorted(seen))
        if wanted is not None and wanted.isascii() and wanted.isdecimal():
            return str(character) == wanted
        if wanted is not None:
            named = seen.keys() <= self._names.keys()
            patience_s = SETTLING_S if named else NAMED_S
            if wanted not in self._names.values() and t_ns - min(seen.values()) > patience_s * 1e9:
                near = did_you_mean(wanted, self._names.values())
                also = "" if named else "; tick Character Meta Data in the streamer, or choose by number"
                raise MocapError(f"{self._where}: no character is called {wanted[:60]!r}{near}; there are {listed}{also}")
            return self._names.get(character) == wanted
        first = next(iter(seen))
        if sum(since - seen[first] < SETTLING_S * 1e9 for since in seen.values()) > 1:
            raise MocapError(f"{self._where}: several characters are streamed: {listed}; choose one: add ?body=NAME")
        return character == first

    def _frame(self, pose: Pose, t_arrival_ns: int) -> LiveFrame | None:
        head = pose.header
        if head.kind < self._kind:
            return None
        self._kind = head.kind
        up = "y" if head.kind == mxtp.EULER else self._url.options.get("up", "z")
        scale = self._scales.get(head.character, mxtp.Scale({}, {}))
        nodes = pose_nodes(pose, scale.points if up == "z" else {}, self._where) @ UP_AXES[up].T
        t_ns = head.time_ms * 1_000_000
        number = self._order.take(head.sample, t_ns, t_arrival_ns)
        if number is None:
            return None
        self.rate_hz = self._order.rate_hz
        self.name = self._names.get(head.character, str(head.character))
        shape = (head.fingers, len(scale.points))
        if self._skeleton is None or shape != self._shape:
            self._skeleton, self._shape = laid_out(nodes, scale, self._where), shape
        joints = self._skeleton.joints(nodes)
        return LiveFrame(number, t_ns, t_arrival_ns, joints, self._skeleton.hands(nodes, joints))


PLUGIN: LiveSource = Mxtp()
