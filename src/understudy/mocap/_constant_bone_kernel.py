"""One chain of joints per frame, compiled: Gauss-Newton on a block-tridiagonal system of 3 x 3 blocks."""

from __future__ import annotations

import numba
import numpy as np

from understudy.geom.arrays import F64, I64

STEPS, SETTLED_M = 8, 1e-6


@numba.njit(cache=True)
def _add_distance(d: F64, length: float, weight: float, block: F64, pull: F64) -> None:
    """Normal matrix and right side of `weight` (|d| - length)^2 with respect to the end of d."""
    size = max(np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]), 1e-9)
    for i in range(3):
        pull[i] = -weight * (size - length) * d[i] / size
        for j in range(3):
            block[i, j] = weight * d[i] * d[j] / (size * size)


@numba.njit(cache=True)
def _inverse(a: F64, out: F64) -> None:
    """Inverse of a symmetric positive 3 x 3 matrix."""
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        for r in range(3):
            s, t = (r + 1) % 3, (r + 2) % 3
            out[r, i] = a[j, s] * a[k, t] - a[j, t] * a[k, s]
    det = a[0, 0] * out[0, 0] + a[0, 1] * out[1, 0] + a[0, 2] * out[2, 0]
    for i in range(3):
        for j in range(3):
            out[i, j] /= det


@numba.njit(cache=True)
def _solve_chain(diagonal: F64, upper: F64, right: F64, step: F64) -> None:
    """Block elimination from the first joint to the last and back; `diagonal` and `right` are overwritten.

    Source: Golub and Van Loan, Matrix Computations, 4th ed., section 4.5.
    """
    n = len(right)
    inverse, carry = np.empty((n, 3, 3)), np.empty((3, 3))
    for i in range(n):
        if i > 0:
            for r in range(3):
                for c in range(3):
                    carry[r, c] = 0.0
                    for k in range(3):
                        carry[r, c] += upper[i - 1, k, r] * inverse[i - 1, k, c]
            for r in range(3):
                for c in range(3):
                    right[i, r] -= carry[r, c] * right[i - 1, c]
                    for k in range(3):
                        diagonal[i, r, c] -= carry[r, k] * upper[i - 1, k, c]
        _inverse(diagonal[i], inverse[i])
    for i in range(n - 1, -1, -1):
        if i < n - 1:
            for r in range(3):
                for c in range(3):
                    right[i, r] -= upper[i, r, c] * step[i + 1, c]
        for r in range(3):
            step[i, r] = 0.0
            for c in range(3):
                step[i, r] += inverse[i, r, c] * right[i, c]


@numba.njit(cache=True)
def fit_chain(
    target: F64, weight: F64, bones: F64, bone_weight: float, markers: F64, joint_of: I64, radius: F64, out: F64
) -> None:
    """Joints of a chain near their targets, with neighbours and markers at constant distances.

    Args:
        target: (T, n, 3) where each joint should be.
        weight: (T, n) how much.
        bones: (n - 1,) distance of neighbours.
        bone_weight: of a bone against a joint of weight 1.
        markers: (K, T, 3) NaN where not seen, or not to be used.
        joint_of: (K,) joint from which the marker's distance is constant.
        radius: (K,) that distance.
        out: (T, n, 3) written.
    """
    frames, n = target.shape[0], target.shape[1]
    diagonal, upper, right, step = np.empty((n, 3, 3)), np.empty((n, 3, 3)), np.empty((n, 3)), np.empty((n, 3))
    block, pull, d = np.empty((3, 3)), np.empty(3), np.empty(3)
    for t in range(frames):
        x = out[t]
        x[:] = target[t]
        for _ in range(STEPS):
            diagonal[:] = 0.0
            for i in range(n):
                for a in range(3):
                    diagonal[i, a, a] = weight[t, i]
                    right[i, a] = weight[t, i] * (target[t, i, a] - x[i, a])
            for i in range(n - 1):
                d[:] = x[i + 1] - x[i]
                _add_distance(d, bones[i], bone_weight, block, pull)
                upper[i] = -block
                diagonal[i] += block
                diagonal[i + 1] += block
                right[i] -= pull
                right[i + 1] += pull
            for k in range(len(markers)):
                if not np.isnan(markers[k, t, 0]):
                    i = joint_of[k]
                    d[:] = x[i] - markers[k, t]
                    _add_distance(d, radius[k], 1.0, block, pull)
                    diagonal[i] += block
                    right[i] += pull
            _solve_chain(diagonal, upper, right, step)
            x += step
            if np.abs(step).max() < SETTLED_M:
                break
