"""Figures that the dashboard shows: how well a clock is known, how long the disk lasts, and when to ask again."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from understudy.apps.web.dashboard.watch import EVERY_S, SOONEST_S, next_s
from understudy.record.health import as_map, take_snapshot
from understudy.spec.default_schema import default_schema
from understudy.spec.device import ClockKind
from understudy.store.dataset import Dataset
from understudy.testing.producers_bench import RecordBench, few_devices, with_small_cameras
from understudy.testing.stand_in import stand_in_robot


def _bench(tmp_path: Path, clock: ClockKind) -> RecordBench:
    robot = stand_in_robot()
    schema = with_small_cameras(default_schema(robot, "kitchen"))
    body, *cameras = few_devices(schema, robot)
    return RecordBench(Dataset.create(tmp_path / "kitchen", schema, robot), [replace(body, clock=clock), *cameras])


@pytest.mark.parametrize(("clock", "wanted_ms"), [("host", 0.0), ("ping", 0.15), ("push", math.inf)])
def test_a_clock_is_known_to_half_the_best_round_trip(tmp_path: Path, clock: ClockKind, wanted_ms: float) -> None:
    bench = _bench(tmp_path, clock)
    bench.run(1.0)
    bench.recorder.intake.round_trips_ns.clear()
    if clock == "ping":
        from understudy.spec.sample import ClockPing

        for rtt_ns in (900_000, 300_000, 500_000):
            now_ns = bench.clock()
            bench.publishers["robot"].publish_pings("robot", [ClockPing(now_ns - rtt_ns, now_ns, now_ns)])
        for message in bench.bus.receive(0.0, most=100):
            bench.recorder.take_in(message)
    streams = {s.stream: s for s in take_snapshot(bench.recorder).streams}
    joints = streams["observations/joint_positions"]
    assert joints.clock == clock
    assert joints.sync_ms == pytest.approx(wanted_ms)
    assert streams["observations/head_left"].sync_ms == 0.0


def test_only_the_newest_exchanges_count(tmp_path: Path) -> None:
    bench = _bench(tmp_path, "ping")
    bench.run(1.0)
    kept = bench.recorder.intake.round_trips_ns["robot"]
    kept.append(1)
    for _ in range(20):
        kept.append(400_000)
    joints = next(s for s in take_snapshot(bench.recorder).streams if s.clock == "ping")
    assert joints.sync_ms == pytest.approx(0.2)


def test_between_takes_the_disk_lasts_as_long_as_at_the_rate_of_the_bus(tmp_path: Path) -> None:
    bench = _bench(tmp_path, "host")
    assert take_snapshot(bench.recorder).disk_left_s == math.inf
    bench.run(3.0)
    found = take_snapshot(bench.recorder)
    per_s = sum(s.mb_per_min for s in found.streams) * 1e6 / 60.0
    assert found.disk_left_s == pytest.approx(1e12 / (2.1 * per_s), rel=0.01)  # journal, and episode of it
    assert found.take.preroll_s == 0.0


def test_a_snapshot_as_a_map_is_what_a_deep_copy_would_be(tmp_path: Path) -> None:
    bench = _bench(tmp_path, "ping")
    bench.run(1.0)
    bench.recorder.take_in([b"nonsense"])
    found = take_snapshot(bench.recorder)
    assert found.refusals
    assert json.dumps(as_map(found)) == json.dumps(asdict(found))


def test_a_stream_that_is_about_to_be_dead_is_asked_about_when_it_is() -> None:
    def stream(state: str, age_s: float, dead_after_s: float = 0.4) -> dict[str, object]:
        return {"state": state, "age_s": age_s, "dead_after_s": dead_after_s}

    assert next_s([], EVERY_S) == EVERY_S
    assert next_s([stream("ok", 0.01)], EVERY_S) == EVERY_S
    assert next_s([stream("ok", 0.01), stream("ok", 0.3)], EVERY_S) == pytest.approx(0.105)
    assert next_s([stream("slow", 0.399)], EVERY_S) == SOONEST_S
    for state in ("dead", "absent", "event"):
        assert next_s([stream(state, 0.3)], EVERY_S) == EVERY_S
