"""The recorder: takes messages in, begins and ends takes. It reads no socket and no clock but the one it is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from understudy.errors import InputError, StorageError
from understudy.record.disk import Disk, free_bytes, look
from understudy.record.intake import Event, Intake
from understudy.record.labels import fill
from understudy.record.preroll import Preroll
from understudy.record.take import OpenTake, TakePlan, open_take
from understudy.store.dataset import Dataset
from understudy.store.journal_file import JournalFile, RawFile
from understudy.store.journal_state import JOURNAL_DIR, journal_bytes

PREROLL_S, POSTROLL_S = 2.0, 0.3
"""Samples of the take's last moments come later than the command that ends it."""
LOOK_NS = 1_000_000_000

Activity = Literal["idle", "recording", "ending"]


@dataclass(frozen=True)
class Ended:
    """A take whose journal is whole.

    Attributes:
        take: its id.
        reason: why it ended, where nobody asked for it.
    """

    take: str
    reason: str = ""


@dataclass
class Recorder:
    """One dataset's recorder. All methods belong to one thread.

    Attributes:
        dataset: where takes go.
        labels: metadata of takes that do not bring their own, field to text.
        model_sha256: of the robot's model.
        token: that messages must bring.
        preroll_s, postroll_s: before the start and after the end.
        clock: nanoseconds, monotonic; the host's but in tests.
        opener: of journals; the disk's but in tests.
        notes: what else a take's journal should say at its start, such as the constants of the last calibration.
        free: bytes on the disk of a folder; the disk's but in tests.
        on_ended: told of every take whose journal is closed; called from the journal's thread.
        take: the running take.
        unfinished: takes that were begun and of which `on_ended` was not told yet.
        message: the newest thing that the operator should know.
    """

    dataset: Dataset
    labels: dict[str, str] = field(default_factory=dict)
    model_sha256: str = ""
    token: str = field(default="", repr=False)
    preroll_s: float = PREROLL_S
    postroll_s: float = POSTROLL_S
    clock: Callable[[], int] = time.monotonic_ns
    opener: Callable[[Path], RawFile] = JournalFile
    free: Callable[[Path], int] = free_bytes
    notes: Callable[[], Mapping[str, str]] = dict
    on_ended: Callable[[Ended], None] = lambda ended: None
    take: OpenTake | None = None
    unfinished: set[str] = field(default_factory=set)
    message: str = ""
    disk: Disk = field(init=False)
    _looked_ns: int = field(default=0, init=False)
    _last: OpenTake | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.intake = Intake(self.dataset.schema, self.token, self._note)
        self._preroll = Preroll(self.preroll_s)
        self._began_ns = self.clock()
        self.disk = look(self.free(self.dataset.root), journal_bytes=0, bytes_per_s=0.0)

    @property
    def activity(self) -> Activity:
        """What it does."""
        if self.take is None:
            return "idle"
        return "recording" if self.take.stop_ns is None else "ending"

    def take_in(self, parts: Sequence[bytes]) -> None:
        """One message of the bus."""
        now_ns = self.clock()
        for part in self.intake.take(parts, now_ns):
            self._preroll.add(part, now_ns)
            if self.take is not None:
                self.take.add(part, now_ns)

    def start(self, given: Mapping[str, str] | None = None) -> str:
        """Begin a take, with what came in the pre-roll; returns its id.

        Args:
            given: metadata, field to text; laid over `labels`.

        Raises:
            InputError: a take is running, or the metadata is not what the schema wants.
            StorageError: the journal cannot be begun.
        """
        if self.activity == "recording" and self.take is not None:
            raise InputError(f"take {self.take.id} is running; stop it first")
        self._close()
        now_ns = self.clock()
        metadata, missing = fill(self.dataset.schema, {**self.labels, **(given or {})})
        self._check_room()
        start_ns = max(now_ns - round(self.preroll_s * 1e9), self._began_ns)  # two takes share no sample
        plan = TakePlan(self.dataset, metadata, start_ns, (now_ns - start_ns) * 1e-9, self.model_sha256, self.notes())
        self.take = open_take(plan, opener=self.opener)
        self.unfinished.add(self.take.id)
        self.take.note({"event": "start", "t_ns": now_ns}, now_ns)
        for producer in self.intake.clocks:
            self.take.note(self.intake.introduced(producer, now_ns), now_ns)
        self.take.note_counters(self.counters(), now_ns)
        for came_ns, part in self._preroll.since(start_ns):
            self.take.add(part, came_ns)
        self.take.sink.hurry()
        self.message = f"no {', '.join(missing)}: written as 'unlabelled'" if missing else ""
        return self.take.id

    def stop(self, *, reason: str = "") -> str:
        """End the running take; what belongs to its last moments is still taken in. Returns its id.

        Args:
            reason: why, where nobody asked for it.

        Raises:
            InputError: none is running.
        """
        take = self.take
        if take is None or take.stop_ns is not None:
            raise InputError("no take is running; start one first")
        now_ns = self.clock()
        take.stop_ns, take.reason = now_ns, reason
        take.note({"event": "stop", "t_ns": now_ns, "reason": reason}, now_ns)
        if reason:
            self.message = f"take {take.id} was ended: {reason}"
        return take.id

    def discard(self) -> tuple[str, bool]:
        """Discard the running take, or the last one: it is kept in failures/, flagged.

        Returns:
            Its id, and whether that is all: false where its journal is closed, and who finalizes it must be told.

        Raises:
            InputError: there is none.
        """
        take = self.take or self._last
        if take is None:
            raise InputError("no take to discard: none was recorded yet")
        if self.activity == "recording":
            self.stop()
        return take.id, take.discard()

    def mark(self, label: str) -> int:
        """Mark this moment in the running take; returns how many marks it has.

        Raises:
            InputError: none is running, or the label is no line of text.
        """
        if self.take is None or self.take.stop_ns is not None:
            raise InputError("no take is running; there is nothing to mark")
        if not label.isprintable() or len(label) > 200:
            raise InputError("a mark's label is one line of up to 200 letters")
        now_ns = self.clock()
        self.take.marks += 1
        self.take.note({"event": "mark", "t_ns": now_ns, "label": label}, now_ns)
        return self.take.marks

    def tick(self) -> None:
        """What has to be done now and then, a few times a second at least; never waits."""
        now_ns = self.clock()
        take = self.take
        if take is not None:
            take.sink.alive.at(now_ns)
            if take.sink.error and take.stop_ns is None:
                self.stop(reason=take.sink.error)
            if take.stop_ns is not None and (take.sink.error or now_ns >= take.stop_ns + round(self.postroll_s * 1e9)):
                self._close()
        if now_ns - self._looked_ns >= LOOK_NS:
            self._look(now_ns)

    def close(self) -> None:
        """End the running take and wait until its journal is closed."""
        if self.activity == "recording":
            self.stop()
        self._close()
        if self._last is not None:
            self._last.sink.join()

    def counters(self) -> dict[str, object]:
        """What the journal and the episode keep of the counts; they count from the recorder's start."""
        names = (
            "received",
            "refused",
            "lost",
            "late",
            "duplicates",
            "dropped_by_producer",
            "dropped_by_recorder",
            "gaps",
            "clock_steps",
        )
        streams = {
            key: {**{name: getattr(ledger, name) for name in names}, "owner": ledger.owner, "last_refusal": ledger.last_refusal}
            for key, ledger in self.intake.ledgers.items()
            if ledger.received or ledger.refused
        }
        return {"t_ns": self.clock(), "streams": streams, "refused": self.intake.refused}

    def _note(self, event: Event) -> None:
        if self.take is not None:
            self.take.note(event, self.clock())

    def _check_room(self) -> None:
        """Raises StorageError where a take would have to end at once."""
        self.disk = look(self.free(self.dataset.root), journal_bytes=0, bytes_per_s=0.0, unfinished_bytes=self._unfinished())
        if self.disk.room == "none":
            raise StorageError(
                f"{self.dataset.root}: {self.disk.free_bytes >> 20} MiB are free, too little for a take and its episode; "
                "free some space"
            )

    def _look(self, now_ns: int) -> None:
        """Once a second: rates, counters, and room on the disk."""
        self._looked_ns = now_ns
        for ledger in self.intake.ledgers.values():
            ledger.learn_rate()
        take = self.take
        size = take.sink.size if take else 0
        rate = size / max((now_ns - take.start_ns) * 1e-9, 1.0) if take else 0.0
        try:
            free = self.free(self.dataset.root)
        except StorageError as error:
            self.disk, self.message = Disk(0, 0.0, "none"), str(error)
            if take is not None and take.stop_ns is None:
                self.stop(reason=str(error))
            return
        self.disk = look(free, journal_bytes=size, bytes_per_s=rate, unfinished_bytes=self._unfinished() - size)
        if take is None:
            return
        take.note_counters(self.counters(), now_ns)
        if take.stop_ns is None and self.disk.room == "none":
            self.stop(reason="the disk is nearly full: ended while its episode still fits; free some space")
        elif self.disk.room == "low":
            self.message = f"the disk is full in {self.disk.left_s / 60:.0f} min; free some space"

    def _unfinished(self) -> int:
        """Bytes of every journal that is there."""
        return journal_bytes(self.dataset.root / JOURNAL_DIR)

    def _close(self) -> None:
        """End the journal of the take that was stopped; its thread does it."""
        take, self.take = self.take, None
        if take is None:
            return
        now_ns = self.clock()
        take.note_counters(self.counters(), now_ns)
        take.sink.alive.at(now_ns)
        folder = self.dataset.root / JOURNAL_DIR
        self._last, self._began_ns = take, take.stop_ns or now_ns

        def closed() -> None:
            take.closed(folder)
            self.on_ended(Ended(take.id, take.reason or take.sink.error))
            self.unfinished.discard(take.id)

        take.sink.finish(closed)
