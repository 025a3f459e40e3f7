"""Which pulse exposed which frame, and what became of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.errors import DeviceError, ShapeError
from understudy.geom.arrays import F64, I64, AnyArray

_WINDOW = 15
"""Frames over which stamps that are far off are outvoted: up to seven in a row. What only ever goes up or down, as offsets do
with every missed exposure, passes a median unchanged."""

_ALMOST_ONE = 0.95
"""A delay of a larger part of a period is taken for one just below 0."""


@dataclass(frozen=True)
class FrameMatch:
    """Frames and pulses laid together.

    Attributes:
        pulse: (N,) index of the pulse that exposed each frame; -1 where there is none.
        delay_ns: from a pulse to the stamp of its frame, middle of all.
        spread_ns: (N,) what each frame's stamp is off from that; 0 where it has no pulse.
        missed: (K,) pulses between the first frame and the last that exposed nothing: the camera did not see them, or was busy.
        lost: (L,) pulses whose frame was exposed and never came: the camera's counter passed over it.
        unasked: number of frames without a pulse.
    """

    pulse: I64
    delay_ns: int
    spread_ns: I64
    missed: I64
    lost: I64
    unasked: int

    @property
    def whole(self) -> bool:
        """Whether every pulse has a frame and every frame a pulse."""
        return not (len(self.missed) or len(self.lost) or self.unasked)

    def summary(self) -> str:
        """One sentence for people."""
        frames = int(np.count_nonzero(self.pulse >= 0))
        said = [f"{frames} frames belong to a pulse, {self.delay_ns / 1e6:.1f} ms after it"]
        said += [f"{len(self.missed)} exposures were missed (pulses {_listed(self.missed)})"] if len(self.missed) else []
        said += [f"{len(self.lost)} frames were lost on their way (pulses {_listed(self.lost)})"] if len(self.lost) else []
        said += [f"{self.unasked} frames came without a pulse"] if self.unasked else []
        return "; ".join(said)


def rising_edges(t_ns: I64, level: AnyArray) -> I64:
    """(P,) times at which a logged line went high.

    Args:
        t_ns: (N,) stamps of edges.
        level: (N,) the line after each: 1 high, 0 low.
    """
    return np.asarray(t_ns)[np.asarray(level).astype(np.bool_)]


def match_frames(edges_ns: I64, frame_counters: I64, frame_t_ns: I64, *, expected_delay_s: float | None = None) -> FrameMatch:
    """Lay frames and pulses together, by time and by the camera's counter.

    Time says which pulse is near; the counter says which frames follow each other, and outvotes single stamps that come late. A
    step of one in the counter over two pulses is an exposure that the camera missed; a step of two over two pulses is a frame
    that was exposed and lost.

    Args:
        edges_ns: (P,) rising edges, at least two, increasing.
        frame_counters: (N,) the camera's own frame numbers, increasing.
        frame_t_ns: (N,) stamps of the frames on the same clock: of arrival, or of exposure.
        expected_delay_s: from a pulse to the stamp of its frame, to within half a period; without it, a delay of less than one
            period is taken, which is right for stamps of exposure and for quick cameras.

    Raises:
        ShapeError: counters and stamps differ in number.
        DeviceError: fewer than two pulses, or edges or counters that do not increase.
    """
    edges, counters, t_ns = (np.asarray(a, dtype=np.int64) for a in (edges_ns, frame_counters, frame_t_ns))
    if counters.shape != t_ns.shape or counters.ndim != 1:
        raise ShapeError(f"frames: {counters.shape} counters and {t_ns.shape} stamps; one of each per frame is due")
    if len(edges) < 2 or (np.diff(edges) <= 0).any():
        raise DeviceError(f"trigger: {len(edges)} pulses, or not in order; at least two in increasing order are due")
    if (np.diff(counters) <= 0).any():
        step = int(np.flatnonzero(np.diff(counters) <= 0)[0])
        raise DeviceError(f"camera: its counter goes from {counters[step]} to {counters[step + 1]}; drop what came twice first")
    none = np.zeros(0, dtype=np.int64)
    if not len(t_ns):
        return FrameMatch(none, 0, none, none, none, 0)
    period_s = float(np.median(np.diff(edges))) * 1e-9
    delay_ns = round(_delay(_place(edges, t_ns), period_s, expected_delay_s) * period_s * 1e9)
    pulse = counters + _smoothed(np.round(_place(edges, t_ns - delay_ns)).astype(np.int64) - counters)
    pulse[(pulse < 0) | (pulse >= len(edges))] = -1
    pulse[1:][(np.diff(pulse) <= 0) & (pulse[1:] >= 0)] = -1
    return _told(edges, counters, t_ns, pulse)


def _place(edges: I64, t_ns: I64) -> F64:
    """(N,) times as numbers of pulses: 3.5 is half way from pulse 3 to pulse 4; the rate goes on beyond both ends."""
    index = np.arange(len(edges), dtype=np.float64)
    place = np.interp(t_ns, edges, index)
    period = float(np.median(np.diff(edges)))
    place = np.where(t_ns < edges[0], (t_ns - edges[0]) / period, place)
    return np.where(t_ns > edges[-1], index[-1] + (t_ns - edges[-1]) / period, place)


def _delay(place: F64, period_s: float, expected_s: float | None) -> float:
    """Delay in periods: its fraction is the middle direction of all, its whole part is expected, or none."""
    turn = np.exp(2j * np.pi * place)
    middle = float(np.angle(turn.mean()) / (2.0 * np.pi))
    fraction = middle + float(np.median((place - middle + 0.5) % 1.0 - 0.5))
    if expected_s is None:
        return fraction % 1.0 if fraction % 1.0 < _ALMOST_ONE else fraction % 1.0 - 1.0
    wanted = expected_s / period_s
    return fraction + round(wanted - fraction)


def _smoothed(offset: I64) -> I64:
    """(N,) the same with single strangers outvoted by their neighbours; steps stay where they are."""
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(offset, size=min(_WINDOW, len(offset)), mode="nearest"), dtype=np.int64)


def _told(edges: I64, counters: I64, t_ns: I64, pulse: I64) -> FrameMatch:
    missed, lost = list[int](), list[int]()
    own = np.flatnonzero(pulse >= 0)
    for a, b in zip(own[:-1], own[1:], strict=True):
        between = list(range(int(pulse[a]) + 1, int(pulse[b])))
        passed = min(int(counters[b] - counters[a]) - 1 - (int(b - a) - 1), len(between))
        # which of several pulses was missed and which frame lost cannot be told; those lost are named first
        lost += between[:passed]
        missed += between[passed:]
    late = np.zeros(len(t_ns), dtype=np.int64)
    late[own] = t_ns[own] - edges[pulse[own]]
    delay_ns = round(float(np.median(late[own]))) if len(own) else 0
    late[own] -= delay_ns
    return FrameMatch(
        pulse, delay_ns, late, np.array(missed, dtype=np.int64), np.array(lost, dtype=np.int64), int((pulse < 0).sum())
    )


def _listed(pulses: I64) -> str:
    shown = ", ".join(str(p) for p in pulses[:5])
    return shown if len(pulses) <= 5 else f"{shown}, ..."
