"""ROS 2 bags: a folder that rosbag2 wrote, or one of its files."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.devices.messages.decode import INSTALL_ROS, decode_cdr
from understudy.errors import InputError, MissingDependencyError
from understudy.pipeline.bags.definitions import message_type, types_of
from understudy.pipeline.bags.mcap_file import McapRecording
from understudy.pipeline.bags.source import Channel, Found, RawMessage, Recording

if TYPE_CHECKING:
    from rosbags.interfaces import Connection

_DIGITS = re.compile(r"(\d+)")


def open_bag(path: Path) -> Recording:
    """The bag in a folder or file.

    Raises:
        InputError: there is none.
    """
    if not path.exists():
        raise InputError(f"{path}: no such bag; give the folder that `ros2 bag record` made, or a .mcap or .db3 file of it")
    if path.is_file():
        if path.suffix == ".mcap":
            return McapRecording(path, (path,), "rosbag2_mcap")
        if path.suffix == ".db3":
            return SqliteRecording(path, (path,), (path,))
        raise InputError(f"{path}: not a ROS 2 bag: a folder, or a file that ends in .mcap or .db3 is needed{_ros1(path)}")
    mcap, sqlite = (sorted(path.glob(f"*{suffix}"), key=_natural) for suffix in (".mcap", ".db3"))
    if mcap:
        return McapRecording(path, tuple(mcap), "rosbag2_mcap")
    if (path / "metadata.yaml").is_file():
        return SqliteRecording(path, tuple(p for p in sorted(path.iterdir()) if p.is_file()), (path,))
    if sqlite:
        return SqliteRecording(path, tuple(sqlite), tuple(sqlite))
    raise InputError(f"{path}: no bag in this folder: neither metadata.yaml nor .mcap or .db3 files")


def open_mcap(path: Path) -> Recording:
    """An MCAP file.

    Raises:
        InputError: there is none.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder; for a ROS 2 bag: understudy import bag {path} ...")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    return McapRecording(path, (path,))


@dataclass(frozen=True)
class SqliteRecording:
    """A bag that rosbags reads: SQLite files, or anything compressed as a whole.

    Attributes:
        path: as the user named it.
        files: every file of it.
        parts: what is opened, in order: the folder with metadata.yaml, or files without one.
    """

    path: Path
    files: tuple[Path, ...]
    parts: tuple[Path, ...]
    format: str = "rosbag2_sqlite3"

    def messages(self, found: Found) -> Iterator[RawMessage]:
        """Every message.

        Raises:
            InputError: it is not a bag, or is damaged before the first message.
            MissingDependencyError: rosbags is missing.
        """
        for part in self.parts:
            yield from _messages(part, found)


def _messages(path: Path, found: Found) -> Iterator[RawMessage]:
    try:
        import apsw
        from rosbags.rosbag2 import Reader, ReaderError
    except ImportError:
        raise MissingDependencyError(f"ROS 2 bags need the library rosbags: {INSTALL_ROS}") from None

    faults = (ReaderError, apsw.Error, struct.error, ValueError, KeyError, IndexError, TypeError, AssertionError, OSError)
    count = 0
    try:
        reader = Reader(path)
        reader.open()
    except faults as error:
        raise InputError(f"{path}: not a bag that can be read: {_said(error)}") from None
    with closing(reader):  # its own context manager would open it again
        channels = {connection.id: _channel(connection) for connection in reader.connections}
        messages = reader.messages()
        while True:
            try:
                item = next(messages, None)
            except faults as error:
                if count == 0:
                    raise InputError(f"{path}: damaged before its first message: {_said(error)}") from None
                found.cut = f"{path.name}: cut off or damaged ({_said(error)}); what stands before that was taken"
                return
            if item is None:
                return
            count += 1
            connection, log_ns, data = item
            yield RawMessage(channels[connection.id], log_ns, log_ns, bytes(data))


def _channel(connection: Connection) -> Channel:
    from rosbags.interfaces import MessageDefinitionFormat

    text = connection.msgdef.data if connection.msgdef.format != MessageDefinitionFormat.NONE else ""
    idl = connection.msgdef.format == MessageDefinitionFormat.IDL
    return Channel(connection.topic, connection.msgtype, "cdr", "cdr", _Decoder(connection.msgtype, text, idl))


class _Decoder:
    """Decodes one type; its definition is looked at when the first message comes."""

    def __init__(self, name: str, text: str, idl: bool) -> None:
        self._name, self._text, self._idl = name, text, idl
        self._decode: partial[object] | None = None

    def __call__(self, data: bytes) -> object:
        if self._decode is None:
            name = message_type(self._name)
            self._decode = partial(decode_cdr, name=name, types=types_of(name, self._text, idl=self._idl))
        return self._decode(data)


def _natural(path: Path) -> tuple[tuple[int, int | str], ...]:
    """`bag_2` before `bag_10`."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in _DIGITS.split(path.name))


def _ros1(path: Path) -> str:
    return "; a ROS 1 bag is turned into one by rosbags-convert" if path.suffix == ".bag" else ""


def _said(error: BaseException) -> str:
    return str(error)[:200] or type(error).__name__
