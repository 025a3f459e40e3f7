"""Show one robot, export its robot.json, or make a first profile for another model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.apps.cli._arguments import ModelFile, OptionalFile, RobotName
from understudy.apps.cli._command import Command

if TYPE_CHECKING:
    from understudy.spec.robot import RobotModel


def show(name: RobotName, /, *, json: OptionalFile = None) -> int:
    """Show a robot's joints, limits, groups and points.

    Args:
        name: a name from `understudy robots`, or the path of a profile's TOML file.
        json: also write robot.json to this file: joint order, limits, groups, links and model hash.
    """
    from understudy.apps.cli._command import DONE
    from understudy.apps.cli._console import print_table, say
    from understudy.kinematics.load import load_robot
    from understudy.kinematics.robot_json import write_robot_json

    robot = load_robot(name)
    group_of = {joint: group for group, joints in robot.profile.groups.items() for joint in joints}
    limits = zip(robot.lower_rad, robot.upper_rad, robot.velocity_rad_s, robot.effort_nm, robot.home_rad, strict=True)
    rows = [
        (k, joint, group_of[joint], *(f"{value:.2f}" for value in values))
        for k, (joint, values) in enumerate(zip(robot.joint_names, limits, strict=True))
    ]
    figures = ("lower", "upper", "rad/s", "Nm", "home")
    print_table(
        ("#", "joint", "group", *figures),
        rows,
        title=f"{robot.name}: {robot.profile.title} (angles in rad)",
        right=("#", *figures),
    )
    for line in _facts(robot):
        say(line)
    if json is not None:
        write_robot_json(robot, json)
        say(f"wrote {json}")
    return DONE


def inspect(model: ModelFile, /, *, out: OptionalFile = None) -> int:
    """Make a first profile for any humanoid's URDF or MJCF, for you to look over.

    Joint groups, semantic links, points, soles, capsules and sensor mounts are guessed from names and geometry; what could not
    be found is listed, and the exit code is then 1.

    Args:
        model: a URDF or MJCF file.
        out: where to write the profile; it is printed when left out.
    """
    from understudy.apps.cli._command import DONE, FINDINGS
    from understudy.apps.cli._console import print_table, progress, say
    from understudy.kinematics.inspect_model import inspect_model
    from understudy.spec.profile_text import profile_toml

    with progress("fitting capsules") as advance:
        inspection = inspect_model(model, advance)
    profile = inspection.profile
    text = profile_toml(profile, comments=tuple(f"look at {point}" for point in inspection.open_points))
    if out is None:
        say(text)
        return FINDINGS if inspection.open_points else DONE
    if out.suffix != ".toml":
        out = out.with_name(f"{out.name}.toml")
    out.write_text(text, encoding="utf-8")
    print_table(("group", "joints"), [(group, " ".join(names)) for group, names in profile.groups.items()], title=profile.name)
    print_table(("link", "in the model"), list(profile.links.items()))
    say(f"{profile.expect.dof} joints, {profile.expect.mass_kg:.2f} kg, {len(profile.capsules)} capsules; wrote {out}")
    for point in inspection.open_points:
        say(f"look at {point}")
    say(f"next: read {out}, set a home pose and its standing height, then `understudy robot show {out}`")
    return FINDINGS if inspection.open_points else DONE


def _facts(robot: RobotModel) -> list[str]:
    profile = robot.profile
    return [
        f"mass {robot.mass_kg.sum():.3f} kg, pelvis at {profile.standing_height_m:.3f} m in the home pose",
        f"points: {', '.join(sorted(profile.points))}",
        f"{len(profile.capsules)} collision capsules; sensors: {', '.join([*profile.imus, *profile.cameras]) or 'none'}",
        f"model: {robot.model_path or 'figures in the profile'}",
        f"sha256 {robot.model_sha256}",
        f"from {profile.source}; licence {profile.licence}",
        *(profile.notes.strip().splitlines()),
    ]


PLUGIN: Command = Command({"show": show, "inspect": inspect})
