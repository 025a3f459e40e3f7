"""The step `import motion`: a robot motion file of another tool becomes an episode, to be gated and scored like our own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from understudy.errors import ExportError, InputError, MocapError, UnknownNameError
from understudy.export._motion_flavour import FileMotion, FillMissing, Flavour, QuatOrder, Told, frames_per_second
from understudy.export._motion_info import read_info
from understudy.export._motion_npz import array_names
from understudy.export.motion import FLAVOURS
from understudy.kinematics.load import load_robot, robot_names
from understudy.pipeline.labels import LabelledClip
from understudy.pipeline.motion_episode import motion_episode
from understudy.pipeline.run import EngineName, TaskResult, run
from understudy.pipeline.tasks import Job, Json, Outcome, Step, Task, file_hash
from understudy.spec.episode import MetadataValue
from understudy.spec.protocols import Progress
from understudy.spec.robot import RobotModel, RobotMotion
from understudy.store.dataset import Dataset

Layout = Literal["auto", "csv", "wbt", "locomujoco"]
MOST_NAME_BYTES = 1 << 16


@dataclass(frozen=True)
class ImportOptions:
    """How motion files are read; every value is written into the episode.

    Attributes:
        layout: kind of file; `auto` tells it from the file.
        fps: frames per second, for files that do not say.
        joint_names: what the joint columns are, for files that do not say; a robot's name stands for its order.
        fill_missing: `home` lets joints that the file lacks stand at the home pose; `refuse` does not.
        motion_source: where the motion came from, as the schema has it; a retarget made of mocap is `mocap`.
        quat: order of the root's quaternion in a CSV without heading.
    """

    layout: Layout = "auto"
    fps: float | None = None
    joint_names: tuple[str, ...] = ()
    fill_missing: FillMissing = "refuse"
    motion_source: str = "mocap"
    quat: QuatOrder = "xyzw"


def read_motion_file(path: Path, robot: RobotModel, options: ImportOptions | None = None) -> tuple[FileMotion, Flavour]:
    """The motion in a file, in the robot's joint order, and what kind of file it was.

    Raises:
        MocapError: the file cannot be read, or is of no known layout.
        JointOrderError: its joints are not the robot's.
    """
    options = options or ImportOptions()
    flavour = FLAVOURS[layout_of(path) if options.layout == "auto" else options.layout]
    return flavour.read(path, robot, _told(path, options)), flavour


def layout_of(path: Path) -> str:
    """Name of the layout of a file, from its suffix and the names of its arrays.

    Raises:
        MocapError: none fits; the message names what was found.
    """
    known = "csv, wbt and locomujoco are read (docs/motion_files.md)"
    suffix = path.suffix.lower()
    if not path.is_file():
        raise MocapError(f"{path}: no such file")
    if suffix in (".pkl", ".pickle", ".joblib", ".npy", ".pt"):
        raise MocapError(f"{path}: may hold a pickle, and pickles are never loaded; have its tool write a CSV or npz: {known}")
    if suffix in (".csv", ".txt"):
        return "csv"
    if suffix != ".npz":
        raise MocapError(f"{path}: unknown layout {suffix or 'without suffix'}; {known}")
    names = array_names(path)
    if "q_pelvis_tx" in names:
        return "locomujoco"
    if "joint_pos" in names:
        return "wbt"
    hint = "; a person's motion goes through `understudy build`" if {"poses", "trans"} <= set(names) else ""
    raise MocapError(f"{path}: unknown layout with arrays {', '.join(names[:20]) or 'none'}{hint}; {known}")


def joint_name_list(text: str, home: Path = Path()) -> tuple[str, ...]:
    """Joint names from a robot's name, a list with commas, or a text file with names between spaces, commas or lines.

    Raises:
        InputError: a file cannot be read.
    """
    if not text:
        return ()
    if text in robot_names():
        return load_robot(text).joint_names
    path = home / text
    try:
        if path.is_file():
            if path.stat().st_size > MOST_NAME_BYTES:
                raise InputError(f"{path}: {path.stat().st_size:,} bytes; a list of joint names is needed")
            text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{path}: joint names cannot be read: {error}") from None
    return tuple(text.replace(",", " ").split())


def import_tasks(clips: Sequence[LabelledClip], robot: RobotModel, dataset: Dataset, options: ImportOptions) -> list[Task]:
    """One task per labelled file; what an export of ours says of its files is looked up here, for it shapes the episode.

    Raises:
        UnknownNameError: no such layout.
    """
    if options.layout not in get_args(Layout):
        raise UnknownNameError("layout of motion files", options.layout, get_args(Layout))
    return [_task(clip, robot, dataset, options) for clip in clips]


def import_motions(
    clips: Sequence[LabelledClip],
    dataset: Dataset,
    robot: RobotModel,
    options: ImportOptions,
    *,
    workers: int,
    progress: Progress,
) -> tuple[TaskResult, ...]:
    """Import every file that is not there yet, `workers` at a time; one that fails does not stop the others."""
    tasks = import_tasks(clips, robot, dataset, options)
    engine: EngineName = "processes" if workers > 1 and len(tasks) > 1 else "serial"
    manifests = dataset.root / "manifests"
    return tuple(
        run(IMPORT_MOTION, tasks, manifests=manifests, engine=engine, workers=min(workers, len(tasks)), progress=progress)
    )


def _task(clip: LabelledClip, robot: RobotModel, dataset: Dataset, options: ImportOptions) -> Task:
    told = _told(clip.clip, options)
    return Task(
        name=clip.clip.stem,
        inputs=(clip.clip,),
        params={
            "robot": robot.name,
            "model_sha256": robot.model_sha256,
            "schema": dataset.schema.model_dump(mode="json", include={"robot", "control_rate_hz", "action_kind", "streams"}),
            "layout": options.layout,
            "fps": told.fps,
            "joint_names": list(told.joint_names),
            "fill_missing": told.fill_missing,
            "motion_source": options.motion_source,
            **({"quat": options.quat} if options.quat != "xyzw" else {}),
            "label": {"name": clip.clip.stem, **vars(clip.label)},
        },
    )


def _told(path: Path, options: ImportOptions) -> Told:
    """What is known of a file besides itself: what the user said, else what the export it lies in says."""
    fps, names = options.fps, options.joint_names
    if path.suffix.lower() in (".csv", ".npz") and (fps is None or not names):
        try:
            info = read_info(path.parent.parent)
        except ExportError:
            return Told(fps, names, options.fill_missing, options.quat)
        for entry in info.episodes:
            if Path(entry.file).name == path.name:
                fps = entry.fps if fps is None else fps
                if path.suffix.lower() == ".csv":  # archives name their joints themselves
                    names = names or info.robot.joint_names
    return Told(fps, names, options.fill_missing, options.quat)


def _import(job: Job) -> Outcome:
    """Read one file and write its episode."""
    params, path = job.task.params, job.task.inputs[0]
    label = _table(params["label"])
    robot = load_robot(str(params["robot"]))
    dataset = Dataset.open(job.root)
    options = _options(params)
    found, flavour = read_motion_file(path, robot, options)
    motion = _trimmed(found.motion, label, str(path))
    episode = motion_episode(
        robot,
        motion,
        episode_id=dataset.schema.naming.retargeted.format(clip=label["name"], task8=job.id[:8]),
        schema_toml=dataset.schema_text,
        metadata=_metadata(path, found, flavour, options, label),
    )
    ref = dataset.add(episode)
    fps = frames_per_second(found.motion.t_ns)
    summary: dict[str, Json] = {
        "episode": episode.id, "layout": flavour.name, "frames": len(motion.t_ns), "rate_hz": fps, "warnings": list(found.said),
    }  # fmt: skip
    return Outcome((ref.path,), summary)


IMPORT_MOTION = Step("import motion", 1, _import)


def _options(params: Mapping[str, Json]) -> ImportOptions:
    names, fps = params["joint_names"], params["fps"]
    return ImportOptions(
        layout=str(params["layout"]),  # type: ignore[arg-type]
        fps=None if fps is None else float(str(fps)),
        joint_names=tuple(map(str, names)) if isinstance(names, list) else (),
        fill_missing=str(params["fill_missing"]),  # type: ignore[arg-type]
        motion_source=str(params["motion_source"]),
        quat="wxyz" if params.get("quat") == "wxyz" else "xyzw",
    )


def _table(value: Json) -> dict[str, Json]:
    return dict(value) if isinstance(value, dict) else {}


def _trimmed(motion: RobotMotion, label: Mapping[str, Json], where: str) -> RobotMotion:
    """The stretch that the label asks for; stamps begin at 0 again.

    Raises:
        MocapError: nothing is left, or a mirror image was asked for.
    """
    if label.get("mirror_of") in (label["name"], Path(where).name):
        raise MocapError(f"{where}: a robot's motion cannot be mirrored here; mirror the person's motion and retarget it")
    start_s, end_s = (None if label.get(key) is None else float(str(label[key])) for key in ("start_s", "end_s"))
    t_s = motion.t_ns * 1e-9
    keep = (t_s >= (start_s or 0.0) - 1e-9) & (t_s <= (t_s[-1] if end_s is None else end_s) + 1e-9)
    if keep.sum() < 2:
        raise MocapError(
            f"{where}: start {start_s} s to end {end_s} s leaves {int(keep.sum())} of {len(t_s)} frames; two are needed at least"
        )
    t_ns = motion.t_ns[keep]
    return replace(
        motion,
        t_ns=t_ns - t_ns[0],
        root_pos_world_m=motion.root_pos_world_m[keep],
        root_quat_world_wxyz=motion.root_quat_world_wxyz[keep],
        joint_pos=motion.joint_pos[keep],
    )


def _metadata(
    path: Path, found: FileMotion, flavour: Flavour, options: ImportOptions, label: Mapping[str, Json]
) -> dict[str, MetadataValue]:
    metadata: dict[str, MetadataValue] = {
        "task_id": str(label["task"]),
        "demonstrator_id": str(label["demonstrator"]),
        "language_instruction": str(label["instruction"]),
        "motion_source": options.motion_source,
        "clip": str(label["name"]),
        "warnings": json.dumps(found.said),
        "source_path": path.name,
        "source_sha256": file_hash(path),
        "source_format": f"motion_{flavour.name}",
        "source_rate_hz": frames_per_second(found.motion.t_ns),
        "source_fill_missing": options.fill_missing,
    }
    if label.get("mirror_of"):
        metadata["mirror_of"] = str(label["mirror_of"])
    return metadata
