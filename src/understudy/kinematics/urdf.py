"""Reads a URDF: links, joints, limits and inertias, with nothing but the XML parser of Python.

Pinocchio reads the same (tests hold the two together), but its wheel needs a system library that a bare machine lacks, and
a robot's figures must be readable everywhere.

Source: the URDF specification, http://wiki.ros.org/urdf/XML. Joints are in the order of the file, a limb at a time; Pinocchio
itself sorts limbs by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element, fromstring

import numpy as np

from understudy.errors import ModelError
from understudy.geom.arrays import F64, frozen_f64
from understudy.kinematics.parsed import NO_ROOT, NOT_REVOLUTE, ParsedModel
from understudy.spec.robot import Frame

_LIMITS = ("lower", "upper", "velocity", "effort")


@dataclass(frozen=True)
class _Joint:
    """One joint, of any kind."""

    name: str
    kind: str
    parent: str
    child: str
    rot: F64
    pos: F64
    element: Element


@dataclass
class _Body:
    """A moving body while its links are put together: mass, first moment, and inertia about the body's origin."""

    mass: float
    moment: F64
    inertia: F64

    @classmethod
    def empty(cls) -> _Body:
        return cls(0.0, np.zeros(3), np.zeros((3, 3)))


@dataclass(frozen=True)
class _Placed:
    """A joint that moves: which body carries it, where, about which axis."""

    joint: _Joint
    parent_body: int
    rot: F64
    pos: F64


def parse_urdf(text: str, where: str) -> ParsedModel:
    """The model in a URDF text, its root link floating.

    Args:
        text: the file.
        where: its name, for messages.

    Raises:
        ModelError: a name twice, no single root, a loop, a figure that is no number, or a joint that is not revolute.
    """
    robot = fromstring(text)
    links = _links(robot, where)
    joints = [_joint(element, links, where) for element in robot.findall("joint")]
    _refuse_twice([j.name for j in joints], "joint", where)
    _refuse_twice([j.child for j in joints], "child link", where)
    root = _root(links, joints, where)
    placed, frames, bodies = _merge(root, links, joints, where)
    if not placed:
        raise ModelError(f"{where}: {NO_ROOT}")
    if loose := sorted(set(links) - set(frames)):
        raise ModelError(f"{where}: link {loose[0]} hangs on a loop of joints; a robot is a tree: cut the loop")
    limits = np.array([_limits(p.joint, where) for p in placed])
    mass = np.array([b.mass for b in bodies])
    com = np.array([b.moment / b.mass if b.mass > 0 else np.zeros(3) for b in bodies])
    return ParsedModel(
        joint_names=tuple(p.joint.name for p in placed),
        body_parent=tuple(p.parent_body for p in placed),
        rot_parent_joint=np.array([p.rot for p in placed]),
        pos_parent_joint_m=np.array([p.pos for p in placed]),
        axis_joint=np.array([_axis(p.joint, where) for p in placed]),
        lower_rad=limits[:, 0],
        upper_rad=limits[:, 1],
        velocity_rad_s=limits[:, 2],
        effort_nm=limits[:, 3],
        mass_kg=mass,
        com_body_m=com,
        inertia_body_kgm2=np.array([b.inertia - b.mass * _spread(c) for b, c in zip(bodies, com, strict=True)]),
        frames=frames,
    )


def _merge(
    root: str, links: dict[str, Element], joints: list[_Joint], where: str
) -> tuple[list[_Placed], dict[str, Frame], list[_Body]]:
    """Walk down from the root: every moving joint begins a body, every fixed link joins the body that carries it."""
    below: dict[str, list[_Joint]] = {}
    for moving in reversed(joints):  # the walk below takes from the end: limbs come out in the order of the file
        below.setdefault(moving.parent, []).append(moving)
    placed: list[_Placed] = []
    frames: dict[str, Frame] = {}
    bodies = [_Body.empty()]
    todo: list[tuple[_Joint | None, int, F64, F64]] = [(None, 0, np.eye(3), np.zeros(3))]
    while todo:
        joint, body, rot, pos = todo.pop()
        if joint is not None and joint.kind != "fixed":
            placed.append(_Placed(joint, body, rot, pos))
            bodies.append(_Body.empty())
            body, rot, pos = len(placed), np.eye(3), np.zeros(3)
        link = root if joint is None else joint.child
        frames[link] = Frame(body, frozen_f64(rot), frozen_f64(pos))
        _add_inertia(bodies[body], links[link], rot, pos, f"{where}: link {link}")
        todo += [(j, body, rot @ j.rot, rot @ j.pos + pos) for j in below.get(link, ())]
    return placed, frames, bodies


def _links(robot: Element, where: str) -> dict[str, Element]:
    found = [(element.get("name", ""), element) for element in robot.findall("link")]
    _refuse_twice([name for name, _ in found], "link", where)
    if not found:
        raise ModelError(f"{where}: the robot has no links; a URDF of a whole robot is needed")
    return dict(found)


def _joint(element: Element, links: dict[str, Element], where: str) -> _Joint:
    name = element.get("name", "")
    here = f"{where}: joint {name}"
    ends = {}
    for end in ("parent", "child"):
        found = element.find(end)
        ends[end] = "" if found is None else found.get("link", "")
        if ends[end] not in links:
            raise ModelError(f"{here}: its {end} is link {ends[end]!r}, which the file does not have; correct the name")
    rot, pos = _origin(element, here)
    return _Joint(name, element.get("type", ""), ends["parent"], ends["child"], rot, pos, element)


def _refuse_twice(names: list[str], what: str, where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ModelError(f"{where}: {what} {twice[0]!r} is there {names.count(twice[0])} times; names and parents must be unique")


def _root(links: dict[str, Element], joints: list[_Joint], where: str) -> str:
    children = {joint.child for joint in joints}
    roots = [name for name in links if name not in children]
    if len(roots) != 1:
        found = ", ".join(roots[:4]) or "none"
        raise ModelError(f"{where}: {NO_ROOT} (links without a parent: {found})")
    return roots[0]


def _limits(joint: _Joint, where: str) -> list[float]:
    found = joint.element.find("limit")
    if joint.kind != "revolute" or found is None:
        kind = joint.kind if joint.kind != "revolute" else "revolute without limits"
        raise ModelError(f"{where}: joint {joint.name} is of type {kind}; {NOT_REVOLUTE}")
    return [_number(found.get(key, "0"), f"{where}: joint {joint.name}: limit {key}") for key in _LIMITS]


def _axis(joint: _Joint, where: str) -> F64:
    found = joint.element.find("axis")
    axis = _vector("1 0 0" if found is None else found.get("xyz", "1 0 0"), 3, f"{where}: joint {joint.name}: axis")
    length = float(np.linalg.norm(axis))
    if length < 1e-9:
        raise ModelError(f"{where}: joint {joint.name}: its axis is zero; give the direction it turns about")
    return axis / length


def _add_inertia(body: _Body, link: Element, rot: F64, pos: F64, here: str) -> None:
    """Add what a link weighs; `rot` and `pos` take link coordinates to the body's."""
    inertial = link.find("inertial")
    if inertial is None:
        return
    mass, inertia = inertial.find("mass"), inertial.find("inertia")
    m = 0.0 if mass is None else _number(mass.get("value", "0"), f"{here}: mass")
    own = {} if inertia is None else inertia.attrib
    xx, xy, xz, yy, yz, zz = (_number(own.get(f"i{k}", "0"), f"{here}: i{k}") for k in ("xx", "xy", "xz", "yy", "yz", "zz"))
    turn, lever = _origin(inertial, here)
    turn, com = rot @ turn, rot @ lever + pos
    body.mass += m
    body.moment = body.moment + m * com
    body.inertia = body.inertia + turn @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ turn.T + m * _spread(com)


def _spread(arm: F64) -> F64:
    """Inertia of a unit point mass at `arm`, about the origin (Steiner)."""
    return np.asarray(float(arm @ arm) * np.eye(3) - np.outer(arm, arm))


def _origin(element: Element, here: str) -> tuple[F64, F64]:
    """Rotation and offset of an element's origin: rpy turns about the fixed axes x, y, z in that order."""
    found = element.find("origin")
    attributes = {} if found is None else found.attrib
    roll, pitch, yaw = _vector(attributes.get("rpy", "0 0 0"), 3, f"{here}: rpy")
    pos = _vector(attributes.get("xyz", "0 0 0"), 3, f"{here}: xyz")
    (cr, cp, cy), (sr, sp, sy) = np.cos([roll, pitch, yaw]), np.sin([roll, pitch, yaw])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
    about_y = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
    about_z = np.array([[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(about_z @ about_y @ about_x), pos


def _vector(text: str, count: int, here: str) -> F64:
    words = text.split()
    if len(words) != count:
        raise ModelError(f"{here} is {text!r}; {count} numbers are needed")
    return np.array([_number(word, here) for word in words])


def _number(word: str, here: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ModelError(f"{here} is {word!r}; a number is needed") from None
