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


@runtime_checkable
class TakesRate(Protocol):
    """A reader of a format that does not always say its rate."""

    def with_rate(self, rate_hz: float) -> MocapReader:
        """The same reader with the rate of the take."""
        ...


@runtime_checkable
class TakesCompanion(Protocol):
    """A reader of a format with a second file: the skeleton of an AMC motion, the body model of an SMPL archive."""

    def with_companion(self, companion: Path) -> MocapReader:
        """The same reader with the second file named."""
        ...

    def companion(self, path: Path) -> Path | None:
        """The second file that `path` is read with when none is named; None where it needs none."""
        ...


def read_motion(
    path: Path, *, unit: str | None = None, rate_hz: float | None = None, companion: Path | None = None
) -> HumanMotion:
    """The motion in a file of any known format.

    Args:
        path: the file.
        unit: `m`, `cm`, `mm`, `inch`, `foot` or `cmu` for a format that does not say it; None finds it.
        rate_hz: frames per second for a format that does not say it.
        companion: the file that goes with it: the skeleton (.asf) of an AMC motion, the body model (.npz) of an SMPL archive.

    Raises:
        MocapError: no such file, no known format, or its content cannot be used; the message says what to do.
    """
    path = Path(path)
    return chosen_reader(path, unit=unit, rate_hz=rate_hz, companion=companion).read(path)


def chosen_reader(
    path: Path, *, unit: str | None = None, rate_hz: float | None = None, companion: Path | None = None
) -> MocapReader:
    """The reader of a file, told what the file does not say; arguments as for `read_motion`.

    Raises:
        MocapError: no such file, no known format, or the format has no use for one of the arguments.
    """
    reader = find_reader(path)
    if unit is not None:
        if not isinstance(reader, TakesUnit):
            raise MocapError(f"{path}: {reader.title} says its own unit; leave out unit={unit!r}")
        reader = reader.with_unit(unit)
    if rate_hz is not None:
        if not isinstance(reader, TakesRate):
            raise MocapError(f"{path}: {reader.title} says its own rate; leave out rate_hz={rate_hz:g}")
        reader = reader.with_rate(rate_hz)
    if companion is not None:
        if not isinstance(reader, TakesCompanion):
            raise MocapError(f"{path}: {reader.title} stands alone; leave out {companion}")
        reader = reader.with_companion(companion)
    return reader


def companion_of(path: Path) -> Path | None:
    """The second file that `read_motion(path)` reads by itself, such as the skeleton beside an AMC motion.

    Raises:
        MocapError: no such file, no known format, or a second file is needed and cannot be found.
    """
    reader = find_reader(path)
    return reader.companion(path) if isinstance(reader, TakesCompanion) else None


def find_reader(path: Path) -> MocapReader:
    """The reader whose format the file has by its content, else by the end of its name.

    Raises:
        MocapError: no such file, or no reader takes it; lists those that exist.
    """
    head = read_bytes(path, HEAD_BYTES)
    names = plugins.names("mocap")
    by_name = path.suffix.lower().removeprefix(".")
    if by_name in names and (reader := _reader(by_name)).sniff(path, head):
        return reader  # the others need not even be loaded
    readers = [_reader(name) for name in names]
    for reader in readers:
        if reader.sniff(path, head):
            return reader
    for reader in readers:
        if path.suffix.lower() in reader.suffixes:
            return reader
    known = ", ".join(f"{reader.title} ({' '.join(reader.suffixes)})" for reader in readers)
    raise MocapError(f"{path}: no known motion capture format; supported are: {known}")


def _reader(name: str) -> MocapReader:
    return cast(MocapReader, plugins.load("mocap", name))
