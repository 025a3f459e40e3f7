"""A journal read from front to back, whole or cut: up to the first chunk that is not as it was written."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from understudy.errors import EpisodeError
from understudy.store.journal_write import ABOUT, PROFILE

MOST_RECORD_BYTES = 96 * 1024 * 1024
_RECORD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")


@dataclass(frozen=True, slots=True)
class Entry:
    """One message.

    Attributes:
        topic: such as `/events`.
        t_log_ns: when the recorder had it.
        offset: of `data` in the file.
        data: the message; valid until the next one is asked for.
    """

    topic: str
    t_log_ns: int
    offset: int
    data: memoryview


@dataclass(frozen=True)
class JournalEnd:
    """How a journal ended.

    Attributes:
        whole: it was finished.
        good_bytes: of the file up to its end, or to where it is damaged.
        reason: what is there; empty for a whole one.
    """

    whole: bool
    good_bytes: int
    reason: str = ""


class JournalReader:
    """Reads a journal once, from front to back.

    Args:
        path: the `.mcap`.

    Raises:
        EpisodeError: there is no such file, or not even its first record can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.end: JournalEnd | None = None
        self._topics: dict[int, str] = {}
        self._good = 0
        try:
            self._file: IO[bytes] = path.open("rb")
        except OSError as error:
            raise EpisodeError(f"{path}: the journal cannot be opened: {error.strerror}") from None
        self._records = self._read()
        try:
            self.about = self._about()
        except BaseException:
            self.close()
            raise

    def _about(self) -> Mapping[str, str]:
        from mcap.records import Header, Metadata

        for record in self._records:
            if isinstance(record, Header) and record.profile != PROFILE:
                raise EpisodeError(f"{self.path}: MCAP of profile {record.profile!r}, no journal of a recorder")
            if isinstance(record, Metadata) and record.name == ABOUT:
                return dict(record.metadata)
        reason = self.end.reason if self.end else "it does not say what it is of"
        raise EpisodeError(f"{self.path}: no journal: {reason}; there is nothing in it to recover, it can be deleted")

    def entries(self) -> Iterator[Entry]:
        """Messages in the order they were written; `end` is known after the last."""
        from mcap.records import Chunk, DataEnd

        for record in self._records:
            if isinstance(record, Chunk):
                chunk_at = self._file.tell() - len(record.data)
                if record.compression or zlib.crc32(record.data) != record.uncompressed_crc:
                    self.end = JournalEnd(False, self._good, "a chunk is not as it was written")
                    return
                try:
                    yield from self._messages(memoryview(record.data), chunk_at)
                except (struct.error, KeyError, ValueError) as error:
                    self.end = JournalEnd(False, self._good, f"a chunk holds what is no message ({error})")
                    return
            elif isinstance(record, DataEnd):
                self.end = JournalEnd(True, os.fstat(self._file.fileno()).st_size)
                return
            self._good = self._file.tell()

    def _messages(self, data: memoryview, chunk_at: int) -> Iterator[Entry]:
        from mcap.data_stream import ReadDataStream
        from mcap.opcode import Opcode
        from mcap.records import Channel

        at = 0
        while at < len(data):
            kind, length = _RECORD.unpack_from(data, at)
            start, at = at + _RECORD.size, at + _RECORD.size + length
            if kind == Opcode.MESSAGE:
                channel, _sequence, t_log_ns, _ = _MESSAGE.unpack_from(data, start)
                body = start + _MESSAGE.size
                yield Entry(self._topics[channel], t_log_ns, chunk_at + body, data[body:at])
            elif kind == Opcode.CHANNEL:
                found: Any = Channel.read(ReadDataStream(io.BytesIO(data[start:at])))
                self._topics[found.id] = found.topic

    def _read(self) -> Iterator[Any]:
        """Records of the file; ends at the first that cannot be read, and says so in `end`."""
        from mcap.exceptions import McapError
        from mcap.stream_reader import StreamReader

        try:
            yield from StreamReader(self._file, emit_chunks=True, record_size_limit=MOST_RECORD_BYTES).records
        except (McapError, struct.error, ValueError, OSError) as error:
            self.end = JournalEnd(False, self._good, str(error) or "the file ends in the middle of a record")
            return
        self.end = self.end or JournalEnd(True, self._file.tell())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class JournalBytes:
    """Pieces of a journal by their place, without reading the rest of it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)  # not mapped: a long take's images would stay in memory

    def at(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on."""
        self._file.seek(offset)
        return self._file.read(size)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()
