"""A dataset's report: reads every episode, draws the worst ones, writes one page."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from understudy.apps.report.facts import Clip, clip_facts
from understudy.apps.report.page import Report, Row, html
from understudy.apps.report.pictures import Pictures
from understudy.errors import InputError, MissingDependencyError
from understudy.geom.arrays import F64
from understudy.spec.protocols import Progress
from understudy.spec.robot import RobotModel

DEFAULT_NAME = Path("reports", "report.html")
_WIDTH, _HEIGHT = 320, 384
_log = logging.getLogger(__name__)


def build_report(
    dataset_root: Path,
    out_html: Path | None = None,
    *,
    video: bool = True,
    clips: int = 20,
    progress: Progress = lambda done, total: None,
) -> Path:
    """Write the report of a dataset.

    Args:
        dataset_root: folder of the dataset.
        out_html: file to write; `reports/report.html` in the dataset when None.
        video: also make a short film of each episode that is shown in full.
        clips: how many episodes, worst first, are shown in full; all are in the table.
        progress: called as episodes are read and drawn.

    Returns:
        The file written.

    Raises:
        InputError: the folder is no dataset.
        StorageError: the page cannot be written.
    """
    from understudy.kinematics.load import load_robot
    from understudy.store.atomic import write_text
    from understudy.store.dataset import Dataset

    dataset = Dataset.open(dataset_root)
    robot = load_robot(dataset.robot_source)
    refs = dataset.refs("all")
    total = len(refs) + min(clips, len(refs))
    facts: list[tuple[Row, tuple[int, float, float, str]]] = []
    unreadable: list[tuple[str, str]] = []
    ranges: list[F64] = []
    for done, ref in enumerate(refs):
        progress(done, total)
        try:
            clip = clip_facts(dataset.read(ref.id), robot)
        except InputError as error:
            unreadable.append((str(ref.path.relative_to(dataset_root)), str(error)))
            continue
        facts.append((Row.of(clip), clip.badness()))
        if clip.joint_pos is not None and len(clip.joint_pos):
            ranges.append(np.percentile(clip.joint_pos, [0, 1, 99, 100], axis=0).T)
    rows = [row for row, _ in sorted(facts, key=lambda pair: pair[1])]
    worst = [clip_facts(dataset.read(row.id), robot) for row in rows[:clips]]
    drawn, no_pictures = _draw_all(worst, robot, video, lambda done: progress(len(refs) + done, total))
    report = Report(
        name=dataset.schema.name,
        where=str(dataset_root),
        robot=robot,
        rate_hz=dataset.schema.control_rate_hz,
        rows=[replace(row, shown=k < clips) for k, row in enumerate(rows)],
        clips=list(zip(worst, drawn, strict=True)),
        ranges=_joint_ranges(ranges, robot),
        unreadable=unreadable,
        no_pictures=no_pictures,
    )
    out = out_html or dataset_root / DEFAULT_NAME
    write_text(out, html(report))
    progress(total, total)
    return out


def _draw_all(
    clips: Sequence[Clip], robot: RobotModel, video: bool, progress: Callable[[int], None]
) -> tuple[list[Pictures | None], str]:
    """Pictures of each clip, and why there are none where nothing here can draw."""
    from understudy.apps.report.pictures import draw
    from understudy.scenes.render import Renderer

    if not any(clip.motion is not None for clip in clips):
        return [None] * len(clips), ""
    try:
        stills = Renderer(robot, _WIDTH, _HEIGHT)
        film = Renderer(robot, _WIDTH, _HEIGHT, samples=0) if video else None
    except MissingDependencyError as error:
        _log.warning("the report has no pictures: %s", error)
        return [None] * len(clips), f"{str(error).removeprefix('no pictures: ')}."
    out: list[Pictures | None] = []
    with stills, film or nullcontext():
        for done, clip in enumerate(clips):
            progress(done)
            out.append(draw(clip, stills, film))
    return out, ""


def _joint_ranges(per_episode: Sequence[F64], robot: RobotModel) -> F64:
    """(J, 4) over the dataset: extremes of the extremes, medians of the percentiles."""
    if not per_episode:
        return np.full((robot.dof, 4), np.nan)
    every = np.stack(per_episode)
    middle = np.median(every[:, :, 1:3], axis=0)
    return np.column_stack([every[:, :, 0].min(axis=0), middle, every[:, :, 3].max(axis=0)])
