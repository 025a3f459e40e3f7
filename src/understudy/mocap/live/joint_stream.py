"""The plain joint stream: named joint positions in JSON or MessagePack, over WebSocket or ZeroMQ. For every other program.

`ws://host:8770` connects to a server, `ws-listen://127.0.0.1:8770` waits for a program that pushes, `zmq+tcp://host:5556` and
`zmq+ipc:///tmp/joints` subscribe to a publisher. docs/live_wire.md has the messages.
"""

from __future__ import annotations

import time

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap.live._joint_messages import MOST_JOINTS, JointMessage, parse_message
from understudy.mocap.live._named_body import NamedBody
from understudy.mocap.live._order import FrameOrder
from understudy.mocap.live._payloads import Transport
from understudy.mocap.live._websocket import WebSocketClient, WebSocketListener
from understudy.mocap.live._zmq_messages import ZmqSubscriber
from understudy.spec.live import LiveCounters, LiveFrame, LiveSource, LiveStream


class JointStream:
    """Frames out of messages.

    Attributes:
        address: of a listener, host and port that senders connect to.
    """

    def __init__(self, transport: Transport, name: str) -> None:
        """Read from an open connection."""
        self.name = name
        self.rate_hz: float | None = None
        self.counters = LiveCounters()
        self.address = transport.address
        self._transport = transport
        self._order = FrameOrder(self.counters)
        self._stated = JointMessage()
        self._names: tuple[str, ...] | None = None
        self._body: NamedBody | None = None

    def read(self, timeout_s: float) -> LiveFrame | None:
        """The next frame, or None when none came within `timeout_s`.

        Raises:
            MocapError: the joints do not make a body, the server refuses us for good.
        """
        until = time.monotonic() + timeout_s
        while True:
            got = self._transport.get(max(until - time.monotonic(), 0.0))
            if got is None:
                self.counters.last_damage = self._transport.trouble or self.counters.last_damage
                return None
            frame = self.feed(*got)
            if frame is not None:
                return frame

    def feed(self, data: bytes | str, t_arrival_ns: int) -> LiveFrame | None:
        """Take a message that came at `t_arrival_ns` of the host's monotonic clock, as `read` does.

        Raises:
            MocapError: as `read`.
        """
        try:
            message = parse_message(data)
            pos = self._positions(message)
        except MocapError as error:
            self.counters.damaged += 1
            self.counters.last_damage = f"{self.name}: {error}"
            return None
        return None if pos is None else self._frame(message, pos, t_arrival_ns)

    def close(self) -> None:
        """End the connection; safe to call twice."""
        self._transport.close()

    def _positions(self, message: JointMessage) -> F64 | None:
        """(N, 3) in the order of the names known so far; None of a message that only states something.

        Raises:
            MocapError: packed positions without names, or not as many as names.
        """
        self._learn(message)
        if message.pos is None:
            return None
        if message.names is None or len(message.names) != len(message.pos):
            known = len(self._names or ())
            if known != len(message.pos) or message.names is not None:
                raise MocapError(
                    f"joint stream: {len(message.pos)} packed positions, and {known} names known; send the names first, and "
                    "again every second for those who join later"
                )
            return message.pos
        if message.names == self._names:
            return message.pos
        place = {name: k for k, name in enumerate(self._names or ())}
        pos = np.full((len(place), 3), np.nan)
        pos[[place[name] for name in message.names]] = message.pos
        return pos

    def _learn(self, message: JointMessage) -> None:
        """Names, unit and axes that the message states; what changes means another body."""
        known, stated = self._names, self._stated
        names = message.names or known
        if message.pos is not None and message.names and known and set(message.names) <= set(known):
            names = known  # joints that are left out are not seen
        elif message.pos is not None and message.names and known and len(known) + len(message.names) <= MOST_JOINTS:
            names = tuple(dict.fromkeys([*known, *message.names]))
        unit, up = message.unit or stated.unit, message.up or stated.up
        self._stated = JointMessage(unit=unit, up=up, rate_hz=message.rate_hz or stated.rate_hz)
        if names and (self._body is None or (names, unit, up) != (known, stated.unit, stated.up)):
            self._body = NamedBody(names, self.name, unit=unit or "m", up=up)
        self._names = names

    def _frame(self, message: JointMessage, pos: F64, t_arrival_ns: int) -> LiveFrame | None:
        sequence = self._order.take(message.sequence, message.t_ns, t_arrival_ns)
        if sequence is None or self._body is None:
            return None
        self.rate_hz = self._stated.rate_hz or self._order.rate_hz
        body = self._body.joints(pos)
        if body is None:
            return None
        joints, hands = body
        if message.hands is not None:
            hands = self._body.to_world(message.hands)
        return LiveFrame(sequence, t_arrival_ns if message.t_ns is None else message.t_ns, t_arrival_ns, joints, hands)


class JointStreams:
    """Senders of plain joint positions."""

    schemes: tuple[str, ...] = ("ws", "wss", "ws-listen", "zmq+tcp", "zmq+ipc")
    title: str = "joint stream (WebSocket, ZeroMQ)"

    def open(self, url: str) -> LiveStream:
        """Connect or listen; raises MocapError where the address is wrong or cannot be had."""
        scheme = url.partition(":")[0].lower()
        transport: Transport
        if scheme in ("ws", "wss"):
            transport = WebSocketClient(url)
        elif scheme == "ws-listen":
            transport = WebSocketListener(url)
        else:
            transport = ZmqSubscriber(url)
        where = ":".join(str(part) for part in transport.address if part)
        return JointStream(transport, f"joint stream {'on' if scheme == 'ws-listen' else 'from'} {where}")


PLUGIN: LiveSource = JointStreams()
