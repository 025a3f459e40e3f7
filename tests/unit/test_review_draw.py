"""Drawing: every episode has the same chance, strata get their share, and what was drawn stays drawn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.pipeline.review.draw import BATCH, Candidate, Quota, batches_of, draw, generator

CANDIDATES = st.lists(
    st.tuples(st.sampled_from(["walk", "reach", "squat"]), st.sampled_from(["p01", "p02"])), min_size=1, max_size=150
).map(lambda strata: [Candidate(f"e{k:03d}", task, who) for k, (task, who) in enumerate(strata)])


@given(CANDIDATES, st.integers(0, 160), st.integers(0, 2**32 - 1))
def test_each_stratum_gets_its_share_rounded_down_or_up(candidates: list[Candidate], count: int, seed: int) -> None:
    drawn = draw(candidates, count, np.random.default_rng(seed))
    assert len(drawn) == len(set(drawn)) == min(count, len(candidates))
    assert set(drawn) <= set(candidates)
    sizes, got = Counter(c.stratum for c in candidates), Counter(c.stratum for c in drawn)
    for stratum, size in sizes.items():
        share = len(drawn) * size / len(candidates)
        assert np.floor(share + 1e-9) <= got[stratum] <= np.ceil(share - 1e-9)


@given(CANDIDATES, st.integers(1, 20), st.randoms(use_true_random=False))
def test_the_draw_depends_on_the_seed_and_not_on_the_order(candidates: list[Candidate], count: int, shuffler: object) -> None:
    turned = list(candidates)
    shuffler.shuffle(turned)  # type: ignore[attr-defined]
    rng = [generator(3, 1, [c.episode for c in some], "drawn") for some in (candidates, turned)]
    assert draw(candidates, count, rng[0]) == draw(turned, count, rng[1])


def test_every_episode_has_the_same_chance() -> None:
    candidates = [Candidate(f"e{k}", "walk" if k < 7 else "reach", "p01" if k % 3 else "p02") for k in range(10)]
    rng = np.random.default_rng(0)
    times = Counter(c.episode for _ in range(4000) for c in draw(candidates, 3, rng))
    assert len(times) == 10
    for count in times.values():
        assert abs(count - 1200) < 5 * np.sqrt(4000 * 0.3 * 0.7)


def test_another_seed_batch_or_use_is_another_draw() -> None:
    candidates = [Candidate(f"e{k:02d}", "walk", "p01") for k in range(100)]
    names = [c.episode for c in candidates]
    kinds = [(0, 1, "drawn"), (1, 1, "drawn"), (0, 2, "drawn"), (0, 1, "twice")]
    drawn = {frozenset(c.episode for c in draw(candidates, 10, generator(s, b, names, use))) for s, b, use in kinds}
    assert len(drawn) == 4


@pytest.mark.parametrize(("episodes", "watched"), [(0, 0), (1, 1), (10, 1), (11, 2), (100, 10), (101, 11), (1000, 100)])
def test_ten_of_every_hundred_rounded_up(episodes: int, watched: int) -> None:
    assert Quota().of(episodes) == watched
    assert Quota(per_hundred=100.0).of(episodes) == episodes


def test_batches_are_of_a_hundred_and_hold_every_episode_once() -> None:
    names = [f"e{k:03d}" for k in range(250)]
    batches = batches_of(names[::-1])
    assert [len(b) for b in batches] == [BATCH, BATCH, 50]
    assert [name for batch in batches for name in batch] == names
    assert batches_of([]) == []
