"""How often a loader should draw each episode, from how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from understudy.errors import InputError, MissingDependencyError, ShapeError
from understudy.geom.arrays import F64, I64
from understudy.spec.findings import Notes

if TYPE_CHECKING:
    from torch.utils.data import WeightedRandomSampler

Treatment = Literal["include", "exclude", "weight"]
REVIEWED = "verdict"
"""Key of `Notes.review` that a person's decision leaves."""


def sampling_weights(ratings: Sequence[float | None], *, floor: float = 0.2, power: float = 1.0) -> F64:
    """Weights of mean 1: w = floor + (1 - floor) rating^power, divided by their mean.

    `floor` keeps every accepted episode in the training: a score says how smooth or steady a motion was, not whether it
    achieved anything, so it never takes an episode out. An episode without a rating gets the median of those with one.

    Args:
        ratings: quality rating of each episode, 0 to 1, or None.
        floor: weight of a rating of 0 against one of 1, over 0 up to 1; 1 draws all alike.
        power: over 1 favours the best more, under 1 less.

    Returns:
        (N,) weights, all above 0, their mean 1.

    Raises:
        InputError: a figure out of its range.
    """
    if not 0.0 < floor <= 1.0 or power <= 0.0:
        raise InputError(f"sampling weights: floor {floor} must be over 0 up to 1, and power {power} over 0")
    known = np.array([r for r in ratings if r is not None], dtype=np.float64)
    if ((known < 0.0) | (known > 1.0) | np.isnan(known)).any():
        raise InputError("sampling weights: a quality rating is outside 0 to 1")
    if len(ratings) == 0:
        return np.zeros(0)
    usual = float(np.median(known)) if len(known) else 1.0
    rating = np.array([usual if r is None else r for r in ratings], dtype=np.float64)
    weight = floor + (1.0 - floor) * rating**power
    return np.asarray(weight / weight.mean())


def episode_weights(
    notes: Sequence[Notes],
    *,
    failures: Treatment = "exclude",
    unreviewed: Treatment = "include",
    factor: float = 0.25,
    floor: float = 0.2,
    power: float = 1.0,
) -> F64:
    """How often each episode should be drawn against the others, from its rating, its verdict and whether a person looked.

    Args:
        notes: of each episode.
        failures: what becomes of refused episodes: `exclude` gives them 0, `include` treats them as any other, `weight`
            multiplies by `factor`. Their scores are of the motion, not of the failure.
        unreviewed: the same of accepted episodes that no person has decided on.
        factor: over 0.
        floor, power: as `sampling_weights` has them.

    Returns:
        (N,) weights, their mean over those that are not excluded 1; 0 for what is excluded.

    Raises:
        InputError: a figure out of its range, or everything is excluded.
    """
    if not factor > 0.0:
        raise InputError(f"sampling weights: factor {factor} must be over 0; leave episodes out with `exclude`")
    taken = [failures if n.verdict == "rejected" else "include" if REVIEWED in n.review else unreviewed for n in notes]
    keep = np.array([how != "exclude" for how in taken], dtype=bool)
    if len(notes) and not keep.any():
        raise InputError(
            f"sampling weights: all {len(notes)} episodes are excluded, as failures or as unreviewed; include or weight them"
        )
    out = np.zeros(len(notes))
    ratings = [n.quality_rating for n, kept in zip(notes, keep, strict=True) if kept]
    scale = np.array([factor if how == "weight" else 1.0 for how in taken])
    out[keep] = sampling_weights(ratings, floor=floor, power=power) * scale[keep]
    return out / out[keep].mean() if keep.any() else out


def step_weights(weights: F64, lengths: I64, *, by: Literal["episode", "step"] = "step") -> F64:
    """How often each step should be drawn, for loaders that draw steps.

    Args:
        weights: (N,) of the episodes.
        lengths: (N,) steps of each.
        by: `step` draws a step as often as its episode's weight says, so long episodes come up more; `episode` draws every
            episode as often as its weight says, whatever its length.

    Returns:
        (sum of lengths,) in the order of the episodes.

    Raises:
        ShapeError: not one length per weight.
        InputError: a length under 1.
    """
    if len(weights) != len(lengths):
        raise ShapeError(f"{len(weights)} weights and {len(lengths)} lengths; one of each per episode is needed")
    if (lengths < 1).any():
        raise InputError("sampling weights: an episode has no steps; leave it out")
    return np.repeat(weights / lengths if by == "episode" else weights, lengths)


def draw(weights: F64, count: int, *, seed: int) -> I64:
    """(count,) indices drawn with these weights, with replacement; the same for the same seed.

    Raises:
        InputError: no weight is over 0, or one is under 0 or not a number.
    """
    _check(weights)
    return np.random.default_rng(seed).choice(len(weights), size=count, p=weights / weights.sum()).astype(np.int64)


def weighted_sampler(weights: F64, count: int, *, seed: int) -> WeightedRandomSampler:
    """The same draws as a sampler for a PyTorch `DataLoader` (with its own random numbers).

    Raises:
        MissingDependencyError: PyTorch is not installed.
        InputError: as `draw`.
    """
    _check(weights)
    try:
        import torch
        from torch.utils.data import WeightedRandomSampler
    except ModuleNotFoundError:
        raise MissingDependencyError(
            "a WeightedRandomSampler needs PyTorch: `pip install torch`; `draw` does the same with numpy"
        ) from None
    generator = torch.Generator().manual_seed(seed)
    return WeightedRandomSampler(weights.tolist(), count, replacement=True, generator=generator)


def _check(weights: F64) -> None:
    if not (len(weights) and np.isfinite(weights).all() and (weights >= 0.0).all() and weights.sum() > 0.0):
        raise InputError("sampling weights: numbers from 0 up are needed, at least one of them over 0")
