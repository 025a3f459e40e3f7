"""What a page's site answers, and the files it is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Protocol

from understudy.apps.web.access import Access

JSON = "application/json"
KINDS = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request.

    Attributes:
        body: as it is sent.
        kind: its media type.
        status: of HTTP.
    """

    body: bytes
    kind: str = JSON
    status: HTTPStatus = HTTPStatus.OK


class Site(Protocol):
    """What a page's server serves; called from many threads at once."""

    @property
    def access(self) -> Access:
        """Who may see it."""
        ...

    @property
    def command(self) -> str:
        """The command that printed its address."""
        ...

    @property
    def most_bytes(self) -> int:
        """Of what the page sends."""
        ...

    def get(self, path: str, query: Mapping[str, str]) -> Answer | None:
        """What is at a path; None where nothing is."""
        ...

    def do(self, body: bytes) -> Answer:
        """Do what the page asks for, in JSON."""
        ...


def refusal(why: str) -> Answer:
    """The answer to a command that cannot be carried out."""
    return Answer(json.dumps({"error": why}).encode(), status=HTTPStatus.BAD_REQUEST)


@cache
def static_files(package: str, *names: str) -> Mapping[str, Answer]:
    """Path to file, from the folder `static` of a package; `index.html` is at `/`."""
    folder = files(package).joinpath("static")
    return {
        "/" if name == "index.html" else f"/{name}": Answer(folder.joinpath(name).read_bytes(), KINDS[name.rpartition(".")[2]])
        for name in names
    }
