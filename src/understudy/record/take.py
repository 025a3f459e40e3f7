"""A take while it is recorded: its names, its journal, what happened in it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from understudy import __version__
from understudy.errors import StorageError
from understudy.record.intake import Event, Part, PingPart
from understudy.record.sink import BATCH_ENCODING, JournalSink, Topic
from understudy.spec.episode import MetadataValue
from understudy.spec.schema import Schema
from understudy.spec.stream import StreamSpec
from understudy.store.dataset import Dataset
from understudy.store.journal_alive import Alive
from understudy.store.journal_file import JournalFile, RawFile
from understudy.store.journal_state import JOURNAL_DIR, TakeState, alive_path, forget, journal_path, reserve, write_state

EVENTS, COUNTERS, CLOCK = Topic("/events"), Topic("/recorder"), "/clock/"


@dataclass(frozen=True)
class TakePlan:
    """What a take is to be.

    Attributes:
        dataset: where it goes.
        metadata: of the episode.
        start_ns: recorder's clock at the start, pre-roll included.
        preroll_s: of it before the command.
        model_sha256: of the robot's model.
        notes: what else its journal should say.
    """

    dataset: Dataset
    metadata: Mapping[str, MetadataValue]
    start_ns: int
    preroll_s: float
    model_sha256: str
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass
class OpenTake:
    """A take that is recorded.

    Attributes:
        id: of its episode.
        sink: its journal.
        start_ns: recorder's clock at its start, pre-roll included.
        preroll_s: of it before the command.
        stop_ns: recorder's clock at its end; None while it runs.
        reason: why it ended, where nobody asked for it.
        marks: events that were marked.
    """

    id: str
    sink: JournalSink
    start_ns: int
    preroll_s: float = 0.0
    stop_ns: int | None = None
    reason: str = ""
    marks: int = 0
    _discard: bool = False
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _topics: dict[str, Topic] = field(default_factory=dict)

    def discard(self) -> bool:
        """Have it go to failures/; false where its journal is closed, and who finalizes it must be told."""
        with self._lock:
            self._discard = True
            return not self._closed

    def closed(self, folder: Path) -> None:
        """Its journal is closed: say so in its state. A full disk leaves the state as it is, and the next start finds it."""
        with self._lock:
            self._closed = True
            reason = self.reason or self.sink.error
            with suppress(StorageError):
                write_state(folder, TakeState(take=self.id, state="FINALIZING", discard=self._discard, reason=reason))

    def add(self, part: Part | PingPart, now_ns: int) -> None:
        """Have what came written."""
        if isinstance(part, PingPart):
            self.sink.put((Topic(CLOCK + part.device, BATCH_ENCODING), part.head, b"", now_ns, part.t_ns, 0))
            return
        ledger = part.ledger
        topic = self._topics.get(ledger.key)
        if topic is None:
            topic = self._topics[ledger.key] = _topic(ledger.spec)
        if self.sink.put((topic, part.head, part.payload, now_ns, part.t_ns, part.seq)):
            self.sink.alive.add(ledger.key, part.samples)
        else:
            ledger.dropped_by_recorder += part.samples

    def note(self, event: Event, now_ns: int) -> None:
        """Have an event written."""
        self.sink.put((EVENTS, json.dumps(dict(event)).encode(), None, now_ns, now_ns, 0))

    def note_counters(self, counters: Mapping[str, object], now_ns: int) -> None:
        """Have the recorder's counters written."""
        self.sink.put((COUNTERS, json.dumps(counters).encode(), None, now_ns, now_ns, 0))


def _topic(spec: StreamSpec) -> Topic:
    return Topic(f"/{spec.key}", BATCH_ENCODING, spec.model_dump_json(), spec.key, spec.kind == "image")


def open_take(plan: TakePlan, *, opener: Callable[[Path], RawFile] = JournalFile) -> OpenTake:
    """A new take with a name of its own and an open journal.

    Raises:
        StorageError: the disk refused; nothing is left behind.
    """
    folder = plan.dataset.root / JOURNAL_DIR
    began = datetime.now(UTC)
    take = _free_name(plan, folder, began)
    alive: Alive | None = None
    try:
        alive = Alive(alive_path(folder, take), [spec.key for spec in plan.dataset.schema.streams])
        alive.at(plan.start_ns)
        sink = JournalSink(journal_path(folder, take), _about(plan, take, began), alive, opener=opener)
    except BaseException:
        if alive is not None:
            alive.close()
        forget(folder, take)
        raise
    return OpenTake(take, sink, plan.start_ns, plan.preroll_s)


def _free_name(plan: TakePlan, folder: Path, began: datetime) -> str:
    """The first name from the schema's pattern that no episode and no other recorder has."""
    pattern: str = plan.dataset.schema.naming.recorded
    source = str(plan.metadata.get("motion_source", "recorded"))
    index = 0
    while True:
        name = pattern.format(date=f"{began:%Y-%m-%d}", time=f"{began:%H%M%S}", source=source, index=f"{index:03d}")
        if plan.dataset.find(name) is None and reserve(folder, name):
            return name
        index += 1


def _about(plan: TakePlan, take: str, began: datetime) -> dict[str, str]:
    schema: Schema = plan.dataset.schema
    wall_ns, monotonic_ns = time.time_ns(), time.monotonic_ns()
    return {
        "take": take,
        "robot": schema.robot,
        "model_sha256": plan.model_sha256,
        "schema": plan.dataset.schema_text,
        "metadata": json.dumps(dict(plan.metadata)),
        "start_ns": str(plan.start_ns),
        "preroll_s": f"{plan.preroll_s:.3f}",
        "began_utc": began.isoformat(timespec="milliseconds"),
        "anchor_wall_ns": str(wall_ns),
        "anchor_monotonic_ns": str(monotonic_ns),
        "recorder": f"understudy {__version__}",
        **plan.notes,
    }
