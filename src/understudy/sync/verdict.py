"""Whether all streams of a take show the same motions at the same time: medians, how sure they are, and the gate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from understudy.errors import SyncError
from understudy.geom.arrays import F64
from understudy.sync.offset import Offset

GATE_NS = 5_000_000
LEAST_MOTIONS = 5
CONFIDENCE = 0.95
_MEDIAN_COST = 1.2533
"""Standard error of a median over that of a mean, for Gaussian noise: sqrt(pi / 2)."""
_MOST_MORE = 200
_MANY = 16
_CHANCES = 50
"""A drift is believed where noise alone would show one in a thousand takes: 95 % shared among fifty."""
_DRIFT_SPAN_S = 5.0

Answer = Literal["pass", "fail", "undecided"]


@dataclass(frozen=True)
class StreamSync:
    """One stream against the reference.

    Attributes:
        key: `group/name`.
        motions: how many of them it showed.
        offset_ns: median lateness; of the ways out and back apart, then the mean of both.
        spread_ns: standard deviation of one motion's offset; from the median deviation where there are 16 motions or more.
        low_ns, high_ns: 95 % confidence interval of `offset_ns`.
        drift_ppm: how fast the offset grows; None where the motions span under 5 s or it cannot be told from 0.
        span_s: from the first motion to the last.
        free: degrees of freedom of the interval: motions less the medians taken.
    """

    key: str
    motions: int
    offset_ns: int
    spread_ns: int
    low_ns: int
    high_ns: int
    drift_ppm: float | None = None
    span_s: float = 0.0
    free: int = 1

    @property
    def ends_ns(self) -> tuple[float, float]:
        """The offset at the first and at the last motion: apart where it drifts."""
        half = (self.drift_ppm or 0.0) * self.span_s * 500.0
        return self.offset_ns - half, self.offset_ns + half


@dataclass(frozen=True)
class SyncVerdict:
    """What the gate says.

    Attributes:
        answer: `pass`, `fail`, or `undecided`: repeat with more motions.
        reference: key of the stream all were held against.
        range_ns: largest less smallest median, the reference's 0 among them.
        low_ns, high_ns: confidence interval of that.
        gate_ns: what it was held against.
        streams: the streams that showed at least `LEAST_MOTIONS`, by key.
        more: about how many more motions would decide; 0 where it is decided.
        reason: one sentence.
    """

    answer: Answer
    reference: str
    range_ns: int
    low_ns: int
    high_ns: int
    gate_ns: int
    streams: tuple[StreamSync, ...]
    more: int
    reason: str


def stream_sync(key: str, offsets: Sequence[Offset]) -> StreamSync:
    """Median and spread of one stream's offsets, with a 95 % interval.

    A thing that is seen crooked (a lens, a hand that turns) shows half way early on the way out and late on the way back, or
    the other way round; the mean of both medians is free of that.

    Args:
        key: of the stream. offsets: at least two.

    Raises:
        SyncError: fewer than two.
    """
    if len(offsets) < 2:
        raise SyncError(f"stream {key}: {len(offsets)} motions; an interval needs two, the gate {LEAST_MOTIONS}")
    ordered = sorted(offsets, key=lambda o: (o.t_ns, o.motion))
    values = np.array([o.offset_ns for o in ordered], dtype=np.float64)
    outward = np.array([o.outward for o in ordered])
    t_s = np.array([(o.t_ns - ordered[0].t_ns) * 1e-9 for o in ordered])
    drift_ppm, flat = _without_drift(t_s, values, outward)
    groups = [flat[outward], flat[~outward]] if min(outward.sum(), (~outward).sum()) >= 2 else [flat]
    middle = float(np.mean([np.median(g) for g in groups]))
    spread = _spread(np.concatenate([g - np.median(g) for g in groups]), len(groups))
    error = _MEDIAN_COST * spread * math.sqrt(sum(1.0 / len(g) for g in groups)) / len(groups)
    free, span_s = len(flat) - len(groups), float(t_s[-1])
    half = _t_quantile(free) * error
    return StreamSync(
        key=key,
        motions=len(values),
        offset_ns=round(middle),
        spread_ns=round(spread),
        low_ns=round(middle - half),
        high_ns=round(middle + half),
        drift_ppm=drift_ppm,
        span_s=span_s,
        free=free,
    )


def judge_sync(
    offsets: Mapping[str, Sequence[Offset]], *, reference: str, gate_ns: int = GATE_NS, least_motions: int = LEAST_MOTIONS
) -> SyncVerdict:
    """The verdict on all streams.

    It passes where every pair of medians surely differs by less than the gate, fails where one pair surely differs by more (surer
    the more pairs there are to choose from), and is undecided in between.

    Args:
        offsets: key to what was found in that stream; the reference itself is left out.
        reference: key of the reference.
        gate_ns: most that two medians may differ by.
        least_motions: a stream with fewer decides nothing.

    Returns:
        The verdict; undecided where no stream has enough motions.
    """
    streams = tuple(stream_sync(k, offsets[k]) for k in sorted(offsets) if len(offsets[k]) >= max(2, least_motions))
    if not streams:
        most = max((len(found) for found in offsets.values()), default=0)
        reason = f"no stream besides {reference} shows {least_motions} sharp motions (the most is {most})"
        return SyncVerdict("undecided", reference, 0, 0, 0, gate_ns, (), least_motions - min(most, least_motions - 1), reason)
    itself = StreamSync(reference, 10**6, 0, 0, 0, 0, free=10**6)
    pairs = [_pair(a, b) for a, b in combinations((itself, *streams), 2)]
    widest = max(pairs, key=lambda p: (p.apart, p.error))
    low = max(0.0, max(p.apart - _t_quantile(p.free, tests=len(pairs)) * p.error for p in pairs))
    high = max(p.apart + _t_quantile(p.free) * p.error for p in pairs)
    answer: Answer = "fail" if low > gate_ns else "pass" if high < gate_ns else "undecided"
    more = 0 if answer != "undecided" else max(_more(p, gate_ns, tests=len(pairs)) for p in pairs)
    reason = _reason(answer, widest, low, high, gate_ns, more)
    return SyncVerdict(answer, reference, round(widest.apart), round(low), round(high), gate_ns, streams, more, reason)


@dataclass(frozen=True)
class _Pair:
    a: str
    b: str
    apart: float
    error: float
    motions: int
    free: int


def _pair(a: StreamSync, b: StreamSync) -> _Pair:
    """Two streams, as far apart as they ever are: at the take's beginning or end where one drifts."""
    apart = max(abs(x - y) for x, y in zip(a.ends_ns, b.ends_ns, strict=True))
    return _Pair(a.key, b.key, apart, math.hypot(_error_of(a), _error_of(b)), min(a.motions, b.motions), min(a.free, b.free))


def _reason(answer: Answer, widest: _Pair, low: float, high: float, gate_ns: int, more: int) -> str:
    early_late = f"{widest.a} and {widest.b} are {widest.apart * 1e-6:.2f} ms apart"
    sure = f"95 % interval {low * 1e-6:.2f} to {high * 1e-6:.2f} ms, gate {gate_ns * 1e-6:g} ms"
    again = f"; repeat with about {more} more motions" if answer == "undecided" else ""
    return f"{early_late} ({sure}){again}"


def _error_of(stream: StreamSync) -> float:
    return max(1.0, (stream.high_ns - stream.low_ns) / 2.0 / _t_quantile(stream.free))


def _more(pair: _Pair, gate_ns: int, *, tests: int) -> int:
    """About how many more motions would decide a pair; 0 where it is decided."""
    away = abs(pair.apart - gate_ns)
    side = tests if pair.apart > gate_ns else 1
    half = _t_quantile(pair.free, tests=side) * pair.error
    if half < away:
        return 0
    needed = pair.motions * (half / max(away, 1.0)) ** 2
    return min(_MOST_MORE, max(1, math.ceil(needed) - pair.motions))


def _spread(residuals: F64, groups: int) -> float:
    """Standard deviation; of many from the median deviation, so that a single wrong landmark does not hide what the rest say."""
    free = max(1, len(residuals) - groups)
    plain = math.sqrt(float((residuals**2).sum()) / free)
    if len(residuals) < _MANY:
        return plain
    robust = 1.4826 * float(np.median(np.abs(residuals))) * math.sqrt(len(residuals) / free)
    return max(robust, 0.5 * plain)


def _without_drift(t_s: F64, values: F64, outward: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[float | None, F64]:
    """Slope in ppm where it is surely one, and the values without it, as they are in the middle of all motions."""
    if len(t_s) < LEAST_MOTIONS or t_s[-1] - t_s[0] < _DRIFT_SPAN_S:
        return None, values
    columns = [np.ones(len(t_s)), t_s - t_s.mean()]
    if 2 <= outward.sum() <= len(t_s) - 2:
        columns.append(outward - outward.mean())
    design = np.stack(columns, axis=1)
    if np.linalg.matrix_rank(design) < design.shape[1] or len(t_s) <= design.shape[1]:
        return None, values
    solved = np.linalg.lstsq(design, values, rcond=None)[0]
    left = values - design @ solved
    variance = float(left @ left) / (len(t_s) - design.shape[1]) * float(np.linalg.inv(design.T @ design)[1, 1])
    slope = float(solved[1])
    if abs(slope) <= _t_quantile(len(t_s) - design.shape[1], tests=_CHANCES) * math.sqrt(variance):
        return None, values
    return slope * 1e-3, np.asarray(values - slope * design[:, 1])


def _t_quantile(free: int, *, tests: int = 1) -> float:
    """Two-sided Student quantile at 95 %, shared among `tests`.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.23 and 26.7.5; exact for 1 and 2 degrees.
    """
    tail = (1.0 - CONFIDENCE) / 2.0 / tests
    free = max(1, free)
    if free == 1:
        return math.tan(math.pi * (0.5 - tail))
    if free == 2:
        return (1.0 - 2.0 * tail) / math.sqrt(2.0 * tail * (1.0 - tail))
    z = _normal_quantile(tail)
    z3, z5, z7 = z**3, z**5, z**7
    return (
        z
        + (z3 + z) / (4 * free)
        + (5 * z5 + 16 * z3 + 3 * z) / (96 * free**2)
        + (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * free**3)
    )


def _normal_quantile(tail: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(1.0 - tail)
