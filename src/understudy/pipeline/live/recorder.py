"""Takes of a live session: started, ended, and saved by another process, so that the session never waits for the disk."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from understudy.errors import EpisodeError
from understudy.pipeline.labels import UNLABELLED
from understudy.pipeline.live.sample import LiveSample
from understudy.pipeline.live.save import Saved, ready, save_take
from understudy.pipeline.live.take import Take, TakeLabel
from understudy.retarget.targets import Calibration
from understudy.spec.robot import RobotModel
from understudy.store.dataset import Dataset
from understudy.store.names import path_name

if TYPE_CHECKING:
    from pebble import ProcessPool

SHORTEST_S = 0.5


@dataclass(frozen=True)
class TakeStatus:
    """What the recorder is at.

    Attributes:
        possible: there is a dataset to record into.
        recording: a take is running.
        duration_s: of the running take.
        frames: of the running take.
        saving: takes on their way to the disk.
        unsaved: takes that the disk refused; they are kept until saving succeeds.
        saved: episode ids written so far.
        message: the newest thing to know; empty for nothing.
    """

    possible: bool
    recording: bool
    duration_s: float
    frames: int
    saving: int
    unsaved: int
    saved: tuple[str, ...]
    message: str


class Recorder:
    """Keeps the running take and hands ended ones to a process that saves them.

    Args:
        robot: whose motion it is.
        dataset: where takes go; None records nothing.
    """

    def __init__(self, robot: RobotModel, dataset: Dataset | None) -> None:
        self._robot, self._dataset = robot, dataset
        self._take: Take | None = None
        self._pool: ProcessPool | None = None
        self._changed = threading.Condition()
        self._saving, self._count = 0, 0
        self._unsaved: list[Take] = []
        self._saved: tuple[str, ...] = ()
        self._message = ""

    def start(self, label: TakeLabel, source: str, known: Calibration | None) -> None:
        """Begin a take; where that cannot be, the message says why."""
        if self._take is not None:
            return
        if self._dataset is None:
            self._message = "nothing to record into: start `understudy live` with --into DIR"
        elif known is None:
            self._message = "the person is not calibrated yet; the take can begin after that"
        elif fault := _task_fault(label):
            self._message = fault
        else:
            self._open_pool(self._dataset)
            self._take = Take(label, source, known, datetime.now(UTC), self._robot.dof)
            self._message = ""

    def add(self, sample: LiveSample) -> None:
        """Append a frame to the running take, if there is one."""
        if self._take is None:
            return
        self._take.add(sample)
        if self._take.full:
            self.stop()
            self._message = "the take was as long as fits in memory: it was ended and is saved; start the next one"

    def stop(self) -> None:
        """End the running take and save it."""
        take, self._take = self._take, None
        if take is None:
            return
        if take.duration_s < SHORTEST_S:
            self._message = f"the take was shorter than {SHORTEST_S:g} s and was left out"
            return
        self._save(take)

    def save_again(self) -> None:
        """Try once more to save what the disk refused."""
        with self._changed:
            again, self._unsaved = self._unsaved, []
        for take in again:
            self._save(take)

    def status(self) -> TakeStatus:
        """What it is at; from any thread."""
        take = self._take
        with self._changed:
            return TakeStatus(
                possible=self._dataset is not None,
                recording=take is not None,
                duration_s=take.duration_s if take else 0.0,
                frames=take.frames if take else 0,
                saving=self._saving,
                unsaved=len(self._unsaved),
                saved=self._saved,
                message=self._message,
            )

    def wait(self) -> None:
        """Until nothing is on its way to the disk."""
        with self._changed:
            self._changed.wait_for(lambda: self._saving == 0)

    def close(self) -> None:
        """End and save the running take, try again what was refused, and wait until everything is written."""
        self.stop()
        self.save_again()
        self.wait()
        if self._pool is not None:
            self._pool.close()
            self._pool.join()

    def _open_pool(self, dataset: Dataset) -> None:
        if self._pool is None:
            from pebble import ProcessPool

            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPool(max_workers=1, context=context, initializer=_ignore_interrupt)
            self._pool.schedule(ready, args=(dataset.root,))

    def _save(self, take: Take) -> None:
        if self._pool is None or self._dataset is None:
            return
        with self._changed:
            self._saving += 1
            self._count += 1
            index = self._count
        done = self._pool.schedule(save_take, args=(self._dataset.root, take, index))
        done.add_done_callback(lambda future: self._settle(take, future))

    def _settle(self, take: Take, done: Future[Saved]) -> None:
        died = None if done.cancelled() else done.exception()
        found = done.result() if died is None else Saved(error=f"the process that saves it died: {died}")
        with self._changed:
            if found.episode:
                self._saved = (*self._saved, found.episode)
                self._message = f"saved {found.episode}"
            else:
                self._unsaved.append(take)
                self._message = f"not saved, and kept in memory: {found.error}"
            self._saving -= 1
            self._changed.notify_all()


def _ignore_interrupt() -> None:
    """Ctrl-C goes to every process of the terminal; what is being saved is saved."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _task_fault(label: TakeLabel) -> str:
    """Why the task cannot name a folder; empty where it can."""
    try:
        path_name(label.task or UNLABELLED, what="task")
    except EpisodeError as error:
        return str(error)
    return ""
