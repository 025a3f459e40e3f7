"""How the recorder does, asked by one thread for all browsers, and only while somebody looks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.apps.web.dashboard.takes import Takes
from understudy.errors import BusError
from understudy.record.address import BusAddress
from understudy.record.commands import Commander, finite

EVERY_S = 0.2
SOONEST_S = 0.04
"""A stream that is about to be called dead is asked about when it is time, not at the next turn."""
JUST_AFTER_S = 0.005
ANSWER_S = 0.45
"""A recorder that is silent for longer is gone: the page says so within a second of its last answer."""
UNSEEN_S = 3.0
"""Nobody asked for so long: the recorder is left in peace."""
SAID = 5


@dataclass(frozen=True, slots=True)
class Told:
    """What browsers are told.

    Attributes:
        serial: counts what was told.
        body: JSON.
    """

    serial: int
    body: bytes


class Watch:
    """Asks in a thread until `close`.

    Args:
        address: of the recorder's bus.
        said: what happened beside the recorder, newest last.
        every_s: how often the recorder is asked.
    """

    def __init__(self, address: BusAddress, said: Callable[[], Sequence[str]], *, every_s: float = EVERY_S) -> None:
        self._address, self._said, self._every_s = address, said, every_s
        self.takes = Takes()
        self._told: Told | None = None
        self._serial, self._results = 0, -1
        self._news, self._wake, self._closed = threading.Condition(), threading.Event(), threading.Event()
        self._looked_s = 0.0
        self._thread = threading.Thread(target=self._run, name="dashboard-watch", daemon=True)
        self._thread.start()

    def newest(self, after: int, *, timeout_s: float) -> Told:
        """What is newer than `after`, as soon as it is there; what is known where nothing comes in time.

        Args:
            after: serial of what the browser has; 0 for nothing.
            timeout_s: to wait for it.
        """
        now_s = time.monotonic()
        if now_s - self._looked_s > UNSEEN_S:
            self._wake.set()
        self._looked_s = now_s
        with self._news:
            self._news.wait_for(lambda: self._told is not None and self._told.serial != after, timeout_s)
            return self._told or Told(0, _body(0, "gone", "the recorder has not answered yet"))

    def hurry(self) -> None:
        """Something was changed: ask now."""
        self._wake.set()

    def close(self) -> None:
        """Stop asking."""
        self._closed.set()
        self._wake.set()
        self._thread.join()
        self._serial += 1
        self._tell(_body(self._serial, "gone", "`understudy record` has ended"))

    def _run(self) -> None:
        commander = Commander(self._address, timeout_s=ANSWER_S)
        while not self._closed.is_set():
            wait_s = self._every_s
            if time.monotonic() - self._looked_s > UNSEEN_S:
                self._tell(None)  # what nobody saw grow old must not be shown as new
                wait_s = 3600.0
            else:
                wait_s = self._ask(commander)
            self._wake.wait(wait_s)
            self._wake.clear()
        commander.close()

    def _ask(self, commander: Commander) -> float:
        """Ask once, tell what was answered; seconds until it should be asked again."""
        self._serial += 1
        try:
            reply = commander.ask("health")
            self._ask_takes(commander, int(reply["results"]))
        except BusError as error:
            self._results = -1  # what comes back may be another process
            self._tell(_body(self._serial, "gone", str(error), said=list(self._said()[-SAID:])))
            return SOONEST_S
        health: Mapping[str, Any] = reply["health"]
        news = {"health": health, "finalizing": reply["finalizing"], "takes": self.takes.changes}
        self._tell(_body(self._serial, "ok", "", said=list(self._said()[-SAID:]), **news))
        return next_s(health["streams"], self._every_s)

    def _ask_takes(self, commander: Commander, results: int) -> None:
        if results != self._results:
            self.takes.add(commander.ask("takes")["takes"])
            self._results = results

    def _tell(self, body: bytes | None) -> None:
        with self._news:
            self._told = None if body is None else Told(self._serial, body)
            self._news.notify_all()


def next_s(streams: Sequence[Mapping[str, Any]], every_s: float) -> float:
    """Seconds until the recorder should be asked again: `every_s`, or when the first of its streams would be dead."""
    left_s = [s["dead_after_s"] - s["age_s"] for s in streams if s["state"] not in ("dead", "absent", "event")]
    return min(max(min(left_s, default=every_s) + JUST_AFTER_S, SOONEST_S), every_s)


def _body(serial: int, link: str, why: str, **more: object) -> bytes:
    told = {"serial": serial, "link": link, "why": why, **more}
    return json.dumps(finite(_short(told)), allow_nan=False, separators=(",", ":")).encode()


def _short(value: object) -> object:
    """The same with numbers of four digits behind the point: nobody reads more."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {key: _short(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_short(part) for part in value]
    return value
