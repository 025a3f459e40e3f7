"""Decimal text to float64, compiled: the numbers of a motion block, read straight from the file's bytes."""

from __future__ import annotations

import math

import numba
import numpy as np

from understudy.geom.arrays import F64, U8

DONE, NOT_A_NUMBER, HARD = 0, 1, 2

_MAX_EXP = 280
_POW_HI: F64 = np.array([float(10**k) for k in range(_MAX_EXP + 1)])
_POW_LO: F64 = np.array([float(10**k - int(float(10**k))) for k in range(_MAX_EXP + 1)])
"""10**k = _POW_HI[k] + _POW_LO[k] to twice the precision of a float."""

_SPLIT = 134217729.0  # 2**27 + 1


@numba.njit(cache=True)
def _blank(byte: int) -> bool:
    return byte == 32 or 9 <= byte <= 13


@numba.njit(cache=True)
def _scaled(mantissa: int, exponent: int, pow_hi: F64, pow_lo: F64) -> float:
    """mantissa * 10**exponent in double-double arithmetic, rounded once at the end.

    Source: Dekker, "A floating-point technique for extending the available precision", Numer. Math. 18 (1971).
    """
    hi = float(mantissa)
    lo = float(mantissa - int(hi))
    p_hi, p_lo = pow_hi[abs(exponent)], pow_lo[abs(exponent)]
    q = hi / p_hi if exponent < 0 else hi
    a = _SPLIT * q
    q_up = a - (a - q)
    q_dn = q - q_up
    b = _SPLIT * p_hi
    p_up = b - (b - p_hi)
    p_dn = p_hi - p_up
    prod = q * p_hi
    tail = ((q_up * p_up - prod) + q_up * p_dn + q_dn * p_up) + q_dn * p_dn
    if exponent < 0:
        return float(q + (((hi - prod) - tail) + lo - q * p_lo) / p_hi)
    return float(prod + (tail + hi * p_lo + lo * p_hi))


@numba.njit(cache=True)
def _decimal(text: U8, at: int) -> tuple[int, int, int, int]:
    """Digits with at most one point, as mantissa * 10**exponent; digits beyond 18 are counted, not kept.

    Returns:
        (mantissa, exponent, number of significant digits or -1 where there is no digit, first byte after them)
    """
    mantissa, exponent, digits, any_digit, point = 0, 0, 0, False, False
    while at < len(text):
        digit = int(text[at]) - 48
        if 0 <= digit <= 9:
            any_digit = True
            if digits < 18:
                mantissa = mantissa * 10 + digit
                digits += mantissa > 0
                exponent -= point
            else:
                digits += 1
                exponent += not point
        elif digit == -2 and not point:
            point = True
        else:
            break
        at += 1
    return mantissa, exponent, digits if any_digit else -1, at


@numba.njit(cache=True)
def _power(text: U8, at: int) -> tuple[int, bool, int]:
    """(exponent, whether it is well formed, first byte after it) of `e-12` at `at`; 0 where there is none."""
    if at == len(text) or (text[at] | 32) != 101:
        return 0, True, at
    at += 1
    down = at < len(text) and text[at] == 45
    if at < len(text) and (down or text[at] == 43):
        at += 1
    first, power = at, 0
    while at < len(text) and 48 <= text[at] <= 57:
        power = min(power * 10 + int(text[at]) - 48, 100000)
        at += 1
    return -power if down else power, at > first, at


@numba.njit(cache=True)
def _fill(text: U8, at: int, out: F64, filled: int, pow_hi: F64, pow_lo: F64) -> tuple[int, int, int, int]:
    """Read numbers from `text[at:]` into `out[filled:]` until one of them ends.

    Returns:
        (numbers in `out`, code, start of the word that stopped it, first byte after what was read)
    """
    end = len(text)
    while True:
        while at < end and _blank(text[at]):
            at += 1
        if at == end or filled == len(out):
            return filled, DONE, at, at
        start = at
        negative = text[at] == 45
        if negative or text[at] == 43:
            at += 1
        mantissa, exponent, digits, at = _decimal(text, at)
        power, whole, at = _power(text, at)
        exponent += power
        if digits < 0 or not whole or (at < end and not _blank(text[at])):
            return filled, NOT_A_NUMBER, start, start
        if digits > 18 or abs(exponent) > _MAX_EXP - 20:
            return filled, HARD, start, at
        if digits <= 15 and abs(exponent) <= 22:
            value = mantissa / pow_hi[-exponent] if exponent < 0 else mantissa * pow_hi[exponent]
        else:
            value = _scaled(mantissa, exponent, pow_hi, pow_lo)
        out[filled] = -value if negative else value
        filled += 1


def read_numbers(text: U8, out: F64) -> tuple[int, int]:
    """Fill `out` with the numbers in `text`, which blanks and line ends separate.

    Args:
        text: (B,) bytes.
        out: (N,) written from the front.

    Returns:
        how many were written, and the position of the word that is no finite number; -1 when there is none.
    """
    at, filled = 0, 0
    while True:
        filled, code, start, at = _fill(text, at, out, filled, _POW_HI, _POW_LO)
        if code == DONE:
            return filled, -1
        if code == NOT_A_NUMBER:
            return filled, start
        value = float(text[start:at].tobytes())
        if not math.isfinite(value):
            return filled, start
        out[filled] = value
        filled += 1
