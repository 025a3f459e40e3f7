"""Health: what a page shows of every stream is true, and a stream that stops is dead within half a second."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from understudy.apps.cli._record_view import view
from understudy.record.commands import finite
from understudy.record.health import HealthSnapshot, StreamHealth, take_snapshot
from understudy.spec.default_schema import default_schema
from understudy.store.dataset import Dataset
from understudy.testing.producers import body_device
from understudy.testing.producers_bench import RecordBench, few_devices, with_small_cameras
from understudy.testing.stand_in import stand_in_robot

JOINTS, CAMERA, IMU = "observations/joint_positions", "observations/head_left", "observations/imu_pelvis"


@pytest.fixture
def bench(tmp_path: Path) -> RecordBench:
    robot = stand_in_robot()
    schema = with_small_cameras(default_schema(robot, "kitchen"))
    return RecordBench(Dataset.create(tmp_path / "kitchen", schema, robot), few_devices(schema, robot))


def _of(snapshot: HealthSnapshot, stream: str) -> StreamHealth:
    return next(s for s in snapshot.streams if s.stream == stream)


def test_rates_ages_and_sizes_are_those_of_the_streams(bench: RecordBench) -> None:
    bench.run(3.0)
    found = take_snapshot(bench.recorder)
    joints, camera = _of(found, JOINTS), _of(found, CAMERA)
    assert (joints.state, camera.state) == ("ok", "ok")
    assert joints.measured_hz == pytest.approx(200.0, rel=0.01)
    assert camera.measured_hz == pytest.approx(30.0, rel=0.03)
    assert camera.expected_hz == 30.0
    assert joints.expected_hz == pytest.approx(200.0, rel=0.01)  # learned: the schema leaves it open
    assert joints.jitter_ms < 0.01
    assert joints.age_s <= 0.02
    size = bench.recorder.intake.ledgers[CAMERA].size / bench.recorder.intake.ledgers[CAMERA].received
    assert camera.mb_per_min == pytest.approx(size * 30 * 60e-6, rel=0.1)
    assert found.take.activity == "idle"
    assert found.dead == ()


def test_a_stream_that_stops_is_dead_within_half_a_second_and_alive_again_at_once(bench: RecordBench) -> None:
    bench.run(3.0)
    bench.silent = {"head_left"}
    bench.run(0.3)
    assert _of(take_snapshot(bench.recorder), CAMERA).state != "dead"
    bench.run(0.16)
    assert _of(take_snapshot(bench.recorder), CAMERA).state == "dead"
    assert take_snapshot(bench.recorder).dead == (CAMERA,)
    bench.run(5.0)
    gone = _of(take_snapshot(bench.recorder), CAMERA)
    assert (gone.state, gone.measured_hz) == ("dead", 0.0)
    bench.silent = set()
    bench.run(0.1)
    assert _of(take_snapshot(bench.recorder), CAMERA).state in ("ok", "slow")


def test_slow_and_fast_streams_are_told(bench: RecordBench) -> None:
    robot = bench.devices[0]
    robot.streams = tuple(s.model_copy(update={"rate_hz": 120.0}) if s.key == IMU else s for s in robot.streams)
    robot.start()
    bench.run(3.0)
    assert _of(take_snapshot(bench.recorder), IMU).state == "slow"
    robot.streams = tuple(s.model_copy(update={"rate_hz": 400.0}) if s.key == IMU else s for s in robot.streams)
    bench.back("robot")
    bench.run(3.0)
    assert _of(take_snapshot(bench.recorder), IMU).state == "fast"


def test_required_streams_that_never_came_are_shown(bench: RecordBench) -> None:
    bench.silent = {"robot"}
    bench.run(1.0)
    found = take_snapshot(bench.recorder)
    assert _of(found, JOINTS).state == "absent"
    assert JOINTS in found.dead
    assert CAMERA not in found.dead


TARGET, GRIPPER = "actions/joint_position_target", "actions/gripper_target"


def commanded(tmp_path: Path, *, target_hz: float) -> RecordBench:
    robot = stand_in_robot()
    schema = default_schema(robot, "commands")
    assert (schema.stream(TARGET).required, schema.stream(GRIPPER).required) == (True, False)
    rates = {JOINTS: 200.0, TARGET: target_hz, GRIPPER: 50.0}
    return RecordBench(Dataset.create(tmp_path / "set", schema, robot), [body_device(schema, robot, rates=rates)])


def test_a_command_that_an_episode_needs_is_dead_when_it_stops(tmp_path: Path) -> None:
    """It came at a rate, which the schema leaves open; one that nothing needs may come when it likes."""
    bench = commanded(tmp_path, target_hz=50.0)
    bench.run(3.0)
    found = take_snapshot(bench.recorder)
    assert (_of(found, TARGET).state, _of(found, GRIPPER).state) == ("ok", "event")
    assert _of(found, TARGET).expected_hz == pytest.approx(50.0, rel=0.01)
    assert _of(found, TARGET).dead_after_s == 0.4
    bench.silent = {"robot"}
    bench.run(0.38)
    assert _of(take_snapshot(bench.recorder), TARGET).state != "dead"
    bench.run(0.06)
    found = take_snapshot(bench.recorder)
    assert (_of(found, TARGET).state, _of(found, GRIPPER).state) == ("dead", "event")
    assert TARGET in found.dead
    assert _of(found, GRIPPER).dead_after_s == float("inf")


def test_a_command_that_comes_now_and_then_is_never_dead(tmp_path: Path) -> None:
    bench = commanded(tmp_path, target_hz=2.0)
    bench.run(5.0)
    bench.silent = {"robot"}
    bench.run(5.0)
    assert (_of(take_snapshot(bench.recorder), TARGET).state, _of(take_snapshot(bench.recorder), TARGET).expected_hz) == (
        "event",
        0.0,
    )


def test_a_running_take_is_shown(bench: RecordBench) -> None:
    bench.run(2.0)
    take = bench.recorder.start()
    bench.recorder.mark("x")
    bench.run(1.0)
    found = take_snapshot(bench.recorder, message="look here")
    assert (found.take.activity, found.take.id, found.take.marks, found.message) == ("recording", take, 1, "look here")
    assert found.take.duration_s == pytest.approx(3.0, abs=0.03)
    assert found.disk_free_bytes == 10**12
    bench.recorder.stop()
    assert take_snapshot(bench.recorder).take.activity == "ending"
    bench.recorder.close()


def test_a_snapshot_cannot_be_changed_and_looking_changes_nothing(bench: RecordBench) -> None:
    bench.run(1.0)
    before = bench.recorder.counters()
    found = take_snapshot(bench.recorder)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.message = ""  # type: ignore[misc]
    assert bench.recorder.counters() == before
    assert take_snapshot(bench.recorder) == found


def test_the_terminal_shows_every_stream_and_what_was_refused(bench: RecordBench) -> None:
    from rich.console import Console

    bench.run(2.0)
    bench.recorder.start()
    bench.silent = {"head_left"}
    bench.bus.send([b"nonsense"], images=False)
    bench.run(1.0)
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    health = dataclasses.asdict(take_snapshot(bench.recorder))
    console.print(view(health, said=["something was said"], finalizing=["one"]))
    console.print(view(finite(health), said=[], finalizing=[], prompt="instruction: pour_"))  # type: ignore[arg-type]
    console.file.close()
    text = console.export_text()
    for word in (JOINTS, CAMERA, "dead", "recording", "refused", "something was said", "making 1 episode", "instruction: pour_"):
        assert word in text
    bench.recorder.close()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 132, 200])
@pytest.mark.parametrize("height", [12, 24, 50])
def test_the_view_fits_every_window_and_what_does_badly_is_seen(bench: RecordBench, width: int, height: int) -> None:
    from rich.console import Console

    bench.run(2.0)
    bench.recorder.start()
    bench.silent = {"head_left"}
    bench.bus.send([b"nonsense"], images=False)
    bench.run(1.0)
    health = dataclasses.asdict(take_snapshot(bench.recorder))
    ok = next(s for s in health["streams"] if s["state"] == "ok")
    health["streams"] = [*({**ok, "stream": f"debug/{k}"} for k in range(20)), *health["streams"]]
    console = Console(width=width, height=height, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(
        view(health, said=["a long sentence about something that was said " * 4], finalizing=["one"], size=(width, height))
    )
    console.file.close()
    lines = console.export_text().splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert any("head_left" in line and "dead" in line for line in lines)
    assert any("space" in line for line in lines[-1:])
    assert any("more that do well" in line for line in lines) == (height < 50)
    bench.recorder.close()
