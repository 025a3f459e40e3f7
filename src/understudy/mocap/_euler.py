"""Euler angles of rotations, continuous over time."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64


def zxy_degrees(rotation: F64) -> F64:
    """(T, 3) degrees about z, x and y with Rz Rx Ry = R, of rotations (T, 3, 3).

    Of the two triples of every rotation the one nearer to the frame before is taken, so that curves do not jump where
    x passes 90 degrees; there z carries the whole turn.
    """
    x = np.arcsin(np.clip(rotation[:, 2, 1], -1.0, 1.0))
    locked = np.cos(x) < 1e-6
    z = np.where(locked, np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0]), np.arctan2(-rotation[:, 0, 1], rotation[:, 1, 1]))
    y = np.where(locked, 0.0, np.arctan2(-rotation[:, 2, 0], rotation[:, 2, 2]))
    first = np.stack([z, x, y], axis=1)
    second = np.stack([z + np.pi, np.pi - x, y + np.pi], axis=1)
    out = np.empty_like(first)
    last = np.zeros(3)
    for t in range(len(out)):
        near = [each + 2.0 * np.pi * np.round((last - each) / (2.0 * np.pi)) for each in (first[t], second[t])]
        last = min(near, key=lambda angles: float(np.abs(angles - last).sum()))
        out[t] = last
    return np.asarray(np.degrees(out))
