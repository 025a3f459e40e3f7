"""An episode whose camera is H.264 goes wherever one with JPEG files goes: exports, the viewer, synchronization, the page."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from mcap.reader import make_reader

from understudy.apps.web.dashboard.pictures import Pictures
from understudy.devices._encoder import Encoding, PictureEncoder
from understudy.errors import ExportError, SyncError
from understudy.export._features import export_grid, picture_runs, plan_cameras
from understudy.export.lerobot import LeRobotExporter
from understudy.export.mcap import McapExporter
from understudy.geom.arrays import U8
from understudy.pipeline.sync import usable
from understudy.pipeline.sync_images import small_greys, video_greys
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.protocols import Exporter, ExportOptions
from understudy.spec.video import Kept, Video
from understudy.testing.episodes import make_episode, with_stream
from understudy.testing.export import picture, with_camera
from understudy.testing.stand_in import stand_in_robot

CAMERA, WIDTH, HEIGHT = "observations/head_left", 64, 48


def with_video(episode: Episode) -> Episode:
    """The episode of `with_camera`, its camera encoded as H.264."""
    stream = with_camera(episode, width=WIDTH, height=HEIGHT).stream(CAMERA)
    encoder = PictureEncoder(Encoding("h264", crf=10, mbit_s=5.0), WIDTH, HEIGHT, 30.0)
    packets = [encoder.encode(filmed(step)) for step in range(len(stream))]
    return with_stream(episode, replace(stream, values=Video.of(packets, CAMERA)))


def filmed(step: int) -> U8:
    return np.asarray(picture(step, width=WIDTH, height=HEIGHT), dtype=np.uint8)


@pytest.fixture(scope="module")
def episode() -> Episode:
    return with_video(make_episode(stand_in_robot(), duration_s=1.5))


def off(a: U8, b: U8) -> float:
    return float(np.abs(a.astype(float) - b).mean())


def test_each_frame_of_a_training_set_shows_what_was_filmed(episode: Episode) -> None:
    (camera,) = plan_cameras(default_schema(stand_in_robot(), "x"), set(episode.streams), None)
    grid = export_grid(episode, 50.0)
    stream, at = episode.stream(CAMERA), 0
    for shown, times in picture_runs(episode, camera, grid):
        index = int(stream.index_at(grid[at : at + 1])[0])
        assert off(shown, filmed(index)) < 6.0
        at += times
    assert at == len(grid)


def export(exporter: Exporter, episode: Episode, out: Path) -> list[str]:
    """What is found in an export when it is held against its episode."""
    robot = stand_in_robot()
    schema = default_schema(robot, "test")
    exporter.export([episode], out, robot=robot, schema=schema, options=ExportOptions(), progress=lambda done, total: None)
    return [finding.message for finding in exporter.validate(out, {episode.id: episode}, robot=robot)]


def test_a_training_set_holds_against_its_episode(episode: Episode, tmp_path: Path) -> None:
    assert export(LeRobotExporter(), episode, tmp_path / "out") == []


def test_mcap_files_have_jpeg_files_of_the_pictures(episode: Episode, tmp_path: Path) -> None:
    assert export(McapExporter(), episode, tmp_path / "out") == []
    with (tmp_path / "out" / "episodes" / f"{episode.id}.mcap").open("rb") as file:
        found = [json.loads(m.data) for _, c, m in make_reader(file).iter_messages() if c.topic == f"/{CAMERA}"]
    assert len(found) == len(episode.stream(CAMERA))
    for step, message in enumerate(found):
        assert message["format"] == "jpeg"
        assert off(simplejpeg.decode_jpeg(base64.b64decode(message["data"])), filmed(step)) < 8.0


def test_a_damaged_packet_ends_an_export_with_a_word(episode: Episode, tmp_path: Path) -> None:
    video = episode.stream(CAMERA).video
    assert video is not None
    packets = list(video.packets.span(0, len(video)))
    packets[20] = packets[20][:-3] + b"\1\2\3"
    broken = with_stream(episode, replace(episode.stream(CAMERA), values=replace(video, packets=Kept(packets))))
    with pytest.raises(ExportError, match="image 20 cannot be decoded"):
        export(LeRobotExporter(), broken, tmp_path / "out")


def test_motion_is_read_from_it_as_from_jpeg_files(episode: Episode) -> None:
    stream = episode.stream(CAMERA)
    assert stream.video is not None
    assert usable(stream).all()
    assert stream.video is not None  # looked at without decoding all of it
    greys = video_greys(stream.video, range(10, 20))
    jpegs = small_greys([simplejpeg.encode_jpeg(filmed(k), quality=95) for k in range(10, 20)], where="x")
    assert greys.shape == jpegs.shape
    assert off(greys, jpegs) < 16.0  # limited range of brightness
    assert np.corrcoef(greys.ravel(), jpegs.ravel())[0, 1] > 0.99
    assert video_greys(stream.video, []).shape[0] == 0
    broken = replace(stream.video, crc32=np.zeros(len(stream), dtype=np.uint32))
    with pytest.raises(SyncError, match="cannot be decoded"):
        video_greys(broken, [3])


def test_a_stream_that_is_cut_anywhere_is_images_again(episode: Episode) -> None:
    stream = episode.stream(CAMERA)
    cut = stream.with_values(stream.data[7:20], stream.t_ns[7:20])
    assert cut.video is None
    assert off(next(cut.pictures([0])), filmed(7)) < 8.0


def test_the_viewer_gets_the_packets(tmp_path: Path) -> None:
    pytest.importorskip("rerun.chunk", reason="reading recordings back needs rerun 0.41 or newer")
    from understudy.apps.cli._rerun import log_episode, to_file
    from understudy.kinematics.load import load_robot
    from understudy.testing.episodes import make_squat_episode

    robot = load_robot("unitree_g1")
    episode = with_video(make_squat_episode(robot, duration_s=0.5))
    with to_file(tmp_path / "x.rrd") as out:
        log_episode(episode, robot, out, lambda done, total: None)
    content = (tmp_path / "x.rrd").read_bytes()
    assert b"VideoStream" in content
    assert b"EncodedImage" not in content


@pytest.mark.parametrize("codec", ["jpeg", "h264"])
def test_the_page_shows_a_jpeg_of_either(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = PictureEncoder(Encoding("h264" if codec == "h264" else "jpeg"), WIDTH, HEIGHT, 30.0).encode(filmed(3))

    class Asked:
        def __init__(self, *_: object, **__: object) -> None: ...

        def ask(self, command: str, given: object) -> dict[str, object]:
            return {"ok": True, "image": image}

        def close(self) -> None: ...

    monkeypatch.setattr("understudy.apps.web.dashboard.pictures.Commander", Asked)
    pictures = Pictures(None, [CAMERA])  # type: ignore[arg-type]
    assert off(simplejpeg.decode_jpeg(pictures.newest(CAMERA)), filmed(3)) < 12.0
    pictures.close()
