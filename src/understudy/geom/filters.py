"""Zero-phase filters and derivatives of sampled signals."""

from __future__ import annotations

import numpy as np

from understudy.errors import ShapeError
from understudy.geom.arrays import F64, I64


def lowpass(values: F64, *, rate_hz: float, cutoff_hz: float, order: int = 2) -> F64:
    """Butterworth low-pass run forward and backward along the first axis, so that nothing is delayed.

    Both passes at once, as the gain 1 / (1 + (f / fc)^(2 order)) on the spectrum (with the bilinear transform's frequency
    scale); the ends are continued by point reflection. Loading scipy.signal for two filters would cost every command half a
    second.

    Args:
        values: (T, ...) samples at an even rate.
        rate_hz: samples per second.
        cutoff_hz: -3 dB point of one pass; at or above half the rate the signal is returned unchanged.
        order: order of one pass.

    Returns:
        (T, ...) filtered copy.

    Raises:
        ShapeError: `rate_hz` or `cutoff_hz` is not positive.
    """
    if rate_hz <= 0 or cutoff_hz <= 0:
        raise ShapeError(f"low-pass needs a positive rate and cut-off, got {rate_hz} Hz and {cutoff_hz} Hz")
    if cutoff_hz >= rate_hz / 2 or len(values) < 4:
        return values.copy()
    pad, padded = _continued(values, int(3 * rate_hz / cutoff_hz))
    return _weighed(padded, _gain(len(padded), rate_hz, cutoff_hz, order))[pad : pad + len(values)]


def band(values: F64, *, rate_hz: float, low_hz: float, high_hz: float) -> F64:
    """(T, ...) what `lowpass` lets through at `high_hz`, less what it then lets through at `low_hz`; both at once.

    Args:
        values: (T, ...) samples at an even rate.
        rate_hz: samples per second.
        low_hz, high_hz: -3 dB points of one pass of the two; one at or above half the rate lets everything through.

    Raises:
        ShapeError: `rate_hz` or a cut-off is not positive.
    """
    if rate_hz <= 0 or low_hz <= 0 or high_hz <= 0:
        raise ShapeError(f"a band needs a positive rate and cut-offs, got {rate_hz} Hz, {low_hz} Hz and {high_hz} Hz")
    if low_hz >= rate_hz / 2 or len(values) < 4:
        return np.zeros_like(values)
    pad, padded = _continued(values, int(3 * rate_hz / low_hz))
    gain = 1.0 - _gain(len(padded), rate_hz, low_hz, 2)
    if high_hz < rate_hz / 2:
        gain *= _gain(len(padded), rate_hz, high_hz, 2)
    return _weighed(padded, gain)[pad : pad + len(values)]


def _continued(values: F64, pad: int) -> tuple[int, F64]:
    """Samples continued at both ends by point reflection, and by how many before the first.

    Behind the last there may be more: a length without large prime factors has its spectrum in a fraction of the time.
    """
    longest = len(values) - 1
    pad = min(longest, pad)
    behind = _quick(len(values) + 2 * pad) - len(values) - pad
    behind = behind if behind <= longest else pad
    before = 2.0 * values[0] - values[pad:0:-1]
    after = 2.0 * values[-1] - values[-2::-1][:behind]
    return pad, np.concatenate([before, values, after])


def _quick(length: int) -> int:
    """The next length that is a product of twos, threes and fives."""
    best = 1 << (length - 1).bit_length()
    fives = 1
    while fives < best:
        threes = fives
        while threes < best:
            rest = -(-length // threes)
            best = min(best, threes << (rest - 1).bit_length())
            threes *= 3
        fives *= 5
    return best


def _gain(length: int, rate_hz: float, cutoff_hz: float, order: int) -> F64:
    """What both passes of a Butterworth low-pass leave of each frequency of a spectrum."""
    warped = np.tan(np.pi * np.fft.rfftfreq(length, 1.0 / rate_hz) / rate_hz) / np.tan(np.pi * cutoff_hz / rate_hz)
    return np.asarray(1.0 / (1.0 + warped ** (2 * order)))


def _weighed(values: F64, gain: F64) -> F64:
    """Samples whose frequencies are multiplied by a gain."""
    spectrum = np.fft.rfft(values, axis=0) * gain.reshape((-1,) + (1,) * (values.ndim - 1))
    return np.asarray(np.fft.irfft(spectrum, n=len(values), axis=0))


def derivative(values: F64, t_ns: I64) -> F64:
    """(T, ...) first derivative per second by central differences, one-sided at the ends; zero for one sample."""
    if len(values) < 2:
        return np.zeros_like(values)
    since_s = (t_ns - t_ns[0]) * 1e-9  # seconds since 1970 as a float are good to a quarter of a microsecond only
    steps_s = np.diff(since_s)
    if len(values) < 3 or values.dtype != np.float64 or (steps_s == steps_s[0]).all():
        return np.asarray(np.gradient(values, since_s, axis=0))
    return _uneven(values, steps_s.reshape((-1,) + (1,) * (values.ndim - 1)))


def _uneven(values: F64, steps_s: F64) -> F64:
    """What `np.gradient` says of samples (T, ...) at uneven steps (T - 1, 1 ...), with a fraction of the memory that it takes."""
    before, after = steps_s[:-1], steps_s[1:]
    out = np.empty_like(values)
    inner = out[1:-1]
    np.multiply(-after / (before * (before + after)), values[:-2], out=inner)
    part = (after - before) / (before * after) * values[1:-1]
    inner += part
    inner += np.multiply(before / (after * (before + after)), values[2:], out=part)
    out[0] = (values[1] - values[0]) / steps_s[0]
    out[-1] = (values[-1] - values[-2]) / steps_s[-1]
    return out
