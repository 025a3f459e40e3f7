"""The main job: retarget clips, check them, export a training dataset, and report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from understudy.apps.cli._arguments import Clips, Folder, Off, On, OptionalText, Robot
from understudy.apps.cli._clip_options import PLAIN, ClipOptions
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
    clip: ClipOptions = PLAIN,
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
        clip: labels, and how clips are read and retargeted.
        render_ego: also export the robot's rendered head camera (needs OpenGL).
        report: write no reports/report.html.
        video: put no short films into the report.
        json: print the result as JSON.
    """
    from understudy.apps.cli._clips import errors
    from understudy.apps.cli._console import complain, progress
    from understudy.pipeline.build import build as run_build
    from understudy.spec.protocols import ExportOptions

    how = clip.retargeting()
    summary = run_build(
        clip.labelled(clips),
        robot=robot,
        into=into,
        options=how,
        export=export,
        export_options=ExportOptions(render_ego=render_ego),
        workers=clip.workers,
        stage=progress,
        reading=clip.reading(),
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
    from understudy.apps.cli._clips import as_json, print_recollect, print_summary
    from understudy.apps.cli._console import say, say_json

    listed = summary.recollect
    places = {
        "dataset": summary.dataset.root,
        "export": summary.export,
        "report": page,
        "recollect": listed.csv if listed and (json or listed.segments) else None,
    }
    if json:
        clips = as_json(summary.clips, summary.checked, listed)
        say_json({"clips": clips, **{name: str(place) if place else None for name, place in places.items()}})
        return
    print_summary(summary.clips, summary.checked)
    print_recollect(summary.clips, listed)
    for name, place in places.items():
        if place:
            say(f"{name:<10}{place}")


def _report(root: Path, video: bool) -> Path:
    from understudy.apps.cli._console import progress
    from understudy.apps.report.build import build_report

    with progress("report") as tell:
        return build_report(root, video=video, progress=tell)


PLUGIN: Command = Command.of(build)
