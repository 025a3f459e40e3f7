"""Takes from beginning to end, by a clock that is told to move: an episode holds what was sent, and says how it was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import InputError, SchemaError, StorageError, UnknownNameError
from understudy.geom.arrays import AnyArray
from understudy.pipeline.record.finalize import discard_take
from understudy.pipeline.record.recover import orphans, recover
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.sample import NO_STAMP, Sample
from understudy.spec.stream import Stream
from understudy.store.dataset import Dataset
from understudy.store.episode_file import read_episode, write_episode
from understudy.store.episode_verify import verify_episode
from understudy.testing.episodes import make_episode, with_stream
from understudy.testing.producers_bench import RecordBench, few_devices, with_small_cameras
from understudy.testing.stand_in import stand_in_robot

S = 1_000_000_000
JOINTS, CAMERA = "observations/joint_positions", "observations/head_left"


@pytest.fixture
def bench(tmp_path: Path) -> RecordBench:
    robot = stand_in_robot()
    schema = with_small_cameras(default_schema(robot, "kitchen"))
    return RecordBench(Dataset.create(tmp_path / "kitchen", schema, robot), few_devices(schema, robot))


def _json(episode: Episode, name: str) -> object:
    return json.loads(str(episode.metadata[name]))


def _digest(episode: Episode) -> dict[str, dict[str, object]]:
    return {row["stream"]: row for row in json.loads(str(episode.metadata["record_streams"]))}


def test_every_sample_of_a_take_is_in_its_episode_as_it_was_sent(bench: RecordBench) -> None:
    sent: dict[str, list[Sample]] = {}

    def keep(samples: Sequence[Sample]) -> Sequence[Sample]:
        for sample in samples:
            sent.setdefault(sample.stream, []).append(sample)
        return samples

    bench.change = {device.name: keep for device in bench.devices}
    episode = bench.episode(3.0)
    assert set(episode.streams) == set(sent)
    start_ns, end_ns = int(episode.metadata["record_start_ns"]), bench.clock() - round(0.5 * S)
    for key, stream in episode.streams.items():
        # of a command also what was in force when the take began
        expected = [s for s in sent[key] if start_ns <= s.t_ns <= end_ns]
        assert stream.t_ns.tolist() == [s.t_ns for s in expected]
        assert stream.extra["seq"].tolist() == [s.seq for s in expected]
        assert stream.extra["t_arrival_ns"].tolist() == [s.t_arrival_ns for s in expected]
        assert stream.extra["valid"].all()
        if stream.spec.kind == "image":
            assert list(stream.data) == [s.data for s in expected]
        else:
            assert np.array_equal(stream.data, np.stack([np.asarray(s.data) for s in expected]))
    assert episode.duration_s == pytest.approx(5.0, abs=0.03)  # with the pre-roll
    assert np.ptp(np.diff(episode.timeline_ns)) <= 1
    assert not (bench.dataset.root / "journal" / f"{episode.id}.mcap").exists()


def test_an_episode_says_how_it_was_recorded(bench: RecordBench) -> None:
    bench.run(2.0)
    take = bench.recorder.start({"language_instruction": "pour the water"})
    assert bench.recorder.message == "no demonstrator_id: written as 'unlabelled'"
    bench.run(1.0)
    assert bench.recorder.mark("slip") == 1
    bench.run(1.0)
    bench.recorder.stop()
    bench.run(0.5)
    bench.recorder.close()
    assert bench.finished(take).error == ""
    episode = bench.dataset.read(take)
    labels = ("task_id", "demonstrator_id", "language_instruction", "motion_source")
    assert [episode.metadata[name] for name in labels] == ["sway", "unlabelled", "pour the water", "teleop"]
    assert episode.metadata["record_recovered"] is False
    assert episode.metadata["record_preroll_s"] == 2.0
    assert _json(episode, "warnings") == []
    (mark,) = json.loads(str(episode.metadata["record_marks"]))
    assert mark["label"] == "slip"
    assert (mark["t_ns"] - episode.timeline_ns[0]) * 1e-9 == pytest.approx(3.0, abs=0.03)
    assert _json(episode, "record_producers") == {"robot": "host", "head_left": "host"}
    rows = _digest(episode)
    assert rows[JOINTS]["measured_hz"] == pytest.approx(200.0, abs=0.1)
    assert rows[CAMERA]["expected_hz"] == 30.0
    assert all("lost" not in row and "refused" not in row for row in rows.values())
    date, rest = take.split("T")
    assert (len(date), rest[6:]) == (10, "_teleop_000")


def test_takes_follow_each_other_and_share_no_sample(bench: RecordBench) -> None:
    bench.run(2.0)
    first = bench.recorder.start()
    bench.run(1.0)
    bench.recorder.stop()
    second = bench.recorder.start()  # at once: the first one's last moments are cut short
    bench.run(1.0)
    bench.recorder.stop()
    bench.run(0.5)
    bench.recorder.close()
    episodes = []
    for take in (first, second):
        assert bench.finished(take).error == ""
        episodes.append(bench.dataset.read(take))
    a, b = (episode.stream(JOINTS) for episode in episodes)
    assert a.t_ns[-1] < b.t_ns[0]
    assert b.t_ns[0] - a.t_ns[-1] <= 50_000_000
    assert episodes[1].metadata["record_preroll_s"] == 0.0


def test_what_was_in_force_before_the_take_is_in_it(bench: RecordBench) -> None:
    publisher = bench.publishers["robot"]
    now = bench.clock()
    publisher.publish([Sample("actions/control_mode", np.array(2, dtype=np.int8), now, NO_STAMP, now, 0)])
    bench.run(10.0)
    episode = bench.episode(1.0)
    assert episode.stream("actions/control_mode").t_ns.tolist() == [now]
    assert (episode.on_timeline("actions/control_mode") == 2).all()


def test_a_discarded_take_is_kept_in_failures_and_stays_there(bench: RecordBench) -> None:
    bench.run(2.0)
    running = bench.recorder.start()
    bench.run(1.0)
    assert bench.recorder.discard() == (running, True)
    bench.run(0.5)
    bench.recorder.close()
    found = bench.finished(running)
    assert (found.verdict, found.path) == ("rejected", bench.dataset.root / "failures" / "sway" / f"{running}.h5")
    notes = bench.dataset.read(running).notes
    assert notes is not None
    assert [(f.gate, f.severity) for f in notes.findings] == [("operator", "reject")]
    assert notes.review == {"verdict": "rejected"}

    ended = bench.record(1.0)
    assert bench.finished(ended).verdict == "unchecked"
    assert bench.recorder.discard() == (ended, False)
    assert discard_take(bench.dataset.root, ended).verdict == "rejected"
    assert {ref.id for ref in bench.dataset.refs("failures")} == {running, ended}
    assert bench.dataset.refs() == ()


def test_a_take_that_the_gates_refuse_goes_to_failures_with_everything(
    bench: RecordBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("understudy.pipeline.check.load_robot", lambda source: stand_in_robot())
    began_ns = bench.clock()

    def silent(samples: Sequence[Sample]) -> Sequence[Sample]:
        at_s = (bench.clock() - began_ns) / S
        return [s for s in samples if not 4.0 < at_s < 4.5]  # half a second of one device never comes

    name = next(device.name for device in bench.devices if any(spec.key == JOINTS for spec in device.streams))
    bench.change = {name: silent}
    bench.run(3.5)
    take = bench.recorder.start()
    bench.run(2.0)
    bench.recorder.stop()
    bench.run(0.5)
    bench.recorder.close()
    found = bench.finished(take, check=True)
    assert (found.error, found.verdict) == ("", "rejected")
    assert found.path == bench.dataset.root / "failures" / "sway" / f"{take}.h5"
    assert "gaps" in {f.gate for f in found.findings if f.severity == "reject"}
    notes = bench.dataset.notes(take)
    assert notes is not None
    assert notes.findings == found.findings
    assert notes.facts is not None
    kept = bench.dataset.read(take)
    assert len(kept.stream(JOINTS)) > 0
    assert "record_streams" in kept.metadata


def test_what_cannot_be_done_is_refused_with_what_to_do(bench: RecordBench) -> None:
    recorder = bench.recorder
    for call in (recorder.stop, recorder.discard, lambda: recorder.mark("x")):
        with pytest.raises(InputError, match="no take"):
            call()
    with pytest.raises(UnknownNameError, match="did you mean 'task_id'"):
        recorder.start({"task": "x"})
    with pytest.raises(SchemaError, match="not one of mocap"):
        recorder.start({"motion_source": "dream"})
    with pytest.raises(InputError, match="cannot be a file name"):
        recorder.start({"task_id": "../up"})
    recorder.start()
    with pytest.raises(InputError, match="is running; stop it first"):
        recorder.start()
    with pytest.raises(InputError, match="one line"):
        recorder.mark("two\nlines")
    recorder.close()


def test_a_required_number_cannot_be_unlabelled(bench: RecordBench) -> None:
    schema = bench.dataset.schema
    field = schema.metadata["quality_rating"].model_copy(update={"required": True})
    changed = schema.model_copy(update={"metadata": {**schema.metadata, "quality_rating": field}})
    object.__setattr__(bench.recorder.dataset, "schema", changed)
    with pytest.raises(SchemaError, match="--set quality_rating=VALUE"):
        bench.recorder.start()
    with pytest.raises(SchemaError, match="'high' is no number"):
        bench.recorder.start({"quality_rating": "high"})
    bench.recorder.start({"quality_rating": "0.5"})
    bench.recorder.close()


def test_a_take_without_a_required_stream_keeps_its_journal_and_says_why(bench: RecordBench) -> None:
    bench.silent = {"robot"}
    take = bench.record(1.0)
    found = bench.finished(take)
    assert found.path is None
    assert "observations/joint_positions" in found.error
    assert (bench.dataset.root / "journal" / f"{take}.mcap").exists()
    assert orphans(bench.dataset.root) == ()
    assert orphans(bench.dataset.root, retry=True) == (take,)


def test_clock_pings_come_into_the_episode(bench: RecordBench) -> None:
    robot = bench.devices[0]
    robot.clock, robot.offset_ns, robot.drift_ppm = "ping", 7 * S, 50.0
    bench.publishers["robot"]._clock = "ping"
    episode = bench.episode(2.0)
    sent, device, received = np.array(json.loads(str(episode.metadata["record_pings_robot"]))).T
    assert len(sent) > 50
    assert (received >= sent).all()
    assert np.abs(device - sent - 7 * S).max() < 1_000_000
    raw = episode.stream(JOINTS)
    assert np.abs(raw.extra["t_device_ns"].astype(np.int64) - raw.t_ns - 7 * S).max() < 1_000_000
    assert _json(episode, "record_producers") == {"robot": "ping", "head_left": "host"}


def test_a_stream_that_comes_late_cuts_nothing_and_is_there(bench: RecordBench) -> None:
    bench.silent = {"head_left"}
    bench.run(2.0)
    take = bench.recorder.start()
    bench.run(1.0)
    bench.silent = set()
    bench.run(2.0)
    bench.recorder.stop()
    bench.run(0.5)
    bench.recorder.close()
    assert bench.finished(take).error == ""
    episode = bench.dataset.read(take)
    assert episode.duration_s == pytest.approx(5.0, abs=0.03)
    assert (episode.stream(CAMERA).t_ns[0] - episode.timeline_ns[0]) * 1e-9 == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 64])
@pytest.mark.parametrize("even", [True, False])
def test_images_are_written_in_blocks_whatever_their_number_and_length(tmp_path: Path, count: int, even: bool) -> None:
    episode = make_episode(duration_s=2.0)
    spec = default_schema(stand_in_robot(), "test").stream(CAMERA)
    images = np.empty(count, dtype=object)
    for k in range(count):
        images[k] = bytes([k]) * (100 if even else 100 + k)
    stream = Stream(spec, np.arange(count, dtype=np.int64) * 10**6, images)
    write_episode(tmp_path / "one.h5", with_stream(episode, stream))
    found = read_episode(tmp_path / "one.h5").stream(CAMERA)
    assert list(found.each_image()) == list(images)
    assert [found.image(k) for k in (0, count - 1)] == [images[0], images[-1]]
    assert list(found.data) == list(images)


def test_images_that_come_one_by_one_are_never_all_in_memory(tmp_path: Path) -> None:
    class OneByOne:
        def __call__(self) -> AnyArray:
            raise AssertionError("all images were asked for at once")

        def __iter__(self) -> Iterator[bytes]:
            return (self.at(k) for k in range(100))

        def at(self, step: int) -> bytes:
            return bytes([step]) * 50

    spec = default_schema(stand_in_robot(), "test").stream(CAMERA)
    episode = with_stream(make_episode(duration_s=2.0), Stream(spec, np.arange(100, dtype=np.int64) * 10**6, OneByOne()))
    write_episode(tmp_path / "one.h5", episode, verify=partial(verify_episode, episode=episode))
    assert read_episode(tmp_path / "one.h5").stream(CAMERA).image(99) == bytes([99]) * 50


def test_finalizing_twice_gives_the_same_episode(bench: RecordBench) -> None:
    take = bench.record(1.0)
    journal = (bench.dataset.root / "journal" / f"{take}.mcap").read_bytes()
    first = bench.finished(take, keep_journal=True)
    assert first.path is not None
    raw = first.path.read_bytes()
    assert bench.finished(take, keep_journal=True).error == ""
    assert first.path.read_bytes() == raw
    first.path.unlink()
    assert bench.finished(take, keep_journal=True).error == ""
    assert first.path.read_bytes() == raw
    assert (bench.dataset.root / "journal" / f"{take}.mcap").read_bytes() == journal


def test_what_is_done_leaves_no_orphan_and_a_bare_name_goes(bench: RecordBench) -> None:
    root = bench.dataset.root
    take = bench.record(1.0)
    assert orphans(root) == (take,)
    (found,) = recover(root, check=False)
    assert (found.error, found.recovered) == ("", False)
    assert list((root / "journal").iterdir()) == []
    assert orphans(root) == ()


def test_a_journal_that_cannot_be_begun_leaves_nothing(bench: RecordBench, tmp_path: Path) -> None:
    def refuse(path: Path) -> object:
        raise StorageError(f"{path}: the disk is read-only")

    bench.recorder.opener = refuse  # type: ignore[assignment]
    bench.run(1.0)
    with pytest.raises(StorageError, match="read-only"):
        bench.recorder.start()
    assert bench.recorder.activity == "idle"
    assert list((bench.dataset.root / "journal").iterdir()) == []
