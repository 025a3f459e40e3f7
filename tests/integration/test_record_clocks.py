"""Devices with clocks of their own: their streams stand in the file where they were true, and can be laid anew from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.geom.arrays import I64
from understudy.pipeline.sync_realign import Realigning, realigned
from understudy.spec.clock import clock_from_json
from understudy.spec.default_schema import default_schema
from understudy.spec.device import ClockKind
from understudy.spec.episode import Episode
from understudy.spec.sample import Sample
from understudy.store.dataset import Dataset
from understudy.testing.producers_bench import RecordBench, few_devices, with_small_cameras
from understudy.testing.stand_in import stand_in_robot

S = 1_000_000_000
JOINTS, CAMERA, IMU = "observations/joint_positions", "observations/head_left", "observations/imu_pelvis"


def _bench(
    folder: Path, kind: ClockKind, *, reference: str = "host", offset_ns: int = 7 * S, drift_ppm: float = 80.0
) -> RecordBench:
    robot = stand_in_robot()
    schema = with_small_cameras(default_schema(robot, "clocks"))
    schema = schema.model_copy(update={"clock": schema.clock.model_copy(update={"reference": reference})})
    bench = RecordBench(Dataset.create(folder / "set", schema, robot), few_devices(schema, robot))
    device = bench.devices[0]
    device.clock, device.offset_ns, device.drift_ppm = kind, offset_ns, drift_ppm
    bench.publishers["robot"]._clock = kind
    return bench


def _recorded(bench: RecordBench, seconds: float = 4.0) -> tuple[Episode, dict[tuple[str, int], int]]:
    """An episode, and the truth: when each sample was so on the host's clock. The robot stamps with nothing but arrivals."""
    truth: dict[tuple[str, int], int] = {}

    def late(samples: Sequence[Sample]) -> list[Sample]:
        truth.update({(s.stream, s.seq): s.t_ns for s in samples})
        arrived = []
        for k, sample in enumerate(samples):
            arrived.append(replace(sample, t_ns=sample.t_arrival_ns + k, t_arrival_ns=sample.t_arrival_ns + k))
        return arrived

    bench.change["robot"] = late
    return bench.episode(seconds), truth


def _error_ns(episode: Episode, key: str, truth: dict[tuple[str, int], int]) -> I64:
    stream = episode.stream(key)
    return np.subtract(stream.t_ns, np.array([truth[key, int(seq)] for seq in stream.extra["seq"]], dtype=np.int64))


def _warnings(episode: Episode) -> list[str]:
    found: list[str] = json.loads(str(episode.metadata["warnings"]))
    return found


def test_a_device_that_answers_is_where_its_pings_say(tmp_path: Path) -> None:
    episode, truth = _recorded(_bench(tmp_path, "ping"))
    for key in (JOINTS, IMU):
        assert np.abs(_error_ns(episode, key, truth)).max() < 20_000
    clock = clock_from_json(str(episode.metadata["record_clock_robot"]), where="test")
    assert clock.pieces[0].model.drift_ppm == pytest.approx(-80.0, abs=1.0)
    assert set(clock.streams) >= {JOINTS, IMU}
    assert _warnings(episode) == []


def test_a_device_that_only_sends_is_where_its_quickest_samples_say(tmp_path: Path) -> None:
    episode, truth = _recorded(_bench(tmp_path, "push"))
    errors = _error_ns(episode, JOINTS, truth)
    assert np.abs(errors).max() < 6_000_000  # what even the quickest took, nobody can know: here 5 ms, by the bench's steps
    assert np.ptp(errors) < 100_000  # but it is the same all along, though arrivals jump by 20 ms
    assert np.ptp(episode.stream(JOINTS).extra["t_arrival_ns"].astype(np.int64) - episode.stream(JOINTS).t_ns) > 10_000_000


def test_laying_it_anew_from_the_file_gives_the_same_stamps(tmp_path: Path) -> None:
    bench = _bench(tmp_path, "ping")
    bench.recorder.notes = lambda: {"latencies_ns": json.dumps({CAMERA: 30_000_000, JOINTS: -2_000_000, "observations/none": 5})}
    episode, truth = _recorded(bench)
    assert np.abs(_error_ns(episode, JOINTS, truth) - 2_000_000).max() < 20_000
    assert json.loads(str(episode.metadata["record_latencies_ns"])) == {CAMERA: 30_000_000, JOINTS: -2_000_000}
    again, _ = realigned(episode, Realigning())
    for key, stream in episode.streams.items():
        assert np.array_equal(again.stream(key).t_ns, stream.t_ns), key
    without, _ = realigned(episode, Realigning(latencies_ns={CAMERA: 0, JOINTS: 0}))
    assert (without.stream(CAMERA).t_ns - episode.stream(CAMERA).t_ns == 30_000_000).all()


def test_the_robots_clock_is_the_datasets_where_the_schema_says_so(tmp_path: Path) -> None:
    bench = _bench(tmp_path, "ping", reference="robot", offset_ns=100 * S, drift_ppm=0.0)
    bench.run(2.0)
    take = bench.recorder.start()
    bench.run(1.0)
    bench.recorder.mark("here")
    marked_ns = bench.clock()
    bench.run(1.0)
    bench.recorder.stop()
    bench.run(0.5)
    bench.recorder.close()
    assert bench.finished(take).error == ""
    episode = bench.dataset.read(take)
    joints, camera = episode.stream(JOINTS), episode.stream(CAMERA)
    assert np.abs(joints.t_ns - joints.extra["t_device_ns"].astype(np.int64)).max() <= 2
    lead = camera.t_ns - camera.extra["t_arrival_ns"].astype(np.int64)
    assert 99.9 * S < lead.min() <= lead.max() <= 100 * S
    (mark,) = json.loads(str(episode.metadata["record_marks"]))
    assert abs(mark["t_ns"] - marked_ns - 100 * S) < 100_000
    assert episode.duration_s == pytest.approx(4.0, abs=0.05)


def test_a_clock_that_cannot_be_fitted_is_said_and_stamps_stay(tmp_path: Path) -> None:
    bench = _bench(tmp_path, "ping")
    bench.devices[0].ping = lambda: None  # type: ignore[method-assign]
    episode, _ = _recorded(bench)
    assert "record_clock_robot" not in episode.metadata
    assert any("its streams keep the stamps that robot gave them" in sentence for sentence in _warnings(episode))
    assert len(episode.stream(JOINTS)) > 1000


def test_a_robot_without_a_clock_cannot_be_the_reference_and_it_is_said(tmp_path: Path) -> None:
    episode, _ = _recorded(_bench(tmp_path, "host", reference="robot"))
    assert any("the schema's clock is the robot's" in sentence for sentence in _warnings(episode))
