"""Damaged calibrations, keypoints and sessions are refused with our own errors, or read; nothing else happens."""

from __future__ import annotations

import contextlib
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from understudy.errors import MocapError
from understudy.mocap._calibration import read_calibration
from understudy.mocap._keypoint_names import SCHEMES
from understudy.mocap._keypoints import read_keypoints
from understudy.mocap._opencv_yaml import parse_yaml
from understudy.mocap.markerless import triangulate_session
from understudy.simulate.walker import walk
from understudy.testing.cameras import camera_ring, keypoints_of, seen_by, write_take

FUZZ = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CAMERAS = camera_ring(2, centre_m=(0.0, 0.0, 1.0))
MATRIX = "K: !!opencv-matrix\n      rows: 3\n      cols: 3\n      dt: d\n      data: [ 1000., 0., 5., 0., 1000., 5., 0., 0., 1. ]"
YAML = (
    f"%YAML:1.0\n---\nnames: [ a, b ]\na:\n   {MATRIX}\n   rvec: [ 0.1, 0.2, 0.3 ]\n"
    "   tvec:\n      - 1.\n      - 2.\n      - 3.\n"
)
JSON = json.dumps(
    {"a": {"K": np.diag([9.0, 9.0, 1.0]).tolist(), "dist": [0.1] * 5, "R": [0.1, 0.2, 0.3], "T": [1, 2, 3], "size": [9, 9]}}
)
TOML = (
    '[cam_01]\nname = "a"\nsize = [9, 9]\nmatrix = [[9, 0, 5], [0, 9, 5], [0, 0, 1]]\nrotation = [0, 0, 1]\n'
    "translation = [1, 2, 3]\n"
)
QCA = (
    '<calibration><cameras><camera active="1" serial="a"><fov_video left="0" top="0" right="9" bottom="9"/>'
    '<transform x="1" y="2" z="3" r11="1" r12="0" r13="0" r21="0" r22="1" r23="0" r31="0" r32="0" r33="1"/>'
    '<intrinsic focalLengthU="640" focalLengthV="640" centerPointU="64" centerPointV="64"/></camera></cameras></calibration>'
)
PERSON = json.dumps({"people": [{"pose_keypoints_2d": [v for i in range(25) for v in (10.0 * i, 300.0, 0.9)]}]})
MARKS = json.dumps({"rate_hz": 60, "size_px": [640, 480], "frames": [[{"x": 0.5, "y": 0.25, "visibility": 0.9}] * 33] * 2})

_JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["K", "R", "T", "dist", "people", "frames", "x", "data", "rows"]), inner)
    ),
    max_leaves=12,
)


def _own_errors_only(read: Callable[[Path], object], path: Path, named: str = "") -> None:
    """The file is read, or refused with an error that names it."""
    said = str(path)
    with contextlib.suppress(MocapError):
        try:
            read(path)
        except MocapError as error:
            said = str(error)
            raise
    assert (named or str(path)) in said


def _spoiled(text: str, data: st.DataObject) -> bytes:
    """The text with bytes overwritten, cut out, doubled or cut off."""
    out = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(out) - 1, 0)))
        match data.draw(st.sampled_from(["set", "cut", "double", "end"])):
            case "set":
                out[at : at + 1] = data.draw(st.binary(min_size=1, max_size=3))
            case "cut":
                del out[at : at + data.draw(st.integers(1, 12))]
            case "double":
                out[at:at] = out[at : at + data.draw(st.integers(1, 12))]
            case _:
                del out[at:]
    return bytes(out)


@FUZZ
@given(sample=st.sampled_from([("a.yml", YAML), ("a.json", JSON), ("a.toml", TOML), ("a.qca.txt", QCA)]), data=st.data())
def test_calibrations(sample: tuple[str, str], data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / sample[0]
    path.write_text(sample[1])
    assert read_calibration(path).cameras[0].name == "a"
    path.write_bytes(_spoiled(sample[1], data))
    _own_errors_only(read_calibration, path)


@FUZZ
@given(value=_JSON_VALUES, name=st.sampled_from(["a.json", "keypoints.json"]))
def test_any_json(value: object, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(json.dumps(value))
    _own_errors_only(read_calibration, path)
    _own_errors_only(read_keypoints, path)


@FUZZ
@given(st.text(alphabet=" -:[]{}\n\t\"'#!&*|>%.,ab1", max_size=60))
def test_any_yaml(text: str) -> None:
    with contextlib.suppress(MocapError):
        assert isinstance(parse_yaml(text), dict)


@FUZZ
@given(st.sampled_from(["folder", "marks"]), st.data())
def test_keypoints(kind: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "json"
        folder.mkdir()
        file = folder / ("walk_000000000003_keypoints.json" if kind == "folder" else "marks.json")
        path = folder if kind == "folder" else file
        text = PERSON if kind == "folder" else MARKS
        file.write_text(text)
        assert len(read_keypoints(path).names) in (25, 33)
        file.write_bytes(_spoiled(text, data))
        _own_errors_only(read_keypoints, path, str(folder))


@FUZZ
@given(data=st.data())
def test_sessions(data: st.DataObject, tmp_path: Path) -> None:
    if not (path := tmp_path / "session.toml").exists():
        px, confidence = seen_by(CAMERAS, keypoints_of(walk(2.0, rate_hz=10.0)), noise_px=0.5, outliers=0.0)
        path = write_take(tmp_path, CAMERAS, px[:, :8], confidence[:, :8], rate_hz=10.0)
        (tmp_path / "whole").write_bytes(path.read_bytes())
        triangulate_session(path)
    path.write_bytes(_spoiled((tmp_path / "whole").read_text(), data))
    _own_errors_only(triangulate_session, path)


@pytest.mark.parametrize("name", ["cameras.npz", "cam01.npz"])
def test_damaged_archives(name: str, tmp_path: Path) -> None:
    px, confidence = seen_by(CAMERAS, keypoints_of(walk(2.0, rate_hz=10.0)), outliers=0.0)
    path = write_take(tmp_path, CAMERAS, px, confidence, rate_hz=10.0)
    data = (tmp_path / name).read_bytes()
    rng = np.random.default_rng(0)
    for i in range(40):
        spoiled = bytearray(data[: int(rng.integers(0, len(data)))] if i % 4 == 0 else data)
        for at in rng.integers(0, max(len(spoiled), 1), 6):
            spoiled[at : at + 1] = bytes([int(rng.integers(0, 256))])
        (tmp_path / name).write_bytes(spoiled)
        _own_errors_only(triangulate_session, path)


def _bomb(path: Path, names: tuple[str, ...], shape: tuple[int, ...]) -> None:
    """Arrays that say they are enormous and hold nothing."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
                file.write(bytes(1000))


def test_archives_that_claim_to_be_huge_are_refused(tmp_path: Path) -> None:
    _bomb(tmp_path / "cam.npz", ("px", "confidence"), (10**9, 33, 2))
    with pytest.raises(MocapError, match=r"cam\.npz"):
        read_keypoints(tmp_path / "cam.npz")
    _bomb(tmp_path / "rig.npz", ("K_a", "R_a", "T_a"), (10**9, 3, 3))
    with pytest.raises(MocapError, match=r"rig\.npz"):
        read_calibration(tmp_path / "rig.npz")


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "cam.npz", px=np.array([{"a": 1}], dtype=object), confidence=np.zeros((1, 33)))
    with pytest.raises(MocapError, match="Python objects"):
        read_keypoints(tmp_path / "cam.npz")


def test_frames_that_are_not_numbered_one_by_one_are_refused(tmp_path: Path) -> None:
    for number in (0, 10**9):
        (tmp_path / f"a_{number:012d}_keypoints.json").write_text(PERSON)
    with pytest.raises(MocapError, match="not numbered one by one"):
        read_keypoints(tmp_path)


def test_keypoints_of_other_scales_are_told_apart(tmp_path: Path) -> None:
    count = len(SCHEMES["mediapipe"])
    np.savez(tmp_path / "parts.npz", px=np.full((4, count, 2), 0.5), confidence=np.ones((4, count)))
    with pytest.raises(MocapError, match="between 0 and 2; pixels are needed"):
        read_keypoints(tmp_path / "parts.npz")
    (tmp_path / "marks.json").write_text(MARKS.replace("0.5", "320.5"))
    with pytest.raises(MocapError, match='"pixels": true'):
        read_keypoints(tmp_path / "marks.json")
