"""Writes the episodes of a LeRobot v3.0 dataset one after the other, then its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.errors import ExportError
from understudy.export import _lerobot_files as files
from understudy.export._describe import Description, task_of
from understudy.export._features import Camera, export_grid, picture_runs, sample
from understudy.export._plan import Plan
from understudy.export._stats import (
    STD_FLOOR,
    Stats,
    channel_counts,
    guard_constant,
    image_stats,
    sampled_steps,
    stats_json,
    vector_stats,
)
from understudy.export._video import VideoSettings, VideoWriter
from understudy.geom.arrays import I64, AnyArray
from understudy.spec.episode import Episode

if TYPE_CHECKING:
    import pyarrow as pa

RATE_TOLERANCE_HZ = 1e-6


@dataclass
class _CameraFiles:
    """Video files of one camera, and what the pixels seen so far say."""

    camera: Camera
    video: VideoWriter | None = None
    files: int = 0
    size: tuple[int, int] | None = None
    counts: I64 = field(default_factory=lambda: np.zeros((3, 256), dtype=np.int64))
    images: int = 0


class LeRobotWriter:
    """One dataset under construction in the folder `root`."""

    def __init__(self, root: Path, plan: Plan, *, limits: files.FileLimits, video: VideoSettings) -> None:
        self.root, self.plan, self.limits, self.settings = root, plan, limits, video
        self.fps = whole_fps(plan.fps)
        self.frames = 0
        self._tasks: dict[str, int] = {}
        self._data = files.DataFiles(root, limits)
        self._cameras = [_CameraFiles(camera) for camera in plan.cameras]
        self._rows: list[Mapping[str, object]] = []
        self._written_rows = 0
        self._description = Description("lerobot", plan)

    def add(self, episode: Episode) -> None:
        """Append one episode."""
        grid = export_grid(episode, self.fps)
        task = task_of(episode)
        columns = self._columns(episode, grid, self._tasks.setdefault(task, len(self._tasks)))
        chunk, file = self._data.write(self._table(columns))
        row: dict[str, object] = {
            "episode_index": self._episode,
            "tasks": [task],
            "length": len(grid),
            "data/chunk_index": chunk,
            "data/file_index": file,
            "dataset_from_index": self.frames,
            "dataset_to_index": self.frames + len(grid),
        }
        image_cells: dict[str, object] = {}
        for state in self._cameras:
            row |= self._film(state, episode, grid, image_cells)
        guarded = {f.name for f in self.plan.features}
        for name, values in columns.items():
            stats = vector_stats(values)
            row |= files.stats_columns(name, guard_constant(stats)[0] if name in guarded else stats)
        row |= image_cells
        chunk, file = self.limits.place(self._episode // self.limits.episodes_per_file)
        row |= {"meta/episodes/chunk_index": chunk, "meta/episodes/file_index": file}
        self._rows.append(row)
        self._description.add(episode, frames=len(grid), task=task)
        self.frames += len(grid)
        if len(self._rows) == self.limits.episodes_per_file:
            self._flush_rows()

    def finish(self) -> tuple[str, ...]:
        """Close every file and write the metadata; returns the warnings."""
        import pyarrow.parquet as pq

        self._data.close()
        for state in self._cameras:
            if state.video is not None:
                state.video.close()
        if self._rows:
            self._flush_rows()
        stats, constant = self._pooled()
        warnings = (*self.plan.warnings, *constant)
        files.write_json(self.root / files.STATS_FILE, stats)
        pq.write_table(files.tasks_table(list(self._tasks)), self.root / files.TASKS)
        files.write_json(self.root / files.INFO, self._info(warnings))
        return warnings

    def abandon(self) -> None:
        """Let go of every open file; the folder is about to be removed."""
        for state in self._cameras:
            if state.video is not None:
                state.video.abandon()
        self._data.close()

    @property
    def _episode(self) -> int:
        return self._written_rows + len(self._rows)

    def _columns(self, episode: Episode, grid: I64, task: int) -> dict[str, AnyArray]:
        """Feature name to values, and the index columns, of one episode."""
        rate = self.plan.schema.control_rate_hz
        columns: dict[str, AnyArray] = {
            f.name: sample(episode, f, grid, robot=self.plan.robot, control_rate_hz=rate, fps=self.fps)
            for f in self.plan.features
        }
        step = np.arange(len(grid), dtype=np.int64)
        columns["timestamp"] = (step / self.fps).astype(np.float32)
        columns["frame_index"] = step
        columns["episode_index"] = np.full(len(grid), self._episode, dtype=np.int64)
        columns["index"] = step + self.frames
        columns["task_index"] = np.full(len(grid), task, dtype=np.int64)
        return columns

    def _table(self, columns: Mapping[str, AnyArray]) -> pa.Table:
        import pyarrow as pa

        schema = files.data_schema(self.plan.features)
        arrays = []
        for field_ in schema:
            flat = pa.array(columns[field_.name].ravel())
            wide = pa.types.is_fixed_size_list(field_.type)
            arrays.append(pa.FixedSizeListArray.from_arrays(flat, field_.type.list_size) if wide else flat)
        return pa.Table.from_arrays(arrays, schema=schema)

    def _film(self, state: _CameraFiles, episode: Episode, grid: I64, cells: dict[str, object]) -> dict[str, object]:
        """Encode one camera of one episode; its statistics go to `cells`, its place in the video files is returned."""
        looked_at, counts = sampled_steps(len(grid)), np.zeros((3, 256), dtype=np.int64)
        video: VideoWriter | None = None
        step = first = 0
        for image, times in picture_runs(episode, state.camera, grid):
            if video is None:
                video = self._video(state, image.shape)
                first = video.frames
            video.write(image, times=times)
            if hits := len(looked_at.intersection(range(step, step + times))):
                counts += hits * channel_counts(image)
            step += times
        state.counts += counts
        state.images += len(looked_at)
        name = state.camera.name
        cells |= files.stats_columns(name, image_stats(counts, len(looked_at)))
        chunk, file = self.limits.place(state.files - 1)
        return {
            f"videos/{name}/chunk_index": chunk,
            f"videos/{name}/file_index": file,
            f"videos/{name}/from_timestamp": first / self.fps,
            f"videos/{name}/to_timestamp": (first + len(grid)) / self.fps,
        }

    def _video(self, state: _CameraFiles, shape: tuple[int, ...]) -> VideoWriter:
        """The video file that the next episode goes to."""
        if state.video is not None and state.video.bytes < self.limits.video_mb * 1_000_000:
            return state.video
        if state.video is not None:
            state.video.close()
        chunk, file = self.limits.place(state.files)
        path = self.root / files.VIDEO.format(video_key=state.camera.name, chunk_index=chunk, file_index=file)
        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = state.size or (shape[0], shape[1])
        state.size = (height, width)
        state.video = VideoWriter(path, width=width, height=height, fps=self.fps, settings=self.settings)
        state.files += 1
        return state.video

    def _flush_rows(self) -> None:
        import pyarrow.parquet as pq

        chunk, file = self.limits.place(self._written_rows // self.limits.episodes_per_file)
        path = self.root / files.EPISODES.format(chunk_index=chunk, file_index=file)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(files.episodes_table(self._rows), path)
        self._written_rows += len(self._rows)
        self._rows = []

    def _pooled(self) -> tuple[dict[str, object], list[str]]:
        """Statistics over all frames, one column at a time so that memory stays small, and the dimensions that never move."""
        pooled: dict[str, Stats] = {}
        still: dict[str, list[str]] = {}
        for feature in self.plan.features:
            column = files.read_column(self._data.paths, feature.name).combine_chunks()
            flat = column.flatten() if feature.dim > 1 else column
            stats, constant = guard_constant(vector_stats(flat.to_numpy().reshape(-1, feature.dim)))
            pooled[feature.name] = stats
            if constant:
                still.setdefault(", ".join(feature.names[i] for i in constant), []).append(feature.name)
        for name in files.INDEX_COLUMNS:
            pooled[name] = vector_stats(files.read_column(self._data.paths, name).to_numpy())
        for state in self._cameras:
            pooled[state.camera.name] = image_stats(state.counts, state.images)
        warnings = [
            f"{names} never changes in {', '.join(features)}: std raised to {STD_FLOOR:g}" for names, features in still.items()
        ]
        return {name: stats_json(stats) for name, stats in pooled.items()}, warnings

    def _info(self, warnings: tuple[str, ...]) -> dict[str, object]:
        sizes = {s.camera: s.size for s in self._cameras if s.size is not None}
        return {
            "codebase_version": files.CODEBASE_VERSION,
            "robot_type": self.plan.robot.name,
            "total_episodes": self._episode,
            "total_frames": self.frames,
            "total_tasks": len(self._tasks),
            "chunks_size": self.limits.files_per_chunk,
            "data_files_size_in_mb": self.limits.data_mb,
            "video_files_size_in_mb": self.limits.video_mb,
            "fps": self.fps,
            "splits": {"train": f"0:{self._episode}"},
            "data_path": files.DATA,
            "video_path": files.VIDEO if sizes else None,
            "features": files.features_json(self.plan.features, sizes, self.fps),
            "understudy": self._description.as_json(warnings),
        }


def whole_fps(fps: float) -> int:
    """LeRobot keeps whole frames per second.

    Raises:
        ExportError: `fps` is not a whole number above zero.
    """
    if fps < 1 or abs(fps - round(fps)) > RATE_TOLERANCE_HZ:
        raise ExportError(f"LeRobot needs a whole number of frames per second, at least 1; found {fps:g}. Choose one with --fps")
    return round(fps)
