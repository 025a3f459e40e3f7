"""A take's journal, written by a thread of its own: the thread that takes samples in never waits for the disk.

Vectors are always written. Images wait in a queue of bounded size; where the disk is too slow for it the newest are let go,
counted, and their numbers are missing in the file.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from understudy.errors import StorageError
from understudy.record.wire import journal_bytes
from understudy.store.journal_alive import Alive
from understudy.store.journal_file import JournalFile, RawFile
from understudy.store.journal_write import JournalWriter

WRITE_S = 0.05
"""How often what came is written: a killed recorder loses no more."""
SYNC_S = 1.0
"""How often the file is forced to the disk: a power cut loses no more."""
IMAGE_QUEUE_BYTES = 64 * 1024 * 1024
QUEUE_BYTES = 512 * 1024 * 1024
"""Vectors that wait for the disk; more of them end the take."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What an entry is of.

    Attributes:
        name: such as `/observations/joint_positions`.
        encoding: `understudy-batch` or `json`.
        schema, about: the stream's spec as JSON, and its name.
        image: it may be let go where the disk is too slow.
    """

    name: str
    encoding: str = "json"
    schema: str = ""
    about: str = ""
    image: bool = False


BATCH_ENCODING = "understudy-batch"
Item = tuple[Topic, bytes, bytes | None, int, int, int]
"""Topic, head, samples (None for an entry that is not a batch), time it came, stamp and number of its first sample."""


class JournalSink:
    """Writes in a thread until `finish`.

    Args:
        path: new file.
        about: what the take is.
        alive: told what was taken.
        opener: of the file.
        write_s: how often what came is written.
        sync_s: how often it is forced to the disk.

    Raises:
        StorageError: the journal cannot be begun.
    """

    def __init__(
        self,
        path: Path,
        about: Mapping[str, str],
        alive: Alive,
        *,
        opener: Callable[[Path], RawFile] = JournalFile,
        write_s: float = WRITE_S,
        sync_s: float = SYNC_S,
        image_queue_bytes: int = IMAGE_QUEUE_BYTES,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self._writer = JournalWriter(path, about, opener=opener)
        self.alive, self.path = alive, path
        self.error = ""
        self._write_s, self._sync_s = write_s, sync_s
        self._most_images, self._most = image_queue_bytes, queue_bytes
        self._queue: deque[Item] = deque()
        # each total is changed by one thread only, so that no lock is needed
        self._images_in = self._images_out = self._bytes_in = self._bytes_out = 0
        self._ending, self._due = threading.Event(), threading.Event()
        self._on_end: Callable[[], None] = lambda: None
        self._threads = [threading.Thread(target=run, name=f"journal-{what}", daemon=True) for what, run in self._work().items()]
        for thread in self._threads:
            thread.start()

    def _work(self) -> dict[str, Callable[[], None]]:
        return {"write": self._write, "sync": self._sync}

    @property
    def queued_bytes(self) -> int:
        """What waits for the disk."""
        return self._bytes_in - self._bytes_out

    @property
    def depth(self) -> int:
        """Entries that wait for the disk."""
        return len(self._queue)

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._writer.size

    def put(self, item: Item) -> bool:
        """Have an entry written; false where it was let go: an image, because too many wait."""
        size = len(item[1]) + (0 if item[2] is None else len(item[2]))
        if item[0].image:
            if self._images_in - self._images_out + size > self._most_images:
                return False
            self._images_in += size
        elif self.queued_bytes > self._most and not self.error:
            self.error = f"{self.path}: the disk takes nothing any more, {self._most >> 20} MiB wait for it; look at the disk"
        self._bytes_in += size
        self._queue.append(item)
        return True

    def hurry(self) -> None:
        """Have what waits written now."""
        self._due.set()

    def finish(self, on_end: Callable[[], None] = lambda: None) -> None:
        """Write what waits, end the file and call `on_end`, all from the thread; returns at once."""
        self._on_end = on_end
        self._ending.set()
        self._due.set()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for the end of the file."""
        for thread in self._threads:
            thread.join(timeout_s)

    def _write(self) -> None:
        try:
            while not self._ending.is_set():
                self._due.wait(self._write_s)
                self._due.clear()
                self._drain()
            self._drain()
            self._threads[1].join()  # not while the disk is being asked about a file that is closed meanwhile
            self._writer.finish()
        except StorageError as error:
            self.error = self.error or str(error)
            self._writer.abandon()
            self._ending.wait()
            self._threads[1].join()
        finally:
            self.alive.close()
            self._on_end()

    def _drain(self) -> None:
        for _ in range(len(self._queue)):
            topic, head, payload, t_log_ns, t_ns, seq = self._queue.popleft()
            channel = self._writer.channel(topic.name, encoding=topic.encoding, schema=topic.schema, about=topic.about)
            data = head if payload is None else journal_bytes(head, payload)
            self._writer.add(channel, data, t_log_ns=t_log_ns, t_publish_ns=t_ns, sequence=seq)
            size = len(head) + (0 if payload is None else len(payload))
            self._bytes_out += size
            if topic.image:
                self._images_out += size
        self._writer.flush()

    def _sync(self) -> None:
        while not self._ending.wait(self._sync_s):
            if self.error:
                return
            try:
                self._writer.sync()
            except StorageError as error:
                self.error = self.error or str(error)
                return
