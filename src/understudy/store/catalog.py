"""`catalog.parquet`: one row per episode of a dataset, derived from the episodes and rebuilt at will."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.errors import EpisodeError, StorageError
from understudy.kinematics.pace import BINS, seconds_by_speed
from understudy.spec.episode import Episode
from understudy.spec.findings import Notes
from understudy.spec.protocols import Progress
from understudy.store.atomic import atomic_file
from understudy.store.dataset import Dataset, EpisodeRef
from understudy.store.episode_file import read_episode
from understudy.store.notes import notes_path, read_notes

if TYPE_CHECKING:
    import pyarrow as pa

CATALOG = "catalog.parquet"
UNREADABLE = "unreadable"
"""Verdict of an episode whose file or notes are damaged; `error` says how."""
_VERSION = b"2"
_POSE = "debug/base_pose_world"
_METADATA = (
    "demonstrator_id", "motion_source", "language_instruction", "clip", "mirror_of", "parent_id", "terrain",
)  # fmt: skip
_TEXT = (
    "id",
    "task",
    "partition",
    "path",
    "robot",
    "verdict",
    "refused_by",
    "warned_by",
    "faults",
    "streams",
    *_METADATA,
    "error",
)
_WHOLE = ("bytes", "frames", "warnings", "images", "file_ns", "notes_ns")
_NUMBERS = ("duration_s", "quality_rating", "human_rating", "locomotion_s", "manipulation_s", "idle_s")
_SPEED = "speed_s"
_FROM_FILE = ("robot", "frames", "duration_s", "streams", "images", _SPEED, *_METADATA)
_log = logging.getLogger(__name__)

Value = str | int | float | list[float] | None
Row = Mapping[str, Value]


def rebuild_catalog(dataset: Dataset, *, progress: Progress | None = None) -> Path:
    """Write the catalog anew from every episode of both partitions; a damaged one has its row, with what is wrong.

    Raises:
        StorageError: the disk refused.
    """
    path = dataset.root / CATALOG
    _store(path, _made(dataset, {}, progress))
    return path


def refresh_catalog(dataset: Dataset, *, progress: Progress | None = None, seen: Mapping[str, Row] | None = None) -> pa.Table:
    """The catalog as it is now: an episode's file is only opened where its size or time of change is another than in the row
    that is there; what its notes say is read where these have changed.

    Args:
        dataset: whose catalog.
        progress: called with (done, total).
        seen: id to what `file_row` says of episodes that were opened just now: their files are not opened again.

    Where the disk refuses, because it is full or read-only, the catalog is as it was there and a warning is logged: it is
    derived, and what is asked of it can be answered all the same.
    """
    path = dataset.root / CATALOG
    kept = _kept(path)
    rows = _made(dataset, {**(seen or {}), **kept}, progress)
    if not kept or len(rows) != len(kept) or any(kept.get(str(row["id"])) is not row for row in rows):
        try:
            _store(path, rows)
        except StorageError as error:
            _log.warning("%s; the catalog on disk is left as it was", error)
    return _table(rows)


def file_row(path: Path, episode: Episode) -> Row:
    """What the catalog holds of a file that has just been read: `refresh_catalog` need not open it again then."""
    place = path.stat()
    return {"bytes": place.st_size, "file_ns": place.st_mtime_ns} | _of_file(episode)


def catalog_rows(table: pa.Table) -> list[dict[str, Value]]:
    """The rows of a catalog, one dict per episode."""
    rows: list[dict[str, Value]] = table.to_pylist()
    return rows


def _kept(path: Path) -> dict[str, Row]:
    """Episode to its row in the catalog that is there; empty where there is none of this version."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:  # Arrow takes no path that is not UTF-8
            table = pq.read_table(file)
    except FileNotFoundError:
        return {}
    except (pa.ArrowInvalid, OSError) as error:
        _log.warning("%s: made anew, for it cannot be read: %s", path, error)
        return {}
    if (table.schema.metadata or {}).get(b"understudy_catalog") != _VERSION:
        return {}
    return {str(row["id"]): row for row in catalog_rows(table)}


def _made(dataset: Dataset, kept: Mapping[str, Row], progress: Progress | None) -> list[Row]:
    refs = dataset.refs("all")
    rows: list[Row] = []
    for done, ref in enumerate(refs, start=1):
        row = _row_of(dataset.root, ref, kept)
        if row is not None:
            rows.append(row)
        if progress is not None:
            progress(done, len(refs))
    return rows


def _table(rows: Sequence[Row]) -> pa.Table:
    import pyarrow as pa

    return pa.table(_columns(rows)).replace_schema_metadata({b"understudy_catalog": _VERSION})


def _store(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow.parquet as pq

    with atomic_file(path) as part, part.open("wb") as file:
        pq.write_table(_table(rows), file)


def _row_of(root: Path, ref: EpisodeRef, kept: Mapping[str, Row]) -> Row | None:
    """The row of an episode; None where it has just been moved away, and the next refresh finds it there."""
    try:
        place: dict[str, Value] = {
            "id": ref.id,
            "task": ref.task,
            "partition": ref.partition,
            "path": ref.path.relative_to(root).as_posix(),
            "bytes": ref.path.stat().st_size,
            "file_ns": ref.path.stat().st_mtime_ns,
            "notes_ns": _changed_ns(notes_path(ref.path)),
        }
        old = kept.get(ref.id)
        if old is None or old.get("verdict") == UNREADABLE or any(old[name] != place[name] for name in ("bytes", "file_ns")):
            episode = read_episode(ref.path)
            return place | _of_file(episode) | _of_notes(episode.notes or Notes(episode=ref.id))
        if all(old.get(name) == value for name, value in place.items()):
            return old
        return place | {name: old.get(name) for name in _FROM_FILE} | _of_notes(read_notes(ref.path) or Notes(episode=ref.id))
    except FileNotFoundError:
        return None
    except EpisodeError as error:
        if not ref.path.exists():
            return None
        return place | {"verdict": UNREADABLE, "error": str(error)}


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _of_file(episode: Episode) -> dict[str, Value]:
    """What never changes while the file is the same: the columns of `_FROM_FILE`."""
    row: dict[str, Value] = {
        "robot": episode.robot,
        "frames": len(episode.timeline_ns),
        "duration_s": episode.duration_s,
        "streams": ",".join(sorted(episode.streams)),
        "images": sum(stream.spec.kind == "image" for stream in episode.streams.values()),
        _SPEED: _speeds(episode),
    }
    return row | {name: str(episode.metadata[name]) if name in episode.metadata else None for name in _METADATA}


def _of_notes(notes: Notes) -> dict[str, Value]:
    row: dict[str, Value] = {
        "verdict": notes.verdict,
        "refused_by": _gates(notes, "reject"),
        "warned_by": _gates(notes, "warn"),
        "faults": ",".join(sorted({f"{f.gate}@{f.stream}" for f in notes.findings if f.severity != "info"})),
        "warnings": sum(f.severity == "warn" for f in notes.findings),
        "quality_rating": notes.quality_rating,
        "human_rating": _rating(notes),
    }
    row |= {f"{label}_s": _labelled_s(notes, label) for label in ("locomotion", "manipulation", "idle")}
    return row | {f"score_{score.name}": score.rated for score in notes.scores}


def _gates(notes: Notes, severity: str) -> str:
    return ",".join(sorted({f.gate for f in notes.findings if f.severity == severity}))


def _rating(notes: Notes) -> float | None:
    """A person's rating, 1 to 5; None without one."""
    text = str(notes.review.get("rating", ""))
    return float(text) if text.replace(".", "", 1).isdigit() else None


def _labelled_s(notes: Notes, label: str) -> float | None:
    """Seconds in segments of that label; None where the episode was not segmented."""
    if not notes.segments:
        return None
    return sum(s.end_ns - s.start_ns for s in notes.segments if s.label == label) * 1e-9


def _speeds(episode: Episode) -> list[float] | None:
    if _POSE not in episode:
        return None
    stream = episode.stream(_POSE)
    spent = seconds_by_speed(stream.data[:, :3].astype(np.float64), stream.t_ns)
    return [float(s) for s in spent.round(6)]


def _columns(rows: Sequence[Row]) -> dict[str, object]:
    import pyarrow as pa

    scores = sorted({name for row in rows for name in row if name.startswith("score_")})
    kinds = {**dict.fromkeys(_TEXT, pa.string()), **dict.fromkeys(_WHOLE, pa.int64())}
    kinds |= {**dict.fromkeys((*_NUMBERS, *scores), pa.float64()), _SPEED: pa.list_(pa.float64(), BINS)}
    return {name: pa.array([row.get(name) for row in rows], type=kind) for name, kind in kinds.items()}
