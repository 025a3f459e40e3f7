"""`understudy markerless`: videos in, a session out that reads as a clip. A stand-in takes the place of MediaPipe's Python."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from understudy.apps.cli._main import main
from understudy.mocap.read import read_motion
from understudy.simulate.walker import walk
from understudy.testing.cameras import SIZE_PX, camera_ring, keypoints_of, seen_by, write_take

WALK = walk(3.0, rate_hz=30.0)

_STAND_IN = """#!{python}
import shutil, sys
import numpy as np
video, out, sha256 = sys.argv[2:5]
text = open(video).read()
if text.startswith("broken"):
    print("cannot decode this", file=sys.stderr)
    sys.exit(3)
found = dict(np.load(text.split()[0]))
print("frame 5 10", flush=True)
np.savez(out + ".npz", **found, video_sha256=sha256)
shutil.move(out + ".npz", out)
with open({log!r}, "a") as log:
    log.write(video + "\\n")
"""


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three videos, their calibration, and an environment whose Python knows what is in them."""
    middle = WALK.joint_pos_world_m.mean(axis=(0, 1))
    cameras = camera_ring(3, centre_m=(float(middle[0]), float(middle[1]), 1.0))
    px, confidence = seen_by(cameras, keypoints_of(WALK), outliers=0.0)
    write_take(tmp_path, cameras, px, confidence, rate_hz=30.0)
    for camera in cameras:
        truth = tmp_path / f"truth_{camera.name}.npz"
        found = dict(np.load(tmp_path / f"{camera.name}.npz"))
        np.savez(truth, allow_pickle=False, **(found | {"size_px": np.array(SIZE_PX)}))
        (tmp_path / f"{camera.name}.mp4").write_text(f"{truth} pretends to be a video")
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(_STAND_IN.format(python=sys.executable, log=str(tmp_path / "log")))
    python.chmod(0o755)
    monkeypatch.setenv("ENV_MEDIAPIPE", str(python.parents[1]))
    return tmp_path


def _command(studio: Path, *videos: str, more: tuple[str, ...] = ()) -> int:
    named = [str(studio / name) for name in videos]
    return main(["markerless", *named, "--calibration", str(studio / "cameras.npz"), "--out", str(studio / "walk01"), *more])


def test_videos_become_a_clip(studio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _command(studio, "cam01.mp4", "cam02.mp4", "cam03.mp4") == 0
    said = capsys.readouterr().out
    assert "cam02" in said
    assert "understudy build" in said
    motion = read_motion(studio / "walk01" / "walk01.toml")
    assert len(motion) == len(WALK)
    error = np.linalg.norm(motion.joint_pos_world_m - WALK.joint_pos_world_m, axis=2)
    assert float(error.mean()) < 0.02
    assert len((studio / "log").read_text().split()) == 3


def test_a_second_run_detects_only_what_changed(studio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    videos = ("cam01.mp4", "cam02.mp4", "cam03.mp4")
    assert _command(studio, *videos) == 0
    video = studio / "cam02.mp4"
    video.write_text(video.read_text() + ", edited")
    capsys.readouterr()
    assert _command(studio, *videos, more=("--json",)) == 0
    assert (studio / "log").read_text().split("\n")[3:-1] == [str(video)]
    report = json.loads(capsys.readouterr().out)
    assert report["frames"] == len(WALK)
    assert [v["camera"] for v in report["views"]] == ["cam01", "cam02", "cam03"]


def test_one_camera_is_detected_and_then_refused(studio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _command(studio, "cam01.mp4") == 3
    assert "only one camera (cam01)" in capsys.readouterr().err
    assert (studio / "walk01" / "cam01.npz").is_file()


def test_without_the_environment_the_error_says_how_to_make_it(
    studio: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENV_MEDIAPIPE", str(studio / "nowhere"))
    assert _command(studio, "cam01.mp4", "cam02.mp4") == 3
    said = capsys.readouterr().err
    assert "make env-mediapipe" in said
    assert "ENV_MEDIAPIPE" in said


def test_a_video_that_cannot_be_decoded_leaves_nothing_behind(studio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (studio / "cam02.mp4").write_text("broken")
    assert _command(studio, "cam01.mp4", "cam02.mp4") == 3
    assert "cannot decode this" in capsys.readouterr().err
    assert sorted(p.name for p in (studio / "walk01").iterdir()) == ["cam01.npz"]


def test_videos_are_given_their_cameras(studio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (studio / "cam02.mp4").rename(studio / "left.mp4")
    assert _command(studio, "cam01.mp4", "left.mp4") == 3
    assert "no camera 'left'" in capsys.readouterr().err
    assert _command(studio, "cam01.mp4", "left.mp4", more=("--cameras", "cam01", "cam02", "--offsets", "0", "0.01")) == 0
    assert "offset_s = 0.01" in (studio / "walk01" / "walk01.toml").read_text()
    assert _command(studio, "cam01.mp4", "cam01.mp4") == 3
    assert "two videos are of camera 'cam01'" in capsys.readouterr().err
    assert _command(studio, "nothing.mp4", "cam01.mp4") == 3
    assert "no such video" in capsys.readouterr().err
