"""A robot: its profile (what a person writes) and its model (what is read from the model file).

The profile is a TOML file in `spec/robots/`; `kinematics.load` makes a `RobotModel` of it. Joint order everywhere
is `RobotModel.joint_names`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from understudy.errors import JointOrderError, UnknownNameError
from understudy.geom.arrays import F64, I64

Vec3 = tuple[float, float, float]


class Strict(BaseModel):
    """Base of everything read from TOML: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LinkPoint(Strict):
    """A point that moves with a link: `offset_m` in the link's frame."""

    link: str
    offset_m: Vec3 = (0.0, 0.0, 0.0)


class Sole(Strict):
    """The flat underside of a foot: convex outline in the foot link's frame, metres, counter-clockwise from above."""

    link: str
    outline_m: tuple[Vec3, ...] = Field(min_length=3)


class Capsule(Strict):
    """A collision capsule: a segment from `a_m` to `b_m` in the link's frame, thickened by `radius_m`."""

    name: str
    link: str
    a_m: Vec3
    b_m: Vec3
    radius_m: float = Field(gt=0)


class Mount(Strict):
    """A sensor fixed to a link: origin and orientation of the sensor's frame in the link's frame."""

    link: str
    pos_m: Vec3 = (0.0, 0.0, 0.0)
    quat_wxyz: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)


class CameraMount(Mount):
    """A camera: x right, y down, z forward (OpenCV)."""

    fovy_deg: float = 60.0
    width: int = 224
    height: int = 224


class ModelSource(Strict):
    """Where the model comes from.

    `kind`: `package` (a file inside an installed pip package), `path` (a file on disk), `robot_descriptions` (a name in that
    package, online), `figures` (links and joints in the profile itself).
    """

    kind: str
    package: str | None = None
    path: str | None = None
    name: str | None = None


class FigureJoint(Strict):
    """One revolute joint and the link it moves, for models built from figures. Frames as in URDF."""

    name: str
    parent: str
    child: str
    pos_m: Vec3
    rpy_rad: Vec3 = (0.0, 0.0, 0.0)
    axis: Vec3
    lower_rad: float
    upper_rad: float
    effort_nm: float = Field(gt=0)
    velocity_rad_s: float = Field(gt=0)


class FigureLink(Strict):
    """Mass properties of one link; inertia (xx, yy, zz, xy, xz, yz) about the centre of mass in axes of the link."""

    name: str
    mass_kg: float = Field(ge=0)
    com_m: Vec3 = (0.0, 0.0, 0.0)
    inertia_kgm2: tuple[float, float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class Figures(Strict):
    """A whole model in figures."""

    root: str
    joints: tuple[FigureJoint, ...]
    links: tuple[FigureLink, ...]


class Expect(Strict):
    """What a loaded model must match: catches doubled, fused and stripped models."""

    dof: int
    mass_kg: float
    mass_tolerance_kg: float = 0.05


class RobotProfile(Strict):
    """Everything about a robot that its model file does not say.

    Attributes:
        name: unique name, the file's stem.
        title: maker and type.
        groups: joint group to joint names, in the model's order: left_leg, right_leg, waist, left_arm, right_arm,
            left_hand, right_hand, head.
        links: semantic name to link name: pelvis, torso, head, and per side hip, knee, ankle, foot, shoulder, elbow, wrist, hand.
        points: anatomical joint centres that stand for the human's: per side hip, knee, ankle, shoulder, elbow, wrist; and
            neck (middle of the shoulders, fixed in the torso), pelvis (middle of the hips, fixed in the pelvis).
        soles: left and right.
        home_rad: joint to angle of the standing home pose; joints not named are 0.
        standing_height_m: height of the pelvis link above the floor in the home pose.
        capsules: tuned collision capsules.
        collision_ignore: pairs of capsule names that may touch.
        position_only_hands: the arms cannot orient the hand.
    """

    name: str
    title: str
    source: str
    licence: str
    model: ModelSource
    expect: Expect
    groups: dict[str, tuple[str, ...]]
    links: dict[str, str]
    points: dict[str, LinkPoint]
    soles: dict[str, Sole]
    home_rad: dict[str, float] = {}
    standing_height_m: float = Field(gt=0)
    capsules: tuple[Capsule, ...] = ()
    collision_ignore: tuple[tuple[str, str], ...] = ()
    imus: dict[str, Mount] = {}
    cameras: dict[str, CameraMount] = {}
    position_only_hands: bool = False
    figures: Figures | None = None
    notes: str = ""


@dataclass(frozen=True)
class Frame:
    """A frame fixed to a body: where a link of the model file sits on the body that carries it."""

    body: int
    rot_body_frame: F64
    pos_body_frame_m: F64


@dataclass(frozen=True)
class RobotModel:
    """A robot as arrays. Body 0 is the floating root (pelvis); body j + 1 is moved by joint j.

    Attributes:
        profile: what it was made from.
        joint_names: (J,) in the model's order; a joint comes after every joint between it and the root.
        body_parent: (J,) body that joint j is mounted on.
        rot_parent_joint: (J, 3, 3) and pos_parent_joint_m (J, 3): the joint's frame in its parent body at angle 0.
        axis_joint: (J, 3) unit rotation axis in the joint's frame.
        lower_rad, upper_rad, velocity_rad_s, effort_nm: (J,) limits.
        mass_kg: (J + 1,); com_body_m (J + 1, 3); inertia_body_kgm2 (J + 1, 3, 3) about the centre of mass, body axes.
        frames: link name to the frame of that link.
        home_rad: (J,) home pose.
        model_sha256: hash of the model file (or of the figures).
        model_path: the file the model was read from; None for figures.
    """

    profile: RobotProfile
    joint_names: tuple[str, ...]
    body_parent: I64
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
    home_rad: F64
    model_sha256: str
    model_path: str | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "frames", MappingProxyType(dict(self.frames)))

    @property
    def name(self) -> str:
        """The profile's name."""
        return self.profile.name

    @property
    def dof(self) -> int:
        """Number of driven joints."""
        return len(self.joint_names)

    def joint_index(self, name: str) -> int:
        """Place of a joint in the order.

        Raises:
            UnknownNameError: the robot has no such joint.
        """
        try:
            return self.joint_names.index(name)
        except ValueError:
            raise UnknownNameError(f"joint of {self.name}", name, self.joint_names) from None

    def frame(self, link: str) -> Frame:
        """Frame of a link of the model file.

        Raises:
            UnknownNameError: the model has no such link.
        """
        try:
            return self.frames[link]
        except KeyError:
            raise UnknownNameError(f"link of {self.name}", link, self.frames) from None

    def point(self, name: str) -> tuple[int, F64]:
        """Body and offset (3,) in that body, metres, of an anatomical point of the profile."""
        try:
            point = self.profile.points[name]
        except KeyError:
            raise UnknownNameError(f"anatomical point of {self.name}", name, self.profile.points) from None
        return self.on_body(point.link, np.array(point.offset_m))

    def on_body(self, link: str, offset_m: F64) -> tuple[int, F64]:
        """Body and offset (..., 3) in that body of points (..., 3) given in a link's frame, metres."""
        frame = self.frame(link)
        return frame.body, frame.pos_body_frame_m + offset_m @ frame.rot_body_frame.T

    def reorder(self, names: tuple[str, ...], *, where: str) -> I64:
        """Columns that bring joints named `names` into this robot's order.

        Raises:
            JointOrderError: the two sets of names differ; the message lists what is missing and what is extra.
        """
        missing = [n for n in self.joint_names if n not in names]
        extra = [n for n in names if n not in self.joint_names]
        if missing or extra or len(names) != len(set(names)):
            raise JointOrderError(
                f"{where}: joints do not belong to {self.name}: missing {missing or 'none'}, unknown {extra or 'none'}"
                f"{', some named twice' if len(names) != len(set(names)) else ''}; use the robot it was made for"
            )
        place = {n: i for i, n in enumerate(names)}
        return np.array([place[n] for n in self.joint_names], dtype=np.int64)


@dataclass(frozen=True)
class RobotMotion:
    """A robot's whole-body motion.

    Attributes:
        t_ns: (T,) nanoseconds.
        root_pos_world_m: (T, 3) origin of the root link in `world`, metres, floor at z = 0.
        root_quat_world_wxyz: (T, 4) root to world.
        joint_pos: (T, J) radians, order `joint_names`.
    """

    t_ns: I64
    root_pos_world_m: F64
    root_quat_world_wxyz: F64
    joint_pos: F64
    joint_names: tuple[str, ...]
