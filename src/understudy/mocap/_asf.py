"""ASF (Acclaim skeleton): bones with a direction, a length, an axis system and degrees of freedom.

Source: Schafer, "Acclaim Skeleton File Definition V1.10" (1995); "Acclaim Format - ASF line details" (Vicon BodyBuilder).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from understudy.errors import MocapError
from understudy.geom.arrays import F64, I64

ROTATIONS: tuple[str, ...] = ("rx", "ry", "rz")
TRANSLATIONS: tuple[str, ...] = ("tx", "ty", "tz")
MAX_BYTES, MAX_BONES = 4_000_000, 1000
_SECTIONS = ("version", "name", "units", "documentation", "root", "bonedata", "hierarchy", "skin")


@dataclass(frozen=True)
class Bone:
    """One bone; the root is a bone without length.

    Attributes:
        name: in lower case.
        span: (3,) from its start to its end in the rest pose, file axes and unit.
        axes: (3, 3) its axis system in the rest pose, bone to file.
        dof: channels in the order of the file, which is also the order in which they turn: the first one first, about
            axes that stay fixed.
        parent: index, -1 for the root.
    """

    name: str
    span: F64
    axes: F64
    dof: tuple[str, ...]
    parent: int


@dataclass(frozen=True)
class Skeleton:
    """The bones of an ASF file, parents before children; bone 0 is the root.

    Attributes:
        bones: root first.
        root_pos: (3,) added to the root's position in every frame.
        degrees: angles of the file are degrees, else radians.
    """

    bones: tuple[Bone, ...]
    root_pos: F64
    degrees: bool

    @property
    def parents(self) -> I64:
        """(B,) index of each bone's parent, -1 for the root."""
        return np.array([bone.parent for bone in self.bones], dtype=np.int64)


@dataclass
class _Reader:
    """Lines of a file as words, with their numbers."""

    where: str
    lines: list[tuple[int, list[str]]]
    at: int = 0

    def error(self, number: int, text: str) -> MocapError:
        return MocapError(f"{self.where}:{number}: {text}")

    def section(self) -> Iterator[tuple[int, list[str]]]:
        """Lines up to the next keyword."""
        while self.at < len(self.lines) and not self.lines[self.at][1][0].startswith(":"):
            self.at += 1
            yield self.lines[self.at - 1]

    def numbers(self, number: int, words: Sequence[str], count: int, what: str) -> F64:
        try:
            values = [float(word) for word in words[:count]]
        except ValueError:
            values = []
        if len(values) != count or not all(math.isfinite(v) and abs(v) < 1e7 for v in values):
            raise self.error(number, f"{what} needs {count} finite numbers, got {' '.join(words)[:60]!r}")
        return np.array(values)


def parse_asf(data: bytes, where: str) -> Skeleton:
    """The skeleton in the bytes of an ASF file.

    Raises:
        MocapError: names file, line and bone, and what to do.
    """
    if len(data) > MAX_BYTES:
        raise MocapError(f"{where}: {len(data)} bytes are no ASF skeleton; at most {MAX_BYTES} are read")
    if b"\0" in data:
        raise MocapError(f"{where}: a binary file; an ASF skeleton is text")
    lines = []
    for number, raw in enumerate(data.decode("utf-8-sig", errors="replace").splitlines(), start=1):
        words = raw.partition("#")[0].replace(",", " ").replace("(", " ").replace(")", " ").split()
        if words:
            lines.append((number, words))
    return _parse(_Reader(where, lines))


def _parse(reader: _Reader) -> Skeleton:
    degrees, root, root_pos = True, None, np.zeros(3)
    bones: dict[str, Bone] = {}
    links: list[tuple[int, list[str]]] = []
    while reader.at < len(reader.lines):
        number, words = reader.lines[reader.at]
        reader.at += 1
        key = words[0].removeprefix(":").lower()
        if not words[0].startswith(":") or key not in _SECTIONS:
            near = difflib.get_close_matches(key, _SECTIONS, n=1)
            hint = f"; did you mean :{near[0]}?" if near else ""
            raise reader.error(number, f"{words[0][:40]!r} is no section of an ASF file{hint} (known: :{', :'.join(_SECTIONS)})")
        if key == "units":
            degrees = _degrees(reader)
        elif key == "root":
            root, root_pos = _root(reader, number, degrees)
        elif key == "bonedata":
            bones = _bones(reader, degrees)
        elif key == "hierarchy":
            links = [line for line in reader.section() if line[1][0].lower() not in ("begin", "end")]
        else:
            _ = list(reader.section())
    if root is None:
        raise MocapError(f"{reader.where}: no section :root: the file is truncated, or no ASF skeleton")
    return Skeleton(_ordered(reader, root, bones, links), root_pos, degrees)


def _degrees(reader: _Reader) -> bool:
    degrees = True
    for number, words in reader.section():
        if words[0].lower() == "angle":
            unit = words[1].lower() if len(words) > 1 else ""
            if unit not in ("deg", "rad"):
                raise reader.error(number, f"angle is {unit!r}; allowed are deg and rad")
            degrees = unit == "deg"
    return degrees


def _root(reader: _Reader, at: int, degrees: bool) -> tuple[Bone, F64]:
    order: tuple[str, ...] = ()
    axis, pos, angles = "XYZ", np.zeros(3), np.zeros(3)
    for number, words in reader.section():
        key, rest = words[0].lower(), words[1:]
        if key == "order":
            order = _dof(reader, number, rest, (*TRANSLATIONS, *ROTATIONS), "root")
        elif key == "axis":
            axis = rest[0] if rest else ""
        elif key == "position":
            pos = reader.numbers(number, rest, 3, "the root's position")
        elif key == "orientation":
            angles = reader.numbers(number, rest, 3, "the root's orientation")
    if len(order) != 6:
        raise reader.error(at, f"the root's order is {' '.join(order) or 'missing'}; TX TY TZ RX RY RZ in any order are needed")
    return Bone("root", np.zeros(3), _axes(reader, at, angles, axis, degrees, "root"), order, -1), pos


def _bones(reader: _Reader, degrees: bool) -> dict[str, Bone]:
    bones: dict[str, Bone] = {}
    own: dict[str, tuple[int, list[str]]] = {}
    for number, words in reader.section():
        key = words[0].lower()
        if key == "begin":
            own = {}
        elif key == "end":
            bone = _bone(reader, number, own, degrees)
            if bone.name in bones or bone.name == "root":
                raise reader.error(number, f"a second bone {bone.name!r}; rename one of them")
            bones[bone.name] = bone
            if len(bones) > MAX_BONES:
                raise reader.error(number, f"more than {MAX_BONES} bones are no person")
        else:
            own.setdefault(key, (number, words[1:]))
    return bones


def _bone(reader: _Reader, end: int, own: dict[str, tuple[int, list[str]]], degrees: bool) -> Bone:
    missing = [key for key in ("name", "direction", "length") if key not in own or not own[key][1]]
    if missing:
        raise reader.error(end, f"the bone that ends here has no {' and no '.join(missing)}")
    name = own["name"][1][0].lower()
    direction = reader.numbers(own["direction"][0], own["direction"][1], 3, f"direction of {name}")
    length = float(reader.numbers(own["length"][0], own["length"][1], 1, f"length of {name}")[0])
    size = float(np.linalg.norm(direction))
    if length < 0.0 or (length > 0.0 and size < 1e-9):
        raise reader.error(
            own["length"][0], f"bone {name!r} has direction {direction} and length {length:g}: neither may be zero"
        )
    number, words = own.get("axis", (end, ["0", "0", "0", "XYZ"]))
    angles = reader.numbers(number, words, 3, f"axis of {name}")
    axes = _axes(reader, number, angles, words[3] if len(words) > 3 else "XYZ", degrees, name)
    number, words = own.get("dof", (end, []))
    return Bone(name, direction / max(size, 1e-9) * length, axes, _dof(reader, number, words, ROTATIONS, name), -1)


def _dof(reader: _Reader, number: int, words: Sequence[str], allowed: Sequence[str], name: str) -> tuple[str, ...]:
    dof = tuple(word.lower() for word in words)
    wrong = [word for word in dof if word not in allowed]
    if wrong or len(set(dof)) != len(dof):
        raise reader.error(
            number, f"{name} has the channels {' '.join(words)[:60]}; allowed are {' '.join(allowed)}, each at most once"
        )
    return dof


def _axes(reader: _Reader, number: int, angles: F64, order: str, degrees: bool, name: str) -> F64:
    if sorted(order.lower()) != ["x", "y", "z"]:
        raise reader.error(number, f"axis order of {name} is {order[:20]!r}; the letters X, Y and Z in any order are needed")
    channels = [f"r{axis}" for axis in order.lower()]
    # the three angles stand for x, y and z whatever the order of turning
    by_order = np.array([[angles["xyz".index(axis)] for axis in order.lower()]])
    return np.asarray(turn(channels, np.radians(by_order) if degrees else by_order)[0])


def turn(channels: Sequence[str], angles_rad: F64) -> F64:
    """(T, 3, 3) turns about fixed axes, the first channel first; angles (T, C) radians."""
    out = np.broadcast_to(np.eye(3), (len(angles_rad), 3, 3)).copy()
    for k, channel in enumerate(channels):
        i, j = (ROTATIONS.index(channel) + 1) % 3, (ROTATIONS.index(channel) + 2) % 3
        cos, sin = np.cos(angles_rad[:, k, None]), np.sin(angles_rad[:, k, None])
        row_i, row_j = out[:, i].copy(), out[:, j].copy()
        out[:, i], out[:, j] = cos * row_i - sin * row_j, sin * row_i + cos * row_j
    return out


def _ordered(reader: _Reader, root: Bone, bones: dict[str, Bone], links: list[tuple[int, list[str]]]) -> tuple[Bone, ...]:
    """Parents before children, in the order of the section :hierarchy."""
    out, place = [root], {"root": 0}
    waiting = links
    while waiting:
        later = []
        for number, words in waiting:
            parent, children = words[0].lower(), [word.lower() for word in words[1:]]
            if parent not in place:
                later.append((number, words))
                continue
            for child in children:
                if child in place:
                    raise reader.error(number, f"bone {child!r} has a second parent, {parent!r}; remove one")
                if child not in bones:
                    near = difflib.get_close_matches(child, bones, n=1)
                    hint = f"; did you mean {near[0]!r}?" if near else ""
                    raise reader.error(number, f"bone {child!r} is not in :bonedata{hint}")
                bone = bones[child]
                place[child] = len(out)
                out.append(Bone(bone.name, bone.span, bone.axes, bone.dof, place[parent]))
        if len(later) == len(waiting):
            number, words = later[0]
            raise reader.error(number, f"bone {words[0]!r} does not hang on the root; correct :hierarchy")
        waiting = later
    if len(out) == 1:
        raise MocapError(f"{reader.where}: no bone hangs on the root: the section :hierarchy is missing; export the file again")
    return tuple(out)
