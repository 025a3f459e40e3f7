"""Any motion capture file to a HumanMotion: the format is found, the reader of the group `mocap` loaded.

This is a folder, not a file, because every file of `mocap/` without an underscore is a reader.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from understudy import plugins
from understudy.errors import MocapError
from understudy.mocap._file import read_bytes
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import HumanMotion

HEAD_BYTES = 4096


@runtime_checkable
class TakesUnit(Protocol):
    """A reader of a format that does not say its unit."""

    def with_unit(self, unit: str) -> MocapReader:
        """The same reader with a unit that is not searched for."""
        ...


def read_motion(path: Path, *, unit: str | None = None) -> HumanMotion:
    """The motion in a file of any known format.

    Args:
        path: the file.
        unit: `m`, `cm`, `mm`, `inch`, `foot` or `cmu` for a format that does not say it; None finds it.

    Raises:
        MocapError: no such file, no known format, or its content cannot be used; the message says what to do.
    """
    path = Path(path)
    reader = find_reader(path)
    if unit is not None:
        if not isinstance(reader, TakesUnit):
            raise MocapError(f"{path}: {reader.title} says its own unit; leave out unit={unit!r}")
        reader = reader.with_unit(unit)
    return reader.read(path)


def find_reader(path: Path) -> MocapReader:
    """The reader whose format the file has by its content, else by the end of its name.

    Raises:
        MocapError: no such file, or no reader takes it; lists those that exist.
    """
    head = read_bytes(path, HEAD_BYTES)
    readers = [cast(MocapReader, plugins.load("mocap", name)) for name in plugins.names("mocap")]
    for reader in readers:
        if reader.sniff(path, head):
            return reader
    for reader in readers:
        if path.suffix.lower() in reader.suffixes:
            return reader
    known = ", ".join(f"{reader.title} ({' '.join(reader.suffixes)})" for reader in readers)
    raise MocapError(f"{path}: no known motion capture format; supported are: {known}")
