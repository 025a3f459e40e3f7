"""The recorder's door: every message is held against the schema; what does not fit is refused, counted and named.

Nothing that comes in can end a recording. What is let in has the schema's dtype and shape, finite numbers, and stamps that
increase.
"""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from understudy.errors import BusError, UnknownNameError
from understudy.geom.arrays import Bool
from understudy.record.jpeg import jpeg_fault
from understudy.record.ledger import NONE, Ledger
from understudy.record.wire import (
    JPEG,
    Batch,
    Envelope,
    checked_name,
    decode_batch,
    decode_envelope,
    decode_pings,
    encode_batch,
    is_pings,
)
from understudy.spec.device import ClockKind
from understudy.spec.schema import Schema

AHEAD_NS = 100_000_000
"""A stamp may lie so far in the future: a producer that predicts a little is not wrong."""
OLD_NS = 300_000_000_000
"""A first stamp that is older is not on this machine's clock."""
STEP_SAMPLES = 10
"""So many samples in a row whose stamps jumped are a clock that was set, and not a slip."""
OWNER_SILENT_NS = 500_000_000
"""A stream whose producer was silent for so long may come from another."""
REMEMBERED, EXCHANGES = 50, 10
MOST_PRODUCERS = 256

Event = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Part:
    """Samples that were let in, as they go into the journal.

    Attributes:
        ledger: of their stream.
        head, payload: as they came.
        samples: how many.
        t_ns, seq: of the first.
        image: whether it may be let go when the disk is too slow.
    """

    ledger: Ledger
    head: bytes
    payload: bytes
    samples: int
    t_ns: int
    seq: int
    image: bool


@dataclass(frozen=True, slots=True)
class PingPart:
    """Clock pings that were let in."""

    device: str
    head: bytes
    t_ns: int


@dataclass(frozen=True)
class Refusal:
    """Something that was refused.

    Attributes:
        t_ns: recorder's clock.
        producer: who sent it; empty where that could not be read.
        stream: as it was named; empty where that could not be read.
        reason: what is wrong, and what is allowed.
        samples: how many.
    """

    t_ns: int
    producer: str
    stream: str
    reason: str
    samples: int = 1


@dataclass
class Intake:
    """Holds messages against a schema.

    Attributes:
        schema: of the dataset.
        token: that every message must bring; empty for none.
        on_event: told of what the file must say later: producers that come, return or take over, and clocks that step.
        ledgers: stream to its counts.
        clocks: producer to the kind of its clock.
        round_trips_ns: device to how long its newest clock exchanges took.
        refusals: the newest.
        refused: messages and samples that belong to no stream of the schema.
    """

    schema: Schema
    token: str = field(default="", repr=False)
    on_event: Callable[[Event], None] = field(default=lambda event: None, repr=False)
    ledgers: dict[str, Ledger] = field(init=False)
    clocks: dict[str, ClockKind] = field(default_factory=dict)
    round_trips_ns: dict[str, deque[int]] = field(default_factory=dict, repr=False)
    refusals: deque[Refusal] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    refused: int = 0

    def __post_init__(self) -> None:
        self.ledgers = {spec.key: Ledger(spec) for spec in self.schema.streams}
        self._dtypes = {s.key: JPEG if s.kind == "image" else np.dtype(s.dtype).name for s in self.schema.streams}
        self._floats = {s.key: s.kind != "image" and np.dtype(s.dtype).kind == "f" for s in self.schema.streams}

    def take(self, parts: Sequence[bytes], now_ns: int) -> list[Part | PingPart]:
        """What of a message is let in.

        Args:
            parts: of the message.
            now_ns: recorder's clock.
        """
        try:
            envelope = self._envelope(parts, now_ns)
        except BusError as error:
            self._refuse_message(now_ns, "", str(error))
            return []
        let_in: list[Part | PingPart] = []
        for head, payload in zip(parts[1::2], parts[2::2], strict=True):
            try:
                let_in += self._pings(head) if is_pings(head) else self._batch(head, payload, envelope, now_ns)
            except (BusError, UnknownNameError) as error:
                self._refuse_message(now_ns, envelope.producer, str(error))
        return let_in

    def _envelope(self, parts: Sequence[bytes], now_ns: int) -> Envelope:
        if len(parts) % 2 == 0:
            raise BusError(f"a message of {len(parts)} parts; an envelope and two parts per batch are needed")
        envelope = decode_envelope(parts[0])
        if self.token and not hmac.compare_digest(envelope.token.encode(), self.token.encode()):
            raise BusError(
                f"producer {envelope.producer}: {'wrong' if envelope.token else 'no'} token; start it with the recorder's"
            )
        if envelope.producer not in self.clocks:
            if len(self.clocks) >= MOST_PRODUCERS:
                raise BusError(f"producer {envelope.producer}: more than {MOST_PRODUCERS} producers; restart the recorder")
            self.clocks[envelope.producer] = envelope.clock
            self.on_event({"event": "producer", "t_ns": now_ns, "producer": envelope.producer, "clock": envelope.clock})
        for stream, total in envelope.dropped.items():
            if stream in self.ledgers:
                self.ledgers[stream].told_dropped(envelope.producer, envelope.run, total)
        return envelope

    def _pings(self, head: bytes) -> list[Part | PingPart]:
        pings = decode_pings(head)
        checked_name(pings.device, "clock")
        if not len(pings.t_send_ns):
            return []
        if pings.device in self.clocks:
            newest = self.round_trips_ns.setdefault(pings.device, deque(maxlen=EXCHANGES))
            newest.extend((pings.t_receive_ns - pings.t_send_ns).tolist())
        return [PingPart(pings.device, head, int(pings.t_send_ns[0]))]

    def _batch(self, head: bytes, payload: bytes, envelope: Envelope, now_ns: int) -> list[Part | PingPart]:
        batch = decode_batch(head, payload)
        ledger = self.ledgers.get(batch.stream)
        if ledger is None:
            raise UnknownNameError("stream of the schema", batch.stream, self.ledgers)
        reason = self._misfit(batch, ledger) or self._not_owner(ledger, envelope, now_ns)
        if reason:
            self._refuse(ledger, envelope.producer, reason, now_ns, len(batch))
            return []
        numbers = batch.seq
        ledger.lost += self._skipped(ledger, batch)
        if not self._in_order(batch, ledger, now_ns):
            keep = self._kept_rows(batch, ledger, envelope.producer, now_ns)
            ledger.last_seq = max(ledger.last_seq, int(numbers.max()))
            if not keep.any():
                return []
            if not keep.all():
                batch = batch.rows(keep)
                head, payload = encode_batch(batch)
        ledger.last_seq = max(ledger.last_seq, int(numbers[-1]))
        ledger.count(batch, now_ns, len(head) + len(payload))
        image = batch.sizes is not None
        if image:
            ledger.newest_image = batch.images()[-1] if len(batch) > 1 else bytes(payload)
        return [Part(ledger, head, payload, len(batch), int(batch.t_ns[0]), int(batch.seq[0]), image)]

    def _misfit(self, batch: Batch, ledger: Ledger) -> str:
        """Where a batch departs from the schema; empty where it does not."""
        spec, dtype = ledger.spec, self._dtypes[batch.stream]
        if batch.dtype != dtype:
            return f"dtype {batch.dtype}; the schema says {dtype}"
        if batch.sizes is None:
            return "" if batch.shape == spec.shape else f"shape {list(batch.shape)}; the schema says {list(spec.shape)}"
        return next((fault for image in batch.images() if (fault := jpeg_fault(image, spec.shape))), "")

    def _not_owner(self, ledger: Ledger, envelope: Envelope, now_ns: int) -> str:
        """Why a batch does not come from the stream's own producer; empty where it does, or where the stream changes hands."""
        sender = (envelope.producer, envelope.run)
        if (ledger.owner, ledger.run) == sender:
            return ""
        if ledger.owner and now_ns - ledger.last_seen_ns < OWNER_SILENT_NS:
            which = "another run of it" if ledger.owner == envelope.producer else f"{envelope.producer!r}"
            return f"it comes from producer {ledger.owner!r} already, and now from {which} too; stop one of the two"
        if ledger.owner:
            kind = "returned" if ledger.owner == envelope.producer else "takes over"
            self.on_event({"event": kind, "t_ns": now_ns, "stream": ledger.key, "producer": envelope.producer})
        ledger.owner, ledger.run = sender
        ledger.last_seq, ledger.last_seen_ns = NONE, now_ns
        return ""

    @staticmethod
    def _skipped(ledger: Ledger, batch: Batch) -> int:
        """Numbers that are missing before and within a batch."""
        first, last = int(batch.seq[0]), int(batch.seq[-1])
        if first <= ledger.last_seq:  # something came twice or late: only what is newer than all before can tell of a loss
            newer = np.unique(batch.seq[batch.seq > ledger.last_seq])
            return int(newer[-1]) - ledger.last_seq - len(newer) if len(newer) else 0
        before = first - ledger.last_seq - 1 if ledger.last_seq != NONE else 0
        return before + max(last - first + 1 - len(batch), 0)

    def _in_order(self, batch: Batch, ledger: Ledger, now_ns: int) -> bool:
        """Whether every sample can be taken, as nearly always."""
        seq, t_ns, n = batch.seq, batch.t_ns, len(batch)
        if not (seq[0] > ledger.last_seq and t_ns[0] > ledger.last_t_ns and t_ns[-1] <= now_ns + AHEAD_NS + ledger.lead_ns):
            return False
        if n > 1 and not ((seq[1:] > seq[:-1]).all() and (t_ns[1:] > t_ns[:-1]).all()):
            return False
        if ledger.last_t_ns == NONE and t_ns[0] < now_ns - OLD_NS:
            return False
        ledger.odd = 0
        return not self._floats[batch.stream] or bool(np.isfinite(batch.values()).all())

    def _kept_rows(self, batch: Batch, ledger: Ledger, producer: str, now_ns: int) -> Bool:
        """(N,) the samples that can be taken; the others are refused one by one."""
        keep = np.zeros(len(batch), dtype=np.bool_)
        finite = self._finite(batch, ledger)
        last_seq, last_t_ns = ledger.last_seq, ledger.last_t_ns
        for i, (seq, t_ns) in enumerate(zip(batch.seq.tolist(), batch.t_ns.tolist(), strict=True)):
            if seq <= last_seq:
                reason = self._repeated(ledger, seq, last_seq, batch.seq[:i][keep[:i]].tolist())
            elif fault := _clock_fault(t_ns, last_t_ns, now_ns, ledger.lead_ns):
                reason = fault
                if self._stepped(ledger, t_ns, now_ns):
                    reason, last_t_ns = "", t_ns - 1
            else:
                ledger.odd = 0
                reason = "" if finite[i] else "a value that is not a finite number"
            last_seq = max(last_seq, seq)
            if reason:
                self._refuse(ledger, producer, reason, now_ns, 1)
            else:
                keep[i], last_t_ns = True, t_ns
        return keep

    def _finite(self, batch: Batch, ledger: Ledger) -> Bool:
        """(N,) samples without NaN and infinity; in debug streams NaN is a marker that was not seen."""
        if not self._floats[batch.stream]:
            return np.ones(len(batch), dtype=np.bool_)
        values = batch.values().reshape(len(batch), -1)
        usable = ~np.isinf(values) if ledger.spec.group == "debug" else np.isfinite(values)
        return np.asarray(usable.all(axis=1), dtype=np.bool_)

    @staticmethod
    def _repeated(ledger: Ledger, seq: int, last_seq: int, taken: Sequence[int]) -> str:
        if seq == last_seq or seq in taken or (ledger.numbers == seq).any():
            ledger.duplicates += 1
            return f"sample {seq} came twice"
        ledger.late += 1
        return f"sample {seq} came after {last_seq}"

    def _stepped(self, ledger: Ledger, t_ns: int, now_ns: int) -> bool:
        """Whether a stamp that cannot be belongs to a clock that was set; a stream's first stamps must be right."""
        if ledger.last_t_ns == NONE:
            return False
        ledger.odd += 1
        if ledger.odd < STEP_SAMPLES:
            return False
        ledger.odd, ledger.clock_steps = 0, ledger.clock_steps + 1
        ledger.lead_ns = max(t_ns - now_ns, 0)
        self.on_event({"event": "clock_step", "t_ns": now_ns, "stream": ledger.key, "from_ns": ledger.last_t_ns, "to_ns": t_ns})
        return True

    def _refuse(self, ledger: Ledger, producer: str, reason: str, now_ns: int, samples: int) -> None:
        ledger.refused += samples
        ledger.last_refusal = reason
        self.refusals.append(Refusal(now_ns, producer, ledger.key, reason, samples))

    def _refuse_message(self, now_ns: int, producer: str, reason: str) -> None:
        self.refused += 1
        self.refusals.append(Refusal(now_ns, producer, "", reason))


def _clock_fault(t_ns: int, last_t_ns: int, now_ns: int, lead_ns: int) -> str:
    """What cannot be about a stamp; empty where it can."""
    if last_t_ns == NONE and t_ns < now_ns - OLD_NS:
        return f"its stamp lies {(now_ns - t_ns) * 1e-9:.0f} s back; stamps must be on this machine's monotonic clock"
    if t_ns > now_ns + AHEAD_NS + lead_ns:
        return f"its stamp lies {(t_ns - now_ns) * 1e-9:.3g} s ahead; stamps must be on this machine's monotonic clock"
    if t_ns <= last_t_ns:
        return f"its stamp does not increase ({(last_t_ns - t_ns) * 1e-6:.3f} ms back)"
    return ""
