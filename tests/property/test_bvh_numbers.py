"""The compiled number reader against Python's float."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.mocap._bvh_numbers import read_numbers


def _read(text: str, room: int) -> tuple[list[float], int]:
    out = np.full(room, np.nan)
    found, bad_at = read_numbers(np.frombuffer(text.encode(), dtype=np.uint8), out)
    return out[:found].tolist(), bad_at


_finite = st.floats(allow_nan=False, allow_infinity=False)
_styles = st.sampled_from(["{!r}", "{:.4f}", "{:.6f}", "{:.17e}", "{:+.9g}", "{:.15f}", "{:E}"])


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(_finite, _styles), min_size=1, max_size=20))
def test_reads_what_float_reads(items: list[tuple[float, str]]) -> None:
    words = [style.format(value) for value, style in items]
    got, bad_at = _read(" ".join(words), len(words))
    assert bad_at == -1
    for value, word in zip(got, words, strict=True):
        wanted = float(word)
        assert abs(value - wanted) <= math.ulp(wanted), word


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"[+-]?([0-9]{1,25}\.?[0-9]{0,25}|\.[0-9]{1,25})([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_reads_any_decimal_text(word: str) -> None:
    wanted = float(word)
    got, bad_at = _read(word + "\n", 1)
    if math.isinf(wanted):
        assert bad_at == 0
    else:
        assert bad_at == -1
        assert abs(got[0] - wanted) <= math.ulp(wanted)


@pytest.mark.parametrize(
    "word", ["nan", "inf", "-inf", "1e999", "1.2.3", "--1", "1e", "e5", "0x10", "1,5", ".", "-", "1_0", "1d3", "\x00"]
)
def test_refuses_what_is_no_finite_number_and_says_where(word: str) -> None:
    got, bad_at = _read(f"1.5 {word} 2", 3)
    assert got == [1.5]
    assert bad_at == 4


def test_stops_when_the_array_is_full_and_keeps_signs() -> None:
    assert _read("-0.5\t+2\r\n 3e-2 4", 3) == ([-0.5, 2.0, 0.03], -1)
    assert math.copysign(1.0, _read("-0", 1)[0][0]) == -1.0
    assert _read("  \n ", 3) == ([], -1)
