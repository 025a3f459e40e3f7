"""Poses of segments in a C3D file: what markerless programs such as Theia3D write instead of points.

A group ROTATION names the segments (`l_thigh_4X4`) and says where their data begin; a frame holds 17 numbers of each: a matrix of
4 by 4 in columns, whose last column is the segment's origin, and a residual that is negative where it was not seen.

Source: C3D file format extension for rotations, C-Motion and Theia Markerless (2020); the layout was held against ezc3d.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64

BLOCK, NUMBERS = 512, 17
SUFFIX = "_4x4"
MOST_SEGMENTS = 1000


@dataclass(frozen=True)
class Segments:
    """Origins of segments.

    Attributes:
        names: N, without the suffix.
        pos: (T, N, 3) in the file's unit, NaN where not seen.
        rate_hz: frames per second.
    """

    names: tuple[str, ...]
    pos: F64
    rate_hz: float


def segments_of(numbers: F64, labels: list[str], rate_hz: float, where: str) -> Segments:
    """The segments in the numbers of the section.

    Args:
        numbers: (T N 17,) as read.
        labels: N names as in the file.
        rate_hz: frames per second.
        where: name of the file.

    Raises:
        MocapError: the last row of a matrix that was seen is not 0, 0, 0, 1.
    """
    table = numbers.reshape(-1, len(labels), NUMBERS)
    seen = (table[..., 16] > -0.5) & np.isfinite(table).all(axis=2)
    foot = table[..., 3:16:4]
    if seen.any() and np.abs(np.where(seen[..., None], foot - [0.0, 0.0, 0.0, 1.0], 0.0)).max() > 1e-3:
        raise MocapError(f"{where}: the section of rotations holds no 4 by 4 matrices: export the file again")
    pos = np.where(seen[..., None], table[..., 12:15], np.nan)
    names = tuple(label[: -len(SUFFIX)] if label.lower().endswith(SUFFIX) else label for label in labels)
    return Segments(names, np.asarray(pos), rate_hz)
