"""What the page asks of the recorder: `{"do": "start", "metadata": {...}}`, and stop, discard, mark."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping

from understudy.apps.web.answers import Answer, refusal
from understudy.errors import BusError
from understudy.record.address import BusAddress
from understudy.record.commands import Commander

COMMANDS = ("start", "stop", "discard", "mark")
ANSWER_S, TURN_S = 10.0, 2.0
MOST_FIELDS, MOST_LETTERS = 64, 1000


class Commands:
    """Carries commands to the recorder, one at a time; from any thread.

    Args:
        address: of the recorder's bus.
    """

    def __init__(self, address: BusAddress) -> None:
        self._commander = Commander(address, timeout_s=ANSWER_S)
        self._lock = threading.Lock()
        self._closed = False

    def do(self, body: bytes) -> Answer:
        """What the recorder answers, or why it was not asked."""
        try:
            name, given = asked(body)
            reply = self._ask(name, given)
        except BusError as error:
            return refusal(str(error))
        told = {key: value for key, value in reply.items() if key in ("take", "message", "marks")}
        return Answer(json.dumps(told).encode())

    def _ask(self, name: str, given: Mapping[str, object]) -> Mapping[str, object]:
        if not self._lock.acquire(timeout=TURN_S):
            raise BusError("the recorder is busy with another command; try again")
        try:
            if self._closed:
                raise BusError("`understudy record` has ended")
            return self._commander.ask(name, given)
        finally:
            self._lock.release()

    def close(self) -> None:
        """Free the socket."""
        with self._lock:
            self._closed = True
            self._commander.close()


def asked(body: bytes) -> tuple[str, Mapping[str, object]]:
    """A command and its further keys.

    Raises:
        BusError: it is none, with what is wrong.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise BusError("not JSON") from None
    if not isinstance(found, dict):
        raise BusError("an object is needed")
    name = found.get("do")
    if name not in COMMANDS:
        raise BusError(f"known commands are {', '.join(COMMANDS)}")
    if name == "start":
        return name, {"metadata": _metadata(found.get("metadata", {}))}
    if name == "mark":
        return name, {"label": _text(found.get("label", "mark"), "label") or "mark"}
    return name, {}


def _metadata(found: object) -> dict[str, str]:
    if not isinstance(found, dict) or len(found) > MOST_FIELDS:
        raise BusError(f"metadata is an object of at most {MOST_FIELDS} fields")
    return {str(name): _text(value, f"metadata {str(name)[:80]}") for name, value in found.items()}


def _text(found: object, where: str) -> str:
    if not isinstance(found, str) or len(found) > MOST_LETTERS:
        raise BusError(f"{where}: a text of at most {MOST_LETTERS} letters is needed")
    return " ".join(found.split())
