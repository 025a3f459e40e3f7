"""Decodes the videos of a LeRobot v3.0 dataset: number, time and size of frames, and the order of colour channels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from understudy.errors import ExportError, UnderstudyError
from understudy.export import _lerobot_files as files
from understudy.export._faults import Faults
from understudy.export._features import Camera, export_grid, picture_runs
from understudy.export._lerobot_read import EpisodeRow, Exported
from understudy.export._stats import channel_counts, image_stats, sampled_steps
from understudy.export._video import read_video
from understudy.geom.arrays import F64, U8
from understudy.spec.episode import Episode
from understudy.spec.stream import StreamSpec

TIME_TOLERANCE_S = 1e-4
"""What lerobot allows between the time asked for and the frame found."""
COLOUR_TOLERANCE = 0.04
"""Of full scale, between mean colours (of a tile or of an episode) before and after encoding; red for blue is far more."""
TILE = 16
COMPARED = 10
"""Images per episode that are held against their source."""


def check_videos(exported: Exported, episodes: Mapping[str, Episode], faults: Faults) -> None:
    """Check every video file of every camera."""
    for name, feature in exported.cameras.items():
        in_file: dict[str, list[EpisodeRow]] = {}
        for row in exported.episodes:
            if f"videos/{name}/file_index" not in row.cells or exported.info.video_path is None:
                faults.add("video", f"meta/episodes, row {row.index}: says nothing about {name}", column=name)
                continue
            path = exported.info.video_path.format(
                video_key=name,
                chunk_index=row.whole(f"videos/{name}/chunk_index"),
                file_index=row.whole(f"videos/{name}/file_index"),
            )
            in_file.setdefault(path, []).append(row)
        for path, rows in in_file.items():
            try:
                _check_file(exported, name, feature.shape, path, rows, episodes, faults)
            except ExportError as error:
                faults.add("video", str(error), column=name)


def _check_file(
    exported: Exported,
    name: str,
    shape: tuple[int, ...],
    path: str,
    rows: list[EpisodeRow],
    episodes: Mapping[str, Episode],
    faults: Faults,
) -> None:
    fps = exported.info.fps
    owner = [(row, frame) for row in rows for frame in range(row.length)]
    begins = np.cumsum([0, *(row.length for row in rows)])
    for row, begin in zip(rows, begins, strict=False):
        if abs(row.seconds(f"videos/{name}/from_timestamp") - begin / fps) > TIME_TOLERANCE_S:
            faults.add(
                "video_time", f"meta/episodes, row {row.index}: {name} does not begin at {begin / fps:g} s of {path}", column=name
            )
    counts = {row.index: np.zeros((3, 256), dtype=np.int64) for row in rows}
    kept: dict[int, dict[int, U8]] = {row.index: {} for row in rows}
    number = 0
    for number, (time_s, image) in enumerate(read_video(exported.root / path), start=1):
        at = number - 1
        if image.shape != shape:
            faults.add("image_size", f"{path}, frame {at}: {list(image.shape)}, {files.INFO} says {list(shape)}", column=name)
            return
        if abs(time_s - at / fps) > TIME_TOLERANCE_S:
            faults.add("video_time", f"{path}, frame {at}: at {time_s:g} s, must be {at / fps:g} s", column=name)
        if at < len(owner):
            row, frame = owner[at]
            if frame in sampled_steps(row.length):
                counts[row.index] += channel_counts(image)
            if frame in _compared(row.length):
                kept[row.index][frame] = image
    if number != len(owner):
        faults.add(
            "video_frames", f"{path}: {number} frames for {len(owner)} rows of data", column=name, value=number, limit=len(owner)
        )
    for row in rows:
        _check_colour(exported, name, path, row, counts[row.index], faults)
        _check_source(exported, name, path, row, kept[row.index], episodes, faults)


def _check_colour(exported: Exported, name: str, path: str, row: EpisodeRow, counts: np.ndarray, faults: Faults) -> None:
    """The mean colour of the decoded frames against the statistics, which were taken before encoding."""
    if not counts.any():
        return
    found = np.asarray(image_stats(counts, 1)["mean"], dtype=np.float64).ravel()
    want = np.asarray(row.cells.get(f"stats/{name}/mean"), dtype=np.float64).ravel()
    _judge(found, want, f"{path}, episode {row.index}, mean colour", name, faults)


def _check_source(
    exported: Exported,
    name: str,
    path: str,
    row: EpisodeRow,
    kept: Mapping[int, U8],
    episodes: Mapping[str, Episode],
    faults: Faults,
) -> None:
    """Decoded images against the episode's own, tile by tile, where the episode has that camera."""
    entries = exported.origin.episodes
    key = exported.origin.features[name].stream if name in exported.origin.features else ""
    episode = episodes.get(entries[row.index].id) if row.index < len(entries) else None
    if episode is None or key not in episode:
        return
    camera = Camera(name, StreamSpec(name=key.split("/", 1)[1], group="observations", kind="image"))
    step = 0
    try:
        for source, times in picture_runs(episode, camera, export_grid(episode, exported.info.fps)):
            for frame in set(range(step, step + times)) & kept.keys():
                _judge(_tiles(kept[frame]), _tiles(source), f"{path}, episode {row.index}, frame {frame}", name, faults)
            step += times
    except UnderstudyError as error:
        faults.add("episode_unreadable", f"episode {episode.id}: {error}", column=name)


def _judge(found: F64, want: F64, where: str, name: str, faults: Faults) -> None:
    """Colours (..., 3) in 0..1: other than expected, and if so whether red and blue are exchanged."""
    if found.shape != want.shape:
        faults.add("image_size", f"{where}: {found.shape} tiles, the source has {want.shape}", column=name)
        return
    off = float(np.abs(found - want).mean(axis=tuple(range(found.ndim - 1))).max())
    if off > COLOUR_TOLERANCE:
        swapped = float(np.abs(found[..., ::-1] - want).mean()) < float(np.abs(found - want).mean()) / 2
        what = "red and blue are exchanged: images must be RGB" if swapped else "the picture is another one"
        check = "channel_order" if swapped else "picture"
        faults.add(
            check, f"{where}: colours are off by {off:.2f} of full scale; {what}", column=name, value=off, limit=COLOUR_TOLERANCE
        )


def _compared(length: int) -> frozenset[int]:
    return frozenset(np.round(np.linspace(0, length - 1, min(length, COMPARED))).astype(int).tolist())


def _tiles(image: U8) -> F64:
    """Mean colour, 0..1, of tiles of 16 by 16 pixels: blind to what 4:2:0 does to fine colour."""
    height, width = (max(1, s // TILE) * min(TILE, s) for s in image.shape[:2])
    tile_h, tile_w = min(TILE, image.shape[0]), min(TILE, image.shape[1])
    cut = image[:height, :width].astype(np.float64) / 255.0
    return np.asarray(cut.reshape(height // tile_h, tile_h, width // tile_w, tile_w, 3).mean(axis=(1, 3)))
