"""Tasks: one clip, episode or shard each, named by the hash of what goes in, done when its manifest and outputs agree."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Literal

from pydantic import JsonValue, ValidationError

from understudy.errors import InputError, did_you_mean
from understudy.spec.robot import Strict
from understudy.store.atomic import write_text

Json = JsonValue
_PARTITIONS = ("episodes", "failures")


@dataclass(frozen=True)
class Task:
    """One piece of work.

    Attributes:
        name: what people call it, such as the clip's stem.
        inputs: files it reads; their contents, not their places, go into the id.
        params: everything else that changes the outcome: settings, labels, the robot's hash. No paths to outputs.
    """

    name: str
    inputs: tuple[Path, ...]
    params: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """A task as a step gets it.

    Attributes:
        task: the task.
        id: its id, 64 hex digits; the first 8 stand in file names.
        root: folder that outputs lie in, usually the dataset.
        input_sha256: hash of each input, as it went into the id.
    """

    task: Task
    id: str
    root: Path
    input_sha256: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a step made.

    Attributes:
        outputs: files under `root`, whole on the disk.
        summary: figures to show, such as frames and residuals; kept in the manifest, so a re-run shows them too.
    """

    outputs: tuple[Path, ...]
    summary: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A kind of work: a module-level function of one job.

    Attributes:
        name: such as `retarget`.
        version: raise it when the same inputs give another outcome; all its tasks are then new ones.
        function: makes the outputs; must find its own earlier, identical output acceptable.
    """

    name: str
    version: int
    function: Callable[[Job], Outcome]


class FileHash(Strict):
    """A file and its contents' hash; `path` is relative to the root for outputs, as given for inputs."""

    path: str
    sha256: str


class Manifest(Strict):
    """What a finished task made."""

    format: Literal["understudy-manifest"] = "understudy-manifest"
    format_version: Literal[1] = 1
    id: str
    name: str
    step: str
    step_version: int
    inputs: tuple[FileHash, ...]
    params: dict[str, Json]
    outputs: tuple[FileHash, ...]
    seconds: float
    summary: dict[str, Json] = {}


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        near = did_you_mean(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else "; nor its folder"
        raise InputError(f"{path}: no such file{near}") from None
    except IsADirectoryError:
        raise InputError(f"{path}: a folder, where a file is needed; name the files in it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None


def job_of(step: Step, task: Task, root: Path) -> Job:
    """The task as the step gets it; its id comes from the step, its version, the inputs' contents and the parameters.

    Raises:
        InputError: an input cannot be read, or a parameter is not JSON.
    """
    inputs = tuple(file_hash(path) for path in task.inputs)
    return Job(task, _task_id(step, task, inputs), root, inputs)


def _task_id(step: Step, task: Task, inputs: tuple[str, ...]) -> str:
    parts = [step.name, step.version, list(inputs), dict(task.params)]
    try:
        text = json.dumps(parts, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise InputError(f"task {task.name}: a parameter is not plain JSON: {error}") from None
    return hashlib.sha256(text.encode()).hexdigest()


def manifest_path(manifests: Path, task: str) -> Path:
    """Where the manifest of a task id lies."""
    return manifests / f"{task}.json"


def write_manifest(manifests: Path, step: Step, job: Job, outcome: Outcome, seconds: float) -> Manifest:
    """Say that a task is done; written last, whole or not at all.

    It is not waited for until the disk has it: where a power cut takes it, its task is done again and finds its own outputs.

    Raises:
        InputError: an output is missing or outside the root.
        StorageError: the disk refused.
    """
    manifest = Manifest(
        id=job.id,
        name=job.task.name,
        step=step.name,
        step_version=step.version,
        inputs=tuple(FileHash(path=str(path), sha256=sha) for path, sha in zip(job.task.inputs, job.input_sha256, strict=True)),
        params=dict(job.task.params),
        outputs=tuple(FileHash(path=_relative(path, job.root), sha256=file_hash(path)) for path in outcome.outputs),
        seconds=seconds,
        summary=dict(outcome.summary),
    )
    write_text(manifest_path(manifests, job.id), manifest.model_dump_json(indent=2) + "\n", forced=False)
    return manifest


def finished(manifests: Path, task: str, root: Path) -> tuple[Manifest, tuple[Path, ...]] | None:
    """The manifest of a task and where its outputs lie now; None unless all are there and unchanged."""
    path = manifest_path(manifests, task)
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    if manifest.id != task:
        return None
    places = [_find(root, output) for output in manifest.outputs]
    found = [place for place in places if place is not None]
    return (manifest, tuple(found)) if len(found) == len(places) else None


def _find(root: Path, output: FileHash) -> Path | None:
    """Where an output lies: an episode may have been moved between partitions or tasks since."""
    at = root / output.path
    is_episode = at.suffix == ".h5" and Path(output.path).parts[0] in _PARTITIONS
    moved = (place for part in _PARTITIONS for place in (root / part).glob(f"*/{at.name}")) if is_episode else ()
    return next((place for place in chain((at,), moved) if place.is_file() and file_hash(place) == output.sha256), None)


def _relative(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        raise InputError(f"{path}: an output must lie under {root}") from None
