"""Runs the tasks of a step, each once: what is done already is not done again, what fails does not stop the others."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from understudy.errors import InputError, UnderstudyError, UnknownNameError
from understudy.pipeline.tasks import Job, Json, Step, Task, finished, job_of, write_manifest
from understudy.spec.protocols import Progress

EngineName = Literal["serial", "processes"]
State = Literal["done", "already", "failed"]


@dataclass(frozen=True)
class TaskResult:
    """What became of a task.

    Attributes:
        task: the task.
        id: its id; empty where its inputs could not be read.
        state: `done` now, `already` done by an earlier run, or `failed`.
        outputs: where its outputs lie.
        summary: what the step said about them.
        seconds: the work took, now or in the earlier run.
        error: message of what failed, and `error_class` its class; empty otherwise.
        detail: traceback where the program itself is at fault.
    """

    task: Task
    id: str
    state: State
    outputs: tuple[Path, ...] = ()
    summary: Mapping[str, Json] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    error_class: str = ""
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether its outputs are there."""
        return self.state != "failed"


Engine = Callable[[Step, Sequence[Job], Path], Iterator[TaskResult]]
"""Runs jobs and yields their results in any order, each job's once."""


def run(
    step: Step,
    tasks: Sequence[Task],
    *,
    manifests: Path,
    engine: EngineName = "serial",
    workers: int = 1,
    timeout_s: float | None = None,
    progress: Progress | None = None,
) -> list[TaskResult]:
    """Do every task that is not done.

    Args:
        step: what to do.
        tasks: what to do it to; equal ones are done once.
        manifests: folder of manifests; outputs lie under its parent.
        engine: `serial` here, or `processes` beside each other. The outputs are the same.
        workers: number of processes.
        timeout_s: most seconds for one task; only processes can be held to it.
        progress: called with (finished, all).

    Returns:
        One result per task, in their order.

    Raises:
        KeyboardInterrupt: after the workers have been stopped; what was finished stays finished.
    """
    root = manifests.parent
    results: dict[int, TaskResult] = {}
    jobs: dict[str, Job] = {}
    places: dict[str, list[int]] = {}
    tell = progress or (lambda done, total: None)
    for place, task in enumerate(tasks):
        planned = _plan(step, task, manifests, root)
        if isinstance(planned, TaskResult):
            results[place] = planned
        else:
            jobs.setdefault(planned.id, planned)
            places.setdefault(planned.id, []).append(place)
    tell(len(results), len(tasks))
    for result in _engine(engine, workers, timeout_s)(step, list(jobs.values()), manifests) if jobs else ():
        for place in places[result.id]:
            results[place] = result
        tell(len(results), len(tasks))
    return [results[place] for place in range(len(tasks))]


def _plan(step: Step, task: Task, manifests: Path, root: Path) -> Job | TaskResult:
    try:
        job = job_of(step, task, root)
    except InputError as error:
        return TaskResult(task, "", "failed", error=str(error), error_class=type(error).__name__)
    done = finished(manifests, job.id, root)
    if done is None:
        return job
    manifest, outputs = done
    return TaskResult(task, job.id, "already", outputs, manifest.summary, manifest.seconds)


def _engine(name: EngineName, workers: int, timeout_s: float | None) -> Engine:
    if name == "serial":
        return _serial
    if name == "processes":
        from understudy.pipeline.processes import processes

        return processes(workers=workers, timeout_s=timeout_s)
    raise UnknownNameError("engine", name, ("serial", "processes"))


def _serial(step: Step, jobs: Sequence[Job], manifests: Path) -> Iterator[TaskResult]:
    for job in jobs:
        yield attempt(step, job, manifests)


def attempt(step: Step, job: Job, manifests: Path) -> TaskResult:
    """Do one job and write its manifest; whatever goes wrong becomes a failed result that names it."""
    start_s = time.perf_counter()
    try:
        outcome = step.function(job)
        seconds = time.perf_counter() - start_s
        write_manifest(manifests, step, job, outcome, seconds)
    except UnderstudyError as error:
        return _failed(job, error, time.perf_counter() - start_s)
    except Exception as error:  # noqa: BLE001 - a fault in one task is carried to its result, the others go on
        return _failed(job, error, time.perf_counter() - start_s, detail=traceback.format_exc())
    return TaskResult(job.task, job.id, "done", outcome.outputs, dict(outcome.summary), seconds)


def _failed(job: Job, error: Exception, seconds: float, *, detail: str = "") -> TaskResult:
    message = str(error) or type(error).__name__
    return TaskResult(job.task, job.id, "failed", seconds=seconds, error=message, error_class=type(error).__name__, detail=detail)
