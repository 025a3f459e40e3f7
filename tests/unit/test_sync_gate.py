"""The gates `missing_frames`, `gaps` and `monotone` on both sides of 2 %, 50 ms and 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.geom.arrays import I64
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.stream import Stream
from understudy.testing.episodes import make_episode, with_data, with_gap, with_missing, with_nan, with_stream
from understudy.testing.gates import gate_findings
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
VELOCITIES = "observations/joint_velocities"


def _found(episode: Episode) -> list[Finding]:
    return [f for name in ("monotone", "missing_frames", "gaps") for f in gate_findings(name, episode, ROBOT)]


def _episode() -> Episode:
    return make_episode(ROBOT, duration_s=10.0)


def _at(rate_hz: float, t_ns: I64, *, nominal_hz: float | None = None) -> Episode:
    """The episode with the base velocity at other stamps."""
    episode = _episode()
    stream = episode.stream("observations/base_velocity")
    spec = stream.spec.model_copy(update={"rate_hz": rate_hz if nominal_hz is None else nominal_hz})
    return with_stream(episode, Stream(spec, t_ns, np.zeros((len(t_ns), 6))))


@pytest.mark.parametrize(("fraction", "is_bad"), [(0.015, False), (0.03, True)])
@pytest.mark.parametrize("key", [VELOCITIES, "observations/projected_gravity"])
def test_missing_samples(key: str, fraction: float, is_bad: bool) -> None:
    found = _found(with_missing(_episode(), key, fraction=fraction))
    assert {f.stream for f in found} == ({key} if is_bad else set())
    if is_bad:
        assert found[0].value == pytest.approx(fraction, abs=0.003)
        assert found[0].limit == 0.02


@pytest.mark.parametrize(("gap_s", "is_bad"), [(0.040, False), (0.058, True)])
def test_a_gap(gap_s: float, is_bad: bool) -> None:
    found = _found(with_gap(_episode(), VELOCITIES, start_s=5.0, gap_s=gap_s))
    assert bool(found) is is_bad
    if is_bad:
        assert found[0].unit == "s"
        assert found[0].start_ns is not None
        assert abs(found[0].start_ns - 5_000_000_000) < 10_000_000


def test_a_gap_of_exactly_50_ms_is_allowed() -> None:
    t_ns = np.arange(0, 10_000_000_001, 10_000_000)
    keep = (t_ns <= 5_000_000_000) | (t_ns >= 5_050_000_000)
    assert _found(_at(100.0, t_ns[keep])) == []
    later = np.where(t_ns >= 5_050_000_000, t_ns + 1, t_ns)
    assert len(_found(_at(100.0, later[keep]))) == 1


def test_a_stream_without_a_rate_goes_by_its_median_step() -> None:
    t_ns = np.delete(np.arange(0, 10_000_000_001, 5_000_000), np.arange(500, 1000, 20))
    found = _found(_at(0.0, t_ns))
    assert found == []  # 25 of 2001 is 1.2 %
    t_ns = np.delete(np.arange(0, 10_000_000_001, 5_000_000), np.arange(500, 1500, 20))
    assert len(_found(_at(0.0, t_ns))) == 1  # 50 of 2001 is 2.5 %


@pytest.mark.parametrize(("rate_hz", "is_bad"), [(100.0, False), (99.0, False), (97.0, True)])
def test_a_device_that_runs_slower_than_it_should(rate_hz: float, is_bad: bool) -> None:
    t_ns = np.round(np.arange(0, 10.0, 1 / rate_hz) * 1e9).astype(np.int64)
    assert bool(_found(_at(rate_hz, t_ns, nominal_hz=100.0))) is is_bad


def test_a_slow_stream_is_not_one_long_gap() -> None:
    t_ns = np.arange(0, 10_000_000_001, 100_000_000)
    assert _found(_at(10.0, t_ns)) == []
    assert _found(_at(10.0, np.delete(t_ns, 50)))


def test_jitter_is_no_loss() -> None:
    rng = np.random.default_rng(1)
    t_ns = np.arange(0, 10_000_000_001, 10_000_000)
    jittered = t_ns + rng.integers(-3_000_000, 3_000_000, len(t_ns))
    jittered[0], jittered[-1] = t_ns[0], t_ns[-1]
    assert _found(_at(100.0, jittered)) == []


def test_a_clock_that_goes_backwards() -> None:
    t_ns = np.arange(0, 10_000_000_001, 10_000_000)
    t_ns[400:500] -= 2_000_000_000
    (found,) = _found(_at(100.0, t_ns))
    assert "does not increase" in found.message
    assert "4.0" not in found.message.split("after")[0]
    t_ns = np.arange(0, 10_000_000_001, 10_000_000)
    t_ns[400] = t_ns[399]
    assert len(_found(_at(100.0, t_ns))) == 1


@pytest.mark.parametrize(("short_s", "is_bad"), [(0.045, False), (0.06, True)])
def test_a_stream_that_ends_early_or_begins_late(short_s: float, is_bad: bool) -> None:
    t_ns = np.arange(0, 10_000_000_001, 5_000_000)
    early = _found(_at(200.0, t_ns[t_ns <= (10.0 - short_s) * 1e9]))
    late = _found(_at(200.0, t_ns[t_ns >= short_s * 1e9]))
    assert [bool(early), bool(late)] == [is_bad, is_bad]
    if is_bad:
        assert "ends" in early[0].message
        assert "begins" in late[0].message


def test_samples_that_are_no_numbers_are_missing_ones() -> None:
    episode = _episode()
    data = episode.data(VELOCITIES).copy()
    data[300:320, 4] = np.nan
    (found,) = [f for f in _found(with_data(episode, VELOCITIES, data)) if f.unit == "s"]
    assert found.value == pytest.approx(21 / 120.0, abs=1e-6)
    assert _found(with_nan(episode, VELOCITIES)) == []  # one is under 2 %, and for `nan` to refuse


def test_samples_marked_invalid_are_missing_ones() -> None:
    episode = _episode()
    stream = episode.stream(VELOCITIES)
    valid = np.ones(len(stream), dtype=np.bool_)
    valid[::20] = False
    assert _found(with_stream(episode, replace(stream, extra={"valid": valid})))


def test_events_have_no_rate() -> None:
    episode = _episode()
    contact = episode.stream("observations/foot_contact")
    rows = np.array([0, 300, 301, 900])
    assert _found(with_data(episode, contact.spec.key, contact.data[rows], contact.t_ns[rows])) == []
    assert _found(with_data(episode, contact.spec.key, contact.data[rows], contact.t_ns[rows[::-1]]))


def test_contacts_that_come_steadily_have_a_pace() -> None:
    episode, key = _episode(), "observations/foot_contact"
    assert episode.stream(key).spec.rate_hz == 0
    assert _found(episode) == []
    assert {f.gate for f in _found(with_missing(episode, key, fraction=0.05))} == {"missing_frames"}
    assert "missing_frames" in {f.gate for f in _found(with_missing(episode, key, fraction=0.4))}  # whole multiples of its step
    assert {f.gate for f in _found(with_gap(episode, key, start_s=5.0, gap_s=0.08))} == {"gaps"}
    assert {f.gate for f in _found(with_gap(episode, key, start_s=5.0, gap_s=2.0))} == {"missing_frames", "gaps"}


@pytest.mark.parametrize(("share", "has_pace"), [(0.75, False), (0.85, True)])
def test_a_pace_is_four_of_five_steps(share: float, has_pace: bool) -> None:
    """One step in so many of 10 ms, the others of 25 ms: events, and a stream that loses samples."""
    episode, key = _episode(), "observations/foot_contact"
    long = np.random.default_rng(1).random(500) > share
    t_ns = np.concatenate([[0], np.cumsum(np.where(long, 25_000_000, 10_000_000))])
    contacts = np.ones((len(t_ns), 2), dtype=np.bool_)
    within = t_ns <= episode.timeline_ns[-1]
    found = _found(with_data(episode, key, contacts[within], t_ns[within]))
    assert ("missing_frames" in {f.gate for f in found}) is has_pace


def test_only_observations_count() -> None:
    assert _found(with_gap(_episode(), "debug/com_world", start_s=5.0, gap_s=1.0)) == []


def test_a_stream_without_samples() -> None:
    episode = _episode()
    stream = episode.stream(VELOCITIES)
    (found,) = _found(with_data(episode, VELOCITIES, stream.data[:0], stream.t_ns[:0]))
    assert "no usable sample" in found.message
