"""The heading of a motion CSV that has one: which column is what, and in which unit.

Read are root position and quaternion by name and joints by name, as many tools write them, and the layout of BONES-SEED, whose
root is turned by three angles: it is in centimetres and degrees throughout.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64
from understudy.geom.rotations import quat_mul

CM = 0.01
_ROOT = r"(root|base|pelvis|floatingbase)?"
_POSITION = re.compile(rf"^{_ROOT}(pos|position|translate|translation|trans)?([xyz])$")
_QUATERNION = re.compile(rf"^{_ROOT}(quat|quaternion|rot|rotation|orientation|q)([wxyz])$")
_ANGLE = re.compile(rf"^{_ROOT}(rotate|euler|rot|rotation)([xyz])$")
_COUNTED = re.compile(r"^(frame|frameid|frameindex|index|step)$")
_TIME = re.compile(r"^(time|timestamp|times|t)$")


@dataclass(frozen=True)
class Heading:
    """What the columns of a motion CSV are.

    Attributes:
        position: x, y, z of the root.
        quaternion: w, x, y, z of the root; empty where it is turned by `angles`.
        angles: about the fixed axes x, then y, then z.
        time: column of the seconds; -1 for none.
        joints: columns of the joints, `joint_names` their names.
        columns: how many there are.
    """

    position: tuple[int, ...]
    quaternion: tuple[int, ...]
    angles: tuple[int, ...]
    time: int
    joints: tuple[int, ...]
    joint_names: tuple[str, ...]
    columns: int

    def root_pos_m(self, table: F64) -> F64:
        """(T, 3) metres."""
        return table[:, list(self.position)] * (CM if self.angles else 1.0)

    def root_quat_wxyz(self, table: F64) -> F64:
        """(T, 4) root to world."""
        if self.quaternion:
            return table[:, list(self.quaternion)]
        x, y, z = (_about(k, np.radians(table[:, column])) for k, column in enumerate(self.angles))
        return quat_mul(z, quat_mul(y, x))

    def joint_pos(self, table: F64) -> F64:
        """(T, J) radians."""
        values = table[:, list(self.joints)]
        return np.radians(values) if self.angles else values

    def fps(self, table: F64) -> float | None:
        """Frames per second by the time column."""
        if self.time < 0 or len(table) < 2:
            return None
        seconds = float(table[-1, self.time] - table[0, self.time])
        return (len(table) - 1) / seconds if seconds > 0.0 else None


def heading_of(cells: Sequence[str], where: str) -> Heading | None:
    """What the first line says; None where it is a row of numbers.

    Raises:
        MocapError: the root's columns are not all there, or a name comes twice.
    """
    if not cells or _is_number(cells[0]):
        return None
    plain = [re.sub(r"[^a-z0-9]", "", cell.lower()) for cell in cells]
    position = _found(plain, _POSITION, "xyz")
    quaternion = _found(plain, _QUATERNION, "wxyz")
    angles = () if quaternion else _found(plain, _ANGLE, "xyz")
    if not position or not (quaternion or angles):
        what = "position (root_pos_x, _y, _z)" if not position else "quaternion (root_quat_w, _x, _y, _z)"
        raise MocapError(f"{where}:1: the heading names no columns of the root's {what}; found {', '.join(cells[:12])[:160]}")
    time = next((i for i, name in enumerate(plain) if _TIME.match(name)), -1)
    used = {*position, *quaternion, *angles, time} | {i for i, name in enumerate(plain) if _COUNTED.match(name)}
    joints = tuple(i for i in range(len(cells)) if i not in used)
    names = tuple(re.sub(r"_(dof|pos)$", "", cells[i].strip()) for i in joints)
    return Heading(position, quaternion, angles, time, joints, names, len(cells))


def _found(plain: Sequence[str], pattern: re.Pattern[str], axes: str) -> tuple[int, ...]:
    """Columns of all axes in order; empty where one is missing."""
    at = {match[3]: i for i, name in reversed(list(enumerate(plain))) if (match := pattern.match(name))}
    return tuple(at[axis] for axis in axes) if set(axes) <= set(at) else ()


def _about(axis: int, angle_rad: F64) -> F64:
    out = np.zeros((len(angle_rad), 4))
    out[:, 0], out[:, 1 + axis] = np.cos(angle_rad / 2.0), np.sin(angle_rad / 2.0)
    return out


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
