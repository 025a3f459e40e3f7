"""NatNet 4 (OptiTrack Motive 3): skeletons as Motive solves them, by unicast or multicast.

The stream asks the server who it is, joins its multicast group where it has one, asks for the definitions of the skeletons,
and asks again whenever a frame refers to one that is not known. A server that stops and comes back is found again.
"""

from __future__ import annotations

import math
import struct
import time

import numpy as np

from understudy.errors import MocapError
from understudy.mocap._units import UP_AXES
from understudy.mocap.live import _natnet_models as natnet
from understudy.mocap.live._natnet_body import bone_positions, choose_body, refuse_local, same_body
from understudy.mocap.live._natnet_frame import NatNetFrame, parse_frame
from understudy.mocap.live._order import FrameOrder
from understudy.mocap.live._skeleton import LiveSkeleton, live_skeleton
from understudy.mocap.live._udp import Datagram, UdpReceiver, interface_towards
from understudy.mocap.live._url import LiveUrl, ipv4, multicast_group, parse_url
from understudy.mocap.live._wire import DamagedPacketError
from understudy.spec.live import LiveCounters, LiveFrame, LiveSource, LiveStream

OPTIONS = {
    "body": "the skeleton's name in Motive, where several are tracked",
    "multicast": "the multicast group, where it is not the one that Motive names (such as 239.255.42.99)",
    "data_port": "its port (1511)",
    "interface": "this machine's IPv4 number towards Motive, where it has several",
    "up": "y or z, as Motive's setting Up Axis says (y)",
}
FORM = "natnet://HOST[:1510]"
ASK_AGAIN_S = 0.5
KEEP_ALIVE_S = 1.0
OVERTIME_S = 0.1
"""How long past its time a reader goes on with datagrams that hold no frame."""
SILENT_S = 1.0
"""Without a frame for so long the server is asked again who it is: it may have begun anew and forgotten its clients."""


LATEST_NS = 2**62
"""No clock of a host has run for longer."""


class NatNet:
    """Opens `natnet://` addresses."""

    schemes: tuple[str, ...] = ("natnet",)
    title: str = "OptiTrack NatNet 4"

    def open(self, url: str) -> LiveStream:
        """The stream of the Motive at `url`.

        Raises:
            MocapError: the address is wrong, its host is not known, or no port is free.
        """
        parts = parse_url(url, schemes=self.schemes, port=natnet.COMMAND_PORT, options=OPTIONS, form=FORM)
        if parts.options.get("up", "y") not in ("y", "z"):
            raise MocapError(f"{url}: up is {parts.options['up'][:20]!r}; y or z is allowed, as Motive's Up Axis says")
        return NatNetStream(parts)


class NatNetStream:
    """One skeleton of one Motive."""

    def __init__(self, url: LiveUrl) -> None:
        """A stream that has sent its first question; raises MocapError where no socket can be had."""
        self.name = url.options.get("body", "")
        self.counters = LiveCounters()
        self.rate_hz: float | None = None
        self.latency_s: float | None = None
        self._url, self._where = url, url.text
        self._axes = UP_AXES[url.options.get("up", "y")]
        self._order = FrameOrder(self.counters)
        host = ipv4(url.host, self._where)
        self._interface = ipv4(url.options["interface"], self._where) if "interface" in url.options else ""
        self._interface = self._interface or interface_towards(host, self._where)
        self._server = (host, url.port)
        self._info: natnet.ServerInfo | None = None
        self._stated_rate_hz: float | None = None
        self._bodies: tuple[natnet.BodyDefinition, ...] | None = None
        self._body: natnet.BodyDefinition | None = None
        self._skeleton: LiveSkeleton | None = None
        self._flags_used = self._is_global = False
        self._joined: set[tuple[str, int]] = set()
        self._asked_s: dict[int, float] = {}
        self._frame_s = -math.inf
        self._receiver = UdpReceiver(self._where, 0, interface=self._interface, only_from=host)
        try:
            if "multicast" in url.options:
                self._join(multicast_group(url.options["multicast"], self._where), natnet.DATA_PORT)
        except MocapError:
            self._receiver.close()
            raise
        self._ask(natnet.CONNECT, "Ping")

    def read(self, timeout_s: float) -> LiveFrame | None:
        """The next frame of the skeleton; see `LiveStream.read`.

        Raises:
            MocapError: another version than NatNet 4, no skeleton or none of the name, several without a choice, or bones in
                local coordinates.
        """
        end_s = time.monotonic() + timeout_s
        left_s = timeout_s
        while left_s > -OVERTIME_S and not self._receiver.closed:
            self._ask_what_is_missing()
            datagram = self._receiver.get(min(left_s, 0.5 * ASK_AGAIN_S))
            left_s = end_s - time.monotonic()
            if datagram is None and left_s <= 0.0:
                return None
            frame = None if datagram is None else self.hear(datagram)
            if frame is not None:
                return frame
        return None

    def close(self) -> None:
        """Free the sockets and the thread."""
        self._receiver.close()

    def _ask(self, message: int, text: str = "", every_s: float = 0.0) -> None:
        now_s = time.monotonic()
        if now_s - self._asked_s.get(message, -math.inf) >= every_s:
            self._asked_s[message] = now_s
            self._receiver.send(natnet.request(message, text), self._server)

    def _ask_what_is_missing(self) -> None:
        if self._info is None:
            return self._ask(natnet.CONNECT, "Ping", ASK_AGAIN_S)
        if self._bodies is None:
            self._ask(natnet.REQUEST_DEFINITIONS, every_s=ASK_AGAIN_S)
        if time.monotonic() - self._frame_s > SILENT_S:
            self._ask(natnet.CONNECT, "Ping", SILENT_S)
        if self._info.group is None:
            self._ask(natnet.KEEP_ALIVE, every_s=KEEP_ALIVE_S)
        return None

    def hear(self, datagram: Datagram) -> LiveFrame | None:
        """The frame in a datagram; what is damaged is counted. Raises MocapError as `read` does."""
        try:
            return self._understand(datagram)
        except DamagedPacketError as error:
            self.counters.damaged += 1
            self.counters.last_damage = str(error)
            self._ask(natnet.CONNECT, "Ping", SILENT_S)
            return None
        except MocapError:
            self._info = self._bodies = None
            raise

    def _understand(self, datagram: Datagram) -> LiveFrame | None:
        message, payload = natnet.split_packet(datagram.data)
        if message == natnet.SERVER_INFO:
            self._meet(natnet.parse_server_info(payload))
        elif self._info is None:
            return None
        elif message == natnet.DEFINITIONS:
            self._define(natnet.parse_definitions(payload, self._info.version[1]))
        elif message == natnet.RESPONSE and len(payload) == 4:
            rate_hz = float(struct.unpack("<f", payload)[0])
            self._stated_rate_hz = rate_hz if 1.0 <= rate_hz <= 10_000.0 else None
        elif message == natnet.FRAME:
            self._frame_s = time.monotonic()
            return self._frame(parse_frame(payload, self._info.version[1]), datagram.t_arrival_ns)
        return None

    def _meet(self, info: natnet.ServerInfo) -> None:
        """Check the server's version and go where its data is."""
        major, minor = info.version
        if major != 4:
            raise MocapError(
                f"{self._where}: {info.program} streams NatNet {major}.{minor}; 4.0 and later versions 4 are read: "
                "use Motive 3, or export a file and replay it"
            )
        if self._info is None or info != self._info:
            self._bodies = None
            self._ask(natnet.REQUEST_DEFINITIONS)
            self._ask(natnet.REQUEST, "FrameRate")
        self._info = info
        if info.group is not None and "multicast" not in self._url.options:
            self._join(info.group, info.data_port)

    def _join(self, group: str, port: int) -> None:
        port = self._url.integer("data_port", port, 1, 65535)
        if (group, port) not in self._joined:
            self._receiver.join(self._where, group, port, self._interface)
            self._joined.add((group, port))

    def _define(self, bodies: tuple[natnet.BodyDefinition, ...]) -> None:
        """Take the skeleton that is wanted from new definitions."""
        self._bodies = bodies
        current = None if self._body is None else self._body.name
        body = choose_body(bodies, self._url.options.get("body"), current, self._where)
        if self._body is not None and same_body(body, self._body):
            return
        where = f"{self._where}: skeleton {body.name[:60]!r}"
        self._skeleton = live_skeleton(body.bone_names, body.parents, body.rest_pos_m, where)
        self._body, self.name, self._is_global = body, body.name, False

    def _frame(self, frame: NatNetFrame, t_arrival_ns: int) -> LiveFrame | None:
        if frame.models_changed:
            self._ask(natnet.REQUEST_DEFINITIONS, every_s=ASK_AGAIN_S)
        known = {body.id for body in self._bodies or ()}
        if self._body is None or self._skeleton is None or not frame.skeletons.keys() <= known:
            self._ask(natnet.REQUEST_DEFINITIONS, every_s=ASK_AGAIN_S)
        if self._body is None or self._skeleton is None:
            return None
        bones = (frame.assets if self._body.asset else frame.skeletons).get(self._body.id)
        if bones is None:
            return None
        t_ns = self._stamp(frame)
        number = self._order.take(frame.number, t_ns, t_arrival_ns)
        if number is None:
            return None
        self._flags_used |= bool(bones.tracked.any())
        pos_m = bone_positions(self._body, bones, flags_used=self._flags_used)
        if not self._is_global:
            refuse_local(self._body, pos_m, self._where)
            self._is_global = bool(np.isfinite(pos_m).all())
        self.rate_hz = self._stated_rate_hz or self._order.rate_hz
        nodes = pos_m @ self._axes.T
        joints = self._skeleton.joints(nodes)
        return LiveFrame(number, t_ns, t_arrival_ns, joints, self._skeleton.hands(nodes, joints))

    def _stamp(self, frame: NatNetFrame) -> int:
        """Nanoseconds of the middle of the exposure, or of the software's clock for a frame that is played back."""
        ticks_per_s = self._info.ticks_per_s if self._info is not None else 0
        if not (ticks_per_s and frame.mid_exposure_ticks):
            return round(frame.time_s * 1e9)
        self.latency_s = (frame.transmit_ticks - frame.mid_exposure_ticks) / ticks_per_s
        t_ns = frame.mid_exposure_ticks * 1_000_000_000 // ticks_per_s
        if t_ns > LATEST_NS:
            raise DamagedPacketError(f"mid-exposure is {t_ns * 1e-9:.3g} s of the host's clock")
        return t_ns


PLUGIN: LiveSource = NatNet()
