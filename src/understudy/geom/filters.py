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
    pad = min(len(values) - 1, int(3 * rate_hz / cutoff_hz))
    before = 2.0 * values[0] - values[pad:0:-1]
    after = 2.0 * values[-1] - values[-2 : -pad - 2 : -1]
    padded = np.concatenate([before, values, after])
    warped = np.tan(np.pi * np.fft.rfftfreq(len(padded), 1.0 / rate_hz) / rate_hz) / np.tan(np.pi * cutoff_hz / rate_hz)
    gain = 1.0 / (1.0 + warped ** (2 * order))
    spectrum = np.fft.rfft(padded, axis=0) * gain.reshape((-1,) + (1,) * (values.ndim - 1))
    return np.asarray(np.fft.irfft(spectrum, n=len(padded), axis=0)[pad : pad + len(values)])


def derivative(values: F64, t_ns: I64) -> F64:
    """(T, ...) first derivative per second by central differences, one-sided at the ends; zero for one sample."""
    if len(values) < 2:
        return np.zeros_like(values)
    since_s = (t_ns - t_ns[0]) * 1e-9  # seconds since 1970 as a float are good to a quarter of a microsecond only
    return np.asarray(np.gradient(values, since_s, axis=0))
