"""The journal: cut anywhere, it gives what was whole; a disk that refuses leaves it readable; its state and its note hold."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from mcap.reader import make_reader

from understudy.errors import EpisodeError, StorageError
from understudy.store.journal_alive import Alive, read_alive
from understudy.store.journal_file import JournalFile
from understudy.store.journal_read import JournalReader
from understudy.store.journal_state import TakeState, forget, held, journal_path, read_state, reserve, takes_in, write_state
from understudy.store.journal_write import JournalWriter

ABOUT = {"take": "one", "schema": "text"}


def _written(path: Path, n: int = 40, *, finish: bool = True) -> JournalWriter:
    writer = JournalWriter(path, ABOUT)
    channel = writer.channel("/observations/x", encoding="understudy-batch", schema="{}", about="observations/x")
    for k in range(n):
        writer.add(channel, bytes([k]) * (k + 1), t_log_ns=100 + k, t_publish_ns=k, sequence=k)
        if k % 4 == 3:
            writer.flush()
    if finish:
        writer.finish()
    return writer


def _read(path: Path) -> tuple[list[bytes], JournalReader]:
    reader = JournalReader(path)
    entries = [bytes(entry.data) for entry in reader.entries()]
    reader.close()
    return entries, reader


def test_what_is_written_is_read_and_lies_where_it_says(tmp_path: Path) -> None:
    path = tmp_path / "one.mcap"
    _written(path)
    reader, raw = JournalReader(path), path.read_bytes()
    found = [(e.topic, e.t_log_ns, bytes(e.data), raw[e.offset : e.offset + len(e.data)]) for e in reader.entries()]
    reader.close()
    assert [(topic, t_ns) for topic, t_ns, *_ in found] == [("/observations/x", 100 + k) for k in range(40)]
    assert all(data == there == bytes([k]) * (k + 1) for k, (_, _, data, there) in enumerate(found))
    assert dict(reader.about) == ABOUT
    assert reader.end is not None
    assert reader.end.whole


def test_any_tool_for_mcap_reads_it(tmp_path: Path) -> None:
    _written(tmp_path / "one.mcap")
    with (tmp_path / "one.mcap").open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        assert [m.data for _, _, m in reader.iter_messages()] == [bytes([k]) * (k + 1) for k in range(40)]
        assert next(iter(reader.iter_metadata())).metadata == ABOUT


def test_cut_at_any_byte_it_gives_every_whole_chunk(tmp_path: Path) -> None:
    path, cut = tmp_path / "one.mcap", tmp_path / "cut.mcap"
    _written(path)
    whole, _ = _read(path)
    raw, counts = path.read_bytes(), []
    for size in range(0, len(raw), 7):
        cut.write_bytes(raw[:size])
        try:
            entries, reader = _read(cut)
        except EpisodeError as error:
            assert "no journal" in str(error)  # noqa: PT017 - cut in its very first record
            entries = []
        else:
            assert reader.end is not None
            assert reader.end.good_bytes <= size
        assert entries == whole[: len(entries)]
        assert len(entries) % 4 == 0
        counts.append(len(entries))
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 40)


def test_after_a_byte_that_changed_nothing_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "one.mcap"
    _written(path)
    raw = bytearray(path.read_bytes())
    at = raw.index(bytes([25]) * 26)
    raw[at] ^= 1
    path.write_bytes(raw)
    entries, reader = _read(path)
    assert entries == [bytes([k]) * (k + 1) for k in range(24)]
    assert reader.end is not None
    assert not reader.end.whole
    assert "not as it was written" in reader.end.reason


@pytest.mark.parametrize("content", [b"", b"not mcap at all, but long enough to be something", b"\x89MCAP0\r\n"])
def test_what_is_no_journal_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.mcap").write_bytes(content)
    with pytest.raises(EpisodeError, match="no journal"):
        JournalReader(tmp_path / "x.mcap")


def test_an_mcap_file_of_another_tool_is_refused(tmp_path: Path) -> None:
    from mcap.writer import Writer

    with (tmp_path / "x.mcap").open("wb") as file:
        writer = Writer(file)
        writer.start(profile="ros2")
        writer.finish()
    with pytest.raises(EpisodeError, match="profile 'ros2'"):
        JournalReader(tmp_path / "x.mcap")


class _Failing(JournalFile):
    """A file on a disk that is full after so many bytes, and takes a part of the write that does not fit."""

    def __init__(self, path: Path, room: int) -> None:
        super().__init__(path)
        self._room = room

    def write(self, data: bytes) -> int:
        real = os.write

        def write(fd: int, part: memoryview) -> int:
            left = self._room - os.fstat(fd).st_size
            if left <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(fd, part[:left])

        os.write = write  # type: ignore[assignment]
        try:
            return super().write(data)
        finally:
            os.write = real


def test_a_full_disk_is_named_and_what_was_written_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "one.mcap"
    writer = JournalWriter(path, ABOUT, opener=lambda p: _Failing(p, 700))
    channel = writer.channel("/x", encoding="json")
    written: list[int] = []

    def go_on() -> None:
        for k in range(40):
            writer.add(channel, bytes([k]) * 50, t_log_ns=k, t_publish_ns=k)
            writer.flush()
            written.append(k)

    with pytest.raises(StorageError, match="disk is full") as error:
        go_on()
    assert str(path) in str(error.value)
    writer.abandon()
    entries, reader = _read(path)
    assert entries == [bytes([k]) * 50 for k in written]
    assert 0 < len(written) < 40
    assert reader.end is not None
    assert reader.end.good_bytes == path.stat().st_size  # the half that was written is taken back


def test_a_journal_is_never_written_over(tmp_path: Path) -> None:
    _written(tmp_path / "one.mcap")
    with pytest.raises(StorageError):
        JournalWriter(tmp_path / "one.mcap", ABOUT)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="missing"):
        JournalWriter(tmp_path / "missing" / "one.mcap", ABOUT)


def test_an_open_journal_is_held_and_a_closed_one_is_free(tmp_path: Path) -> None:
    writer = _written(tmp_path / "one.mcap", finish=False)
    with held(tmp_path / "one.mcap") as free:
        assert not free
    writer.finish()
    with held(tmp_path / "one.mcap") as free:
        assert free
        with held(tmp_path / "one.mcap") as again:
            assert not again


def test_a_name_is_reserved_once(tmp_path: Path) -> None:
    assert reserve(tmp_path / "journal", "one")
    assert not reserve(tmp_path / "journal", "one")
    assert read_state(tmp_path / "journal", "one") == TakeState(take="one", state="RECORDING")
    assert takes_in(tmp_path / "journal") == ("one",)


def test_states_are_kept_and_damage_is_said(tmp_path: Path) -> None:
    done = TakeState(take="one", state="DONE", discard=True, reason="because")
    write_state(tmp_path, done)
    assert read_state(tmp_path, "one") == done
    (tmp_path / "one.json").write_text("")
    assert read_state(tmp_path, "one").state == "RECORDING"
    (tmp_path / "one.json").write_text('{"take": "one", "state": "SLEEPING"}')
    with pytest.raises(EpisodeError, match=r"one\.json"):
        read_state(tmp_path, "one")
    forget(tmp_path, "one")
    assert list(tmp_path.iterdir()) == []
    assert takes_in(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a\0b"])
def test_a_take_cannot_lead_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(EpisodeError, match="cannot be a file name"):
        journal_path(tmp_path, name)


def test_the_note_of_a_recorder_outlives_it(tmp_path: Path) -> None:
    path, streams = tmp_path / "one.alive", ["observations/a", "observations/b"]
    alive = Alive(path, streams)
    alive.at(123)
    alive.add("observations/b", 5)
    alive.add("observations/b", 2)
    alive.add("observations/b", -1)
    assert read_alive(path, streams) == (123, {"observations/a": 0, "observations/b": 6})  # without a close
    alive.close()
    assert read_alive(path, streams) == (123, {"observations/a": 0, "observations/b": 6})
    assert read_alive(path, streams[:1]) is None
    assert read_alive(tmp_path / "none.alive", streams) is None
    path.write_bytes(b"\0" * path.stat().st_size)
    assert read_alive(path, streams) is None


def test_entries_that_are_damaged_under_a_right_checksum_end_the_journal(tmp_path: Path) -> None:
    import zlib

    from mcap.data_stream import RecordBuilder
    from mcap.records import Chunk, Header, Metadata
    from mcap.writer import MCAP0_MAGIC

    make: Callable[[bytes], Chunk] = lambda data: Chunk("", data, 0, 0, zlib.crc32(data), len(data))  # noqa: E731
    for data in (b"\x05\x03\0\0\0\0\0\0\0abc", b"\x05", b"\x05" + b"\x16" + b"\0" * 7 + b"\x09" + b"\0" * 21):
        builder = RecordBuilder()
        Header("understudy-journal", "").write(builder)
        Metadata("take", ABOUT).write(builder)
        make(data).write(builder)
        (tmp_path / "x.mcap").write_bytes(MCAP0_MAGIC + builder.end())
        entries, reader = _read(tmp_path / "x.mcap")
        assert entries == []
        assert reader.end is not None
        assert not reader.end.whole


def test_a_long_journal_keeps_no_list_of_its_chunks(tmp_path: Path) -> None:
    """By the library's own list, so that another version of it that has another one is noticed."""
    writer = _written(tmp_path / "long.mcap", finish=False)
    writer.flush()
    assert vars(writer._writer)["_Writer__chunk_indices"] == []
    writer.finish()
    assert len(_read(tmp_path / "long.mcap")[0]) == 40
