"""Reads exported MCAP files back, through the mcap library's own reader."""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

from understudy.errors import ExportError


@dataclass
class TopicRead:
    """One topic of a file.

    Attributes:
        schema_name: of its messages.
        t_ns: log times.
        messages: decoded.
    """

    schema_name: str
    t_ns: list[int] = field(default_factory=list)
    messages: list[dict[str, object]] = field(default_factory=list)


@dataclass
class FileRead:
    """All of a file.

    Attributes:
        topics: by name.
        metadata: record name to keys and values.
        attachments: name to bytes.
    """

    topics: dict[str, TopicRead]
    metadata: dict[str, dict[str, str]]
    attachments: dict[str, bytes]


def read_mcap(path: Path) -> FileRead:
    """Read a file whole.

    Raises:
        ExportError: it is not a whole MCAP file of JSON messages.
    """
    from mcap.exceptions import McapError
    from mcap.reader import make_reader
    from mcap.stream_reader import CRCValidationError

    topics: dict[str, TopicRead] = {}
    try:
        with path.open("rb") as file:
            reader = make_reader(file, validate_crcs=True)
            for schema, channel, message in reader.iter_messages():
                topic = topics.setdefault(channel.topic, TopicRead(schema.name if schema else ""))
                decoded = json.loads(message.data)
                if channel.message_encoding != "json" or not isinstance(decoded, dict):
                    raise ExportError(f"{path}: topic {channel.topic}: a message that is no JSON object; export again")
                topic.t_ns.append(message.log_time)
                topic.messages.append(decoded)
            metadata = {record.name: dict(record.metadata) for record in reader.iter_metadata()}
            attachments = {record.name: record.data for record in reader.iter_attachments()}
    except OSError as error:
        raise ExportError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (McapError, CRCValidationError, struct.error, ValueError, EOFError, RuntimeError, KeyError, RecursionError) as error:
        if isinstance(error, ExportError):
            raise
        raise ExportError(f"{path}: not a whole MCAP file of JSON messages ({str(error)[:160]}); export again") from None
    return FileRead(topics, metadata, attachments)


def picture_of(message: dict[str, object]) -> bytes | None:
    """The JPEG of an image message; None where there is none."""
    data = message.get("data")
    try:
        return base64.b64decode(data, validate=True) if isinstance(data, str) else None
    except ValueError:
        return None
