"""Messages over WebSocket: from a server that we connect to, or from a program that connects to us."""

from __future__ import annotations

import hmac
import ipaddress
import itertools
import logging
import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit
from weakref import WeakKeyDictionary

from understudy.errors import MocapError
from understudy.mocap.live._joint_messages import MOST_BYTES
from understudy.mocap.live._payloads import Mailbox, Payload
from understudy.mocap.live._url import ipv4, parse_url

if TYPE_CHECKING:
    from websockets.http11 import Request, Response
    from websockets.sync.client import ClientConnection
    from websockets.sync.server import ServerConnection

PORT = 8770
AGAIN_S = 0.5
OPEN_S, CLOSE_S = 5.0, 0.5
SHORTEST_TOKEN = 8
_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())
_LISTEN_OPTIONS = {"token": f"what senders must put into their address, {SHORTEST_TOKEN} letters or more"}


class WebSocketClient:
    """Connects to a server, and again whenever the connection ends; a server that is not there is only silent."""

    def __init__(self, url: str) -> None:
        """Begin to connect; raises MocapError where `url` is no address."""
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "wss" else 80)
        except ValueError as error:
            raise MocapError(f"{url}: not an address ({error}); write ws://host:port/path") from error
        if not parts.hostname or parts.fragment:
            raise MocapError(f"{url}: a host, and no fragment, is due; write ws://host:port/path")
        self.address = (parts.hostname, port)
        self.trouble = ""
        self._box: Mailbox[bytes | str] = Mailbox()
        self._url, self._closed = url, threading.Event()
        self._connection: ClientConnection | None = None
        self._thread = threading.Thread(target=self._stay, name=f"websocket to {parts.hostname}", daemon=True)
        self._thread.start()

    def get(self, timeout_s: float) -> Payload | None:
        """The oldest message; see `Transport`."""
        return self._box.get(timeout_s)

    def close(self) -> None:
        """End the thread and the connection."""
        self._closed.set()
        self._box.close()
        if self._connection is not None:
            self._connection.close()
        self._thread.join()

    def _stay(self) -> None:
        from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException

        while not self._closed.is_set():
            try:
                self._receive()
            except InvalidURI as error:
                self._box.refuse(f"{self._url}: not a WebSocket address ({error})")
                return
            except InvalidStatus as error:
                status = error.response.status_code
                if 400 <= status < 500:
                    why = f"{self._url}: the server answers HTTP {status}; check path and token"
                    self._box.refuse(why)
                    return
                self.trouble = f"{self._url}: the server answers HTTP {status}; trying again"
            except (OSError, WebSocketException) as error:
                self.trouble = f"{self._url}: {error}; trying again"
            self._closed.wait(AGAIN_S)

    def _receive(self) -> None:
        from websockets.sync.client import connect

        with connect(
            self._url, compression=None, proxy=None, open_timeout=OPEN_S, close_timeout=CLOSE_S, max_size=MOST_BYTES, logger=_log
        ) as connection:
            self._connection, self.trouble = connection, ""
            if self._closed.is_set():
                return
            for message in connection:
                self._box.put(message)
        self.trouble = f"{self._url}: the server ended the connection; trying again"


class WebSocketListener:
    """Takes what programs push to us. The newest sender is listened to; the one before is sent away.

    Beyond this machine, and for web pages, which can reach this machine from any site, a token is needed.
    """

    def __init__(self, url: str) -> None:
        """Listen; raises MocapError where the address is wrong, cannot be had, or lacks a token."""
        from websockets.sync.server import serve

        parts = parse_url(url, schemes=("ws-listen",), port=PORT, options=_LISTEN_OPTIONS, form=f"ws-listen://127.0.0.1:{PORT}")
        host, self._token = ipv4(parts.host, url), parts.options.get("token", "")
        if self._token and len(self._token) < SHORTEST_TOKEN:
            raise MocapError(f"{url}: a token of {len(self._token)} letters; {SHORTEST_TOKEN} or more are due")
        if not self._token and not ipaddress.ip_address(host).is_loopback:
            raise MocapError(
                f"{url}: beyond this machine a token is needed, so that not everybody on the network can move the robot: "
                f"ws-listen://{host}:{parts.port}?token=..., and senders connect to ws://this-machine:{parts.port}/?token=..."
            )
        self.trouble = ""
        self._box: Mailbox[bytes | str] = Mailbox()
        self._now = threading.Lock()
        self._sender: ServerConnection | None = None
        self._came: WeakKeyDictionary[ServerConnection, int] = WeakKeyDictionary()
        self._count = itertools.count()
        try:
            self._server = serve(
                self._take, host, parts.port, process_request=self._check, compression=None, open_timeout=OPEN_S,
                close_timeout=CLOSE_S, max_size=MOST_BYTES, logger=_log,
            )  # fmt: skip
        except OSError as error:
            raise MocapError(
                f"{url}: port {parts.port} on {host} cannot be had ({error.strerror or error}); close the other program that "
                "listens there, or name another port"
            ) from error
        name: tuple[str, int] = self._server.socket.getsockname()
        self.address = (name[0], name[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name=f"websocket {name[1]}", daemon=True)
        self._thread.start()

    def get(self, timeout_s: float) -> Payload | None:
        """The oldest message; see `Transport`."""
        return self._box.get(timeout_s)

    def close(self) -> None:
        """Send senders away and free the port."""
        self._box.close()
        with self._now:
            if self._sender is not None:
                self._sender.close()
        self._server.shutdown()
        self._thread.join()

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse a sender without the token; None lets it in."""
        self._came[connection] = next(self._count)  # their threads may go on in another order
        if not self._token and "Origin" not in request.headers:
            return None
        given = parse_qs(urlsplit(request.path).query).get("token", [""])[0]
        if self._token and hmac.compare_digest(given.encode(), self._token.encode()):
            return None
        return connection.respond(403, "The token is missing or wrong: ws://host:port/?token=...\n")

    def _take(self, connection: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosedError

        with self._now:
            newer = self._sender is None or self._came[connection] > self._came[self._sender]
            gone, self._sender = (self._sender, connection) if newer else (connection, self._sender)
        if gone is not None:
            gone.close(reason="another sender has connected")
        if gone is connection:
            return
        try:
            for message in connection:
                self._box.put(message)
        except ConnectionClosedError as error:
            self.trouble = f"the sender was lost: {error}"
