"""Which column of one joint stream another stream has in its place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from understudy.geom.arrays import F64
from understudy.geom.filters import derivative
from understudy.geom.interpolation import lerp_at
from understudy.quality.columns import POSITIONS, TARGETS, VELOCITIES, joint_series
from understudy.spec.episode import Episode

_MOST_ROWS = 1500
_APART_RAD, _APART_RAD_S = 0.15, 0.3
_CLEARLY = 0.25
"""The column it is taken for must fit so many times better than its own."""


def misplaced(episode: Episode) -> dict[str, dict[int, int]]:
    """Stream to {column: the column of `joint_positions` that it rather is}, of targets and rates; only what is clear."""
    angles = joint_series(episode, POSITIONS)
    if angles is None:
        return {}
    found = {}
    for key, apart in ((TARGETS, _APART_RAD), (VELOCITIES, _APART_RAD_S)):
        other = joint_series(episode, key)
        if other is None:
            continue
        rows = np.unique(np.linspace(0, len(other[0]) - 1, _MOST_ROWS).astype(np.int64))
        truth = angles[1] if key == TARGETS else derivative(angles[1], angles[0] - angles[0][0])
        found[key] = _taken_for(lerp_at(angles[0], truth, other[0][rows]), other[1][rows], apart)
    return {key: columns for key, columns in found.items() if columns}


def _taken_for(truth: F64, told: F64, apart: float) -> dict[int, int]:
    """Column of `told` to the column of `truth` that fits far better than its own."""
    square = (truth**2).mean(axis=0)[None, :] + (told**2).mean(axis=0)[:, None] - 2.0 * told.T @ truth / len(truth)
    rms = np.sqrt(np.maximum(square, 0.0))
    own = np.diag(rms)
    best = np.argmin(rms, axis=1)
    clear = (own > apart) & (rms[np.arange(len(own)), best] < _CLEARLY * own)
    return {int(j): int(best[j]) for j in np.flatnonzero(clear & (best != np.arange(len(own))))}


def other_side(names: tuple[str, ...]) -> Mapping[int, int]:
    """Column to that of the same joint on the other side, where there is one."""
    place = {name: j for j, name in enumerate(names)}
    turned = {j: _turned(name) for j, name in enumerate(names)}
    return {j: place[name] for j, name in turned.items() if name != names[j] and name in place}


def _turned(name: str) -> str:
    for a, b in (("left", "right"), ("right", "left")):
        if a in name:
            return name.replace(a, b, 1)
    return name
