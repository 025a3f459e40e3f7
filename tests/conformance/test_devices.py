"""The laws of devices, for every one that needs no hardware, and the plugins that open them."""

from __future__ import annotations

import dataclasses

import pytest

from understudy import plugins
from understudy.devices import PacedClock, SimClock
from understudy.devices.imperfect import ClockFault, Imperfect, StreamFault
from understudy.devices.robot.mujoco import ArmWaves, MujocoRobot, RenderedCameras
from understudy.devices.sim import PLUGIN as SIM
from understudy.errors import DeviceError, MissingDependencyError, UnknownNameError
from understudy.kinematics.load import load_robot, robot_names
from understudy.scenes.camera_scene import head_cameras
from understudy.scenes.opengl import draws_a_pixel
from understudy.spec.default_schema import default_schema
from understudy.testing.devices import RampDevice, check_device


@pytest.fixture
def pictures() -> None:
    """The test is skipped where nothing can draw."""
    try:
        draws_a_pixel()
    except MissingDependencyError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", robot_names())
def test_the_simulated_robot(name: str) -> None:
    robot, clock = load_robot(name), SimClock()
    device = MujocoRobot(robot, clock=clock, mover=ArmWaves(robot), scene="table")
    samples = check_device(device, lambda: clock.advance(0.05), fewest=50)
    assert len(samples) > 2000


def test_the_simulated_robot_made_worse() -> None:
    robot, clock = load_robot("unitree_h1"), SimClock()
    fault = StreamFault(latency_s=0.01, jitter_s=0.003, drop=0.05, duplicate=0.05, reorder=0.05)
    for kind in ("host", "ping", "push"):
        own = dataclasses.replace(ClockFault(offset_s=-100.0, drift_ppm=20.0), kind=kind)
        device = Imperfect(MujocoRobot(robot, clock=clock), {"*": fault}, clock_fault=own, clock=clock)
        check_device(device, lambda: clock.advance(0.05), fewest=35)


def test_the_made_up_device() -> None:
    clock = SimClock()
    check_device(RampDevice(clock), lambda: clock.advance(0.05), fewest=100)


@pytest.mark.usefixtures("pictures")
def test_rendered_cameras() -> None:
    robot, clock = load_robot("unitree_h1"), SimClock()
    schema = default_schema(robot, "x")
    body = MujocoRobot(robot, schema, clock=clock)
    specs = [schema.stream(f"observations/head_{side}") for side in ("left", "right")]
    cameras = RenderedCameras(body, specs, head_cameras(robot, 64, 48), clock=clock)
    body.start()

    def live() -> None:
        clock.advance(0.1)
        body.read(0.0)

    check_device(cameras, live, rounds=5, fewest=15)


def test_the_plugin_opens_robot_and_cameras_as_the_schema_has_them() -> None:
    robot = load_robot("unitree_g1")
    schema = default_schema(robot, "x")
    assert {"sim", "imperfect"} <= set(plugins.names("devices"))
    assert plugins.load("devices", "sim") is SIM
    devices = SIM.open({"external": 3, "mover": "sharp", "scene": "table", "pace": 0.5}, robot, schema)
    assert [d.name for d in devices] == ["robot", "cameras_head", "cameras_external"]
    shapes = {spec.key: spec.shape for d in devices for spec in d.streams}
    for key in ("observations/head_left", "observations/head_right", "debug/external_0", "debug/external_2"):
        assert shapes[key] == schema.stream(key).shape
    assert "debug/external_3" not in shapes
    assert "debug/object_poses_world" in shapes
    clocks = {id(d.time) for d in devices if isinstance(d, MujocoRobot | RenderedCameras)}
    assert len(clocks) == 1
    assert isinstance(devices[0].time if isinstance(devices[0], MujocoRobot) else None, PacedClock)
    assert [d.name for d in SIM.open({"head": "off", "external": 0}, robot, schema)] == ["robot"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"pace": 0}, "pace is 0"),
        ({"scene": "tabel"}, "did you mean 'table'"),
        ({"mover": "dance"}, "mover of device sim"),
        ({"externl": 2}, "did you mean 'external'"),
        ({"external": 5}, "from 0 to 4"),
        ({"head": "perhaps"}, "true or false"),
    ],
)
def test_wrong_settings_are_refused(config: dict[str, str | float | bool], message: str) -> None:
    robot = load_robot("unitree_h1")
    with pytest.raises((DeviceError, UnknownNameError), match=message):
        SIM.open(config, robot, default_schema(robot, "x"))
