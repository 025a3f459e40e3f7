"""Cameras by FFmpeg: files and a network camera on the loopback. A USB camera needs one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from understudy.devices._encoder import Encoding
from understudy.devices.camera import PLUGIN
from understudy.devices.video import VideoCamera, VideoSource
from understudy.devices.video.worker import Counter
from understudy.errors import DeviceError, UnknownNameError
from understudy.kinematics.load import load_robot
from understudy.spec.default_schema import default_schema
from understudy.spec.sample import NO_STAMP, Sample
from understudy.spec.stream import StreamSpec
from understudy.spec.video import Video
from understudy.testing.devices import check_device
from understudy.testing.video import MjpegServer, picture_number, write_video

SPEC = StreamSpec(name="head_left", group="observations", dtype="uint8", shape=(48, 64, 3), kind="image", rate_hz=30.0)
LONG_S = 30.0


def read_until(camera: VideoCamera, enough: Callable[[list[Sample]], bool]) -> list[Sample]:
    out, until_s = list[Sample](), time.monotonic() + LONG_S
    while not enough(out) and time.monotonic() < until_s:
        out += camera.read(0.1)
    assert enough(out), f"only {len(out)} pictures came in {LONG_S} s"
    return out


def numbers(samples: Sequence[Sample]) -> list[int]:
    return [picture_number(simplejpeg.decode_jpeg(s.data)) for s in samples if isinstance(s.data, bytes)]


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "mpeg4"), ("mkv", "libx264"), ("avi", "mjpeg")])
def test_a_file_is_played_at_its_own_pace(tmp_path: Path, suffix: str, codec: str) -> None:
    path = tmp_path / f"film.{suffix}"
    write_video(path, range(20), codec=codec)
    camera = VideoCamera(SPEC, VideoSource(str(path), exposure_s=0.01, readout_s=0.002))
    camera.start()
    begun_ns = time.monotonic_ns()
    samples = read_until(camera, lambda s: len(s) == 20)
    assert camera.read(0.2) == [], "a file ends"
    camera.close()
    assert numbers(samples) == list(range(20))
    assert [s.seq for s in samples] == list(range(20))
    steps = np.diff([s.t_ns for s in samples])
    np.testing.assert_allclose(steps, 1e9 / 30.0, atol=2e6)
    assert abs(samples[0].t_ns + 7_000_000 - begun_ns) < LONG_S * 1e9
    assert all(s.t_arrival_ns >= s.t_ns + 7_000_000 for s in samples)
    assert {s.t_device_ns for s in samples} == {NO_STAMP}


def test_a_camera_may_send_h264(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", range(20))
    camera = VideoCamera(SPEC, VideoSource(str(tmp_path / "film.mp4"), encoding=Encoding("h264", crf=10, mbit_s=4.0)))
    camera.start()
    samples = read_until(camera, lambda s: len(s) == 20)
    camera.close()
    video = Video.of([bytes(s.data) for s in samples])
    assert np.flatnonzero(video.keyframe).tolist() == [0, 15]
    assert [picture_number(image) for image in video.pictures(range(20))] == list(range(20))


def test_a_file_can_begin_anew(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", range(5))
    camera = VideoCamera(SPEC, VideoSource(str(tmp_path / "film.mp4"), loop=True))
    camera.start()
    samples = read_until(camera, lambda s: len(s) >= 12)
    camera.close()
    assert numbers(samples)[:12] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    assert (np.diff([s.seq for s in samples]) >= 1).all()
    assert (np.diff([s.t_ns for s in samples]) > 0).all()


def test_a_network_cameras_jpegs_are_passed_on_untouched() -> None:
    with MjpegServer() as server:
        camera = VideoCamera(SPEC, VideoSource(server.url, format="mpjpeg"))
        camera.start()
        samples = read_until(camera, lambda s: len(s) >= 10)
        camera.close()
    assert camera.clock == "push"
    sent = [s.data for s in samples]
    first = server.sent.index(sent[0]) if isinstance(sent[0], bytes) else -1
    assert sent == server.sent[first : first + len(sent)]
    assert all(s.t_ns == s.t_arrival_ns <= time.monotonic_ns() for s in samples)
    assert (np.diff([s.seq for s in samples]) == 1).all()


def test_a_lost_camera_is_opened_again() -> None:
    with MjpegServer() as server:
        camera = VideoCamera(SPEC, VideoSource(server.url, format="mpjpeg", timeout_s=1.0))
        camera.start()
        before = read_until(camera, lambda s: len(s) >= 5)
        server.cut()
        last = before[-1].seq
        after = read_until(camera, lambda s: any(b.seq - a.seq > 1 for a, b in zip([*before[-1:], *s], s, strict=False)))
        camera.close()
    assert after[-1].seq > last
    assert [s.seq for s in after] == sorted({s.seq for s in after})


def test_a_killed_process_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    with MjpegServer() as server:
        camera = VideoCamera(SPEC, VideoSource(server.url, format="mpjpeg"))
        camera.start()
        read_until(camera, lambda s: len(s) >= 3)
        pid = camera.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        read_until(camera, lambda s: len(s) >= 3 and camera.pid != pid)
        camera.close()
    assert "started again" in caplog.text


def test_the_process_ends_with_its_device(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", range(200))
    camera = VideoCamera(SPEC, VideoSource(str(tmp_path / "film.mp4")))
    camera.start()
    pid = camera.pid
    camera.close()
    camera.close()
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(DeviceError, match="after close"):
        camera.read(0.0)


def test_the_laws_of_devices(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", range(60))
    camera = VideoCamera(SPEC, VideoSource(str(tmp_path / "film.mp4"), loop=True))
    check_device(camera, lambda: time.sleep(0.05), rounds=10)
    with MjpegServer() as server:
        check_device(VideoCamera(SPEC, VideoSource(server.url, format="mpjpeg")), lambda: time.sleep(0.05), rounds=10)


def test_pictures_of_another_size_are_refused_or_scaled(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", range(5), width=128, height=96)
    with pytest.raises(DeviceError, match="pictures are 128x96, the schema says 64x48"):
        VideoCamera(SPEC, VideoSource(str(tmp_path / "film.mp4"))).start()
    camera = VideoCamera(SPEC, VideoSource(str(tmp_path / "film.mp4"), scale=True))
    camera.start()
    samples = read_until(camera, lambda s: len(s) == 5)
    camera.close()
    assert numbers(samples) == list(range(5))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("/dev/video99", "No such file"),
        ("rtsp://127.0.0.1:9/x", "refused"),
        ("http://127.0.0.1:9/", "refused"),
        ("none.mp4", "No such"),
    ],
)
def test_a_camera_that_is_not_there_is_said_to_be_so(url: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        VideoCamera(SPEC, VideoSource(url)).start()


def test_a_file_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no film" * 100)
    with pytest.raises(DeviceError, match="mend its address"):
        VideoCamera(SPEC, VideoSource(str(tmp_path / "film.mp4"))).start()


def test_frames_missing_between_stamps_are_counted() -> None:
    counter = Counter(30.0)
    stamps = [0, 33, 67, 167, 200]
    assert [counter.next(t * 1_000_000) for t in stamps] == [0, 1, 2, 5, 6]
    counter.lost()
    assert [counter.next(t) for t in (5, None, None)] == [8, 9, 10]


def test_wrong_sources_are_refused() -> None:
    with pytest.raises(DeviceError, match="url is empty"):
        VideoSource("")
    with pytest.raises(DeviceError, match="stamp=arrival"):
        VideoSource("rtsp://camera/1", stamp="capture")
    with pytest.raises(DeviceError, match="holds no images"):
        VideoCamera(StreamSpec(name="x", group="observations", shape=(3,)), VideoSource("a.mp4"))


def test_the_plugin_opens_a_camera_of_the_schema() -> None:
    robot = load_robot("unitree_h1")
    schema = default_schema(robot, "x")
    config: dict[str, str | float | bool] = {
        "url": "/dev/video2",
        "stream": "debug/external_1",
        "stamp": "capture",
        "option.input_format": "mjpeg",
        "exposure_s": 0.008,
    }
    (camera,) = PLUGIN.open(config, robot, schema)
    assert isinstance(camera, VideoCamera)
    assert (camera.name, camera.clock, camera.streams) == ("cam_external_1", "host", (schema.stream("debug/external_1"),))
    assert camera.source.options == {"input_format": "mjpeg"}
    assert camera.source.midpoint_ns == 4_000_000
    with pytest.raises(UnknownNameError, match="external_1"):
        PLUGIN.open({"url": "a.mp4", "stream": "debug/externl_1"}, robot, schema)
    with pytest.raises(DeviceError, match="no setting 'urll'"):
        PLUGIN.open({"urll": "a.mp4"}, robot, schema)
