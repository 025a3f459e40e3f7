"""A LeRobot v3.0 dataset as it lies on disk, read without lerobot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ValidationError

from understudy.errors import ExportError
from understudy.export import _lerobot_files as files
from understudy.export._origin import Origin, read_origin
from understudy.geom.arrays import AnyArray

if TYPE_CHECKING:
    import pyarrow as pa


class FeatureInfo(BaseModel):
    """One entry of `features` in info.json."""

    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] | None


class Info(BaseModel):
    """info.json as far as it is checked."""

    codebase_version: str
    total_episodes: int
    total_frames: int
    total_tasks: int
    fps: int
    data_path: str
    video_path: str | None
    features: dict[str, FeatureInfo]


@dataclass(frozen=True)
class EpisodeRow:
    """One row of the episode table."""

    index: int
    length: int
    tasks: tuple[str, ...]
    cells: Mapping[str, object]

    def whole(self, column: str) -> int:
        """An integer cell."""
        value = self.cells[column]
        assert isinstance(value, int)
        return value

    def seconds(self, column: str) -> float:
        """A float cell."""
        value = self.cells[column]
        assert isinstance(value, float)
        return value


@dataclass(frozen=True)
class Exported:
    """A dataset on disk.

    Attributes:
        root: its folder.
        info: info.json.
        origin: where it came from.
        stats: feature to statistic to values.
        tasks: task texts in the order of their indices.
        episodes: rows of the episode table, in order.
    """

    root: Path
    info: Info
    origin: Origin
    stats: Mapping[str, Mapping[str, AnyArray]]
    tasks: tuple[str, ...]
    episodes: tuple[EpisodeRow, ...]

    @property
    def vectors(self) -> dict[str, FeatureInfo]:
        """Features that are columns of numbers, without the index columns."""
        return {n: f for n, f in self.info.features.items() if f.dtype != "video" and n not in files.INDEX_COLUMNS}

    @property
    def cameras(self) -> dict[str, FeatureInfo]:
        """Features that are videos."""
        return {n: f for n, f in self.info.features.items() if f.dtype == "video"}

    def data_files(self) -> Iterator[tuple[str, pa.Table]]:
        """Each data file's path within the dataset, and its table, in order."""
        for path in self.data_paths():
            yield path.relative_to(self.root).as_posix(), _table(path)

    def data_paths(self) -> list[Path]:
        """Data files in order."""
        return sorted(self.root.glob("data/*/*.parquet"))


def open_exported(root: Path) -> Exported:
    """Read the metadata of a dataset.

    Raises:
        ExportError: a file is missing or is not what it should be.
    """
    origin = read_origin(root)
    try:
        info = Info.model_validate_json((root / files.INFO).read_text(encoding="utf-8"))
    except ValidationError as error:
        fault = error.errors()[0]
        raise ExportError(f"{root / files.INFO}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}; export again") from None
    tasks = _table(root / files.TASKS).to_pydict()
    rows = [row for path in sorted(root.glob("meta/episodes/*/*.parquet")) for row in _table(path).to_pylist()]
    try:
        ordered = sorted(zip(tasks["task_index"], tasks["__index_level_0__"], strict=True))
        episodes = tuple(EpisodeRow(r["episode_index"], r["length"], tuple(r["tasks"]), r) for r in rows)
    except KeyError as error:
        raise ExportError(f"{root}: a metadata table has no column {error}; export again") from None
    return Exported(root, info, origin, _stats(root / files.STATS_FILE), tuple(text for _, text in ordered), episodes)


def column_values(table: pa.Table, name: str) -> AnyArray:
    """(N,) or (N, D) values of a column; a missing value is NaN.

    Raises:
        ExportError: the table has no such column.
    """
    import pyarrow as pa

    if name not in table.column_names:
        raise ExportError(f"has no column {name}")
    column = table.column(name)
    if pa.types.is_fixed_size_list(column.type):
        flat = np.concatenate([c.flatten().to_numpy(zero_copy_only=False) for c in column.chunks])
        return np.asarray(flat).reshape(-1, column.type.list_size)
    return np.asarray(column.to_numpy())


def _table(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise ExportError(f"{path}: not a readable parquet file ({error}); export again") from None


def _stats(path: Path) -> dict[str, dict[str, AnyArray]]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        return {name: {stat: np.asarray(values) for stat, values in stats.items()} for name, stats in read.items()}
    except (OSError, json.JSONDecodeError, AttributeError) as error:
        raise ExportError(f"{path}: not readable statistics ({error}); export again") from None
