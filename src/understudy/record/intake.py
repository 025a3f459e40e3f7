"""The recorder's door: every message is held against the schema; what does not fit is refused, counted and named.

Nothing that comes in can end a recording. What is let in has the schema's dtype and shape, finite numbers, and stamps that
increase.
"""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from understudy.errors import BusError, UnknownNameError
from understudy.record.batch import Batch, Envelope
from understudy.record.glance import Expected, glance
from understudy.record.ledger import NONE, Ledger
from understudy.record.pictures import look
from understudy.record.rows import kept_rows, skipped
from understudy.record.wire import (
    BATCH_KEYS,
    checked_name,
    decode_batch,
    decode_envelope,
    decode_pings,
    encode_batch,
    is_pings,
    map_in,
)
from understudy.spec.device import ClockKind
from understudy.spec.schema import Schema

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
        clocks: producer to the kind of its clock; paces: to its speed, where that is not the host's.
        round_trips_ns: device to how long its newest clock exchanges took.
        refusals: the newest.
        refused: messages and samples that belong to no stream of the schema.
    """

    schema: Schema
    token: str = field(default="", repr=False)
    on_event: Callable[[Event], None] = field(default=lambda event: None, repr=False)
    ledgers: dict[str, Ledger] = field(init=False)
    clocks: dict[str, ClockKind] = field(default_factory=dict)
    paces: dict[str, float] = field(default_factory=dict)
    round_trips_ns: dict[str, deque[int]] = field(default_factory=dict, repr=False)
    refusals: deque[Refusal] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    refused: int = 0

    def __post_init__(self) -> None:
        self.ledgers = {spec.key: Ledger(spec) for spec in self.schema.streams}
        self._expected = {spec.key: Expected.of(spec) for spec in self.schema.streams}
        self._envelopes: dict[bytes, Envelope] = {}

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
        known = self._envelopes.get(parts[0])
        if known is not None:
            return known  # the same as a message before, as nearly always
        envelope = decode_envelope(parts[0])
        if self.token and not hmac.compare_digest(envelope.token.encode(), self.token.encode()):
            raise BusError(
                f"producer {envelope.producer}: {'wrong' if envelope.token else 'no'} token; start it with the recorder's"
            )
        if envelope.producer not in self.clocks:
            if len(self.clocks) >= MOST_PRODUCERS:
                raise BusError(f"producer {envelope.producer}: more than {MOST_PRODUCERS} producers; restart the recorder")
            self.clocks[envelope.producer] = envelope.clock
            self.paces |= {envelope.producer: envelope.pace} if envelope.pace != 1.0 else {}
            self.on_event(self.introduced(envelope.producer, now_ns))
        for stream, total in envelope.dropped.items():
            if stream in self.ledgers:
                self.ledgers[stream].told_dropped(envelope.producer, envelope.run, total)
        if len(self._envelopes) >= MOST_PRODUCERS:
            self._envelopes.clear()
        self._envelopes[parts[0]] = envelope
        return envelope

    def introduced(self, producer: str, now_ns: int) -> Event:
        """What the journal says of a producer."""
        pace = {"pace": self.paces[producer]} if producer in self.paces else {}
        return {"event": "producer", "t_ns": now_ns, "producer": producer, "clock": self.clocks[producer], **pace}

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
        found = map_in(head, "head of a batch", BATCH_KEYS)
        key = found.get("stream")
        ledger = self.ledgers.get(key) if isinstance(key, str) else None
        if ledger is None or (ledger.owner, ledger.run) != (envelope.producer, envelope.run):
            return self._slowly(head, payload, envelope, now_ns)
        seen = glance(found, payload, ledger, self._expected[ledger.key], now_ns=now_ns)
        image = ledger.spec.kind == "image"
        if seen is None or (image and not self._shown(ledger, str(found["dtype"]), payload)):
            return self._slowly(head, payload, envelope, now_ns)
        seq, t_ns = seen.seq, seen.t_ns
        if seq[-1] - ledger.last_seq != len(seq) and ledger.last_seq != NONE:
            ledger.lost += seq[-1] - ledger.last_seq - len(seq)
        ledger.odd = 0
        ledger.count(seq, t_ns, now_ns, len(head) + len(payload))
        return [Part(ledger, head, payload, len(seq), t_ns[0], seq[0], image)]

    def _slowly(self, head: bytes, payload: bytes, envelope: Envelope, now_ns: int) -> list[Part | PingPart]:
        """A batch in which something may be wrong."""
        batch = decode_batch(head, payload)
        ledger = self.ledgers.get(batch.stream)
        if ledger is None:
            raise UnknownNameError("stream of the schema", batch.stream, self.ledgers)
        reason = self._misfit(batch, ledger) or self._not_owner(ledger, envelope, now_ns) or _other_codec(batch, ledger)
        if reason:
            self._refuse(ledger, envelope.producer, reason, now_ns, len(batch))
            return []
        ledger.lost += skipped(batch, ledger.last_seq)
        newest = max(ledger.last_seq, int(batch.seq.max()))
        keep = kept_rows(
            batch,
            ledger,
            now_ns,
            refuse=lambda why: self._refuse(ledger, envelope.producer, why, now_ns, 1),
            step=lambda t_ns: self._step(ledger, t_ns, now_ns),
        )
        ledger.last_seq = newest
        if not keep.any():
            return []
        if not keep.all():
            batch = batch.rows(keep)
            head, payload = encode_batch(batch)
        ledger.count(batch.seq.tolist(), batch.t_ns.tolist(), now_ns, len(head) + len(payload))
        image = batch.sizes is not None
        if image:
            ledger.codec = batch.dtype
            for each in batch.images():
                self._shown(ledger, batch.dtype, each)
        return [Part(ledger, head, payload, len(batch), int(batch.t_ns[0]), int(batch.seq[0]), image)]

    def _shown(self, ledger: Ledger, codec: str, image: bytes) -> bool:
        """Whether an image is as it should be; it is what a page shows of its camera from now on, where it stands alone."""
        if codec != ledger.codec:
            return False
        fault, alone = look(codec, image, ledger.spec.shape, ledger.packets)
        if alone and not fault:
            ledger.newest_image = image
        return not fault

    def _step(self, ledger: Ledger, t_ns: int, now_ns: int) -> None:
        times = {"t_ns": now_ns, "from_ns": ledger.last_t_ns, "to_ns": t_ns}
        self.on_event({"event": "clock_step", "stream": ledger.key, **times})

    def _misfit(self, batch: Batch, ledger: Ledger) -> str:
        """Where a batch departs from the schema; empty where it does not."""
        spec, dtypes = ledger.spec, self._expected[batch.stream].dtypes
        if batch.dtype not in dtypes:
            return f"dtype {batch.dtype}; the schema says {' or '.join(dtypes)}"
        if batch.sizes is None:
            return "" if batch.shape == spec.shape else f"shape {list(batch.shape)}; the schema says {list(spec.shape)}"
        looks = (look(batch.dtype, image, spec.shape, ledger.packets) for image in batch.images())
        return next((found.fault for found in looks if found.fault), "")

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
        ledger.last_seq, ledger.last_seen_ns, ledger.codec = NONE, now_ns, ""
        return ""

    def _refuse(self, ledger: Ledger, producer: str, reason: str, now_ns: int, samples: int) -> None:
        ledger.refused += samples
        ledger.last_refusal = reason
        self.refusals.append(Refusal(now_ns, producer, ledger.key, reason, samples))

    def _refuse_message(self, now_ns: int, producer: str, reason: str) -> None:
        self.refused += 1
        self.refusals.append(Refusal(now_ns, producer, "", reason))


def _other_codec(batch: Batch, ledger: Ledger) -> str:
    """What is wrong about images that are encoded otherwise than those before; empty where nothing is."""
    if batch.sizes is None or ledger.codec in ("", batch.dtype):
        return ""
    return f"{batch.dtype} images after {ledger.codec} ones; a producer keeps to one codec, start it again to change it"
