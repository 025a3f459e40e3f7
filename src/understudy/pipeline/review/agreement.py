"""How far reviewers agree: the share that is equal, and what is left of it when chance is taken out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

Ratings = Mapping[str, str]
"""Who said what about one thing: reviewer to category."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of reviewers over the episodes that at least two decided independently.

    Attributes:
        episodes: how many those are.
        percent: mean share of pairs of reviewers that agree on an episode, 0 to 100; None without an episode.
        kappa: Cohen's for two reviewers, Fleiss' for more; None where it is not defined.
        kind: `cohen` or `fleiss`; empty where kappa is None.
        pairs: two reviewers, on how many episodes they met, percent, Cohen's kappa.
    """

    episodes: int
    percent: float | None
    kappa: float | None
    kind: str
    pairs: tuple[tuple[str, str, int, float, float | None], ...]


def agreement(ratings: Sequence[Ratings]) -> Agreement:
    """Agreement over what at least two reviewers judged; other rows are left out."""
    both = [row for row in ratings if len(row) >= 2]
    names = sorted({name for row in both for name in row})
    pairs = []
    for a, b in combinations(names, 2):
        said = [(row[a], row[b]) for row in both if a in row and b in row]
        if said:
            pairs.append((a, b, len(said), percent_agreement(said), cohen_kappa(said)))
    counts = [Counter(row.values()) for row in both]
    kappa = pairs[0][4] if len(names) == 2 else fleiss_kappa(counts)
    kind = "" if kappa is None else "cohen" if len(names) == 2 else "fleiss"
    share = 100.0 * sum(map(_share, counts)) / len(counts) if counts else None
    return Agreement(len(both), share, kappa, kind, tuple(pairs))


def percent_agreement(said: Sequence[tuple[str, str]]) -> float:
    """Share of pairs of categories that are equal, 0 to 100."""
    return 100.0 * sum(a == b for a, b in said) / len(said)


def cohen_kappa(said: Sequence[tuple[str, str]]) -> float | None:
    """Agreement of two raters beyond chance: (p_o - p_e) / (1 - p_e), each with their own habits.

    Args:
        said: per thing, the categories of the first and of the second.

    Returns:
        1 for perfect agreement, 0 for chance; None where both said one and the same all the time, and chance explains everything.

    Source: J. Cohen, A coefficient of agreement for nominal scales, 1960.
    """
    n = len(said)
    if not n:
        return None
    first, second = Counter(a for a, _ in said), Counter(b for _, b in said)
    observed = sum(a == b for a, b in said) / n
    chance = sum(first[category] * second[category] for category in first) / n**2
    return None if chance >= 1.0 else (observed - chance) / (1.0 - chance)


def fleiss_kappa(counts: Sequence[Mapping[str, int]]) -> float | None:
    """Agreement of several raters beyond chance; which of them judged a thing, and how many, may differ from thing to thing.

    Args:
        counts: per thing, how many raters chose each category; at least two in all.

    Returns:
        1 for perfect agreement, 0 for chance; None where everybody said the same all the time.

    Source: J. L. Fleiss, Measuring nominal scale agreement among many raters, 1971; with differing numbers of raters a thing's
        agreement is over its own pairs, and a category's share over all judgements.
    """
    if not counts:
        return None
    total: Counter[str] = Counter()
    for row in counts:
        total.update(row)
    judgements = sum(total.values())
    chance = sum((count / judgements) ** 2 for count in total.values())
    observed = sum(map(_share, counts)) / len(counts)
    return None if chance >= 1.0 else (observed - chance) / (1.0 - chance)


def _share(row: Mapping[str, int]) -> float:
    """Share of the pairs of raters of one thing that agree."""
    n = sum(row.values())
    return sum(count * (count - 1) for count in row.values()) / (n * (n - 1))
