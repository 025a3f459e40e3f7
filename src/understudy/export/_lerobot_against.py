"""Holds a LeRobot v3.0 dataset against the episodes it came from, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from understudy.errors import UnderstudyError
from understudy.export._faults import Faults
from understudy.export._features import Feature, export_grid, sample
from understudy.export._lerobot_read import EpisodeRow, Exported
from understudy.geom.arrays import AnyArray
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.spec.stream import StreamSpec


def exported_features(exported: Exported, robot: RobotModel | None = None) -> list[Feature]:
    """The vector features of the dataset, with the streams they came from."""
    features = []
    for name, info in exported.vectors.items():
        origin = exported.origin.features.get(name)
        if origin is None:
            continue
        group, stream = origin.stream.split("/", 1)
        names = info.names or ()
        joints = robot is not None and set(names) == set(robot.joint_names)
        spec = StreamSpec.model_validate({"name": stream, "group": group, "shape": info.shape})
        features.append(Feature(name, spec, names, joints))
    return features


def check_against(
    exported: Exported, columns: Mapping[str, AnyArray], episodes: Mapping[str, Episode], robot: RobotModel, faults: Faults
) -> None:
    """Values must equal the episodes' to the last bit of float32.

    Args:
        exported: the dataset.
        columns: every column over all files.
        episodes: id to episode; those that are not there are reported, none at all means they are not at hand.
    """
    if not episodes:
        return
    features = exported_features(exported, robot)
    for row, entry in zip(exported.episodes, exported.origin.episodes, strict=False):
        if entry.id not in episodes:
            faults.add("episode_gone", f"episode {entry.id} (index {row.index}) is no longer in the dataset; export again")
            continue
        episode = episodes[entry.id]
        try:
            _check_episode(exported, row, columns, episode, features, robot, faults)
        except UnderstudyError as error:
            faults.add("episode_unreadable", f"episode {entry.id} (index {row.index}): {error}")


def _check_episode(
    exported: Exported,
    row: EpisodeRow,
    columns: Mapping[str, AnyArray],
    episode: Episode,
    features: list[Feature],
    robot: RobotModel,
    faults: Faults,
) -> None:
    fps, rate = exported.info.fps, exported.origin.schema_info.control_rate_hz
    grid = export_grid(episode, fps)
    if len(grid) != row.length:
        faults.add(
            "episode_length",
            f"meta/episodes, row {row.index}: {row.length} frames, episode {episode.id} gives {len(grid)} at {fps} frames/s",
            value=row.length, limit=len(grid),
        )  # fmt: skip
        return
    begin = row.whole("dataset_from_index")
    for feature in features:
        if feature.name not in columns:
            continue
        found = columns[feature.name][begin : begin + row.length].reshape(row.length, -1)
        want = sample(episode, feature, grid, robot=robot, control_rate_hz=rate, fps=fps)
        wrong = np.argwhere(found != want) if found.shape == want.shape else np.zeros((1, 2), dtype=int)
        if len(wrong):
            frame, column = wrong[0]
            faults.add(
                "values",
                f"data, row {begin + frame}, column {feature.name} ({feature.names[column]}): {found[frame, column]}, "
                f"episode {episode.id} has {want[frame, column]} at frame {frame}; {len(wrong)} values differ",
                column=feature.name, value=float(found[frame, column]), limit=float(want[frame, column]),
            )  # fmt: skip
