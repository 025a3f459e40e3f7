"""What a network does to a stream: loss, repetition, reordering and delay, seeded, with a count of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

Item = TypeVar("Item")


@dataclass(frozen=True)
class Faults:
    """How often each thing happens to an item, 0 to 1.

    Attributes:
        loss: it never arrives.
        duplicate: it arrives twice, the second time right after the first.
        reorder: it arrives after the next one.
        late: it arrives `late_by` items later.
        late_by: how much later.
        seed: of the generator.
    """

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    late: float = 0.0
    late_by: int = 5
    seed: int = 0


@dataclass(frozen=True)
class Faulty(Generic[Item]):
    """Items as they arrive.

    Attributes:
        arriving: in the order of arrival.
        lost, duplicated, overtaken: indices of the items that never arrive, arrive twice, arrive after a later one.
    """

    arriving: tuple[Item, ...]
    lost: tuple[int, ...]
    duplicated: tuple[int, ...]
    overtaken: tuple[int, ...]


def with_faults(items: Sequence[Item], faults: Faults) -> Faulty[Item]:
    """The items as a network with these faults delivers them; an item has one fault at most, and the first three have none."""
    rng = np.random.default_rng(faults.seed)
    edges = np.cumsum([faults.loss, faults.duplicate, faults.reorder, faults.late])
    kinds = np.searchsorted(edges, rng.uniform(size=len(items)), side="right")
    kinds[:3] = len(edges)
    places: list[tuple[float, int]] = []
    for k, kind in enumerate(kinds):
        if kind == 1:
            places.append((k + 0.1, k))
        if kind != 0:
            places.append((k + {2: 1.5, 3: faults.late_by + 0.5}.get(int(kind), 0.0), k))
    order = [k for _, k in sorted(places)]
    overtaken = [k for n, k in enumerate(order) if any(other > k for other in order[:n]) and k not in order[:n]]
    return Faulty(
        tuple(items[k] for k in order),
        tuple(int(k) for k in np.flatnonzero(kinds == 0)),
        tuple(int(k) for k in np.flatnonzero(kinds == 1)),
        tuple(overtaken),
    )
