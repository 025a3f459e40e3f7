"""`catalog.parquet`: one row per episode of a dataset, derived from the episodes and rebuilt at will."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from understudy.spec.episode import Episode
from understudy.spec.protocols import Progress
from understudy.store.atomic import atomic_file
from understudy.store.dataset import Dataset, EpisodeRef
from understudy.store.episode_file import read_episode

CATALOG = "catalog.parquet"
_METADATA = ("demonstrator_id", "motion_source", "language_instruction", "clip", "mirror_of", "parent_id")

Value = str | int | float | None


def rebuild_catalog(dataset: Dataset, *, progress: Progress | None = None) -> Path:
    """Write the catalog anew from every episode of both partitions.

    Raises:
        EpisodeError: an episode or its notes are damaged.
        StorageError: the disk refused.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    refs = dataset.refs("all")
    rows = []
    for done, ref in enumerate(refs, start=1):
        rows.append(_row(dataset.root, ref, read_episode(ref.path)))
        if progress is not None:
            progress(done, len(refs))
    path = dataset.root / CATALOG
    with atomic_file(path) as part:
        pq.write_table(pa.table(_columns(rows)), part)
    return path


def _row(root: Path, ref: EpisodeRef, episode: Episode) -> dict[str, Value]:
    notes = episode.notes
    rejects = sorted({f.gate for f in notes.findings if f.severity == "reject"}) if notes else []
    row: dict[str, Value] = {
        "id": ref.id,
        "task": ref.task,
        "partition": ref.partition,
        "path": ref.path.relative_to(root).as_posix(),
        "bytes": ref.path.stat().st_size,
        "robot": episode.robot,
        "frames": len(episode.timeline_ns),
        "duration_s": episode.duration_s,
        "verdict": notes.verdict if notes else "unchecked",
        "refused_by": ",".join(rejects),
        "warnings": sum(f.severity == "warn" for f in notes.findings) if notes else 0,
        "quality_rating": notes.quality_rating if notes else None,
    }
    row |= {name: str(episode.metadata[name]) if name in episode.metadata else None for name in _METADATA}
    return row | {f"score_{score.name}": score.rated for score in (notes.scores if notes else ())}


def _columns(rows: Sequence[dict[str, Value]]) -> dict[str, object]:
    import pyarrow as pa

    whole = ("bytes", "frames", "warnings")
    text = ("id", "task", "partition", "path", "robot", "verdict", "refused_by", *_METADATA)
    numbers = ("duration_s", "quality_rating", *sorted({name for row in rows for name in row if name.startswith("score_")}))
    kinds = {**dict.fromkeys(text, pa.string()), **dict.fromkeys(whole, pa.int64()), **dict.fromkeys(numbers, pa.float64())}
    return {name: pa.array([row.get(name) for row in rows], type=kind) for name, kind in kinds.items()}
