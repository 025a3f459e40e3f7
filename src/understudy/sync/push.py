"""A clock of a device that only sends: the line of least delay under its arrivals."""

from __future__ import annotations

import numpy as np

from understudy.errors import SyncError
from understudy.geom.arrays import F64, I64, Bool
from understudy.spec.clock import MOST_DRIFT_PPM, MOST_NS, ClockModel, ClockPiece, DeviceClock, checked_stamps, to_host_ns
from understudy.sync.envelope import Line, line_under
from understudy.sync.ping import said_steps
from understudy.sync.steps import STEP_NS, spaced, step_places

LEAST_STAMPS = 20
_WINDOWS = 12
_BLOCKS = 400


def fit_push(t_device_ns: I64, t_arrival_ns: I64, *, source: str, latency_ns: int = 0) -> ClockModel:
    """The clock of a device that only sends, for one whose clock was not set meanwhile.

    The line is laid under `arrival - device`, so it runs through the samples that were held up least. What even those took
    cannot be told from here: it is in the stream's latency, which calibration finds (`understudy sync calibrate`).

    Args:
        t_device_ns: (N,) device stamps, N >= `LEAST_STAMPS`, in any order.
        t_arrival_ns: (N,) host stamps of arrival.
        source: name of the device.
        latency_ns: from calibration, kept in the model.

    Raises:
        SyncError: too few or senseless stamps; the clock stepped by over 1 ms; it runs over 1000 ppm off.
    """
    clock = fit_push_pieces(t_device_ns, t_arrival_ns, source=source, latency_ns=latency_ns)
    if len(clock.pieces) > 1:
        raise SyncError(
            f"clock of {source!r}: {said_steps(clock)}. One line cannot describe it: fit it in pieces, "
            "or keep the device's time service from setting its clock during a take"
        )
    return clock.pieces[0].model


def fit_push_pieces(t_device_ns: I64, t_arrival_ns: I64, *, source: str, latency_ns: int = 0) -> DeviceClock:
    """The clock in pieces, one between each two steps.

    Raises:
        SyncError: as `fit_push`, but not for steps.
    """
    where = f"clock of {source!r}"
    device, arrival = checked_stamps(t_device_ns, where), checked_stamps(t_arrival_ns, f"{where}, arrival")
    if device.shape != arrival.shape or len(device) < LEAST_STAMPS:
        raise SyncError(f"{where}: {len(device)} device stamps, {len(arrival)} of arrival; {LEAST_STAMPS} pairs are needed")
    order = np.lexsort((device, arrival))
    device, arrival = device[order], arrival[order]
    base = int(arrival[0] - device[0])
    delay = (arrival - device - base).astype(np.float64)
    kept = ~_too_early(delay)
    device, arrival, delay = device[kept], arrival[kept], delay[kept]
    bounds = spaced(_steps(arrival, delay), len(device), least=LEAST_STAMPS)
    pieces: list[ClockPiece] = []
    begun = 0
    for a, b in zip(bounds, bounds[1:], strict=False):
        model = _fit(device[a:b], delay[a:b], base, source, latency_ns)
        start = -MOST_NS if a == 0 else int((arrival[a - 1] + arrival[a]) // 2)
        if pieces and not _stepped(pieces[-1].model, model, device[a : a + 1]):
            start, a = pieces.pop().from_ns, begun
            model = _fit(device[a:b], delay[a:b], base, source, latency_ns)
        pieces.append(ClockPiece(start, model))
        begun = a
    return DeviceClock(source, tuple(pieces))


def _stepped(before: ClockModel, after: ClockModel, t_device_ns: I64) -> bool:
    """Whether the two clocks differ by over 1 ms, and over their bounds, where they meet."""
    jump = abs(int((to_host_ns(after, t_device_ns) - to_host_ns(before, t_device_ns))[0]))
    return jump > STEP_NS and jump > before.bound_ns + after.bound_ns


def _too_early(delay: F64) -> Bool:
    """(N,) samples that arrived over 1 ms before all ten on either side would have: not early, but wrongly stamped."""
    around = min(10, (len(delay) - 1) // 2)
    padded = np.concatenate([np.full(around, np.inf), delay, np.full(around, np.inf)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, around)
    before, after = windows[: len(delay)].min(axis=1), windows[around + 1 :].min(axis=1)
    # where the clock was set the one side is lower for good; only what is below both stands alone
    nearest = np.minimum(before, after)
    ordinary = np.sort(np.stack([before, after]), axis=0)[0]
    scatter = float(np.median(np.abs(delay - np.median(delay))))
    return np.asarray((delay < nearest - max(STEP_NS, 3.0 * min(scatter, 1e7))) & np.isfinite(ordinary))


def _steps(arrival: I64, delay: F64) -> list[int]:
    """Indices where the clock was set, found on the least delays of blocks."""
    count = min(_BLOCKS, len(delay) // 3)
    starts = np.unique(np.linspace(0, len(delay), count, endpoint=False).astype(np.intp))
    least = np.minimum.reduceat(delay, starts)
    t = (arrival[starts] - arrival[0]).astype(np.float64)
    found = []
    for block in step_places(t, least, least):
        a = int(starts[max(0, block - 2)])
        b = int(starts[block + 1]) if block + 1 < len(starts) else len(delay)
        found.append(a + 1 + _cut(delay[a:b]))
    return found


def _cut(delay: F64) -> int:
    """Where a stretch of delays parts best into two levels."""
    costs = [_above_least(delay[:k]) + _above_least(delay[k:]) for k in range(1, len(delay))]
    return int(np.argmin(costs))


def _above_least(values: F64) -> float:
    return float((values - values.min()).sum())


def _fit(device: I64, delay: F64, base: int, source: str, latency_ns: int) -> ClockModel:
    order = np.argsort(device, kind="stable")
    first = int(device[order[0]])
    x, y = (device[order] - first).astype(np.float64), delay[order]
    line = line_under(x, y)
    bound, slope_off = _bound(x, y, line)
    if abs(line.slope) > MOST_DRIFT_PPM * 1e-6 and slope_off > abs(line.slope):
        line = Line(float(y.min()), 0.0, line.x_ref)  # too short a stretch to tell a rate
        bound, _ = _bound(x, y, line)
    drift_ppm = line.slope * 1e6
    if abs(drift_ppm) > MOST_DRIFT_PPM:
        raise SyncError(
            f"clock of {source!r}: it runs {drift_ppm:.0f} ppm off the host's (at most {MOST_DRIFT_PPM:g} is a clock); "
            "does it count in nanoseconds, and are both columns of the same samples?"
        )
    at = round(line.x_ref)
    offset = base + round(float(line.at(np.array([float(at)]))[0]))
    return ClockModel(source, "push", offset, drift_ppm, first + at, round(bound), len(device), latency_ns)


def _bound(x: F64, y: F64, line: Line) -> tuple[float, float]:
    """How far the line lies under the least delay of any of a few windows, ns, and what that says of its slope."""
    over = y - line.at(x)
    edges = np.unique(np.linspace(0, len(x), min(_WINDOWS, max(2, len(x) // 8)) + 1).astype(np.intp))
    least = np.array([float(over[a:b].min()) for a, b in zip(edges, edges[1:], strict=False)])
    reach = max(float(x[-1] - x[0]), 1.0)
    return float(least.max()), float(least[0] + least[-1] + 2e4) / reach
