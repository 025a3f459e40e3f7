"""The mapping file: which topic goes into which stream, and how."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import ValidationError, field_validator, model_validator

from understudy.devices.messages.fields import parse_path
from understudy.errors import InputError, did_you_mean
from understudy.spec.robot import Strict

ClockName = Literal["header", "log", "publish"]
"""header: the stamp in the message; log: when it was written down; publish: when it was sent."""
StampUnit = Literal["s", "ms", "us", "ns"]
MOST_BYTES, MOST_ENTRIES = 1 << 20, 500


class StreamMap(Strict):
    """What goes into one stream.

    Attributes:
        stream: `group/name`, as in the schema.
        topic: where its messages are, such as `/joint_states`.
        type: of the messages; found out where left out.
        field: paths of the values, one after the other; the type's own where left out.
        names: path of a list with the names of the values, such as `name` of a JointState.
        columns: what each value is, where the message does not say; an empty text for a value that is not used.
        rename: name in the message to name in the schema.
        ignore: names in the message that are not used.
        unit: of the values, one for all or one for each path of `field`; the stream's own where left out.
        clock: which stamp is taken; the header's where the type has one, else the log's.
        stamp: path of the header's stamp; the type's own where left out.
        stamp_unit: of a stamp that is a plain number.
        derived: how the values were made where they were not measured, such as `next_state`.
    """

    stream: str
    topic: str
    type: str = ""
    field: tuple[str, ...] = ()
    names: str = ""
    columns: tuple[str, ...] = ()
    rename: dict[str, str] = {}
    ignore: tuple[str, ...] = ()
    unit: tuple[str, ...] = ()
    clock: ClockName | None = None
    stamp: str = ""
    stamp_unit: StampUnit = "ns"
    derived: str = ""

    @field_validator("field", "unit", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> StreamMap:
        if not self.topic.startswith("/"):
            raise ValueError(f"topic {self.topic!r} does not begin with a slash")
        if self.names and self.columns:
            raise ValueError("names and columns both say what the values are; give one of them")
        if self.names and len(self.field) > 1:
            raise ValueError("names belong to a single field")
        if len(self.unit) > 1 and len(self.unit) != len(self.field):
            raise ValueError(f"{len(self.unit)} units for {len(self.field)} fields")
        for path in (*self.field, *((self.names,) if self.names else ()), *((self.stamp,) if self.stamp else ())):
            parse_path(path)
        return self


class TopicMapping(Strict):
    """A mapping file.

    Attributes:
        format, format_version: what it is.
        robot: profile name of the robot that it is for; empty for any.
        streams: what goes into each stream.
    """

    format: Literal["understudy-mapping"] = "understudy-mapping"
    format_version: Literal[1] = 1
    robot: str = ""
    streams: tuple[StreamMap, ...]

    @model_validator(mode="after")
    def _check(self) -> TopicMapping:
        if not self.streams:
            raise ValueError("no [[streams]]: name at least one stream and its topic")
        if len(self.streams) > MOST_ENTRIES:
            raise ValueError(f"{len(self.streams)} streams; at most {MOST_ENTRIES} are read")
        seen: set[str] = set()
        for entry in self.streams:
            if entry.stream in seen:
                raise ValueError(f"stream {entry.stream} is mapped twice")
            seen.add(entry.stream)
        return self


def parse_mapping(text: str, *, where: str) -> TopicMapping:
    """The mapping in a TOML text.

    Args:
        text: contents of the file.
        where: named in messages, usually the path.

    Raises:
        InputError: not TOML, or not a mapping; names the entry and what is allowed.
    """
    try:
        return TopicMapping.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{where}: not valid TOML: {error}") from None
    except ValidationError as error:
        faults = []
        for item in error.errors()[:5]:
            place = ".".join(str(part) for part in item["loc"])
            said = item["msg"].removeprefix("Value error, ")
            if item["type"] == "extra_forbidden":
                fields = TopicMapping.model_fields if len(item["loc"]) == 1 else StreamMap.model_fields
                said = f"there is no such key{did_you_mean(str(item['loc'][-1]), fields)}"
            faults.append(f"{place}: {said}" if place else said)
        raise InputError(f"{where}: {'; '.join(faults)}") from None


def read_mapping(path: Path) -> TopicMapping:
    """The mapping in a file.

    Raises:
        InputError: it cannot be read, or is no mapping.
    """
    try:
        size = path.stat().st_size
        text = path.read_text(encoding="utf-8") if size <= MOST_BYTES else ""
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: the mapping cannot be read: {said}; `--propose` prints one to begin with") from None
    if size > MOST_BYTES:
        raise InputError(f"{path}: {size:,} bytes; a mapping file is short TOML")
    return parse_mapping(text, where=str(path))
