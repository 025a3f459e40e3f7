"""The bus over ZeroMQ: producers push, the recorder pulls."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from understudy.errors import BusError
from understudy.record.address import BusAddress
from understudy.record.bus import MOST_IMAGE_MESSAGES, MOST_MESSAGES, Message
from understudy.record.wire import MOST_BYTES

if TYPE_CHECKING:
    import zmq

LINGER_MS = 300


class ZmqLink:
    """A producer's end: two sockets, so that images never stand before vectors. Connects when the recorder is there.

    Args:
        address: of the bus.
    """

    def __init__(self, address: BusAddress, *, most: int = MOST_MESSAGES, most_images: int = MOST_IMAGE_MESSAGES) -> None:
        import zmq

        self._again, self._flags = zmq.Again, zmq.NOBLOCK
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sockets = {images: self._socket(address.samples, n) for images, n in ((False, most), (True, most_images))}

    def _socket(self, endpoint: str, most: int) -> zmq.Socket[bytes]:
        import zmq

        socket = self._context.socket(zmq.PUSH)
        for option, value in ((zmq.SNDHWM, most), (zmq.LINGER, LINGER_MS)):
            socket.setsockopt(option, value)
        try:
            socket.connect(endpoint)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise BusError(f"{endpoint}: not an address of a bus ({error})") from None
        return socket

    def send(self, message: Message, *, images: bool) -> bool:
        """See `Link`."""
        try:
            self._sockets[images].send_multipart(message, self._flags)
        except self._again:
            return False
        return True

    def close(self) -> None:
        """Give it back after a moment for what is on its way."""
        for socket in self._sockets.values():
            socket.close()
        self._context.term()


class ZmqListener:
    """The recorder's end.

    Args:
        address: of the bus.

    Raises:
        BusError: the address cannot be had; another recorder may listen there.
    """

    def __init__(self, address: BusAddress) -> None:
        import zmq

        self._flags, self._again = zmq.NOBLOCK, zmq.Again
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.PULL)
        for option, value in ((zmq.RCVHWM, 200), (zmq.MAXMSGSIZE, MOST_BYTES), (zmq.LINGER, 0)):
            self._socket.setsockopt(option, value)
        bind(self._socket, address.samples, self._context)

    def receive(self, timeout_s: float, most: int = 256) -> list[Message]:
        """See `Listener`."""
        if not self._socket.poll(round(timeout_s * 1e3)):
            return []
        out: list[Message] = []
        while len(out) < most:
            try:
                out.append(self._socket.recv_multipart(self._flags))
            except self._again:
                break
        return out

    def close(self) -> None:
        """Free the socket; twice is fine."""
        self._socket.close()
        self._context.term()


def bind(socket: zmq.Socket[bytes], endpoint: str, context: zmq.Context[zmq.Socket[bytes]], *, wait_s: float = 1.0) -> None:
    """Bind a socket, where a recorder that was killed may hold the address for a moment still.

    Raises:
        BusError: the address cannot be had; the context is closed.
    """
    import zmq

    until = time.monotonic() + wait_s
    while True:
        try:
            if endpoint.startswith("ipc://") and _answers(endpoint):
                raise zmq.ZMQError(zmq.EADDRINUSE)
            mask = os.umask(0o077)  # a socket file is for this account alone
            try:
                socket.bind(endpoint)
            finally:
                os.umask(mask)
            return
        except zmq.ZMQError as error:
            if error.errno == zmq.EADDRINUSE and time.monotonic() < until:
                time.sleep(0.1)
                continue
            context.destroy(linger=0)
            taken = error.errno == zmq.EADDRINUSE
            advice = "a recorder listens there already; stop it, or choose another --bus" if taken else str(error)
            raise BusError(f"{endpoint}: cannot listen there: {advice}") from None


def _answers(endpoint: str) -> bool:
    """Whether somebody listens at a socket file; ZeroMQ would take it over without a word."""
    import socket

    path = endpoint.removeprefix("ipc://")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True
