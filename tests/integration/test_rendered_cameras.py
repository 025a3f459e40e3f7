"""Cameras in their own process: every exposure of a stepped clock, its state and its stamp; lost processes come back."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import simplejpeg

from understudy.devices import SimClock
from understudy.devices._encoder import JPEG_FILES, Encoding
from understudy.devices.robot.mujoco import ArmWaves, MujocoRobot, RenderedCameras
from understudy.errors import DeviceError, MissingDependencyError
from understudy.geom.arrays import F64
from understudy.kinematics.load import load_robot
from understudy.scenes.camera_images import CameraImages
from understudy.scenes.camera_scene import camera_model, external_cameras, head_cameras
from understudy.scenes.opengl import draws_a_pixel
from understudy.spec.default_schema import default_schema
from understudy.spec.robot import RobotModel
from understudy.spec.sample import Sample
from understudy.spec.video import Video


@pytest.fixture(scope="module", autouse=True)
def _can_draw() -> None:
    try:
        draws_a_pixel()
    except MissingDependencyError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


class Bench:
    """A robot with waving arms, some of its cameras, and a clock to step."""

    def __init__(self, robot: RobotModel, *, external: int = 0, encoding: Encoding = JPEG_FILES) -> None:
        self.clock, schema = SimClock(), default_schema(robot, "x")
        self.robot = MujocoRobot(robot, schema, clock=self.clock, mover=ArmWaves(robot, raise_s=0.3))
        self.mounts = head_cameras(robot, 160, 120) if not external else external_cameras(robot, external, 96, 64)
        specs = [s for s in schema.streams if s.name in self.mounts]
        self.cameras = RenderedCameras(self.robot, specs, self.mounts, clock=self.clock, encoding=encoding)
        self.states: dict[int, F64] = {}
        self.robot.watch(30.0, lambda t_ns, qpos: self.states.__setitem__(t_ns, qpos))

    def live(self, seconds: float) -> list[Sample]:
        out: list[Sample] = []
        for _ in range(round(seconds / 0.1)):
            self.clock.advance(0.1)
            self.robot.read(0.0)
            out += self.cameras.read(0.0)
        return out


@pytest.fixture
def bench(robot: RobotModel) -> Iterator[Bench]:
    made = Bench(robot)
    made.cameras.start()
    made.robot.start()
    yield made
    made.cameras.close()
    made.cameras.close()


def decoded(samples: Sequence[Sample]) -> list[F64]:
    return [simplejpeg.decode_jpeg(s.data, colorspace="RGB").astype(np.float64) for s in samples if isinstance(s.data, bytes)]


def test_every_exposure_is_drawn_with_its_state_number_and_stamp(robot: RobotModel, bench: Bench) -> None:
    samples = bench.live(1.0)
    assert {s.stream for s in samples} == {"observations/head_left", "observations/head_right"}
    for side in ("left", "right"):
        own = [s for s in samples if s.stream.endswith(side)]
        assert [s.seq for s in own] == list(range(31))
        assert [s.t_ns for s in own] == sorted(bench.states)
        assert all(s.t_arrival_ns == s.t_ns for s in own)
        assert {image.shape for image in decoded(own)} == {(120, 160, 3)}
    drawing = CameraImages(camera_model(robot, bench.mounts, cell_m=0.025))
    for n in (3, 17, 30):
        left = next(s for s in samples if s.stream.endswith("left") and s.seq == n)
        drawing.pose(bench.states[left.t_ns])
        same = drawing.image("head_left", 160, 120).astype(np.float64)
        drawing.pose(bench.states[sorted(bench.states)[n - 3]])
        other = drawing.image("head_left", 160, 120).astype(np.float64)
        assert np.abs(decoded([left])[0] - same).mean() < 3.0
        assert np.abs(decoded([left])[0] - other).mean() > 2.0 * np.abs(decoded([left])[0] - same).mean()
    drawing.close()
    assert bench.cameras.streams[0].shape == (120, 160, 3)


def test_a_killed_process_comes_back_and_the_frames_between_show_as_lost(bench: Bench) -> None:
    before = bench.live(0.2)
    pid = bench.cameras.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    bench.clock.advance(0.1)
    bench.robot.read(0.0)
    until_s, after = time.monotonic() + 60.0, list[Sample]()
    while not after and time.monotonic() < until_s:
        with contextlib.suppress(DeviceError):  # it says so when it dies while frames are due
            after = bench.live(0.1)
        time.sleep(0.05)
    assert after, "the camera did not come back"
    assert bench.cameras.pid != pid
    assert after[0].seq > before[-1].seq + 1
    assert after[0].t_ns > before[-1].t_ns


def test_closing_from_another_thread_ends_a_read(robot: RobotModel) -> None:
    bench = Bench(robot, external=1)
    bench.cameras.start()
    bench.robot.start()
    threading.Timer(0.2, bench.cameras.close).start()

    def read_on() -> None:
        while True:
            bench.cameras.read(0.05)

    with pytest.raises(DeviceError, match="after close"):
        read_on()


def test_a_machine_that_cannot_draw_is_told_why(robot: RobotModel, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(robot, external=2)
    with pytest.raises(DeviceError, match="before start"):
        bench.cameras.read(0.0)
    monkeypatch.setenv("MUJOCO_GL", "off")
    with pytest.raises(DeviceError, match="turns OpenGL off"):
        bench.cameras.start()


def test_cameras_without_a_mount_are_refused(robot: RobotModel) -> None:
    schema = default_schema(robot, "x")
    device = MujocoRobot(robot, schema, clock=SimClock())
    with pytest.raises(DeviceError, match="each with a mount"):
        RenderedCameras(device, [schema.stream("observations/head_left")], {})


def test_each_camera_may_send_h264_and_every_packet_is_the_picture_of_its_exposure(robot: RobotModel) -> None:
    seen: dict[str, dict[str, list[Sample]]] = {}
    for codec in ("jpeg", "h264"):
        made = Bench(robot, external=2, encoding=Encoding(codec, crf=12, mbit_s=4.0))
        made.cameras.start()
        made.robot.start()
        seen[codec] = {}
        for sample in made.live(0.7):
            seen[codec].setdefault(sample.stream, []).append(sample)
        made.cameras.close()
    assert len(seen["jpeg"]) == 2
    for key, jpegs in seen["jpeg"].items():
        packets = seen["h264"][key]
        assert [(s.seq, s.t_ns) for s in packets] == [(s.seq, s.t_ns) for s in jpegs]
        video = Video.of([bytes(s.data) for s in packets])
        assert np.flatnonzero(video.keyframe).tolist() == list(range(0, len(packets), 15))
        for true, found in zip(decoded(jpegs), video.pictures(range(len(video))), strict=True):
            assert np.abs(true - found).mean() < 4.0
