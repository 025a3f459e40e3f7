"""A clock model is exact to the nanosecond, undone by its inverse, and kept as text."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import SyncError
from understudy.geom.arrays import I64
from understudy.spec.clock import (
    MOST_NS,
    ClockModel,
    ClockPiece,
    DeviceClock,
    clock_from_json,
    clock_json,
    host_clock,
    to_device_ns,
    to_host_ns,
)

MODEL = ClockModel(
    "cam", "ping", offset_ns=-999_999_000, drift_ppm=37.5, t_ref_ns=1_700_000_000_000_000_000, bound_ns=20_000, n=60
)


def ns(*stamps: int) -> I64:
    return np.array(stamps, dtype=np.int64)


def exact(model: ClockModel, device: int) -> Fraction:
    return device + model.offset_ns + Fraction(model.drift_ppm) / 10**6 * (device - model.t_ref_ns) - model.latency_ns


def test_by_hand() -> None:
    model = ClockModel("cam", "ping", offset_ns=1000, drift_ppm=100.0, t_ref_ns=0, bound_ns=0, n=9, latency_ns=7)
    np.testing.assert_array_equal(to_host_ns(model, ns(0, 10_000_000_000)), [993, 10_000_000_000 + 1_000_000 + 993])


@given(
    device=st.integers(-(10**18), 2 * 10**18).filter(lambda v: v != -1),
    reference=st.integers(-(10**18), 2 * 10**18),
    drift=st.floats(-1000.0, 1000.0),
)
def test_exact_to_a_nanosecond_over_any_epoch(device: int, reference: int, drift: float) -> None:
    model = replace(MODEL, drift_ppm=drift, t_ref_ns=reference)
    found = int(to_host_ns(model, ns(device))[0])
    assert abs(found - exact(model, device)) <= Fraction(1)


def test_a_float_would_lose_what_the_model_keeps() -> None:
    device = np.int64(1_700_000_000_123_456_789)
    assert int(to_host_ns(host_clock("x"), ns(int(device)))[0]) == int(device)
    assert int(np.float64(device)) != int(device)


@given(host=st.integers(-(10**18), 2 * 10**18).filter(lambda v: v != -1), drift=st.floats(-1000.0, 1000.0))
def test_the_inverse_undoes_it(host: int, drift: float) -> None:
    model = replace(MODEL, drift_ppm=drift, t_ref_ns=10**17)
    back = to_device_ns(model, ns(host))
    assert abs(int(to_host_ns(model, back)[0]) - host) <= 1


def test_shifting_the_latency_shifts_the_stamps() -> None:
    stamps = ns(1_700_000_000_000_000_000, 1_700_000_060_000_000_000)
    late = to_host_ns(replace(MODEL, latency_ns=5_000_000), stamps)
    np.testing.assert_array_equal(to_host_ns(MODEL, stamps) - late, [5_000_000, 5_000_000])


@pytest.mark.parametrize("stamp", [-1, MOST_NS + 1, -MOST_NS - 1, 2**63 - 1, -(2**63)])
def test_what_is_no_stamp_is_refused(stamp: int) -> None:
    with pytest.raises(SyncError, match=r"stamp 1 is"):
        to_host_ns(MODEL, ns(5, stamp))


def test_stamps_must_be_whole_numbers() -> None:
    with pytest.raises(SyncError, match="float64"):
        to_host_ns(MODEL, np.array([1.0, 2.0]))


@pytest.mark.parametrize(
    "change",
    [{"drift_ppm": 1001.0}, {"drift_ppm": float("nan")}, {"bound_ns": -1}, {"n": -1}, {"offset_ns": 2**63}, {"kind": "sun"}],
)
def test_senseless_models_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(SyncError, match="clock of 'cam'"):
        replace(MODEL, **change)  # type: ignore[arg-type]


def test_a_clock_that_was_set_is_told_by_arrival() -> None:
    after = replace(MODEL, offset_ns=MODEL.offset_ns + 40_000_000)
    clock = DeviceClock("cam", (ClockPiece(-MOST_NS, MODEL), ClockPiece(5_000, after)))
    same = ns(1_700_000_000_000_000_000, 1_700_000_000_000_000_000)
    first, second = clock.to_host_ns(same, ns(4_999, 5_000)).tolist()
    assert second - first == 40_000_000


def test_text_and_back() -> None:
    assert clock_from_json(clock_json(MODEL), where="x") == DeviceClock.of(MODEL)
    pieces = (ClockPiece(-MOST_NS, MODEL), ClockPiece(5_000, replace(MODEL, offset_ns=7)))
    clock = DeviceClock("cam", pieces, ("observations/head_left",))
    assert clock_from_json(clock_json(clock), where="x") == clock
    assert json.loads(clock_json(MODEL))["offset_ns"] == MODEL.offset_ns


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "3", "null", "{", "{}", '{"pieces": 3, "device": "x"}', '{"pieces": [], "device": "x"}',
        clock_json(MODEL).replace('"n": 60', '"n": 6.5'), clock_json(MODEL).replace('"ping"', '"pong"'),
        clock_json(MODEL).replace("37.5", '"fast"'), clock_json(MODEL).replace("37.5", "NaN"),
        clock_json(MODEL).replace('"source"', '"sauce"'), clock_json(MODEL).replace('"n": 60', '"n": true'),
        clock_json(MODEL).replace('"n": 60', f'"n": {10**40}'), "[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_clock_is_refused(text: str) -> None:
    with pytest.raises(SyncError, match=r"e\.h5: metadata record_clock_cam|clock of"):
        clock_from_json(text, where="e.h5: metadata record_clock_cam")
