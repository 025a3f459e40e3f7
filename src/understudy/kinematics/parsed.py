"""What a parser gets out of a model file: a floating root with revolute joints, fixed links merged into their bodies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from understudy.geom.arrays import F64
from understudy.spec.robot import Frame


@dataclass(frozen=True)
class ParsedModel:
    """A model file as arrays, not yet held against a profile; fields as in `RobotModel`."""

    joint_names: tuple[str, ...]
    body_parent: tuple[int, ...]
    rot_parent_joint: F64
    pos_parent_joint_m: F64
    axis_joint: F64
    lower_rad: F64
    upper_rad: F64
    velocity_rad_s: F64
    effort_nm: F64
    mass_kg: F64
    com_body_m: F64
    inertia_body_kgm2: F64
    frames: Mapping[str, Frame]


NOT_REVOLUTE = "only revolute joints with limits are supported, make it fixed or give it limits"
NO_ROOT = "found no floating root with joints on it; check that one link is the root of all others"
