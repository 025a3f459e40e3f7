"""Checking a whole dataset as `understudy check` does, catalog included: time per episode with two workers, and its memory.

Used by `gates.py --scale N`.
"""

from __future__ import annotations

import os
import resource
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from understudy.pipeline.check import check_dataset
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema
from understudy.store.catalog import refresh_catalog
from understudy.store.dataset import Dataset

WORKERS, FULL, BAR_MIN = 2, 10_000, 20.0
TASKS = 5
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
"""Of the episodes, after which memory is looked at."""


class Maker(Protocol):
    """Makes an episode of a minute."""

    def __call__(self, robot: RobotModel, schema: Schema, *, seed: int) -> Episode:
        """Another one for every seed."""
        ...


def scale(robot: RobotModel, make: Maker, count: int) -> dict[str, object]:
    """Write `count` episodes, check them with two workers, and extrapolate to 10 000 in a straight line."""
    schema = default_schema(robot, "benchmark")
    with tempfile.TemporaryDirectory() as folder:
        dataset = Dataset.create(Path(folder) / "scale", schema, robot)
        for i in range(count):
            episode = make(robot, schema, seed=i)
            labels = {**episode.metadata, "task_id": f"task_{i % TASKS}"}
            dataset.add(replace(episode, id=f"minute_{i:05d}", metadata=labels))
        return {"episodes": count, "workers": WORKERS, **_checked(dataset, count)}


def _checked(dataset: Dataset, count: int) -> dict[str, object]:
    memory: list[tuple[int, float]] = []
    done = [0]
    with _Watched(memory, done) as watched:
        start_s, before_s = time.perf_counter(), _processor_s()
        summary = check_dataset(dataset, lambda so_far, _: done.__setitem__(0, so_far), workers=WORKERS)
        checked_s = time.perf_counter() - start_s
        refresh_catalog(dataset, seen=summary.rows)
        seconds, used_s = time.perf_counter() - start_s, _processor_s() - before_s
    used_s += watched.processor_s
    outcomes = [e.outcome for e in summary.episodes]
    minutes = seconds / count * FULL / 60.0
    return {
        "seconds": seconds,
        "of_that_catalog": seconds - checked_s,
        "processor_seconds_per_episode": used_s / count,
        "accepted": outcomes.count("accepted"),
        "rejected": outcomes.count("rejected"),
        "unreadable": outcomes.count("unreadable"),
        "minutes_for_10_000_extrapolated": minutes,
        "minutes_by_processor_time_extrapolated": used_s / count * FULL / 60.0 / WORKERS,
        "bar_minutes": BAR_MIN,
        "memory_mb_of_all_processes": {
            f"after {share:.0%}": _near(memory, share * count) for share in (0.1, 0.25, 0.5, 0.75, 1.0)
        },
    }


def _near(memory: list[tuple[int, float]], episodes: float) -> float:
    """Median memory of the samples taken around that many episodes, MB."""
    nearest = sorted(memory, key=lambda sample: abs(sample[0] - episodes))[:9]
    return sorted(mb for _, mb in nearest)[len(nearest) // 2] if nearest else 0.0


def _processor_s() -> float:
    """Processor time of this process, seconds."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime


def _below() -> dict[int, list[str]]:
    """Fields of /proc/<pid>/stat, from the state on, of every process below this one."""
    every: dict[int, list[str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                every[int(entry.name)] = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
    below, grown = {os.getpid()}, True
    while grown:
        more = {pid for pid, fields in every.items() if int(fields[1]) in below} - below
        grown = bool(more)
        below |= more
    return {pid: every[pid] for pid in below if pid != os.getpid() and pid in every}


class _Watched:
    """Memory and processor time of all processes below this one, twice a second, with how far the check had come.

    Workers are forked from another process, so nobody but /proc can tell what they took.
    """

    def __init__(self, memory: list[tuple[int, float]], done: list[int]) -> None:
        self._memory, self._done, self._end = memory, done, threading.Event()
        self._ticks: dict[int, int] = {}
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def processor_s(self) -> float:
        """Processor time of the processes below this one, up to half a second before each ended, seconds."""
        return sum(self._ticks.values()) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> _Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        page_mb = os.sysconf("SC_PAGE_SIZE") / 1e6
        while not self._end.wait(0.5):
            own, below = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]), _below()
            self._memory.append((self._done[0], (own + sum(int(fields[21]) for fields in below.values())) * page_mb))
            self._ticks |= {pid: int(fields[11]) + int(fields[12]) for pid, fields in below.items()}
