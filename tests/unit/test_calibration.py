"""One rig of cameras through every calibration format, and files that are not what they should be."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from understudy.errors import MocapError
from understudy.geom.arrays import F64, AnyArray
from understudy.mocap._calibration import Calibration, read_calibration
from understudy.mocap._cameras import Camera
from understudy.testing.cameras import camera_ring

RIG = camera_ring(3, centre_m=(1.0, 0.5, 1.0))


def _rotvec(camera: Camera) -> F64:
    return np.asarray(Rotation.from_matrix(camera.R_camera_world).as_rotvec())


def _matrix_yaml(name: str, values: F64, indent: str = "   ") -> str:
    rows, cols = values.shape if values.ndim == 2 else (values.size, 1)
    data = [f"{v!r}" for v in values.ravel().tolist()]
    half = len(data) // 2
    lines = ", ".join(data[:half]) + (",\n          " if half else "") + ", ".join(data[half:])
    inner = f"{indent}   "
    return f"{indent}{name}: !!opencv-matrix\n{inner}rows: {rows}\n{inner}cols: {cols}\n{inner}dt: d\n{inner}data: [ {lines} ]\n"


def _yaml(folder: Path) -> Path:
    text = "%YAML:1.0\n---\nnames:\n" + "".join(f'   - "{c.name}"\n' for c in RIG)
    for c in RIG:
        text += f"{c.name}:\n   image_width: 1920\n   image_height: 1080\n" + _matrix_yaml("camera_matrix", c.matrix_px)
        text += (
            _matrix_yaml("distortion_coefficients", c.distortion)
            + _matrix_yaml("rvec", _rotvec(c))
            + _matrix_yaml("tvec", c.t_camera)
        )
    return _written(folder / "cameras.yml", text)


def _easymocap(folder: Path) -> Path:
    names = "names:\n" + "".join(f'  - "{c.name}"\n' for c in RIG)
    intri = extri = "%YAML:1.0\n---\n"
    intri, extri = intri + names, extri + names
    for c in RIG:
        intri += _matrix_yaml(f"K_{c.name}", c.matrix_px, "") + _matrix_yaml(f"dist_{c.name}", c.distortion[None], "")
        intri += f"W_{c.name}: 1920\n"
        extri += _matrix_yaml(f"R_{c.name}", _rotvec(c), "") + _matrix_yaml(f"Rot_{c.name}", c.R_camera_world, "")
        extri += _matrix_yaml(f"T_{c.name}", c.t_camera, "")
    (folder / "rig").mkdir()
    _written(folder / "rig" / "intri.yml", intri)
    return _written(folder / "rig" / "extri.yml", extri).parent


def _opencv_json(values: F64) -> dict[str, object]:
    rows, cols = values.shape if values.ndim == 2 else (values.size, 1)
    return {"type_id": "opencv-matrix", "rows": rows, "cols": cols, "dt": "d", "data": values.ravel().tolist()}


def _as_map(c: Camera) -> dict[str, object]:
    return {
        "image_width": 1920,
        "image_height": 1080,
        "camera_matrix": _opencv_json(c.matrix_px),
        "distortion_coefficients": _opencv_json(c.distortion),
        "R": _opencv_json(c.R_camera_world),
        "T": _opencv_json(c.t_camera),
    }


def _json(folder: Path) -> Path:
    return _written(folder / "cameras.json", json.dumps({c.name: _as_map(c) for c in RIG}))


def _json_lists(folder: Path) -> Path:
    cameras = [
        {"name": c.name, "K": c.matrix_px.tolist(), "dist": c.distortion.tolist(), "rvec": _rotvec(c).tolist()}
        | {"tvec": c.t_camera.tolist(), "image_size": [1920, 1080]}
        for c in RIG
    ]
    return _written(folder / "cameras.json", json.dumps({"cameras": cameras}))


def _file_per_camera(folder: Path) -> Path:
    (folder / "rig").mkdir()
    for c in RIG:
        _written(folder / "rig" / f"{c.name}.json", json.dumps(_as_map(c)))
    return folder / "rig"


def _npz(folder: Path) -> Path:
    path = folder / "cameras.npz"
    stacked = {"K": [c.matrix_px for c in RIG], "dist": [c.distortion for c in RIG], "rvec": [_rotvec(c) for c in RIG]}
    stacked |= {"tvec": [c.t_camera for c in RIG], "size": [np.array(c.size_px) for c in RIG]}
    _save(path, {"names": np.array([c.name for c in RIG])} | {k: np.stack(v) for k, v in stacked.items()})
    return path


def _npz_flat(folder: Path) -> Path:
    path = folder / "cameras.npz"
    flat: dict[str, F64] = {}
    for c in RIG:
        flat |= {
            f"K_{c.name}": c.matrix_px,
            f"dist_{c.name}": c.distortion,
            f"R_{c.name}": c.R_camera_world,
            f"T_{c.name}": c.t_camera,
        }
    _save(path, flat)
    return path


def _pose2sim(folder: Path) -> Path:
    text = ""
    for i, c in enumerate(RIG, 1):
        text += f'[cam_{i:02d}]\nname = "{c.name}"\nsize = [ 1920.0, 1080.0]\nmatrix = {c.matrix_px.tolist()}\n'
        text += f"distortions = {c.distortion.tolist()}\nrotation = {_rotvec(c).tolist()}\ntranslation = {c.t_camera.tolist()}\n"
        text += "fisheye = false\n\n"
    return _written(folder / "Calib.toml", text + "[metadata]\nadjusted = false\nerror = 0.0\n")


def _qualisys(folder: Path, *, left: int = 100, top: int = 20) -> Path:
    text = "<?xml version='1.0' encoding='ASCII'?>\n<calibration type=\"regular\"><cameras>\n"
    for c in RIG:
        backwards = np.diag([1.0, -1.0, -1.0]) @ c.R_camera_world
        axes = " ".join(f'r{i + 1}{j + 1}="{float(backwards[i, j])!r}"' for i in range(3) for j in range(3))
        x, y, z = (1000.0 * c.centre).tolist()
        (fx, fy), (cx, cy) = c.focal_px.tolist(), c.matrix_px[:2, 2].tolist()
        k1, k2, p1, p2, k3 = c.distortion.tolist()
        text += f'<camera active="1" serial="{c.name}" model="none" viewrotation="0">'
        text += f'<fov_video left="{left}" top="{top}" right="{left + 1919}" bottom="{top + 1079}"/>'
        text += f'<transform x="{x!r}" y="{y!r}" z="{z!r}" {axes}/>'
        text += f'<intrinsic focalLengthU="{64 * fx!r}" focalLengthV="{64 * fy!r}" centerPointU="{64 * (cx + left)!r}" '
        text += f'centerPointV="{64 * (cy + top)!r}" skew="0.0" radialDistortion1="{k1!r}" radialDistortion2="{k2!r}" '
        text += f'radialDistortion3="{k3!r}" tangentalDistortion1="{p1!r}" tangentalDistortion2="{p2!r}"/></camera>\n'
    return _written(folder / "Calib.qca.txt", text + "</cameras></calibration>\n")


def _save(path: Path, arrays: Mapping[str, AnyArray]) -> None:
    np.savez(path, allow_pickle=False, **dict(arrays))


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


FORMATS: dict[Callable[[Path], Path], tuple[str, float | None]] = {
    _yaml: ("opencv", None),
    _easymocap: ("opencv", None),
    _json: ("opencv", None),
    _json_lists: ("opencv", None),
    _file_per_camera: ("opencv", None),
    _npz: ("opencv", None),
    _npz_flat: ("opencv", None),
    _pose2sim: ("pose2sim", 1.0),
    _qualisys: ("qualisys", 0.001),
}


@pytest.mark.parametrize("write", FORMATS, ids=lambda f: f.__name__)
def test_every_format_gives_the_same_cameras(write: Callable[[Path], Path], tmp_path: Path) -> None:
    found = read_calibration(write(tmp_path))
    assert (found.format, found.unit_m) == FORMATS[write]
    assert sorted(c.name for c in found.cameras) == [c.name for c in RIG]
    unit_m = found.unit_m or 1.0
    point_m = np.array([[1.2, 0.1, 0.3], [0.7, 0.9, 1.8]])
    for camera in RIG:
        read = found.camera(camera.name)
        np.testing.assert_allclose(unit_m * read.centre, camera.centre, atol=1e-9)
        np.testing.assert_allclose(read.project(point_m / unit_m), camera.project(point_m), atol=1e-6)
        assert read.size_px in (camera.size_px, None)


def test_a_real_qualisys_file(samples: Path) -> None:
    """Four cameras around a person on the floor: they stand at head height or above and look down at one place."""
    found = read_calibration(samples / "video" / "calibration" / "Calib.qca.txt")
    assert [c.name for c in found.cameras] == ["cam01", "cam02", "cam03", "cam04"]
    for camera in found.cameras:
        assert camera.size_px == (1088, 1920)
        assert 1500.0 < camera.centre[2] < 2500.0
        assert camera.R_camera_world[2, 2] < -0.2  # looks down
        assert camera.R_camera_world[1, 2] < -0.8  # the image's down is the world's
        feet, head = camera.project(np.array([[-1000.0, 0.0, 0.0], [-1000.0, 0.0, 1700.0]]))
        assert 0 < head[1] < feet[1] < 1920
        assert 0 < feet[0] < 1088


def _read(path: Path, text: str) -> Calibration:
    return read_calibration(_written(path, text))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yml", "", "empty"),
        ("a.yml", "just words", "line 1"),
        ("a.yml", "%YAML:1.0\n---\ncam: &anchor\n   K: 1", "line 3"),
        ("a.yml", "K: !!opencv-matrix\n   rows: 3\n   data: [ 1, 2", "line 3.*never closed"),
        ("a.yml", "camera_matrix: [1, 2, 3]\n", "3 x 3"),
        ("a.yml", "K: [[1000, 0, 5], [0, 1000, 5], [0, 0, 1]]\n", "camera a: no rotation"),
        ("a.json", "[1, 2]", "line 1"),
        ("a.json", '{"cam": {"K": 1}', "no JSON"),
        ("a.json", '{"wall": 5}', "no camera is in it"),
        ("a.toml", "[cam_01]\nfisheye = true", "fisheye"),
        ("a.toml", "cameras = 5", "no camera table"),
        ("a.qca.txt", "<calibration><cameras></cameras></calibration>", "no active camera"),
        ("a.qca.txt", '<!DOCTYPE x [<!ENTITY a "b">]><calibration/>', "document type"),
        ("a.qca.txt", '<calibration><camera serial="1"/></calibration>', "no <transform>"),
        ("a.qca.txt", '<calibration><camera serial="1" viewrotation="90"/></calibration>', "viewrotation"),
    ],
)
def test_what_is_no_calibration_is_refused(name: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(MocapError, match=message) as caught:
        _read(tmp_path / name, text)
    assert str(tmp_path / name) in str(caught.value)


def test_a_matrix_that_is_not_of_its_size_is_refused(tmp_path: Path) -> None:
    text = _json(tmp_path).read_text().replace('"rows": 3, "cols": 3', '"rows": 3, "cols": 2', 1)
    with pytest.raises(MocapError, match="3 x 2 and has 9 values"):
        _read(tmp_path / "cut.json", text)


def test_cameras_at_one_place_are_refused(tmp_path: Path) -> None:
    same = _as_map(RIG[0])
    with pytest.raises(MocapError, match="stand at the same point"):
        _read(tmp_path / "lenses.json", json.dumps({"a": same, "b": same}))


def test_rotations_in_degrees_are_refused(tmp_path: Path) -> None:
    degrees = _as_map(RIG[0]) | {"R": np.degrees(_rotvec(RIG[0])).tolist()}
    with pytest.raises(MocapError, match="not in radians"):
        _read(tmp_path / "degrees.json", json.dumps({"a": degrees}))


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MocapError, match="0 calibration files"):
        read_calibration(tmp_path)
    with pytest.raises(MocapError, match="no such file"):
        read_calibration(tmp_path / "nothing.yml")
