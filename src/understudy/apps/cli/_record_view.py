"""The terminal's view of a recording: a table of streams, coloured by how they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

STYLE: Mapping[str, str] = {
    "ok": "green", "event": "dim", "slow": "yellow", "fast": "yellow", "dead": "bold white on red", "absent": "red",
}  # fmt: skip
COLUMNS = ("stream", "state", "Hz", "expected", "age ms", "jitter ms", "lost", "refused", "dropped", "gaps", "MB/min")
SHOWN_S = 7200.0
"""A disk that lasts longer is no news."""
KEYS = "space start/stop   m mark   d discard   i instruction   q end"


def view(health: Mapping[str, Any], *, said: Sequence[str], finalizing: Sequence[str], prompt: str = "") -> RenderableType:
    """Everything at one moment.

    Args:
        health: the recorder's answer to `health`.
        said: what happened, newest last.
        finalizing: takes whose episodes are being made.
        prompt: what is being typed; the keys where nothing is.
    """
    from rich.console import Group
    from rich.text import Text

    refusals = [f"refused: {r['stream'] or r['producer'] or 'a message'}: {r['reason']}" for r in health["refusals"][-2:]]
    lines = [health["message"], *said[-3:], *refusals]
    return Group(
        _take_line(health, finalizing),
        _table(health["streams"]),
        *(Text(line, style="yellow") for line in lines if line),
        Text(prompt or KEYS, style="bold" if prompt else "dim"),
    )


def _take_line(health: Mapping[str, Any], finalizing: Sequence[str]) -> RenderableType:
    from rich.text import Text

    take, left_s = health["take"], health["disk_left_s"]
    out = Text()
    if take["activity"] == "idle":
        out.append(" idle ", style="black on white")
    else:
        out.append(f" {take['activity']} ", style="bold white on red")
        out.append(f" {take['id']}  {take['duration_s']:.1f} s  {take['journal_bytes'] / 1e6:.0f} MB  {take['marks']} marks")
    lasts = f", {left_s / 60:.0f} min" if left_s and left_s < SHOWN_S else ""
    out.append(f"   disk {health['disk_free_bytes'] / 1e9:.1f} GB{lasts}")
    out.append(f"   recorder {health['cpu_share']:.0%} of a core, {health['memory_bytes'] / 1e6:.0f} MB")
    if health["queue_bytes"] > 1e6:
        out.append(f"   {health['queue_bytes'] / 1e6:.0f} MB wait for the disk", style="yellow")
    if finalizing:
        out.append(f"   making {len(finalizing)} episodes", style="cyan")
    return out


def _table(streams: Sequence[Mapping[str, Any]]) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in COLUMNS[:2] else "right", no_wrap=True)
    for s in streams:
        style = STYLE.get(s["state"], "")
        table.add_row(*(Text(cell, style=style if i < 2 else "") for i, cell in enumerate(_cells(s))))
    return table


def _cells(s: Mapping[str, Any]) -> list[str]:
    age = "" if s["age_s"] is None or s["age_s"] == float("inf") else f"{1e3 * s['age_s']:.0f}"
    expected = f"{s['expected_hz']:.4g}" if s["expected_hz"] else ""
    counts = [str(s[name]) for name in ("lost", "refused", "dropped", "gaps")]
    figures = [f"{s['measured_hz']:.1f}", expected, age, f"{s['jitter_ms']:.2f}"]
    return [s["stream"], s["state"], *figures, *counts, f"{s['mb_per_min']:.1f}"]
