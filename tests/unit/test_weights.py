"""Sampling weights: who is drawn how often, and what the draws come to."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from understudy.errors import InputError, MissingDependencyError, ShapeError
from understudy.quality.weights import Treatment, draw, episode_weights, sampling_weights, step_weights, weighted_sampler
from understudy.spec.findings import Notes

GOOD = Notes(episode="good", verdict="accepted", quality_rating=1.0, review={"verdict": "accepted"})
POOR = Notes(episode="poor", verdict="accepted", quality_rating=0.0, review={"verdict": "accepted"})
UNSEEN = Notes(episode="unseen", verdict="accepted", quality_rating=1.0)
FAILED = Notes(episode="failed", verdict="rejected", quality_rating=1.0, review={"verdict": "rejected"})
ALL = [GOOD, POOR, UNSEEN, FAILED]


def _relative(failures: Treatment, unreviewed: Treatment, factor: float = 0.25) -> list[float]:
    """Weights over the first one's."""
    weights = episode_weights(ALL, failures=failures, unreviewed=unreviewed, factor=factor)
    assert weights[weights > 0].mean() == pytest.approx(1.0)
    return [round(float(w), 9) for w in weights / weights[0]]


@pytest.mark.parametrize(
    ("failures", "unreviewed", "want"),
    [
        ("exclude", "include", [1.0, 0.2, 1.0, 0.0]),
        ("exclude", "exclude", [1.0, 0.2, 0.0, 0.0]),
        ("include", "weight", [1.0, 0.2, 0.25, 1.0]),
        ("weight", "exclude", [1.0, 0.2, 0.0, 0.25]),
        ("weight", "weight", [1.0, 0.2, 0.25, 0.25]),
    ],
)
def test_failures_and_unreviewed_episodes_are_what_the_user_decides(
    failures: Treatment, unreviewed: Treatment, want: list[float]
) -> None:
    assert _relative(failures, unreviewed) == pytest.approx(want)


def test_an_excluded_episode_does_not_lend_its_rating() -> None:
    unrated = Notes(episode="x", verdict="accepted")
    alone = episode_weights([POOR, unrated, FAILED])
    assert alone[0] == alone[1], "the median is of what is drawn from"
    assert alone[2] == 0.0


def test_order_and_company_do_not_matter() -> None:
    weights = episode_weights(ALL, failures="weight", unreviewed="weight")
    np.testing.assert_allclose(episode_weights(ALL[::-1], failures="weight", unreviewed="weight")[::-1], weights)


def test_nothing_left_and_wrong_figures_are_said() -> None:
    with pytest.raises(InputError, match="all 1 episodes are excluded"):
        episode_weights([FAILED])
    with pytest.raises(InputError, match="factor 0"):
        episode_weights(ALL, factor=0.0)
    assert len(episode_weights([])) == 0


def test_steps_by_step_or_by_episode() -> None:
    weights, lengths = np.array([1.0, 3.0, 0.0]), np.array([10, 30, 20])
    by_step, by_episode = step_weights(weights, lengths), step_weights(weights, lengths, by="episode")
    assert len(by_step) == len(by_episode) == 60
    assert by_step[10] / by_step[9] == pytest.approx(3.0)
    assert by_episode[:10].sum() * 3.0 == pytest.approx(by_episode[10:40].sum())
    assert by_step[40:].sum() == by_episode[40:].sum() == 0.0
    with pytest.raises(ShapeError, match="3 weights and 2 lengths"):
        step_weights(weights, lengths[:2])
    with pytest.raises(InputError, match="no steps"):
        step_weights(weights, np.array([10, 0, 20]))


def test_draws_come_as_often_as_their_weight_says() -> None:
    weights = np.array([1.0, 0.0, 3.0, 4.0])
    drawn = draw(weights, 40_000, seed=7)
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 40_000, weights / 8.0, atol=0.01)
    np.testing.assert_array_equal(drawn, draw(weights, 40_000, seed=7))
    assert (drawn != draw(weights, 40_000, seed=8)).any()


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0, -1.0], [1.0, float("nan")]])
def test_weights_that_draw_nothing_are_refused(weights: list[float]) -> None:
    for how in (draw, weighted_sampler):
        with pytest.raises(InputError, match="at least one of them over 0"):
            how(np.array(weights), 5, seed=0)


def test_a_sampler_of_torch_draws_the_same_shares() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    weights = sampling_weights([0.0, 1.0, 0.5])
    sampler = weighted_sampler(weights, 30_000, seed=3)
    drawn = np.array(list(sampler))
    np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 30_000, weights / weights.sum(), atol=0.015)
    assert list(weighted_sampler(weights, 30, seed=3)) == list(weighted_sampler(weights, 30, seed=3))


def test_without_torch_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match="pip install torch"):
        weighted_sampler(np.ones(3), 5, seed=0)
