"""MediaPipe itself over a real video; needs the environment of `make env-mediapipe`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from understudy.errors import MissingDependencyError
from understudy.mocap._keypoints import read_keypoints
from understudy.pipeline.markerless import mediapipe_python, prepare_session

pytestmark = pytest.mark.interop


def test_a_person_is_detected_in_a_real_video(samples: Path, tmp_path: Path) -> None:
    try:
        mediapipe_python()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    video = samples / "video" / "cam01.mp4"
    calibration = samples / "video" / "calibration" / "Calib.qca.txt"
    told: list[tuple[int, int]] = []
    prepare_session([video], calibration, tmp_path / "out", advance=lambda _, done, total: told.append((done, total)))
    found = read_keypoints(tmp_path / "out" / "cam01.npz")
    assert found.rate_hz == pytest.approx(60.0)
    assert found.size_px == (1080, 1920)
    assert len(told) > 5
    assert float(np.isfinite(found.px).all(axis=(1, 2)).mean()) > 0.95
    nose, ankle = (found.px[:, found.names.index(name), 1] for name in ("nose", "left_ankle"))
    assert float(np.median(ankle - nose)) > 300.0
