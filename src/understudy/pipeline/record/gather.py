"""A journal read into columns: one pass, vectors in memory, images left where they are."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from understudy.errors import BusError, EpisodeError
from understudy.geom.arrays import I64, AnyArray, Bool
from understudy.record.sink import BATCH_ENCODING
from understudy.record.take import CLOCK, COUNTERS, EVENTS
from understudy.record.wire import decode_pings, from_journal
from understudy.spec.h264 import H264, Chain, PacketHead, PacketReader, parameter_sets
from understudy.spec.sample import NO_STAMP
from understudy.spec.schema import Schema, parse_schema
from understudy.spec.stream import StreamSpec
from understudy.spec.video import Video, checksums
from understudy.store.journal_read import Entry, JournalBytes, JournalEnd, JournalReader

__all__ = ["BATCH_ENCODING", "Columns", "Gathered", "JournalImages", "gather"]


@dataclass(frozen=True)
class JournalImages:
    """Images of one stream, where they lie in a journal.

    Attributes:
        path: of the journal.
        offsets, sizes: (N,) bytes.
        heads: (N,) of H.264 packets, None for one that cannot be read; None for JPEG files.
    """

    path: Path
    offsets: I64
    sizes: I64
    heads: tuple[PacketHead | None, ...] | None = None

    def __len__(self) -> int:
        return len(self.offsets)

    def __call__(self) -> AnyArray:
        """(N,) all of them."""
        images = np.empty(len(self.offsets), dtype=object)
        images[:] = list(self)
        return images

    def __iter__(self) -> Iterator[bytes]:
        """One after the other."""
        return self.span(0, len(self))

    def span(self, first: int, end: int) -> Iterator[bytes]:
        """Those from `first` on, before `end`."""
        journal = JournalBytes(self.path)
        try:
            for offset, size in zip(self.offsets[first:end].tolist(), self.sizes[first:end].tolist(), strict=True):
                yield journal.at(offset, size)
        finally:
            journal.close()

    def at(self, step: int) -> bytes:
        """One of them."""
        with self.path.open("rb") as file:
            file.seek(int(self.offsets[step]))
            return file.read(int(self.sizes[step]))

    def __getitem__(self, rows: Bool | slice) -> JournalImages:
        """Those for which `rows` holds."""
        picked = np.arange(len(self))[rows]
        heads = None if self.heads is None else tuple(self.heads[k] for k in picked.tolist())
        return JournalImages(self.path, self.offsets[picked], self.sizes[picked], heads)

    def decodable(self) -> Bool:
        """(N,) images that can be shown with what is here: of H.264 none that builds on one that is missing."""
        if self.heads is None:
            return np.ones(len(self), dtype=np.bool_)
        chain = Chain()
        return np.array([head is not None and chain.holds(head) for head in self.heads], dtype=np.bool_)

    def video(self, where: str) -> Video | None:
        """The images as what they are, all of them decodable; None for JPEG files."""
        if self.heads is None:
            return None
        keyframe = np.array([head is not None and head.keyframe for head in self.heads], dtype=np.bool_)
        return Video(self, keyframe, parameter_sets(self.at(0)), checksums(self), where)


@dataclass(frozen=True)
class Columns:
    """Everything of one stream, in the order it came.

    Attributes:
        spec: as in the schema.
        seq, t_ns, t_device_ns, t_arrival_ns, valid: (N,) as in `spec.sample.Sample`.
        values: (N, *shape) samples, or images where they lie.
    """

    spec: StreamSpec
    seq: I64
    t_ns: I64
    t_device_ns: I64
    t_arrival_ns: I64
    valid: Bool
    values: AnyArray | JournalImages = field(repr=False)

    def __len__(self) -> int:
        return len(self.seq)

    def rows(self, keep: Bool) -> Columns:
        """The samples for which `keep` holds; without a copy where they lie side by side."""
        chosen = np.flatnonzero(keep)
        side_by_side = len(chosen) > 0 and chosen[-1] - chosen[0] + 1 == len(chosen)
        picked = slice(int(chosen[0]), int(chosen[-1]) + 1) if side_by_side else keep
        stamps = (self.seq[picked], self.t_ns[picked], self.t_device_ns[picked], self.t_arrival_ns[picked])
        return Columns(self.spec, *stamps, self.valid[picked], self.values[picked])


@dataclass(frozen=True)
class Gathered:
    """What a journal holds.

    Attributes:
        about: what the take is.
        schema: it was recorded under, and its text.
        streams: every stream that has samples.
        events: what happened, oldest first.
        first, last: the recorder's counters at the take's start and as last noted.
        pings: device to (N, 3) sent, device, received.
        end: how the journal ends; `last_log_ns`: when the last entry came.
        bytes: stream to bytes in the journal.
        handed: stream to (M, 2) when each batch came, by the recorder's clock, and the newest arrival in it, by its producer's.
        strays: stream to images that were encoded otherwise than its first ones, which are left out.
    """

    about: Mapping[str, str]
    schema: Schema
    streams: Mapping[str, Columns]
    events: tuple[Mapping[str, Any], ...]
    first: Mapping[str, Any]
    last: Mapping[str, Any]
    pings: Mapping[str, I64]
    end: JournalEnd
    last_log_ns: int
    bytes: Mapping[str, int]
    handed: Mapping[str, I64]
    strays: Mapping[str, int] = field(default_factory=dict)


@dataclass
class _Growing:
    """Columns of one stream while they are read, without a second copy at the end."""

    seq: bytearray = field(default_factory=bytearray)
    t_ns: bytearray = field(default_factory=bytearray)
    t_device_ns: bytearray = field(default_factory=bytearray)
    t_arrival_ns: bytearray = field(default_factory=bytearray)
    valid: bytearray = field(default_factory=bytearray)
    payload: bytearray = field(default_factory=bytearray)
    offsets: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    codec: str = ""
    heads: list[PacketHead | None] = field(default_factory=list)
    strays: int = 0
    handed: bytearray = field(default_factory=bytearray)
    _reader: PacketReader = field(default_factory=PacketReader)

    def add(self, head: Mapping[str, Any], payload: memoryview, offset: int, t_log_ns: int) -> None:
        """One batch, as it was let in: its head holds what `wire` says."""
        seq = head["seq"]
        if "sizes" in head and (self.codec or head["dtype"]) != head["dtype"]:
            self.strays += len(seq) // 8
            return
        self.codec = head["dtype"]
        self.seq += seq
        self.t_ns += head["t_ns"]
        self.t_arrival_ns += head["t_arrival_ns"]
        self.handed += _STAMP.pack(t_log_ns) + head["t_arrival_ns"][-_STAMP.size :]
        self.t_device_ns += head.get("t_device_ns") or _NO_STAMP * (len(seq) // 8)
        self.valid += head.get("valid") or b"\1" * (len(seq) // 8)
        if "sizes" not in head:
            self.payload += payload
            return
        at = 0
        for (size,) in struct.iter_unpack("<q", head["sizes"]):
            self.offsets.append(offset + at)
            self.sizes.append(size)
            if self.codec == H264:
                self.heads.append(self._head(bytes(payload[at : at + size])))
            at += size

    def _head(self, packet: bytes) -> PacketHead | None:
        try:
            return self._reader.head(packet)
        except ValueError:  # from before the first keyframe that came
            return None

    def columns(self, spec: StreamSpec, path: Path) -> Columns:
        """All of it."""
        stamps = (self.seq, self.t_ns, self.t_device_ns, self.t_arrival_ns)
        seq, t_ns, t_device_ns, t_arrival_ns = (np.frombuffer(c, dtype="<i8").astype(np.int64, copy=False) for c in stamps)
        valid = np.frombuffer(self.valid, dtype=np.bool_)
        values: AnyArray | JournalImages
        if spec.kind == "image":
            places = np.array(self.offsets, dtype=np.int64), np.array(self.sizes, dtype=np.int64)
            values = JournalImages(path, *places, tuple(self.heads) if self.codec == H264 else None)
        else:
            flat = np.frombuffer(self.payload, dtype=np.dtype(spec.dtype).newbyteorder("<"))
            values = flat.astype(spec.dtype, copy=False).reshape(len(valid), *spec.shape)
        return Columns(spec, seq, t_ns, t_device_ns, t_arrival_ns, valid, values)


_STAMP = struct.Struct("<q")
_NO_STAMP = np.int64(NO_STAMP).tobytes()


def gather(path: Path) -> Gathered:
    """Everything in a journal, up to its end or to where it is damaged.

    Raises:
        EpisodeError: it is no journal, or does not say what it is of.
        SchemaError: the schema in it cannot be read.
    """
    reader = JournalReader(path)
    try:
        return _gathered(reader)
    finally:
        reader.close()


def _gathered(reader: JournalReader) -> Gathered:
    import msgpack

    about = reader.about
    if "schema" not in about:
        raise EpisodeError(f"{reader.path}: the journal does not say under which schema it was recorded")
    schema = parse_schema(about["schema"], where=f"{reader.path}: schema")
    growing: dict[str, _Growing] = {}
    events: list[Mapping[str, Any]] = []
    counters: list[Mapping[str, Any]] = []
    pings: dict[str, list[I64]] = {}
    size: Counter[str] = Counter()
    last_log_ns = 0
    for entry in reader.entries():
        last_log_ns = max(last_log_ns, entry.t_log_ns)
        if entry.topic == EVENTS.name:
            events.append(json.loads(bytes(entry.data)))
        elif entry.topic == COUNTERS.name:
            counters = [*counters[:1], json.loads(bytes(entry.data))]
        elif entry.topic.startswith(CLOCK):
            found = decode_pings(_parts(entry, reader.path)[0])
            pings.setdefault(found.device, []).append(np.stack([found.t_send_ns, found.t_device_ns, found.t_receive_ns], axis=1))
        else:
            head, payload = _parts(entry, reader.path)
            key = entry.topic.removeprefix("/")
            size[key] += len(entry.data)
            offset = entry.offset + len(entry.data) - len(payload)
            growing.setdefault(key, _Growing()).add(msgpack.unpackb(head), payload, offset, entry.t_log_ns)
    streams = {key: grown.columns(schema.stream(key), reader.path) for key, grown in growing.items()}
    assert reader.end is not None
    exchanges = {device: np.concatenate(rows) for device, rows in pings.items()}
    first, last = (counters[0], counters[-1]) if counters else ({}, {})
    strays = {key: grown.strays for key, grown in growing.items() if grown.strays}
    handed = {key: np.frombuffer(grown.handed, dtype="<i8").astype(np.int64).reshape(-1, 2) for key, grown in growing.items()}
    return Gathered(about, schema, streams, tuple(events), first, last, exchanges, reader.end, last_log_ns, size, handed, strays)


def _parts(entry: Entry, path: Path) -> tuple[bytes, memoryview]:
    try:
        return from_journal(entry.data)
    except BusError as error:
        raise EpisodeError(f"{path}: byte {entry.offset}: {error}") from None
