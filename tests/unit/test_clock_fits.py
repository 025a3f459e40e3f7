"""Clocks found from exchanges and from one-way stamps, with steps, losses and nonsense among them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from understudy.errors import SyncError
from understudy.geom.arrays import F64, I64
from understudy.spec.clock import to_host_ns
from understudy.spec.sample import ClockPing
from understudy.sync.envelope import line_under
from understudy.sync.exposure import exposure_middle_ns
from understudy.sync.ping import LEAST_PINGS, clock_alarms, fit_ping_pieces, fit_pings
from understudy.sync.push import LEAST_STAMPS, fit_push, fit_push_pieces

HOST_NS, EPOCH_NS = 5_000_000_000_000, 1_700_000_000_000_000_000
Delays = Callable[[np.random.Generator, int], F64]
LINKS: dict[str, tuple[Delays, Delays]] = {
    "wire": (lambda r, n: 0.2 + r.exponential(0.03, n), lambda r, n: 0.2 + r.exponential(0.03, n)),
    "good wireless": (lambda r, n: np.abs(r.normal(2.0, 1.0, n)), lambda r, n: np.abs(r.normal(2.0, 1.0, n))),
    "bad wireless": (lambda r, n: 7.5 + r.exponential(10.0, n), lambda r, n: 7.5 + r.exponential(10.0, n)),
}


def exchanges(link: str, *, ppm: float = 30.0, seconds: float = 60.0, seed: int = 0, step_ms: float = 0.0) -> list[ClockPing]:
    """Ten a second; the device's clock may be set by `step_ms` half way."""
    rng, n = np.random.default_rng(seed), round(seconds * 10)
    there, back = (1e6 * delay(rng, n) for delay in LINKS[link])
    sent = np.arange(n) * 1e8
    answered = sent + there
    device = answered / (1.0 + ppm * 1e-6) + np.where(np.arange(n) >= n // 2, step_ms * 1e6, 0.0)
    rows = zip(sent, device, answered + back, strict=True)
    return [ClockPing(HOST_NS + round(a), EPOCH_NS + round(d), HOST_NS + round(b)) for a, d, b in rows]


def truth(device_ns: I64, ppm: float) -> I64:
    return np.asarray(HOST_NS + np.rint((device_ns - EPOCH_NS) * (1.0 + ppm * 1e-6)).astype(np.int64))


def times(seconds: float) -> I64:
    return EPOCH_NS + np.linspace(0, seconds * 1e9, 50).astype(np.int64)


@pytest.mark.parametrize(("link", "most_ms"), [("wire", 0.002), ("good wireless", 0.2), ("bad wireless", 0.3)])
@pytest.mark.parametrize("ppm", [-100.0, 0.0, 100.0])
def test_pings_find_offset_and_drift(link: str, most_ms: float, ppm: float) -> None:
    for seed in range(5):
        model = fit_pings(exchanges(link, ppm=ppm, seed=seed), source="robot")
        off_ns = np.abs(to_host_ns(model, times(60.0)) - truth(times(60.0), ppm)).max()
        assert off_ns * 1e-6 <= most_ms
        assert off_ns <= model.bound_ns
        assert model.drift_ppm == pytest.approx(ppm, abs=10.0)


def test_the_bound_tells_a_wire_from_wireless() -> None:
    bounds = [fit_pings(exchanges(link), source="robot").bound_ns * 1e-6 for link in LINKS]
    assert bounds[0] < 0.5 < bounds[1] < bounds[2]
    said = [clock_alarms(fit_ping_pieces(exchanges(link), source="robot")) for link in LINKS]
    assert [bool(alarms) for alarms in said] == [False, False, True]
    assert "2 ms allowed" in said[2][0]


def test_an_uneven_link_is_off_by_half_its_unevenness_and_says_that_it_may_be() -> None:
    rng = np.random.default_rng(0)
    rows = [(k * 1e8, 3e6 + rng.exponential(1e5), 1e6 + rng.exponential(1e5)) for k in range(300)]
    pings = [ClockPing(HOST_NS + round(t), EPOCH_NS + round(t + a), HOST_NS + round(t + a + b)) for t, a, b in rows]
    model = fit_pings(pings, source="robot")
    off_ns = np.abs(to_host_ns(model, times(30.0)) - truth(times(30.0), 0.0))
    assert off_ns.max() == pytest.approx(1e6, rel=0.05)
    assert model.bound_ns > off_ns.max()


def test_order_of_the_exchanges_does_not_matter() -> None:
    pings = exchanges("good wireless", seed=3)
    mixed = [pings[k] for k in np.random.default_rng(1).permutation(len(pings))]
    assert fit_pings(pings, source="r") == fit_pings(mixed, source="r")


def test_shifting_a_clock_shifts_its_offset_and_nothing_else() -> None:
    pings = exchanges("wire")
    later = [ClockPing(p.t_send_ns, p.t_device_ns + 10**15, p.t_receive_ns) for p in pings]
    a, b = fit_pings(pings, source="r"), fit_pings(later, source="r")
    assert (b.offset_ns, b.t_ref_ns) == (a.offset_ns - 10**15, a.t_ref_ns + 10**15)
    assert (b.drift_ppm, b.bound_ns) == (a.drift_ppm, a.bound_ns)


@pytest.mark.parametrize("step_ms", [-40.0, -1.5, 1.5, 40.0])
def test_a_step_is_found_said_and_split(step_ms: float) -> None:
    pings = exchanges("wire", step_ms=step_ms)
    with pytest.raises(SyncError, match=rf"stepped by \{'+' if step_ms > 0 else '-'}{abs(step_ms):.1f}"):
        fit_pings(pings, source="robot")
    clock = fit_ping_pieces(pings, source="robot")
    assert len(clock.pieces) == 2
    device = np.array([p.t_device_ns for p in pings], dtype=np.int64)
    middle = np.array([(p.t_send_ns + p.t_receive_ns) // 2 for p in pings], dtype=np.int64)
    off = clock.to_host_ns(device, middle) - middle
    assert np.abs(off).max() < 1e6
    assert any("stepped" in alarm for alarm in clock_alarms(clock))


@pytest.mark.parametrize("link", LINKS)
def test_no_step_is_seen_where_there_is_none(link: str) -> None:
    for seed in range(10):
        assert len(fit_ping_pieces(exchanges(link, seed=seed, ppm=100.0), source="robot").pieces) == 1


def test_a_step_too_small_for_the_link_is_within_the_bound() -> None:
    pings = exchanges("bad wireless", step_ms=3.0, seed=2)
    model = fit_pings(pings, source="robot")
    device = np.array([p.t_device_ns for p in pings], dtype=np.int64)
    stepped = np.where(np.arange(len(pings)) >= len(pings) // 2, 3_000_000, 0)
    assert np.abs(to_host_ns(model, device) - truth(device - stepped, 30.0)).max() <= model.bound_ns


def test_single_wrong_answers_change_nothing() -> None:
    pings = exchanges("wire")
    spoilt = list(pings)
    for k in (50, 51, 200, 333):
        spoilt[k] = replace(pings[k], t_device_ns=pings[k].t_device_ns + 10**10 * (1 if k % 2 else -1))
    good, bad = fit_pings(pings, source="r"), fit_pings(spoilt, source="r")
    at = times(60.0)
    assert np.abs(to_host_ns(good, at) - to_host_ns(bad, at)).max() < 5_000


def test_too_few_and_impossible_exchanges_are_refused() -> None:
    pings = exchanges("wire")
    with pytest.raises(SyncError, match="at least 8"):
        fit_pings(pings[: LEAST_PINGS - 1], source="r")
    backward = [ClockPing(p.t_receive_ns, p.t_device_ns, p.t_send_ns) if k % 3 == 0 else p for k, p in enumerate(pings)]
    with pytest.raises(SyncError, match="reply before their question"):
        fit_pings(backward, source="r")
    microseconds = [ClockPing(p.t_send_ns, p.t_device_ns // 1000, p.t_receive_ns) for p in pings]
    with pytest.raises(SyncError, match="nanoseconds"):
        fit_pings(microseconds, source="r")


def pushed(
    *,
    ppm: float = 100.0,
    rate_hz: float = 200.0,
    seconds: float = 60.0,
    jitter_ms: float = 2.0,
    seed: int = 0,
    step_ms: float = 0.0,
) -> tuple[I64, I64, I64]:
    """Device stamps, arrivals, and the host times of the stamps; 3 ms on the way at least."""
    rng, n = np.random.default_rng(seed), round(seconds * rate_hz)
    t = np.arange(n) * (1e9 / rate_hz)
    device = t / (1.0 + ppm * 1e-6) + np.where(np.arange(n) >= n // 2, step_ms * 1e6, 0.0)
    arrival = np.maximum.accumulate(t + 3e6 + rng.exponential(jitter_ms * 1e6, n))
    whole = [np.rint(v).astype(np.int64) for v in (device, arrival, t)]
    return EPOCH_NS + whole[0], HOST_NS + whole[1], HOST_NS + whole[2]


@pytest.mark.parametrize(
    ("rate_hz", "seconds", "jitter_ms"), [(200.0, 60.0, 2.0), (30.0, 60.0, 2.0), (30.0, 10.0, 2.0), (200.0, 60.0, 10.0)]
)
@pytest.mark.parametrize("ppm", [-100.0, 100.0])
def test_pushes_find_all_but_the_least_delay(rate_hz: float, seconds: float, jitter_ms: float, ppm: float) -> None:
    for seed in range(4):
        device, arrival, host = pushed(ppm=ppm, rate_hz=rate_hz, seconds=seconds, jitter_ms=jitter_ms, seed=seed)
        model = fit_push(device, arrival, source="cam")
        assert np.abs(to_host_ns(model, device) - (host + 3_000_000)).max() < 0.25e6
        assert model.kind == "push"


def test_pushes_in_any_order_and_with_early_nonsense() -> None:
    device, arrival, _ = pushed()
    model = fit_push(device, arrival, source="cam")
    mixed = np.random.default_rng(0).permutation(len(device))
    assert fit_push(device[mixed], arrival[mixed], source="cam") == model
    spoilt = device.copy()
    spoilt[[100, 5000, 9000]] += 10**10
    again = fit_push(spoilt, arrival, source="cam")
    assert np.abs(to_host_ns(model, device) - to_host_ns(again, device)).max() < 20_000


@pytest.mark.parametrize("step_ms", [-30.0, -1.5, 1.5, 30.0])
def test_a_pushing_clock_that_is_set_is_split(step_ms: float) -> None:
    device, arrival, host = pushed(step_ms=step_ms)
    with pytest.raises(SyncError, match="stepped by"):
        fit_push(device, arrival, source="cam")
    clock = fit_push_pieces(device, arrival, source="cam")
    off = np.sort(np.abs(clock.to_host_ns(device, arrival) - host - 3_000_000))
    assert off[-20] < 0.1e6  # a few samples under way when it was set are told to the wrong side
    assert len(clock.pieces) == 2


def test_a_steady_push_has_no_step() -> None:
    for seed, jitter in itertools.product(range(4), (0.5, 2.0, 10.0)):
        device, arrival, _ = pushed(seed=seed, jitter_ms=jitter, seconds=20.0)
        assert len(fit_push_pieces(device, arrival, source="cam").pieces) == 1


def test_pushes_that_tell_nothing_are_refused() -> None:
    device, arrival, _ = pushed(seconds=5.0)
    with pytest.raises(SyncError, match=f"{LEAST_STAMPS} pairs"):
        fit_push(device[:5], arrival[:5], source="cam")
    with pytest.raises(SyncError, match=f"{LEAST_STAMPS} pairs"):
        fit_push(device, arrival[:-1], source="cam")
    with pytest.raises(SyncError, match="nanoseconds"):
        fit_push(device // 1000, arrival, source="cam")


def test_a_line_under_points_by_hand() -> None:
    line = line_under(np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 5.0, 2.0, 7.0]))
    assert line.slope == pytest.approx(0.5)
    assert line.level == pytest.approx(1.75)


def test_the_line_under_many_points_is_that_under_all() -> None:
    """A long cloud is thinned first; no point may be cut off by that, and nothing lies better."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0.0, 1e9, 5000))
    y = 3e-5 * x + rng.exponential(1e6, 5000)
    line = line_under(x, y)
    assert (y - line.at(x)).min() >= -1e-3
    for slope in line.slope + np.array([-1e-6, -1e-7, 1e-7, 1e-6]):
        level = float((y - slope * (x - line.x_ref)).min())
        assert level <= line.level + 1e-3


@pytest.mark.parametrize(("stamped", "shift_ms"), [("start", 8.0), ("middle", 0.0), ("end", -2.0)])
def test_the_middle_of_an_exposure(stamped: str, shift_ms: float) -> None:
    stamps = np.array([0, 33_000_000], dtype=np.int64)
    found = exposure_middle_ns(stamps, 0.010, stamped=stamped, readout_s=0.006)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found - stamps, [round(shift_ms * 1e6)] * 2)


def test_an_exposure_in_microseconds_is_refused() -> None:
    with pytest.raises(SyncError, match="microseconds"):
        exposure_middle_ns(np.array([0]), 8000.0)
    with pytest.raises(SyncError, match="stamped"):
        exposure_middle_ns(np.array([0]), 0.01, stamped="noon")  # type: ignore[arg-type]
