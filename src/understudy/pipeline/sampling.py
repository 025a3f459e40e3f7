"""Weights for training, of a whole dataset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.errors import EpisodeError
from understudy.geom.arrays import F64
from understudy.quality.weights import Treatment, episode_weights
from understudy.spec.findings import Notes
from understudy.store.dataset import Dataset
from understudy.store.notes import read_notes


@dataclass(frozen=True)
class Weighted:
    """Episodes with how often each should be drawn.

    Attributes:
        ids: of the episodes with a weight over 0, in the order of the dataset.
        weights: (N,) theirs, of mean 1.
    """

    ids: tuple[str, ...]
    weights: F64


def dataset_weights(
    dataset: Dataset,
    *,
    failures: Treatment = "exclude",
    unreviewed: Treatment = "include",
    factor: float = 0.25,
    floor: float = 0.2,
    power: float = 1.0,
) -> Weighted:
    """Weights from what is noted about every episode; only the notes are read.

    An episode is a failure where it lies in `failures/`. One whose notes are damaged is left out: `understudy check` names it.

    Args:
        dataset: whose notes are read.
        failures, unreviewed, factor, floor, power: as `quality.weights.episode_weights` has them.

    Raises:
        InputError: a figure out of its range, or everything is excluded.
    """
    found: list[Notes] = []
    for ref in dataset.refs("all"):
        try:
            notes = read_notes(ref.path) or Notes(episode=ref.id)
        except EpisodeError:
            continue
        found.append(notes.model_copy(update={"verdict": "rejected"}) if ref.partition == "failures" else notes)
    weights = episode_weights(found, failures=failures, unreviewed=unreviewed, factor=factor, floor=floor, power=power)
    keep = np.flatnonzero(weights > 0.0)
    return Weighted(tuple(found[i].episode for i in keep), weights[keep])
