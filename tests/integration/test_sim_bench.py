"""The simulated robot as a bench: lags put into streams are found, stored, and taken off a recording, which then passes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from understudy import plugins
from understudy.apps.cli._main import main
from understudy.devices import SimClock
from understudy.devices._settings import named_settings
from understudy.devices.benches.sim import SimBench
from understudy.devices.imperfect import worsened
from understudy.devices.robot.mujoco import MujocoRobot, RenderedCameras, SharpMotions
from understudy.errors import DeviceError
from understudy.kinematics.load import load_robot
from understudy.pipeline.sync_file import read_latencies
from understudy.scenes.camera_scene import external_cameras
from understudy.spec.default_schema import default_schema, schema_toml
from understudy.spec.device import Device
from understudy.spec.episode import Episode, even_timeline
from understudy.spec.robot import RobotModel
from understudy.spec.sample import Sample
from understudy.spec.schema import Schema
from understudy.spec.stream import Stream
from understudy.store.dataset import Dataset
from understudy.testing.episodes import METADATA

LAGS_S = {"debug/external_*": 0.012, "observations/imu_*": 0.003, "observations/wrench_*": 0.006}
FAULTS = {f"{pattern}.lag_s": str(lag_s) for pattern, lag_s in LAGS_S.items()}
LATE_NS = {
    "debug/external_0": 12e6,
    "observations/imu_head": 3e6,
    "observations/imu_torso": 3e6,
    "observations/joint_velocities": 0.0,
    "observations/wrench_left_wrist": 6e6,
    "observations/wrench_right_wrist": 6e6,
}
SECONDS = 29.5


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


def small_schema(robot: RobotModel) -> Schema:
    """The standard one, with one camera, of 320x240."""
    schema = default_schema(robot, "bench")
    kept = [s for s in schema.streams if s.kind != "image" or s.name == "external_0"]
    return schema.model_copy(
        update={"streams": tuple(s.model_copy(update={"shape": (240, 320, 3)}) if s.kind == "image" else s for s in kept)}
    )


def recorded(robot: RobotModel, schema: Schema) -> Episode:
    """A take of the simulated robot that moves by itself, sensors as late as the bench's."""
    clock = SimClock(50 * 10**9)
    body = MujocoRobot(robot, schema, clock=clock, mover=SharpMotions(robot), noise_seed=5)
    camera = [spec for spec in schema.streams if spec.kind == "image"]
    cameras = RenderedCameras(body, camera, external_cameras(robot, 1, 320, 240), clock=clock)
    devices = worsened([body, cameras], FAULTS, seed=9)
    samples: dict[str, list[Sample]] = {}
    try:
        for device in devices:
            device.start()
        for _ in range(round(SECONDS / 0.1)):
            clock.advance(0.1)
            for sample in (s for device in devices for s in device.read(0.0)):
                samples.setdefault(sample.stream, []).append(sample)
    finally:
        for device in devices:
            device.close()
    streams = {spec.key: stream_of(samples[spec.key], schema) for spec in schema.streams if spec.key in samples}
    timeline = even_timeline(51 * 10**9, (49 + round(SECONDS)) * 10**9, schema.control_rate_hz)
    return Episode(
        id="2026-01-02T101500_arm_001",
        robot=robot.name,
        model_sha256=robot.model_sha256,
        joint_names=robot.joint_names,
        timeline_ns=timeline,
        streams=streams,
        metadata={**METADATA, "task_id": "arm", "motion_source": "simulation", "language_instruction": "move"},
        schema_toml=schema_toml(schema),
    )


def stream_of(samples: Sequence[Sample], schema: Schema) -> Stream:
    spec = next(s for s in schema.streams if s.key == samples[0].stream)
    data = np.empty(len(samples), dtype=object)
    data[:] = [s.data for s in samples]
    stamps = {
        name: np.array([getattr(s, name) for s in samples], dtype=np.int64) for name in ("t_device_ns", "t_arrival_ns", "seq")
    }
    extra = {**stamps, "valid": np.ones(len(samples), dtype=np.bool_)}
    values = data if spec.kind == "image" else np.stack([np.asarray(s.data) for s in samples])
    return Stream(spec, np.array([s.t_ns for s in samples], dtype=np.int64), values, "", extra)


def late_ns(found: Mapping[str, object]) -> dict[str, int]:
    assert isinstance(found, dict)
    return {s["key"]: s["offset_ns"] for s in found["streams"]}


def test_lags_are_found_stored_and_taken_off_a_recording(
    robot: RobotModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = small_schema(robot)
    made = Dataset.create(tmp_path / "arm", schema, robot)
    bench = "sim:head=false,external=1," + ",".join(f"{k}={v}" for k, v in FAULTS.items())
    assert main(["sync", "calibrate", str(made.root), "--bench", bench, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["motions"] == found["commanded"] == 24
    assert found["before"]["answer"] == "fail"
    offsets = late_ns(found["found"])
    assert offsets.keys() == LATE_NS.keys(), "what stands still is not judged, and all that moves is"
    for key, due_ns in LATE_NS.items():
        assert offsets[key] == pytest.approx(due_ns, abs=0.5e6), key
    table = read_latencies(made.root / "sync.toml")
    assert table.latencies_ns().keys() == LATE_NS.keys()
    assert all(stream.measured.tzinfo is not None for stream in table.stream)

    made.add(take := recorded(robot, schema))
    assert main(["sync", "check", take.id, "--dataset", str(made.root), "--json"]) == 1
    before = json.loads(capsys.readouterr().out)["verdict"]
    assert before["answer"] == "fail"
    assert main(["sync", "realign", take.id, "--dataset", str(made.root), "--json"]) == 0
    (again,) = json.loads(capsys.readouterr().out)["episodes"]
    assert main(["sync", "check", again["path"], "--json"]) == 0
    after = json.loads(capsys.readouterr().out)["verdict"]
    for key, offset_ns in late_ns(after).items():
        assert abs(offset_ns) < 0.8e6, key


def test_settings_are_taken_from_the_name(robot: RobotModel) -> None:
    name, given = named_settings("sim:width=160,*/imu_*.lag_s=0.003")
    assert (name, given) == ("sim", {"width": "160", "*/imu_*.lag_s": "0.003"})
    assert named_settings("block") == ("block", {})
    with pytest.raises(DeviceError, match="'width' is no setting; write sim:setting=value"):
        named_settings("sim:width")
    with pytest.raises(DeviceError, match="did you mean 'external'"):
        SimBench().configured({"externals": "1"})
    with pytest.raises(DeviceError, match="no stream fits"):
        SimBench().configured({"*/imus.lag_s": "1", "head": "false", "external": "0"}).open(robot)
    bench = plugins.load("benches", "block")
    with pytest.raises(DeviceError, match="no setting 'sed'; did you mean 'seed'"):
        bench.configured({"sed": "1"})  # type: ignore[attr-defined]


def test_one_joint_at_a_time(robot: RobotModel) -> None:
    bench = SimBench().configured({"head": "false", "external": "0"})
    with pytest.raises(DeviceError, match="call open first"):
        bench.sides()
    with pytest.raises(DeviceError, match="call open first"):
        bench.command(robot.home_rad)
    devices: Sequence[Device] = bench.open(robot)
    rest, *others = bench.sides()
    assert [device.name for device in devices] == ["robot"]
    bench.close()
    bench.close()
    moved = [np.flatnonzero(other != rest) for other in others]
    assert [len(m) for m in moved] == [1] * len(others)
    assert len({int(m[0]) for m in moved}) == len(others) == 5
    for other in others:
        assert (other > robot.lower_rad).all()
        assert (other < robot.upper_rad).all()
