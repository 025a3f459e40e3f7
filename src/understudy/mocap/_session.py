"""The session file of a markerless take: which camera saw which keypoints, in TOML. docs/markerless.md has the layout."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from understudy.errors import MocapError, did_you_mean
from understudy.mocap._keypoint_names import SCHEMES
from understudy.mocap._triangulate import MAX_ERROR_PX, MIN_CONFIDENCE
from understudy.mocap._units import UNITS_M, UP_AXES

MAX_VIEWS = 64
LOWPASS_HZ = 6.0
MOST_SEARCH_S = 10.0
_SESSION_KEYS = (
    "calibration", "rate_hz", "unit", "up", "lowpass_hz", "max_reprojection_px", "min_confidence", "start_s",
    "end_s", "find_offsets_s", "synthetic",
)  # fmt: skip
_VIEW_KEYS = ("camera", "keypoints", "offset_s", "rate_hz", "scheme", "size_px", "sha256")


@dataclass(frozen=True)
class View:
    """The keypoints of one camera.

    Attributes:
        camera: its name in the calibration.
        keypoints: file or folder.
        offset_s: when its first frame was taken, on the session's clock.
        rate_hz: frames per second; None takes the file's, else the session's.
        scheme: order of the keypoints; None tells it from their number.
        size_px: width and height of the image that was detected in.
        sha256: of the keypoints as they must be; empty where it does not matter.
    """

    camera: str
    keypoints: Path
    offset_s: float = 0.0
    rate_hz: float | None = None
    scheme: str | None = None
    size_px: tuple[int, int] | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Session:
    """A take with several cameras.

    Attributes:
        calibration: file or folder.
        views: one per camera.
        rate_hz: of the result; None takes that of the views.
        unit: name of `UNITS_M` of the calibration; None takes what it says, else finds it from the person.
        up: axis of the calibration's world that points up; None finds it from the person.
        lowpass_hz: cut-off of the zero-phase filter over the joints; 0 for none.
        max_reprojection_px: a view further off contradicts the others.
        min_confidence: keypoints below are not used.
        start_s, end_s: part of the take that is kept, on the session's clock.
        find_offsets_s: search the views' offsets up to so far around `offset_s`, from the keypoints; 0 takes them as they are.
        synthetic: the keypoints were made by a program, not detected.
    """

    calibration: Path
    views: tuple[View, ...]
    rate_hz: float | None = None
    unit: str | None = None
    up: str | None = None
    lowpass_hz: float = LOWPASS_HZ
    max_reprojection_px: float = MAX_ERROR_PX
    min_confidence: float = MIN_CONFIDENCE
    start_s: float = 0.0
    end_s: float = float("inf")
    find_offsets_s: float = 0.0
    synthetic: bool = False


def parse_session(data: bytes, folder: Path) -> Session:
    """The session in the bytes of a file that lies in `folder`.

    Raises:
        MocapError: names the table and key, what was found and what is allowed.
    """
    try:
        tables = tomllib.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise MocapError(f"no TOML: {str(error)[:120]}") from None
    table, listed = tables.get("markerless"), tables.get("view")
    if not isinstance(table, dict):
        raise MocapError("no table [markerless] with calibration = FILE; that is no session of several cameras")
    if not isinstance(listed, list) or not all(isinstance(v, dict) for v in listed) or not 1 <= len(listed) <= MAX_VIEWS:
        raise MocapError(f"1 to {MAX_VIEWS} tables [[view]] with camera and keypoints are needed")
    _known(table, _SESSION_KEYS, "[markerless]")
    views = tuple(_view(v, f"[[view]] {i + 1}", folder) for i, v in enumerate(listed))
    cameras = [v.camera for v in views]
    for name in cameras:
        if cameras.count(name) > 1:
            raise MocapError(f"two [[view]] tables are of camera {name!r}; one per camera")
    where = "[markerless]"
    session = Session(
        calibration=_path(table, "calibration", where, folder),
        views=views,
        rate_hz=_number(table, "rate_hz", where, None, 1.0, 2000.0),
        unit=_choice(table, "unit", where, UNITS_M),
        up=_choice(table, "up", where, UP_AXES),
        lowpass_hz=_number(table, "lowpass_hz", where, LOWPASS_HZ, 0.0, 1000.0) or 0.0,
        max_reprojection_px=_number(table, "max_reprojection_px", where, MAX_ERROR_PX, 0.5, 1000.0) or MAX_ERROR_PX,
        min_confidence=_number(table, "min_confidence", where, MIN_CONFIDENCE, 0.0, 0.99) or 0.0,
        start_s=_number(table, "start_s", where, 0.0, 0.0, 1e6) or 0.0,
        end_s=_number(table, "end_s", where, None, 0.0, 1e6) or float("inf"),
        find_offsets_s=_number(table, "find_offsets_s", where, 0.0, 0.0, MOST_SEARCH_S) or 0.0,
        synthetic=table.get("synthetic") is True,
    )
    if not session.start_s < session.end_s:
        raise MocapError(f"{where}: start_s is {session.start_s:g} and end_s {session.end_s:g}; start_s must be less")
    return session


def _view(table: Mapping[str, object], where: str, folder: Path) -> View:
    _known(table, _VIEW_KEYS, where)
    size = table.get("size_px")
    if size is not None and not (
        isinstance(size, list) and len(size) == 2 and all(type(n) is int and 1 <= n < 100_000 for n in size)
    ):
        raise MocapError(f"{where}: size_px is {str(size)[:40]}; [width, height] in pixels is needed")
    return View(
        camera=_text(table, "camera", where),
        keypoints=_path(table, "keypoints", where, folder),
        offset_s=_number(table, "offset_s", where, 0.0, -1e5, 1e5) or 0.0,
        rate_hz=_number(table, "rate_hz", where, None, 1.0, 2000.0),
        scheme=_choice(table, "scheme", where, SCHEMES),
        size_px=(size[0], size[1]) if size else None,
        sha256=_text(table, "sha256", where) if "sha256" in table else "",
    )


def _known(table: Mapping[str, object], allowed: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in allowed:
            raise MocapError(f"{where}: unknown key {key!r}{did_you_mean(key, allowed)} (known: {', '.join(allowed)})")


def _text(table: Mapping[str, object], key: str, where: str) -> str:
    value = table.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise MocapError(f"{where}: {key} is {str(value)[:40]!r}; a name in quotes is needed")
    return value


def _path(table: Mapping[str, object], key: str, where: str, folder: Path) -> Path:
    return folder / _text(table, key, where)


def _choice(table: Mapping[str, object], key: str, where: str, known: Mapping[str, object]) -> str | None:
    if key not in table:
        return None
    value = _text(table, key, where)
    if value not in known:
        raise MocapError(f"{where}: {key} is {value!r}{did_you_mean(value, known)}; known are {', '.join(known)}")
    return value


def _number(table: Mapping[str, object], key: str, where: str, default: float | None, low: float, high: float) -> float | None:
    value = table.get(key, default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not (np.isfinite(value) and low <= value <= high):
        raise MocapError(f"{where}: {key} is {str(value)[:40]!r}; a number from {low:g} to {high:g} is needed")
    return float(value)
