"""Judging one episode of a dataset, here or in several processes; what is written and moved is not done here."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy.errors import EpisodeError, UnknownNameError
from understudy.kinematics.load import load_robot
from understudy.pipeline.check_known import Known, size_of
from understudy.pipeline.processes import worker_pool
from understudy.quality.verdict import judge
from understudy.spec.findings import Notes
from understudy.spec.robot import RobotModel
from understudy.store.catalog import Row, file_row
from understudy.store.dataset import Dataset, EpisodeRef
from understudy.store.episode_file import read_episode

_MOVED_MEANWHILE = 3


@dataclass(frozen=True)
class Judgement:
    """What gates and scores say of an episode, and what the catalog holds of its file: one reading serves both."""

    notes: Notes
    row: Row


def judged_here(dataset: Dataset, ref: EpisodeRef, robot: RobotModel, known: Known) -> Judgement | str:
    """What the gates say of an episode, or why it cannot be read.

    Where somebody moves it meanwhile it is judged again where it lies now.
    """
    for _ in range(_MOVED_MEANWHILE):
        try:
            now = dataset.ref(ref.id)
        except UnknownNameError:
            return f"{ref.path}: the episode is gone; somebody moved or removed it during the check"
        try:
            episode = read_episode(now.path, whole=True)
            notes = judge(
                episode,
                robot,
                dataset.schema,
                peers=known.peers.get(ref.task, {}),
                others=known.motions,
                travels=known.travels.get(ref.task, {}),
                file_bytes=size_of(now),
            )
            row = file_row(now.path, episode)
        except FileNotFoundError:
            continue
        except EpisodeError as error:
            if now.path.exists():
                return str(error)
            continue
        if now.path.exists():
            return Judgement(notes, row)
    return f"{ref.path}: the episode was moved again and again during the check; run it once more"


@dataclass
class _Here:
    """What a worker keeps between episodes."""

    dataset: Dataset
    robot: RobotModel
    known: Known


_here: _Here | None = None


def judged_by(dataset: Dataset, refs: Sequence[EpisodeRef], known: Known, workers: int) -> Iterator[Judgement | str]:
    """What the gates say of each, or why it cannot be read, in order.

    Args:
        dataset: that they are in.
        refs: to judge.
        known: of the others before any of these is judged.
        workers: processes.
    """
    from pebble import ProcessExpired

    with worker_pool(min(workers, len(refs)), _open, (dataset.root, known)) as pool:
        waiting = deque((ref, pool.schedule(_judge, args=(ref,))) for ref in refs)
        while waiting:  # a future holds its result: ten thousand of them are a memory of their own
            ref, future = waiting.popleft()
            try:
                said: Judgement | str = future.result()
            except ProcessExpired as error:
                said = f"{ref.path}: the process that judged it died ({error}); check its file, and that there is memory enough"
            yield said


def _open(root: Path, known: Known) -> None:
    global _here
    dataset = Dataset.open(root)
    _here = _Here(dataset, load_robot(dataset.robot_source), known)


def _judge(ref: EpisodeRef) -> Judgement | str:
    if _here is None:
        raise RuntimeError("a worker that did not begin with _open")
    return judged_here(_here.dataset, ref, _here.robot, _here.known)
