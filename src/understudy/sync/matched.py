"""The offset of a force stream: how far the reference must be shifted until weight and inertia explain the force.

A wrench follows the load's weight, which turns with the position q, its inertia, which follows q'' and the pull outward, which
follows q'^2. A delay adds a term in q', which turns its sign on the way back while the others do not: so a way out and a way
back are explained together, and the delay that leaves least is the answer.
"""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.filters import lowpass
from understudy.geom.interpolation import lerp_at
from understudy.sync.landmark import MOST_LAG_S, rests, window
from understudy.sync.motion import Motion
from understudy.sync.offset import Offset, Reference

_GRID_HZ = 1000.0
_CUTOFF_HZ = 20.0
"""Noise of the encoders, twice differentiated, pulls the answer to where their samples and the force's lie alike; at 20 Hz by
under 0.1 ms, at 40 Hz by 1 ms. A motion of 0.2 s has little above it."""
_STEP_S = 0.001
_LEAST_EXPLAINED = 0.8
_LEAST_SNR = 5.0


def wrench_offsets(t_ns: I64, values: F64, reference: Reference) -> list[Offset]:
    """Offsets of a force stream, one per pair of a way out and the way back after it.

    Args:
        t_ns: (N,) increasing stamps. values: (N, D) forces and torques.
        reference: positions.
    """
    found = []
    motions = reference.motions
    k = 0
    while k + 1 < len(motions):
        pair = motions[k], motions[k + 1]
        if pair[0].outward == pair[1].outward or abs(float(pair[0].direction @ pair[1].direction)) < 0.95:
            k += 1
            continue
        if (offset := _pair(t_ns, values, k, reference)) is not None:
            found.append(offset)
        k += 2
    return found


def _pair(t_ns: I64, values: F64, index: int, reference: Reference) -> Offset | None:
    motions = reference.motions[index : index + 2]
    parts = [window(t_ns, m) for m in motions]
    if min(p.stop - p.start for p in parts) < 12:
        return None
    noise = np.concatenate([_resting(t_ns[p], values[p], m) for p, m in zip(parts, motions, strict=True)])
    scale = np.maximum(1.4826 * np.median(np.abs(noise), axis=0), 1e-9)
    blocks = [values[p] / scale for p in parts]
    force = np.concatenate([b - b.mean(axis=0) for b in blocks])
    force = force[:, np.abs(force).max(axis=0) > _LEAST_SNR]
    anchor = reference.landmark(motions[0])
    if force.shape[1] == 0 or anchor is None:
        return None
    lags = np.arange(-MOST_LAG_S, MOST_LAG_S + 1e-9, _STEP_S)
    bases = np.concatenate([_basis(t_ns[p], m, reference, lags) for p, m in zip(parts, motions, strict=True)], axis=1)
    left = _unexplained(bases, force)
    k = int(np.argmin(left))
    total = float((force**2).sum())
    if not 0 < k < len(lags) - 1 or left[k] > (1.0 - _LEAST_EXPLAINED) * total:
        return None
    a, b, c = left[k - 1 : k + 2]
    lag_s = float(lags[k]) + _STEP_S * 0.5 * float((a - c) / max(a - 2.0 * b + c, 1e-30))
    snr = float(np.abs(force).max())
    return Offset(index, anchor.t_ns, round(lag_s * 1e9), snr, motions[0].outward)


def _resting(t_ns: I64, values: F64, motion: Motion) -> F64:
    """(n, D) deviations of the samples at rest from their median, each rest by itself."""
    out = [values[side] - np.median(values[side], axis=0) for side in rests(t_ns, motion) if side.any()]
    return np.concatenate(out) if out else np.zeros((1, values.shape[1]))


def _basis(t_ns: I64, motion: Motion, reference: Reference, lags: F64) -> F64:
    """(L, n, 4) position, its square, acceleration and squared speed of the reference, a lag before each stamp; mean free."""
    ref_ns, along = reference.along(motion)
    count = max(4, int((ref_ns[-1] - ref_ns[0]) * 1e-9 * _GRID_HZ))
    grid = ref_ns[0] + np.round(np.arange(count) * (1e9 / _GRID_HZ)).astype(np.int64)
    q = lowpass(lerp_at(ref_ns, along, grid) - along[0], rate_hz=_GRID_HZ, cutoff_hz=_CUTOFF_HZ)
    speed = np.gradient(q) * _GRID_HZ
    terms = np.stack([q, q**2, np.gradient(speed) * _GRID_HZ, speed**2], axis=1)
    terms = terms / np.maximum(np.abs(terms).max(axis=0), 1e-12)
    at = t_ns[None, :] - np.round(lags * 1e9).astype(np.int64)[:, None]
    basis = lerp_at(grid, terms, at.ravel()).reshape(len(lags), len(t_ns), 4)
    return np.asarray(basis - basis.mean(axis=1, keepdims=True))


def _unexplained(bases: F64, force: F64) -> F64:
    """(L,) what least squares leaves of the force at each lag."""
    normal = np.einsum("lni,lnj->lij", bases, bases) + 1e-9 * np.eye(bases.shape[2])
    right = np.einsum("lni,nd->lid", bases, force)
    coefficients = np.linalg.solve(normal, right)
    return np.asarray((force**2).sum() - np.einsum("lid,lid->l", coefficients, right))
