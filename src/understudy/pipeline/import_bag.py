"""The step `import bag`: a ROS 2 bag or an MCAP file becomes an episode with its raw stamps, to be gated like our own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from understudy.devices.messages.mapping import TopicMapping, parse_mapping, read_mapping
from understudy.errors import InputError, UnderstudyError
from understudy.kinematics.load import load_robot
from understudy.pipeline.bags.collect import Collected, Stretch, collect
from understudy.pipeline.bags.episode import Made, make_episode, make_streams
from understudy.pipeline.bags.propose import MAPPING_ATTACHMENT, propose
from understudy.pipeline.bags.ros2_bag import open_bag, open_mcap
from understudy.pipeline.bags.source import Recording
from understudy.pipeline.bags.survey import fitted_schema, survey
from understudy.pipeline.build import open_or_create
from understudy.pipeline.labels import UNLABELLED, LabelledClip
from understudy.pipeline.run import TaskResult, run
from understudy.pipeline.tasks import Job, Json, Outcome, Step, Task, file_hash
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import MetadataValue
from understudy.spec.protocols import Progress
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema
from understudy.spec.stream import StreamSpec
from understudy.store.dataset import SCHEMA, Dataset

Container = Literal["bag", "mcap"]
MAPPING_METADATA, EPISODE_METADATA = "record_mapping", "understudy"
DEFAULT_SOURCE = "teleop"
_OF_AN_EXPORT = ("task_id", "demonstrator_id", "language_instruction", "motion_source")


@dataclass(frozen=True)
class BagOptions:
    """How recordings are read.

    Attributes:
        container: `bag` or `mcap`.
        mapping: the mapping file; None takes the one in the file itself, which our own exports carry.
        motion_source: where the motion came from, as the schema has it; empty for teleop, or what the file says.
    """

    container: Container
    mapping: Path | None = None
    motion_source: str = ""


def open_recording(path: Path, container: Container) -> Recording:
    """The recording at a path.

    Raises:
        InputError: there is none.
    """
    return open_bag(path) if container == "bag" else open_mcap(path)


def proposed_mapping(path: Path, container: Container, robot: RobotModel) -> str:
    """Text of a mapping file for a recording: its own where it carries one, else guessed.

    Raises:
        InputError: the recording cannot be read.
    """
    topics, found = survey(open_recording(path, container))
    if (text := found.attachments.get(MAPPING_ATTACHMENT)) is not None:
        return text.decode("utf-8", errors="replace")
    return propose(topics, robot, default_schema(robot, "proposal"))


def import_recordings(
    clips: Sequence[LabelledClip], into: Path, robot: RobotModel, options: BagOptions, *, progress: Progress
) -> tuple[TaskResult, ...]:
    """Import every recording that is not there yet; one that fails does not stop the others.

    A dataset that is made here gets the rates and picture sizes of the first recording.

    Raises:
        InputError: the mapping is wrong, or the first recording of a new dataset cannot be read.
        UnknownNameError: the mapping names a stream that the schema does not have.
    """
    mapping = None if options.mapping is None else read_mapping(options.mapping)
    if mapping is not None and mapping.robot and mapping.robot != robot.name:
        raise InputError(f"{options.mapping}: this mapping is for {mapping.robot}, not {robot.name}")
    dataset = _dataset(into, robot, clips[0].clip, options, mapping)
    if mapping is not None:
        _specs(mapping, dataset.schema)
    tasks = [_task(clip, robot, dataset, options, mapping) for clip in clips]
    return tuple(run(IMPORT_BAG, tasks, manifests=dataset.root / "manifests", progress=progress))


def _dataset(into: Path, robot: RobotModel, first: Path, options: BagOptions, mapping: TopicMapping | None) -> Dataset:
    if (into / SCHEMA).exists() or (into.exists() and any(into.iterdir())):
        return open_or_create(into, robot)
    topics, found = survey(open_recording(first, options.container))
    known = mapping or _carried(found.attachments, first)
    schema = default_schema(robot, into.resolve().name)
    _specs(known, schema)
    return Dataset.create(into, fitted_schema(schema, known, topics, robot=robot.name, where=first), robot)


def _carried(attachments: Mapping[str, bytes], path: Path) -> TopicMapping:
    """The mapping that a recording carries in itself."""
    if MAPPING_ATTACHMENT not in attachments:
        raise InputError(f"{path}: how is it to be read? give --mapping FILE; --propose prints one to begin with")
    text = attachments[MAPPING_ATTACHMENT].decode("utf-8", errors="replace")
    return parse_mapping(text, where=f"{path}: attachment {MAPPING_ATTACHMENT}")


def _specs(mapping: TopicMapping, schema: Schema) -> dict[str, StreamSpec]:
    """The schema's stream of every entry."""
    return {entry.stream: schema.stream(entry.stream) for entry in mapping.streams}


def _task(clip: LabelledClip, robot: RobotModel, dataset: Dataset, options: BagOptions, mapping: TopicMapping | None) -> Task:
    try:
        files = open_recording(clip.clip, options.container).files
    except UnderstudyError:
        files = (clip.clip,)  # hashing it says what is wrong, and the other recordings go on
    return Task(
        name=clip.clip.stem,
        inputs=files,
        params={
            "robot": robot.name,
            "model_sha256": robot.model_sha256,
            "schema": dataset.schema.model_dump(mode="json", include={"robot", "control_rate_hz", "action_kind", "streams"}),
            "container": options.container,
            "folder": clip.clip.is_dir(),
            "mapping": None if mapping is None else mapping.model_dump(mode="json"),
            "motion_source": options.motion_source,
            "label": {"name": clip.clip.stem, **vars(clip.label)},
        },
    )


def _import(job: Job) -> Outcome:
    """Read one recording and write its episode."""
    params = job.task.params
    first = job.task.inputs[0]
    path = first.parent if params["folder"] else first
    container: Container = "bag" if params["container"] == "bag" else "mcap"
    dataset = Dataset.open(job.root)
    robot = load_robot(dataset.robot_source)
    recording, label = open_recording(path, container), _table(params["label"])
    if label.get("mirror_of"):
        raise InputError(f"{path}: a recording cannot be mirrored; leave mirror_of empty")
    mapping = _mapping(params["mapping"], recording)
    stretch = Stretch(*(None if label.get(key) is None else float(str(label[key])) for key in ("start_s", "end_s")))
    taken = None if stretch == Stretch() else stretch
    collected = collect(recording, mapping, _specs(mapping, dataset.schema), robot=robot.name, stretch=taken)
    made = make_streams(collected, dataset.schema)
    warnings = [*collected.warnings, *made.warnings]
    metadata = _metadata(recording, job.task.inputs, collected, mapping, label, str(params["motion_source"]), warnings)
    metadata |= {"record_task": job.id, "record_began_utc": made.began.isoformat()}
    episode = make_episode(
        made,
        robot,
        episode_id=_free_id(dataset, made, container, job.id),
        schema_toml=dataset.schema_text,
        metadata=metadata,
    )
    ref = dataset.add(episode)
    summary: dict[str, Json] = {
        "episode": episode.id,
        "format": recording.format,
        "steps": len(episode.timeline_ns),
        "seconds": round(episode.duration_s, 3),
        "streams": len(episode.streams),
        "cut": bool(collected.found.cut),
        "warnings": list(warnings),
    }
    return Outcome((ref.path,), summary)


IMPORT_BAG = Step("import bag", 1, _import)


def _mapping(given: Json, recording: Recording) -> TopicMapping:
    if given is not None:
        return TopicMapping.model_validate(given)
    _, found = survey(recording)
    return _carried(found.attachments, recording.path)


def _free_id(dataset: Dataset, made: Made, container: str, task: str) -> str:
    """The first free name of this date and time; the task's own episode keeps its name when work is done again."""
    index = 0
    while True:
        name = dataset.schema.naming.recorded.format(
            date=made.began.strftime("%Y%m%d"), time=made.began.strftime("%H%M%S"), source=container, index=index
        )
        there = dataset.find(name)
        if there is None or dataset.read(name).metadata.get("record_task") == task:
            return name
        index += 1


def _table(value: Json) -> dict[str, Json]:
    return dict(value) if isinstance(value, dict) else {}


def _metadata(
    recording: Recording,
    files: Sequence[Path],
    collected: Collected,
    mapping: TopicMapping,
    label: Mapping[str, Json],
    motion_source: str,
    warnings: Sequence[str],
) -> dict[str, MetadataValue]:
    said = collected.found.metadata.get(EPISODE_METADATA, {})
    labels = {
        "task_id": str(label["task"]),
        "demonstrator_id": str(label["demonstrator"]),
        "language_instruction": str(label["instruction"]),
        "motion_source": motion_source or UNLABELLED,
    }
    for key in _OF_AN_EXPORT:
        if labels[key] == UNLABELLED and (value := _text(said.get(key))):
            labels[key] = value
    if labels["motion_source"] == UNLABELLED:
        labels["motion_source"] = DEFAULT_SOURCE
    hashes = [file_hash(path) for path in files]
    return {
        **labels,
        "clip": str(label["name"]),
        "warnings": json.dumps(list(warnings)),
        "source_path": recording.path.name,
        "source_sha256": hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest(),
        "source_format": recording.format,
        **({"record_cut": collected.found.cut} if collected.found.cut else {}),
        MAPPING_METADATA: mapping.model_dump_json(exclude_defaults=True),
        "record_stamps": json.dumps({key: samples.clock for key, samples in sorted(collected.streams.items())}),
    }


def _text(value: str | None) -> str:
    """A text that an export wrote as JSON."""
    try:
        found = json.loads(value) if value else ""
    except ValueError:
        return ""
    return found if isinstance(found, str) else ""
