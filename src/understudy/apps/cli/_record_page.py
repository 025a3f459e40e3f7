"""The page of a recording, beside the terminal."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager

from understudy.apps.cli._console import note
from understudy.apps.cli._record import RecordSession
from understudy.apps.web.dashboard.server import DashboardServer
from understudy.errors import InputError
from understudy.pipeline.record.service import ServiceOptions
from understudy.record.address import parse_address
from understudy.store.dataset import Dataset


@contextmanager
def served_page(session: RecordSession, options: ServiceOptions, *, host: str, port: int, browser: bool) -> Iterator[None]:
    """Serve the page while the block runs. A page that cannot be served is told of, and recording goes on without it.

    Args:
        session: whose messages are shown; it may start later.
        options: of the recorder.
        host, port: of the page.
        browser: open it, where somebody sits at the terminal.
    """
    schema, address = Dataset.open(options.root).schema, parse_address(options.bus)
    try:
        server = DashboardServer(schema, address, labels=options.labels, said=lambda: session.said, host=host, port=port)
    except InputError as error:
        note(f"no page: {error}. Recording goes on without it")
        yield
        return
    with server:
        note(f"open {server.url}")
        session.page = server.url
        if browser and sys.stdin.isatty() and sys.stdout.isatty():
            webbrowser.open(server.url)
        yield
