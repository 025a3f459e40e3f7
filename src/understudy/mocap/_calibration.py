"""Files of calibrated cameras: OpenCV (YAML, JSON, npz), Qualisys (qca.txt), Pose2Sim (Calib.toml).

docs/markerless.md has the layouts.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from understudy.errors import MocapError, UnderstudyError, UnknownNameError
from understudy.mocap._calibration_maps import cameras_from_arrays, cameras_from_map, cameras_from_pose2sim
from understudy.mocap._calibration_qca import cameras_from_qca
from understudy.mocap._cameras import Camera
from understudy.mocap._file import read_bytes
from understudy.mocap._npz import npz_names, open_npz
from understudy.mocap._opencv_yaml import parse_yaml

MAX_BYTES, MAX_CAMERAS, MAX_FILES = 16 << 20, 64, 128
T = TypeVar("T")
SUFFIXES = (".yml", ".yaml", ".json", ".npz", ".toml", ".txt", ".xml")


@dataclass(frozen=True)
class Calibration:
    """Cameras in one world.

    Attributes:
        cameras: in the order of the file.
        unit_m: metres per unit of their positions; None where the format does not say it.
        format: `opencv`, `qualisys` or `pose2sim`.
        sha256: hash of the bytes read.
    """

    cameras: tuple[Camera, ...]
    unit_m: float | None
    format: str
    sha256: str

    def camera(self, name: str) -> Camera:
        """The camera of a name.

        Raises:
            UnknownNameError: there is none.
        """
        for camera in self.cameras:
            if camera.name == name:
                return camera
        raise UnknownNameError("camera", name, [c.name for c in self.cameras])


def read_calibration(path: Path) -> Calibration:
    """The cameras in a file, or in a folder of OpenCV files (one per camera, or intri.yml and extri.yml).

    Raises:
        MocapError: names file, camera and field, what was found and what is allowed.
    """
    try:
        return _folder(path) if path.is_dir() else _file(path)
    except MocapError as error:
        raise error if str(path) in str(error) else MocapError(f"{path}: {error}") from None
    except (ValueError, OSError) as error:
        # a name with a null byte, a loop of links: never a readable file
        raise error if isinstance(error, UnderstudyError) else MocapError(f"{path}: cannot be read: {error}") from None


def _file(path: Path) -> Calibration:
    data = _bounded(path)
    if data[:4] == b"PK\x03\x04":
        archive = open_npz(path)
        return _checked(cameras_from_arrays({name: archive.array(name) for name in archive.names}), None, "opencv", data)
    text = _text(data)
    if "<calibration" in text[:4096] or path.suffix.lower() in (".txt", ".xml"):
        return _checked(cameras_from_qca(text), 0.001, "qualisys", data)
    if path.suffix.lower() == ".toml":
        return _checked(cameras_from_pose2sim(_parsed(text, tomllib.loads, "TOML")), 1.0, "pose2sim", data)
    return _checked(cameras_from_map(_map(text), path.stem), None, "opencv", data)


def _folder(path: Path) -> Calibration:
    """Each file one camera named like it, or the flat entries of all files together."""
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in (".yml", ".yaml", ".json"))
    if not files or len(files) > MAX_FILES:
        raise MocapError(
            f"{path}: {len(files)} calibration files (.yml, .yaml, .json) in the folder; 1 to {MAX_FILES} are needed: "
            f"a file per camera"
        )
    contents = {p: _bounded(p) for p in files}
    maps: dict[Path, dict[str, object]] = {p: _in_file(p, partial(_entries, data)) for p, data in contents.items()}
    joined = b"".join(contents.values())
    names = [key for entries in maps.values() for key in entries if key != "names"]
    if {"intri", "extri"} <= {p.stem for p in files} and len(set(names)) == len(names):
        merged = {key: value for entries in maps.values() for key, value in entries.items()}
        return _checked(cameras_from_map(merged, path.name), None, "opencv", joined)
    cameras: list[Camera] = []
    for file, entries in maps.items():
        cameras += _in_file(file, partial(cameras_from_map, entries, file.stem))
    return _checked(cameras, None, "opencv", joined)


def _checked(cameras: list[Camera], unit_m: float | None, kind: str, data: bytes) -> Calibration:
    names = [c.name for c in cameras]
    if not 1 <= len(cameras) <= MAX_CAMERAS:
        raise MocapError(f"{len(cameras)} cameras; 1 to {MAX_CAMERAS} are allowed")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise MocapError(f"two cameras are called {twice!r}; give every camera a name of its own")
    centres = np.stack([c.centre for c in cameras])
    for i in range(len(cameras)):
        apart = np.linalg.norm(centres[i] - centres[:i], axis=1)
        if len(apart) and float(apart.min()) < 1e-6 * max(float(np.abs(centres).max()), 1e-9):
            other = names[int(np.argmin(apart))]
            raise MocapError(
                f"cameras {other} and {names[i]} stand at the same point; the positions (translations) of the cameras "
                f"are needed, "
                "not only their lenses: calibrate them together in one world"
            )
    return Calibration(tuple(cameras), unit_m, kind, hashlib.sha256(data).hexdigest())


def _bounded(path: Path) -> bytes:
    data = read_bytes(path, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise MocapError(f"{path}: over {MAX_BYTES >> 20} MiB; that is no calibration file")
    if not data.strip():
        raise MocapError(f"{path}: the file is empty; copy or export it again")
    if data[:4] == b"PK\x03\x04" and npz_names(path, data[:4]) is None:
        raise MocapError(f"{path}: a damaged .npz archive; copy or export it again")
    return data


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MocapError(
            f"byte {error.start} is no UTF-8 text; known are {' '.join(SUFFIXES)} of OpenCV, Qualisys, Pose2Sim"
        ) from None


def _entries(data: bytes) -> dict[str, object]:
    return _map(_text(data))


def _map(text: str) -> dict[str, object]:
    if text.lstrip().startswith("{"):
        return _parsed(text, json.loads, "JSON")
    return dict(parse_yaml(text))


def _parsed(text: str, parse: Callable[[str], object], kind: str) -> dict[str, object]:
    try:
        found = parse(text)
    except (ValueError, RecursionError) as error:
        raise MocapError(f"no {kind}: {str(error)[:120]}; export the calibration again") from None
    if not isinstance(found, dict):
        raise MocapError(f"the {kind} must be a map of cameras; found a {type(found).__name__}")
    return found


def _in_file(path: Path, act: Callable[[], T]) -> T:
    try:
        return act()
    except MocapError as error:
        raise MocapError(f"{path}: {error}") from None
