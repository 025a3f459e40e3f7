"""The step `retarget`: one clip becomes one episode."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from understudy.errors import InputError, SchemaError
from understudy.kinematics.load import load_robot
from understudy.pipeline.labels import LabelledClip
from understudy.pipeline.motion_episode import motion_episode
from understudy.pipeline.read import ReadOptions, calibration, files_of, read_clip
from understudy.pipeline.tasks import Job, Json, Outcome, Step, Task
from understudy.retarget.clip import mirrored, trimmed, without_reference_pose
from understudy.retarget.feasibility import Infeasible
from understudy.retarget.retarget import Retargeted, retarget
from understudy.retarget.root_path import RootPath
from understudy.retarget.trajectory import Settings
from understudy.spec.episode import Episode, MetadataValue
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import HumanMotion
from understudy.store.dataset import ROBOT, SCHEMA, Dataset


@dataclass(frozen=True)
class RetargetOptions:
    """How clips are retargeted; every value is written into the episode.

    Attributes:
        lowpass_hz: cut-off of the smoothing inside the solve; 0 turns it off.
        infeasible: what happens to frames whose end-effector residual exceeds 5 cm.
        root_path: the person's path at the robot's size, or in the person's own metres.
        fast: solve at half the rate and in fewer steps.
        arm_filter_hz: zero-phase Butterworth over trunk and arm joints afterwards; 0 for none.
    """

    lowpass_hz: float = 5.0
    infeasible: Infeasible = "flag"
    root_path: RootPath = "scaled"
    arm_filter_hz: float = 0.0
    fast: bool = False

    def __post_init__(self) -> None:
        """Refuse a cut-off that is no frequency; raises InputError."""
        for what, value in (("low-pass (--lowpass)", self.lowpass_hz), ("arm filter (--arm-filter)", self.arm_filter_hz)):
            if not (math.isfinite(value) and value >= 0.0):
                raise InputError(f"the cut-off of the {what} is {value:g} Hz; give 0 to turn it off, or more")


def retarget_tasks(
    clips: Sequence[LabelledClip],
    robot: RobotModel,
    dataset: Dataset,
    options: RetargetOptions,
    reading: ReadOptions | None = None,
) -> list[Task]:
    """One task per labelled clip; a clip's skeleton or body model is an input of its task.

    Raises:
        SchemaError: the dataset's actions are torques, which a motion does not have.
        InputError: hands are named for more than one clip.
    """
    if dataset.schema.action_kind == "torque":
        raise SchemaError(
            f"{dataset.root / 'schema.toml'}: action_kind is 'torque', but motion capture holds no torques; "
            "use 'position' or 'velocity' for retargeted motion"
        )
    reading = reading or ReadOptions()
    if reading.hands is not None and len({clip.clip for clip in clips}) > 1:
        raise InputError(
            f"{reading.hands}: one file of hands for {len(clips)} clips; put each beside its clip instead, as "
            f"{clips[0].clip.stem}.hands{reading.hands.suffix}"
        )
    said: dict[str, Json] = {key: value for key, value in (("unit", reading.unit), ("rate_hz", reading.rate_hz)) if value}
    files = [files_of(clip.clip, reading) for clip in clips]
    return [
        Task(
            name=clip.clip.stem,
            inputs=tuple(own.values()),
            params={
                "robot": robot.name,
                "model_sha256": robot.model_sha256,
                "streams": _streams_hash(dataset),
                "options": dict(asdict(options)),
                "label": {"name": clip.clip.stem, **asdict(clip.label)},
                **({"read": said | {"files": list(own)}} if said or len(own) > 1 else {}),
            },
        )
        for clip, own in zip(clips, files, strict=True)
    ]


def _streams_hash(dataset: Dataset) -> str:
    """Hash of what of the schema shapes an episode: a changed gate threshold makes no new episodes."""
    parts = dataset.schema.model_dump_json(include={"robot", "control_rate_hz", "action_kind", "streams"})
    return hashlib.sha256(parts.encode()).hexdigest()


CONTACTS = "debug/contacts"


def _retarget(job: Job) -> Outcome:
    """Read, edit, retarget and write one clip."""
    params = job.task.params
    options = RetargetOptions(**_table(params["options"]))  # type: ignore[arg-type]
    label = _table(params["label"])
    dataset = worker_dataset(job.root)
    robot = worker_robot(dataset.robot_source)
    motion, said, calibrated = _prepared(job.task, label)
    result = retarget(
        motion,
        robot,
        settings=Settings(lowpass_hz=options.lowpass_hz, fast=options.fast),
        infeasible=options.infeasible,
        root_path=options.root_path,
        arm_filter_hz=options.arm_filter_hz,
    )
    result = replace(result, warnings=(*said, *result.warnings))
    extra = {
        "debug/human_joints_world": motion.joint_pos_world_m,
        "debug/human_target_world": result.human_target_world_m,
        "debug/ee_residual": result.residual_m,
        "debug/infeasible": result.infeasible,
        "debug/source_contact": result.stance,
    }
    if any(stream.key == CONTACTS for stream in dataset.schema.streams):  # datasets begun before this stream have none
        extra[CONTACTS] = result.contacts
    episode = motion_episode(
        robot,
        result.motion,
        episode_id=dataset.schema.naming.retargeted.format(clip=label["name"], task8=job.id[:8]),
        schema_toml=dataset.schema_text,
        metadata={**_metadata(motion, result, options, label), **calibrated},
        extra=extra,
    )
    ref = dataset.add(episode)
    return Outcome((ref.path,), _summary(episode, motion, result))


RETARGET = Step("retarget", 7, _retarget)


@lru_cache(maxsize=4)
def worker_robot(source: str) -> RobotModel:
    """The robot of a dataset, loaded once by each process."""
    return load_robot(source)


def worker_dataset(root: Path) -> Dataset:
    """The dataset of a task, opened once by each process for as long as its schema and robot stay as they are.

    Opening one goes through all its folders, which for every clip of ten thousand is too often.

    Raises:
        InputError, SchemaError, JointOrderError: as `Dataset.open`.
    """
    return _opened(root, *(_state(root / name) for name in (SCHEMA, ROBOT)))


@lru_cache(maxsize=4)
def _opened(root: Path, *_states: tuple[int, ...]) -> Dataset:
    return Dataset.open(root)


def _state(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()  # opening says what is wrong
    return found.st_mtime_ns, found.st_size, found.st_ino


def _table(value: Json) -> dict[str, Json]:
    return dict(value) if isinstance(value, dict) else {}


def _prepared(task: Task, label: dict[str, Json]) -> tuple[HumanMotion, tuple[str, ...], dict[str, str | float]]:
    """The clip as it is retargeted, what is to be said about it, and its calibration for the metadata."""
    path, reading = task.inputs[0], _reading(task)
    motion = read_clip(path, reading)
    calibrated, drifted = calibration(motion, reading)
    motion, sentence = without_reference_pose(motion)
    if label.get("start_s") is not None or label.get("end_s") is not None:
        motion = trimmed(motion, _float(label.get("start_s")), _float(label.get("end_s")))
    if label.get("mirror_of") in (path.stem, path.name):  # a row that names its own clip asks for its mirror image
        motion = mirrored(motion)
    return motion, (*([sentence] if sentence else []), *drifted), calibrated


def _reading(task: Task) -> ReadOptions:
    """What the task says about its files."""
    read = _table(task.params.get("read"))
    parts = read.get("files")
    files = dict(zip(parts, task.inputs, strict=True)) if isinstance(parts, list) else {}
    return ReadOptions(
        unit=str(read["unit"]) if "unit" in read else None,
        rate_hz=_float(read.get("rate_hz")),
        companion=files.get("companion"),
        baseline=files.get("baseline"),
        hands=files.get("hands"),
        hand_model=files.get("hand_model"),
    )


def _float(value: Json) -> float | None:
    return None if value is None else float(str(value))


def _metadata(
    motion: HumanMotion, result: Retargeted, options: RetargetOptions, label: dict[str, Json]
) -> dict[str, MetadataValue]:
    source, subject = motion.source, motion.subject()
    found: dict[str, MetadataValue] = {
        "task_id": str(label["task"]),
        "demonstrator_id": str(label["demonstrator"]),
        "language_instruction": str(label["instruction"]),
        "motion_source": "synthetic" if source.synthetic else "mocap",
        "clip": str(label["name"]),
        "warnings": json.dumps(result.warnings),
        "source_path": Path(source.path).name,
        "source_sha256": source.sha256,
        "source_format": source.format,
        "source_dialect": source.dialect,
        "source_unit_m": source.unit_m,
        "source_up": source.up,
        "source_rate_hz": source.rate_hz,
        "source_rest_pose": source.rest_pose,
        "source_subject_leg_m": subject.leg_m,
        "source_subject_arm_m": subject.arm_m,
        "source_subject_height_m": subject.height_m,
        "retarget_scale": result.scale,
        "retarget_infeasible_stretches": json.dumps([asdict(s) for s in result.stretches]),
        "retarget_recollect": json.dumps([asdict(entry) for entry in result.recollect]),
        "retarget_amplitude_loss": json.dumps(result.amplitude_loss),
        "retarget_fingers": json.dumps([_finite(asdict(hand)) for hand in result.fingers]),
        **{f"retarget_{key}": value for key, value in asdict(options).items()},
    }
    if label.get("mirror_of"):
        found["mirror_of"] = str(label["mirror_of"])
    return found


def _finite(values: dict[str, object]) -> dict[str, object]:
    """The figures without those that are not known."""
    return {key: value for key, value in values.items() if not (isinstance(value, float) and math.isnan(value))}


def _summary(episode: Episode, motion: HumanMotion, result: Retargeted) -> dict[str, Json]:
    """Figures for the summary table."""
    return {
        "episode": episode.id,
        "frames": len(motion),
        "rate_hz": motion.rate_hz,
        "hand_residual_cm": 100.0 * float(np.mean(result.residual_m[:, :2])),
        "foot_residual_cm": 100.0 * float(np.mean(result.residual_m[:, 2:])),
        "infeasible_pct": 100.0 * float(np.mean(result.infeasible)),
        "warnings": list(result.warnings),
        "recollect": len(result.recollect),
    }
