"""The journal of a take as it grows: MCAP in small chunks, uncompressed, each whole in the file before the next begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from understudy.store.journal_file import JournalFile, RawFile

PROFILE = "understudy-journal"
CHUNK_BYTES = 128 * 1024
ABOUT = "take"
"""Name of the record that says what the journal is of."""


class JournalWriter:
    """Appends messages. One thread writes; `sync` may be called from another.

    Args:
        path: new file.
        about: what the take is, as text; the first record of the file.
        opener: of the file; `JournalFile` but in tests of bad disks.

    Raises:
        StorageError: the disk refused. What was written before stays readable.
    """

    def __init__(self, path: Path, about: Mapping[str, str], *, opener: Callable[[Path], RawFile] = JournalFile) -> None:
        from mcap.writer import CompressionType, IndexType, Writer

        self._file = opener(path)
        # the library takes anything with write and tell; a RawIOBase it would buffer
        self._writer: Any = Writer(
            self._file,
            chunk_size=CHUNK_BYTES,
            compression=CompressionType.NONE,
            index_types=IndexType.METADATA,  # a journal is read from front to back
        )
        self._channels: dict[str, int] = {}
        self._writer.start(profile=PROFILE, library="understudy")
        self._writer.add_metadata(ABOUT, dict(about))
        self._writer.flush()

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._file.tell()

    def channel(self, topic: str, *, encoding: str, schema: str = "", about: str = "") -> int:
        """The number of a topic, registered on first use.

        Args:
            topic: such as `/observations/joint_positions`.
            encoding: of its messages.
            schema: what the messages are, as text.
            about: name of that.
        """
        known = self._channels.get(topic)
        if known is not None:
            return known
        schema_id = self._writer.register_schema(about, "json", schema.encode()) if about else 0
        number: int = self._writer.register_channel(topic, encoding, schema_id)
        self._channels[topic] = number
        return number

    def add(self, channel: int, data: bytes, *, t_log_ns: int, t_publish_ns: int, sequence: int = 0) -> None:
        """Append one message.

        Args:
            channel: from `channel`.
            data: the message.
            t_log_ns: when the recorder had it.
            t_publish_ns: stamp of its first sample.
            sequence: of its first sample; its lower 32 bits are kept.
        """
        self._writer.add_message(channel, t_log_ns, data, max(t_publish_ns, 0), sequence & 0xFFFFFFFF)

    def flush(self) -> None:
        """End the chunk: everything so far is in the file, and outlives this process."""
        self._writer.flush()
        # the library keeps where every chunk begins, for an index that is not written: over a megabyte a minute with cameras
        getattr(self._writer, "_Writer__chunk_indices", []).clear()

    def sync(self) -> None:
        """Force the file to the disk: everything flushed so far outlives a power cut."""
        self._file.sync()

    def finish(self) -> None:
        """End the file with its index and close it."""
        try:
            self._writer.finish()
            self._file.sync()
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close the file as it is, after an error; a sequential reader takes it up to its end."""
        self._file.close()
