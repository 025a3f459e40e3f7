"""From a robot's name to a `RobotModel`, with every check that a model file needs."""

from __future__ import annotations

from understudy.errors import ModelError
from understudy.geom.arrays import frozen_f64, frozen_i64
from understudy.kinematics.checks import check_model, check_profile
from understudy.kinematics.mjcf import parse_mjcf
from understudy.kinematics.model_file import ModelFile, model_file
from understudy.kinematics.parsed import ParsedModel
from understudy.kinematics.urdf import parse_urdf
from understudy.spec.profiles import load_profile, profile_names
from understudy.spec.robot import RobotModel, RobotProfile


def robot_names() -> tuple[str, ...]:
    """Sorted names of every known robot."""
    return profile_names()


def load_robot(name_or_path: str) -> RobotModel:
    """The robot of a known name, or of a profile's TOML file.

    Raises:
        UnknownNameError: no such robot.
        MissingDependencyError: the package that holds the model, or a library that reads it, is not installed.
        ModelError: the profile or the model fails a check; the message says which.
    """
    return build_robot(load_profile(name_or_path))


def build_robot(profile: RobotProfile) -> RobotModel:
    """The model of a profile, checked.

    Raises:
        MissingDependencyError, ModelError: as `load_robot`.
    """
    file = model_file(profile)
    robot = from_model_file(file, profile)
    check_model(robot, file.where)
    check_profile(robot)
    return robot


def from_model_file(file: ModelFile, profile: RobotProfile) -> RobotModel:
    """Arrays of a model file, unchecked but for what cannot be expressed as arrays.

    Raises:
        ModelError: the file cannot be parsed, or a joint is not a revolute joint with one angle.
    """
    parsed = _parse(file)
    names = parsed.joint_names
    unknown = sorted(set(profile.home_rad) - set(names))
    if unknown:
        raise ModelError(f"{profile.name}: key home_rad names joints that {file.where} lacks: {', '.join(unknown)}")
    return RobotModel(
        profile=profile,
        joint_names=names,
        body_parent=frozen_i64(parsed.body_parent),
        rot_parent_joint=frozen_f64(parsed.rot_parent_joint),
        pos_parent_joint_m=frozen_f64(parsed.pos_parent_joint_m),
        axis_joint=frozen_f64(parsed.axis_joint),
        lower_rad=frozen_f64(parsed.lower_rad),
        upper_rad=frozen_f64(parsed.upper_rad),
        velocity_rad_s=frozen_f64(parsed.velocity_rad_s),
        effort_nm=frozen_f64(parsed.effort_nm),
        mass_kg=frozen_f64(parsed.mass_kg),
        com_body_m=frozen_f64(parsed.com_body_m),
        inertia_body_kgm2=frozen_f64(parsed.inertia_body_kgm2),
        frames=parsed.frames,
        home_rad=frozen_f64([profile.home_rad.get(name, 0.0) for name in names]),
        model_sha256=file.sha256,
        model_path=None if file.path is None else str(file.path),
    )


def _parse(file: ModelFile) -> ParsedModel:
    if file.kind == "mjcf" and file.path is not None:
        return parse_mjcf(file.path)
    return parse_urdf(file.text, file.where)
