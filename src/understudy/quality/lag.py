"""How late one signal is against another that shows the same motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.interpolation import lerp_at

_RATE_HZ = 200.0
_MOST_LAG_S = 0.25
_SHORTEST_S = 1.0
_COLUMNS = 8


@dataclass(frozen=True)
class Lag:
    """A delay between two signals.

    Attributes:
        lag_s: how much later the second shows what the first does; negative where it is earlier.
        likeness: correlation there, 1 for signals that are the same but for the delay.
        sharpness: how much less it is 10 ms to either side, as a share of 1: what is hardly less says little.
    """

    lag_s: float
    likeness: float
    sharpness: float


def lag_between(a: tuple[I64, F64], b: tuple[I64, F64], *, start_ns: int | None = None, end_ns: int | None = None) -> Lag | None:
    """The delay of `b` after `a`; None where the two overlap for under a second or one of them stands still.

    Both are brought to 200 Hz, without their means; of many columns those that change most are taken.

    Args:
        a, b: (N,) stamps and (N, C) samples of the same quantity.
        start_ns, end_ns: stretch to look at; all of both without.
    """
    first = max(int(a[0][0]), int(b[0][0]), start_ns if start_ns is not None else -(2**62))
    last = min(int(a[0][-1]), int(b[0][-1]), end_ns if end_ns is not None else 2**62)
    if (last - first) * 1e-9 < _SHORTEST_S:
        return None
    at_ns = np.arange(first, last, round(1e9 / _RATE_HZ), dtype=np.int64)
    x, y = _sampled(a, b, at_ns)
    scale_x, scale_y = float(np.sqrt((x**2).sum())), float(np.sqrt((y**2).sum()))
    if scale_x <= 0 or scale_y <= 0:
        return None
    return _peak(_correlation(x, y) / (scale_x * scale_y))


def _sampled(a: tuple[I64, F64], b: tuple[I64, F64], at_ns: I64) -> tuple[F64, F64]:
    """(M, C) both at the same times, without their means, of the columns of `a` that change most."""
    columns = np.sort(np.argsort(-a[1].std(axis=0))[:_COLUMNS])
    x, y = lerp_at(a[0], a[1][:, columns], at_ns), lerp_at(b[0], b[1][:, columns], at_ns)
    return x - x.mean(axis=0), y - y.mean(axis=0)


def _correlation(x: F64, y: F64) -> F64:
    """(2 K + 1,) sum over time and columns of x(t) y(t + lag), lags from -K to K steps."""
    most = round(_MOST_LAG_S * _RATE_HZ)
    size = _fast(len(x) + most)
    spectrum = (np.conj(np.fft.rfft(x, size, axis=0)) * np.fft.rfft(y, size, axis=0)).sum(axis=1)
    whole = np.fft.irfft(spectrum, size)
    return np.concatenate([whole[-most:], whole[: most + 1]])


def _fast(least: int) -> int:
    """The next length that a Fourier transform likes: 2, 3 and 5 alone divide it."""
    best = 1 << (least - 1).bit_length()
    for three in (1, 3, 9):
        for five in (1, 5):
            size = three * five
            while size < least:
                size *= 2
            best = min(best, size)
    return best


def _peak(curve: F64) -> Lag:
    """The highest point, between steps by a parabola."""
    middle, at = len(curve) // 2, int(np.argmax(curve))
    shift = 0.0
    if 0 < at < len(curve) - 1:
        left, top, right = curve[at - 1 : at + 2]
        bend = left - 2.0 * top + right
        shift = 0.5 * float(left - right) / float(bend) if bend < 0 else 0.0
    near = round(0.01 * _RATE_HZ)
    sides = [curve[i] for i in (at - near, at + near) if 0 <= i < len(curve)]
    return Lag((at + shift - middle) / _RATE_HZ, float(curve[at]), float(curve[at] - max(sides)))
