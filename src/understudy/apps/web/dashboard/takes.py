"""What came of the takes, kept over the death of a recorder."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from understudy.pipeline.record.finalize import GATE
from understudy.record.commands import finite

SHOWN = 20


class Takes:
    """The takes of a session; from any thread.

    Attributes:
        changes: counts what was learned.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._found: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    def add(self, found: Sequence[Mapping[str, Any]]) -> None:
        """What the recorder says of its takes, oldest first."""
        with self._lock:
            fresh = {str(take["take"]): take for take in found}
            if any(self._found.get(name) != take for name, take in fresh.items()):
                self._found.update(fresh)
                self.changes += 1

    def json(self) -> bytes:
        """The newest takes, newest first, and how many there are of which outcome."""
        with self._lock:
            found, changes = list(self._found.values()), self.changes
        outcomes = [outcome(take) for take in found]
        counts = {name: outcomes.count(name) for name in ("accepted", "unchecked", "rejected", "discarded", "failed")}
        shown = [{**take, "outcome": outcome(take)} for take in reversed(found[-SHOWN:])]
        told = {"changes": changes, "counts": counts, "recovered": sum(bool(t["recovered"]) for t in found), "takes": shown}
        return json.dumps(finite(told), allow_nan=False, separators=(",", ":")).encode()


def outcome(take: Mapping[str, Any]) -> str:
    """One word: failed where there is no episode, discarded where the operator did it, else the gates' verdict."""
    if take["error"]:
        return "failed"
    if any(finding["gate"] == GATE for finding in take["findings"]):
        return "discarded"
    return str(take["verdict"])
