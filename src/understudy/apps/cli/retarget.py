"""Retarget clips into a dataset's episodes."""

from __future__ import annotations

from understudy.apps.cli._arguments import Clips, Folder, Off, Robot
from understudy.apps.cli._clip_options import PLAIN, ClipOptions
from understudy.apps.cli._command import DONE, UNUSABLE, Command


def retarget(
    clips: Clips,
    /,
    *,
    robot: Robot,
    into: Folder,
    clip: ClipOptions = PLAIN,
    json: Off = False,
) -> int:
    """Turn motion capture clips into episodes of a robot; the first step of `build` alone.

    Args:
        clips: motion capture files, one or more.
        robot: a name from `understudy robots`, or the path of a profile's TOML file.
        into: dataset folder; made where it is missing.
        clip: labels, and how clips are read and retargeted.
        json: print the result as JSON.
    """
    from understudy.apps.cli._clips import as_json, errors, print_recollect, print_summary
    from understudy.apps.cli._console import complain, progress, say_json
    from understudy.kinematics.load import load_robot
    from understudy.pipeline.build import disk_refused, open_or_create, retarget_clips
    from understudy.pipeline.recollect import write_recollect

    how = clip.retargeting()
    found = clip.labelled(clips)
    model = load_robot(robot)
    dataset = open_or_create(into, model)
    results = retarget_clips(found, dataset, model, how, workers=clip.workers, stage=progress, reading=clip.reading())
    listed = None if disk_refused(results) else write_recollect(dataset)
    if json:
        say_json(as_json(results, None, listed))
    else:
        print_summary(results, None)
        print_recollect(results, listed)
    for message in errors(results):
        complain(message)
    return DONE if all(r.ok for r in results) else UNUSABLE


PLUGIN: Command = Command.of(retarget)
