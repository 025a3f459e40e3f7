"""Answers of the live page: the page itself, the robot's shapes, the newest snapshot, and what is asked of the session."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from understudy.apps.web.access import Access
from understudy.apps.web.answers import Answer, refusal, static_files
from understudy.apps.web.live.messages import snapshot_json
from understudy.apps.web.live.shapes import RobotShapes
from understudy.pipeline.live import LiveSession, TakeLabel

FILES = ("index.html", "page.css", "page.js", "scene.js", "shaders.js", "matrix.js")
MOST_BYTES = 4096
MOST_LETTERS = 200


@dataclass(frozen=True)
class LiveSite:
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
    command: str = "understudy live"
    most_bytes: int = MOST_BYTES

    def get(self, path: str, query: Mapping[str, str]) -> Answer | None:
        """Files, shapes and the newest snapshot."""
        if path == "/state":
            return Answer(snapshot_json(self.session.snapshot(), self.session.robot))
        if path == "/robot.json":
            return Answer(self._described())
        if path == "/robot.bin":
            return Answer(self.shapes.vertices, "application/octet-stream")
        return static_files(__package__, *FILES).get(path)

    def do(self, body: bytes) -> Answer:
        """What the page asks of the session: `{"do": "record", "task": ...}`."""
        fault = command(self.session, body)
        return refusal(fault) if fault else Answer(b"{}")

    def _described(self) -> bytes:
        """The page's fixed facts as JSON."""
        own = {"source": self.session.stream.name, "label": vars(self.label)}
        return json.dumps(self.shapes.description | own).encode()


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
