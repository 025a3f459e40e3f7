"""Videos hold exactly the images that were given, in order, red where red was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.errors import ExportError, MissingDependencyError
from understudy.export._video import VideoSettings, VideoWriter, read_video
from understudy.testing.export import picture


def write(path: Path, frames: int, *, fps: int = 50, width: int = 64, height: int = 48) -> None:
    video = VideoWriter(path, width=width, height=height, fps=fps, settings=VideoSettings())
    for step in range(frames):
        video.write(picture(step, width=width, height=height))
    video.close()


@pytest.mark.parametrize("fps", [24, 30, 50, 60, 100])
@pytest.mark.parametrize("frames", [1, 2, 3, 31])
def test_every_image_at_its_time(tmp_path: Path, fps: int, frames: int) -> None:
    write(tmp_path / "v.mp4", frames, fps=fps)
    times = [t for t, _ in read_video(tmp_path / "v.mp4")]
    np.testing.assert_allclose(times, np.arange(frames) / fps, atol=1e-9)


def test_images_come_back_in_order_and_in_their_colours(tmp_path: Path) -> None:
    write(tmp_path / "v.mp4", 10)
    for step, (_, image) in enumerate(read_video(tmp_path / "v.mp4")):
        source = picture(step, width=64, height=48).astype(float)
        off = [np.abs(image - picture(k, width=64, height=48).astype(float)).mean() for k in range(10)]
        assert int(np.argmin(off)) == step
        assert np.abs(image.mean(axis=(0, 1)) - source.mean(axis=(0, 1))).max() < 5.0  # of 255; blue is far from red


def test_an_image_may_stand_for_several_frames(tmp_path: Path) -> None:
    video = VideoWriter(tmp_path / "v.mp4", width=64, height=48, fps=50, settings=VideoSettings())
    video.write(picture(0, width=64, height=48), times=3)
    video.write(picture(9, width=64, height=48), times=2)
    video.close()
    images = [image.astype(float) for _, image in read_video(tmp_path / "v.mp4")]
    assert len(images) == 5
    assert np.abs(images[0] - images[2]).mean() < 2.0 < np.abs(images[2] - images[3]).mean()


def test_an_odd_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="even"):
        VideoWriter(tmp_path / "v.mp4", width=65, height=48, fps=50, settings=VideoSettings())


def test_a_change_of_size_is_refused(tmp_path: Path) -> None:
    video = VideoWriter(tmp_path / "v.mp4", width=64, height=48, fps=50, settings=VideoSettings())
    video.write(picture(0, width=64, height=48))
    with pytest.raises(ExportError, match="one size"):
        video.write(picture(1, width=32, height=48))
    video.abandon()


def test_an_encoder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match="libnothing"):
        VideoWriter(tmp_path / "v.mp4", width=64, height=48, fps=50, settings=VideoSettings(codec="libnothing"))


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"not a video")
    with pytest.raises(ExportError, match=r"v\.mp4"):
        list(read_video(tmp_path / "v.mp4"))
