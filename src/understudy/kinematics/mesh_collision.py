"""Whether two parts of a robot really touch, by the meshes of its model file: a check of what its capsules say.

The meshes are those for looking at: in files of real robots the collision shapes leave out hands and soles.
"""

from __future__ import annotations

import itertools
import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

import numpy as np

from understudy.geom.arrays import F64
from understudy.kinematics.collision import joints_between
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.kinematics.model_file import model_file
from understudy.spec.robot import RobotModel, RobotProfile

if TYPE_CHECKING:
    import coal

Touch = Literal["overlap", "apart", "unknown"]
_NEIGHBOURS, _FAR = 1, 2
"""A capsule also stands for what is one joint away from its body; what is up to two joints apart touches by design."""


@dataclass(frozen=True)
class Part:
    """One shape on a body: its surface, a convex hull of it, and where both sit in the body's frame."""

    surface: coal.CollisionGeometry
    hull: coal.CollisionGeometry
    rot_body: F64
    pos_body_m: F64


@dataclass(frozen=True)
class Meshes:
    """The shapes of a robot's model file.

    Attributes:
        robot: whose they are.
        parts: body to its shapes; bodies without any are missing.
    """

    robot: RobotModel = field(repr=False)
    parts: dict[int, tuple[Part, ...]] = field(repr=False)

    def touch(self, joint_pos: F64, a: int, b: int) -> Touch:
        """Whether what is on or beside body `a` runs into what is on or beside body `b`, with the joints at (J,) radians.

        `overlap`: surfaces cut one another. `apart`: not even their convex hulls touch. `unknown`: neither, as where one shape is
        wholly inside the other; or there are no shapes.
        """
        unit, origin = np.array([[1.0, 0.0, 0.0, 0.0]]), np.zeros((1, 3))
        poses = body_poses(self.robot, origin, unit, joint_pos[None])
        pairs = [
            (one, other, i, j)
            for i, j in itertools.product(self._beside(a), self._beside(b))
            if joints_between(self.robot.body_parent, i, j) > _FAR
            for one, other in itertools.product(self.parts[i], self.parts[j])
        ]
        close = [pair for pair in pairs if _gap_m(poses, *pair, hulls=True) <= 0.0]
        if any(_gap_m(poses, *pair, hulls=False) <= 0.0 for pair in close):
            return "overlap"
        return "apart" if pairs and not close else "unknown"

    def _beside(self, body: int) -> list[int]:
        return [b for b in self.parts if joints_between(self.robot.body_parent, body, b) <= _NEIGHBOURS]


def _gap_m(poses: BodyPoses, one: Part, other: Part, i: int, j: int, *, hulls: bool) -> float:
    """Distance of two shapes on bodies `i` and `j`, metres; 0 or less where they overlap."""
    import coal

    placed = [
        coal.Transform3s(
            poses.rot_world[0, body] @ part.rot_body,
            poses.rot_world[0, body] @ part.pos_body_m + poses.pos_world_m[0, body],
        )
        for part, body in ((one, i), (other, j))
    ]
    shapes = (one.hull, other.hull) if hulls else (one.surface, other.surface)
    return float(coal.distance(shapes[0], placed[0], shapes[1], placed[1], coal.DistanceRequest(), coal.DistanceResult()))


def meshes(robot: RobotModel) -> Meshes | None:
    """The shapes of a robot's URDF; None where it has no such file, or the libraries that read them are not installed."""
    if robot.model_path is None or not robot.model_path.lower().endswith(".urdf"):
        return None
    if find_spec("coal") is None or find_spec("pinocchio") is None:
        return None
    return Meshes(robot, _parts(robot.profile.model_dump_json(), robot.joint_names))


@lru_cache(maxsize=2)
def _parts(profile: str, joint_names: tuple[str, ...]) -> dict[int, tuple[Part, ...]]:
    import pinocchio

    text = model_file(RobotProfile.model_validate_json(profile)).text
    model = pinocchio.buildModelFromXML(text, pinocchio.JointModelFreeFlyer())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it says that no folder of meshes was needed: paths are absolute
        shapes = pinocchio.buildGeomFromUrdfString(model, text, pinocchio.GeometryType.VISUAL, [])
    body = {name: j + 1 for j, name in enumerate(joint_names)}
    parts: dict[int, list[Part]] = defaultdict(list)
    for shape in shapes.geometryObjects:
        surface = shape.geometry
        hull = surface
        if hasattr(surface, "buildConvexHull"):
            surface.buildConvexHull(True, "Qt")
            hull = surface.convex
        place = shape.placement
        on = body.get(model.names[shape.parentJoint], 0)
        parts[on].append(Part(surface, hull, np.array(place.rotation), np.array(place.translation)))
    return {on: tuple(found) for on, found in parts.items()}
