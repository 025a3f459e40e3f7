"""Cameras of a Qualisys calibration (QTM: Calibration results, Export; `*.qca.txt`, which is XML).

The rotation's rows are the camera's axes in world with z backwards and y up; positions are millimetres; lens figures are in
1/64 pixel of the sensor but for the distortion, which belongs to normalised coordinates.
"""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.mocap._cameras import Camera

SUBPIXELS = 64.0
BACKWARDS_TO_FORWARDS = np.diag([1.0, -1.0, -1.0])
MAX_ELEMENTS = 100_000


def cameras_from_qca(text: str) -> list[Camera]:
    """Cameras of the XML; those that are not active, or record markers where others record video, are left out.

    Raises:
        MocapError: names camera and attribute.
    """
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
        raise MocapError("the XML declares a document type, which a Qualisys calibration never does; it is not opened")
    if text.count("<") > MAX_ELEMENTS:
        raise MocapError(f"over {MAX_ELEMENTS} XML elements; that is no calibration")
    try:
        root = ElementTree.fromstring(text.split("?>", 1)[-1].strip() if text.lstrip().startswith("<?xml") else text)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise MocapError(f"damaged XML ({error}); export the calibration from QTM again") from None
    found = [c for c in root.iter("camera") if c.get("active", "1") != "0"]
    if root.tag != "calibration" or not found:
        raise MocapError(f"no active camera in <{root.tag}>; a Qualisys calibration has <calibration><cameras><camera ...>")
    video = [c for c in found if "video" in c.get("model", "").lower()]
    return [_camera(c) for c in (video or found)]


def _camera(element: ElementTree.Element) -> Camera:
    name = element.get("serial") or element.get("id") or ""
    if not name:
        raise MocapError("a <camera> has no serial; every camera needs one")
    turn = _number(name, element, "viewrotation", 0.0)
    if turn != 0.0:
        raise MocapError(
            f"camera {name}: viewrotation is {turn:g}; export the videos unrotated and set viewrotation to 0, or the "
            f"pixels do not fit"
        )
    transform, intrinsic = _child(name, element, "transform"), _child(name, element, "intrinsic")
    if _number(name, intrinsic, "skew", 0.0) != 0.0:
        raise MocapError(f"camera {name}: skew is not 0, which the lens model has no place for")
    left, top, size = _field_of_view(name, element)
    axes: F64 = np.array([[_number(name, transform, f"r{i}{j}") for j in (1, 2, 3)] for i in (1, 2, 3)])
    R = BACKWARDS_TO_FORWARDS @ axes
    position_mm: F64 = np.array([_number(name, transform, axis) for axis in "xyz"])
    f_u, f_v, c_u, c_v = (
        _number(name, intrinsic, key) / SUBPIXELS for key in ("focalLengthU", "focalLengthV", "centerPointU", "centerPointV")
    )
    lens = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2", "radialDistortion3")
    return Camera(
        name=name,
        matrix_px=np.array([[f_u, 0.0, c_u - left], [0.0, f_v, c_v - top], [0.0, 0.0, 1.0]]),
        distortion=np.array([_number(name, intrinsic, key, 0.0) for key in lens]),
        R_camera_world=R,
        t_camera=-R @ position_mm,
        size_px=size,
    )


def _field_of_view(name: str, element: ElementTree.Element) -> tuple[float, float, tuple[int, int] | None]:
    """Left, top and size of the part of the sensor that is recorded; the edges are pixels that belong to it."""
    fov = element.find("fov_video")
    if fov is None:
        return 0.0, 0.0, None
    left, top, right, bottom = (_number(name, fov, key) for key in ("left", "top", "right", "bottom"))
    if not (0 <= left < right < 1e5 and 0 <= top < bottom < 1e5):
        raise MocapError(
            f"camera {name}: fov_video spans {left:g} to {right:g} and {top:g} to {bottom:g}; left < right, top < bottom"
        )
    return left, top, (round(right - left) + 1, round(bottom - top) + 1)


def _child(name: str, element: ElementTree.Element, tag: str) -> ElementTree.Element:
    found = element.find(tag)
    if found is None:
        raise MocapError(f"camera {name}: no <{tag}>; export the calibration from QTM again")
    return found


def _number(name: str, element: ElementTree.Element, key: str, default: float | None = None) -> float:
    text = element.get(key)
    if text is None and default is not None:
        return default
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise MocapError(f"camera {name}: {element.tag} {key} is {(text or 'missing')[:40]!r}; a number is needed")
    return value
