"""Bring what other tools made into a dataset."""
# ruff: noqa: N999  the command is named `import`; plugins are loaded by name, never with an import statement

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from understudy.apps.cli._command import DONE, UNUSABLE, Command, UsageError
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
    quat: Literal["xyzw", "wxyz"] = "xyzw",
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
        quat: order of the root's quaternion in a CSV without heading.
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
    options = ImportOptions(layout, fps, joint_name_list(joint_names), fill_missing, motion_source, quat)
    dataset = open_or_create(into, model)
    with progress("importing motions") as advance:
        results = import_motions(found, dataset, model, options, workers=workers, progress=advance)
    if json:
        say_json(as_json(results))
    else:
        _print(results, into)
    return DONE if all(r.ok for r in results) else UNUSABLE


def _print(results: tuple[TaskResult, ...], into: Path) -> None:
    from understudy.apps.cli._console import print_table

    columns = ("file", "layout", "frames", "frames/s", "episode", "state")
    keys = ("layout", "frames", "rate_hz", "episode")
    rows = [[r.task.name, *(r.summary.get(key, "") for key in keys), "ok" if r.ok else "failed"] for r in results]
    print_table(columns, rows, right=("frames", "frames/s"))
    _print_notes(results, into)


def _print_notes(results: tuple[TaskResult, ...], into: Path) -> None:
    """What the steps noticed, what failed, and what comes next."""
    from understudy.apps.cli._console import say

    for result in results:
        warnings = result.summary.get("warnings") or []
        for sentence in warnings if isinstance(warnings, list) else []:
            say(f"  {result.task.name}: {sentence}")
        if not result.ok:
            say(f"failed {result.task.name}: {result.error}")
    if any(r.ok for r in results):
        say(f"gate and score them: understudy check {into}")


def bag(
    paths: Annotated[tuple[Path, ...], tyro.conf.Positional],
    /,
    *,
    robot: str,
    mapping: Path | None = None,
    propose: bool = False,
    motion_source: str = "",
    task: str = "",
    demonstrator: str = "",
    instruction: str = "",
    labels: Path | None = None,
    json: bool = False,
) -> int:
    """Turn ROS 2 bags into episodes, by a mapping file that says which topic goes into which stream (docs/bags.md).

    Reads folders that `ros2 bag record` made (MCAP or SQLite), and single .mcap and .db3 files. A bag that was cut off is
    imported up to the cut, and its episode says so.

    Args:
        paths: bags, and last the dataset's folder; it is made where it is missing.
        robot: profile name; `understudy robots` lists them.
        mapping: the mapping file.
        propose: print a mapping guessed from the topics and do nothing else; no dataset's folder is given then.
        motion_source: where the motion came from: mocap, synthetic, teleop, simulation or video; teleop when left out.
        task: what was done, such as walk; also the folder of the episodes.
        demonstrator: who moved, as a code.
        instruction: what the robot is told to do, one sentence.
        labels: CSV with columns clip, task, demonstrator, instruction, start_s, end_s.
        json: print the result as JSON.
    """
    said = _Said(task, demonstrator, instruction, labels, motion_source)
    return _recordings("bag", paths, robot, mapping, said, propose=propose, json=json)


def mcap(
    paths: Annotated[tuple[Path, ...], tyro.conf.Positional],
    /,
    *,
    robot: str,
    mapping: Path | None = None,
    propose: bool = False,
    motion_source: str = "",
    task: str = "",
    demonstrator: str = "",
    instruction: str = "",
    labels: Path | None = None,
    json: bool = False,
) -> int:
    """Turn MCAP files into episodes, by a mapping file that says which topic goes into which stream (docs/bags.md).

    Reads ROS 2 CDR and JSON messages, and what `understudy export mcap` wrote (no mapping needed). A file that was cut off is
    imported up to the cut, and its episode says so.

    Args:
        paths: MCAP files, and last the dataset's folder; it is made where it is missing.
        robot: profile name; `understudy robots` lists them.
        mapping: the mapping file; the one in the file itself when left out.
        propose: print a mapping guessed from the topics and do nothing else; no dataset's folder is given then.
        motion_source: where the motion came from: mocap, synthetic, teleop, simulation or video; what the file says, or teleop,
            when left out.
        task: what was done, such as walk; also the folder of the episodes.
        demonstrator: who moved, as a code.
        instruction: what the robot is told to do, one sentence.
        labels: CSV with columns clip, task, demonstrator, instruction, start_s, end_s.
        json: print the result as JSON.
    """
    said = _Said(task, demonstrator, instruction, labels, motion_source)
    return _recordings("mcap", paths, robot, mapping, said, propose=propose, json=json)


@dataclass(frozen=True)
class _Said:
    """What was said of recordings on the command line."""

    task: str
    demonstrator: str
    instruction: str
    labels: Path | None
    motion_source: str


def _recordings(
    container: Literal["bag", "mcap"],
    paths: tuple[Path, ...],
    robot: str,
    mapping: Path | None,
    said: _Said,
    *,
    propose: bool,
    json: bool,
) -> int:
    from understudy.apps.cli._clips import as_json, labelled
    from understudy.apps.cli._console import progress, say_json
    from understudy.kinematics.load import load_robot
    from understudy.pipeline.import_bag import BagOptions, import_recordings, proposed_mapping

    model = load_robot(robot)
    if propose:
        if len(paths) != 1:
            raise UsageError(f"--propose looks at one recording: understudy import {container} SRC --robot NAME --propose")
        print(proposed_mapping(paths[0], container, model), end="")
        return DONE
    if len(paths) < 2:
        raise UsageError(
            f"give one or more recordings, and last the dataset's folder: understudy import {container} SRC... DIR; "
            "--propose prints a mapping to begin with"
        )
    *sources, into = paths
    clips = labelled(sources, task=said.task, demonstrator=said.demonstrator, instruction=said.instruction, labels=said.labels)
    with progress("importing recordings") as advance:
        results = import_recordings(clips, into, model, BagOptions(container, mapping, said.motion_source), progress=advance)
    if json:
        say_json(as_json(results))
    else:
        _print_recordings(results, into)
    return DONE if all(r.ok for r in results) else UNUSABLE


def _print_recordings(results: tuple[TaskResult, ...], into: Path) -> None:
    from understudy.apps.cli._console import print_table

    columns = ("recording", "format", "streams", "steps", "seconds", "episode", "state")
    keys = ("format", "streams", "steps", "seconds", "episode")
    rows = [[r.task.name, *(r.summary.get(key, "") for key in keys), _state(r)] for r in results]
    print_table(columns, rows, right=("streams", "steps", "seconds"))
    _print_notes(results, into)


def _state(result: TaskResult) -> str:
    if not result.ok:
        return "failed"
    return "cut" if result.summary.get("cut") else "ok"


PLUGIN: Command = Command({"motion": motion, "bag": bag, "mcap": mcap})
