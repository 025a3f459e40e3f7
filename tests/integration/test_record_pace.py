"""A simulation that runs more slowly than the world is recorded on its own clock, from the start to the end of the take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.devices import HostClock, PacedClock, pace_of
from understudy.devices.robot.mujoco import MujocoRobot
from understudy.errors import BusError, DeviceError
from understudy.kinematics.load import load_robot
from understudy.record.batch import Envelope
from understudy.record.bus import Publisher
from understudy.record.wire import decode_envelope, encode_envelope
from understudy.spec.default_schema import default_schema
from understudy.spec.sample import Sample
from understudy.store.dataset import Dataset
from understudy.testing.producers import body_device
from understudy.testing.producers_bench import FEW_STREAMS, RecordBench
from understudy.testing.stand_in import stand_in_robot

S = 1_000_000_000
JOINTS = "observations/joint_positions"


def paced_bench(folder: Path, pace: float) -> RecordBench:
    """A robot whose samples are as many a second of its own clock as its streams say."""
    robot = stand_in_robot()
    schema = default_schema(robot, "slow")
    device = body_device(schema, robot, rates={key: hz * pace for key, hz in FEW_STREAMS.items()})
    bench = RecordBench(Dataset.create(folder / "set", schema, robot), [device])
    began_ns = bench.clock()

    def own(t_ns: int) -> int:
        return began_ns + round((t_ns - began_ns) * pace)

    def slowed(samples: Sequence[Sample]) -> list[Sample]:
        return [replace(s, t_ns=own(s.t_ns), t_arrival_ns=own(s.t_arrival_ns)) for s in samples]

    bench.change = {device.name: slowed}
    bench.publishers = {device.name: Publisher(bench.bus, device.name, pace=pace)}
    return bench


@pytest.mark.parametrize("pace", [1.0, 0.5, 0.1])
def test_a_take_of_a_slow_world_has_what_came_in_it(tmp_path: Path, pace: float) -> None:
    bench = paced_bench(tmp_path, pace)
    bench.run(40.0)  # long enough for the clocks to be far apart
    take = bench.recorder.start()
    bench.run(5.0)
    bench.recorder.mark("middle")
    bench.run(5.0)
    bench.recorder.stop()
    bench.run(0.5)
    bench.recorder.close()
    found = bench.finished(take)
    assert found.error == ""
    episode = bench.dataset.read(take)
    assert episode.duration_s == pytest.approx((10.0 + bench.preroll_s) * pace, abs=0.05)
    stream = episode.stream(JOINTS)
    assert np.median(np.diff(stream.t_ns)) == pytest.approx(S / 200.0, rel=1e-3)
    assert (np.diff(stream.extra["seq"]) == 1).all()
    assert episode.metadata.get("record_pace", 1.0) == pace
    start_s = float(episode.metadata["record_start_ns"]) * 1e-9
    assert start_s == pytest.approx((bench.clock() * 1e-9 - 12.5) * pace + 1000.0 * (1.0 - pace), abs=0.1)
    assert "by another clock" not in str(episode.metadata["warnings"])


def test_devices_that_share_no_clock_are_told(tmp_path: Path) -> None:
    bench = paced_bench(tmp_path, 0.5)
    schema, robot = bench.dataset.schema, stand_in_robot()
    other = body_device(schema, robot, rates={"observations/gripper": 100.0}, name="gripper")
    other.now, other.sleep = bench.clock, lambda seconds: None
    other.start()
    bench.devices = [*bench.devices, other]
    bench.publishers["gripper"] = Publisher(bench.bus, "gripper")
    episode = bench.episode(3.0)
    assert "observations/gripper: by another clock than the simulation's" in str(episode.metadata["warnings"])


def test_a_pace_is_that_of_a_devices_clock() -> None:
    robot = load_robot("unitree_g1")
    assert pace_of(MujocoRobot(robot, clock=HostClock())) == 1.0
    assert pace_of(MujocoRobot(robot, clock=PacedClock(0.25))) == 0.25
    with pytest.raises(DeviceError, match=r"pace is 3; .* 1 or less"):
        pace_of(MujocoRobot(robot, clock=PacedClock(3.0)))


@pytest.mark.parametrize("pace", [0.0, -1.0, 2.0, float("nan"), "1", True, 1])
def test_a_pace_that_cannot_be_is_refused(pace: float) -> None:
    part = encode_envelope(Envelope("sim", 1, pace=0.5))
    assert decode_envelope(part).pace == 0.5
    with pytest.raises(BusError, match="pace is"):
        decode_envelope(encode_envelope(Envelope("sim", 1, pace=pace)) if pace not in (1, True) else part_with(pace))


def part_with(pace: object) -> bytes:
    """An envelope that a program of somebody's own made."""
    import msgpack

    made: bytes = msgpack.packb({"v": 1, "producer": "sim", "run": 1, "pace": pace})
    return made
