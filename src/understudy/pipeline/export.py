"""Export a dataset in a training format, and hold an export against the dataset it came from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from understudy import plugins
from understudy.errors import InputError, UnknownNameError
from understudy.export._folder import refuse_existing
from understudy.export._origin import read_origin
from understudy.kinematics.load import load_robot
from understudy.pipeline import ego_camera
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import Exporter, ExportOptions, ExportReport, Progress
from understudy.spec.schema import Schema
from understudy.store.dataset import Dataset, EpisodeRef
from understudy.store.episode_file import read_episode
from understudy.store.notes import read_notes

PARTITIONS = ("episodes", "failures")


@dataclass(frozen=True)
class _Episodes:
    """The episodes of an export, each read anew when its turn comes: memory holds one at a time."""

    refs: tuple[EpisodeRef, ...]
    camera: ego_camera.EgoCamera | None = None

    def __iter__(self) -> Iterator[Episode]:
        for ref in self.refs:
            episode = read_episode(ref.path)
            yield episode if self.camera is None else self.camera.add(episode)


@dataclass(frozen=True)
class _ById(Mapping[str, Episode]):
    """Episodes by id, read when they are asked for."""

    refs: Mapping[str, EpisodeRef]

    def __getitem__(self, key: str) -> Episode:
        return read_episode(self.refs[key].path)

    def __iter__(self) -> Iterator[str]:
        return iter(self.refs)

    def __len__(self) -> int:
        return len(self.refs)


def export_dataset(dataset: Dataset, format: str, out: Path, options: ExportOptions, progress: Progress) -> ExportReport:
    """Write the accepted episodes of a dataset (or its failures) in a training format.

    Args:
        dataset: where the episodes are.
        format: name of an exporter.
        out: folder to make; must not be there yet.
        options: what to export; `source` is filled in here.
        progress: called with (done, total) episodes.

    Raises:
        UnknownNameError: no such format, flavour or camera.
        ExportError, JointOrderError, StorageError: see the exporter.
    """
    exporter = cast(Exporter, plugins.load("export", format))
    if options.partition not in PARTITIONS:
        raise InputError(f"partition {options.partition!r}: choose one of {', '.join(PARTITIONS)}")
    if options.flavour and options.flavour not in (flavours := getattr(exporter, "flavours", ())):
        raise UnknownNameError(f"flavour of {format}", options.flavour, flavours)
    robot = load_robot(dataset.robot_source)
    refs, warnings = _chosen(dataset, options.partition)
    schema = dataset.schema
    with ExitStack() as stack:
        camera = None
        if options.render_ego:
            refuse_existing(out)  # before the renderer is set up: that takes seconds
            camera = stack.enter_context(ego_camera.EgoCamera(robot, fps=options.fps or schema.control_rate_hz))
            schema = _with_camera(schema, camera)
        report = exporter.export(
            _Episodes(refs, camera),
            out,
            robot=robot,
            schema=schema,
            options=replace(options, source=relative_source(dataset.root, out)),
            progress=progress,
        )
    return replace(report, warnings=(*warnings, *report.warnings))


def validate_export(out: Path, dataset: Dataset | None) -> list[Finding]:
    """Read an export back and say what does not hold; with the dataset, every value is held against its episode.

    Raises:
        ExportError: `out` is not an export, or cannot be read at all.
    """
    origin = read_origin(out)
    exporter = cast(Exporter, plugins.load("export", origin.format))
    refs = {} if dataset is None else {ref.id: ref for ref in dataset.refs("all")}
    robot = load_robot(origin.robot.name if dataset is None else dataset.robot_source)
    return list(exporter.validate(out, _ById(refs), robot))


def source_of(out: Path) -> Path | None:
    """The dataset that an export says it came from; None where it does not say or the dataset is gone.

    Raises:
        ExportError: `out` is not an export.
    """
    named = read_origin(out).dataset
    if not named:
        return None
    root = (out / named).resolve()
    return root if (root / "schema.toml").is_file() else None


def relative_source(root: Path, out: Path) -> str:
    """The dataset's path as the export keeps it: relative to the export, so that both can move together."""
    try:
        return Path(os.path.relpath(root.resolve(), out.resolve())).as_posix()
    except ValueError:  # another drive
        return root.resolve().as_posix()


def _chosen(dataset: Dataset, partition: str) -> tuple[tuple[EpisodeRef, ...], list[str]]:
    """Episodes to export, and warnings about those that no gate has looked at."""
    refs = dataset.refs(cast(Literal["episodes", "failures"], partition))
    if partition == "failures":
        return refs, []
    verdicts = {ref.id: notes.verdict if (notes := read_notes(ref.path)) else "unchecked" for ref in refs}
    warnings = []
    if unchecked := sum(v == "unchecked" for v in verdicts.values()):
        warnings.append(f"{unchecked} episodes were not checked yet: run `understudy check {dataset.root}` first")
    if refused := [i for i, v in verdicts.items() if v == "rejected"]:
        warnings.append(f"{len(refused)} refused episodes left out: {', '.join(refused[:5])}")
    return tuple(ref for ref in refs if verdicts[ref.id] != "rejected"), warnings


def _with_camera(schema: Schema, camera: ego_camera.EgoCamera) -> Schema:
    """The schema with the rendered camera, in place of one of the same name."""
    others = tuple(s for s in schema.streams if s.key != ego_camera.KEY)
    return schema.model_copy(update={"streams": (*others, camera.spec)})
