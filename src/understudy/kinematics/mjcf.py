"""Reads an MJCF file, by Pinocchio."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from understudy.errors import MissingDependencyError, ModelError
from understudy.geom.arrays import F64, frozen_f64
from understudy.kinematics.parsed import NO_ROOT, NOT_REVOLUTE, ParsedModel
from understudy.spec.robot import Frame

Pin = Any  # pinocchio has no type stubs: its objects stay inside the modules that call it


def pinocchio(what: str) -> Pin:
    """The library, or what to install for `what`.

    Raises:
        MissingDependencyError: it is not installed, or a system library that it needs is not.
    """
    try:
        import pinocchio as pin
    except ImportError as error:
        advice = "sudo apt-get install libgomp1" if "libgomp" in str(error) else "python -m pip install pin"
        raise MissingDependencyError(f"{what} needs Pinocchio, which does not load here ({error}): {advice}") from None
    return pin


def parse_mjcf(path: Path) -> ParsedModel:
    """The model in an MJCF file; a root that is not floating there is made so.

    Raises:
        MissingDependencyError: Pinocchio does not load.
        ModelError: the file cannot be parsed, or a joint is not a revolute joint with one angle.
    """
    pin = pinocchio(f"{path}: reading an MJCF file")
    model = _guarded(lambda: pin.buildModelFromMJCF(str(path)), path)
    if model.njoints < 2 or model.joints[1].nq != 7:
        model = _guarded(lambda: pin.buildModelFromMJCF(str(path), pin.JointModelFreeFlyer()), path)
    if model.njoints < 3 or model.joints[1].nq != 7:
        raise ModelError(f"{path}: {NO_ROOT}")
    joints = list(range(2, model.njoints))
    at_q = [model.joints[i].idx_q for i in joints]
    at_v = [model.joints[i].idx_v for i in joints]
    axes = [_axis(model, i, path) for i in joints]
    effort = model.effortLimit if hasattr(model, "effortLimit") else model.upperEffortLimit
    bodies = model.inertias[1:]
    return ParsedModel(
        joint_names=tuple(str(model.names[i]) for i in joints),
        body_parent=tuple(model.parents[i] - 1 for i in joints),
        rot_parent_joint=np.array([model.jointPlacements[i].rotation for i in joints]),
        pos_parent_joint_m=np.array([model.jointPlacements[i].translation for i in joints]),
        axis_joint=np.array(axes),
        lower_rad=np.asarray(model.lowerPositionLimit)[at_q],
        upper_rad=np.asarray(model.upperPositionLimit)[at_q],
        velocity_rad_s=np.asarray(model.velocityLimit)[at_v],
        effort_nm=np.asarray(effort)[at_v],
        mass_kg=np.array([body.mass for body in bodies]),
        com_body_m=np.array([body.lever for body in bodies]),
        inertia_body_kgm2=np.array([body.inertia for body in bodies]),
        frames=_frames(model, pin),
    )


def _guarded(parse: Callable[[], Pin], path: Path) -> Pin:
    try:
        return parse()
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"{path}: the model cannot be parsed ({reason}); a duplicate name or a loop are the usual causes"
        ) from error


def _axis(model: Pin, i: int, path: Path) -> F64:
    """Rotation axis of a revolute joint from its motion subspace (linear, angular)."""
    joint = model.joints[i]
    if joint.nq == 1 and joint.nv == 1:
        data = joint.createData()
        joint.calc(data, np.zeros(model.nq), np.zeros(model.nv))
        subspace = np.asarray(data.S).reshape(6)
        if not subspace[:3].any():
            return np.asarray(subspace[3:])
    raise ModelError(f"{path}: joint {model.names[i]} is of type {joint.shortname()}; {NOT_REVOLUTE}")


def _frames(model: Pin, pin: Pin) -> dict[str, Frame]:
    return {
        str(frame.name): Frame(
            body=int(frame.parentJoint) - 1,
            rot_body_frame=frozen_f64(frame.placement.rotation),
            pos_body_frame_m=frozen_f64(frame.placement.translation),
        )
        for frame in model.frames
        if frame.type == pin.FrameType.BODY and frame.parentJoint >= 1
    }
