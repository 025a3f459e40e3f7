"""A dataset's report: reads every episode, draws the worst ones, writes one page."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.apps.report.clip_page import clip_section
from understudy.apps.report.facts import clip_facts
from understudy.apps.report.overview import overview
from understudy.apps.report.page import Report, Row, html
from understudy.apps.report.workspace import Reach, reach_of
from understudy.errors import InputError, MissingDependencyError
from understudy.geom.arrays import F64
from understudy.pipeline.recollect import Segment
from understudy.spec.episode import Episode
from understudy.spec.protocols import Progress
from understudy.spec.robot import RobotModel

if TYPE_CHECKING:
    from understudy.scenes.render import Renderer

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
    from understudy.store.catalog import catalog_rows, refresh_catalog
    from understudy.store.dataset import Dataset

    dataset = Dataset.open(dataset_root)
    robot = load_robot(dataset.robot_source)
    refs = dataset.refs("all")
    total = len(refs) + min(clips, len(refs))
    facts: list[_Known] = []
    unreadable: list[tuple[str, str]] = []
    for done, ref in enumerate(refs):
        progress(done, total)
        try:
            facts.append(_known(dataset.read(ref.id), robot))
        except InputError as error:
            unreadable.append((str(ref.path.relative_to(dataset_root)), str(error)))
    rows = [row for row, *_ in sorted(facts, key=lambda known: known[1])]
    sections = []
    with _renderers(robot, video, any(row.moves for row in rows[:clips])) as (stills, film, no_pictures):
        for done, row in enumerate(rows[:clips]):
            progress(len(refs) + done, total)
            sections.append(_section(dataset.read(row.id), robot, stills, film))
    report = Report(
        name=dataset.schema.name,
        where=str(dataset_root),
        robot=robot,
        rate_hz=dataset.schema.control_rate_hz,
        rows=[replace(row, shown=k < clips) for k, row in enumerate(rows)],
        sections=sections,
        ranges=_joint_ranges([ranges for _, _, ranges, *_ in facts if ranges is not None], robot),
        whole=overview(catalog_rows(refresh_catalog(dataset)), dataset.schema, _all_reach([known[4] for known in facts])),
        again=sorted((s for known in facts for s in known[3]), key=lambda s: (-s.off_cm, s.episode, s.start_s)),
        unreadable=unreadable,
        no_pictures=no_pictures,
    )
    out = out_html or dataset_root / DEFAULT_NAME
    write_text(out, html(report))
    progress(total, total)
    return out


_Known = tuple[Row, tuple[int, float, float, str], F64 | None, tuple[Segment, ...], Reach]
"""What is kept of every episode: its row, how bad it is, its joints' range, what to record again, where its hands were."""


def _known(episode: Episode, robot: RobotModel) -> _Known:
    clip = clip_facts(episode, robot)
    q = clip.joint_pos
    sound = None if q is None else q[np.isfinite(q).all(axis=1)]
    ranges = None if sound is None or not len(sound) else np.percentile(sound, [0, 1, 99, 100], axis=0).T
    reach = Reach.empty() if q is None else reach_of(robot, q)
    return Row.of(clip), clip.badness(), ranges, clip.again, reach


def _all_reach(each: Sequence[Reach]) -> Reach:
    total = Reach.empty()
    for reach in each:
        total = total.plus(reach)
    return total


def _section(episode: Episode, robot: RobotModel, stills: Renderer | None, film: Renderer | None) -> str:
    """One episode in full; memory holds one at a time, for a long take is large."""
    from understudy.apps.report.pictures import draw

    clip = clip_facts(episode, robot)
    return clip_section(clip, draw(clip, stills, film) if stills is not None else None, robot)


@contextmanager
def _renderers(robot: RobotModel, video: bool, wanted: bool) -> Iterator[tuple[Renderer | None, Renderer | None, str]]:
    """What draws stills and films, and why there is none where nothing here can draw."""
    from understudy.scenes.render import Renderer

    if not wanted:
        yield None, None, ""
        return
    try:
        stills = Renderer(robot, _WIDTH, _HEIGHT)
        film = Renderer(robot, _WIDTH, _HEIGHT, samples=0) if video else None
    except MissingDependencyError as error:
        _log.warning("the report has no pictures: %s", error)
        yield None, None, f"{str(error).removeprefix('no pictures: ')}."
        return
    with stills, film or nullcontext():
        yield stills, film, ""


def _joint_ranges(per_episode: Sequence[F64], robot: RobotModel) -> F64:
    """(J, 4) over the dataset: extremes of the extremes, medians of the percentiles."""
    if not per_episode:
        return np.full((robot.dof, 4), np.nan)
    every = np.stack(per_episode)
    middle = np.median(every[:, :, 1:3], axis=0)
    return np.column_stack([every[:, :, 0].min(axis=0), middle, every[:, :, 3].max(axis=0)])
