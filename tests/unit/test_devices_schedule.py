"""Clocks of simulated devices, and grids of samples."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.devices import Clock, HostClock, PacedClock, SimClock
from understudy.devices._schedule import Schedule
from understudy.errors import DeviceError


def test_a_stepped_clock_stands_still_between_steps() -> None:
    clock = SimClock(5)
    assert clock.now_ns() == 5
    clock.wait(10**9, 0.0)
    assert clock.now_ns() == 5
    clock.advance(0.25)
    assert clock.now_ns() == 250_000_005
    assert clock.arrival_ns(7) == 7


def test_a_stepped_clock_wakes_who_waits_for_it() -> None:
    clock, seen = SimClock(), list[int]()

    def wait() -> None:
        clock.wait(2_000_000, 20.0)
        seen.append(clock.now_ns())

    waiter = threading.Thread(target=wait)
    waiter.start()
    clock.advance(0.001)
    clock.advance(0.001)
    waiter.join(10.0)
    assert seen == [2_000_000]


def test_the_host_clock_is_the_monotonic_one() -> None:
    before = time.monotonic_ns()
    now = HostClock().now_ns()
    assert before <= now <= time.monotonic_ns()


@pytest.mark.parametrize("clock", [HostClock(), PacedClock(4.0)])
def test_waiting_ends_when_the_clock_is_there(clock: Clock) -> None:
    until_ns = clock.now_ns() + 20_000_000
    clock.wait(until_ns, 10.0)
    assert clock.now_ns() >= until_ns - 1_000_000
    assert clock.arrival_ns(until_ns + 10**12) == until_ns + 10**12


def test_a_paced_clock_runs_at_its_speed() -> None:
    clock = PacedClock(0.25)
    host_ns, own_ns = time.monotonic_ns(), clock.now_ns()
    time.sleep(0.05)
    own_ns, host_ns = clock.now_ns() - own_ns, time.monotonic_ns() - host_ns
    assert own_ns <= 0.25 * host_ns + 1000
    assert own_ns >= 0.25 * 50_000_000 - 1000


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_clock_without_a_pace_is_refused(speed: float) -> None:
    with pytest.raises(DeviceError, match="speed"):
        PacedClock(speed)


def test_clocks_do_not_go_back() -> None:
    with pytest.raises(DeviceError, match="only go on"):
        SimClock().advance(-0.1)


@given(st.floats(0.5, 400.0), st.integers(0, 10**12))
def test_every_sample_of_a_grid_is_taken_once_and_when_it_is_due(rate_hz: float, start_ns: int) -> None:
    schedule, taken = Schedule({"a": rate_hz}, start_ns), list[tuple[int, int]]()
    for _ in range(50):
        t_ns = schedule.next_ns
        assert "a" not in schedule.take(t_ns - 1)
        taken.append((schedule.take(t_ns)["a"], t_ns))
    assert [n for n, _ in taken] == list(range(50))
    assert all(abs(t_ns - start_ns - n * 1e9 / rate_hz) <= 1.0 for n, t_ns in taken)


def test_what_was_passed_over_shows_in_the_numbers() -> None:
    schedule = Schedule({"fast": 100.0, "slow": 10.0, "never": 0.0}, 0)
    assert schedule.take(0) == {"fast": 0, "slow": 0}
    assert schedule.take(50_000_000) == {"fast": 5}
    assert schedule.next_ns == 60_000_000
    assert schedule.take(100_000_000) == {"fast": 10, "slow": 1}
