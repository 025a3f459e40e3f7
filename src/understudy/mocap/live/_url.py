"""Addresses of live sources: `scheme://host:port/path?option=value`, checked against what the source knows."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from understudy.errors import MocapError, did_you_mean

LONGEST_URL = 2048
LOCALHOST = "127.0.0.1"


@dataclass(frozen=True)
class LiveUrl:
    """An address, taken apart.

    Attributes:
        text: as the user wrote it, for messages.
        scheme: in lower case.
        host: name or number; the source's default where the address has none.
        port: 1 to 65535, or 0 for any free port where the address says so.
        path: what follows the host, empty for none.
        options: name to value; only names that the source knows.
    """

    text: str
    scheme: str
    host: str
    port: int
    path: str
    options: Mapping[str, str]

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """An option that is a whole number from `low` to `high`.

        Raises:
            MocapError: it is none.
        """
        word = self.options.get(name, str(default))
        if not (word.isascii() and word.isdecimal() and len(word) < 12 and low <= int(word) <= high):
            raise MocapError(f"{self.text}: {name} is {word[:40]!r}; a whole number from {low} to {high} is needed")
        return int(word)


def parse_url(
    url: str,
    *,
    schemes: Sequence[str],
    port: int,
    options: Mapping[str, str],
    form: str,
    host: str = LOCALHOST,
    path: bool = False,
) -> LiveUrl:
    """The parts of a live address.

    Args:
        url: what the user wrote.
        schemes: those the source answers to.
        port: the protocol's usual one, taken where the address has none.
        options: names that may follow `?`, each with what it means.
        form: how an address should look, for messages.
        host: taken where the address has none.
        path: whether something may follow the host.

    Raises:
        MocapError: says which part is wrong and what is allowed.
    """
    allowed = f"write {form}" + "".join(f"; {name}: {meaning}" for name, meaning in options.items())
    if len(url) > LONGEST_URL:
        raise MocapError(f"{url[:60]}...: the address has {len(url)} characters, up to {LONGEST_URL} are allowed; {allowed}")
    try:
        parts = urlsplit(url)
        own_port, own_host = parts.port, parts.hostname
        pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=32)
    except ValueError as error:
        raise MocapError(f"{url}: not an address ({error}); {allowed}") from error
    if parts.scheme not in schemes:
        raise MocapError(f"{url}: scheme {parts.scheme!r} is not {' or '.join(map(repr, schemes))}; {allowed}")
    if parts.username is not None or parts.fragment or (parts.path.strip("/") and not path):
        raise MocapError(f"{url}: a user, a path or a fragment is not known here; {allowed}")
    for name, _ in pairs:
        if name not in options:
            raise MocapError(f"{url}: option {name[:40]!r} is not known{did_you_mean(name, options)}; {allowed}")
    twice = [name for k, (name, _) in enumerate(pairs) if name in [other for other, _ in pairs[:k]]]
    if twice:
        raise MocapError(f"{url}: option {twice[0]!r} is given twice; {allowed}")
    return LiveUrl(url, parts.scheme, own_host or host, port if own_port is None else own_port, unquote(parts.path), dict(pairs))


def ipv4(host: str, where: str) -> str:
    """The IPv4 number of a host.

    Raises:
        MocapError: the name is not known, or has no such number.
    """
    try:
        return str(socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_DGRAM)[0][4][0])
    except (OSError, UnicodeError) as error:
        raise MocapError(f"{where}: host {host!r} cannot be found ({error}); check its name, or give its IPv4 number") from error


def multicast_group(word: str, where: str) -> str:
    """A multicast address.

    Raises:
        MocapError: it is none.
    """
    try:
        group = ipaddress.IPv4Address(word)
    except ValueError:
        group = None
    if group is None or not group.is_multicast:
        raise MocapError(f"{where}: {word[:40]!r} is no multicast address; 224.0.0.0 to 239.255.255.255 are")
    return str(group)
