"""Answers of the page's server: the page itself, the robot's shapes, the newest snapshot, and what is asked of the session."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from urllib.parse import urlsplit

from understudy.apps.web.live.access import Access
from understudy.apps.web.live.messages import snapshot_json
from understudy.apps.web.live.shapes import RobotShapes
from understudy.pipeline.live import LiveSession, TakeLabel

STATIC = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/scene.js": ("scene.js", "text/javascript; charset=utf-8"),
    "/shaders.js": ("shaders.js", "text/javascript; charset=utf-8"),
    "/matrix.js": ("matrix.js", "text/javascript; charset=utf-8"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
MOST_BYTES = 4096
MOST_LETTERS = 200
IDLE_S = 30.0
_JSON = "application/json"


@dataclass(frozen=True)
class Site:
    """What the page is of.

    Attributes:
        session: shown and commanded.
        shapes: of its robot.
        access: who may see it.
        label: what the fields say first.
    """

    session: LiveSession
    shapes: RobotShapes
    access: Access
    label: TakeLabel

    def described(self) -> bytes:
        """The page's fixed facts as JSON."""
        own = {"source": self.session.stream.name, "label": vars(self.label)}
        return json.dumps(self.shapes.description | own).encode()


@cache
def static_file(name: str) -> bytes:
    """A file of the page."""
    return files("understudy.apps.web.live").joinpath("static", name).read_bytes()


class LiveHandler(BaseHTTPRequestHandler):
    """One connection of a browser; stays open between requests. Made by `handler_of`."""

    site: Site
    protocol_version = "HTTP/1.1"
    server_version = "understudy"
    sys_version = ""
    timeout = IDLE_S
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # headers and body leave in one packet

    def do_GET(self) -> None:
        """Files, shapes and the newest snapshot."""
        if not self._admitted():
            return
        path = urlsplit(self.path).path
        site = self.site
        if path == "/" and site.access.brings_token(self.path):
            self._keep_token()
        elif path in STATIC:
            name, kind = STATIC[path]
            self._answer(static_file(name), kind)
        elif path == "/state":
            self._answer(snapshot_json(site.session.snapshot(), site.session.robot), _JSON)
        elif path == "/robot.json":
            self._answer(site.described(), _JSON)
        elif path == "/robot.bin":
            self._answer(site.shapes.vertices, "application/octet-stream")
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page here; open /")

    def do_POST(self) -> None:
        """What the page asks of the session: `{"do": "record", "task": ...}`."""
        if not self._admitted():
            return
        headers = self._headers()
        length = headers.get("content-length", "")
        if not self.site.access.same_origin(headers):
            self._refuse(HTTPStatus.FORBIDDEN, "this was sent by another page")
        elif headers.get("content-type") != _JSON or not length.isdecimal() or int(length) > MOST_BYTES:
            self._refuse(HTTPStatus.BAD_REQUEST, f"JSON of at most {MOST_BYTES} bytes is needed")
        elif urlsplit(self.path).path != "/do":
            self._refuse(HTTPStatus.NOT_FOUND, "commands go to /do")
        elif fault := command(self.site.session, self.rfile.read(int(length))):
            self._answer(json.dumps({"error": fault}).encode(), _JSON, HTTPStatus.BAD_REQUEST)
        else:
            self._answer(b"{}", _JSON)

    def log_message(self, format: str, *args: object) -> None:
        """Requests come thirty times a second: none is logged."""

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _admitted(self) -> bool:
        if self.site.access.allows(self.path, self._headers()):
            return True
        needed = "open the address that `understudy live` printed, with its token" if self.site.access.token else "use localhost"
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

    def _answer(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True
        self._answer(f"{status.value} {why}\n".encode(), "text/plain; charset=utf-8", status)


def handler_of(site: Site) -> type[LiveHandler]:
    """The handler of a site's connections."""
    return type("SiteHandler", (LiveHandler,), {"site": site})


def command(session: LiveSession, body: bytes) -> str:
    """Do what the page asks for; says what is wrong with it, or nothing."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(asked, dict):
        return "an object is needed"
    texts = {name: asked.get(name, "") for name in ("do", "task", "demonstrator", "instruction")}
    if not all(isinstance(text, str) and len(text) <= MOST_LETTERS for text in texts.values()):
        return f"task, demonstrator and instruction are texts of at most {MOST_LETTERS} letters"
    label = TakeLabel(**{name: " ".join(texts[name].split()) for name in ("task", "demonstrator", "instruction")})
    commands: dict[str, Callable[[], None]] = {
        "record": lambda: session.start_take(label),
        "stop": session.stop_take,
        "save again": session.save_again,
        "recalibrate": session.recalibrate,
        "calibrate on movement": lambda: session.recalibrate(on_movement=True),
    }
    if texts["do"] not in commands:
        return f"known commands are {', '.join(commands)}"
    commands[texts["do"]]()
    return ""
