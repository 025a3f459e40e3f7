"""The files of a LeRobot v3.0 dataset: names, column types, and tables that go on in a next file when one is full.

Source: LeRobotDataset v3.0 as lerobot 0.4.4 writes and reads it (docs/export_lerobot.md has the layout).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.export._features import Camera, Feature
from understudy.export._stats import Stats

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

CODEBASE_VERSION = "v3.0"
INFO, STATS_FILE, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
INDEX_COLUMNS: Mapping[str, str] = {
    "timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64", "task_index": "int64",
}  # fmt: skip


@dataclass(frozen=True)
class FileLimits:
    """When a file is full. A file holds at least one episode, and whole episodes only."""

    data_mb: int = 100
    video_mb: int = 200
    files_per_chunk: int = 1000
    episodes_per_file: int = 1000

    def place(self, file: int) -> tuple[int, int]:
        """(chunk_index, file_index) of the n-th file."""
        return divmod(file, self.files_per_chunk)


class DataFiles:
    """The data tables: one row group per episode."""

    def __init__(self, root: Path, limits: FileLimits) -> None:
        self.root, self.limits = root, limits
        self.paths: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        self._bytes = 0

    def write(self, table: pa.Table) -> tuple[int, int]:
        """Append one episode; returns (chunk_index, file_index) of the file it went to."""
        import pyarrow.parquet as pq

        if self._writer is None or self._bytes + table.nbytes > self.limits.data_mb * 1_000_000:
            self.close()
            chunk, file = self.limits.place(len(self.paths))
            path = self.root / DATA.format(chunk_index=chunk, file_index=file)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer, self._bytes = pq.ParquetWriter(path, table.schema, compression="snappy"), 0
            self.paths.append(path)
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._bytes += table.nbytes
        return self.limits.place(len(self.paths) - 1)

    def close(self) -> None:
        """Finish the file that is open."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def data_schema(features: Sequence[Feature]) -> pa.Schema:
    """Column types of a data table. One value per frame is a plain column, not a list of one."""
    import pyarrow as pa

    fields = [(f.name, pa.float32() if f.dim == 1 else pa.list_(pa.float32(), f.dim)) for f in features]
    return pa.schema([*fields, *((name, pa.type_for_alias(dtype)) for name, dtype in INDEX_COLUMNS.items())])


def tasks_table(tasks: Sequence[str]) -> pa.Table:
    """Task texts as the index of a table that pandas reads back as it would have written it."""
    import pyarrow as pa

    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "__index_level_0__": pa.array(tasks, pa.string())})
    column = {"field_name": None, "metadata": None, "name": None, "numpy_type": "object", "pandas_type": "unicode"}
    pandas = {
        "index_columns": ["__index_level_0__"],
        "column_indexes": [{**column, "metadata": {"encoding": "UTF-8"}}],
        "columns": [
            {**column, "name": "task_index", "field_name": "task_index", "numpy_type": "int64", "pandas_type": "int64"},
            {**column, "field_name": "__index_level_0__"},
        ],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.2.0",
    }
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def episodes_table(rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """Rows of the episode table, types from the values; every row has the same columns."""
    import pyarrow as pa

    return pa.table({name: pa.array([row[name] for row in rows]) for name in rows[0]})


def stats_columns(name: str, stats: Stats) -> dict[str, object]:
    """`stats/<feature>/<statistic>` cells of one episode."""
    return {f"stats/{name}/{stat}": values.tolist() for stat, values in stats.items()}


def features_json(features: Sequence[Feature], cameras: Mapping[Camera, tuple[int, int]], fps: int) -> dict[str, object]:
    """`features` of info.json; cameras with their (height, width)."""
    out: dict[str, object] = {f.name: {"dtype": "float32", "shape": [f.dim], "names": list(f.names)} for f in features}
    for camera, (height, width) in cameras.items():
        out[camera.name] = {
            "dtype": "video",
            "shape": [height, width, 3],
            "names": ["height", "width", "channels"],
            "info": {
                "video.height": height,
                "video.width": width,
                "video.codec": "h264",
                "video.pix_fmt": "yuv420p",
                "video.is_depth_map": False,
                "video.fps": fps,
                "video.channels": 3,
                "has_audio": False,
            },
        }
    index = {name: {"dtype": dtype, "shape": [1], "names": None} for name, dtype in INDEX_COLUMNS.items()}
    return out | index


def write_json(path: Path, value: object) -> None:
    """Write JSON; a NaN is a fault, not a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def read_column(paths: Sequence[Path], name: str) -> pa.ChunkedArray:
    """One column over all data files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pa.chunked_array([c for p in paths for c in pq.read_table(p, columns=[name]).column(name).chunks])
