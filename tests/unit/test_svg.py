"""Plots as SVG text: numbers land where they should, and nothing from a file becomes markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.apps.report.svg import Plot, envelope, label, runs, ticks


@given(st.floats(-1e3, 1e3), st.floats(0.01, 1e3), st.integers(2, 12))
def test_ticks_are_inside_even_and_round(low: float, span: float, wanted: int) -> None:
    marks = ticks(low, low + span, wanted)
    assert len(marks) <= wanted + 1
    assert np.all(marks >= low - 1e-6 * span)
    assert np.all(marks <= low + span * (1 + 1e-6))
    if len(marks) > 1:
        step = marks[1] - marks[0]
        np.testing.assert_allclose(np.diff(marks), step, rtol=1e-6)
        lead = step / 10.0 ** np.floor(np.log10(step) + 1e-9)
        assert min(abs(lead - s) for s in (1, 2, 2.5, 5, 10)) < 1e-6


def test_ticks_by_hand() -> None:
    np.testing.assert_allclose(ticks(0.0, 4.0, 4), [0, 1, 2, 3, 4])
    np.testing.assert_allclose(ticks(-1.5, 6.0, 4), [0, 2, 4, 6])


def test_labels_have_no_noise_and_no_minus_zero() -> None:
    assert label(0.30000000000000004) == "0.3"
    assert label(-0.0) == "0"
    assert label(-2.5) == "\u22122.5"


@given(st.integers(1, 3000), st.integers(0, 2**31 - 1))
def test_envelope_keeps_extremes_order_and_samples(count: int, seed: int) -> None:
    y = np.random.default_rng(seed).normal(size=count)
    x = np.arange(count, dtype=np.float64)
    kept_x, kept_y = envelope(x, y, 100)
    assert len(kept_x) <= max(200, min(count, 200))
    assert kept_y.min() == y.min()
    assert kept_y.max() == y.max()
    assert np.all(np.diff(kept_x) > 0)
    np.testing.assert_array_equal(y[kept_x.astype(int)], kept_y)


def test_runs_by_hand() -> None:
    t = np.arange(0.0, 3.0, 0.5)
    assert runs(t, np.array([True, True, False, False, True, True])) == [(0.0, 1.0), (2.0, 3.0)]
    assert runs(t, np.zeros(6, dtype=np.bool_)) == []
    assert runs(np.zeros(0), np.zeros(0, dtype=np.bool_)) == []


def test_axes_map_corners_to_the_frame_and_up_is_up() -> None:
    plot = Plot((0.0, 10.0), (-1.0, 1.0), width=200, height=100, left=40, right=10, top=5, bottom=15)
    assert (plot.px(0.0), plot.px(10.0)) == (40.0, 190.0)
    assert (plot.py(-1.0), plot.py(1.0)) == (85.0, 5.0)


def test_a_line_breaks_at_nan_and_is_cut_at_the_frame() -> None:
    plot = Plot((0.0, 3.0), (0.0, 1.0))
    plot.line(np.arange(4.0), np.array([0.5, np.nan, 0.5, 99.0]), "left")
    drawn = plot.svg()
    assert drawn.count("M") == 2
    lowest_y = min(float(y) for _, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", drawn))
    assert lowest_y == pytest.approx(plot.top)


def test_text_is_escaped_and_the_result_is_xml() -> None:
    plot = Plot((0.0, 1.0), (0.0, 1.0), title='<b a="1">')
    plot.box(0.0, 0.5, 0.0, 1.0, "bar", "<script>alert(1)</script>")
    plot.text(1, 1, "a < b & c")
    plot.x_axis("s")
    root = ElementTree.fromstring(plot.svg())
    assert root.attrib["aria-label"] == '<b a="1">'
    assert [t.text for t in root.iter("title")] == ["<script>alert(1)</script>"]
