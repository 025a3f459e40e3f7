"""Rows of hands as HaMeR and other estimators of MANO hands save them (npz, json); docs/mocap.md has the layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, AnyArray, Bool
from understudy.geom.rotations import quat_to_matrix, rotvec_to_quat
from understudy.mocap._file import read_bytes
from understudy.mocap._hand_model import POSES
from understudy.mocap._npz import open_npz
from understudy.spec.skeleton import HAND_JOINTS

MAX_JSON_BYTES, MAX_ROWS = 1 << 28, 2_000_000
POINT_KEYS: tuple[str, ...] = ("keypoints_3d", "pred_keypoints_3d", "joints_3d")
WIDTHS: dict[str, tuple[int, ...]] = {
    "hand_pose": (3 * POSES, 9 * POSES),
    "global_orient": (3, 9),
    "betas": (10,),
    **dict.fromkeys(POINT_KEYS, (3 * len(HAND_JOINTS),)),
}
"""Figures of a row by array; of rotations, as vectors or as matrices."""
SINGLE: tuple[str, ...] = ("is_right", "frame", "t_s")


@dataclass(frozen=True)
class HandRows:
    """What a file of hands says; R rows, one per detected hand.

    Attributes:
        where: the file, for messages.
        right: (R,) whether a row is a right hand.
        frame: (R,) number of the picture; None where the file has times.
        t_s: (R,) seconds; None where the file has frames.
        rate_hz: pictures per second; None where the file does not say.
        pose: (R, 15, 3, 3) rotations of the joints; None where the file has points.
        orient: (R, 3, 3) rotation of the wrist; None where the file has none.
        betas: (10,) shape, the median of the rows; zeros where the file has none.
        points: (R, 21, 3) joints in metres; None where the file has poses.
        to_world: (3, 3) rotation from the camera to the body's world; None where the file does not say.
        flat_mean: poses are turns from the flat hand, not from the model's mean.
    """

    where: str
    right: Bool
    frame: F64 | None
    t_s: F64 | None
    rate_hz: float | None
    pose: F64 | None
    orient: F64 | None
    betas: F64
    points: F64 | None
    to_world: F64 | None
    flat_mean: bool


def read_hand_rows(path: Path) -> HandRows:
    """The rows of a file.

    Raises:
        MocapError: names file, array or row, what was found and what is allowed.
    """
    where = str(path)
    head = read_bytes(path, 4)
    arrays = _from_npz(path) if head == b"PK\x03\x04" else _from_json(path)
    if "is_right" not in arrays:
        raise MocapError(f"{where}: no is_right; 1 for a right hand and 0 for a left, row by row, are needed")
    right = _single(arrays, "is_right", where)
    rows = len(right)
    if not 1 <= rows <= MAX_ROWS:
        raise MocapError(f"{where}: {rows} rows of hands; 1 to {MAX_ROWS} are read")
    pose = _rotations(arrays, "hand_pose", rows, where)
    points = next((_rows(arrays, key, rows, where) for key in POINT_KEYS if key in arrays), None)
    if pose is None and points is None:
        raise MocapError(f"{where}: neither hand_pose nor {POINT_KEYS[0]}; one of them is needed (docs/mocap.md)")
    frame, t_s = (_single(arrays, key, where) if key in arrays else None for key in ("frame", "t_s"))
    if frame is None and t_s is None:
        if len(np.unique(right)) > 1:
            raise MocapError(f"{where}: rows of both hands without frame or t_s; which belong together cannot be told")
        frame = np.arange(rows, dtype=np.float64)
    orient = _rotations(arrays, "global_orient", rows, where)
    betas = _rows(arrays, "betas", rows, where)
    return HandRows(
        where=where,
        right=np.asarray(right > 0.5),
        frame=None if t_s is not None else frame,
        t_s=t_s,
        rate_hz=_number(arrays, "rate_hz", where),
        pose=None if pose is None else pose.reshape(rows, POSES, 3, 3),
        orient=None if orient is None else orient.reshape(rows, 3, 3),
        betas=np.zeros(10) if betas is None else np.asarray(np.median(betas, axis=0)),
        points=None if pose is not None or points is None else points.reshape(rows, -1, 3),
        to_world=_to_world(arrays, where),
        flat_mean=_number(arrays, "flat_hand_mean", where) != 0.0,
    )


def _from_npz(path: Path) -> dict[str, AnyArray]:
    archive = open_npz(path)
    known = (*WIDTHS, *SINGLE, "rate_hz", "camera_to_world", "flat_hand_mean")
    found = {key: archive.array(key) for key in known if key in archive}
    for key, value in found.items():
        if value.dtype.kind not in "biuf":
            raise MocapError(f"{path}: array {key!r} is {value.dtype}; numbers are needed")
    return found


def _from_json(path: Path) -> dict[str, AnyArray]:
    """`{"rate_hz": 30, "hands": [{"frame": 0, "is_right": 1, "hand_pose": [...]}, ...]}`, or the list alone."""
    data = read_bytes(path, MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        raise MocapError(f"{path}: over {MAX_JSON_BYTES >> 20} MiB of JSON; save the hands as .npz")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MocapError(f"{path}: neither .npz nor JSON ({str(error)[:60]}); export the hands again") from None
    top: Mapping[str, object] = found if isinstance(found, Mapping) else {"hands": found}
    rows = top.get("hands")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) for row in rows):
        raise MocapError(f"{path}: no list 'hands' of one object per detected hand; docs/mocap.md has the layout")
    flat = [{**_nested(row), **row} for row in rows]
    keys = [key for key in (*WIDTHS, *SINGLE) if any(key in row for row in flat)]
    out = {key: _column(path, key, [row.get(key) for row in flat]) for key in keys}
    return out | {
        key: _column(path, key, top[key]) for key in ("rate_hz", "camera_to_world", "flat_hand_mean") if key in top
    }  # fmt: skip


def _nested(row: Mapping[str, object]) -> Mapping[str, object]:
    """HaMeR keeps the pose in a table of its own."""
    inner = row.get("pred_mano_params", row.get("mano_params", {}))
    return inner if isinstance(inner, Mapping) else {}


def _column(path: Path, key: str, values: object) -> AnyArray:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise MocapError(f"{path}: {key} is missing in a row, or no numbers of one shape; export the hands again") from None


def _single(arrays: Mapping[str, AnyArray], key: str, where: str) -> F64:
    values = np.asarray(arrays[key], dtype=np.float64)
    flat = values.reshape(-1) if values.ndim == 0 or values.size == len(values) else np.zeros(0)
    if not flat.size or not bool(np.isfinite(flat).all()) or float(np.abs(flat).max()) > 1e9:
        raise MocapError(f"{where}: {key} is of shape {values.shape}; one finite number per row is needed")
    if "is_right" in arrays and flat.size != np.asarray(arrays["is_right"]).size:
        raise MocapError(f"{where}: {key} has {flat.size} rows, is_right {np.asarray(arrays['is_right']).size}; export again")
    return flat


def _rows(arrays: Mapping[str, AnyArray], key: str, rows: int, where: str) -> F64 | None:
    """(R, n) the figures of an array, n one of its widths; None where the file has no such array."""
    if key not in arrays:
        return None
    values = np.asarray(arrays[key], dtype=np.float64)
    if key == "betas" and values.size == WIDTHS[key][0]:
        values = np.tile(values.reshape(1, -1), (rows, 1))
    width = values.size // rows if values.size % rows == 0 else 0
    if width not in WIDTHS[key] or (values.ndim > 1 and len(values) != rows):
        allowed = " or ".join(map(str, WIDTHS[key]))
        raise MocapError(f"{where}: {key} is of shape {values.shape}; {allowed} numbers for each of {rows} rows are needed")
    flat = values.reshape(rows, width)
    if not bool(np.isfinite(flat).all()) or float(np.abs(flat).max()) > 100.0:
        row = int(np.argmax(~np.isfinite(flat).all(axis=1) | (np.abs(flat).max(axis=1) > 100.0)))
        raise MocapError(f"{where}: {key} of row {row + 1} is not finite, or over 100: radians and metres are needed")
    return flat


def _rotations(arrays: Mapping[str, AnyArray], key: str, rows: int, where: str) -> F64 | None:
    """(R, k, 3, 3) rotations, from vectors or from matrices."""
    flat = _rows(arrays, key, rows, where)
    if flat is None:
        return None
    if flat.shape[1] == WIDTHS[key][0]:
        return quat_to_matrix(rotvec_to_quat(flat.reshape(rows, -1, 3)))
    found = flat.reshape(rows, -1, 3, 3)
    off = np.abs(found @ np.swapaxes(found, 2, 3) - np.eye(3)).max(axis=(2, 3))
    if float(off.max()) > 0.05 or bool((np.linalg.det(found) < 0.0).any()):
        row = int(np.argmax(off.max(axis=1)))
        raise MocapError(f"{where}: {key} of row {row + 1} holds matrices that are no rotations; export the hands again")
    return found


def _number(arrays: Mapping[str, AnyArray], key: str, where: str) -> float | None:
    if key not in arrays:
        return None
    values = np.asarray(arrays[key], dtype=np.float64).reshape(-1)
    if values.size != 1 or not np.isfinite(values[0]) or (key == "rate_hz" and not 1.0 <= values[0] <= 10_000.0):
        raise MocapError(f"{where}: {key} is {values[:3].tolist()}; one number is needed, a rate of 1 to 10000 per second")
    return float(values[0])


def _to_world(arrays: Mapping[str, AnyArray], where: str) -> F64 | None:
    if "camera_to_world" not in arrays:
        return None
    found = np.asarray(arrays["camera_to_world"], dtype=np.float64)
    if found.shape not in ((3, 3), (4, 4)):
        raise MocapError(f"{where}: camera_to_world is of shape {found.shape}; a rotation (3, 3) or a pose (4, 4) is needed")
    rot: F64 = found[:3, :3]
    if not bool(np.isfinite(rot).all()) or float(np.abs(rot @ rot.T - np.eye(3)).max()) > 0.01 or np.linalg.det(rot) < 0.0:
        raise MocapError(f"{where}: camera_to_world is no rotation; give the camera's axes in the body's world")
    return rot
