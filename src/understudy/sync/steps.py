"""Where a clock was set: a jump between two stretches that each run smoothly."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, Bool

STEP_NS = 1_000_000
"""A jump over this is a step; a smaller one is in the bound."""
_WINDOW = 10
_SIGMAS = 6.0


def lone(y: F64, spread: F64) -> Bool:
    """(N,) values that stand alone: over 1 ms and their own spread away from the median of the eleven around them."""
    around = _running_median(y)
    usual = float(np.median(spread))
    return np.asarray(np.abs(y - around) > spread + usual + STEP_NS)


def step_places(t: F64, below: F64, above: F64) -> list[int]:
    """Indices at which a clock was set, in order; the clock is one line between each two.

    Windows on both sides of each place are compared: the middle between their tightest fences. They widen until the link's
    noise leaves 1 ms visible, or a quarter of everything is in each.

    Args:
        t: (N,) ns, increasing. below, above: (N,) fences of host minus device, ns; the same where there is only one side.
    """
    window = min(_WINDOW, len(t) // 4)
    while window >= 3:
        jump = _jumps(t, below, above, window)
        noise = 1.4826 * float(np.median(np.abs(jump - np.median(jump))))
        limit = max(STEP_NS, _SIGMAS * noise)
        found = _peaks(np.abs(jump), limit, window)
        if found or _SIGMAS * noise <= STEP_NS or 2 * window > len(t) // 4:
            return [_exact(0.5 * (below + above), k + window, window) for k in found]
        window *= 2
    return []


def spaced(places: list[int], count: int, *, least: int) -> list[int]:
    """0, the places, `count`: without those that would leave a stretch too short for a fit. Such stay in its bound."""
    bounds = [0]
    for place in sorted(set(places)):
        if place - bounds[-1] >= least and count - place >= least:
            bounds.append(place)
    return [*bounds, count]


def _jumps(t: F64, below: F64, above: F64, window: int) -> F64:
    """(N - 2 W + 1,) middle after minus middle before, without the drift between."""
    for _ in range(2):  # fences of a drifting clock move within a window: once to learn the drift, once without it
        low = np.lib.stride_tricks.sliding_window_view(below, window).max(axis=1)
        high = np.lib.stride_tricks.sliding_window_view(above, window).min(axis=1)
        middle = 0.5 * (low + high)
        centre = np.lib.stride_tricks.sliding_window_view(t, window).mean(axis=1)
        jump = middle[window:] - middle[:-window]
        slope = float(np.median(jump / np.maximum(centre[window:] - centre[:-window], 1.0)))
        below, above = below - slope * t, above - slope * t
    return np.asarray(jump - slope * (centre[window:] - centre[:-window]))


def _peaks(size: F64, limit: float, window: int) -> list[int]:
    left, found = size.copy(), []
    while len(left) and left.max() > limit:
        k = int(np.argmax(left))
        found.append(k)
        left[max(0, k - window) : k + window + 1] = 0.0
    return sorted(found)


def _exact(y: F64, near: int, window: int) -> int:
    """The place within a window of `near` that parts `y` best into two levels."""
    a, b = max(0, near - window), min(len(y), near + window)
    part = y[a:b]
    costs = [_scatter(part[:k]) + _scatter(part[k:]) for k in range(1, len(part))]
    return a + 1 + int(np.argmin(costs))


def _scatter(values: F64) -> float:
    return float(np.abs(values - np.median(values)).sum())


def _running_median(y: F64, width: int = 11) -> F64:
    width = min(width, len(y) - 1 + len(y) % 2)
    half = width // 2
    padded = np.concatenate([y[:half][::-1], y, y[len(y) - half :][::-1]])
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)[: len(y)])
