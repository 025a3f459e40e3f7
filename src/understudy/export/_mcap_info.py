"""What an export of MCAP files says about itself, in `meta/info.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from understudy import __version__
from understudy.export._describe import robot_json, task_of
from understudy.export._info_file import read_section
from understudy.spec.episode import Episode
from understudy.spec.protocols import ExportOptions
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema

INFO = Path("meta") / "info.json"
FOLDER = "episodes"


class McapEntry(BaseModel):
    """One file: its place, its episode, and how much is in it."""

    episode_index: int
    id: str
    file: str
    frames: int
    messages: int
    sha256: str


class _Robot(BaseModel):
    name: str
    joint_names: tuple[str, ...]


class McapInfo(BaseModel):
    """The part of the self-description that is read back.

    Attributes:
        asked_fps: the rate that was asked for; None where every stream kept its own stamps.
        cameras: image streams that were asked for; None for all.
        robot: its name and joint order.
        episodes: one per file.
    """

    asked_fps: float | None
    cameras: tuple[str, ...] | None
    robot: _Robot
    episodes: tuple[McapEntry, ...]


@dataclass(frozen=True)
class Written:
    """One file that was written, and what is kept of the episode it is of."""

    entry: McapEntry
    about: dict[str, object]


def about(episode: Episode) -> dict[str, object]:
    """What the self-description says of an episode."""
    notes = episode.notes
    return {
        "task": task_of(episode),
        "verdict": notes.verdict if notes else "unchecked",
        "quality_rating": notes.quality_rating if notes else None,
        "metadata": dict(episode.metadata),
    }


def info_json(
    files: list[Written], topics: dict[str, str], robot: RobotModel, schema: Schema, options: ExportOptions, warnings: list[str]
) -> str:
    """The text of `meta/info.json`.

    Args:
        files: in the order of their indices.
        topics: topic to the stream it was taken from.
        robot: gives the joint order.
        schema: the dataset's.
        options: what was asked for.
        warnings: what the user should know.
    """
    said = {
        "format": "mcap",
        "created_by": f"understudy {__version__}",
        "dataset": options.source,
        "partition": options.partition,
        "asked_fps": options.fps,
        "cameras": None if options.cameras is None else list(options.cameras),
        "schema_info": {"name": schema.name, "control_rate_hz": schema.control_rate_hz},
        "robot": robot_json(robot),
        "features": {topic: {"stream": stream} for topic, stream in sorted(topics.items())},
        "warnings": warnings,
        "episodes": [{**f.entry.model_dump(), **f.about} for f in files],
    }
    return json.dumps({"understudy": said}, indent=2, ensure_ascii=False) + "\n"


def read_info(out: Path) -> McapInfo:
    """What the export in `out` says about itself.

    Raises:
        ExportError: it is not an export of MCAP files.
    """
    return read_section(out / INFO, McapInfo)
