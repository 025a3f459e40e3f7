"""How long a robot moved at which speed over the ground."""

from __future__ import annotations

import numpy as np

from understudy.errors import ShapeError
from understudy.geom.arrays import F64, I64
from understudy.geom.filters import lowpass

BIN_M_S = 0.1
"""Width of one class of speed."""
BINS = 50
"""Classes; the last one is open."""
_SMOOTH_HZ = 1.0


def seconds_by_speed(root_pos_world_m: F64, t_ns: I64) -> F64:
    """Time spent in each class of horizontal speed.

    The path is smoothed at 1 Hz first: the sway of every step is no travel.

    Args:
        root_pos_world_m: (T, 3) positions of the root, metres, z up; samples that are not finite are left out.
        t_ns: (T,) stamps.

    Returns:
        (BINS,) seconds at 0 to 0.1 m/s, 0.1 to 0.2 m/s, ...; the last class holds everything faster.

    Raises:
        ShapeError: the lengths differ.
    """
    if len(root_pos_world_m) != len(t_ns):
        raise ShapeError(f"{len(root_pos_world_m)} positions for {len(t_ns)} stamps")
    usable = np.isfinite(root_pos_world_m).all(axis=1) & (np.diff(t_ns, prepend=t_ns[:1] - 1) > 0)
    xy, at = root_pos_world_m[usable, :2], t_ns[usable] * 1e-9
    if len(at) < 2:
        return np.zeros(BINS)
    dt_s = np.diff(at)
    xy = lowpass(xy, rate_hz=1.0 / float(np.median(dt_s)), cutoff_hz=_SMOOTH_HZ)
    speed = np.linalg.norm(np.diff(xy, axis=0), axis=1) / dt_s
    held_s = np.minimum(dt_s, 10.0 * float(np.median(dt_s)))  # what was not recorded was not travelled
    index = np.minimum((speed / BIN_M_S).astype(np.int64), BINS - 1)
    return np.asarray(np.bincount(index, weights=held_s, minlength=BINS), dtype=np.float64)
