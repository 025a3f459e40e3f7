"""Plots as inline SVG: no library, no file beside the page. Colours are classes, so the page's light and dark themes decide.

Coordinates inside a `Plot` are the data's own; `svg()` gives the finished element.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np

from understudy.geom.arrays import F64, Bool

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def ticks(low: float, high: float, wanted: int) -> F64:
    """Round numbers inside [low, high], about `wanted` of them."""
    if not high > low:
        return np.array([low])
    raw = (high - low) / max(wanted, 1)
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(s * power for s in _STEPS if s * power >= raw * 0.999)
    first = np.ceil(low / step - 1e-9)
    return np.asarray(np.arange(first, np.floor(high / step + 1e-9) + 1) * step)


def label(value: float) -> str:
    """A tick's number, without trailing noise."""
    text = f"{value:.4g}"
    return "0" if float(text) == 0 else text.replace("-", "\u2212")


def envelope(x: F64, y: F64, columns: int) -> tuple[F64, F64]:
    """At most 2 x `columns` points that draw the same line: each column keeps its lowest and highest sample, in order.

    Args:
        x: (N,) increasing.
        y: (N,) finite.
    """
    if len(x) <= 2 * columns:
        return x, y
    edges = np.linspace(0, len(x), columns + 1).astype(np.int64)
    picked = []
    for a, b in itertools.pairwise(edges):
        low, high = a + int(np.argmin(y[a:b])), a + int(np.argmax(y[a:b]))
        picked += sorted({low, high})
    return x[picked], y[picked]


def runs(x: F64, on: Bool) -> list[tuple[float, float]]:
    """Stretches of x where `on` holds; a stretch ends where the next sample begins."""
    if not len(x):
        return []
    step = float(np.median(np.diff(x))) if len(x) > 1 else 0.0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]]).astype(np.int8)))
    ends = np.append(x, x[-1] + step)
    return [(float(x[a]), float(ends[b])) for a, b in zip(edges[::2], edges[1::2], strict=True)]


@dataclass
class Plot:
    """One set of axes. x is seconds wherever the page's time cursor should follow.

    Attributes:
        x, y: ranges shown.
        width, height: of the whole drawing, pixels; `left`, `right`, `top`, `bottom` its margins.
        title: read out by screen readers, and shown when the pointer rests.
        timed: the page's time cursor runs through it.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    width: float = 960
    height: float = 160
    left: float = 52
    right: float = 12
    top: float = 8
    bottom: float = 24
    title: str = ""
    timed: bool = True
    _marks: list[str] = field(default_factory=list)

    def px(self, x: float) -> float:
        """Pixels from the left edge."""
        low, high = self.x
        return self.left + (x - low) / ((high - low) or 1.0) * (self.width - self.left - self.right)

    def py(self, y: float) -> float:
        """Pixels from the top edge."""
        low, high = self.y
        return self.height - self.bottom - (y - low) / ((high - low) or 1.0) * (self.height - self.top - self.bottom)

    def line(self, x: F64, y: F64, css: str) -> None:
        """A curve through (N,) points; values that are not finite break it, values outside are cut at the frame."""
        if not len(x):
            return
        good = np.isfinite(y)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
        columns = int(self.width - self.left - self.right)
        parts = []
        for a, b in zip(edges[::2], edges[1::2], strict=True):
            xs, ys = envelope(x[a:b], np.clip(y[a:b], *self.y), columns)
            parts.append("M" + "L".join(f"{self.px(u):.1f} {self.py(v):.1f}" for u, v in zip(xs, ys, strict=True)))
        self._marks.append(f'<path class="curve {css}" d="{"".join(parts)}"/>')

    def box(self, x0: float, x1: float, y0: float, y1: float, css: str, tip: str = "") -> None:
        """A filled rectangle, at least a pixel wide so that a single frame is seen; `tip` shows under the pointer."""
        x0, x1 = np.clip([x0, x1], *self.x)
        a, b = self.px(float(x0)), self.px(float(x1))
        top, low = self.py(max(y0, y1)), self.py(min(y0, y1))
        body = f"<title>{escape(tip)}</title>" if tip else ""
        self._marks.append(
            f'<rect class="{css}" x="{a:.1f}" y="{top:.1f}" width="{max(b - a, 1.2):.1f}" height="{low - top:.1f}">{body}</rect>'
        )

    def hline(self, y: float, css: str, text: str = "") -> None:
        """A level across the plot, named at its right end."""
        at = self.py(y)
        self._marks.append(f'<line class="{css}" x1="{self.left}" x2="{self.width - self.right}" y1="{at:.1f}" y2="{at:.1f}"/>')
        if text:
            self.text(self.width - self.right - 3, at - 4, text, f"{css} end")

    def text(self, x_px: float, y_px: float, text: str, css: str = "") -> None:
        """Words at pixels."""
        self._marks.append(f'<text class="{css}" x="{x_px:.1f}" y="{y_px:.1f}">{escape(text)}</text>')

    def vline(self, x: float, css: str) -> None:
        """A line up through the plot."""
        at = self.px(x)
        self._marks.append(f'<line class="{css}" x1="{at:.1f}" x2="{at:.1f}" y1="{self.top}" y2="{self.height - self.bottom}"/>')

    def x_axis(
        self, unit: str, *, wanted: int = 10, values: Sequence[float] | None = None, labels: Sequence[str] | None = None
    ) -> None:
        """Numbers and faint lines along x, at round numbers or at `values`; the unit stands behind the last number."""
        marks, foot = ticks(*self.x, wanted) if values is None else np.array(values), self.height - self.bottom
        for k, value in enumerate(marks):
            at = self.px(float(value))
            self._grid(at, at, self.top, foot)
            shown = (label(float(value)) if labels is None else labels[k]) + (f" {unit}" if unit and k == len(marks) - 1 else "")
            self.text(at, foot + 14, shown, "tick mid")

    def y_axis(self, unit: str, *, wanted: int = 4, values: Sequence[float] | None = None) -> None:
        """Numbers and faint lines along y; the unit stands above the highest."""
        marks = ticks(*self.y, wanted) if values is None else np.array(values)
        for value in marks:
            at = self.py(float(value))
            self._grid(self.left, self.width - self.right, at, at)
            self.text(self.left - 6, at + 3.5, label(float(value)), "tick end")
        if unit:
            self.text(4, self.top + 8, unit, "tick unit")

    def _grid(self, x1: float, x2: float, y1: float, y2: float) -> None:
        """A faint line behind everything."""
        self._marks.insert(0, f'<line class="grid" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>')

    def svg(self) -> str:
        """The finished `<svg>` element."""
        cursor = data = ""
        if self.timed:
            foot, end = self.height - self.bottom, self.width - self.right
            cursor = f'<line class="cursor" x1="0" x2="0" y1="{self.top}" y2="{foot}" visibility="hidden"/>'
            data = f' data-t0="{self.x[0]:.4f}" data-t1="{self.x[1]:.4f}" data-x0="{self.left}" data-x1="{end}"'
        return (
            f'<svg class="plot" viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{escape(self.title)}"{data}>'
            f"{''.join(self._marks)}{cursor}</svg>"
        )
