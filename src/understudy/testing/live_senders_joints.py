"""Senders of the joint stream that replay a motion, from docs/live_wire.md: a WebSocket server, a pusher, a ZeroMQ publisher."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from types import TracebackType

import numpy as np

from understudy.geom.arrays import F64
from understudy.spec.skeleton import JOINTS, HumanMotion

FORMS = ("json", "json packed", "msgpack", "msgpack packed")
_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())
Message = str | bytes


def joint_messages(motion: HumanMotion, form: str, *, begin_ns: int = 0, first: int = 0) -> list[Message]:
    """A message per frame; packed ones begin with one that names the joints.

    Args:
        motion: what is replayed; what is NaN is sent as not seen.
        form: one of `FORMS`.
        begin_ns: stamp of the first frame on the sender's clock.
        first: its number.
    """
    packed, binary = form.endswith("packed"), form.startswith("msgpack")
    out: list[Message] = [encode({"v": 1, "names": list(JOINTS), "unit": "m", "up": "z"}, binary)] if packed else []
    for k, pos in enumerate(motion.joint_pos_world_m):
        message: dict[str, object] = {"v": 1, "seq": first + k, "t_ns": begin_ns + int(motion.t_ns[k])}
        if packed:
            message["pos"] = _packed(pos) if binary else _rows(pos)
        else:
            message |= {"up": "z", "joints": dict(zip(JOINTS, _rows(pos), strict=True))}
        if motion.hand_pos_world_m is not None:
            sides = zip(("left", "right"), motion.hand_pos_world_m[k], strict=True)
            message["hands"] = {side: _packed(hand) if binary and packed else _rows(hand) for side, hand in sides}
        out.append(encode(message, binary))
    return out


def encode(message: dict[str, object], binary: bool) -> Message:
    """A message as MessagePack or JSON."""
    if not binary:
        return json.dumps(message)
    import msgpack

    data: bytes = msgpack.packb(message)
    return data


def _packed(points: F64) -> bytes:
    return points.astype("<f4").tobytes()


def _rows(points: F64) -> list[list[float] | None]:
    return [None if np.isnan(point).any() else [float(x) for x in point] for point in points]


class WebSocketServer:
    """A server that others connect to; whoever is connected gets what is sent."""

    def __init__(self, port: int = 0) -> None:
        """Listen on localhost; 0 takes any free port."""
        from websockets.sync.server import ServerConnection, serve

        self._connected = threading.Condition()
        self._connections: list[ServerConnection] = []

        def stay(connection: ServerConnection) -> None:
            with self._connected:
                self._connections.append(connection)
                self._connected.notify_all()
            for _ in connection:
                pass

        self._server = serve(stay, "127.0.0.1", port, compression=None, close_timeout=0.5, logger=_log)
        self.port: int = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def wait_for_client(self, timeout_s: float = 10.0) -> bool:
        """Whether somebody is connected within the time."""
        with self._connected:
            return self._connected.wait_for(lambda: bool(self._connections), timeout_s)

    def send(self, messages: Sequence[Message]) -> None:
        """Send to everybody."""
        for message in messages:
            for connection in self._connections:
                connection.send(message)

    def close(self) -> None:
        """End all connections and free the port."""
        self._server.shutdown()
        self._thread.join()

    def __enter__(self) -> WebSocketServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def push(url: str, messages: Sequence[Message], *, origin: str | None = None) -> None:
    """Connect to a listener, send, and go."""
    from websockets.sync.client import connect
    from websockets.typing import Origin

    with connect(url, compression=None, proxy=None, close_timeout=0.5, origin=Origin(origin) if origin else None) as connection:
        for message in messages:
            connection.send(message)


class ZmqPublisher:
    """A PUB socket."""

    def __init__(self, endpoint: str = "tcp://127.0.0.1:*") -> None:
        """Bind; `*` takes any free port."""
        import zmq

        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(endpoint)
        self.endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def wait_for_client(self, timeout_s: float = 10.0) -> bool:
        """Whether somebody subscribes within the time."""
        return bool(self._socket.poll(round(timeout_s * 1e3))) and self._socket.recv()[:1] == b"\x01"

    def send(self, messages: Sequence[Message], topic: bytes | None = None) -> None:
        """Publish, behind a topic where one is given."""
        for message in messages:
            data = message.encode() if isinstance(message, str) else message
            self._socket.send_multipart([data] if topic is None else [topic, data])

    def close(self) -> None:
        """Free the port."""
        self._socket.close()
        self._context.term()

    def __enter__(self) -> ZmqPublisher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
