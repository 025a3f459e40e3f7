"""Hands of a markerless take: triangulated from generated cameras, in every layout, with what cameras do wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._cameras import Camera
from understudy.mocap._keypoint_names import HANDS
from understudy.mocap._keypoints import read_keypoints
from understudy.mocap.markerless import Markerless
from understudy.retarget.fingers import palm_coordinates
from understudy.simulate.walker import walk
from understudy.spec.skeleton import SIDES, HumanMotion
from understudy.testing.cameras import camera_ring, hand_keypoints_of, keypoints_of, seen_by, write_take
from understudy.testing.hands import hand_in, with_hands


@pytest.fixture(scope="module")
def gripping() -> HumanMotion:
    """A walk whose left hand closes from flat to a fist and whose right is half closed, the thumbs forward."""
    motion = walk(2.0, rate_hz=30.0)
    share = np.linspace(0.0, 1.0, len(motion))[:, None, None]
    left = (1.0 - share) * hand_in("flat") + share * hand_in("half")
    right = np.tile(hand_in("half"), (len(motion), 1, 1))
    return with_hands(motion, np.stack([left, right], axis=1), np.broadcast_to([1.0, 0.0, 0.0], (len(motion), 2, 3)))


def _cameras(motion: HumanMotion) -> tuple[Camera, ...]:
    middle = motion.joint_pos_world_m.mean(axis=(0, 1))
    return camera_ring(6, centre_m=(float(middle[0]), float(middle[1]), 1.0))


def _seen(motion: HumanMotion, scheme: str, noise_px: float) -> tuple[F64, F64]:
    """Pixels and confidences of the body's keypoints and the hands'."""
    points = np.concatenate([keypoints_of(motion, scheme), hand_keypoints_of(motion)], axis=1)
    return seen_by(_cameras(motion), points, noise_px=noise_px, outliers=0.0)


def _take(motion: HumanMotion, folder: Path, noise_px: float) -> Path:
    return write_take(folder, _cameras(motion), *_seen(motion, "mediapipe", noise_px), rate_hz=30.0)


@pytest.mark.parametrize(("noise_px", "most_m"), [(0.0, 0.004), (1.0, 0.012)])
def test_fingers_of_six_cameras(noise_px: float, most_m: float, gripping: HumanMotion, tmp_path: Path) -> None:
    found = Markerless().read(_take(gripping, tmp_path, noise_px))
    assert found.hand_pos_world_m is not None
    assert found.hand_radial_world is not None
    assert gripping.hand_pos_world_m is not None
    for i, side in enumerate(SIDES):
        got, asked = (m[: len(found), i] - m[: len(found), i, :1] for m in (found.hand_pos_world_m, gripping.hand_pos_world_m))
        assert np.linalg.norm(got - asked, axis=2).mean() < most_m
        assert found.hand_pos_world_m[:, i, 0] == pytest.approx(found.joint(f"{side}_wrist"))
        closing = palm_coordinates(found.hand_pos_world_m[:, i], side)[[2, -3], 12, 2]
        assert closing[1] > 0.03
    thumbs = np.sum(found.hand_radial_world * [1.0, 0.0, 0.0], axis=2)
    assert np.median(thumbs) > 0.8


def test_hands_that_nobody_detected(tmp_path: Path) -> None:
    assert Markerless().read(_take(walk(1.0, rate_hz=30.0), tmp_path, 0.0)).hand_pos_world_m is None


def test_openpose_and_mediapipe_files_are_the_npz(gripping: HumanMotion, tmp_path: Path) -> None:
    px, confidence = _seen(gripping, "body_25", 0.0)
    flat = np.nan_to_num(np.concatenate([px[0], confidence[0][..., None]], axis=2))
    folder = tmp_path / "cam01"
    folder.mkdir()
    for i, frame in enumerate(flat):
        person = {
            "pose_keypoints_2d": frame[:25].ravel().tolist(),
            "hand_left_keypoints_2d": frame[25:46].ravel().tolist(),
            "hand_right_keypoints_2d": frame[46:].ravel().tolist() if i else [],
        }
        (folder / f"a_{i:012d}_keypoints.json").write_text(json.dumps({"people": [person]}))
    np.savez(tmp_path / "a.npz", px=px[0], confidence=confidence[0], model="body_25")
    a, b = read_keypoints(folder), read_keypoints(tmp_path / "a.npz")
    assert a.names == b.names
    assert a.names[25:] == HANDS
    np.testing.assert_allclose(a.px[1:], b.px[1:])
    assert not a.confidence[0, 46:].any()

    def marks(rows: F64) -> list[dict[str, float]]:
        return [{"x": x, "y": y, "visibility": c} for x, y, c in rows.tolist()]

    frames = [
        {"landmarks": marks(f[:25]), "left_hand_landmarks": marks(f[25:46]), "right_hand_landmarks": marks(f[46:])} for f in flat
    ]
    (tmp_path / "a.json").write_text(json.dumps({"pixels": True, "frames": frames}))
    c = read_keypoints(tmp_path / "a.json")
    assert c.names == b.names
    np.testing.assert_allclose(c.px, b.px)


@pytest.mark.parametrize("count", [20, 22])
def test_a_hand_of_another_size_is_refused(count: int, tmp_path: Path) -> None:
    person = {"pose_keypoints_2d": [1.0, 300.0, 0.9] * 25, "hand_left_keypoints_2d": [5.0, 300.0, 0.9] * count}
    (tmp_path / "a_000000000000_keypoints.json").write_text(json.dumps({"people": [person]}))
    with pytest.raises(MocapError, match="hand_left_keypoints_2d has"):
        read_keypoints(tmp_path)
    frame = {"landmarks": [{"x": 0.5, "y": 0.5}] * 33, "left_hand_landmarks": [{"x": 0.5, "y": 0.5}] * count}
    (tmp_path / "b.json").write_text(json.dumps({"frames": [frame]}))
    with pytest.raises(MocapError, match="left_hand_landmarks has"):
        read_keypoints(tmp_path / "b.json")
