"""Which column of one joint stream another stream has in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64
from understudy.geom.interpolation import latest_index, lerp_at
from understudy.quality.columns import POSITIONS, TARGETS, VELOCITIES, joint_series
from understudy.quality.memo import Last
from understudy.quality.slopes import slope_at, some_rows
from understudy.spec.episode import Episode

_MOST_ROWS = 600
_APART_RAD, _APART_RAD_S = 0.15, 0.3
_CLEARLY = 0.25
"""Another column must fit so many times better than a joint's own."""


@dataclass(frozen=True)
class Fit:
    """How columns of a stream fit the joints' angles, or their slopes.

    Attributes:
        rms: (J, J) root mean square of the difference between column i of the stream and column j of the truth.
        apart: a column further than this from its own joint is looked at.
    """

    rms: F64
    apart: float

    def is_rather(self, column: int, other: int) -> bool:
        """Whether a column is far from its own joint and fits another one."""
        own = float(self.rms[column, column])
        return own > self.apart and float(self.rms[column, other]) < _CLEARLY * own

    def taken_for(self) -> dict[int, int]:
        """Column to the joint that it fits best, where that is clearly another than its own."""
        best = np.argmin(self.rms, axis=1)
        return {j: int(best[j]) for j in range(len(best)) if int(best[j]) != j and self.is_rather(j, int(best[j]))}


_last: Last[dict[str, Fit]] = Last()


def column_fits(episode: Episode) -> dict[str, Fit]:
    """Stream to how its columns fit the angles in `joint_positions`: of targets and rates; kept for the gate that asks next."""
    return _last.get(episode, make=lambda: _fits(episode))


def _fits(episode: Episode) -> dict[str, Fit]:
    angles = joint_series(episode, POSITIONS)
    if angles is None:
        return {}
    found = {}
    for key, apart in ((TARGETS, _APART_RAD), (VELOCITIES, _APART_RAD_S)):
        other = joint_series(episode, key)
        if other is not None:
            rows = some_rows(len(other[0]), _MOST_ROWS)
            at_ns = other[0][rows]
            truth = lerp_at(*angles, at_ns) if key == TARGETS else slope_at(*angles, latest_index(angles[0], at_ns))
            found[key] = Fit(_differences(truth, other[1][rows]), apart)
    return found


def _differences(truth: F64, told: F64) -> F64:
    """(J, J) root mean square of each column of `told` less each of `truth`."""
    with np.errstate(over="ignore", invalid="ignore"):  # numbers beyond all measure are another gate's
        square = (truth**2).mean(axis=0)[None, :] + (told**2).mean(axis=0)[:, None] - 2.0 * told.T @ truth / len(truth)
        return np.asarray(np.sqrt(np.maximum(np.nan_to_num(square, nan=np.inf), 0.0)))


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
