"""MCAP files, read from front to back: one that was cut off gives what stands before the cut."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from understudy.devices.messages.decode import decode_cdr, decode_json
from understudy.errors import InputError
from understudy.pipeline.bags.definitions import message_type, types_of
from understudy.pipeline.bags.source import Channel, Found, RawMessage

if TYPE_CHECKING:
    from mcap.records import Channel as ChannelRecord
    from mcap.records import McapRecord, Schema

_MOST_RECORD_BYTES = 1 << 30
_MOST_ATTACHMENT_BYTES = 8 << 20
_HOW = {
    "protobuf": "protobuf messages are not read; write them as JSON or ROS 2 CDR",
    "ros1": "ROS 1 messages are not read; turn the bag into a ROS 2 one: rosbags-convert",
}


@dataclass(frozen=True)
class McapRecording:
    """One or several MCAP files, one after the other.

    Attributes:
        path: the file, or the folder of a bag.
        files: the MCAP files.
        format: `mcap` or `rosbag2_mcap`.
    """

    path: Path
    files: tuple[Path, ...]
    format: str = "mcap"

    def messages(self, found: Found) -> Iterator[RawMessage]:
        """Every message in the order of the files.

        Raises:
            InputError: a file is not MCAP, or cannot be opened.
        """
        for file in self.files:
            yield from _messages(file, found)


def _messages(path: Path, found: Found) -> Iterator[RawMessage]:
    from mcap.records import Attachment, Message, Metadata
    from mcap.records import Channel as ChannelRecord
    from mcap.records import Schema as SchemaRecord

    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    for record in _records(path, found):
        if isinstance(record, SchemaRecord):
            schemas[record.id] = record
        elif isinstance(record, ChannelRecord):
            if record.id not in channels:
                channels[record.id] = _channel(record, schemas.get(record.schema_id))
        elif isinstance(record, Message):
            if record.channel_id not in channels:
                found.cut = f"{path.name}: a message of a channel that is not described; what follows was left out"
                return
            yield RawMessage(channels[record.channel_id], record.log_time, record.publish_time, record.data)
        elif isinstance(record, Metadata):
            found.metadata[record.name] = dict(record.metadata)
        elif isinstance(record, Attachment) and len(record.data) <= _MOST_ATTACHMENT_BYTES:
            found.attachments[record.name] = record.data


def _records(path: Path, found: Found) -> Iterator[McapRecord]:
    """Records of a file up to its end or its first damage, which is noted."""
    from mcap.exceptions import InvalidMagic, McapError
    from mcap.stream_reader import CRCValidationError, StreamReader

    try:
        file: IO[bytes] = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    with file:
        reader = iter(StreamReader(file, validate_crcs=True, record_size_limit=_MOST_RECORD_BYTES).records)
        first = True
        while True:
            try:
                record = next(reader, None)
            except (
                McapError,
                CRCValidationError,
                struct.error,
                ValueError,
                EOFError,
                RuntimeError,
                MemoryError,
                KeyError,
            ) as error:
                if first:
                    raise InputError(f"{path}: not an MCAP file, or an empty one ({_said(error)})") from None
                if not isinstance(error, InvalidMagic):  # that one is at the end: all records were read
                    found.cut = f"{path.name}: cut off or damaged ({_said(error)}); what stands before that was taken"
                return
            except OSError as error:
                raise InputError(f"{path}: cannot be read to its end: {error.strerror or error}") from None
            if record is None:
                return
            first = False
            yield record


def _said(error: BaseException) -> str:
    return str(error)[:120] or type(error).__name__


def _channel(record: ChannelRecord, schema: Schema | None) -> Channel:
    """What a channel carries; a schema that cannot be read shows when a message of it is decoded."""
    name = schema.name if schema else ""
    if record.message_encoding == "json":
        return Channel(record.topic, name, "json", "json", partial(decode_json, what=f"topic {record.topic}"))
    if record.message_encoding == "cdr" and schema is not None:
        decoder = _Cdr(name, schema)
        return Channel(record.topic, decoder.shown, "cdr", f"cdr ({schema.encoding})", decoder)
    return Channel(record.topic, name, "other", record.message_encoding, partial(_refuse, record.topic, record.message_encoding))


def _refuse(topic: str, encoding: str, data: bytes) -> object:
    how = _HOW.get(encoding, "ROS 2 CDR and JSON messages are read")
    raise InputError(f"topic {topic}: messages in the encoding {encoding[:40]!r}: {how}")


class _Cdr:
    """Decodes one type; its definition is looked at when the first message comes."""

    def __init__(self, name: str, schema: Schema) -> None:
        self._schema = schema
        self._decode: partial[object] | None = None
        try:
            self.shown = message_type(name)
        except InputError:
            self.shown = name

    def __call__(self, data: bytes) -> object:
        if self._decode is None:
            name, encoding = message_type(self.shown), self._schema.encoding
            if encoding not in ("ros2msg", "ros2idl", ""):
                raise InputError(f"message type {name}: a definition in {encoding!r}; ros2msg and ros2idl are read")
            text = self._schema.data.decode("utf-8", errors="replace")
            self._decode = partial(decode_cdr, name=name, types=types_of(name, text, idl=encoding == "ros2idl"))
        return self._decode(data)


def is_mcap(files: Sequence[Path]) -> bool:
    """Whether every file is named as MCAP."""
    return bool(files) and all(file.suffix == ".mcap" for file in files)
