"""A bench's recorder behind its socket of commands, for pages and views that ask: time passes only when the test says so."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from understudy.errors import UnderstudyError
from understudy.pipeline.record.finalize import Finished, discard_episode
from understudy.pipeline.record.service import as_map
from understudy.record.address import BusAddress
from understudy.record.commands import CommandDoor, Reply, done, refused
from understudy.record.health import as_map as health_map
from understudy.record.health import take_snapshot
from understudy.testing.producers_bench import RecordBench


class BenchDoor:
    """Answers commands for a bench; a context manager.

    Args:
        bench: its clock stands still between calls of `run`.
        address: of the bus whose commands are answered.
        change: what becomes of a finished take, such as findings that a test wants.

    Attributes:
        asked: how often each command came.
    """

    def __init__(
        self, bench: RecordBench, address: BusAddress, *, change: Callable[[Finished], Finished] = lambda found: found
    ) -> None:
        self.bench, self.asked = bench, Counter[str]()
        self._address, self._change = address, change
        self._finished: dict[str, Finished] = {}
        self._results = 0
        self._lock, self._closed = threading.RLock(), threading.Event()
        self._open()

    def _open(self) -> None:
        reading = {"health": self._health, "thumbnail": self._thumbnail, "takes": self._takes}
        self._door = CommandDoor(self._address, reading)
        self._closed.clear()
        self._thread = threading.Thread(target=self._carry_out, daemon=True)
        self._thread.start()

    def run(self, seconds: float) -> None:
        """Let time pass on the bench."""
        with self._lock:
            self.bench.run(seconds)

    def close(self) -> None:
        """The recorder is gone."""
        self._closed.set()
        self._thread.join()
        self._door.close()

    def back(self) -> None:
        """The recorder is there again."""
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._closed.is_set():
            self.close()

    def _carry_out(self) -> None:
        while not self._closed.wait(0.005):
            while not self._door.asked.empty():
                asked = self._door.asked.get()
                self.asked[asked.name] += 1
                try:
                    with self._lock:
                        asked.answer(self._changed(asked.name, asked.given))
                except UnderstudyError as error:
                    asked.answer(refused(str(error)))

    def _changed(self, name: str, given: Mapping[str, Any]) -> Reply:
        recorder = self.bench.recorder
        if name == "start":
            return done(take=recorder.start(given.get("metadata", {})), message=recorder.message)
        if name == "mark":
            return done(marks=recorder.mark(str(given["label"])))
        if name == "stop":
            take = recorder.stop()
            self._finish(take)
            return done(take=take)
        take, told = recorder.discard()
        if told:
            self._finish(take)
        else:
            findings = discard_episode(self.bench.dataset, take)[1]
            self._enter(replace(self._finished[take], verdict="rejected", findings=findings))
        return done(take=take)

    def _finish(self, take: str) -> None:
        self.bench.run(0.5)
        self.bench.recorder.close()
        self._enter(self._change(self.bench.finished(take)))

    def _enter(self, found: Finished) -> None:
        self._finished[found.take] = found
        self._results += 1

    def _health(self, _: Mapping[str, Any]) -> Reply:
        self.asked["health"] += 1
        snapshot = take_snapshot(self.bench.recorder)
        return done(health=health_map(snapshot), finalizing=[], results=self._results)

    def _takes(self, _: Mapping[str, Any]) -> Reply:
        self.asked["takes"] += 1
        return done(takes=[as_map(found) for found in self._finished.values()], finalizing=[])

    def _thumbnail(self, given: Mapping[str, Any]) -> Reply:
        self.asked["thumbnail"] += 1
        ledger = self.bench.recorder.intake.ledgers[str(given["stream"])]
        if not ledger.newest_image:
            return refused("no image")
        return {**done(stream=ledger.key), "image": ledger.newest_image}
