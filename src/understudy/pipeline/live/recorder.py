"""Takes of a live session: started, ended, and saved beside the session so that it never waits for the disk."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from understudy.errors import EpisodeError
from understudy.pipeline.live.sample import LiveSample
from understudy.pipeline.live.take import SHORTEST_S, Take, TakeLabel, take_episode
from understudy.retarget.problem import Problem
from understudy.retarget.targets import Calibration
from understudy.store.dataset import Dataset
from understudy.store.names import path_name


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
    """Keeps the running take and saves ended ones in a thread of its own.

    Args:
        problem: of the robot.
        dataset: where takes go; None records nothing.
    """

    def __init__(self, problem: Problem, dataset: Dataset | None) -> None:
        self._problem, self._dataset = problem, dataset
        self._take: Take | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="understudy-save")
        self._lock = threading.Lock()
        self._saving, self._count = 0, 0
        self._unsaved: list[Take] = []
        self._saved: tuple[str, ...] = ()
        self._message = ""

    @property
    def recording(self) -> bool:
        """Whether a take is running."""
        return self._take is not None

    def start(self, label: TakeLabel, source: str, known: Calibration | None) -> None:
        """Begin a take; where that cannot be, the message says why."""
        if self._dataset is None:
            self._message = "nothing to record into: start `understudy live` with --into DIR"
        elif known is None:
            self._message = "the person is not calibrated yet; the take can begin after that"
        elif self._take is None and not (fault := _task_fault(label)):
            self._take = Take(label, source, known, datetime.now(UTC))
            self._message = ""
        elif self._take is None:
            self._message = fault

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
        with self._lock:
            again, self._unsaved = self._unsaved, []
        for take in again:
            self._save(take)

    def status(self) -> TakeStatus:
        """What it is at; from any thread."""
        take = self._take
        with self._lock:
            return TakeStatus(
                possible=self._dataset is not None,
                recording=take is not None,
                duration_s=take.duration_s if take else 0.0,
                frames=len(take.samples) if take else 0,
                saving=self._saving,
                unsaved=len(self._unsaved),
                saved=self._saved,
                message=self._message,
            )

    def close(self) -> None:
        """End and save the running take, try again what was refused, and wait until everything is written."""
        self.stop()
        self.save_again()
        self._writer.shutdown(wait=True)

    def _save(self, take: Take) -> None:
        with self._lock:
            self._saving += 1
            self._count += 1
            index = self._count
        self._writer.submit(self._write, take, index).add_done_callback(lambda done: self._settle(take, done))

    def _write(self, take: Take, index: int) -> str:
        if self._dataset is None:
            raise EpisodeError("there is no dataset to save the take in")
        return self._dataset.add(take_episode(take, self._problem, self._dataset, index=index)).id

    def _settle(self, take: Take, done: Future[str]) -> None:
        error = done.exception()
        with self._lock:
            self._saving -= 1
            if error is None:
                self._saved = (*self._saved, done.result())
                self._message = f"saved {done.result()}"
            else:
                self._unsaved.append(take)
                self._message = f"not saved, and kept in memory: {error}"


def _task_fault(label: TakeLabel) -> str:
    """Why the task cannot name a folder; empty where it can."""
    try:
        path_name(label.task or "unlabelled", what="task")
    except EpisodeError as error:
        return str(error)
    return ""
