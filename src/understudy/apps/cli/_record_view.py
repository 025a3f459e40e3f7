"""The terminal's view of a recording: a table of streams, coloured by how they do, that fits the window it is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

STYLE: Mapping[str, str] = {
    "ok": "green", "event": "dim", "slow": "yellow", "fast": "yellow", "dead": "bold white on red", "absent": "red",
}  # fmt: skip
COLUMNS = ("stream", "state", "Hz", "expected", "age ms", "jitter ms", "lost", "refused", "dropped", "gaps", "MB/min")
LEFT_OUT = ("MB/min", "jitter ms", "expected", "gaps", "refused", "dropped", "age ms", "lost", "Hz")
"""Columns that a narrow window does without, the first one first."""
QUIET = ("event", "ok")
"""States that a low window does without, the first one first."""
GAP = 2
"""Between columns."""
SHOWN_S = 7200.0
"""A disk that lasts longer is no news."""
KEYS = "space start/stop   m mark   d discard   i instruction   q end"
FEW_KEYS = "space m d i q"
NOTES = 4
"""Lines of what happened, at most."""


def view(
    health: Mapping[str, Any],
    *,
    said: Sequence[str],
    finalizing: Sequence[str],
    prompt: str = "",
    page: str = "",
    size: tuple[int, int] = (132, 50),
) -> RenderableType:
    """Everything at one moment.

    Args:
        health: the recorder's answer to `health`.
        said: what happened, newest last.
        finalizing: takes whose episodes are being made.
        prompt: what is being typed; the keys where nothing is.
        page: address of the page that shows the same; empty without one.
        size: columns and lines of the window.
    """
    from rich.console import Group
    from rich.text import Text

    width, height = size
    refusals = [f"refused: {r['stream'] or r['producer'] or 'a message'}: {r['reason']}" for r in health["refusals"][-2:]]
    notes = [line for line in (health["message"], *said[-3:], *refusals) if line][-NOTES:]
    keys = KEYS if len(KEYS) <= width else FEW_KEYS
    first, second = _take_lines(health, finalizing)
    second.append(f"   {page}" if page else "", style="dim")
    heads = [first, second, Text("")]
    feet = [Text(""), *(Text(line, style="yellow") for line in notes), Text(prompt or keys, style="bold" if prompt else "dim")]
    lines = _lines(health["streams"], width, height - len(heads) - len(feet))
    for line in (*heads, *lines, *feet):
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(*heads, *lines, *feet)


def _take_lines(health: Mapping[str, Any], finalizing: Sequence[str]) -> tuple[Text, Text]:
    from rich.text import Text

    take, left_s = health["take"], health["disk_left_s"]
    first, second = Text(), Text()
    if take["activity"] == "idle":
        first.append(" idle ", style="black on white")
    else:
        first.append(f" {take['activity']} ", style="bold white on red")
        marks = f"  {take['marks']} mark{'s' if take['marks'] > 1 else ''}" if take["marks"] else ""
        first.append(f" {take['duration_s']:.1f} s  {take['journal_bytes'] / 1e6:.0f} MB{marks}  {take['id']}")
    if finalizing:
        first.append(f"   making {len(finalizing)} episode{'s' if len(finalizing) > 1 else ''}", style="cyan")
    lasts = f", {left_s / 60:.0f} min" if left_s and left_s < SHOWN_S else ""
    second.append(f" disk {health['disk_free_bytes'] / 1e9:.1f} GB{lasts}")
    second.append(f"   recorder {health['cpu_share']:.0%} of a core, {health['memory_bytes'] / 1e6:.0f} MB")
    if health["queue_bytes"] > 1e6:
        second.append(f"   {health['queue_bytes'] / 1e6:.0f} MB wait for the disk", style="yellow")
    return first, second


def _lines(streams: Sequence[Mapping[str, Any]], width: int, height: int) -> list[Text]:
    """The table, without the columns and streams that have no room."""
    from rich.text import Text

    shown, hidden = _chosen(streams, height - 1)
    rows = [dict(zip(COLUMNS, _cells(s), strict=True)) for s in shown]
    wide = {name: max(len(name), *(len(row[name]) for row in rows), 0) if rows else len(name) for name in COLUMNS}
    left_out = list(LEFT_OUT)
    columns = list(COLUMNS)
    while left_out and sum(wide[name] + GAP for name in columns) - GAP > width:
        columns.remove(left_out.pop(0))
    spare = width - sum(wide[name] + GAP for name in columns[1:])
    wide["stream"] = max(min(wide["stream"], spare), 8)
    out = [_row({name: name for name in COLUMNS}, columns, wide, "bold", "bold")]
    out += [_row(row, columns, wide, STYLE.get(row["state"], ""), "") for row in rows]
    return [*out, Text(f"and {hidden} more that do well", style="dim")] if hidden else out


def _chosen(streams: Sequence[Mapping[str, Any]], most: int) -> tuple[list[Mapping[str, Any]], int]:
    """Streams that there is room for, in their order, and how many are left out; those that do badly are the last to go."""
    if len(streams) <= most:
        return list(streams), 0
    room = max(most - 1, 1)
    rank = {state: k for k, state in enumerate(QUIET)}
    kept = sorted(range(len(streams)), key=lambda k: (-rank.get(streams[k]["state"], len(QUIET)), k))[:room]
    return [streams[k] for k in sorted(kept)], len(streams) - room


def _row(cells: Mapping[str, str], columns: Sequence[str], wide: Mapping[str, int], named: str, rest: str) -> Text:
    from rich.text import Text

    out = Text()
    for k, name in enumerate(columns):
        cell = _short(cells[name], wide[name])
        out.append(" " * GAP if k else "")
        out.append(cell.ljust(wide[name]) if name in COLUMNS[:2] else cell.rjust(wide[name]), style=named if k < 2 else rest)
    return out


def _short(text: str, most: int) -> str:
    """A text that fits; of a stream's name the end says more than the group it begins with."""
    return text if len(text) <= most else f"\N{HORIZONTAL ELLIPSIS}{text[len(text) - most + 1 :]}"


def _cells(s: Mapping[str, Any]) -> list[str]:
    age = "" if s["age_s"] is None or s["age_s"] == float("inf") else f"{1e3 * s['age_s']:.0f}"
    expected = f"{s['expected_hz']:.4g}" if s["expected_hz"] else ""
    counts = [str(s[name]) for name in ("lost", "refused", "dropped", "gaps")]
    figures = [f"{s['measured_hz']:.1f}", expected, age, f"{s['jitter_ms']:.2f}"]
    return [s["stream"], s["state"], *figures, *counts, f"{s['mb_per_min']:.1f}"]
