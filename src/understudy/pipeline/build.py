"""The main job: clips in; episodes, verdicts and a training dataset out. Every stage resumes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from understudy import plugins
from understudy.errors import InputError, StorageError
from understudy.kinematics.load import load_robot
from understudy.kinematics.robot_json import check_robot_json
from understudy.pipeline.check import CheckSummary, check_dataset
from understudy.pipeline.export import export_dataset
from understudy.pipeline.labels import LabelledClip
from understudy.pipeline.processes import RETARGETING, prepare
from understudy.pipeline.read import ReadOptions
from understudy.pipeline.recollect import RecollectList, write_recollect
from understudy.pipeline.retarget import RETARGET, RetargetOptions, retarget_tasks
from understudy.pipeline.run import EngineName, TaskResult, run
from understudy.pipeline.tasks import Job, Json, Outcome, Step, Task
from understudy.spec.default_schema import default_schema
from understudy.spec.profiles import load_profile
from understudy.spec.protocols import ExportOptions, Progress
from understudy.spec.robot import RobotModel
from understudy.store.dataset import ROBOT, SCHEMA, Dataset
from understudy.store.notes import notes_path

Stage = Callable[[str], AbstractContextManager[Progress]]
"""Opens the progress of a stage, named for people."""


@dataclass(frozen=True)
class BuildSummary:
    """What a build did.

    Attributes:
        dataset: the dataset.
        clips: one result per clip.
        checked: what gates and scores said.
        recollect: what to record again; None where the disk refused an episode.
        exported: what came of the export; None where none was asked for or nothing was accepted.
        export: folder of the training dataset; None where there is none.
    """

    dataset: Dataset
    clips: tuple[TaskResult, ...]
    checked: CheckSummary
    recollect: RecollectList | None = None
    exported: TaskResult | None = None
    export: Path | None = None

    @property
    def disk_refused(self) -> bool:
        """Whether the disk refused an episode or the export; nothing more is written after that."""
        return disk_refused(self.clips if self.exported is None else (*self.clips, self.exported))


def disk_refused(results: Sequence[TaskResult]) -> bool:
    """Whether the disk refused what one of them would have written."""
    return any(result.error_class == StorageError.__name__ for result in results)


def open_or_create(root: Path, robot: RobotModel) -> Dataset:
    """The dataset in `root`, made with the robot's default schema where there is none.

    Raises:
        InputError: the folder holds a dataset of another robot, or other things.
    """
    if not (root / SCHEMA).exists():
        return Dataset.create(root, default_schema(robot, root.resolve().name), robot)
    dataset = Dataset.open(root)
    if dataset.schema.robot != robot.name:
        raise InputError(f"{root}: this dataset is of {dataset.schema.robot}, not {robot.name}; choose another folder")
    check_robot_json(robot, root / ROBOT)
    if load_profile(dataset.robot_source) != robot.profile:
        raise InputError(
            f"{root}: this dataset was made with another profile of {robot.name}; choose another folder, "
            f"or give the dataset's own: --robot {dataset.robot_source}"
        )
    return dataset


def retarget_clips(
    clips: Sequence[LabelledClip],
    dataset: Dataset,
    robot: RobotModel,
    options: RetargetOptions,
    *,
    workers: int,
    stage: Stage,
    reading: ReadOptions | None = None,
) -> tuple[TaskResult, ...]:
    """Retarget every clip that is not done, `workers` at a time."""
    if workers > 1 and len(clips) > 1:
        prepare(RETARGETING)
    tasks = retarget_tasks(clips, robot, dataset, options, reading)
    engine: EngineName = "processes" if workers > 1 and len(tasks) > 1 else "serial"
    with stage("retarget") as progress:
        results = run(
            RETARGET,
            tasks,
            manifests=dataset.root / "manifests",
            engine=engine,
            workers=min(workers, len(tasks)),
            progress=progress,
        )
    return tuple(results)


def build(
    clips: Sequence[LabelledClip],
    *,
    robot: str,
    into: Path,
    options: RetargetOptions,
    export: str | None,
    export_options: ExportOptions,
    workers: int,
    stage: Stage,
    reading: ReadOptions | None = None,
) -> BuildSummary:
    """Retarget, check and export.

    Args:
        clips: labelled clips.
        robot: profile name.
        into: dataset folder, made where it is missing.
        export: format of the training dataset, written to `exports/<format>`; None for none.
        workers: processes.
        stage: opens the progress of each stage.
        reading: what the clips do not say about themselves.

    Raises:
        UnderstudyError: as the stages do; a clip that fails does not stop the others. A wrong name is told before any work.
    """
    if export is not None:
        plugins.load("export", export)
    model = load_robot(robot)
    dataset = open_or_create(into, model)
    results = retarget_clips(clips, dataset, model, options, workers=workers, stage=stage, reading=reading)
    unchecked = BuildSummary(dataset, results, CheckSummary(()))
    if unchecked.disk_refused:
        return unchecked
    with stage("check") as progress:
        checked = check_dataset(dataset, progress)
    summary = replace(unchecked, checked=checked, recollect=write_recollect(dataset))
    if export is None or checked.unreadable or not dataset.refs("episodes"):
        return summary
    exported = _export(dataset, export, export_options, stage)
    return replace(summary, exported=exported, export=dataset.root / "exports" / export if exported.ok else None)


def _export(dataset: Dataset, format: str, options: ExportOptions, stage: Stage) -> TaskResult:
    """The export of the accepted episodes, made anew when they changed."""
    with stage(f"export {format}") as progress:

        def make(job: Job) -> Outcome:
            out = dataset.root / "exports" / format
            fresh = out.with_name(f"{format}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            export_dataset(dataset, format, fresh, options, progress)
            shutil.rmtree(out, ignore_errors=True)  # derived: the episodes it was made of are still there
            fresh.rename(out)
            return Outcome(tuple(sorted(path for path in out.rglob("*") if path.is_file())))

        episodes = [ref.path for ref in dataset.refs("episodes")]
        inputs = [*episodes, *(path for path in map(notes_path, episodes) if path.exists())]
        task = Task(f"export {format}", (*inputs, dataset.root / SCHEMA), {"format": format, "options": _json(options)})
        (result,) = run(Step("export", 1, make), [task], manifests=dataset.root / "manifests")
    return result


def _json(options: ExportOptions) -> Json:
    return {key: str(value) for key, value in vars(options).items()}
