"""Retarget clips into a dataset's episodes."""

from __future__ import annotations

from typing import Literal

from understudy.apps.cli._arguments import Clips, Count, Folder, Hz, Off, OptionalFile, OptionalHz, OptionalText, Robot, Text
from understudy.apps.cli._command import DONE, UNUSABLE, Command


def retarget(
    clips: Clips,
    /,
    *,
    robot: Robot,
    into: Folder,
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
    json: Off = False,
) -> int:
    """Turn motion capture clips into episodes of a robot; the first step of `build` alone.

    Args:
        clips: motion capture files, one or more.
        robot: a name from `understudy robots`, or the path of a profile's TOML file.
        into: dataset folder; made where it is missing.
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
        json: print the result as JSON.
    """
    from understudy.apps.cli._clips import as_json, check_workers, errors, labelled, options, print_summary
    from understudy.apps.cli._console import complain, progress, say_json
    from understudy.kinematics.load import load_robot
    from understudy.pipeline.build import open_or_create, retarget_clips
    from understudy.pipeline.read import ReadOptions

    how = options(lowpass=lowpass, infeasible=infeasible, arm_filter=arm_filter)
    check_workers(workers)
    found = labelled(clips, task=task, demonstrator=demonstrator, instruction=instruction, labels=labels)
    model = load_robot(robot)
    dataset = open_or_create(into, model)
    reading = ReadOptions(unit=unit, rate_hz=rate, companion=companion, baseline=baseline, hands=hands, hand_model=hand_model)
    results = retarget_clips(found, dataset, model, how, workers=workers, stage=progress, reading=reading)
    if json:
        say_json(as_json(results))
    else:
        print_summary(results, None)
    for message in errors(results):
        complain(message)
    return DONE if all(r.ok for r in results) else UNUSABLE


PLUGIN: Command = Command.of(retarget)
