"""A Chromium without a screen, steered over its DevTools socket: what a page shows is asked of the page itself."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from understudy.errors import MissingDependencyError, UnderstudyError

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
)  # fmt: skip
READY_S, ANSWER_S = 30.0, 30.0


def find_chromium() -> str | None:
    """The browser's program: what CHROMIUM names, or the first that is found."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "google-chrome", "chromium-browser")
    return next((path for name in names if name and (path := shutil.which(name))), None)


class Chromium:
    """A browser with one page; a context manager.

    Args:
        url: of the page.
        width, height: of the window, pixels.
        before: JavaScript that runs in the page before its own; not to touch the page's storage, which Chromium now and then does
            not keep over a reload when it was opened that early.
        dark: prefer the dark colours.

    Raises:
        MissingDependencyError: there is no Chromium.
        UnderstudyError: it does not answer.
    """

    def __init__(self, url: str, *, width: int = 1280, height: int = 800, before: str = "", dark: bool = False) -> None:
        program = find_chromium()
        if program is None:
            raise MissingDependencyError("no Chromium: install one, or set CHROMIUM to its path")
        self.events: list[dict[str, Any]] = []
        self._ids = itertools.count(1)
        with ExitStack() as opened:
            profile = opened.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            opened.enter_context(_running(program, profile, width, height))
            self._socket = opened.enter_context(_connected(Path(profile)))
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.call(f"{domain}.enable")
            self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
            if dark:
                self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
            if before:
                self.call("Page.addScriptToEvaluateOnNewDocument", source=before)
            self.call("Page.navigate", url=url)
            self._opened = opened.pop_all()

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """One call of the DevTools protocol; what comes meanwhile is kept in `events`."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            found: dict[str, Any] = json.loads(self._socket.recv(timeout=ANSWER_S))
            if found.get("id") == number:
                if "error" in found:
                    raise UnderstudyError(f"{method}: {found['error'].get('message')}")
                return dict(found["result"])
            self.events.append(found)

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise UnderstudyError(f"{expression[:80]}: {found['exceptionDetails'].get('exception', {}).get('description', '?')}")
        return found["result"].get("value")

    def until(self, expression: str, *, timeout_s: float = READY_S) -> Any:
        """The value of an expression as soon as it is true.

        Raises:
            UnderstudyError: it does not become so in time; the message has what the page says.
        """
        until_s = time.monotonic() + timeout_s
        while time.monotonic() < until_s:
            if found := self.ask(expression):
                return found
            time.sleep(0.03)
        raise UnderstudyError(f"{expression}: not true in time; the page says {str(self.ask('document.body.innerText'))[:800]}")

    def press(self, key: str, code: str = "") -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if kind == "keyDown" and len(key) == 1 else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code, **text)

    def photograph(self, *, whole: bool = False) -> bytes:
        """PNG of the window, or of the whole page."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def faults(self) -> list[str]:
        """Exceptions and errors that the page made so far."""
        self.ask("0")
        said = []
        for event in self.events:
            if event.get("method") == "Runtime.exceptionThrown":
                said.append(str(event["params"]["exceptionDetails"].get("exception", {}).get("description")))
            elif event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                said.append(f"{event['params']['entry']['text']} {event['params']['entry'].get('url', '')}")
        return said

    def requests(self) -> list[str]:
        """Every address that the page asked for so far."""
        self.ask("0")
        return [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the browser."""
        self._opened.close()


@contextmanager
def _running(program: str, profile: str, width: int, height: int) -> Iterator[None]:
    """The browser's process with one empty page."""
    options = [*OPTIONS, f"--window-size={width},{height}", f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _connected(profile: Path) -> Iterator[ClientConnection]:
    """The page's DevTools socket."""
    from websockets.sync.client import connect

    with connect(_page_socket(profile), max_size=None, ping_interval=None) as socket:
        yield socket


def _page_socket(profile: Path) -> str:
    """Where it is, as soon as the browser has written its port."""
    told, until_s = profile / "DevToolsActivePort", time.monotonic() + READY_S
    while time.monotonic() < until_s:
        if told.exists() and (lines := told.read_text(encoding="ascii").splitlines()):
            with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json/list", timeout=ANSWER_S) as answer:
                pages = [page for page in json.loads(answer.read()) if page["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise UnderstudyError("Chromium did not begin in time")
