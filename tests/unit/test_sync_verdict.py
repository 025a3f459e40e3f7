"""The gate: medians with their interval, both ways of a motion, drift, and an answer that may be `undecided`."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from understudy.errors import SyncError
from understudy.sync.offset import Offset
from understudy.sync.verdict import LEAST_MOTIONS, SyncVerdict, _t_quantile, judge_sync, stream_sync


def offsets(
    late_ms: float,
    *,
    count: int = 20,
    noise_ms: float = 0.5,
    seed: int = 0,
    crooked_ms: float = 0.0,
    ppm: float = 0.0,
    gap_s: float = 1.0,
) -> list[Offset]:
    rng = np.random.default_rng(seed)
    out = []
    for k in range(count):
        outward, t_s = k % 2 == 0, k * gap_s
        late = (
            late_ms
            + rng.normal(0.0, noise_ms)
            + (crooked_ms if outward else -crooked_ms)
            + ppm * 1e-3 * (t_s - (count - 1) * gap_s / 2.0)
        )
        out.append(Offset(k, round(t_s * 1e9), round(late * 1e6), 50.0, outward))
    return out


def judged(**streams: list[Offset]) -> SyncVerdict:
    return judge_sync(streams, reference="q")


def test_by_hand() -> None:
    """Five motions one way: the median is the third; the standard deviation of 1, 2, 3, 4, 5 is sqrt(10/4)."""
    found = stream_sync("x", [Offset(k, 0, (k + 1) * 1_000_000, 9.0, True) for k in range(5)])
    assert (found.motions, found.offset_ns) == (5, 3_000_000)
    assert found.spread_ns == pytest.approx(np.sqrt(2.5) * 1e6, abs=1)
    half = 2.776 * 1.2533 * found.spread_ns / np.sqrt(5)
    assert found.high_ns - found.offset_ns == pytest.approx(half, rel=4e-3)


@pytest.mark.parametrize(
    ("free", "tests", "known"),
    [
        (1, 1, 12.706),
        (2, 1, 4.303),
        (4, 1, 2.776),
        (9, 1, 2.262),
        (19, 1, 2.093),
        (10**6, 1, 1.960),
        (19, 10, 3.174),
        (9, 3, 2.933),
    ],
)
def test_students_quantiles(free: int, tests: int, known: float) -> None:
    assert _t_quantile(free, tests=tests) == pytest.approx(known, rel=4e-3)


def test_the_order_of_motions_does_not_matter() -> None:
    found = offsets(3.0)
    for order in itertools.islice(itertools.permutations(range(5)), 3):
        assert stream_sync("x", [found[k] for k in order]) == stream_sync("x", found[:5])


def test_shifting_all_offsets_shifts_the_median_and_its_interval() -> None:
    found = offsets(3.0)
    moved = [Offset(o.motion, o.t_ns, o.offset_ns + 2_000_000, o.snr, o.outward) for o in found]
    a, b = stream_sync("x", found), stream_sync("x", moved)
    assert (b.offset_ns - a.offset_ns, b.low_ns - a.low_ns, b.high_ns - a.high_ns) == (2_000_000,) * 3
    assert b.spread_ns == a.spread_ns


def test_out_and_back_cancel_what_is_seen_crooked() -> None:
    found = stream_sync("x", offsets(4.0, crooked_ms=6.0))
    assert found.offset_ns * 1e-6 == pytest.approx(4.0, abs=0.3)
    assert found.spread_ns < 1e6


@pytest.mark.parametrize("count", [5, 8, 12, 20])
def test_the_interval_holds_the_truth_as_often_as_it_says(count: int) -> None:
    held = [s.low_ns <= 0 <= s.high_ns for s in (stream_sync("x", offsets(0.0, count=count, seed=k)) for k in range(400))]
    assert 0.92 <= np.mean(held) <= 0.995


def test_a_single_wrong_landmark_among_many_changes_little() -> None:
    found = offsets(4.0)
    wrong = [*found[:7], Offset(7, found[7].t_ns, 60_000_000, 9.0, found[7].outward), *found[8:]]
    assert abs(stream_sync("x", wrong).offset_ns - stream_sync("x", found).offset_ns) < 0.3e6


def test_drift_is_found_and_judged_at_its_worst() -> None:
    still = stream_sync("x", offsets(0.0))
    assert still.drift_ppm is None
    found = stream_sync("x", offsets(0.0, ppm=300.0, count=40))
    assert found.drift_ppm == pytest.approx(300.0, rel=0.1)
    assert found.spread_ns < 1e6
    early, late = found.ends_ns
    assert (late - early) * 1e-6 == pytest.approx(0.3 * 39, rel=0.1)
    assert judged(x=offsets(0.0, ppm=300.0, count=40)).answer == "fail"
    assert judged(x=offsets(0.0, ppm=50.0, count=40)).answer == "pass"


@pytest.mark.parametrize(("late_ms", "answer"), [(0.0, "pass"), (4.0, "pass"), (-4.0, "pass"), (6.0, "fail"), (-6.0, "fail")])
def test_four_passes_and_six_fails_fifty_times(late_ms: float, answer: str) -> None:
    assert {judged(x=offsets(late_ms, seed=k)).answer for k in range(50)} == {answer}


def test_the_widest_pair_counts_not_the_distance_to_the_reference() -> None:
    found = judged(early=offsets(-3.0, seed=1), late=offsets(3.0, seed=2))
    assert found.answer == "fail"
    assert found.range_ns * 1e-6 == pytest.approx(6.0, abs=0.5)
    assert "early" in found.reason
    assert "late" in found.reason


def test_few_or_noisy_motions_are_undecided_and_the_number_asked_for_decides() -> None:
    found = judged(x=offsets(4.2, count=6, noise_ms=1.0, seed=1))
    assert found.answer == "undecided"
    assert found.low_ns < found.gate_ns < found.high_ns
    assert found.more > 0
    assert f"about {found.more} more motions" in found.reason
    again = [judged(x=offsets(4.2, count=6 + 2 * found.more, noise_ms=1.0, seed=k)).answer for k in range(20)]
    assert again.count("pass") >= 15


def test_right_at_the_gate_it_is_undecided() -> None:
    answers = [judged(x=offsets(5.0, seed=k)).answer for k in range(60)]
    assert answers.count("undecided") >= 50


def test_too_few_motions_decide_nothing() -> None:
    found = judged(x=offsets(0.0, count=LEAST_MOTIONS - 1))
    assert (found.answer, found.streams) == ("undecided", ())
    assert found.more == 1
    assert judged().answer == "undecided"
    with pytest.raises(SyncError, match="an interval needs two"):
        stream_sync("x", offsets(0.0, count=1))


def test_a_choice_among_many_streams_does_not_fail_a_good_take() -> None:
    """With twenty streams at 4 ms some pair looks wider by chance; that alone must not be a failure."""
    streams = {f"s{i}": 4.0 * (i % 2) for i in range(12)}
    answers = [judged(**{k: offsets(v, seed=100 * s + i) for i, (k, v) in enumerate(streams.items())}).answer for s in range(20)]
    assert "fail" not in answers
