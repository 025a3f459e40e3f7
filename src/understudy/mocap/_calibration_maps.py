"""Cameras from named values: the maps and arrays of OpenCV users, and the tables of Pose2Sim."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from understudy.errors import MocapError, did_you_mean
from understudy.geom.arrays import F64, AnyArray
from understudy.mocap._cameras import Camera, five_coefficients, rotation_from_vector

ALIASES: dict[str, tuple[str, ...]] = {
    "matrix": ("camera_matrix", "cameraMatrix", "intrinsic_matrix", "matrix", "mtx", "K"),
    "distortion": ("distortion_coefficients", "distCoeffs", "dist_coeffs", "distortions", "distortion", "dist", "D"),
    "rotation": ("rotation_matrix", "Rot", "R", "rvec", "rotation"),
    "translation": ("translation_vector", "tvec", "translation", "T", "t"),
    "size": ("image_size", "size"),
    "width": ("image_width", "width"),
    "height": ("image_height", "height"),
}
"""What a value is called, the most telling name first: `Rot` (3 x 3) goes before `R`, which may be the rotation vector."""
_MEANING = {alias: kind for kind, aliases in ALIASES.items() for alias in aliases}
_FLAT = re.compile(rf"({'|'.join(sorted(_MEANING, key=len, reverse=True))})_(.+)$")
_FISHEYE = ("fisheye", "is_fisheye")
MAX_VALUES = 4096


def cameras_from_map(entries: Mapping[str, object], stem: str) -> list[Camera]:
    """Cameras of an OpenCV file: a map per camera, a list of maps, flat entries such as `K_cam01`, or one camera's own entries.

    Args:
        entries: the file.
        stem: name of the camera where the file holds one and does not name it.
    """
    nested = {name: value for name, value in entries.items() if isinstance(value, Mapping) and not _is_matrix(value)}
    listed = entries.get("cameras")
    if isinstance(listed, list):
        nested = {str(value.get("name", i)): value for i, value in enumerate(listed) if isinstance(value, Mapping)}
    elif isinstance(listed, Mapping):
        nested = {str(name): value for name, value in listed.items() if isinstance(value, Mapping)}
    nested = {name: value for name, value in nested.items() if _known(value)}
    if nested:
        return [_camera(str(value.get("name") or name), value) for name, value in nested.items()]
    if any(key in _MEANING for key in entries):
        return [_camera(str(entries.get("camera_name") or entries.get("name") or stem), entries)]
    flat: dict[str, dict[str, object]] = {}
    for key, value in entries.items():
        if match := _FLAT.match(key):
            flat.setdefault(match.group(2), {})[match.group(1)] = value
    if not flat:
        raise MocapError(
            f"no camera is in it; the file has {', '.join(map(str, list(entries)[:8])) or 'nothing'}: "
            "a map per camera with camera_matrix, distortion_coefficients, R or rvec, T or tvec is needed"
        )
    return [_camera(name, value) for name, value in flat.items()]


def cameras_from_arrays(arrays: Mapping[str, AnyArray]) -> list[Camera]:
    """Cameras of an npz archive: flat arrays such as `K_cam01`, or stacked over cameras with `names`."""
    if "names" not in arrays:
        return cameras_from_map(arrays, "camera")
    names = [str(name) for name in np.atleast_1d(arrays["names"]).ravel()[:MAX_VALUES]]
    for key, value in arrays.items():
        if key in _MEANING and len(np.atleast_1d(value)) != len(names):
            raise MocapError(f"array {key!r} has shape {value.shape}; its first axis must be the {len(names)} cameras of `names`")
    stacked = {key: np.atleast_1d(value) for key, value in arrays.items() if key in _MEANING}
    return [_camera(name, {key: value[i] for key, value in stacked.items()}) for i, name in enumerate(names)]


def cameras_from_pose2sim(tables: Mapping[str, object]) -> list[Camera]:
    """Cameras of a Pose2Sim Calib.toml: a table per camera; `rotation` is a rotation vector, `translation` in metres.

    Source: Pose2Sim documentation, calibration file.
    """
    found = [(key, table) for key, table in tables.items() if isinstance(table, Mapping) and key != "metadata"]
    if not found:
        raise MocapError("no camera table is in it; a Calib.toml of Pose2Sim has one such as [cam_01] for every camera")
    return [_camera(str(table.get("name") or key), table) for key, table in found]


def _known(value: object) -> bool:
    return isinstance(value, Mapping) and any(key in _MEANING for key in value)


def _is_matrix(value: Mapping[str, object]) -> bool:
    return "data" in value and "rows" in value


def _camera(name: str, entries: Mapping[str, object]) -> Camera:
    if any(_truth(entries.get(key)) for key in _FISHEYE):
        raise MocapError(
            f"camera {name}: a fisheye lens is not read; undistort its images first, or calibrate it as a pinhole camera"
        )
    matrix = _needed(name, entries, "matrix")
    values = _numbers(name, "matrix", matrix)
    if values.size != 9:
        raise MocapError(f"camera {name}: the camera matrix has {values.size} values; 3 x 3 are needed")
    lens = _given(entries, "distortion")
    rotation = _numbers(name, "rotation", _needed(name, entries, "rotation"))
    translation = _numbers(name, "translation", _needed(name, entries, "translation"))
    if rotation.size not in (3, 9) or translation.size != 3:
        raise MocapError(
            f"camera {name}: a rotation of {rotation.size} and a translation of {translation.size} values; a 3 x 3 matrix or a "
            "rotation vector of 3, and 3 are needed, both from world to camera as OpenCV gives them"
        )
    if rotation.size == 3 and np.abs(rotation).max() > 4.0 * np.pi:
        raise MocapError(f"camera {name}: the rotation vector {rotation.tolist()} is not in radians")
    return Camera(
        name=name,
        matrix_px=values.reshape(3, 3),
        distortion=five_coefficients(name, [] if lens is None else _numbers(name, "distortion", lens).tolist()),
        R_camera_world=rotation.reshape(3, 3) if rotation.size == 9 else rotation_from_vector(rotation),
        t_camera=translation,
        size_px=_size(name, entries),
    )


def _given(entries: Mapping[str, object], kind: str) -> object:
    return next((entries[alias] for alias in ALIASES[kind] if alias in entries), None)


def _needed(name: str, entries: Mapping[str, object], kind: str) -> object:
    found = _given(entries, kind)
    if found is None:
        wanted = ALIASES[kind][0]
        raise MocapError(
            f"camera {name}: no {kind} ({' or '.join(ALIASES[kind])}){did_you_mean(wanted, map(str, entries))}; "
            + (
                "it says where the camera stands in the common world"
                if kind in ("rotation", "translation")
                else "it describes the lens"
            )
        )
    return found


def _numbers(name: str, kind: str, value: object) -> F64:
    """Flat numbers of an OpenCV matrix, nested lists or an array."""
    rows = cols = None
    if isinstance(value, Mapping):
        rows, cols, value = value.get("rows"), value.get("cols"), value.get("data")
    if isinstance(value, Sequence) and len(value) > MAX_VALUES:
        raise MocapError(f"camera {name}: {kind} has {len(value)} values")
    try:
        out = np.asarray(value, dtype=np.float64).ravel()
    except (TypeError, ValueError, OverflowError):
        raise MocapError(f"camera {name}: {kind} is {str(value)[:60]!r}; numbers are needed") from None
    if not bool(np.isfinite(out).all()):
        raise MocapError(f"camera {name}: {kind} has a value that is not finite; calibrate again")
    if isinstance(rows, int | float) and isinstance(cols, int | float) and rows * cols != out.size:
        raise MocapError(f"camera {name}: {kind} says {rows:g} x {cols:g} and has {out.size} values; the file was cut or edited")
    return out


def _size(name: str, entries: Mapping[str, object]) -> tuple[int, int] | None:
    size, width, height = (_given(entries, kind) for kind in ("size", "width", "height"))
    if size is None and (width is None or height is None):
        return None
    values = _numbers(name, "size", size if size is not None else [width, height])
    if values.size != 2 or not bool(np.all((values >= 1.0) & (values < 1e6))):
        raise MocapError(f"camera {name}: the image size is {values.tolist()}; width and height in pixels are needed")
    return round(values[0]), round(values[1])


def _truth(value: object) -> bool:
    return value is True or str(value).strip().lower() in ("true", "1", "1.0")
