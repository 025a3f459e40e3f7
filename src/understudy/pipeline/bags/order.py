"""Stamps of a topic as they came, put in order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.errors import InputError
from understudy.geom.arrays import I64

MOST_BACK_S = 1.0
"""Messages overtake each other by milliseconds; a larger step back is a clock that was set, or a second run in the same file."""


@dataclass(frozen=True)
class Order:
    """How samples are put in order.

    Attributes:
        keep: (N,) indices of the samples that stay, by stamp.
        swapped: samples that had been overtaken.
        doubled: samples left out because another one has the same stamp.
    """

    keep: I64
    swapped: int
    doubled: int


def put_in_order(t_ns: I64, *, where: str) -> Order:
    """Sort by stamp; of several samples with one stamp the first stays.

    Args:
        t_ns: (N,) stamps in the order of the file.
        where: named in messages.

    Raises:
        InputError: stamps go back by more than a second.
    """
    highest = np.maximum.accumulate(t_ns)
    back_ns = highest - t_ns
    if len(t_ns) and (worst := int(back_ns.max())) > MOST_BACK_S * 1e9:
        at = int(np.argmax(back_ns > MOST_BACK_S * 1e9))
        raise InputError(
            f"{where}: stamps go back by {worst * 1e-9:.3f} s (message {at} first): its clock was set, or two runs lie in one "
            'file. Take another clock for it (clock = "log"), or import one stretch: --labels with start_s and end_s'
        )
    order = np.argsort(t_ns, kind="stable")
    fresh = np.concatenate([[True], np.diff(t_ns[order]) > 0]) if len(order) else np.zeros(0, dtype=bool)
    return Order(order[fresh], int((back_ns > 0).sum()), int((~fresh).sum()))
