"""Lateness put into streams comes out again within a millisecond, and the gate trips at 6 ms and passes at 4, seed by seed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from understudy.devices.benches._sensors import Camera, Encoders, Inertial, Markers, Wrist
from understudy.geom.arrays import I64
from understudy.pipeline.sync import tracks_of
from understudy.spec.stream import Stream
from understudy.sync.measure import Measured, measure
from understudy.sync.push import fit_push_pieces
from understudy.sync.verdict import judge_sync
from understudy.testing.stand_in import stand_in_robot
from understudy.testing.sync import ENCODERS, Link, sharp_streams

SEEDS = range(50)
CAMERA = "observations/head_left"


def measured(streams: dict[str, Stream]) -> Measured:
    tracks, _ = tracks_of(streams)
    return measure(tracks, reference=ENCODERS)


@cache
def camera_take(seed: int) -> Measured:
    """Twenty motions seen by encoders at 200 Hz and a noisy 30 Hz camera, both on time."""
    sensors = (Encoders(stand_in_robot(), 18), Camera(width=80, height=60, noise_grey=8.0, quality=70))
    return measured(sharp_streams({}, motions=20, seed=seed, sensors=sensors))


@pytest.mark.parametrize(("late_ms", "answer"), [(4.0, "pass"), (6.0, "fail"), (-4.0, "pass"), (-6.0, "fail")])
def test_the_gate_with_a_30_hz_camera_and_twenty_motions(late_ms: float, answer: str) -> None:
    """The camera's landmarks are shifted by what shifting its stamps shifts them by; `test_onset.py` holds that law."""
    answers: list[str] = []
    for seed in SEEDS:
        found = camera_take(seed).offsets[CAMERA]
        shifted = [replace(o, offset_ns=o.offset_ns + round(late_ms * 1e6)) for o in found]
        answers.append(judge_sync({CAMERA: shifted}, reference=ENCODERS).answer)
    assert answers.count(answer) == len(SEEDS)


@pytest.mark.parametrize("late_ms", [4.0, 6.0])
def test_the_gate_on_shifted_stamps(late_ms: float) -> None:
    sensors = (Encoders(stand_in_robot(), 18), Camera(width=80, height=60, noise_grey=8.0, quality=70))
    for seed in range(3):
        streams = sharp_streams({"head_left": Link(late_s=late_ms * 1e-3)}, motions=20, seed=seed, sensors=sensors)
        verdict = judge_sync(measured(streams).offsets, reference=ENCODERS)
        assert verdict.answer == ("pass" if late_ms < 5.0 else "fail")


def late_by(seed: int) -> dict[str, float]:
    """Lateness of each stream, 1 to 40 ms, milliseconds."""
    rng = np.random.default_rng(seed)
    return {name: float(rng.uniform(1.0, 40.0)) for name in ("imu_torso", "wrench_left_wrist", "object_poses_world", "head_left")}


@pytest.mark.parametrize("seed", range(6))
def test_lateness_drift_and_jitter_of_devices_that_only_push(seed: int) -> None:
    """Each device has a clock of its own, up to 100 ppm off, and a link that holds samples up by milliseconds.

    What comes out is the lateness of the stamps and the link's least delay, which are one constant for whoever uses them.
    """
    rng = np.random.default_rng(100 + seed)
    late = late_by(seed)
    links = {
        name: Link(late_s=ms * 1e-3, drift_ppm=float(rng.uniform(-100.0, 100.0)), transport_s=0.001, jitter_s=0.003)
        for name, ms in late.items()
    }
    robot = stand_in_robot()
    sensors = (Encoders(robot, 18), Inertial(), Wrist(), Markers(), Camera(width=96, height=80))
    streams = sharp_streams(links, motions=20, seed=seed, sensors=sensors)
    relaid = {key: replace(s, t_ns=pushed_ns(s)) if s.spec.name in links else s for key, s in streams.items()}
    found = judge_sync(measured(relaid).offsets, reference=ENCODERS)
    assert len(found.streams) == len(late)
    for stream in found.streams:
        name = stream.key.split("/")[1]
        assert stream.offset_ns * 1e-6 == pytest.approx(late[name] + 1.0, abs=1.0), name
        assert stream.drift_ppm is None or abs(stream.drift_ppm) < 20.0


def pushed_ns(stream: Stream) -> I64:
    device, arrival = (stream.extra[c].astype(np.int64) for c in ("t_device_ns", "t_arrival_ns"))
    return fit_push_pieces(device, arrival, source=stream.spec.name).to_host_ns(device, arrival)


def test_a_clock_that_nobody_corrects_shows_as_drift() -> None:
    sensors = (Encoders(stand_in_robot(), 18), Inertial())
    streams = sharp_streams({"imu_torso": Link(drift_ppm=-100.0)}, motions=20, sensors=sensors)
    imu = streams["observations/imu_torso"]
    device = imu.extra["t_device_ns"].astype(np.int64)
    raw = {**streams, "observations/imu_torso": replace(imu, t_ns=device - int(device[0]) + int(imu.t_ns[0]))}
    (found,) = judge_sync(measured(raw).offsets, reference=ENCODERS).streams
    assert found.drift_ppm == pytest.approx(100.0, abs=10.0)
