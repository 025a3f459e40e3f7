"""One figure out of several scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from understudy import plugins
from understudy.spec.findings import ScoreResult
from understudy.spec.protocols import Score


def weakest(scores: Sequence[ScoreResult]) -> float | None:
    """The lowest score, an episode's `quality_rating`: a good average does not make up for one bad side. None without scores.

    Each counts as its weakest component does against the episodes of the task, where these are enough, else on its fixed scale.
    """
    return min((s.rated for s in scores), default=None)


def score_weights() -> dict[str, float]:
    """Score to its weight in the mean."""
    return {name: cast(Score, plugins.load("scores", name)).weight for name in plugins.names("scores")}


def weighted_mean(scores: Sequence[ScoreResult], weights: Mapping[str, float] | None = None) -> float | None:
    """Mean of the scores by their weights (1 for a score that `weights` does not name); None without scores or weight."""
    weights = score_weights() if weights is None else weights
    total = sum(weights.get(s.name, 1.0) for s in scores)
    return sum(weights.get(s.name, 1.0) * s.rated for s in scores) / total if total > 0 else None
