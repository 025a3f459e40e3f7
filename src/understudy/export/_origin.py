"""Where an export came from: the part of its self-description that is read back."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ValidationError

from understudy.errors import ExportError


class _Robot(BaseModel):
    name: str
    joint_names: tuple[str, ...]


class _Schema(BaseModel):
    control_rate_hz: float


class _Feature(BaseModel):
    stream: str


class EpisodeEntry(BaseModel):
    """One exported episode: its place in the export and its id in the dataset."""

    episode_index: int
    id: str
    frames: int
    task: str


class Origin(BaseModel):
    """Where an export came from.

    Attributes:
        format: exporter name.
        dataset: path of the dataset, relative to the export where possible; empty when it was not said.
        partition: `episodes` or `failures`.
        robot: its name and joint order.
        schema_info: the dataset's control rate.
        features: feature to the stream it was taken from.
        episodes: in the order of their indices.
    """

    format: str
    dataset: str
    partition: str
    robot: _Robot
    schema_info: _Schema
    features: dict[str, _Feature]
    episodes: tuple[EpisodeEntry, ...]


def read_origin(out: Path) -> Origin:
    """What the export in `out` says about itself.

    Raises:
        ExportError: `out` is not an export of Understudy.
    """
    path = out / "meta" / "info.json"
    if not out.is_dir():
        raise ExportError(f"{out}: no such export folder")
    if not path.is_file():
        raise ExportError(f"{out}: not an export that can be checked: {path.relative_to(out)} is missing")
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        return Origin.model_validate(info["understudy"])
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ExportError(f"{path}: not valid JSON: {error}; export again") from None
    except (KeyError, TypeError):
        raise ExportError(f"{path}: has no section `understudy`; only what `understudy export` wrote can be checked") from None
    except ValidationError as error:
        place = ".".join(str(p) for p in error.errors()[0]["loc"])
        raise ExportError(f"{path}: understudy.{place}: {error.errors()[0]['msg']}; export again") from None
