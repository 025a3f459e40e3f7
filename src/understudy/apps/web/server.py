"""A page's server: a few threads of the standard library, one per connection, none of which anything else waits for."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Self

from understudy.apps.web.access import Access
from understudy.apps.web.answers import Site
from understudy.apps.web.handler import handler_of
from understudy.errors import InputError

MOST_CONNECTIONS = 32
_EVERYWHERE = ("0.0.0.0", "::", "")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, host: str, port: int, family: socket.AddressFamily) -> None:
        self.address_family = family
        self._room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        from http.server import BaseHTTPRequestHandler

        super().__init__((host, port), BaseHTTPRequestHandler)

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Serve a connection, or drop it where there are too many."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)  # type: ignore[arg-type]
            return
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self._room.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that went away is no error."""


class PageServer:
    """Serves a site; a context manager.

    Args:
        site: made when the address is known.
        host: address to bind to; anything but this computer's own needs the token that `url` carries.
        port: 0 takes any that is free.

    Raises:
        InputError: the address cannot be had.
    """

    def __init__(self, site: Callable[[Access], Site], *, host: str, port: int) -> None:
        self._server = _bound(host, port)
        self._access = Access.to(host, self._server.server_address[1])
        self._server.RequestHandlerClass = handler_of(site(self._access))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="understudy-page", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the page is, with the token where one is needed."""
        access = self._access
        host = socket.gethostname() if access.host in _EVERYWHERE else access.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{access.port}/" + (f"?token={access.token}" if access.token else "")

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _bound(host: str, port: int) -> _Server:
    where = f"{host}:{port}"
    try:
        family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return _Server(host, port, family)
    except OverflowError:
        raise InputError(f"{where}: no such port; give one from 1 to 65535, or 0 for any (--port)") from None
    except OSError as error:
        advice = {
            errno.EADDRINUSE: "something else uses it; give another one (--port), or 0 for any",
            errno.EACCES: "ports below 1024 need a privilege; give a higher one (--port)",
            errno.EADDRNOTAVAIL: "this computer has no such address (--host)",
        }.get(error.errno or 0, f"{error.strerror or error} (--host, --port)")
        raise InputError(f"{where}: the page cannot be served there: {advice}") from None
