"""From a robot's name to a `RobotModel`, with every check that a model file needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np

from understudy.errors import ModelError
from understudy.geom.arrays import F64, frozen_f64, frozen_i64
from understudy.kinematics.checks import check_model, check_profile
from understudy.kinematics.model_file import ModelFile, model_file
from understudy.spec.profiles import load_profile, profile_names
from understudy.spec.robot import Frame, RobotModel, RobotProfile

Pin = Any  # pinocchio has no type stubs: its objects stay inside this module


def robot_names() -> tuple[str, ...]:
    """Sorted names of every known robot."""
    return profile_names()


def load_robot(name_or_path: str) -> RobotModel:
    """The robot of a known name, or of a profile's TOML file.

    Raises:
        UnknownNameError: no such robot.
        MissingDependencyError: the package that holds the model is not installed.
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
    model = _parse(file)
    if model.njoints < 3 or model.joints[1].nq != 7:
        raise ModelError(f"{file.where}: found no floating root with joints on it; check that one link is the root of all others")
    joints = _order(file, model)
    body_of = {1: 0, **{joint: place + 1 for place, joint in enumerate(joints)}}
    bodies = [1, *joints]
    names = tuple(str(model.names[i]) for i in joints)
    axes = [_axis(model, i, file.where) for i in joints]
    at_q = [model.joints[i].idx_q for i in joints]
    at_v = [model.joints[i].idx_v for i in joints]
    effort = model.effortLimit if hasattr(model, "effortLimit") else model.upperEffortLimit
    unknown = sorted(set(profile.home_rad) - set(names))
    if unknown:
        raise ModelError(f"{profile.name}: key home_rad names joints that {file.where} lacks: {', '.join(unknown)}")
    return RobotModel(
        profile=profile,
        joint_names=names,
        body_parent=frozen_i64([body_of[model.parents[i]] for i in joints]),
        rot_parent_joint=frozen_f64([model.jointPlacements[i].rotation for i in joints]),
        pos_parent_joint_m=frozen_f64([model.jointPlacements[i].translation for i in joints]),
        axis_joint=frozen_f64(axes),
        lower_rad=frozen_f64(np.asarray(model.lowerPositionLimit)[at_q]),
        upper_rad=frozen_f64(np.asarray(model.upperPositionLimit)[at_q]),
        velocity_rad_s=frozen_f64(np.asarray(model.velocityLimit)[at_v]),
        effort_nm=frozen_f64(np.asarray(effort)[at_v]),
        mass_kg=frozen_f64([model.inertias[i].mass for i in bodies]),
        com_body_m=frozen_f64([model.inertias[i].lever for i in bodies]),
        inertia_body_kgm2=frozen_f64([model.inertias[i].inertia for i in bodies]),
        frames=_frames(model, body_of),
        home_rad=frozen_f64([profile.home_rad.get(name, 0.0) for name in names]),
        model_sha256=file.sha256,
        model_path=None if file.path is None else str(file.path),
    )


def _parse(file: ModelFile) -> Pin:
    import pinocchio as pin

    root = pin.JointModelFreeFlyer()
    if file.kind == "urdf":
        return _guarded(lambda: pin.buildModelFromXML(file.text, root), file.where)
    model = _guarded(lambda: pin.buildModelFromMJCF(str(file.path)), file.where)
    if model.njoints > 1 and model.joints[1].nq == 7:
        return model
    return _guarded(lambda: pin.buildModelFromMJCF(str(file.path), root), file.where)


def _order(file: ModelFile, model: Pin) -> list[int]:
    """Pinocchio's joint numbers in the order of the file, a limb at a time; Pinocchio itself sorts a URDF's limbs by name."""
    numbers = list(range(2, model.njoints))
    if file.kind != "urdf":
        return numbers
    root = ElementTree.fromstring(file.text)
    below: dict[str, list[tuple[str, str]]] = {}
    for joint in root.findall("joint"):
        parent, child = joint.find("parent"), joint.find("child")
        if parent is not None and child is not None:
            below.setdefault(parent.get("link", ""), []).append((joint.get("name", ""), child.get("link", "")))
    moved = {child for pairs in below.values() for _, child in pairs}
    waiting = [("", name) for link in root.findall("link") if (name := link.get("name", "")) not in moved]
    place: dict[str, int] = {}
    while waiting:
        joint_name, link_name = waiting.pop()
        place[joint_name] = len(place)
        waiting += reversed(below.get(link_name, []))
    return sorted(numbers, key=lambda number: place.get(str(model.names[number]), number))


def _guarded(parse: Callable[[], Pin], where: str) -> Pin:
    try:
        return parse()
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"{where}: the model cannot be parsed ({reason}); a duplicate name or a loop are the usual causes"
        ) from error


def _axis(model: Pin, i: int, where: str) -> F64:
    """Rotation axis of a revolute joint from its motion subspace (linear, angular)."""
    joint = model.joints[i]
    if joint.nq == 1 and joint.nv == 1:
        data = joint.createData()
        joint.calc(data, np.zeros(model.nq), np.zeros(model.nv))
        subspace = np.asarray(data.S).reshape(6)
        if not subspace[:3].any():
            return np.asarray(subspace[3:])
    raise ModelError(
        f"{where}: joint {model.names[i]} is of type {joint.shortname()}; only revolute joints with limits are supported, "
        "make it fixed or give it limits"
    )


def _frames(model: Pin, body_of: dict[int, int]) -> dict[str, Frame]:
    import pinocchio as pin

    return {
        str(frame.name): Frame(
            body=body_of[int(frame.parentJoint)],
            rot_body_frame=frozen_f64(frame.placement.rotation),
            pos_body_frame_m=frozen_f64(frame.placement.translation),
        )
        for frame in model.frames
        if frame.type == pin.FrameType.BODY and frame.parentJoint >= 1
    }
