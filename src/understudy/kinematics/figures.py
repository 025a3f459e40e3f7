"""A URDF made of the figures in a profile, for robots whose model no package carries."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from understudy.errors import ModelError
from understudy.spec.robot import FigureJoint, FigureLink, Figures, RobotProfile, Vec3


def figures_urdf(profile: RobotProfile) -> str:
    """URDF text with the links and joints of the figures; without shapes (`mujoco_model` makes them of the capsules).

    Raises:
        ModelError: a joint names a link that the figures lack, or two joints move one link.
    """
    figures = profile.figures
    if figures is None:
        raise ModelError(f"{profile.name}: the profile has no [figures]")
    _check(figures, profile.name)
    links = "\n".join(_link(link) for link in figures.links)
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


def _link(link: FigureLink) -> str:
    if link.mass_kg == 0:
        return f"<link name={quoteattr(link.name)}/>"
    xx, yy, zz, xy, xz, yz = link.inertia_kgm2
    return (
        f"<link name={quoteattr(link.name)}><inertial><origin xyz={_triple(link.com_m)}/><mass value='{link.mass_kg!r}'/>"
        f"<inertia ixx='{xx!r}' iyy='{yy!r}' izz='{zz!r}' ixy='{xy!r}' ixz='{xz!r}' iyz='{yz!r}'/></inertial></link>"
    )


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


def _triple(values: Vec3) -> str:
    return quoteattr(" ".join(repr(float(v)) for v in values))
