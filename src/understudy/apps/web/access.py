"""Who may open the page: on this computer anyone who sits at it, from elsewhere whoever has the token."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit


def is_local(host: str) -> bool:
    """Whether an address is one of this computer alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Access:
    """What a request must bring.

    Bound to this computer, the page answers to its own names only, so that no page of the internet can reach it through a
    name that points here. Bound to anything else, a request needs the token: once in the address, then as a cookie.

    Attributes:
        host: address the server is bound to.
        port: its port.
        token: empty where none is needed.
    """

    host: str
    port: int
    token: str = field(repr=False)

    @classmethod
    def to(cls, host: str, port: int) -> Access:
        """Access to a server bound to `host`."""
        return cls(host, port, "" if is_local(host) else secrets.token_urlsafe(24))

    @property
    def cookie(self) -> str:
        """Name of the cookie; cookies do not know ports."""
        return f"understudy_{self.port}"

    def allows(self, path: str, headers: dict[str, str]) -> bool:
        """Whether a request may be answered.

        Args:
            path: as it was asked for, with its query.
            headers: names in lower case.
        """
        if not self.token:
            name = urlsplit(f"//{headers.get('host', '')}").hostname or ""
            return is_local(name)
        return self.brings_token(path) or hmac.compare_digest(self._cookie_in(headers), self.token.encode())

    def brings_token(self, path: str) -> bool:
        """Whether the address has the token."""
        given = parse_qs(urlsplit(path).query).get("token", [""])[0]
        return bool(self.token) and hmac.compare_digest(given.encode(), self.token.encode())

    def same_origin(self, headers: dict[str, str]) -> bool:
        """Whether a request that changes something comes from the page itself."""
        origin = headers.get("origin")
        return origin is not None and origin == f"http://{headers.get('host', '')}"

    def _cookie_in(self, headers: dict[str, str]) -> bytes:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return b""
        return found.value.encode() if found else b""
