"""Takes whose cameras send H.264: what came is in the episode and is read as images, and what builds on a loss is left out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import simplejpeg

from understudy.errors import EpisodeError
from understudy.pipeline.record.recover import recover
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.sample import Sample
from understudy.spec.video import Video
from understudy.store.dataset import Dataset
from understudy.store.episode_file import read_episode, write_episode
from understudy.store.episode_verify import verify_episode
from understudy.testing.producers import Scene
from understudy.testing.producers_bench import SMALL, RecordBench, few_devices, with_small_cameras
from understudy.testing.producers_killed import killed_takes
from understudy.testing.stand_in import stand_in_robot

S = 1_000_000_000
CAMERA, NAME, GOP = "observations/head_left", "head_left", 15


@pytest.fixture
def bench(tmp_path: Path) -> RecordBench:
    robot = stand_in_robot()
    schema = with_small_cameras(default_schema(robot, "kitchen"))
    return RecordBench(Dataset.create(tmp_path / "kitchen", schema, robot), few_devices(schema, robot, codec="h264"))


def digest(episode: Episode) -> dict[str, object]:
    return next(row for row in json.loads(str(episode.metadata["record_streams"])) if row["stream"] == CAMERA)


def dropping(numbers: Iterable[int]) -> Callable[[Sequence[Sample]], Iterable[Sample]]:
    gone = frozenset(numbers)
    return lambda samples: [sample for sample in samples if sample.seq not in gone]


def test_every_packet_of_a_take_is_in_its_episode_from_the_first_keyframe_on(bench: RecordBench) -> None:
    sent: list[Sample] = []
    bench.run(0.3)  # the take begins in the middle of a stretch

    def keep(samples: Sequence[Sample]) -> Sequence[Sample]:
        sent.extend(samples)
        return samples

    bench.change = {NAME: keep}
    episode = bench.episode(3.0)
    stream, start_ns = episode.stream(CAMERA), int(episode.metadata["record_start_ns"])
    video = stream.video
    assert video is not None
    inside = [s for s in sent if start_ns <= s.t_ns <= bench.clock() - round(0.5 * S)]
    first = next(k for k, s in enumerate(inside) if s.seq % GOP == 0)
    assert 0 < first < GOP
    expected = inside[first:]
    assert list(video.packets.span(0, len(video))) == [s.data for s in expected]
    assert stream.t_ns.tolist() == [s.t_ns for s in expected]
    assert np.flatnonzero(video.keyframe).tolist() == list(range(0, len(expected), GOP))
    assert "undecodable" not in digest(episode)  # nothing was lost
    assert stream.extra["seq"].tolist() == [s.seq for s in expected]
    assert episode.timeline_ns[0] >= stream.t_ns[0]  # every step has its image
    scene = Scene(SMALL)
    for sample, picture in zip(expected, stream.pictures(range(len(stream))), strict=True):
        true = scene.picture(sample.seq % 30 / 30.0).astype(float)
        assert 10.0 * np.log10(255.0**2 / np.mean((true - picture) ** 2)) > 30.0


@pytest.mark.parametrize("lost", [range(70, 71), range(75, 76), range(72, 95), range(89, 91)])
def test_a_lost_packet_costs_the_images_up_to_the_next_keyframe_and_it_is_said(bench: RecordBench, lost: range) -> None:
    bench.change = {NAME: dropping(lost)}
    episode = bench.episode(3.0)
    stream = episode.stream(CAMERA)
    until = -(-lost.stop // GOP) * GOP
    numbers = stream.extra["seq"].tolist()
    assert [n for n in range(numbers[0], numbers[-1] + 1) if n not in numbers] == list(range(lost.start, until))
    found = digest(episode)
    assert found["lost"] == len(lost)
    assert found.get("undecodable", 0) == until - lost.stop
    assert found["gaps"] == 1
    said = str(episode.metadata["warnings"])
    assert (f"{until - lost.stop} images after a missing one are left out" in said) == (until > lost.stop)
    assert all(stream.each_image())  # what is there can be seen


def test_a_camera_that_loses_pictures_before_it_encodes_them_loses_no_others(bench: RecordBench) -> None:
    """Numbers with steps, and packets that build on each other all the same."""
    bench.change = {NAME: lambda samples: [replace(sample, seq=2 * sample.seq) for sample in samples]}
    episode = bench.episode(2.0)
    assert "undecodable" not in digest(episode)
    assert set(np.diff(episode.stream(CAMERA).extra["seq"]).tolist()) == {2}


def test_a_producer_that_changes_its_codec_keeps_to_the_first_within_a_take(bench: RecordBench) -> None:
    bench.run(2.0)
    take = bench.recorder.start()
    bench.run(1.0)
    jpeg = simplejpeg.encode_jpeg(np.zeros(SMALL, dtype=np.uint8))
    bench.change = {NAME: lambda samples: [replace(sample, data=jpeg) for sample in samples]}
    bench.run(0.2)
    ledger = bench.recorder.intake.ledgers[CAMERA]
    assert "jpeg images after h264 ones" in ledger.last_refusal
    bench.silent.add(NAME)
    bench.run(0.6)
    bench.back(NAME)
    bench.run(1.0)
    assert ledger.newest_image == jpeg
    bench.recorder.stop()
    bench.run(0.5)
    bench.recorder.close()
    found = bench.finished(take)
    assert not found.error
    episode = bench.dataset.read(take)
    assert episode.stream(CAMERA).video is not None
    assert any("images are left out: another codec" in warning for warning in found.warnings)


def test_a_packet_of_another_size_is_refused(bench: RecordBench) -> None:
    schema = with_small_cameras(bench.dataset.schema, (32, 64, 3))
    camera = few_devices(schema, stand_in_robot(), codec="h264")[1]
    packet = camera.values(camera.streams[0], 0.0)
    bench.change = {NAME: lambda samples: [replace(sample, data=packet) for sample in samples]}
    bench.run(0.3)
    ledger = bench.recorder.intake.ledgers[CAMERA]
    assert ledger.received == 0
    assert ledger.last_refusal == "an image of 64x32; the schema says 64x48"


def test_pages_are_shown_the_newest_keyframe(bench: RecordBench) -> None:
    packets: list[Sample] = []

    def keep(samples: Sequence[Sample]) -> Sequence[Sample]:
        packets.extend(samples)
        return samples

    bench.change = {NAME: keep}
    bench.run(1.2)
    newest = [sample for sample in packets if sample.seq % GOP == 0][-1]
    assert bench.recorder.intake.ledgers[CAMERA].newest_image == newest.data


def test_the_file_is_as_it_is_documented(bench: RecordBench, tmp_path: Path) -> None:
    episode = bench.episode(1.0)
    (path,) = bench.dataset.root.glob("episodes/*/*.h5")
    with h5py.File(path) as file:
        group = file[CAMERA]
        assert set(group) == {"h264", "keyframe", "crc32", "t_ns", "t_arrival_ns", "seq", "valid"}
        assert h5py.check_vlen_dtype(group["h264"].dtype) == np.dtype(np.uint8)
        assert (group["keyframe"].dtype, group["keyframe"].shape) == (np.dtype(bool), group["h264"].shape)
        first, extradata = group["h264"][0].tobytes(), group["h264"].attrs["extradata"].tobytes()
        assert extradata in first  # in Annex B form, as in every keyframe
        assert file.attrs["format_version"] == 1
    for name in ("one.h5", "two.h5"):
        write_episode(tmp_path / name, episode)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_the_example_on_the_format_page_reads_it(bench: RecordBench) -> None:
    page = (Path(__file__).parents[2] / "docs" / "episode_format.md").read_text(encoding="utf-8")
    example = next(block.split("```")[0] for block in page.split("```python\n")[1:] if "h264" in block.split("```")[0])
    stream = bench.episode(1.0).stream(CAMERA)
    (path,) = bench.dataset.root.glob("episodes/*/*.h5")
    script = example.replace("episodes/pour/2026-11-28T114849_teleop_000.h5", str(path))
    script += f"\nassert len(images) == {len(stream)} and images[0].shape == {SMALL}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def damaged(path: Path, step: int) -> None:
    """One bit of a packet changed in a file; HDF5 keeps no checksum of images."""
    with h5py.File(path, "r+") as file:
        packets = file[CAMERA]["h264"]
        packet = packets[step]
        packet[len(packet) // 2] ^= 16
        packets[step] = packet


def test_a_damaged_packet_is_found_by_verify_and_by_whoever_looks_at_images(bench: RecordBench, tmp_path: Path) -> None:
    episode = bench.episode(2.0)
    path = tmp_path / "copy.h5"
    write_episode(path, episode)
    verify_episode(path, episode)
    step = GOP + 4
    damaged(path, step)
    with pytest.raises(EpisodeError, match=CAMERA):
        verify_episode(path, episode)
    stream = read_episode(path).stream(CAMERA)
    assert [k for k, image in enumerate(stream.each_image()) if not image] == list(range(step, 2 * GOP))
    with pytest.raises(EpisodeError, match=f"image {step} cannot be decoded"):
        list(stream.pictures(range(len(stream))))


@pytest.mark.parametrize("change", ["no keyframe", "first is none", "both", "extradata", "crc32"])
def test_a_file_that_does_not_hold_together_is_refused(bench: RecordBench, tmp_path: Path, change: str) -> None:
    path = tmp_path / "copy.h5"
    write_episode(path, bench.episode(0.5))
    with h5py.File(path, "r+") as file:
        group = file[CAMERA]
        if change == "no keyframe":
            del group["keyframe"]
        elif change == "first is none":
            group["keyframe"][0] = False
        elif change == "both":
            group.create_dataset("jpeg", shape=(3,), dtype=h5py.vlen_dtype(np.uint8))
        elif change == "extradata":
            group["h264"].attrs["extradata"] = "text"
        else:
            del group["crc32"]
            group["crc32"] = np.zeros(3)
    with pytest.raises(EpisodeError, match=NAME):
        read_episode(path)


def test_killed_recorders_leave_episodes_that_begin_with_a_keyframe(tmp_path: Path) -> None:
    schema = with_small_cameras(default_schema(stand_in_robot(), "crash"), (240, 320, 3))
    for killed in killed_takes(tmp_path, schema, stand_in_robot(), kills=4, seed=3, workers=2, codec="h264"):
        assert killed.error == ""
        assert killed.lost_s <= 0.5
        assert killed.reported_s >= killed.lost_s
        episode = killed.episode
        assert episode is not None
        stream = episode.stream(CAMERA)
        assert isinstance(stream.values, Video)
        assert stream.values.keyframe[0]
        assert (np.diff(stream.extra["seq"]) == 1).all()
        assert len(stream) >= 30 * (killed.recorded_s - 0.5 - GOP / 30)
        assert all(stream.each_image())


def test_a_recovered_journal_gives_the_same_packets(bench: RecordBench) -> None:
    take = bench.record(2.0)
    (found,) = recover(bench.dataset.root, check=False, keep_journal=True)
    assert (found.take, found.error) == (take, "")
    whole = bench.dataset.read(take).stream(CAMERA).video
    assert whole is not None
    assert all(np.array_equal(a, b) for a, b in zip(whole.pictures([0, 31]), whole.pictures([0, 31]), strict=True))
