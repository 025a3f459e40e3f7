"""C3D: marker trajectories of Vicon, Qualisys, OptiTrack and others. Binary, with the subject's measures beside the points.

Model outputs (joint angles, powers, forces, the axes of Plug-in Gait's segments) lie among the points and are told from the
markers by the parameter groups that list them and by their names.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np

from understudy.mocap._c3d_file import C3dFile, parse_c3d
from understudy.mocap._c3d_rotations import Segments
from understudy.mocap._file import read_bytes
from understudy.mocap._gait_events import events_of
from understudy.mocap._joint_centres import HipModel
from understudy.mocap._labelled_points import motion_from_joints
from understudy.mocap._marker_motion import motion_from_markers
from understudy.mocap._markers import MM, MOST_MARKERS, MarkerTake, bare_name, check_take, is_labelled, length_unit
from understudy.spec.protocols import MocapReader
from understudy.spec.skeleton import HumanMotion

NO_JOINTS = ("worldbody", "pelvis", "torso", "l_clavicle", "r_clavicle")
"""Segments whose origins are no joint of their own: Theia's pelvis begins between the hips, torso and clavicles at the neck."""
OUTPUT_GROUPS = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS", "REACTIONS", "MODELED_MARKERS")
_OUTPUT = re.compile(
    r"^(.*(Angles?|Power|Force|Moment|GRF|Progress|Score)\d*|CentreOf.*|CenterOf.*"
    r"|(HED|PEL|TRX|[LR](CL|FE|FO|HN|HU|RA|TI|TO))[OALP])$"
)


class C3d:
    """Reader of C3D files."""

    suffixes: tuple[str, ...] = (".c3d",)
    title: str = "C3D marker trajectories"

    def __init__(self, *, hips: HipModel = "davis") -> None:
        """Take the regression of the hip centres."""
        self.hips: HipModel = hips

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether the second byte is the key of C3D and the parameters begin where they can."""
        return len(head) >= 512 and head[1] == 0x50 and 1 < head[0] < 64 and not head[:16].isascii()

    def read(self, path: Path) -> HumanMotion:
        """The motion in `path`.

        Raises:
            MocapError: damaged file, no whole body, or no frame that shows it.
        """
        data = read_bytes(path)
        sha256, file = hashlib.sha256(data).hexdigest(), parse_c3d(data, str(path))
        if file.segments is not None:
            take = segments_take(file, file.segments, str(path))
            parents = np.full(len(take.names), -1, dtype=np.int64)
            return motion_from_joints(take, parents, path=str(path), sha256=sha256, format_name="c3d")
        take = take_from_file(file, str(path))
        return motion_from_markers(take, path=str(path), sha256=sha256, format_name="c3d", hips=self.hips)


def take_from_c3d(data: bytes, where: str) -> MarkerTake:
    """The markers in the bytes of a C3D file.

    Raises:
        MocapError: damaged file, or no labelled marker in it.
    """
    return take_from_file(parse_c3d(data, where), where)


def segments_take(file: C3dFile, segments: Segments, where: str) -> MarkerTake:
    """The joint centres of a file of segment poses: a segment's origin is the joint towards the trunk.

    Raises:
        MocapError: too few frames, or no rate.
    """
    units = file.texts("POINT:UNITS")
    unit_m = length_unit(units[0], where) if units and units[0] else MM
    index = [i for i, name in enumerate(segments.names) if name.lower() not in NO_JOINTS]
    names = tuple(segments.names[i] for i in index)
    return check_take(MarkerTake(names, segments.pos[:, index] * unit_m, segments.rate_hz, unit_m, up=_up(file)), where)


def take_from_file(file: C3dFile, where: str) -> MarkerTake:
    """The markers in a C3D file.

    Raises:
        MocapError: no labelled marker in it.
    """
    labels = file.texts("POINT:LABELS")[: file.points.shape[1]]
    outputs = model_outputs(file)
    index = [i for i, name in enumerate(labels) if is_labelled(name) and bare_name(name) not in outputs][:MOST_MARKERS]
    units = file.texts("POINT:UNITS")
    unit_m = length_unit(units[0], where) if units and units[0] else MM
    take = MarkerTake(
        names=tuple(labels[i] for i in index),
        pos_m=file.points[:, index] * unit_m,
        rate_hz=file.rate_hz,
        unit_m=unit_m,
        up=_up(file),
        parameters=_parameters(file, unit_m),
        events=events_of(file),
        warnings=() if units else ("the file does not say its unit: millimetres were taken",),
    )
    return check_take(take, where)


def model_outputs(file: C3dFile) -> set[str]:
    """Labels without subject that are no markers."""
    listed = {bare_name(name) for group in OUTPUT_GROUPS for name in file.texts(f"POINT:{group}")}
    return listed | {bare_name(name) for name in file.texts("POINT:LABELS") if _OUTPUT.match(bare_name(name))}


def _up(file: C3dFile) -> str | None:
    """The axis that the file draws upwards on a screen."""
    word = next(iter(file.texts("POINT:Y_SCREEN")), "").strip().lower()
    sign, axis = ("-" if word.startswith("-") else ""), word.lstrip("+-")
    return sign + axis if axis in ("x", "y", "z") else None


def _parameters(file: C3dFile, unit_m: float) -> dict[str, float]:
    """Measures of the subject in metres: numbers of the group PROCESSING, names as Plug-in Gait writes them."""
    out = {}
    for name in (name for name in file.parameters if name.startswith("PROCESSING:")):
        value, key = file.number(name), _NAMES.get(name.partition(":")[2])
        if value is not None and key is not None and np.isfinite(value):
            out[key] = value * unit_m
    return out


_NAMES: dict[str, str] = {
    name.upper(): name
    for name in (
        "Height", "InterAsisDistance", "MarkerDiameter",
        *(side + part for side in "LR" for part in (
            "LegLength", "AsisTrocanterDistance", "KneeWidth", "AnkleWidth", "ElbowWidth", "WristWidth", "HandThickness",
            "ShoulderOffset",
        )),
    )
}  # fmt: skip
"""Names of measures in upper case, as parameters are compared, to how Plug-in Gait writes them."""

PLUGIN: MocapReader = C3d()
