"""Bring what other tools made into a dataset."""
# ruff: noqa: N999  the command is named `import`; plugins are loaded by name, never with an import statement

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from understudy.apps.cli._command import DONE, UNUSABLE, Command
from understudy.errors import InputError

if TYPE_CHECKING:
    from understudy.pipeline.run import TaskResult


def motion(
    paths: Annotated[tuple[Path, ...], tyro.conf.Positional],
    /,
    *,
    robot: str,
    layout: Literal["auto", "csv", "wbt", "locomujoco"] = "auto",
    fps: float | None = None,
    joint_names: str = "",
    fill_missing: Literal["refuse", "home"] = "refuse",
    motion_source: str = "mocap",
    task: str = "",
    demonstrator: str = "",
    instruction: str = "",
    labels: Path | None = None,
    workers: int = 1,
    json: bool = False,
) -> int:
    """Turn robot motion files that another tool made into episodes, so that they can be gated, scored and exported.

    Reads Unitree/LAFAN1 CSV, whole-body-tracking npz and loco-mujoco npz (docs/motion_files.md). Pickles are never loaded.

    Args:
        paths: motion files, and last the dataset's folder; it is made where it is missing.
        robot: profile name; `understudy robots` lists them.
        layout: kind of the files; auto tells it from each file.
        fps: frames per second, for files that do not say (CSV).
        joint_names: what the joint columns are, for files that do not say: a robot's name for its order, names with commas
            between them, or a text file of names.
        fill_missing: home lets joints that a file lacks stand at the home pose.
        motion_source: where the motions came from: mocap, synthetic, teleop, simulation or video.
        task: what was done, such as walk; also the folder of the episodes.
        demonstrator: who moved, as a code.
        instruction: what the robot is told to do, one sentence.
        labels: CSV with columns clip, task, demonstrator, instruction, start_s, end_s.
        workers: files read at a time.
        json: print the result as JSON.
    """
    from understudy.apps.cli._clips import as_json, check_workers, labelled
    from understudy.apps.cli._console import progress, say_json
    from understudy.kinematics.load import load_robot
    from understudy.pipeline.build import open_or_create
    from understudy.pipeline.import_motion import ImportOptions, import_motions, joint_name_list

    if len(paths) < 2:
        raise InputError("give one or more motion files, and last the dataset's folder: understudy import motion SRC... DIR")
    check_workers(workers)
    *files, into = paths
    found = labelled(files, task=task, demonstrator=demonstrator, instruction=instruction, labels=labels)
    model = load_robot(robot)
    options = ImportOptions(layout, fps, joint_name_list(joint_names), fill_missing, motion_source)
    dataset = open_or_create(into, model)
    with progress("importing motions") as advance:
        results = import_motions(found, dataset, model, options, workers=workers, progress=advance)
    if json:
        say_json(as_json(results))
    else:
        _print(results, into)
    return DONE if all(r.ok for r in results) else UNUSABLE


def _print(results: tuple[TaskResult, ...], into: Path) -> None:
    from understudy.apps.cli._console import print_table, say

    columns = ("file", "layout", "frames", "frames/s", "episode", "state")
    keys = ("layout", "frames", "rate_hz", "episode")
    rows = [[r.task.name, *(r.summary.get(key, "") for key in keys), "ok" if r.ok else "failed"] for r in results]
    print_table(columns, rows, right=("frames", "frames/s"))
    for result in results:
        warnings = result.summary.get("warnings") or []
        for sentence in warnings if isinstance(warnings, list) else []:
            say(f"  {result.task.name}: {sentence}")
        if not result.ok:
            say(f"failed {result.task.name}: {result.error}")
    if any(r.ok for r in results):
        say(f"gate and score them: understudy check {into}")


PLUGIN: Command = Command({"motion": motion})
