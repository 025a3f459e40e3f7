"""Pulses and frames: edges are logged when they were, and every missed exposure and lost frame is found."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.devices.pulses import SerialRtsLine, TriggerDevice, match_frames, rising_edges, trigger_spec
from understudy.devices.trigger import PLUGIN
from understudy.errors import DeviceError, MissingDependencyError, ShapeError
from understudy.geom.arrays import I64
from understudy.kinematics.load import load_robot
from understudy.spec.default_schema import default_schema
from understudy.spec.sample import Sample
from understudy.spec.schema import Schema
from understudy.testing.devices import check_device

PERIOD_NS = 33_333_333


@dataclass
class FakeLine:
    """A wire that remembers, and breaks when it is told to."""

    where: str = "a made-up line"
    changes: list[tuple[int, bool]] = field(default_factory=list)
    broken: bool = False
    closed: int = 0

    def set(self, high: bool) -> None:
        if self.broken:
            raise OSError("no such device")
        self.changes.append((time.monotonic_ns(), high))

    def close(self) -> None:
        self.closed += 1


def test_every_edge_is_logged_when_it_was() -> None:
    line = FakeLine()
    trigger = TriggerDevice(line, trigger_spec(100.0), rate_hz=100.0, pulse_s=0.002)
    samples = check_device(trigger, lambda: time.sleep(0.02), rounds=15, fewest=10)
    assert line.closed >= 1
    assert len(samples) <= len(line.changes)
    for k, (sample, (t_ns, high)) in enumerate(zip(samples, line.changes, strict=False)):
        assert sample.seq == k
        assert bool(sample.data) == high == (k % 2 == 0)
        assert abs(sample.t_ns - t_ns) <= trigger.longest_call_ns
    rises = rising_edges(np.array([s.t_ns for s in samples]), np.array([s.data for s in samples]))
    steps = np.diff(rises)
    assert np.median(steps) == pytest.approx(10e6, abs=3e6)
    assert steps.min() > 2e6, "two pulses too close together"


def test_a_line_that_breaks_is_said_after_its_last_edges() -> None:
    line = FakeLine()
    trigger = TriggerDevice(line, trigger_spec(200.0), rate_hz=200.0, pulse_s=0.001)
    trigger.start()
    samples: list[Sample] = []
    while len(samples) < 4:
        samples += trigger.read(1.0)
    line.broken = True

    def read_on() -> None:
        for _ in range(100):
            trigger.read(0.1)

    with pytest.raises(DeviceError, match="made-up line: no such device"):
        read_on()
    trigger.close()


@pytest.mark.parametrize(("rate_hz", "pulse_s"), [(0.0, 0.001), (2000.0, 0.0001), (30.0, 0.02), (30.0, 0.0)])
def test_pulses_that_cannot_be_are_refused(rate_hz: float, pulse_s: float) -> None:
    with pytest.raises(DeviceError, match="high for half the time"):
        TriggerDevice(FakeLine(), trigger_spec(1.0), rate_hz=rate_hz, pulse_s=pulse_s)


def test_a_serial_port_raises_its_rts_and_begins_and_ends_low() -> None:
    serial = pytest.importorskip("serial", reason='needs pyserial: pip install "understudy[trigger]"')
    for inverted in (False, True):
        line = SerialRtsLine("loop://", inverted=inverted)
        port = line._port
        assert isinstance(port, serial.SerialBase)
        assert port.cts == inverted, "opening gave a pulse"
        line.set(True)
        assert port.cts != inverted
        line.set(False)
        assert port.cts == inverted
        line.close()
        line.close()
    with pytest.raises(DeviceError, match="ls /dev/tty"):
        SerialRtsLine("/dev/ttyNONE99")


def _with_trigger(schema: Schema) -> Schema:
    return schema.model_copy(update={"streams": (*schema.streams, trigger_spec(30.0))})


def test_the_plugin_wants_a_line_and_a_stream() -> None:
    robot = load_robot("unitree_h1")
    plain = default_schema(robot, "x")
    schema = _with_trigger(plain)
    with pytest.raises(DeviceError, match=r"add it as docs/devices\.md shows"):
        PLUGIN.open({"serial": "loop://"}, robot, plain)
    wrongs: list[dict[str, str | float | bool]] = [{}, {"serial": "loop://", "line": 4}]
    for wrong in wrongs:
        with pytest.raises(DeviceError, match="one of the two"):
            PLUGIN.open(wrong, robot, schema)
    with pytest.raises((DeviceError, MissingDependencyError), match=r"gpioinfo|understudy\[trigger\]"):
        PLUGIN.open({"line": 4, "chip": "/dev/gpiochip99"}, robot, schema)
    pytest.importorskip("serial", reason='needs pyserial: pip install "understudy[trigger]"')
    (trigger,) = PLUGIN.open({"serial": "loop://", "rate_hz": 60.0}, robot, schema)
    assert trigger.streams == (schema.stream("debug/trigger"),)
    check_device(trigger, lambda: time.sleep(0.02), rounds=10, fewest=4)


def edges(count: int, *, jitter_ns: float = 0.0, seed: int = 0) -> I64:
    rng = np.random.default_rng(seed)
    return np.asarray(10**12 + PERIOD_NS * np.arange(count) + rng.normal(0, jitter_ns, count).astype(np.int64))


def test_a_whole_take_is_whole() -> None:
    pulses = edges(100, jitter_ns=2e5)
    match = match_frames(pulses, np.arange(7, 107), pulses + 12_000_000)
    np.testing.assert_array_equal(match.pulse, np.arange(100))
    assert match.whole
    assert match.delay_ns == 12_000_000
    np.testing.assert_array_equal(match.spread_ns, 0)
    assert match.summary() == "100 frames belong to a pulse, 12.0 ms after it"


def test_by_hand() -> None:
    """Six pulses: pulse 2 is missed, the frame of pulse 4 is lost."""
    pulses = edges(6)
    exposed = np.array([0, 1, 3, 5])
    counters = np.array([20, 21, 22, 24])
    match = match_frames(pulses, counters, pulses[exposed] + 5_000_000)
    np.testing.assert_array_equal(match.pulse, exposed)
    assert match.missed.tolist() == [2]
    assert match.lost.tolist() == [4]
    assert match.unasked == 0
    assert "1 exposures were missed (pulses 2)" in match.summary()
    assert "1 frames were lost on their way (pulses 4)" in match.summary()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.floats(0.0, 0.12),
    st.floats(0.0, 0.12),
    st.floats(0.0, 0.9),
    st.floats(0.0, 0.08),
    st.integers(0, 3),
)
def test_missed_and_lost_ones_are_found(
    seed: int, miss: float, lose: float, phase: float, jitter: float, whole_periods: int
) -> None:
    rng = np.random.default_rng(seed)
    pulses = edges(120, jitter_ns=3e5, seed=seed)
    missed, lost = rng.random(120) < miss, rng.random(120) < lose
    missed[[0, -1]] = lost[[0, -1]] = False
    counters = np.cumsum(~missed) - 1 + 500
    came = ~missed & ~lost
    delay_ns = (whole_periods + phase) * PERIOD_NS
    stamps = pulses + round(delay_ns) + (rng.normal(0.0, jitter, 120) * PERIOD_NS).astype(np.int64)
    match = match_frames(pulses, counters[came], stamps[came], expected_delay_s=delay_ns * 1e-9)
    np.testing.assert_array_equal(match.pulse, np.flatnonzero(came))
    assert len(match.missed) == missed.sum()
    assert len(match.lost) == (lost & ~missed).sum()
    assert set(match.missed) | set(match.lost) == set(np.flatnonzero(~came))
    assert match.delay_ns == pytest.approx(delay_ns, abs=0.05 * PERIOD_NS)


def test_frames_that_come_late_in_a_burst_keep_their_pulses() -> None:
    """A network that stops for 150 ms hands over five frames at once; arrival says little then, the counter everything."""
    pulses = edges(60)
    arrival = pulses + 20_000_000
    arrival[30:35] = arrival[35] - 1000 * np.arange(5, 0, -1)
    match = match_frames(pulses, np.arange(60), arrival)
    np.testing.assert_array_equal(match.pulse, np.arange(60))
    assert match.spread_ns[30] > 100_000_000


def test_a_camera_at_half_the_rate_misses_every_second_pulse() -> None:
    pulses = edges(40)
    match = match_frames(pulses, np.arange(20), pulses[::2] + 3_000_000)
    np.testing.assert_array_equal(match.pulse, np.arange(0, 40, 2))
    assert match.missed.tolist() == list(range(1, 38, 2))


def test_frames_before_the_first_pulse_and_after_the_last_have_none() -> None:
    pulses = edges(20)
    stamps = 10**12 + PERIOD_NS * np.arange(-3, 25) + 8_000_000
    match = match_frames(pulses, np.arange(28), stamps)
    assert match.pulse.tolist() == [-1] * 3 + list(range(20)) + [-1] * 5
    assert match.unasked == 8
    assert "8 frames came without a pulse" in match.summary()


def test_pulses_that_were_left_out_do_not_confuse() -> None:
    pulses = np.delete(edges(50), [10, 11, 30])
    match = match_frames(pulses, np.arange(47), pulses + 25_000_000)
    np.testing.assert_array_equal(match.pulse, np.arange(47))
    assert match.whole


def test_stamps_of_exposure_may_lie_just_before_their_edge() -> None:
    pulses = edges(50)
    stamps = pulses + np.random.default_rng(0).normal(-2e5, 1e5, 50).astype(np.int64)
    match = match_frames(pulses, np.arange(50), stamps)
    np.testing.assert_array_equal(match.pulse, np.arange(50))
    assert match.delay_ns == pytest.approx(-2e5, abs=1e5)


def test_no_frames_match_nothing() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert match_frames(edges(3), none, none).whole


def test_what_cannot_be_matched_is_refused() -> None:
    pulses = edges(5)
    with pytest.raises(ShapeError, match="one of each"):
        match_frames(pulses, np.arange(3), np.arange(4))
    with pytest.raises(DeviceError, match="at least two"):
        match_frames(pulses[:1], np.arange(1), pulses[:1])
    with pytest.raises(DeviceError, match="in increasing order"):
        match_frames(pulses[::-1], np.arange(5), pulses)
    with pytest.raises(DeviceError, match="from 1 to 1"):
        match_frames(pulses, np.array([0, 1, 1]), pulses[:3])
