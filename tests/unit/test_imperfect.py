"""Injected faults: every stamp is what the description says, to the nanosecond, and every lot is drawn as often as asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy import plugins
from understudy.devices import HostClock, SimClock
from understudy.devices.imperfect import PLUGIN, ClockFault, Imperfect, StreamFault
from understudy.errors import DeviceError, UnknownNameError
from understudy.kinematics.load import load_robot
from understudy.spec.default_schema import default_schema
from understudy.spec.sample import NO_STAMP, Sample
from understudy.testing.devices import RampDevice, check_device, ramp_spec

KEY = "observations/base_velocity"
START_NS = 7_000_000_000
MS = 1_000_000


def take(
    fault: StreamFault | None = None,
    clock_fault: ClockFault | None = None,
    *,
    seconds: float = 1.0,
    seed: int = 0,
    step_s: float = 0.05,
) -> list[Sample]:
    clock = SimClock(START_NS)
    device = Imperfect(RampDevice(clock), {KEY: fault or StreamFault()}, clock_fault=clock_fault, seed=seed, clock=clock)
    device.start()
    out: list[Sample] = []
    for _ in range(round(seconds / step_s)):
        clock.advance(step_s)
        out += device.read(0.0)
    return out


def truth_ns(sample: Sample) -> int:
    """When it was so: the ramp says it."""
    return START_NS + round(float(np.asarray(sample.data)[0]) * 1e9)


def test_a_device_without_faults_is_passed_on_as_it_is() -> None:
    clock = SimClock(START_NS)
    plain = RampDevice(clock)
    plain.start()
    clock.advance(1.0)
    wanted = plain.read(0.0)
    got = take()
    assert [(s.t_ns, s.t_device_ns, s.t_arrival_ns, s.seq) for s in got] == [
        (s.t_ns, s.t_device_ns, s.t_arrival_ns, s.seq) for s in wanted
    ]
    assert len(got) == 101


def test_the_hosts_stamps_lag_and_samples_arrive_late() -> None:
    for sample in take(StreamFault(lag_s=0.012, latency_s=0.030)):
        assert sample.t_ns == truth_ns(sample) + 12 * MS
        assert sample.t_arrival_ns == truth_ns(sample) + 30 * MS
        assert sample.t_device_ns == NO_STAMP


@pytest.mark.parametrize("kind", ["ping", "push"])
def test_a_devices_stamps_are_on_its_own_clock(kind: str) -> None:
    fault = ClockFault(kind="ping" if kind == "ping" else "push", offset_s=-3.5, drift_ppm=80.0)
    samples = take(StreamFault(lag_s=0.004, latency_s=0.020), fault)
    zero = fault.device_ns(START_NS, START_NS)
    assert zero == START_NS + 3_500_000_000
    for sample in samples:
        assert sample.t_ns == sample.t_arrival_ns == truth_ns(sample) + 20 * MS
        elapsed = sample.t_device_ns - zero
        host = sample.t_device_ns - 3_500_000_000 + 80e-6 * elapsed
        assert host == pytest.approx(truth_ns(sample) + 4 * MS, abs=1.0)


@given(st.integers(0, 10**13), st.floats(-1e3, 1e3), st.floats(-500, 500))
def test_the_clock_model_gets_the_hosts_time_back(since_ns: int, offset_s: float, drift_ppm: float) -> None:
    fault = ClockFault(kind="push", offset_s=offset_s, drift_ppm=drift_ppm)
    device, zero = fault.device_ns(START_NS + since_ns, START_NS), fault.device_ns(START_NS, START_NS)
    back = device + round(offset_s * 1e9) + drift_ppm * 1e-6 * (device - zero)
    assert abs(back - (START_NS + since_ns)) <= 2.0


def test_a_slow_clock_has_a_positive_drift() -> None:
    fault = ClockFault(kind="push", drift_ppm=100.0)
    assert fault.device_ns(START_NS + 10**9, START_NS) - fault.device_ns(START_NS, START_NS) < 10**9


def test_a_clock_steps_when_it_is_told_to() -> None:
    fault = ClockFault(kind="push", steps=((0.5, -0.2), (0.8, 1.0)))
    for sample in take(None, fault):
        since_s = (truth_ns(sample) - START_NS) * 1e-9
        step = (-0.2 if since_s >= 0.5 else 0.0) + (1.0 if since_s >= 0.8 else 0.0)
        assert sample.t_device_ns == truth_ns(sample) + round(step * 1e9)


def test_jitter_has_its_mean_keeps_the_order_and_never_comes_early() -> None:
    samples = take(StreamFault(latency_s=0.005, jitter_s=0.002), seconds=40.0)
    late = np.array([s.t_arrival_ns - truth_ns(s) for s in samples]) / MS
    assert late.min() >= 5.0
    assert np.mean(late - 5.0) == pytest.approx(2.0, rel=0.1)
    assert np.exp(-1.0) == pytest.approx(np.mean(late - 5.0 > 2.0), abs=0.03), "exponential"
    assert [s.seq for s in samples] == list(range(len(samples)))


def test_dropped_samples_leave_their_numbers() -> None:
    samples = take(StreamFault(drop=0.2), seconds=40.0)
    assert len(samples) / 4001 == pytest.approx(0.8, abs=0.02)
    assert all(s.seq == (truth_ns(s) - START_NS) // (10 * MS) for s in samples)
    assert all(take(StreamFault(drop=1.0)) == [] for _ in range(1))


def test_duplicates_are_the_same_twice() -> None:
    samples = take(StreamFault(duplicate=0.3), seconds=20.0)
    twice = [(a, b) for a, b in zip(samples, samples[1:], strict=False) if a.seq == b.seq]
    assert len(twice) / 2001 == pytest.approx(0.3, abs=0.03)
    assert all(a == b for a, b in twice)


def test_an_overtaken_sample_comes_after_the_next_one() -> None:
    samples = take(StreamFault(reorder=0.2), seconds=20.0)
    numbers = [s.seq for s in samples]
    assert sorted(numbers) == list(range(max(numbers) + 1))
    back = [k for k in range(1, len(numbers)) if numbers[k] < numbers[k - 1]]
    assert len(back) / 2001 == pytest.approx(0.2 * 0.8, abs=0.03)
    assert all(samples[k].t_arrival_ns == samples[k - 1].t_arrival_ns for k in back)
    assert all(s.t_ns == truth_ns(s) for s in samples)


def test_silence_is_as_long_as_it_was_said() -> None:
    samples = take(StreamFault(silent=((0.2, 0.4), (0.7, 0.8))))
    since = [(truth_ns(s) - START_NS) // MS for s in samples]
    assert since == [t for t in range(0, 1001, 10) if not (200 <= t < 400 or 700 <= t < 800)]
    assert [s.seq for s in samples] == [t // 10 for t in since]


@pytest.mark.parametrize("rate_hz", [30.0, 50.0, 7.5])
def test_a_thinned_stream_has_its_own_grid_and_numbers(rate_hz: float) -> None:
    samples = take(StreamFault(rate_hz=rate_hz), seconds=2.0)
    assert [s.seq for s in samples] == list(range(int(2.0 * rate_hz) + 1))
    late = np.array([truth_ns(s) - START_NS - s.seq * 1e9 / rate_hz for s in samples])
    assert late.min() >= -1.0
    assert late.max() <= 10 * MS


def test_noise_is_added_with_its_spread() -> None:
    clean, noisy = take(seconds=20.0), take(StreamFault(noise=0.5), seconds=20.0)
    error = np.array(
        [np.asarray(a.data, dtype=float) - np.asarray(b.data, dtype=float) for a, b in zip(noisy, clean, strict=True)]
    )
    assert error.std() == pytest.approx(0.5, rel=0.05)
    assert np.abs(error.mean(axis=0)).max() < 0.05


MANY = StreamFault(rate_hz=50.0, latency_s=0.01, jitter_s=0.004, drop=0.1, duplicate=0.1, reorder=0.1, noise=0.1)


def _same(a: Sequence[Sample], b: Sequence[Sample]) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(np.asarray(x.data), np.asarray(y.data))
        and (x.t_ns, x.t_arrival_ns, x.seq) == (y.t_ns, y.t_arrival_ns, y.seq)
        for x, y in zip(a, b, strict=True)
    )


def test_lots_depend_on_the_seed_and_not_on_who_reads_when() -> None:
    assert _same(take(MANY, step_s=0.05, seconds=3.0), take(MANY, step_s=0.5, seconds=3.0))
    assert not _same(take(MANY, seconds=3.0), take(MANY, seconds=3.0, seed=1))


def test_streams_have_lots_of_their_own_and_patterns_choose_them() -> None:
    clock = SimClock(START_NS)
    inner = RampDevice(clock, [ramp_spec("imu_a"), ramp_spec("imu_b"), ramp_spec("other")])
    device = Imperfect(inner, {"*/imu_*": StreamFault(drop=0.5)}, clock=clock)
    samples = check_device(device, lambda: clock.advance(0.5), rounds=10)
    numbers = {name: [s.seq for s in samples if s.stream.endswith(name)] for name in ("imu_a", "imu_b", "other")}
    assert len(numbers["other"]) == 501
    assert 200 < len(numbers["imu_a"]) < 300
    assert numbers["imu_a"] != numbers["imu_b"]


def test_pings_are_wrong_by_half_the_difference_of_their_ways() -> None:
    clock = SimClock(START_NS)
    fault = ClockFault(kind="ping", offset_s=1.0, ping_out_s=0.003, ping_back_s=0.001)
    device = Imperfect(RampDevice(clock), clock_fault=fault, clock=clock)
    device.start()
    clock.advance(5.0)
    ping = device.ping()
    assert ping is not None
    assert ping.t_send_ns == START_NS + 5_000_000_000
    assert ping.t_receive_ns - ping.t_send_ns == 4 * MS
    guess = (ping.t_send_ns + ping.t_receive_ns) // 2 - ping.t_device_ns
    assert guess == 1_000_000_000 - 1 * MS


def test_pings_jitter_and_get_lost() -> None:
    clock = SimClock(START_NS)
    fault = ClockFault(kind="ping", ping_jitter_s=0.002, ping_loss=0.25)
    device = Imperfect(RampDevice(clock), clock_fault=fault, clock=clock)
    device.start()
    pings = [device.ping() for _ in range(2000)]
    answered = [p for p in pings if p is not None]
    assert len(answered) / 2000 == pytest.approx(0.75, abs=0.04)
    trip = np.array([p.t_receive_ns - p.t_send_ns for p in answered]) / MS
    assert trip.min() >= 0.4
    assert trip.mean() == pytest.approx(4.4, rel=0.1)
    assert Imperfect(RampDevice(clock), clock=clock).ping() is None
    assert Imperfect(RampDevice(clock), clock_fault=ClockFault(kind="push"), clock=clock).ping() is None


def test_on_the_hosts_clock_samples_are_read_when_they_arrive() -> None:
    clock = HostClock()
    device = Imperfect(RampDevice(clock), {KEY: StreamFault(latency_s=0.05)}, clock=clock)
    device.start()
    samples: list[Sample] = []
    while len(samples) < 10:
        came = device.read(0.5)
        assert all(s.t_arrival_ns <= clock.now_ns() for s in came)
        samples += came
    device.close()
    assert all(s.t_arrival_ns - s.t_ns >= 50 * MS for s in samples)
    assert device.start_ns <= clock.now_ns()


@pytest.mark.parametrize(
    "fault",
    [{"drop": 1.5}, {"duplicate": -0.1}, {"latency_s": -1.0}, {"rate_hz": float("nan")}, {"silent": ((2.0, 1.0),)}],
)
def test_faults_out_of_range_are_refused(fault: dict[str, float]) -> None:
    with pytest.raises(DeviceError, match=next(iter(fault))):
        StreamFault(**fault)  # type: ignore[arg-type]


def test_devices_that_cannot_be_made_worse_are_refused() -> None:
    clock = SimClock()
    with pytest.raises(DeviceError, match="no stream fits"):
        Imperfect(RampDevice(clock), {"observations/imu_*": StreamFault()}, clock=clock)
    with pytest.raises(DeviceError, match="thinned"):
        Imperfect(RampDevice(clock), {KEY: StreamFault(rate_hz=200.0)}, clock=clock)
    once = Imperfect(RampDevice(clock), clock_fault=ClockFault(kind="push"), clock=clock)
    with pytest.raises(DeviceError, match="clock of its own"):
        Imperfect(once, clock=clock)


def test_the_plugin_opens_another_device_and_wraps_it() -> None:
    robot = load_robot("unitree_h1")
    schema = default_schema(robot, "x")
    assert "imperfect" in plugins.names("devices")
    config: dict[str, str | float | bool] = {
        "of": "sim", "head": False, "external": 0, "mover": "still", "clock.kind": "ping", "clock.drift_ppm": "50",
        "*/imu_*.latency_s": 0.01, "observations/joint_positions.silent": "1-2;3-4", "seed": 4,
    }  # fmt: skip
    (device,) = PLUGIN.open(config, robot, schema)
    assert isinstance(device, Imperfect)
    assert device.clock == "ping"
    assert device.clock_fault.drift_ppm == 50.0
    assert device._fault("observations/imu_head") == StreamFault(latency_s=0.01)
    assert device._fault("observations/joint_positions") == StreamFault(silent=((1.0, 2.0), (3.0, 4.0)))
    assert device._fault("observations/gripper") == StreamFault()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"of": "simm"}, "sim"),
        ({"of": "imperfect"}, "none can be"),
        ({"*.dropp": 0.1}, "drop"),
        ({"nothing_*.drop": 0.1}, "no stream fits"),
        ({"clock.kind": "pong"}, "ping"),
        ({"*.silent": "a-b"}, "spans"),
        ({"movver": "still"}, "mover"),
        ({"seed": 1.5}, "whole number"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_right(config: dict[str, str | float | bool], message: str) -> None:
    robot = load_robot("unitree_h1")
    with pytest.raises((DeviceError, UnknownNameError), match=message):
        PLUGIN.open({"head": False, "external": 0, **config}, robot, default_schema(robot, "x"))
