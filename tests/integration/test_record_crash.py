"""Recorders killed with SIGKILL: every take is an episode afterwards, loses half a second at most, and says what it lost."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from understudy.pipeline.record.finalize import finalize
from understudy.pipeline.record.recover import orphans, recover
from understudy.pipeline.record.service import ServiceOptions
from understudy.record.address import parse_address
from understudy.record.commands import Commander
from understudy.spec.default_schema import default_schema
from understudy.spec.schema import Schema
from understudy.store.dataset import Dataset
from understudy.testing.producers_bench import RecordBench, few_devices, with_small_cameras
from understudy.testing.producers_killed import kill_take, killed_takes, producing, start_recorder
from understudy.testing.stand_in import stand_in_robot

KILLS = 30
MOST_LOST_S = 0.5
JOINTS, CAMERA = "observations/joint_positions", "observations/head_left"


def _schema() -> Schema:
    return with_small_cameras(default_schema(stand_in_robot(), "crash"), (240, 320, 3))


def test_thirty_kills_give_thirty_episodes(tmp_path: Path) -> None:
    found = killed_takes(tmp_path, _schema(), stand_in_robot(), kills=KILLS)
    assert [k.error for k in found] == [""] * KILLS
    lost_s = np.array([k.lost_s for k in found])
    reported_s = np.array([k.reported_s for k in found])
    assert lost_s.max() <= MOST_LOST_S, lost_s
    assert (reported_s >= lost_s).all(), (reported_s, lost_s)  # never less than the truth
    assert (reported_s <= lost_s + 0.3).all(), (reported_s, lost_s)  # nor much more
    for killed in found:
        episode = killed.episode
        assert episode is not None
        assert episode.metadata["record_recovered"] is True
        assert episode.metadata["record_truncated_at_ns"] == episode.timeline_ns[-1]
        assert episode.duration_s >= killed.recorded_s - MOST_LOST_S
        lost = json.loads(str(episode.metadata["record_lost_samples"]))
        assert all(n <= 200 * MOST_LOST_S for n in lost.values())
        for key in (JOINTS, CAMERA):
            stream = episode.stream(key)
            assert (np.diff(stream.extra["seq"]) == 1).all()  # nothing is missing in the middle
            assert len(stream.data) == len(stream)


def test_the_next_start_makes_the_episode_and_records_on(tmp_path: Path) -> None:
    robot, schema = stand_in_robot(), _schema()
    root, bus = tmp_path / "set", f"ipc://{tmp_path}/bus"
    Dataset.create(root, schema, robot)
    take, *_ = kill_take(root, bus, few_devices(schema, robot), after_s=0.5)
    assert orphans(root) == (take,)
    process = start_recorder(ServiceOptions(root, bus, {"motion_source": "simulation"}, check=False))
    commander = Commander(parse_address(bus), timeout_s=60.0)
    with producing(few_devices(schema, robot), parse_address(bus)):
        until_s = time.monotonic() + 60.0
        while not (done := commander.ask("takes"))["takes"] and time.monotonic() < until_s:
            time.sleep(0.1)
        (found,) = done["takes"]
        assert (found["take"], found["recovered"], found["error"]) == (take, True, "")
        second = commander.ask("start")["take"]
        time.sleep(0.5)
        commander.ask("stop")
    commander.ask("quit")
    commander.close()
    process.join(60.0)
    assert process.exitcode == 0
    assert {ref.id for ref in Dataset.open(root).refs()} == {take, second}
    assert list((root / "journal").iterdir()) == []


def test_a_finalizer_killed_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    robot, schema = stand_in_robot(), _schema()
    bench = RecordBench(Dataset.create(tmp_path / "set", schema, robot), few_devices(schema, robot))
    take = bench.record(2.0)
    root = bench.dataset.root
    context = multiprocessing.get_context("forkserver")
    rng, killed, longest_s = np.random.default_rng(1), 0, 0.5
    for _ in range(12):
        delay_s = float(rng.uniform(0.0, longest_s))
        process = context.Process(target=finalize, args=(root, take), kwargs={"check": False, "keep_journal": True})
        process.start()
        time.sleep(0.02 + delay_s)
        if process.is_alive():
            os.kill(int(process.pid or 0), signal.SIGKILL)
            killed += 1
        else:  # a machine that is quick: earlier next time
            longest_s *= 0.6
        process.join()
        assert (root / "journal" / f"{take}.mcap").exists()
    assert killed >= 3
    found = finalize(root, take, check=False)
    assert (found.error, found.recovered) == ("", False)
    (ref,) = Dataset.open(root).refs("all")
    episode = Dataset.open(root).read(ref.id)
    assert episode.duration_s == pytest.approx(4.0, abs=0.05)
    assert episode.metadata["record_recovered"] is False
    assert (np.diff(episode.stream(CAMERA).extra["seq"]) == 1).all()
    assert [p.name for p in ref.path.parent.iterdir()] == [ref.path.name]  # nothing half-written is left
    assert list((root / "journal").iterdir()) == []


def test_what_a_living_recorder_writes_is_no_orphan(tmp_path: Path) -> None:
    robot, schema = stand_in_robot(), _schema()
    bench = RecordBench(Dataset.create(tmp_path / "set", schema, robot), few_devices(schema, robot))
    bench.run(1.0)
    bench.recorder.start()
    assert orphans(bench.dataset.root) == ()
    assert recover(bench.dataset.root) == []
    bench.run(0.5)
    bench.recorder.close()
    assert len(orphans(bench.dataset.root)) == 1
