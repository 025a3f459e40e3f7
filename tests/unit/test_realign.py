"""Stamps made anew from the raw ones: what they come from, what stays, and that the parent is never touched."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import InputError, SyncError
from understudy.geom.arrays import I64
from understudy.geom.interpolation import lerp_at
from understudy.pipeline.sync_realign import (
    LATENCY_KEY,
    SETTINGS_KEY,
    Realigning,
    dataset_around,
    realign_dataset,
    realigned,
    realigned_id,
)
from understudy.spec.clock import MOST_NS, ClockPiece, DeviceClock, clock_json
from understudy.spec.episode import Episode
from understudy.spec.sample import NO_STAMP
from understudy.spec.schema import parse_schema
from understudy.spec.stream import Stream
from understudy.store.dataset import Dataset
from understudy.store.episode_file import read_episode
from understudy.testing.stand_in import stand_in_robot
from understudy.testing.sync import ENCODERS, T0_NS, Link, sharp_episode

CAMERA, IMU = "observations/head_left", "observations/imu_torso"
LINKS = {"head_left": Link(drift_ppm=80.0, jitter_s=0.004), "imu_torso": Link(drift_ppm=-60.0)}


def true_ns(stream: Stream) -> I64:
    """When the samples really were stamped, on the host's clock."""
    link = LINKS[stream.spec.name]
    since = stream.extra["t_device_ns"].astype(np.int64) - link.epoch_ns
    return np.asarray(T0_NS + np.rint(since * (1.0 + link.drift_ppm * 1e-6)).astype(np.int64))


def late() -> Episode:
    """Recorded by a recorder that took the arrivals."""
    return sharp_episode(LINKS, motions=2, from_clocks=False)


def test_the_recorded_clock_gives_the_true_stamps() -> None:
    episode = late()
    assert np.abs(episode.streams[CAMERA].t_ns - true_ns(episode.streams[CAMERA])).max() > 5e6
    new, moved = realigned(episode, Realigning())
    for key in (CAMERA, IMU):
        assert np.abs(new.streams[key].t_ns - true_ns(new.streams[key])).max() <= 1
    said = {m.key: m for m in moved}
    assert said[CAMERA].how == "ping clock of head_left"
    assert said[CAMERA].most_ms > 5.0
    assert said[CAMERA].median_ms < 0.0


def test_a_regression_gives_them_but_for_the_least_delay() -> None:
    new, _ = realigned(late(), Realigning(clock="push"))
    for key in (CAMERA, IMU):
        off = new.streams[key].t_ns - true_ns(new.streams[key]) - 1_000_000
        assert np.abs(off).max() < 0.6e6


def test_arrival_gives_the_arrivals() -> None:
    episode = sharp_episode(LINKS, motions=2)
    new, _ = realigned(episode, Realigning(clock="arrival"))
    np.testing.assert_array_equal(new.streams[CAMERA].t_ns, episode.streams[CAMERA].extra["t_arrival_ns"])


def test_constants_are_taken_off_and_remembered_and_replaced() -> None:
    episode = late()
    plain, _ = realigned(episode, Realigning())
    once, _ = realigned(episode, Realigning(latencies_ns={CAMERA: 20_000_000}))
    np.testing.assert_array_equal(plain.streams[CAMERA].t_ns - once.streams[CAMERA].t_ns, 20_000_000)
    np.testing.assert_array_equal(plain.streams[IMU].t_ns, once.streams[IMU].t_ns)
    kept, _ = realigned(once, Realigning())
    np.testing.assert_array_equal(kept.streams[CAMERA].t_ns, once.streams[CAMERA].t_ns)
    replaced, _ = realigned(once, Realigning(latencies_ns={CAMERA: 5_000_000}))
    np.testing.assert_array_equal(plain.streams[CAMERA].t_ns - replaced.streams[CAMERA].t_ns, 5_000_000)
    assert json.loads(str(replaced.metadata[LATENCY_KEY]))[CAMERA] == 5_000_000


def test_the_constant_of_a_clock_model_counts_as_taken_off() -> None:
    episode = late()
    clock = DeviceClock.of(replace(LINKS["head_left"].model("head_left"), latency_ns=7_000_000), (CAMERA,))
    told = replace(episode, metadata={**episode.metadata, "record_clock_head_left": clock_json(clock)})
    new, _ = realigned(told, Realigning())
    assert np.abs(new.streams[CAMERA].t_ns + 7_000_000 - true_ns(new.streams[CAMERA])).max() <= 1


def test_commands_that_are_the_next_state_follow_the_state() -> None:
    plain, _ = realigned(late(), Realigning())
    new, _ = realigned(late(), Realigning(latencies_ns={ENCODERS: 40_000_000}))
    states, commands = new.streams[ENCODERS], new.streams["actions/joint_position_target"]
    told, as_it_was = (np.asarray(e.streams[commands.spec.key].data, dtype=np.float64) for e in (new, plain))
    came = lerp_at(states.t_ns, np.asarray(states.data, dtype=np.float64), commands.t_ns[1:])
    np.testing.assert_allclose(told[:-1], came, atol=1e-6)
    assert np.abs(told - as_it_was).max() > 0.05  # else stale ones would pass too
    np.testing.assert_array_equal(commands.t_ns, late().streams[commands.spec.key].t_ns)


def test_raw_columns_and_samples_stay() -> None:
    episode = late()
    new, _ = realigned(episode, Realigning(clock="push"))
    for key, stream in episode.streams.items():
        assert set(new.streams[key].extra) == set(stream.extra)
        for name, column in stream.extra.items():
            np.testing.assert_array_equal(new.streams[key].extra[name], column)
    assert [bytes(i) for i in new.streams[CAMERA].data] == [bytes(i) for i in episode.streams[CAMERA].data]
    assert (new.timeline_ns == episode.timeline_ns).all()
    assert new.metadata["parent_id"] == episode.id
    assert json.loads(str(new.metadata[SETTINGS_KEY]))["clock"] == "push"


def test_samples_of_a_device_without_a_clock_keep_their_stamps_but_for_the_constant() -> None:
    episode = late()
    stream = episode.streams[IMU]
    none = replace(stream, extra={**stream.extra, "t_device_ns": np.full(len(stream), NO_STAMP, dtype=np.int64)})
    bare = replace(episode, streams={**episode.streams, IMU: none})
    new, moved = realigned(bare, Realigning(latencies_ns={IMU: 3_000_000}))
    np.testing.assert_array_equal(stream.t_ns - new.streams[IMU].t_ns, 3_000_000)
    assert next(m.how for m in moved if m.key == IMU) == "host"


def test_what_came_out_of_order_is_put_in_order_with_its_columns() -> None:
    episode = late()
    stream = episode.streams[CAMERA]
    swapped = np.arange(len(stream))
    swapped[[10, 11]] = [11, 10]
    mixed = {name: column[swapped] for name, column in stream.extra.items() if name != "t_arrival_ns"}
    mixed["t_arrival_ns"] = stream.extra["t_arrival_ns"]
    wrong = replace(stream, values=stream.data[swapped], extra=mixed)
    new, moved = realigned(replace(episode, streams={**episode.streams, CAMERA: wrong}), Realigning())
    assert next(m.reordered for m in moved if m.key == CAMERA) == 2
    np.testing.assert_array_equal(new.streams[CAMERA].extra["seq"], stream.extra["seq"])
    assert [bytes(i) for i in new.streams[CAMERA].data] == [bytes(i) for i in stream.data]


def test_nearest_is_for_images_and_events_only() -> None:
    new, _ = realigned(late(), Realigning(nearest=True))
    assert {key: s.rule for key, s in new.streams.items() if s.rule == "nearest"} == {CAMERA: "nearest"}


def test_onto_the_robots_clock_where_the_schema_says_so() -> None:
    links = {**LINKS, "joint_positions": Link(drift_ppm=50.0)}
    episode = sharp_episode(links, motions=2)
    robots = replace(episode, schema_toml=episode.schema_toml.replace('reference = "host"', 'reference = "robot"'))
    assert robots.schema_toml != episode.schema_toml
    new, _ = realigned(robots, Realigning())
    encoders = new.streams[ENCODERS]
    assert np.abs(encoders.t_ns - encoders.extra["t_device_ns"].astype(np.int64)).max() <= 1
    host = true_ns(new.streams[CAMERA])
    expected = links["joint_positions"].device_ns(host)
    assert np.abs(new.streams[CAMERA].t_ns - expected).max() <= 2


def test_the_same_settings_make_the_same_episode_and_others_another() -> None:
    episode = late()
    ids = {realigned_id(episode, how) for how in (Realigning(), Realigning(), Realigning(clock="push"), Realigning(nearest=True))}
    assert len(ids) == 3
    assert all(name.startswith(f"{episode.id}_r") for name in ids)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"record_clock_head_left": "nonsense"}, "record_clock_head_left"),
        ({LATENCY_KEY: "[1]"}, LATENCY_KEY),
        ({LATENCY_KEY: '{"a": 1.5}'}, LATENCY_KEY),
        ({LATENCY_KEY: "{"}, "not JSON"),
    ],
)
def test_damaged_metadata_is_refused_by_name(change: dict[str, str], said: str) -> None:
    episode = late()
    with pytest.raises(SyncError, match=said):
        realigned(replace(episode, metadata={**episode.metadata, **change}), Realigning())


def test_what_cannot_be_realigned_says_why() -> None:
    with pytest.raises(SyncError, match="no clock in the file"):
        realigned(sharp_episode(motions=1, with_clocks=False), Realigning())
    episode = late()
    bare = {key: replace(s, extra={}) for key, s in episode.streams.items()}
    with pytest.raises(SyncError, match="no stream keeps raw stamps"):
        realigned(replace(episode, streams=bare), Realigning())
    stream = episode.streams[IMU]
    floats = replace(stream, extra={**stream.extra, "t_device_ns": stream.extra["t_device_ns"].astype(np.float64)})
    with pytest.raises(SyncError, match="float64"):
        realigned(replace(episode, streams={**episode.streams, IMU: floats}), Realigning())


def test_another_devices_clock_is_not_taken_for_a_streams_own() -> None:
    episode = late()
    other = replace(LINKS["head_left"].model("robot"), offset_ns=T0_NS)
    kept = {k: v for k, v in episode.metadata.items() if not k.startswith("record_clock_")}
    with pytest.raises(SyncError, match="another device's clock"):
        realigned(replace(episode, metadata={**kept, "record_clock_robot": clock_json(other)}), Realigning())


def test_what_is_named_like_a_clock_and_is_none_is_passed_over() -> None:
    episode = late()
    more = {"record_clock_state": "NTP synchronized", "record_clock_steps": "[]"}
    new, _ = realigned(replace(episode, metadata={**episode.metadata, **more}), Realigning())
    assert np.abs(new.streams[CAMERA].t_ns - true_ns(new.streams[CAMERA])).max() <= 1


def test_a_clock_in_pieces_is_followed() -> None:
    episode = late()
    stream = episode.streams[IMU]
    half = len(stream) // 2
    device = stream.extra["t_device_ns"].astype(np.int64)
    device[half:] += 40_000_000
    model = LINKS["imu_torso"].model("imu_torso")
    after = replace(model, offset_ns=model.offset_ns - 40_000_000, t_ref_ns=model.t_ref_ns + 40_000_000)
    at = int(stream.extra["t_arrival_ns"][half])
    clock = DeviceClock("imu_torso", (ClockPiece(-MOST_NS, model), ClockPiece(at, after)), (IMU,))
    set_back = replace(stream, extra={**stream.extra, "t_device_ns": device})
    new, _ = realigned(
        replace(
            episode,
            streams={**episode.streams, IMU: set_back},
            metadata={**episode.metadata, "record_clock_imu_torso": clock_json(clock)},
        ),
        Realigning(),
    )
    assert np.abs(new.streams[IMU].t_ns - true_ns(stream)).max() <= 1


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    episode = late()
    made = Dataset.create(tmp_path / "arm", parse_schema(episode.schema_toml, where="test"), stand_in_robot())
    made.add(episode)
    return made


def test_a_dataset_gets_new_episodes_and_keeps_the_old_ones(dataset: Dataset) -> None:
    parent = dataset.refs()[0]
    before = parent.path.read_bytes()
    (made,) = realign_dataset(dataset, [parent.id], Realigning())
    assert not made.there
    assert parent.path.read_bytes() == before
    new = read_episode(made.path)
    assert new.metadata["parent_id"] == parent.id
    assert np.abs(new.streams[CAMERA].t_ns - true_ns(new.streams[CAMERA])).max() <= 1
    again = realign_dataset(dataset, [ref.id for ref in dataset.refs()], Realigning())
    assert [(r.id, r.there) for r in again] == [(made.id, True)]
    assert len(dataset.refs()) == 2


def test_the_dataset_around_a_file(dataset: Dataset, tmp_path: Path) -> None:
    assert dataset_around(dataset.refs()[0].path).root == dataset.root.resolve()
    with pytest.raises(InputError, match="lies in no dataset"):
        dataset_around(tmp_path / "e.h5")
