"""Where a bus is: `tcp://127.0.0.1:8795`, `ipc:///run/user/1000/bus`, `tcp://0.0.0.0:8795?token=SECRET`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from understudy.errors import BusError

PORT = 8795
DEFAULT = f"tcp://127.0.0.1:{PORT}"
LEAST_TOKEN = 8
_MOST_IPC_BYTES = 96
"""A socket's path may have 107 bytes; the second one is longer by a suffix."""


@dataclass(frozen=True)
class BusAddress:
    """A bus: one socket that takes samples, and beside it one that takes commands.

    Attributes:
        samples: endpoint of ZeroMQ that producers push to.
        commands: endpoint of ZeroMQ that answers commands: the next port, or the path with `.commands`.
        token: that producers and commanders must bring; empty for none.
        local: nothing outside this computer can reach it.
    """

    samples: str
    commands: str
    token: str = field(default="", repr=False)
    local: bool = True


def parse_address(text: str) -> BusAddress:
    """The bus at an address.

    Raises:
        BusError: it is none, or it is open to other machines and has no token.
    """
    parts = urlsplit(text)
    token = _token(text, parts.query)
    if parts.scheme == "ipc":
        path = parts.netloc + parts.path
        if not path.startswith("/") or len(path.encode()) > _MOST_IPC_BYTES:
            raise BusError(f"{text}: an absolute path of at most {_MOST_IPC_BYTES} bytes is needed, such as ipc:///tmp/bus")
        return BusAddress(f"ipc://{path}", f"ipc://{path}.commands", token)
    if parts.scheme != "tcp":
        raise BusError(f"{text}: not an address of a bus; write {DEFAULT} or ipc:///tmp/bus")
    host, port = _host_and_port(text)
    local = _is_local(host)
    if not local and not token:
        raise BusError(
            f"{text}: open to other machines: add a token, {text.partition('?')[0]}?token=SECRET ({LEAST_TOKEN} letters or more)"
        )
    shown = f"[{host}]" if ":" in host else host
    return BusAddress(f"tcp://{shown}:{port}", f"tcp://{shown}:{port + 1}", token, local)


def _token(text: str, query: str) -> str:
    options = parse_qs(query, keep_blank_values=True)
    if unknown := [name for name in options if name != "token"]:
        raise BusError(f"{text}: unknown option {unknown[0]!r}; token is the only one")
    token = options.get("token", [""])[-1]
    if "token" in options and (len(token) < LEAST_TOKEN or not token.isprintable()):
        raise BusError(f"{text}: the token needs {LEAST_TOKEN} letters or more")
    return token


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(text)
    try:
        host, port = parts.hostname or "", PORT if parts.port is None else parts.port
    except ValueError as error:
        raise BusError(f"{text}: {error}; write {DEFAULT}") from None
    if not host or parts.path not in ("", "/") or parts.username is not None or not 0 < port < 65535:
        raise BusError(f"{text}: write host and port, such as {DEFAULT}")
    return host, port


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
