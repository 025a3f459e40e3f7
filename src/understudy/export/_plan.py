"""What an export will hold, settled before the first byte is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from understudy.errors import ExportError, JointOrderError
from understudy.export._features import Camera, Feature, left_out, plan_cameras, plan_features
from understudy.spec.episode import Episode
from understudy.spec.protocols import ExportOptions
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema


@dataclass(frozen=True)
class Plan:
    """What an export will hold.

    Attributes:
        robot: gives the joint order.
        schema: the dataset's schema.
        options: what was asked for.
        fps: frames per second.
        features: vector columns, state and action first.
        cameras: image columns.
        episodes: how many there are.
        warnings: what the user should know already.
    """

    robot: RobotModel
    schema: Schema
    options: ExportOptions
    fps: float
    features: tuple[Feature, ...]
    cameras: tuple[Camera, ...]
    episodes: int
    warnings: tuple[str, ...]


def walk_again(episodes: Iterable[Episode]) -> Iterable[Episode]:
    """Episodes that can be gone through twice: as they are, or kept where they come from a generator."""
    return list(episodes) if isinstance(episodes, Iterator) else episodes


def plan_export(episodes: Iterable[Episode], robot: RobotModel, schema: Schema, options: ExportOptions) -> Plan:
    """Look at every episode's streams (not their samples) and settle what is exported.

    Raises:
        ExportError: there is no episode, an id comes twice, or a stream that training needs is missing.
        JointOrderError: an episode is another robot's.
    """
    present: set[str] = set()
    seen: set[str] = set()
    ids: set[str] = set()
    other_model = 0
    for episode in episodes:
        _belongs(episode, robot, ids)
        keys = {key for key, stream in episode.streams.items() if len(stream)}
        present = keys & present if ids else keys
        seen |= keys
        ids.add(episode.id)
        other_model += episode.model_sha256 != robot.model_sha256
    if not ids:
        raise ExportError("there is no episode to export: the dataset is empty, or every episode was refused (see its failures)")
    features = plan_features(schema, robot, present)
    warnings = list(left_out(schema, present, seen))
    if other_model:
        warnings.append(
            f"{other_model} of {len(ids)} episodes were made with another version of {robot.name}'s model; joints match"
        )
    return Plan(
        robot=robot,
        schema=schema,
        options=options,
        fps=options.fps or schema.control_rate_hz,
        features=features,
        cameras=plan_cameras(schema, present, options.cameras),
        episodes=len(ids),
        warnings=tuple(warnings),
    )


def _belongs(episode: Episode, robot: RobotModel, ids: set[str]) -> None:
    if episode.robot != robot.name:
        raise JointOrderError(f"episode {episode.id} is of robot {episode.robot}, the export of {robot.name}; export them apart")
    if episode.id in ids:
        raise ExportError(f"episode {episode.id} comes twice; ids are unique in a dataset, rename one of the files")
