"""Whatever happens to producers, clocks and disks: recording goes on or stops with a clear word, and the file says so."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import StorageError
from understudy.pipeline.record.recover import recover
from understudy.record.disk import EPISODE_SHARE, ROOM_BYTES, free_bytes, look
from understudy.record.sink import JournalSink, Topic
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.sample import Sample
from understudy.store.atomic import storage_error
from understudy.store.dataset import Dataset
from understudy.store.journal_alive import Alive
from understudy.store.journal_file import JournalFile
from understudy.store.journal_read import JournalReader
from understudy.testing.producers_bench import RecordBench, few_devices, with_small_cameras
from understudy.testing.stand_in import stand_in_robot

S = 1_000_000_000
JOINTS, CAMERA, IMU = "observations/joint_positions", "observations/head_left", "observations/imu_pelvis"


@pytest.fixture
def bench(tmp_path: Path) -> RecordBench:
    robot = stand_in_robot()
    schema = with_small_cameras(default_schema(robot, "kitchen"))
    return RecordBench(Dataset.create(tmp_path / "kitchen", schema, robot), few_devices(schema, robot))


def _warnings(episode: Episode) -> list[str]:
    found: list[str] = json.loads(str(episode.metadata["warnings"]))
    return found


def _row(episode: Episode, stream: str) -> dict[str, float]:
    found: dict[str, float] = next(r for r in json.loads(str(episode.metadata["record_streams"])) if r["stream"] == stream)
    return found


def _only(stream: str, change: Callable[[Sample], Iterable[Sample]]) -> Callable[[Sequence[Sample]], list[Sample]]:
    """A fault of one stream of a device."""
    return lambda samples: [out for s in samples for out in (change(s) if s.stream == stream else (s,))]


def test_duplicates_are_left_out_and_counted(bench: RecordBench) -> None:
    bench.change["robot"] = _only(JOINTS, lambda s: (s, s) if s.seq % 10 == 0 else (s,))
    episode = bench.episode(2.0)
    seq = episode.stream(JOINTS).extra["seq"]
    assert (np.diff(seq) == 1).all()
    assert 40 <= _row(episode, JOINTS)["duplicates"] <= 50  # from the command to the last moments
    assert any("came twice" in sentence for sentence in _warnings(episode))


def test_late_samples_are_left_out_and_counted(bench: RecordBench) -> None:
    held: list[Sample] = []

    def swap(sample: Sample) -> Iterable[Sample]:
        if sample.seq % 20 == 5:
            held.append(sample)
            return ()
        return (sample, *(held.pop() for _ in range(len(held))))

    bench.change["robot"] = _only(JOINTS, swap)
    episode = bench.episode(2.0)
    assert (np.diff(episode.stream(JOINTS).t_ns) > 0).all()
    assert 20 <= _row(episode, JOINTS)["late"] <= 25
    assert 5 not in episode.stream(JOINTS).extra["seq"] % 20


def test_twice_the_rate_is_recorded_and_said(bench: RecordBench) -> None:
    double = bench.devices[0]
    specs = [s.model_copy(update={"rate_hz": 400.0}) if s.key == IMU else s for s in double.streams]
    double.streams = tuple(specs)
    double.start()
    episode = bench.episode(2.0)
    assert _row(episode, IMU)["measured_hz"] == pytest.approx(400.0, rel=0.01)
    assert len(episode.stream(IMU)) == pytest.approx(1600, abs=10)
    assert f"{IMU}: came at 400 Hz, the schema says 200 Hz" in _warnings(episode)


@pytest.mark.parametrize("step_s", [-3.0, 3.0, 1e6])
def test_a_clock_that_is_set_is_carried_on_and_said(bench: RecordBench, step_s: float) -> None:
    set_ns = bench.clock() + 4 * S

    def wrong(sample: Sample) -> Iterable[Sample]:
        late = sample.t_ns >= set_ns
        return (replace(sample, t_ns=sample.t_ns + round(step_s * 1e9)) if late else sample,)

    truth: dict[int, int] = {}

    def noted(sample: Sample) -> Iterable[Sample]:
        truth[sample.seq] = sample.t_ns
        return wrong(sample)

    bench.change["robot"] = _only(IMU, noted)
    episode = bench.episode(4.0)
    stream = episode.stream(IMU)
    error_ns = stream.t_ns - np.array([truth[seq] for seq in stream.extra["seq"].tolist()])
    assert np.abs(error_ns).max() < 20_000_000  # carried on by arrival: to within a read of the device
    (step,) = json.loads(str(episode.metadata["record_clock_steps"]))
    assert step["stream"] == IMU
    assert step["step_ns"] * 1e-9 == pytest.approx(step_s, abs=0.02)
    assert any("its clock was set 1 times" in sentence for sentence in _warnings(episode))
    assert len(stream) > 1100  # all but those by which the step was told


def test_a_producer_that_crashes_and_returns(bench: RecordBench) -> None:
    bench.run(2.0)
    take = bench.recorder.start()
    bench.run(1.0)
    bench.silent = {"head_left"}
    bench.run(1.0)
    bench.back("head_left")
    bench.run(1.0)
    bench.recorder.stop()
    bench.run(0.5)
    bench.recorder.close()
    assert bench.finished(take).error == ""
    episode = bench.dataset.read(take)
    stamps = episode.stream(CAMERA).t_ns
    assert np.diff(stamps).max() * 1e-9 == pytest.approx(1.0, abs=0.1)
    assert (stamps[-1] - stamps[0]) * 1e-9 == pytest.approx(5.0, abs=0.1)
    assert _row(episode, CAMERA)["gaps"] == 1
    assert any(sentence.startswith(f"{CAMERA}: 1 gaps, the longest ") for sentence in _warnings(episode))
    (change,) = json.loads(str(episode.metadata["record_producer_changes"]))
    assert (change["event"], change["stream"]) == ("returned", CAMERA)


def test_a_stream_that_stops_is_flagged_and_the_take_goes_on(bench: RecordBench) -> None:
    bench.run(2.0)
    take = bench.recorder.start()
    bench.run(1.0)
    bench.silent = {"head_left"}
    bench.run(3.0)
    bench.recorder.stop()
    bench.run(0.5)
    bench.recorder.close()
    found = bench.finished(take, check=False)
    episode = bench.dataset.read(take)
    assert episode.duration_s == pytest.approx(6.0, abs=0.05)
    assert any(sentence.startswith(f"{CAMERA}: silent for the last 3.0 s") for sentence in found.warnings)


def test_numbers_that_are_none_are_refused_and_said(bench: RecordBench) -> None:
    broken = lambda s: (replace(s, data=np.full(29, np.nan)),) if s.seq % 50 == 0 else (s,)  # noqa: E731
    bench.change["robot"] = _only(JOINTS, broken)
    episode = bench.episode(2.0)
    assert np.isfinite(episode.stream(JOINTS).data).all()
    assert 8 <= _row(episode, JOINTS)["refused"] <= 10
    assert any("not a finite number" in sentence for sentence in _warnings(episode))


def test_a_disk_that_fills_up_ends_the_take_while_its_episode_fits(bench: RecordBench) -> None:
    free = [10**12]
    bench.recorder.free = lambda folder: free[0]
    bench.run(2.0)
    take = bench.recorder.start()
    bench.run(2.0)
    free[0] = ROOM_BYTES - 1
    bench.run(2.0)
    assert bench.recorder.take is None
    assert "the disk is nearly full" in bench.recorder.message
    bench.recorder.close()
    assert bench.finished(take).error == ""
    episode = bench.dataset.read(take)
    assert "the disk is nearly full" in str(episode.metadata["record_ended_because"])
    assert 4.0 < episode.duration_s < 5.2
    with pytest.raises(StorageError, match="free some space"):
        bench.recorder.start()
    free[0] = 10**12
    assert bench.recorder.start() != take
    bench.recorder.close()


def test_a_disk_that_is_gone_ends_the_take_and_not_the_recorder(bench: RecordBench) -> None:
    bench.recorder.start()
    bench.run(2.0)
    bench.recorder.free = lambda folder: free_bytes(folder / "unplugged")
    bench.run(1.5)
    assert bench.recorder.activity == "idle"
    assert "is it gone" in bench.recorder.message
    assert bench.recorder.disk.room == "none"


def test_room_on_the_disk_is_for_journal_and_episode() -> None:
    gb = 10**9
    assert look(100 * gb, journal_bytes=0, bytes_per_s=0.0).room == "enough"
    plenty = look(100 * gb, journal_bytes=gb, bytes_per_s=7.6e6)
    assert plenty.room == "enough"
    assert plenty.left_s == pytest.approx((99 * gb - ROOM_BYTES - 0.1 * gb) / (7.6e6 * (1 + EPISODE_SHARE)), rel=0.01)
    assert look(3 * gb, journal_bytes=gb, bytes_per_s=7.6e6).room == "low"
    assert look(gb, journal_bytes=gb, bytes_per_s=7.6e6).room == "none"
    assert look(3 * gb, journal_bytes=gb, bytes_per_s=7.6e6, unfinished_bytes=2 * gb).room == "none"


class _FullDisk(JournalFile):
    """A disk that is full after so many bytes."""

    room = 300_000

    def write(self, data: bytes) -> int:
        if self.tell() + len(data) > self.room:
            raise storage_error(self._path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        return super().write(data)


def test_a_disk_that_is_full_ends_the_take_with_a_clear_word_and_what_was_written_is_an_episode(bench: RecordBench) -> None:
    bench.recorder.opener = _FullDisk
    bench.run(2.0)
    take = bench.recorder.start()
    journal = bench.dataset.root / "journal" / f"{take}.mcap"
    for _ in range(400):
        bench.run(0.1)
        time.sleep(0.005)  # the journal's thread writes by the real clock
        if bench.recorder.take is None:
            break
    assert bench.recorder.take is None
    assert "the disk is full" in bench.recorder.message
    bench.recorder.close()
    assert "the disk is full" in bench.ended[0].reason
    assert journal.stat().st_size <= _FullDisk.room
    found = bench.finished(take)
    assert (found.error, found.recovered) == ("", True)
    episode = bench.dataset.read(take)
    assert "the disk is full" in str(episode.metadata["record_ended_because"])
    assert len(episode.stream(JOINTS)) > 100
    lost = json.loads(str(episode.metadata["record_lost_samples"]))
    assert lost[JOINTS] > 0


class _Slow(JournalFile):
    """A disk that takes nothing while it is shut."""

    shut = threading.Event()

    def write(self, data: bytes) -> int:
        while self.shut.is_set():
            time.sleep(0.005)
        return super().write(data)


def test_a_slow_disk_costs_images_and_never_a_vector(tmp_path: Path) -> None:
    _Slow.shut.clear()
    alive = Alive(tmp_path / "one.alive", ["observations/x", "observations/cam"])
    sink = JournalSink(tmp_path / "one.mcap", {"take": "one"}, alive, opener=_Slow, image_queue_bytes=50_000)
    cam, x = Topic("/observations/cam", "understudy-batch", "{}", "observations/cam", image=True), Topic("/observations/x")
    _Slow.shut.set()
    images = [sink.put((cam, b"head", b"i" * 10_000, k, k, k)) for k in range(20)]
    vectors = [sink.put((x, b"v" * 5_000, None, k, k, k)) for k in range(100)]
    assert images == [True] * 4 + [False] * 16
    assert all(vectors)
    assert sink.queued_bytes == 4 * 10_004 + 100 * 5_000
    _Slow.shut.clear()
    for _ in range(1000):
        if sink.queued_bytes == 0:
            break
        time.sleep(0.005)
    assert sink.put((cam, b"head", b"i" * 10_000, 99, 99, 99))
    sink.finish()
    sink.join(20.0)
    assert sink.error == ""
    reader = JournalReader(tmp_path / "one.mcap")
    topics = [entry.topic for entry in reader.entries()]
    reader.close()
    assert (topics.count("/observations/cam"), topics.count("/observations/x")) == (5, 100)


def test_images_that_were_let_go_are_gaps_in_the_file(bench: RecordBench) -> None:
    bench.run(2.0)
    take = bench.recorder.start()
    assert bench.recorder.take is not None
    sink = bench.recorder.take.sink
    bench.run(1.0)
    sink._most_images = -1  # as if the disk had not taken an image for long
    bench.run(0.5)
    sink._most_images = 10**9
    bench.run(1.0)
    bench.recorder.stop()
    bench.run(0.5)
    bench.recorder.close()
    assert bench.finished(take).error == ""
    episode = bench.dataset.read(take)
    row = _row(episode, CAMERA)
    assert row["dropped_by_recorder"] == pytest.approx(15, abs=1)
    missing = np.diff(episode.stream(CAMERA).extra["seq"]) - 1
    assert missing.sum() == row["dropped_by_recorder"]
    assert (np.diff(episode.stream(JOINTS).extra["seq"]) == 1).all()
    assert any("dropped by its producer" in sentence for sentence in _warnings(episode))


def test_a_disk_that_takes_nothing_for_long_ends_the_take(tmp_path: Path) -> None:
    alive = Alive(tmp_path / "one.alive", [])
    sink = JournalSink(tmp_path / "one.mcap", {"take": "one"}, alive, write_s=3600.0, queue_bytes=1000)
    for k in range(3):
        assert sink.put((Topic("/x"), b"v" * 600, None, k, k, k))
    assert "takes nothing any more" in sink.error
    sink.finish()
    sink.join(20.0)


def test_memory_is_bounded_while_nothing_is_recorded(bench: RecordBench) -> None:
    sizes = []
    for _ in range(6):
        bench.run(5.0)
        sizes.append(sum(len(part.payload) for _, part in bench.recorder._preroll._kept if hasattr(part, "payload")))
    assert max(sizes[1:]) < 1.2 * min(sizes[1:])
    assert len(bench.recorder.intake.ledgers[JOINTS].recent) < 300


_WRITE_EPISODE = """
import resource, sys
from pathlib import Path
from understudy.errors import StorageError
from understudy.store.episode_file import write_episode
from understudy.testing.episodes import make_episode
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
episode = make_episode(duration_s=3.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    write_episode(Path(sys.argv[1]), episode)
except StorageError as error:
    print("refused:", error)
"""


@pytest.mark.parametrize("room", [0, 1000, 60_000, 200_000, 400_000])
def test_hdf5_survives_a_disk_that_is_full_at_any_moment(tmp_path: Path, room: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _WRITE_EPISODE, str(tmp_path / "one.h5"), str(room)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr  # no segmentation fault
    assert "refused:" in ran.stdout
    assert "larger than this disk" in ran.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_while_finalizing_keeps_the_journal_and_the_next_start_makes_the_episode(
    bench: RecordBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = bench.record(1.0)
    real = os.pwrite

    def full(fd: int, data: memoryview, at: int) -> int:
        if at > 100_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, data, at)

    monkeypatch.setattr(os, "pwrite", full)
    found = bench.finished(take)
    assert found.path is None
    assert "the disk is full" in found.error
    assert list(bench.dataset.root.glob("episodes/*/*")) == []
    monkeypatch.undo()
    (again,) = recover(bench.dataset.root, check=False)
    assert (again.error, again.recovered) == ("", False)
    assert bench.dataset.read(take).duration_s == pytest.approx(3.0, abs=0.05)


def test_what_was_written_wrong_gets_no_name(bench: RecordBench, monkeypatch: pytest.MonkeyPatch) -> None:
    take = bench.record(1.0)
    real, flipped = os.pwrite, list[int]()

    def flip(fd: int, data: memoryview, at: int) -> int:
        if len(data) > 100_000 and not flipped:
            flipped.append(at)
            data = memoryview(bytes(data[:50_000]) + bytes([data[50_000] ^ 1]) + bytes(data[50_001:]))
        return real(fd, data, at)

    monkeypatch.setattr(os, "pwrite", flip)
    found = bench.finished(take)
    assert flipped
    assert found.path is None
    assert found.error
    assert list(bench.dataset.root.glob("episodes/*/*")) == []
    assert (bench.dataset.root / "journal" / f"{take}.mcap").exists()
