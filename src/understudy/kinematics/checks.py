"""What every loaded model must satisfy. Each rule stands for a real file that broke it (docs/robots.md)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from understudy.errors import ModelError
from understudy.geom.arrays import Bool
from understudy.spec.robot import RobotModel

NEEDED_POINTS = (
    "pelvis",
    "neck",
    *(f"{s}_{p}" for s in ("left", "right") for p in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")),
)


def check_model(robot: RobotModel, where: str) -> None:
    """Check the numbers of the model file.

    Raises:
        ModelError: the first rule that is broken: what was found, what is allowed, what to do.
    """
    expect, mass = robot.profile.expect, float(robot.mass_kg.sum())
    if robot.dof != expect.dof:
        raise ModelError(
            f"{where}: {robot.dof} joints, the profile {robot.name} expects {expect.dof}; "
            "a doubled <worldbody>, a fused root or another variant of the robot gives this: check the file"
        )
    twice = sorted({name for name in robot.joint_names if robot.joint_names.count(name) > 1})
    if twice:
        raise ModelError(f"{where}: joint names are used twice: {', '.join(twice)}; rename one of each")
    for name in ("pos_parent_joint_m", "rot_parent_joint", "axis_joint", "mass_kg", "com_body_m", "inertia_body_kgm2"):
        if not np.isfinite(getattr(robot, name)).all():
            raise ModelError(f"{where}: {name} holds NaN or infinity; mend the figures in the file")
    _refuse(robot, where, ~(robot.lower_rad < robot.upper_rad), "lower limit is not below the upper limit")
    _refuse(robot, where, ~(np.isfinite(robot.lower_rad) & np.isfinite(robot.upper_rad)), "has no finite limits")
    _refuse(robot, where, ~(robot.effort_nm > 0), "effort limit is not above zero")
    _refuse(robot, where, ~(robot.velocity_rad_s > 0), "velocity limit is not above zero")
    if abs(mass - expect.mass_kg) > expect.mass_tolerance_kg:
        raise ModelError(
            f"{where}: total mass {mass:.3f} kg, the profile {robot.name} expects {expect.mass_kg:.3f} "
            f"+- {expect.mass_tolerance_kg} kg; links are missing, doubled or from another version"
        )


def check_profile(robot: RobotModel) -> None:
    """Check that everything the profile names is in the model.

    Raises:
        ModelError: the profile's key and the name that is wrong.
    """
    profile = robot.profile
    for key, link in _named_links(robot):
        if link not in robot.frames:
            raise ModelError(f"{profile.name}: key {key} names link {link!r}, which the model lacks")
    grouped = [name for joints in profile.groups.values() for name in joints]
    if sorted(grouped) != sorted(robot.joint_names):
        wrong = sorted(set(grouped) ^ set(robot.joint_names)) or sorted({n for n in grouped if grouped.count(n) > 1})
        raise ModelError(f"{profile.name}: key groups must hold every joint once; missing, unknown or twice: {', '.join(wrong)}")
    missing = [name for name in NEEDED_POINTS if name not in profile.points]
    if missing or set(profile.soles) != {"left", "right"}:
        raise ModelError(
            f"{profile.name}: key points lacks {missing or 'nothing'}; key soles has {sorted(profile.soles)}, must be left, right"
        )
    pelvis = robot.frame(profile.links["pelvis"]) if "pelvis" in profile.links else None
    if (
        pelvis is None
        or pelvis.body != 0
        or np.abs(pelvis.pos_body_frame_m).max() > 1e-6
        or np.abs(pelvis.rot_body_frame - np.eye(3)).max() > 1e-6
    ):
        raise ModelError(f"{profile.name}: key links.pelvis must name the root link of the model")
    _refuse(
        robot,
        profile.name,
        (robot.home_rad < robot.lower_rad) | (robot.home_rad > robot.upper_rad),
        "home_rad is outside the limits",
    )
    names = [capsule.name for capsule in profile.capsules]
    unknown = sorted({name for pair in profile.collision_ignore for name in pair} - set(names))
    if unknown or len(names) != len(set(names)):
        raise ModelError(
            f"{profile.name}: key capsules: names must differ; collision_ignore names unknown ones: {unknown or 'none'}"
        )


def _named_links(robot: RobotModel) -> Iterator[tuple[str, str]]:
    profile = robot.profile
    yield from ((f"links.{name}", link) for name, link in profile.links.items())
    yield from ((f"points.{name}", point.link) for name, point in profile.points.items())
    yield from ((f"soles.{name}", sole.link) for name, sole in profile.soles.items())
    yield from ((f"capsules ({capsule.name})", capsule.link) for capsule in profile.capsules)
    yield from ((f"imus.{name}", mount.link) for name, mount in profile.imus.items())
    yield from ((f"cameras.{name}", mount.link) for name, mount in profile.cameras.items())


def _refuse(robot: RobotModel, where: str, broken: Bool, what: str) -> None:
    if broken.any():
        named = [name for name, bad in zip(robot.joint_names, broken, strict=True) if bad]
        raise ModelError(
            f"{where}: {what}: {', '.join(named[:5])}{' ...' if len(named) > 5 else ''}; mend it in the model or the profile"
        )
