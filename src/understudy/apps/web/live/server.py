"""The server of a live session's page."""

from __future__ import annotations

from understudy.apps.web.live.handler import LiveSite
from understudy.apps.web.live.shapes import robot_shapes
from understudy.apps.web.server import PageServer
from understudy.pipeline.live import LiveSession, TakeLabel

PORT = 8791


class LiveServer(PageServer):
    """Serves the page of a session; a context manager.

    Args:
        session: shown; it runs on after the server closed.
        host: address to bind to; anything but this computer's own needs the token that `url` carries.
        port: 0 takes any that is free.
        label: what the page's fields say first.

    Raises:
        InputError: the address cannot be had.
    """

    def __init__(
        self, session: LiveSession, *, host: str = "127.0.0.1", port: int = PORT, label: TakeLabel | None = None
    ) -> None:
        super().__init__(
            lambda access: LiveSite(session, robot_shapes(session.robot), access, label or TakeLabel()), host=host, port=port
        )
