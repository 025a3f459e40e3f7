"""Messages of a ZeroMQ publisher."""

from __future__ import annotations

import threading
import time

from understudy.errors import MocapError
from understudy.mocap.live._joint_messages import MOST_BYTES
from understudy.mocap.live._payloads import Payload
from understudy.mocap.live._url import parse_url

PORT = 5556
MOST_QUEUED = 256
SLICE_S = 0.05
"""How long a closing thread waits for a reading one at most."""


class ZmqSubscriber:
    """Subscribes to everything a PUB socket sends; ZeroMQ itself connects, and again after every break."""

    def __init__(self, url: str) -> None:
        """Begin to connect; raises MocapError where `url` is no address."""
        import zmq

        scheme = url.partition(":")[0].lower()
        if scheme == "zmq+ipc":
            path = url.partition("://")[2]
            if not path:
                raise MocapError(f"{url}: a path is due; write zmq+ipc:///tmp/joints")
            self.address, endpoint = (path, 0), f"ipc://{path}"
        else:
            parts = parse_url(url, schemes=("zmq+tcp",), port=PORT, options={}, form=f"zmq+tcp://127.0.0.1:{PORT}")
            self.address, endpoint = (parts.host, parts.port), f"tcp://{parts.host}:{parts.port}"
        self.trouble = ""
        self._lock, self._closed = threading.Lock(), False
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        for option, value in ((zmq.MAXMSGSIZE, MOST_BYTES), (zmq.RCVHWM, MOST_QUEUED), (zmq.LINGER, 0), (zmq.SUBSCRIBE, b"")):
            self._socket.setsockopt(option, value)
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise MocapError(f"{url}: not an address of ZeroMQ ({error}); write zmq+tcp://host:port") from error

    def get(self, timeout_s: float) -> Payload | None:
        """The oldest message; of one in parts the last, behind its topic. See `Transport`."""
        until = time.monotonic() + timeout_s
        while True:
            with self._lock:
                if self._closed:
                    return None
                left_s = until - time.monotonic()
                if self._socket.poll(round(max(min(left_s, SLICE_S), 0.0) * 1e3)):
                    return self._socket.recv_multipart()[-1], time.monotonic_ns()
            if left_s <= 0.0:
                return None

    def close(self) -> None:
        """Free the socket; safe from any thread, and twice."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._socket.close()
                self._context.term()
