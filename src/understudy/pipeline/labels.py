"""Labels of clips: who did what, and which stretch to take; from options or from a table `clips.csv`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy.errors import EpisodeError, InputError
from understudy.store.names import path_name

UNLABELLED = "unlabelled"
COLUMNS = ("clip", "task", "demonstrator", "instruction", "start_s", "end_s", "mirror_of")
_LABELS = ("task", "demonstrator", "instruction")


@dataclass(frozen=True)
class Label:
    """What is known of a clip; `unlabelled` where nothing is.

    Attributes:
        task: task id.
        demonstrator: who moved, as a code.
        instruction: what the robot is told to do.
        start_s, end_s: stretch to take, seconds from the clip's start; None for the clip's own ends.
        mirror_of: clip that this one is the mirror image of; its own name asks for that image to be made; empty for an original.
    """

    task: str = UNLABELLED
    demonstrator: str = UNLABELLED
    instruction: str = UNLABELLED
    start_s: float | None = None
    end_s: float | None = None
    mirror_of: str = ""


@dataclass(frozen=True)
class LabelledClip:
    """A clip and one label of it; a clip with several stretches comes once for each."""

    clip: Path
    label: Label


def label_clips(
    clips: Sequence[Path], *, task: str = "", demonstrator: str = "", instruction: str = "", table: Path | None = None
) -> list[LabelledClip]:
    """Each clip with its labels: the table's where it has one, else the options', else `unlabelled`.

    Args:
        clips: motion files, in the order of the result.
        task, demonstrator, instruction: for every clip and column that the table leaves empty.
        table: CSV with a heading line; columns `COLUMNS`, all but `clip` optional.

    Raises:
        InputError: the table cannot be read, or a row is wrong; the message says file and line.
    """
    general = {"task": task, "demonstrator": demonstrator, "instruction": instruction}
    if task:
        _check_task(task, "--task")
    rows = _read_table(table, clips, general) if table is not None else {}
    return [LabelledClip(clip, label) for clip in clips for label in rows.get(clip) or [_label(general)]]


def missing_labels(labelled: Sequence[LabelledClip]) -> str:
    """One sentence naming what is written as `unlabelled`; empty when nothing is."""
    parts = []
    for name in _LABELS:
        clips = sorted({item.clip.name for item in labelled if getattr(item.label, name) == UNLABELLED})
        if clips:
            some = ", ".join(clips[:3]) + (f" and {len(clips) - 3} more" if len(clips) > 3 else "")
            parts.append(f"no {name} for {some}")
    if not parts:
        return ""
    return f"{'; '.join(parts)}: written as {UNLABELLED!r}; give --task, --demonstrator, --instruction or --labels clips.csv"


def _read_table(table: Path, clips: Sequence[Path], general: Mapping[str, str]) -> dict[Path, list[Label]]:
    reader = csv.DictReader(io.StringIO(_text(table)), strict=True)
    out: dict[Path, list[Label]] = {}
    first_line: dict[tuple[Path, Label], int] = {}
    try:
        _check_heading(reader.fieldnames, table)
        for row in reader:
            where = f"{table}: line {reader.line_num}"
            if None in row or None in row.values():
                raise InputError(f"{where}: {'too many' if None in row else 'too few'} cells; quote a text that holds a comma")
            cells = {name: cell.strip() for name, cell in row.items()}
            clip = _find_clip(cells["clip"], clips, where)
            label = _label(general, cells, where)
            key = (clip, Label(start_s=label.start_s, end_s=label.end_s, mirror_of=label.mirror_of))
            if key in first_line:
                raise InputError(f"{where}: {cells['clip']} is named twice, first in line {first_line[key]}; keep one of them")
            first_line[key] = reader.line_num
            out.setdefault(clip, []).append(label)
    except csv.Error as error:
        raise InputError(f"{table}: line {reader.reader.line_num}: not a CSV line: {error}") from None
    return out


def _text(table: Path) -> str:
    try:
        return table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{table}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{table}: cannot be read: {error.strerror}") from None


def _check_heading(found: Sequence[str] | None, table: Path) -> None:
    heading = list(found or ())
    unknown = [name for name in heading if name not in COLUMNS]
    if "clip" not in heading or unknown or len(set(heading)) != len(heading):
        wrong = f"unknown column {unknown[0]!r}" if unknown else "no column 'clip', or a column twice"
        raise InputError(f"{table}: line 1: {wrong}; the columns are {', '.join(COLUMNS)}, all but clip optional")


def _find_clip(name: str, clips: Sequence[Path], where: str) -> Path:
    """The clip a row means: by path, by file name, or by file name without suffix."""
    wanted = Path(name)
    for found in (
        [clip for clip in clips if clip == wanted or clip.parts[-len(wanted.parts) :] == wanted.parts],
        [clip for clip in clips if clip.stem == name],
    ):
        different = sorted(set(found))
        if len(different) == 1:
            return different[0]
        if different:
            raise InputError(f"{where}: {name!r} may be {different[0]} or {different[1]}; write more of the path")
    raise InputError(f"{where}: clip {name!r} is not among the {len(clips)} clips given; correct the name or give that clip too")


def _label(general: Mapping[str, str], cells: Mapping[str, str] | None = None, where: str = "") -> Label:
    cells = cells or {}
    texts = {name: cells.get(name) or general[name] or UNLABELLED for name in _LABELS}
    if where:
        _check_task(texts["task"], where)
    start_s, end_s = (_seconds(cells.get(name, ""), name, where) for name in ("start_s", "end_s"))
    if end_s is not None and end_s <= (start_s or 0.0):
        raise InputError(f"{where}: end_s {end_s:g} is not after start_s {start_s or 0.0:g}")
    return Label(**texts, start_s=start_s, end_s=end_s, mirror_of=cells.get("mirror_of", ""))


def _seconds(cell: str, name: str, where: str) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"{where}: {name} is {cell!r}, seconds from the clip's start are needed, such as 2.5")
    return value


def _check_task(task: str, where: str) -> None:
    try:
        path_name(task, what="task")
    except EpisodeError as error:
        raise InputError(f"{where}: {error}") from None
