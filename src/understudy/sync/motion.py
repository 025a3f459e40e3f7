"""Sharp motions in a recording: from rest to rest within half a second, there and not back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from understudy.errors import SyncError
from understudy.geom.arrays import F64, I64, frozen_f64

LEAST_SPEED = 0.5
LEAST_CHANGE = 0.05
MOST_LASTS_S = 0.6
LEAST_REST_S = 0.15
MOST_REST_S = 0.5
_SPAN_S = 0.015
_JOIN_S = 0.04
_QUIETS = 8.0
_RESTLESS = 0.25
_MOST = 1e12
"""No sensor measures more in any unit of ours."""


@dataclass(frozen=True)
class Motion:
    """One sharp motion, as the reference stream saw it.

    Attributes:
        start_ns, end_ns: where its speed rises over and falls under the noise, on the reference stream's stamps.
        before_s, after_s: rest on both sides, at most `MOST_REST_S`.
        change: (D,) value after minus value before.
        outward: whether it goes the way of the first motion along the same line; false for the way back.
    """

    start_ns: int
    end_ns: int
    before_s: float
    after_s: float
    change: F64 = field(repr=False)
    outward: bool = True

    @property
    def direction(self) -> F64:
        """(D,) unit vector of the outward way."""
        size = float(np.linalg.norm(self.change))
        return np.asarray(self.change / size if self.outward else -self.change / size)


def find_motions(
    t_ns: I64, values: F64, *, least_speed: float = LEAST_SPEED, least_change: float = LEAST_CHANGE
) -> tuple[Motion, ...]:
    """Sharp motions in the encoders, or in any stream of positions.

    Args:
        t_ns: (N,) increasing stamps.
        values: (N, D) joint angles, rad.
        least_speed: of the fastest joint at the peak, rad/s.
        least_change: of the values from rest to rest, rad.

    Returns:
        Motions in the order of time; empty where nothing is sharp, or nothing rests.

    Raises:
        SyncError: stamps and values do not fit, or are not numbers.
    """
    check_samples(t_ns, values, "motions")
    if len(t_ns) < 20:
        return ()
    t_s = (t_ns - t_ns[0]) * 1e-9
    speed = _speed(t_s, values)
    quiet = float(np.median(speed))
    joined = _joined(t_s, speed > max(_QUIETS * quiet, 0.08 * least_speed))
    stretches = [(a, b) for a, b in joined if speed[a : b + 1].max() > _RESTLESS * least_speed]
    found: list[Motion] = []
    for k, (a, b) in enumerate(stretches):
        left = t_s[stretches[k - 1][1]] if k else t_s[0]
        right = t_s[stretches[k + 1][0]] if k + 1 < len(stretches) else t_s[-1]
        before_s, after_s = (min(float(s), MOST_REST_S) for s in (t_s[a] - left, right - t_s[b]))
        if min(before_s, after_s) < LEAST_REST_S or t_s[b] - t_s[a] > MOST_LASTS_S or speed[a : b + 1].max() < least_speed:
            continue
        rest_a = values[(t_s >= t_s[a] - before_s) & (t_s <= t_s[a])]
        rest_b = values[(t_s >= t_s[b]) & (t_s <= t_s[b] + after_s)]
        change = np.median(rest_b, axis=0) - np.median(rest_a, axis=0)
        if float(np.linalg.norm(change)) >= least_change:
            outward = _outward(change, found)
            found.append(Motion(int(t_ns[a]), int(t_ns[b]), before_s, after_s, frozen_f64(change), outward))
    return tuple(found)


def check_samples(t_ns: I64, values: F64, where: str) -> None:
    """Refuse samples that no landmark can be read from.

    Raises:
        SyncError: with what was found.
    """
    if t_ns.ndim != 1 or t_ns.dtype != np.int64 or values.ndim != 2 or len(values) != len(t_ns):
        raise SyncError(f"{where}: stamps {t_ns.dtype} {t_ns.shape} and values {values.shape}; int64 (N,) and (N, D) are needed")
    if len(t_ns) and (np.abs(t_ns.astype(np.float64)).max() > 2.0**62 or (np.diff(t_ns) <= 0).any()):
        raise SyncError(f"{where}: stamps must increase and be stamps; sort the stream, or take out what came twice")
    wrong = ~np.isfinite(values) | (np.abs(np.nan_to_num(values)) > _MOST)
    if wrong.any():
        raise SyncError(f"{where}: {int(wrong.any(axis=1).sum())} samples are not numbers, or over {_MOST:g}; leave them out")


def _outward(change: F64, before: list[Motion]) -> bool:
    """Whether a change goes the way of the first motion on its line."""
    size = float(np.linalg.norm(change))
    for other in before:
        along = float(change @ other.direction) / size
        if abs(along) > 0.9:
            return along > 0.0
    return True


def _speed(t_s: F64, values: F64) -> F64:
    """(N,) speed of the fastest column, over about 30 ms."""
    step = max(1, round(_SPAN_S / max(float(np.median(np.diff(t_s))), 1e-6)))
    last = len(t_s) - 1
    a, b = np.clip(np.arange(len(t_s)) - step, 0, last), np.clip(np.arange(len(t_s)) + step, 0, last)
    return np.asarray(np.abs(values[b] - values[a]).max(axis=1) / np.maximum(t_s[b] - t_s[a], 1e-6))


def _joined(t_s: F64, moving: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """First and last index of every stretch that moves; short breaks are none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], moving, [False]]).astype(np.int8)))
    out: list[tuple[int, int]] = []
    for a, b in zip(edges[::2].tolist(), (edges[1::2] - 1).tolist(), strict=True):
        if out and t_s[a] - t_s[out[-1][1]] < _JOIN_S:
            out[-1] = (out[-1][0], b)
        else:
            out.append((a, b))
    return out
