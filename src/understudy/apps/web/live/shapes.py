"""What the page draws, told once: the robot's triangles, the person's bones, and which limb each belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.pipeline.live.limbs import LIMB_OF
from understudy.retarget.feasibility import ENDS
from understudy.scenes.visuals import Visual, robot_visuals
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import BONES, INDEX

CREASE = float(np.cos(np.radians(40.0)))
"""Faces that meet at a sharper angle keep their edge."""
Json = dict[str, object]


@dataclass(frozen=True)
class RobotShapes:
    """A robot for the page.

    Attributes:
        description: names, bones, and per shape its body, limb, colour and range of vertices.
        vertices: per vertex 12 bytes of position (three float32, little-endian) and 4 of normal (three int8 and nothing).
    """

    description: Json
    vertices: bytes


def robot_shapes(robot: RobotModel) -> RobotShapes:
    """Triangles of the robot's visual shapes, with normals."""
    shapes: list[Json] = []
    parts = []
    first = 0
    for visual in robot_visuals(robot):
        corners = _corners(visual)
        parts.append(corners)
        shapes.append(
            {
                "body": visual.body,
                "limb": body_limb(robot, visual.body),
                "rgb": list(visual.rgba[:3]),
                "first": first,
                "count": len(corners),
            }
        )
        first += len(corners)
    description: Json = {
        "robot": robot.name,
        "title": robot.profile.title,
        "shapes": shapes,
        "bones": [[INDEX[a], INDEX[b], LIMB_OF[INDEX[b]], f"{a}>{b}"] for a, b in BONES],
        "ends": [end.replace("hand", "arm").replace("foot", "leg") for end in ENDS],
        "hips": [INDEX["left_hip"], INDEX["right_hip"]],
    }
    return RobotShapes(description, b"".join(part.tobytes() for part in parts))


def body_limb(robot: RobotModel, body: int) -> str:
    """The joint group that moves a body, `trunk` for the root and the waist."""
    name = robot.joint_names[body - 1] if body > 0 else ""
    limbs = ("left_arm", "right_arm", "left_leg", "right_leg")
    return next((limb for limb in limbs if name in robot.profile.groups.get(limb, ())), "trunk")


def _corners(visual: Visual) -> np.ndarray:
    """(3 F,) records of position and normal, one per corner of each triangle."""
    points = visual.vertices_body_m[visual.faces]
    flat = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    normals = _smoothed(flat, visual.faces)
    out = np.zeros(3 * len(points), dtype=np.dtype([("pos", "<f4", 3), ("normal", "i1", 4)]))
    out["pos"] = points.reshape(-1, 3)
    out["normal"][:, :3] = np.round(127.0 * normals)
    return out


def _smoothed(flat: F64, faces: I64) -> F64:
    """(3 F, 3) unit normals of corners: faces around a vertex count by their size, those beyond a crease do not.

    Args:
        flat: (F, 3) normals of the faces, twice as long as the face is large.
        faces: (F, 3) vertex indices.
    """
    unit = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    face = np.repeat(np.arange(len(faces)), 3)
    vertex = faces.reshape(-1)
    order = np.argsort(vertex, kind="stable")
    start = np.searchsorted(vertex[order], vertex)
    count = np.bincount(vertex, minlength=int(vertex.max()) + 1)[vertex]
    total = np.zeros((len(vertex), 3))
    for k in range(int(count.max())):
        there = k < count
        other = face[order[np.minimum(start + k, len(order) - 1)]]
        near = there & (np.sum(unit[other] * unit[face], axis=1) > CREASE)
        total += np.where(near[:, None], flat[other], 0.0)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.asarray(np.where(length > 1e-12, total / np.maximum(length, 1e-12), unit[face]))
