"""How every stream does right now: a frozen snapshot for a page or a terminal, taken beside the recording, never in its way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

from understudy.geom.arrays import I64
from understudy.record.disk import look
from understudy.record.intake import Intake, Refusal
from understudy.record.ledger import NONE, WINDOW_NS, Ledger
from understudy.record.recorder import Activity, Recorder
from understudy.spec.device import ClockKind

DEAD_S = 0.4
"""Silence after which a stream of 10 Hz or more is dead: whoever asks ten times a second shows it within half a second."""
DEAD_STEPS = 4.0
SLOW = 0.9
FAST = 1.15

StreamState = Literal["ok", "slow", "fast", "dead", "absent", "event"]
"""absent: it never came; event: its samples come when something happens, and silence says nothing."""


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """One stream.

    Attributes:
        stream: its key.
        kind: as in the schema; `image` ones have thumbnails.
        required: an episode needs it.
        producer: that it comes from; empty before it came.
        state: see `StreamState`.
        expected_hz: of the schema, or as learned; 0 where unknown.
        measured_hz: over the last two seconds.
        age_s: since its newest sample came; infinite where none did.
        dead_after_s: age at which it is dead; infinite for events.
        jitter_ms: spread of the steps between its newest stamps, standard deviation.
        received, lost, refused, dropped, gaps: since the recorder started; `dropped` by producer and recorder.
        longest_gap_ms: since the recorder started.
        mb_per_min: megabytes a minute, over the last two seconds.
        clock: that its device stamps are on: host, ping or push; empty before it came.
        sync_ms: how well its clock is known right now: half the round trip of the best of its last exchanges; 0 for the
            host's own clock, infinite where it is not known.
        last_refusal: why its newest refused sample was refused.
    """

    stream: str
    kind: str
    required: bool
    producer: str
    state: StreamState
    expected_hz: float
    measured_hz: float
    age_s: float
    dead_after_s: float
    jitter_ms: float
    received: int
    lost: int
    refused: int
    dropped: int
    gaps: int
    longest_gap_ms: float
    mb_per_min: float
    clock: ClockKind | Literal[""]
    sync_ms: float
    last_refusal: str


@dataclass(frozen=True, slots=True)
class TakeHealth:
    """The running take.

    Attributes:
        activity: idle, recording, or ending: taking in the last moments.
        id: of the take; empty where none runs.
        duration_s: so far, pre-roll included; `preroll_s`: of it before the start command.
        journal_bytes: so far.
        marks: so far.
    """

    activity: Activity
    id: str = ""
    duration_s: float = 0.0
    preroll_s: float = 0.0
    journal_bytes: int = 0
    marks: int = 0


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """Everything at one moment.

    Attributes:
        t_ns: recorder's clock.
        streams: every stream that came or is required, in the schema's order.
        take: the running one.
        disk_free_bytes: on the dataset's disk; `disk_left_s`: until it is full at this rate; between takes at the rate of what
            is on the bus, infinite where nothing is.
        cpu_share: of one core that the recorder's process uses.
        memory_bytes: that it uses.
        queue_bytes, queue_depth: what waits for the disk.
        refused: messages that belong to no stream.
        refusals: the newest, oldest first.
        message: the newest thing the operator should know.
    """

    t_ns: int
    streams: tuple[StreamHealth, ...]
    take: TakeHealth
    disk_free_bytes: int
    disk_left_s: float
    cpu_share: float
    memory_bytes: int
    queue_bytes: int
    queue_depth: int
    refused: int
    refusals: tuple[Refusal, ...]
    message: str

    @property
    def dead(self) -> tuple[str, ...]:
        """Streams that came and stopped, and required ones that never came."""
        return tuple(s.stream for s in self.streams if s.state == "dead" or (s.state == "absent" and s.required))


def stream_health(ledger: Ledger, now_ns: int, intake: Intake) -> StreamHealth:
    """How one stream of `intake` does."""
    nothing = (now_ns - 1_000_000_000, ledger.received, ledger.size)
    since_ns, received, size = next((item for item in list(ledger.recent) if item[0] >= now_ns - WINDOW_NS), nothing)
    span_s, pace = max(now_ns - since_ns, 1) * 1e-9, intake.paces.get(ledger.owner, 1.0)
    stamps = ledger.newest_stamps()
    age_s = max(now_ns - ledger.last_seen_ns, 0) * 1e-9 if ledger.received else float("inf")
    by_stamps = age_s < WINDOW_NS * 1e-9 and len(stamps) > 1  # they do not come in batches as messages do
    measured_hz = _rate(stamps) if by_stamps else (ledger.received - received) / span_s
    return StreamHealth(
        stream=ledger.key,
        kind=ledger.spec.kind,
        required=ledger.spec.required,
        producer=ledger.owner,
        state=_state(ledger, age_s, measured_hz, pace),
        expected_hz=ledger.expected_hz,
        measured_hz=measured_hz,
        age_s=age_s,
        dead_after_s=dead_after_s(ledger, pace) if ledger.paced else float("inf"),
        jitter_ms=_jitter_ms(stamps),
        received=ledger.received,
        lost=ledger.lost,
        refused=ledger.refused,
        dropped=ledger.dropped_by_producer + ledger.dropped_by_recorder,
        gaps=ledger.gaps,
        longest_gap_ms=ledger.longest_gap_ns * 1e-6,
        mb_per_min=(ledger.size - size) / span_s * 60e-6,
        clock=intake.clocks.get(ledger.owner, ""),
        sync_ms=_sync_ms(ledger, intake),
        last_refusal=ledger.last_refusal,
    )


def _rate(stamps: I64) -> float:
    return (len(stamps) - 1) * 1e9 / max(float(stamps[-1] - stamps[0]), 1.0)


def _jitter_ms(stamps: I64) -> float:
    if len(stamps) < 2:
        return 0.0
    off = (stamps[1:] - stamps[:-1]) - (stamps[-1] - stamps[0]) / (len(stamps) - 1)
    return math.sqrt(float(off @ off) / len(off)) * 1e-6


def _sync_ms(ledger: Ledger, intake: Intake) -> float:
    """A device answers between question and reply, so its clock is known to half the round trip."""
    if intake.clocks.get(ledger.owner) == "host":
        return 0.0
    return min(intake.round_trips_ns.get(ledger.owner, ()), default=float("inf")) * 0.5e-6


def dead_after_s(ledger: Ledger, pace: float = 1.0) -> float:
    """Silence after which a stream is dead; `pace` is that of its producer's clock."""
    return max(DEAD_S, DEAD_STEPS / (ledger.expected_hz * pace)) if ledger.expected_hz > 0 else DEAD_S / pace


def _state(ledger: Ledger, age_s: float, measured_hz: float, pace: float) -> StreamState:
    if ledger.last_t_ns == NONE:
        return "absent"
    if not ledger.paced:
        return "event"
    if age_s > dead_after_s(ledger, pace):
        return "dead"
    if ledger.expected_hz > 0 and ledger.received > 10:
        if measured_hz < SLOW * ledger.expected_hz:
            return "slow"
        if measured_hz > FAST * ledger.expected_hz:
            return "fast"
    return "ok"


def take_snapshot(recorder: Recorder, *, cpu_share: float = 0.0, memory_bytes: int = 0, message: str = "") -> HealthSnapshot:
    """Everything at this moment; from any thread."""
    now_ns, take, intake = recorder.clock(), recorder.take, recorder.intake
    ledgers: Sequence[Ledger] = [x for x in intake.ledgers.values() if x.received or x.refused or x.spec.required]
    about = TakeHealth("idle")
    if take is not None:
        duration_s = ((take.stop_ns or now_ns) - take.start_ns) * 1e-9
        about = TakeHealth(recorder.activity, take.id, duration_s, take.preroll_s, take.sink.size, take.marks)
    streams = tuple(stream_health(ledger, now_ns, intake) for ledger in ledgers)
    disk = recorder.disk if take else look(recorder.disk.free_bytes, journal_bytes=0, bytes_per_s=_bytes_per_s(streams))
    return HealthSnapshot(
        t_ns=now_ns,
        streams=streams,
        take=about,
        disk_free_bytes=disk.free_bytes,
        disk_left_s=disk.left_s,
        cpu_share=cpu_share,
        memory_bytes=memory_bytes,
        queue_bytes=take.sink.queued_bytes if take else 0,
        queue_depth=take.sink.depth if take else 0,
        refused=intake.refused,
        refusals=tuple(intake.refusals),
        message=message or recorder.message,
    )


def _bytes_per_s(streams: Sequence[StreamHealth]) -> float:
    return sum(s.mb_per_min for s in streams if s.state != "dead") * 1e6 / 60.0


def as_map(found: HealthSnapshot | StreamHealth | TakeHealth | Refusal) -> dict[str, object]:
    """A snapshot as it goes over the bus. All its parts are plain, so nothing needs to be copied deeply."""
    return {name: _plain(getattr(found, name)) for name in _NAMES[type(found)]}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return as_map(value) if isinstance(value, StreamHealth | TakeHealth | Refusal) else value


_NAMES = {kind: tuple(f.name for f in fields(kind)) for kind in (HealthSnapshot, StreamHealth, TakeHealth, Refusal)}
