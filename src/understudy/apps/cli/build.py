"""The main job: retarget clips, check them, export a training dataset, and report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from understudy.apps.cli._arguments import Clips, Count, Folder, Hz, Off, On, OptionalFile, OptionalHz, OptionalText, Robot, Text
from understudy.apps.cli._command import DONE, FINDINGS, UNUSABLE, Command
from understudy.errors import UnderstudyError

if TYPE_CHECKING:
    from understudy.pipeline.build import BuildSummary


def build(
    clips: Clips,
    /,
    *,
    robot: Robot,
    into: Folder,
    export: OptionalText = None,
    task: Text = "",
    demonstrator: Text = "",
    instruction: Text = "",
    labels: OptionalFile = None,
    lowpass: Hz = 5.0,
    infeasible: Literal["flag", "clip", "interpolate"] = "flag",
    arm_filter: Hz = 0.0,
    companion: OptionalFile = None,
    hands: OptionalFile = None,
    hand_model: OptionalFile = None,
    rate: OptionalHz = None,
    unit: OptionalText = None,
    baseline: OptionalFile = None,
    workers: Count = 1,
    render_ego: Off = False,
    report: On = True,
    video: On = True,
    json: Off = False,
) -> int:
    """Turn motion capture clips into a checked training dataset for a robot.

    Reads each clip, retargets it, writes an episode, runs gates and scores, exports what passed, and writes a page that
    shows how it went. Run it again and it goes on where it was.

    Args:
        clips: motion capture files, one or more.
        robot: a name from `understudy robots`, or the path of a profile's TOML file.
        into: dataset folder; made where it is missing.
        export: training format, such as lerobot; none when left out.
        task: what was done, such as walk; also the folder of the episodes.
        demonstrator: who moved, as a code.
        instruction: what the robot is told to do, one sentence.
        labels: CSV with columns clip, task, demonstrator, instruction, start_s, end_s, mirror_of.
        lowpass: cut-off of the smoothing inside the solve, Hz; 0 turns it off.
        infeasible: what happens where a hand or foot is over 5 cm off.
        arm_filter: zero-phase Butterworth over trunk and arms afterwards, Hz; 0 for none.
        companion: the skeleton (.asf) of AMC motions, or the body model (.npz, .pkl) of SMPL archives.
        hands: poses of the hands of one clip (HaMeR, MANO); those beside a clip, as walk.hands.npz, are found by themselves.
        hand_model: the MANO model (.pkl, .npz) that the hands stand on; mean proportions when left out.
        rate: frames per second, for a format that does not say it.
        unit: m, cm, mm, inch, foot or cmu, for a format that does not say it.
        baseline: the session's bone lengths, from `understudy mocap check`; a clip over 3 mm off is refused.
        workers: clips retargeted at a time.
        render_ego: also export the robot's rendered head camera (needs OpenGL).
        report: write no reports/report.html.
        video: put no short films into the report.
        json: print the result as JSON.
    """
    from understudy.apps.cli._clips import check_workers, errors, labelled, options
    from understudy.apps.cli._console import complain, progress
    from understudy.pipeline.build import build as run_build
    from understudy.pipeline.read import ReadOptions
    from understudy.spec.protocols import ExportOptions

    how = options(lowpass=lowpass, infeasible=infeasible, arm_filter=arm_filter)
    check_workers(workers)
    summary = run_build(
        labelled(clips, task=task, demonstrator=demonstrator, instruction=instruction, labels=labels),
        robot=robot,
        into=into,
        options=how,
        export=export,
        export_options=ExportOptions(render_ego=render_ego),
        workers=workers,
        stage=progress,
        reading=ReadOptions(unit=unit, rate_hz=rate, companion=companion, baseline=baseline, hands=hands, hand_model=hand_model),
    )
    tasks = summary.clips if summary.exported is None else (*summary.clips, summary.exported)
    wrong = errors(tasks, summary.checked)
    page = None
    try:
        page = _report(summary.dataset.root, video) if report and not summary.disk_refused else None
    except UnderstudyError as error:
        wrong.append(str(error))
    _show(summary, page, json)
    for message in wrong:
        complain(message)
    if wrong:
        return UNUSABLE
    return FINDINGS if summary.checked.refused else DONE


def _show(summary: BuildSummary, page: Path | None, json: bool) -> None:
    from understudy.apps.cli._clips import as_json, print_summary
    from understudy.apps.cli._console import say, say_json

    places = {"dataset": summary.dataset.root, "export": summary.export, "report": page}
    if json:
        clips = as_json(summary.clips, summary.checked)
        say_json({"clips": clips, **{name: str(place) if place else None for name, place in places.items()}})
        return
    print_summary(summary.clips, summary.checked)
    for name, place in places.items():
        if place:
            say(f"{name:<9}{place}")


def _report(root: Path, video: bool) -> Path:
    from understudy.apps.cli._console import progress
    from understudy.apps.report.build import build_report

    with progress("report") as tell:
        return build_report(root, video=video, progress=tell)


PLUGIN: Command = Command.of(build)
