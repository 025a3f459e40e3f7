"""What an export of motion files says about itself, in `meta/info.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from understudy import __version__
from understudy.export._describe import robot_json, task_of
from understudy.export._features import POSITIONS
from understudy.export._info_file import read_section
from understudy.export._motion_clip import ROOT
from understudy.spec.episode import Episode
from understudy.spec.protocols import ExportOptions
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema

INFO = Path("meta") / "info.json"
FOLDER = "motions"


class MotionEntry(BaseModel):
    """One file: its place, its episode, its rate, and the hash of its bytes."""

    episode_index: int
    id: str
    file: str
    frames: int
    fps: float
    sha256: str


class _Robot(BaseModel):
    name: str
    joint_names: tuple[str, ...]


class MotionInfo(BaseModel):
    """The part of the self-description that is read back.

    Attributes:
        flavour: kind of the files.
        asked_fps: the rate that was asked for; None where every motion kept its own.
        robot: its name and joint order, which is that of the columns.
        episodes: one per file.
    """

    flavour: str
    asked_fps: float | None
    robot: _Robot
    episodes: tuple[MotionEntry, ...]


@dataclass(frozen=True)
class Written:
    """One file that was written, and the episode it is of."""

    episode: Episode
    entry: MotionEntry


def info_json(
    files: list[Written], flavour: str, robot: RobotModel, schema: Schema, options: ExportOptions, warnings: list[str]
) -> str:
    """The text of `meta/info.json`."""
    sources = {
        "joint_pos": {"stream": POSITIONS, "unit": "rad", "frame": "joint"},
        "root": {"stream": ROOT, "unit": "m,1", "frame": "world"},
    }
    said = {
        "format": "motion",
        "flavour": flavour,
        "created_by": f"understudy {__version__}",
        "dataset": options.source,
        "partition": options.partition,
        "asked_fps": options.fps,
        "schema_info": {"name": schema.name, "control_rate_hz": schema.control_rate_hz},
        "robot": robot_json(robot),
        "features": sources,
        "warnings": warnings,
        "episodes": [_entry_json(f) for f in files],
    }
    return json.dumps({"understudy": said}, indent=2, ensure_ascii=False) + "\n"


def read_info(out: Path) -> MotionInfo:
    """What the export in `out` says about itself.

    Raises:
        ExportError: it is not an export of motion files.
    """
    return read_section(out / INFO, MotionInfo)


def _entry_json(written: Written) -> dict[str, object]:
    episode, notes = written.episode, written.episode.notes
    segments = [*episode.segments, *(notes.segments if notes else ())]
    return {
        **written.entry.model_dump(),
        "task": task_of(episode),
        "verdict": notes.verdict if notes else "unchecked",
        "quality_rating": notes.quality_rating if notes else None,
        "segments": [s.model_dump() for s in segments],
        "metadata": dict(episode.metadata),
    }
