"""Agreement against values worked out by hand, and laws that hold for any reviewers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.pipeline.review.agreement import agreement, cohen_kappa, fleiss_kappa, percent_agreement

ROWS = st.lists(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["accepted", "rejected"])), max_size=30)


def test_cohen_by_hand() -> None:
    """20 both yes, 5 yes/no, 10 no/yes, 15 both no: p_o = 0.7, p_e = 0.5 * 0.6 + 0.5 * 0.4 = 0.5, kappa = 0.4."""
    said = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert percent_agreement(said) == pytest.approx(70.0)
    assert cohen_kappa(said) == pytest.approx(0.4)


def test_fleiss_by_hand() -> None:
    """Three raters, four things.

    P = (1 + 1/3 + 1/3 + 1) / 4 = 2/3; shares 8/12 and 4/12, p_e = 5/9; kappa = (2/3 - 5/9) / (4/9) = 1/4.
    """
    counts = [{"y": 3}, {"y": 2, "n": 1}, {"y": 2, "n": 1}, {"n": 3}]
    total = {"y": 7, "n": 5}
    chance = (total["y"] / 12) ** 2 + (total["n"] / 12) ** 2
    assert fleiss_kappa(counts) == pytest.approx((2 / 3 - chance) / (1 - chance))
    assert fleiss_kappa([{"y": 3}, {"y": 2, "n": 1}, {"y": 2, "n": 1}, {"y": 1, "n": 2}]) == pytest.approx(-0.125)


def test_perfect_agreement_chance_and_where_nothing_is_defined() -> None:
    assert cohen_kappa([("y", "y"), ("n", "n")]) == pytest.approx(1.0)
    assert cohen_kappa([("y", "y"), ("y", "n"), ("n", "y"), ("n", "n")]) == pytest.approx(0.0)
    assert cohen_kappa([("y", "y")] * 5) is None
    assert cohen_kappa([]) is None
    assert fleiss_kappa([{"y": 3}, {"y": 2}]) is None
    assert fleiss_kappa([]) is None
    assert agreement([{"a": "y"}]) == agreement([])


def test_two_reviewers_are_cohens_and_three_are_fleiss() -> None:
    two = agreement([{"a": "y", "b": "y"}, {"a": "y", "b": "n"}, {"a": "n", "b": "n"}, {"a": "y"}])
    assert (two.kind, two.episodes) == ("cohen", 3)
    assert two.percent == pytest.approx(200 / 3)
    assert two.kappa == pytest.approx((2 / 3 - 4 / 9) / (5 / 9))
    three = agreement([{"a": "y", "b": "y"}, {"b": "y", "c": "n"}, {"a": "n", "c": "n"}])
    assert three.kind == "fleiss"
    assert [pair[:3] for pair in three.pairs] == [("a", "b", 1), ("a", "c", 1), ("b", "c", 1)]


@given(ROWS)
def test_names_and_words_do_not_matter(rows: list[dict[str, str]]) -> None:
    turned = [{name.upper(): {"accepted": "rejected", "rejected": "accepted"}[v] for name, v in row.items()} for row in rows]
    one, other = agreement(rows), agreement(turned)
    assert one.percent == pytest.approx(other.percent)
    assert one.kappa == pytest.approx(other.kappa)
    if one.percent is not None:
        assert 0.0 <= one.percent <= 100.0
    if one.kappa is not None:
        assert -1.0 - 1e-9 <= one.kappa <= 1.0 + 1e-9
        assert (one.kappa == pytest.approx(1.0)) == (one.percent == pytest.approx(100.0))
