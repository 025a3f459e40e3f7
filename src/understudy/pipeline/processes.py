"""The process engine: fresh worker processes, each task in one; a crash or a time-out names its task."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.errors import MissingDependencyError
from understudy.pipeline.run import Engine, TaskResult, attempt
from understudy.pipeline.tasks import Job, Step

if TYPE_CHECKING:
    from pebble import ProcessPool

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Each worker computes on one core: the workers are the parallelism."""
PRELOAD, RETARGETING = "understudy.pipeline.preload", "understudy.pipeline.preload_retargeting"
"""Imported once, by the process that workers are forked from: for any work, and for retargeting."""


def processes(*, workers: int, timeout_s: float | None = None) -> Engine:
    """An engine of `workers` processes.

    Args:
        workers: how many.
        timeout_s: a task that takes longer is stopped and failed.
    """

    def engine(step: Step, jobs: Sequence[Job], manifests: Path) -> Iterator[TaskResult]:
        with worker_pool(max(1, min(workers, len(jobs)))) as pool:
            futures = {pool.schedule(attempt, args=(step, job, manifests), timeout=timeout_s): job for job in jobs}
            for future in as_completed(futures):
                yield _result(future, futures[future], timeout_s)

    return engine


@contextmanager
def worker_pool(workers: int, begin: Callable[..., None] | None = None, args: tuple[object, ...] = ()) -> Iterator[ProcessPool]:
    """Fresh processes for tasks; stopped when the block fails, left to finish when it ends well.

    Args:
        workers: how many.
        begin: called in each before its first task, with `args`.
    """
    from pebble import ProcessPool

    context = _context()
    _check_semaphores(context)
    with _one_thread_each():
        pool = ProcessPool(max_workers=workers, context=context, initializer=_begin, initargs=(begin, args))
        try:
            yield pool
            pool.close()
        except BaseException:
            pool.stop()
            raise
        finally:
            pool.join()


def prepare(preload: str = PRELOAD) -> None:
    """Begin to load what workers need, in the process that they will be forked from, while this one does something else.

    Once that process runs it stays as it is, so this comes before the first pool.
    """
    if sys.platform == "linux":
        from multiprocessing import forkserver

        with _one_thread_each():
            _context(preload)
            forkserver.ensure_running()


def _context(preload: str = PRELOAD) -> BaseContext:
    """Workers are forked from a fresh process that has loaded what they all need: threads and mujoco would not survive a fork
    of this one. On other systems than Linux some libraries do not survive any."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preload])
    return context


def _check_semaphores(context: BaseContext) -> None:
    """Refuse several workers where processes cannot share a lock; raises MissingDependencyError."""
    try:
        context.Lock()
    except (OSError, ImportError) as error:
        raise MissingDependencyError(
            f"several workers need shared semaphores, which this machine does not give ({error}): mount a writable /dev/shm "
            "(mount -t tmpfs tmpfs /dev/shm; in a container --ipc=host or --shm-size), or work with --workers 1"
        ) from None


def _result(future: Future[TaskResult], job: Job, timeout_s: float | None) -> TaskResult:
    from pebble import ProcessExpired

    try:
        return future.result()
    except TimeoutError:
        message = f"{job.task.name}: stopped after {timeout_s:g} s; give it more time or a smaller input"
        return TaskResult(job.task, job.id, "failed", error=message, error_class="TimeoutError")
    except ProcessExpired as error:
        message = f"{job.task.name}: its process died ({_how(error.exitcode)}); the other tasks went on, run it again"
        return TaskResult(job.task, job.id, "failed", error=message, error_class="ProcessExpired")


def _how(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    name = signal.Signals(-exit_code).name if -exit_code in set(signal.Signals) else str(-exit_code)
    return f"signal {name}{', perhaps out of memory' if name == 'SIGKILL' else ''}"


def _begin(begin: Callable[..., None] | None, args: tuple[object, ...]) -> None:
    """Ctrl-C goes to every process of the terminal; only the driver acts on it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if begin is not None:
        begin(*args)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
