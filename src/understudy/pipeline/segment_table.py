"""Segments as a table that people edit: one row per segment, times in seconds from the episode's start; CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from understudy.errors import EpisodeError, InputError, UnknownNameError
from understudy.pipeline.segment import Segmented, replace_segments, timeline_span
from understudy.segment.rule import RULE
from understudy.spec.episode import Episode
from understudy.spec.findings import Segment
from understudy.store.atomic import write_text
from understudy.store.dataset import Dataset

COLUMNS = ("episode", "start_s", "end_s", "label", "source", "subtask", "by")
_NEEDED = ("episode", "start_s", "end_s", "label")
Row = Mapping[str, str]


def rows_of(segmented: Iterable[Segmented]) -> list[dict[str, str | float]]:
    """Every segment as a row, in the order of episodes and time."""
    return [
        {
            "episode": one.id,
            "start_s": round((s.start_ns - one.start_ns) * 1e-9, 9),
            "end_s": round((s.end_ns - one.start_ns) * 1e-9, 9),
            "label": s.label,
            "source": s.source,
            "subtask": s.subtask,
            "by": s.by,
        }
        for one in segmented
        for s in one.segments
    ]


def write_table(path: Path, segmented: Iterable[Segmented]) -> None:
    """Write the rows to a `.csv` or `.json` file.

    Raises:
        InputError: another suffix.
        StorageError: the disk refused.
    """
    rows = rows_of(segmented)
    if _kind(path) == "json":
        write_text(path, json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
        return
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(path, text.getvalue())


def apply_table(dataset: Dataset, path: Path, *, by: str) -> tuple[str, ...]:
    """Put the segments of a table in place of those of the episodes it names; nothing changes where one row is wrong.

    A row that says what the rule said, unchanged, stays the rule's; every other one is `by`'s.

    Returns:
        Ids of the episodes.

    Raises:
        InputError: the file or a row cannot be used, with its line.
        StorageError: the disk refused.
    """
    if not by or by == RULE:
        raise InputError(f"segments are set by somebody, not by {by!r}; give a name or a code with --by")
    wanted: dict[str, list[Segment]] = {}
    episodes: dict[str, Episode] = {}
    for where, row in _rows(path):
        try:
            id_ = row["episode"]
            episode = episodes[id_] = episodes.get(id_) or dataset.read(id_)
        except (UnknownNameError, EpisodeError) as error:
            raise InputError(f"{where}: {error}") from None
        wanted.setdefault(id_, []).append(_segment(row, episode, by, where))
    before = {id_: episode.notes.segments if episode.notes else () for id_, episode in episodes.items()}
    done: list[str] = []
    try:
        for id_, segments in wanted.items():
            replace_segments(dataset, id_, segments)
            done.append(id_)
    except InputError as error:
        for id_ in done:
            replace_segments(dataset, id_, before[id_])
        raise InputError(f"{path}: {error}; nothing was changed") from None
    return tuple(wanted)


def _segment(row: Row, episode: Episode, by: str, where: str) -> Segment:
    zero, _ = timeline_span(episode)
    start_ns, end_ns = (zero + round(_seconds(row, name, where) * 1e9) for name in ("start_s", "end_s"))
    had = episode.notes.segments if episode.notes else ()
    label, subtask = row["label"].strip(), row.get("subtask", "").strip()
    for old in had:
        same = (old.start_ns, old.end_ns, old.label, old.subtask) == (start_ns, end_ns, label, subtask)
        if same and row.get("source", old.source) in ("", old.source):
            return old
    at_start = next((s.source for s in (*episode.segments, *had) if s.start_ns <= start_ns < s.end_ns), "")
    source = row.get("source", "").strip() or at_start or str(episode.metadata.get("motion_source", ""))
    return Segment(start_ns=start_ns, end_ns=end_ns, label=label, source=source, subtask=subtask, by=by)


def _rows(path: Path) -> list[tuple[str, Row]]:
    """Where each row stands, and its cells as text."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    found = _json_rows(path, text) if _kind(path) == "json" else _csv_rows(path, text)
    if not found:
        raise InputError(f"{path}: no segment in it; it needs one row per segment with {', '.join(_NEEDED)}")
    for where, row in found:
        unknown = [name for name in row if name not in COLUMNS]
        missing = [name for name in _NEEDED if not row.get(name)]
        if unknown or missing:
            wrong = f"unknown column {unknown[0]!r}" if unknown else f"no {missing[0]}"
            raise InputError(f"{where}: {wrong}; the columns are {', '.join(COLUMNS)}, the last three optional")
    return found


def _csv_rows(path: Path, text: str) -> list[tuple[str, Row]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="more than the heading", restval="", strict=True)
    try:
        return [(f"{path}: line {reader.line_num}", {str(k): str(v or "") for k, v in row.items()}) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.reader.line_num}: not a CSV line: {error}") from None


def _json_rows(path: Path, text: str) -> list[tuple[str, Row]]:
    try:
        listed = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: line {error.lineno}: not JSON: {error.msg}") from None
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise InputError(f"{path}: a list of objects is needed, one per segment, as `understudy segment DIR --save FILE` writes")
    return [(f"{path}: entry {k + 1}", {str(n): str(v) for n, v in row.items()}) for k, row in enumerate(listed)]


def _seconds(row: Row, name: str, where: str) -> float:
    try:
        value = float(row[name])
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0.0):
        raise InputError(f"{where}: {name} is {row[name]!r}; seconds from the episode's start are needed, such as 2.5")
    return value


def _kind(path: Path) -> str:
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("csv", "json"):
        raise InputError(f"{path}: segments are kept in .csv or .json files; give one of these")
    return kind
