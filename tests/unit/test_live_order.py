"""Which frames of a live source are handed out, and what is counted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.mocap.live._order import FrameOrder
from understudy.spec.live import LiveCounters

STEP_NS = 10_000_000


def _run(numbers: list[int], *, modulus: int = 2**63) -> tuple[list[int | None], LiveCounters]:
    """Frames that arrive one step after the other, stamped by their number, which wraps."""
    counters = LiveCounters()
    order = FrameOrder(counters, modulus=modulus)
    out = [order.take(n % modulus, n * STEP_NS, k * STEP_NS) for k, n in enumerate(numbers)]
    return out, counters


def test_the_newest_wins_and_everything_else_is_counted() -> None:
    out, counters = _run([5, 6, 8, 7, 8, 7, 6, 11])
    assert out == [5, 6, 8, None, None, None, None, 11]
    assert (counters.frames, counters.lost, counters.late, counters.duplicates, counters.restarts) == (4, 3, 1, 3, 0)


def test_numbers_that_wrap_go_on() -> None:
    out, counters = _run([254, 255, 257, 256, 258], modulus=256)
    assert out == [254, 255, 257, None, 258]
    assert (counters.lost, counters.late, counters.restarts) == (1, 1, 0)


def test_a_source_that_sends_every_third_number_loses_nothing() -> None:
    _, counters = _run([0, 6, 9, 12, 21])
    assert (counters.frames, counters.lost) == (5, 3)


@pytest.mark.parametrize(
    ("sequence", "t_ns", "arrival_ns", "anew"),
    [
        (10, 10 * STEP_NS, 210 * STEP_NS, True),  # far back
        (190, 190 * STEP_NS, 201 * STEP_NS, False),  # a little back: seen already
        (190, 190 * STEP_NS, 290 * STEP_NS, True),  # a little back after silence
        (190, 300 * STEP_NS, 201 * STEP_NS, True),  # a little back with a newer stamp
        (201, 100 * STEP_NS, 201 * STEP_NS, True),  # the clock went back
        (200, 200 * STEP_NS, 900 * STEP_NS, False),  # paused
        (10_000_000, 201 * STEP_NS, 201 * STEP_NS, True),  # counts from somewhere else
    ],
)
def test_a_source_that_began_anew_is_told_from_a_late_frame(sequence: int, t_ns: int, arrival_ns: int, anew: bool) -> None:
    counters = LiveCounters()
    order = FrameOrder(counters)
    for n in range(100, 201):
        order.take(n, n * STEP_NS, n * STEP_NS)
    got = order.take(sequence, t_ns, arrival_ns)
    assert (got, counters.restarts) == ((sequence, 1) if anew else (None, 0))
    assert counters.lost == 0
    if anew:
        assert order.take(sequence + 2, t_ns + 2 * STEP_NS, arrival_ns + STEP_NS) == sequence + 2
        assert order.take(sequence + 3, t_ns + 3 * STEP_NS, arrival_ns + STEP_NS) == sequence + 3
        assert counters.lost == 1


def test_stamps_order_a_source_without_numbers() -> None:
    counters = LiveCounters()
    order = FrameOrder(counters)
    got = [order.take(None, t * STEP_NS, k * STEP_NS) for k, t in enumerate([200, 202, 201, 202, 204, 201, 20, 21])]
    assert got == [0, 1, None, None, 2, None, 3, 4]
    assert (counters.frames, counters.lost, counters.late, counters.duplicates, counters.restarts) == (5, 0, 1, 2, 1)


def test_a_source_without_numbers_and_clock_is_handed_out_as_it_comes() -> None:
    order = FrameOrder(LiveCounters())
    assert [order.take(None, None, k) for k in range(4)] == [0, 1, 2, 3]


@settings(max_examples=150, deadline=None)
@given(
    order=st.permutations(range(24)).map(lambda p: [n for k, n in enumerate(p) if k % 3]),
    start=st.integers(0, 2**32 - 1),
)
def test_whatever_the_order_the_counts_add_up(order: list[int], start: int) -> None:
    """Handed out + late = what came; handed out + lost = the span of numbers."""
    out, counters = _run([start + n for n in order], modulus=2**32)
    handed = [n for n in out if n is not None]
    assert handed == sorted(set(handed))
    assert counters.restarts == 0
    assert counters.frames == len(handed)
    assert counters.frames + counters.late == len(order)
    assert counters.duplicates == 0
    if len(handed) > 1:
        assert counters.frames + counters.lost == handed[-1] - handed[0] + 1
