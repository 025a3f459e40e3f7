"""Which episodes are watched: drawn at random, in the proportions of tasks and operators, batch by batch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

BATCH = 100


@dataclass(frozen=True)
class Candidate:
    """An episode that may be drawn, and its stratum: task and operator."""

    episode: str
    task: str
    operator: str

    @property
    def stratum(self) -> tuple[str, str]:
        """What it is drawn in proportion to."""
        return self.task, self.operator


@dataclass(frozen=True)
class Quota:
    """How much is watched.

    Attributes:
        per_hundred: of a hundred episodes.
        share_twice: share of these that two people watch.
        seed: of the draws.
    """

    per_hundred: float = 10.0
    share_twice: float = 0.2
    seed: int = 0

    def of(self, episodes: int) -> int:
        """How many of so many episodes are watched, rounded up."""
        return min(episodes, math.ceil(episodes * self.per_hundred / 100.0 - 1e-9))

    def twice_of(self, drawn: int) -> int:
        """How many of so many drawn ones two people watch, rounded up."""
        return math.ceil(drawn * self.share_twice - 1e-9)


def batches_of(episodes: Sequence[str]) -> list[list[str]]:
    """New episodes in batches of a hundred, in the order of their names; the last may be smaller."""
    ordered = sorted(episodes)
    return [ordered[k : k + BATCH] for k in range(0, len(ordered), BATCH)]


def draw(candidates: Collection[Candidate], count: int, rng: np.random.Generator) -> list[Candidate]:
    """`count` of the candidates, each with the same chance.

    From every stratum come so many as its share asks for, rounded down or up: strata stand in a row in random order, shuffled
    inside, and a comb with even teeth is laid over the row at a random offset.

    Args:
        candidates: to draw from; their order does not matter.
        count: at most all of them.
        rng: of the draw.

    Source: systematic sampling with a random start, W. G. Cochran, Sampling Techniques, chapter 8.
    """
    row: list[Candidate] = []
    ordered = sorted(candidates, key=lambda c: (c.stratum, c.episode))
    strata = [list(group) for _, group in groupby(ordered, key=lambda c: c.stratum)]
    for k in rng.permutation(len(strata)):
        row += [strata[k][i] for i in rng.permutation(len(strata[k]))]
    count = min(count, len(row))
    if not count:
        return []
    teeth = np.asarray((np.arange(count) + rng.uniform()) * (len(row) / count))
    return [row[int(tooth)] for tooth in teeth]


def generator(seed: int, batch: int, episodes: Sequence[str], use: str) -> np.random.Generator:
    """The random numbers of one batch: the same for the same seed, batch and episodes, wherever and whenever it is drawn.

    Args:
        use: what they are for; two uses are independent.
    """
    told = "\n".join([str(seed), str(batch), use, *sorted(episodes)])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(told.encode()).digest()[:16], "little"))
