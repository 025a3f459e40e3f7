"""Datagrams of one UDP socket, stamped as they come and kept in a queue that cannot grow without bound."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass

from understudy.errors import MocapError
from understudy.mocap.live._url import LOCALHOST

LARGEST_DATAGRAM = 65535
MOST_QUEUED = 1024
"""Datagrams kept for a slow reader; the oldest go first."""
MOST_QUEUED_BYTES = 32 * 1024 * 1024
RECEIVE_BUFFER = 4 * 1024 * 1024
"""Bytes asked from the system for what comes between two looks."""


@dataclass(frozen=True)
class Datagram:
    """One datagram.

    Attributes:
        data: its bytes.
        t_arrival_ns: host's monotonic clock when it was taken from the socket.
        sender: host and port it came from.
    """

    data: bytes
    t_arrival_ns: int
    sender: tuple[str, int]


class UdpReceiver:
    """A thread that takes datagrams from a socket; one other thread reads them.

    Attributes:
        address: interface and port it is bound to.
        dropped: datagrams that a reader who was too slow never saw.
    """

    def __init__(
        self, where: str, port: int, *, interface: str = LOCALHOST, group: str | None = None, only_from: str | None = None
    ) -> None:
        """A receiver that listens from now on.

        Args:
            where: the live address, for messages.
            port: 0 for any free one.
            interface: IPv4 number of the interface to listen on; localhost by default, `0.0.0.0` for all.
            group: multicast group to join on that interface.
            only_from: IPv4 number whose datagrams alone are taken; None takes everybody's.

        Raises:
            MocapError: the address cannot be had, with what to do.
        """
        self.dropped = 0
        self._only_from = only_from
        self._socket = _bound(where, port, interface, group)
        self._sockets = [self._socket]
        name: tuple[str, int] = self._socket.getsockname()
        self.address: tuple[str, int] = (name[0], name[1])
        self._wake, self._waker = socket.socketpair()
        self._queue: deque[Datagram] = deque()
        self._queued_bytes = 0
        self._ready = threading.Condition()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._receive, name=f"udp {self.address[1]}", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    def get(self, timeout_s: float) -> Datagram | None:
        """The oldest datagram in the queue, or None when none came within `timeout_s` or the receiver was closed."""
        with self._ready:
            self._ready.wait_for(lambda: bool(self._queue) or self._closed, max(timeout_s, 0.0))
            if self._closed or not self._queue:
                return None
            oldest = self._queue.popleft()
            self._queued_bytes -= len(oldest.data)
            return oldest

    def join(self, where: str, group: str, port: int, interface: str) -> None:
        """Take the datagrams of a multicast group as well.

        Raises:
            MocapError: the port cannot be had.
        """
        joined = _bound(where, port, interface, group)
        with self._closing:
            if self._closed:
                joined.close()
                return
            self._sockets = [*self._sockets, joined]
            self._waker.send(b"+")

    def send(self, data: bytes, to: tuple[str, int]) -> bool:
        """Send a datagram from the same port; False where the network refused it, which may pass."""
        try:
            self._socket.sendto(data, to)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """End the thread and free the socket; safe from any thread, and twice."""
        with self._closing:
            with self._ready:
                if self._closed:
                    return
                self._closed = True
                self._ready.notify_all()
            self._waker.send(b"x")
            self._thread.join()
            for own in (*self._sockets, self._wake, self._waker):
                own.close()

    def _receive(self) -> None:
        while not self._closed:
            readable, _, _ = select.select([*self._sockets, self._wake], [], [])
            for own in readable:
                if own is self._wake:
                    own.recv(64)
                else:
                    self._take(own)

    def _take(self, own: socket.socket) -> None:
        try:
            data, sender = own.recvfrom(LARGEST_DATAGRAM)
        except OSError:
            return  # an ICMP message about something sent earlier: the host does not listen yet, and may begin to
        t_arrival_ns = time.monotonic_ns()
        if self._only_from is None or sender[0] == self._only_from:
            self._put(Datagram(data, t_arrival_ns, (sender[0], sender[1])))

    def _put(self, datagram: Datagram) -> None:
        with self._ready:
            self._queue.append(datagram)
            self._queued_bytes += len(datagram.data)
            while len(self._queue) > MOST_QUEUED or self._queued_bytes > MOST_QUEUED_BYTES:
                self._queued_bytes -= len(self._queue.popleft().data)
                self.dropped += 1
            self._ready.notify()


def interface_towards(host: str, where: str) -> str:
    """IPv4 number of the interface by which this machine reaches `host`; nothing is sent.

    Raises:
        MocapError: no interface leads there.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
        except OSError as error:
            told = f"{where}: no network leads to {host} ({error}); check the cable and this machine's address"
            raise MocapError(told) from error
        return str(probe.getsockname()[0])


def _bound(where: str, port: int, interface: str, group: str | None) -> socket.socket:
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if group is None:
            own.bind((interface, port))
            return own
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind((interface if os.name == "nt" else group, port))
        joined = socket.inet_aton(group) + socket.inet_aton(interface)
        own.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
    except OSError as error:
        own.close()
        what = f"multicast group {group} on interface {interface}" if group else f"interface {interface}"
        raise MocapError(
            f"{where}: UDP port {port} on {what} cannot be had ({error.strerror or error}); close the other program that "
            "listens there, or name another port, or an interface of this machine"
        ) from error
    return own
