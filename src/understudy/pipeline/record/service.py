"""The recorder's process: bus and commands in, takes out, episodes made by a second process beside it."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import BusError, UnderstudyError
from understudy.kinematics.robot_json import read_robot_json
from understudy.pipeline.record.finalize import Finished, discard_take, finalize, flag_discard, ready
from understudy.pipeline.record.recover import orphans
from understudy.pipeline.sync_file import latencies_of
from understudy.pipeline.sync_host import host_clock_json, host_clock_state
from understudy.record.address import parse_address
from understudy.record.bus import Listener
from understudy.record.commands import Asked, CommandDoor, Reply, done, refused
from understudy.record.health import as_map as health_map
from understudy.record.health import take_snapshot
from understudy.record.recorder import PREROLL_S, Ended, Recorder
from understudy.record.zmq_bus import ZmqListener
from understudy.store.dataset import ROBOT, Dataset

if TYPE_CHECKING:
    from pebble import ProcessPool

GATHER_S = 0.01
"""Messages of many producers are taken in together: each time the process wakes costs more than a message."""
LOOK_S = 0.02
BUSY_BYTES = 16 * 1024 * 1024
"""Waiting for the disk: pictures for a page are the first thing that is let go."""
REMEMBERED = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServiceOptions:
    """What a recorder's process is told.

    Attributes:
        root: of the dataset.
        bus: address that it listens at.
        labels: metadata of takes that bring none, field to text.
        preroll_s: before the start command.
        keep_journals: also when the episode is whole.
        check: run the gates after each take.
        retry: also try journals again of which no episode could be made.
    """

    root: Path
    bus: str
    labels: Mapping[str, str] = field(default_factory=dict)
    preroll_s: float = PREROLL_S
    keep_journals: bool = False
    check: bool = True
    retry: bool = False


class RecordService:
    """A recorder with its sockets and its finalizing process.

    Args:
        options: see there.
        listener: of the bus; ZeroMQ at the address where it is None.

    Raises:
        InputError: the folder is no dataset.
        BusError: the address cannot be had.
    """

    def __init__(self, options: ServiceOptions, listener: Listener | None = None) -> None:
        dataset = Dataset.open(options.root)
        address = parse_address(options.bus)
        self._options, self._dataset = options, dataset
        self._waiting: dict[str, Ended] = {}
        self._host_clock = host_clock_json(host_clock_state())
        self.recorder = Recorder(
            dataset,
            labels=dict(options.labels),
            model_sha256=read_robot_json(dataset.root / ROBOT).model_sha256,
            token=address.token,
            preroll_s=options.preroll_s,
            on_ended=self._ended,
            notes=self._notes,
        )
        self._listener = listener or ZmqListener(address)
        reading = {"health": self._health, "thumbnail": self._thumbnail, "clock": self._clock, "takes": self._takes}
        self._door = CommandDoor(address, reading)
        self._pool: ProcessPool | None = None
        self._jobs: dict[str, Future[Finished]] = {}
        self._tries: dict[str, int] = {}
        self.finished: dict[str, Finished] = {}
        self._results = 0
        self._quit = False
        self._cpu = (time.monotonic(), time.process_time(), 0.0)

    def run(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Record until `stop` says so or the command `quit` comes; then end the take and finish every episode."""
        for take in orphans(self._dataset.root, retry=self._options.retry):
            self._finalize(take)
        if self._options.check:
            self._started().schedule(ready, args=(self._dataset.root,))
        try:
            while not (self._quit or stop()):
                self.step()
        finally:
            self.close()

    def step(self) -> None:
        """Once around: messages, commands, what has to be done now and then."""
        time.sleep(GATHER_S)
        for message in self._listener.receive(0.0):
            self.recorder.take_in(message)
        while not self._door.asked.empty():
            self._carry_out(self._door.asked.get())
        self.recorder.tick()
        self._collect()
        now_s, cpu_s = time.monotonic(), time.process_time()
        if now_s - self._cpu[0] >= 1.0:
            self._cpu = (now_s, cpu_s, (cpu_s - self._cpu[1]) / (now_s - self._cpu[0]))

    def close(self) -> None:
        """End the running take and wait until every episode is made."""
        self.recorder.close()
        self._collect()
        while self._jobs:
            time.sleep(LOOK_S)
            self._collect()
        self._door.close()
        self._listener.close()
        if self._pool is not None:
            self._pool.close()
            self._pool.join()

    def _carry_out(self, asked: Asked) -> None:
        try:
            asked.answer(self._changed(asked.name, asked.given))
        except UnderstudyError as error:
            asked.answer(refused(str(error)))

    def _changed(self, name: str, given: Mapping[str, Any]) -> Reply:
        recorder = self.recorder
        if name == "start":
            return done(take=recorder.start(_texts(given.get("metadata", {}))), message=recorder.message)
        if name == "stop":
            return done(take=recorder.stop())
        if name == "mark":
            return done(marks=recorder.mark(str(given.get("label", "mark"))))
        if name == "discard":
            take, told = recorder.discard()
            if not told:
                self._discard(take)
            return done(take=take)
        self._quit = True
        return done()

    def _notes(self) -> Mapping[str, str]:
        """What a take should know of clocks; raises SyncError where the dataset's sync.toml cannot be read."""
        return {"host_clock": self._host_clock, "latencies_ns": json.dumps(dict(latencies_of(self._dataset.root)))}

    def _discard(self, take: str) -> None:
        """Discard a take that has ended: one process finalizes and discards, one thing after the other."""
        flag_discard(self._dataset.root, take)
        self._jobs[f"{take} (discard)"] = self._started().schedule(discard_take, args=(self._dataset.root, take))

    def _health(self, _: Mapping[str, Any]) -> Reply:
        snapshot = take_snapshot(self.recorder, cpu_share=self._cpu[2], memory_bytes=_memory())
        return done(health=health_map(snapshot), finalizing=self._at_work(), results=self._results)

    def _thumbnail(self, given: Mapping[str, Any]) -> Reply:
        ledger = self.recorder.intake.ledgers.get(str(given.get("stream", "")))
        take = self.recorder.take
        if ledger is None or not ledger.newest_image:
            return refused(f"no image of {str(given.get('stream', ''))[:80]!r}")
        if take is not None and take.sink.queued_bytes > BUSY_BYTES:
            return refused("the recorder is busy: no pictures for now")
        return {**done(stream=ledger.key, t_ns=ledger.last_t_ns), "image": ledger.newest_image}

    def _clock(self, _: Mapping[str, Any]) -> Reply:
        return done(t_ns=self.recorder.clock())

    def _takes(self, _: Mapping[str, Any]) -> Reply:
        return done(takes=[as_map(found) for found in list(self.finished.values())], finalizing=self._at_work())

    def _at_work(self) -> list[str]:
        """Takes whose episodes are being made, or will be."""
        running = self.recorder.take
        ended = self.recorder.unfinished - ({running.id} if running else set())
        return sorted({*ended, *self._waiting, *self._jobs})

    def _ended(self, ended: Ended) -> None:
        """From the journal's thread: the take waits for `_collect`."""
        self._waiting[ended.take] = ended

    def _finalize(self, take: str) -> None:
        options = self._options
        kwargs = {"keep_journal": options.keep_journals, "check": options.check}
        self._tries[take] = self._tries.get(take, 0) + 1
        self._jobs[take] = self._started().schedule(finalize, args=(options.root, take), kwargs=kwargs)

    def _started(self) -> ProcessPool:
        if self._pool is None:
            from pebble import ProcessPool

            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPool(max_workers=1, context=context, initializer=_behind)
        return self._pool

    def _collect(self) -> None:
        """Take over what the finalizing process has done; a take whose process died is tried once more."""
        from pebble import ProcessExpired

        for take in list(self._waiting):
            self._finalize(take)
            del self._waiting[take]
        for take in [take for take, job in list(self._jobs.items()) if job.done()]:
            job = self._jobs.pop(take)
            try:
                found = job.result()
            except ProcessExpired as error:
                if self._tries.get(take, 2) < 2:
                    self._finalize(take)
                    continue
                found = Finished(take, error=f"{take}: the process that made its episode died ({error}); the journal is kept")
            before = self.finished.get(found.take)
            if before is not None and not found.digest:  # discarded after it was made: what came of its streams stays known
                found = replace(found, digest=before.digest, warnings=before.warnings, recovered=before.recovered)
            self.finished[found.take] = found
            self._results += 1
            while len(self.finished) > REMEMBERED:
                del self.finished[next(iter(self.finished))]


def as_map(found: Finished) -> dict[str, Any]:
    """What came of a take, for JSON."""
    plain = asdict(found)
    plain["path"] = str(found.path) if found.path else ""
    plain["findings"] = [finding.model_dump(mode="json") for finding in found.findings]
    return plain


def _texts(found: object) -> dict[str, str]:
    if not isinstance(found, dict) or not all(
        isinstance(k, str) and isinstance(v, str | int | float | bool) for k, v in found.items()
    ):
        raise BusError("metadata must be a map of fields to texts or numbers")
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in found.items()}


def _memory() -> int:
    """Bytes of memory that this process holds; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _behind() -> None:
    """The finalizing process stays behind the recorder, and lets the terminal's Ctrl-C be the recorder's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(10)


def serve(options: ServiceOptions, told: Any) -> None:
    """Main of the recorder's process: runs until `quit`, SIGTERM, or the death of the process that started it.

    Args:
        options: see there.
        told: connection on which it says `ready`, or why it cannot record.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: ending.append(number))
    parent = multiprocessing.parent_process()
    try:
        service = RecordService(options)
    except UnderstudyError as error:
        told.send(str(error))
        return
    told.send("")
    service.run(lambda: bool(ending) or (parent is not None and not parent.is_alive()))
