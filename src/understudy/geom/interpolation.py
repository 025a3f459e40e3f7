"""Values of sampled signals between their samples."""

from __future__ import annotations

import numpy as np

from understudy.errors import ShapeError
from understudy.geom.arrays import F64, I64
from understudy.geom.rotations import quat_normalize


def bracket(t_ns: I64, at_ns: I64) -> tuple[I64, I64, F64]:
    """Indices before and after each time, and the fraction in between; clamped to the ends.

    Args:
        t_ns: (N,) strictly increasing, nanoseconds.
        at_ns: (M,) times asked for, nanoseconds.

    Returns:
        lo (M,), hi (M,), fraction (M,) in 0..1.

    Raises:
        ShapeError: there is no sample to interpolate from.
    """
    if len(t_ns) == 0:
        raise ShapeError("cannot interpolate: the signal has no samples")
    lo = np.clip(np.searchsorted(t_ns, at_ns, side="right") - 1, 0, len(t_ns) - 1)
    hi = np.minimum(lo + 1, len(t_ns) - 1)
    span = np.maximum(t_ns[hi] - t_ns[lo], 1)
    fraction = np.clip((at_ns - t_ns[lo]) / span, 0.0, 1.0)
    return lo, hi, fraction


def lerp_at(t_ns: I64, values: F64, at_ns: I64) -> F64:
    """(M, ...) `values` (N, ...) interpolated linearly at `at_ns`; the ends are held."""
    lo, hi, f = bracket(t_ns, at_ns)
    f = f.reshape((-1,) + (1,) * (values.ndim - 1))
    return np.asarray(values[lo] * (1.0 - f) + values[hi] * f)


def slerp(a_wxyz: F64, b_wxyz: F64, fraction: F64) -> F64:
    """(..., 4) spherical interpolation along the shorter arc; `fraction` broadcasts over the leading axes."""
    dot = np.sum(a_wxyz * b_wxyz, axis=-1, keepdims=True)
    b_near = np.where(dot < 0, -b_wxyz, b_wxyz)
    angle = np.arccos(np.clip(np.abs(dot), 0.0, 1.0))
    sin = np.sin(angle)
    f = np.asarray(fraction)[..., None]
    small = sin < 1e-6
    safe = np.where(small, 1.0, sin)
    wa = np.where(small, 1.0 - f, np.sin((1.0 - f) * angle) / safe)
    wb = np.where(small, f, np.sin(f * angle) / safe)
    return quat_normalize(wa * a_wxyz + wb * b_near)


def slerp_at(t_ns: I64, quat_wxyz: F64, at_ns: I64) -> F64:
    """(M, 4) quaternions (N, 4) interpolated at `at_ns`; the ends are held."""
    lo, hi, f = bracket(t_ns, at_ns)
    return slerp(quat_wxyz[lo], quat_wxyz[hi], f)


def latest_index(t_ns: I64, at_ns: I64) -> I64:
    """(M,) index of the newest sample with t <= at, or the first sample where there is none yet."""
    if len(t_ns) == 0:
        raise ShapeError("cannot look up a signal that has no samples")
    return np.clip(np.searchsorted(t_ns, at_ns, side="right") - 1, 0, len(t_ns) - 1)


def nearest_index(t_ns: I64, at_ns: I64) -> I64:
    """(M,) index of the sample nearest in time, before or after; the earlier one of two as near."""
    before = latest_index(t_ns, at_ns)
    after = np.minimum(before + 1, len(t_ns) - 1)
    return np.where(t_ns[after] - at_ns < at_ns - t_ns[before], after, before)
