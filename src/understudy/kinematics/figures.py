"""A URDF made of the figures in a profile, for robots whose model no package carries."""

from __future__ import annotations

import math
from xml.sax.saxutils import quoteattr

import numpy as np

from understudy.errors import ModelError
from understudy.geom.arrays import F64
from understudy.spec.robot import Capsule, FigureJoint, FigureLink, Figures, RobotProfile, Vec3


def figures_urdf(profile: RobotProfile) -> str:
    """URDF text with the links and joints of the figures; the profile's capsules and soles are the shapes.

    Raises:
        ModelError: a joint names a link that the figures lack, or two joints move one link.
    """
    figures = profile.figures
    if figures is None:
        raise ModelError(f"{profile.name}: the profile has no [figures]")
    _check(figures, profile.name)
    shapes: dict[str, list[str]] = {link.name: [] for link in figures.links}
    for capsule in profile.capsules:
        shapes.setdefault(capsule.link, []).append(_capsule(capsule))
    links = "\n".join(_link(link, shapes[link.name]) for link in figures.links)
    joints = "\n".join(_joint(joint) for joint in figures.joints)
    return f"<robot name={quoteattr(profile.name)}>\n{links}\n{joints}\n</robot>\n"


def _check(figures: Figures, robot: str) -> None:
    links = [link.name for link in figures.links]
    children = [joint.child for joint in figures.joints]
    for joint in figures.joints:
        for end in (joint.parent, joint.child):
            if end not in links:
                raise ModelError(f"{robot}: key figures.joints: joint {joint.name} names link {end!r}, which figures.links lacks")
    twice = sorted({name for name in children if children.count(name) > 1} | {name for name in links if links.count(name) > 1})
    if twice or figures.root not in links or figures.root in children:
        raise ModelError(
            f"{robot}: key figures: links named or moved twice: {twice or 'none'}; "
            f"root {figures.root!r} must be a link that no joint moves"
        )


def _link(link: FigureLink, shapes: list[str]) -> str:
    xx, yy, zz, xy, xz, yz = link.inertia_kgm2
    body = "".join(f"<visual>{shape}</visual><collision>{shape}</collision>" for shape in shapes)
    inertial = ""
    if link.mass_kg > 0:
        inertial = (
            f"<inertial><origin xyz={_triple(link.com_m)}/><mass value='{link.mass_kg!r}'/>"
            f"<inertia ixx='{xx!r}' iyy='{yy!r}' izz='{zz!r}' ixy='{xy!r}' ixz='{xz!r}' iyz='{yz!r}'/></inertial>"
        )
    return f"<link name={quoteattr(link.name)}>{inertial}{body}</link>"


def _joint(joint: FigureJoint) -> str:
    fixed = joint.axis == (0.0, 0.0, 0.0)
    limits = (
        f"<axis xyz={_triple(joint.axis)}/><limit lower='{joint.lower_rad!r}' upper='{joint.upper_rad!r}' "
        f"effort='{joint.effort_nm!r}' velocity='{joint.velocity_rad_s!r}'/>"
    )
    return (
        f"<joint name={quoteattr(joint.name)} type='{'fixed' if fixed else 'revolute'}'>"
        f"<parent link={quoteattr(joint.parent)}/><child link={quoteattr(joint.child)}/>"
        f"<origin xyz={_triple(joint.pos_m)} rpy={_triple(joint.rpy_rad)}/>{'' if fixed else limits}</joint>"
    )


def _capsule(capsule: Capsule) -> str:
    a, b = np.array(capsule.a_m), np.array(capsule.b_m)
    middle, along = (a + b) / 2.0, b - a
    length = float(np.linalg.norm(along))
    if length < 1e-9:
        return f"<origin xyz={_triple(_vec3(middle))}/><geometry><sphere radius='{capsule.radius_m!r}'/></geometry>"
    roll_pitch_yaw = (0.0, math.atan2(math.hypot(along[0], along[1]), along[2]), math.atan2(along[1], along[0]))
    return (
        f"<origin xyz={_triple(_vec3(middle))} rpy={_triple(roll_pitch_yaw)}/>"
        f"<geometry><capsule radius='{capsule.radius_m!r}' length='{length!r}'/></geometry>"
    )


def _vec3(values: F64) -> Vec3:
    return float(values[0]), float(values[1]), float(values[2])


def _triple(values: Vec3) -> str:
    return quoteattr(" ".join(repr(float(v)) for v in values))
