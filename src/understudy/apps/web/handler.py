"""One connection of a browser: admits it, and hands what it asks for to the site."""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

from understudy.apps.web.answers import JSON, Answer, Site

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
IDLE_S = 30.0


class PageHandler(BaseHTTPRequestHandler):
    """One connection of a browser; stays open between requests. Made by `handler_of`."""

    site: Site
    protocol_version = "HTTP/1.1"
    server_version = "understudy"
    sys_version = ""
    timeout = IDLE_S
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # headers and body leave in one packet

    def do_GET(self) -> None:
        """Files, and what the page shows."""
        if not self._admitted():
            return
        asked = urlsplit(self.path)
        if asked.path == "/" and self.site.access.brings_token(self.path):
            self._keep_token()
        elif found := self.site.get(asked.path, dict(parse_qsl(asked.query))):
            self._answer(found)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page here; open /")

    def do_POST(self) -> None:
        """What the page asks for: `{"do": "record", "task": ...}`."""
        if not self._admitted():
            return
        headers = self._headers()
        length, most = headers.get("content-length", ""), self.site.most_bytes
        if not self.site.access.same_origin(headers):
            self._refuse(HTTPStatus.FORBIDDEN, "this was sent by another page")
        elif headers.get("content-type") != JSON or not _decimal(length) or int(length) > most:
            self._refuse(HTTPStatus.BAD_REQUEST, f"JSON of at most {most} bytes is needed")
        elif urlsplit(self.path).path != "/do":
            self._refuse(HTTPStatus.NOT_FOUND, "commands go to /do")
        else:
            self._answer(self.site.do(self.rfile.read(int(length))))

    def log_message(self, format: str, *args: object) -> None:
        """Requests come many times a second: none is logged."""

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _admitted(self) -> bool:
        if self.site.access.allows(self.path, self._headers()):
            return True
        needed = (
            f"open the address that `{self.site.command}` printed, with its token" if self.site.access.token else "use localhost"
        )
        self._refuse(HTTPStatus.FORBIDDEN, f"this page is not open to you: {needed}")
        return False

    def _keep_token(self) -> None:
        """Put the token into a cookie, so that it stays out of the address bar and the history."""
        access = self.site.access
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", "/")
        self.send_header("Set-Cookie", f"{access.cookie}={access.token}; HttpOnly; SameSite=Strict; Path=/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True
        self._answer(Answer(f"{status.value} {why}\n".encode(), "text/plain; charset=utf-8", status))


def handler_of(site: Site) -> type[PageHandler]:
    """The handler of a site's connections."""
    return type("SiteHandler", (PageHandler,), {"site": site})


def _decimal(text: str) -> bool:
    """Whether it is a length; a longer one than anybody may send is none."""
    return text.isascii() and text.isdecimal() and len(text) < 10
