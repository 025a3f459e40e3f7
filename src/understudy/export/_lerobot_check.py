"""Reads a LeRobot v3.0 dataset back and says what does not hold, by file, column and row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.errors import ExportError
from understudy.export import _lerobot_files as files
from understudy.export._faults import Faults
from understudy.export._lerobot_against import check_against, exported_features
from understudy.export._lerobot_read import EpisodeRow, Exported, column_values, open_exported
from understudy.export._lerobot_video_check import check_videos
from understudy.export._stats import STATS, guard_constant, vector_stats
from understudy.geom.arrays import AnyArray
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.robot import RobotModel

if TYPE_CHECKING:
    import pyarrow as pa

STAT_TOLERANCE = 1e-9
"""Relative; statistics are recomputed from the same float32 values."""


def check_lerobot(out: Path, episodes: Mapping[str, Episode], robot: RobotModel) -> Sequence[Finding]:
    """Every check of a LeRobot v3.0 dataset.

    Args:
        out: its folder.
        episodes: id to the episode it was made from; empty when they are not at hand.
        robot: the robot whose joint order must stand in it.

    Raises:
        ExportError: it cannot be read at all.
    """
    exported, faults = open_exported(out), Faults("lerobot")
    _check_info(exported, robot, faults)
    _check_episode_table(exported, faults)
    columns = _check_data(exported, faults)
    _check_stats(exported, columns, faults)
    check_videos(exported, episodes, faults)
    check_against(exported, columns, episodes, robot, faults)
    return faults.findings()


def _check_info(exported: Exported, robot: RobotModel, faults: Faults) -> None:
    info = exported.info
    if info.codebase_version != files.CODEBASE_VERSION:
        faults.add("version", f"{files.INFO}: codebase_version {info.codebase_version}, allowed {files.CODEBASE_VERSION}")
    for name in ("action", "observation.state"):
        if name not in exported.vectors:
            faults.add("features", f"{files.INFO}: feature {name} is missing; a policy cannot be trained without it", column=name)
    for name, feature in exported.vectors.items():
        names = feature.names or ()
        if name in ("action", "observation.state") and feature.shape != (robot.dof,):
            faults.add(
                "action_size",
                f"{files.INFO}, {name}: {list(feature.shape)} values per frame, {robot.name} has {robot.dof} joints",
                column=name, value=float(np.prod(feature.shape)), limit=float(robot.dof),
            )  # fmt: skip
        if set(names) & set(robot.joint_names) and name in ("action", "observation.state", "observation.velocity"):
            _check_order(f"{files.INFO}, {name}", names, robot, faults, name)
    _check_order(f"{files.INFO}, understudy.robot.joint_names", exported.origin.robot.joint_names, robot, faults, "")
    for what, found, counted in (
        ("total_episodes", info.total_episodes, len(exported.episodes)),
        ("total_frames", info.total_frames, sum(e.length for e in exported.episodes)),
        ("total_tasks", info.total_tasks, len(exported.tasks)),
    ):
        if found != counted:
            faults.add("totals", f"{files.INFO}: {what} is {found}, the tables hold {counted}", value=found, limit=counted)


def _check_order(where: str, names: Sequence[str], robot: RobotModel, faults: Faults, column: str) -> None:
    """Joint order by name: says the first place where it differs."""
    if tuple(names) == robot.joint_names:
        return
    if sorted(names) != sorted(robot.joint_names):
        odd = sorted(set(names) ^ set(robot.joint_names))
        message = f"{where}: not the joints of {robot.name}: {', '.join(odd) or 'a name stands twice'}"
    else:
        at = next(i for i, (a, b) in enumerate(zip(names, robot.joint_names, strict=True)) if a != b)
        message = f"{where}: column {at} is {names[at]}, {robot.name} has {robot.joint_names[at]} there; joint order differs"
    faults.add("joint_order", message, column=column)


def _check_episode_table(exported: Exported, faults: Faults) -> None:
    where = "meta/episodes"
    at = 0
    for row, episode in enumerate(exported.episodes):
        if episode.index != row:
            faults.add("episodes", f"{where}, row {row}: episode_index {episode.index}; readers look episodes up by row")
        if (episode.whole("dataset_from_index"), episode.whole("dataset_to_index")) != (at, at + episode.length):
            faults.add("episodes", f"{where}, row {row}: frames do not go on from the episode before: {at} expected")
        at += episode.length
        for task in episode.tasks:
            if task not in exported.tasks:
                faults.add("tasks", f"{where}, row {row}: task {task!r} is not in {files.TASKS}")
    if len(exported.origin.episodes) != len(exported.episodes):
        faults.add(
            "episodes", f"{files.INFO}: names {len(exported.origin.episodes)} episodes, the table has {len(exported.episodes)}"
        )
    for entry, episode in zip(exported.origin.episodes, exported.episodes, strict=False):
        if entry.frames != episode.length:
            faults.add("episode_length", f"{where}, row {episode.index}: {episode.length} frames, {entry.id} had {entry.frames}")


def _check_data(exported: Exported, faults: Faults) -> dict[str, AnyArray]:
    """Check the data files one after the other; returns every column over all files."""
    gathered: dict[str, list[AnyArray]] = {}
    row = 0
    for number, (path, table) in enumerate(exported.data_files()):
        for name in (*exported.vectors, *files.INDEX_COLUMNS):
            try:
                values = column_values(table, name)
            except ExportError as error:
                faults.add("columns", f"{path}: {error}", column=name)
                continue
            _check_finite(path, name, values, faults)
            gathered.setdefault(name, []).append(values)
        _check_placed(exported, number, path, row, table, faults)
        row += table.num_rows
    if row != exported.info.total_frames:
        faults.add("totals", f"data: {row} rows, {files.INFO} says {exported.info.total_frames}", value=row)
    columns = {name: np.concatenate(parts) for name, parts in gathered.items() if sum(map(len, parts)) == row}
    if row and set(files.INDEX_COLUMNS) <= set(columns) and row == sum(e.length for e in exported.episodes):
        _check_index(exported, columns, faults)
    _check_shapes(exported, columns, faults)
    return columns


def _check_finite(path: str, name: str, values: AnyArray, faults: Faults) -> None:
    wrong = np.argwhere(~np.isfinite(np.asarray(values, dtype=np.float64)))
    if len(wrong):
        faults.add(
            "not_finite", f"{path}, row {wrong[0][0]}, column {name}: {len(wrong)} values are NaN or infinite", column=name
        )


def _check_placed(exported: Exported, number: int, path: str, row: int, table: pa.Table, faults: Faults) -> None:
    """The episode table must send every episode to the file that has its rows."""
    for episode in exported.episodes:
        begins = episode.whole("dataset_from_index")
        told = exported.info.data_path.format(
            chunk_index=episode.whole("data/chunk_index"), file_index=episode.whole("data/file_index")
        )
        inside = row <= begins < row + table.num_rows
        if inside != (told == path):
            faults.add(
                "data_file",
                f"meta/episodes, row {episode.index}: names {told}, its frames are {'' if inside else 'not '}in {path}",
            )


def _check_index(exported: Exported, columns: Mapping[str, AnyArray], faults: Faults) -> None:
    lengths = [e.length for e in exported.episodes]
    frame = np.concatenate([np.arange(n) for n in lengths])
    want: dict[str, AnyArray] = {
        "index": np.arange(len(frame)),
        "frame_index": frame,
        "episode_index": np.repeat(np.arange(len(lengths)), lengths),
        "timestamp": (frame / exported.info.fps).astype(np.float32),
        "task_index": np.repeat([_task_index(exported, e) for e in exported.episodes], lengths),
    }
    for name, expected in want.items():
        wrong = np.flatnonzero(columns[name] != expected)
        if len(wrong):
            at = int(wrong[0])
            faults.add(
                "timestamp" if name == "timestamp" else "index",
                f"data, row {at} (episode {want['episode_index'][at]}, frame {frame[at]}), column {name}: "
                f"{columns[name][at]}, must be {expected[at]}; {len(wrong)} rows are wrong",
                column=name, value=float(columns[name][at]), limit=float(expected[at]),
            )  # fmt: skip


def _task_index(exported: Exported, episode: EpisodeRow) -> int:
    return exported.tasks.index(episode.tasks[0]) if episode.tasks and episode.tasks[0] in exported.tasks else -1


def _check_shapes(exported: Exported, columns: Mapping[str, AnyArray], faults: Faults) -> None:
    for name, feature in exported.vectors.items():
        if name not in columns:
            continue
        width = columns[name].shape[1] if columns[name].ndim == 2 else 1
        if (width,) != feature.shape:
            faults.add(
                "shape", f"data, column {name}: {width} values per row, {files.INFO} says {list(feature.shape)}", column=name
            )
        elif len(feature.names or ()) != width:
            faults.add("shape", f"{files.INFO}, {name}: {len(feature.names or ())} names for {width} values", column=name)


def _check_stats(exported: Exported, columns: Mapping[str, AnyArray], faults: Faults) -> None:
    """Recompute the statistics of the whole set and of each episode."""
    guarded = {f.name for f in exported_features(exported)}
    for name, values in columns.items():
        _compare_stats(files.STATS_FILE, name, values, exported.stats.get(name, {}), name in guarded, faults)
        for episode in exported.episodes:
            rows = slice(episode.whole("dataset_from_index"), episode.whole("dataset_to_index"))
            written = {s: np.asarray(episode.cells.get(f"stats/{name}/{s}")) for s in STATS}
            if len(values[rows]):
                _compare_stats(f"meta/episodes, row {episode.index}", name, values[rows], written, name in guarded, faults)


def _compare_stats(
    where: str, name: str, values: AnyArray, written: Mapping[str, AnyArray], guarded: bool, faults: Faults
) -> None:
    stats = vector_stats(values)
    if guarded:
        stats = guard_constant(stats)[0]
    for stat in STATS:
        mine, theirs = np.asarray(stats[stat], dtype=np.float64), written.get(stat)
        if theirs is None or theirs.dtype == object or theirs.shape != mine.shape:
            faults.add("stats", f"{where}, {name}/{stat}: missing or of another shape", column=name)
            continue
        found = theirs.astype(np.float64)
        if not np.allclose(mine, found, rtol=STAT_TOLERANCE, atol=STAT_TOLERANCE):
            at = int(np.argmax(np.abs(mine - found)))
            faults.add(
                "stats",
                f"{where}, {name}/{stat}, column {at}: {found[at]:.9g}, recomputed from the data {mine[at]:.9g}",
                column=name, value=float(found[at]), limit=float(mine[at]),
            )  # fmt: skip
