"""The dashboard's site and server. It runs beside the recorder, in another process: browsers cost the recorder nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Self

from understudy.apps.web.access import Access
from understudy.apps.web.answers import Answer, static_files
from understudy.apps.web.dashboard.commands import Commands
from understudy.apps.web.dashboard.pictures import Pictures
from understudy.apps.web.dashboard.watch import EVERY_S, Watch
from understudy.apps.web.server import PageServer
from understudy.record.address import BusAddress
from understudy.record.labels import UNLABELLED
from understudy.spec.default_schema import METADATA
from understudy.spec.schema import Schema

PORT = 8792
FILES = ("index.html", "page.css", "page.js", "link.js", "streams.js", "cameras.js", "take.js", "takes.js", "voice.js")
MOST_BYTES = 64 * 1024
WAIT_S = 0.7
"""A browser that has the newest gets the next one as soon as it is there, or the same again after so long."""


@dataclass(frozen=True)
class DashboardSite:
    """What the page is of.

    Attributes:
        access: who may see it.
        facts: JSON of what does not change while it is open.
        watch, pictures, commands: its lines to the recorder.
    """

    access: Access
    facts: bytes
    watch: Watch
    pictures: Pictures
    commands: Commands
    command: str = "understudy record"
    most_bytes: int = MOST_BYTES

    def get(self, path: str, query: Mapping[str, str]) -> Answer | None:
        """Files, facts, the newest state, what came of the takes, and pictures."""
        if path == "/state":
            after = query.get("after", "")
            known = int(after) if after.isascii() and after.isdecimal() and len(after) < 16 else 0
            return Answer(self.watch.newest(known, timeout_s=WAIT_S).body)
        if path == "/facts.json":
            return Answer(self.facts)
        if path == "/takes.json":
            return Answer(self.watch.takes.json())
        if path == "/picture":
            jpeg = self.pictures.newest(query.get("camera", ""))
            return Answer(jpeg, "image/jpeg", HTTPStatus.OK if jpeg else HTTPStatus.NO_CONTENT)
        return static_files(__package__, *FILES).get(path)

    def do(self, body: bytes) -> Answer:
        """What the page asks of the recorder."""
        answer = self.commands.do(body)
        self.watch.hurry()
        return answer


class DashboardServer(PageServer):
    """Serves the page of a recording; a context manager.

    Args:
        schema: of the dataset.
        address: of the recorder's bus; the recorder may come later, go and return.
        labels: what the page's fields say first.
        said: what happened beside the recorder, newest last.
        host: address to bind to; anything but this computer's own needs the token that `url` carries.
        port: 0 takes any that is free.
        every_s: how often the recorder is asked.

    Raises:
        InputError: the address cannot be had.
    """

    def __init__(
        self,
        schema: Schema,
        address: BusAddress,
        *,
        labels: Mapping[str, str] | None = None,
        said: Callable[[], Sequence[str]] = tuple,
        host: str = "127.0.0.1",
        port: int = PORT,
        every_s: float = EVERY_S,
    ) -> None:
        self._site: DashboardSite | None = None
        make = partial(_site, schema, address, labels or {}, said, every_s)
        super().__init__(lambda access: self._keep(make(access)), host=host, port=port)

    def _keep(self, site: DashboardSite) -> DashboardSite:
        self._site = site
        return site

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving and asking."""
        super().close()
        if self._site is not None:
            for line in (self._site.watch, self._site.pictures, self._site.commands):
                line.close()


def _site(
    schema: Schema,
    address: BusAddress,
    labels: Mapping[str, str],
    said: Callable[[], Sequence[str]],
    every_s: float,
    access: Access,
) -> DashboardSite:
    cameras = [spec.key for spec in schema.streams if spec.kind == "image"]
    watch = Watch(address, said, every_s=every_s)
    return DashboardSite(access, facts_json(schema, labels), watch, Pictures(address, cameras), Commands(address))


def facts_json(schema: Schema, labels: Mapping[str, str]) -> bytes:
    """What the page is told once: the dataset, its streams, and the fields that an operator fills.

    Those are the ones that the schema requires or labels name, and what it adds to the standard ones; the others are written by
    the steps that make an episode.
    """
    fields = [
        {
            "name": name,
            "type": field.type,
            "required": field.required,
            "allowed": list(field.allowed),
            "description": field.description,
            "value": labels.get(name, ""),
            "skippable": field.type == "string" and not field.allowed,
        }
        for name, field in schema.metadata.items()
        if field.required or name not in METADATA or labels.get(name)
    ]
    streams = [{"stream": spec.key, "kind": spec.kind, "required": spec.required, "unit": spec.unit} for spec in schema.streams]
    facts = {"dataset": schema.name, "robot": schema.robot, "fields": fields, "streams": streams, "unlabelled": UNLABELLED}
    return json.dumps(facts).encode()
