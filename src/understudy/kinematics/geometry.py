"""The shapes of a model file as points, link by link."""

from __future__ import annotations

from typing import Any

import numpy as np

from understudy.errors import ModelError
from understudy.geom.arrays import F64
from understudy.kinematics.mjcf import pinocchio
from understudy.kinematics.model_file import ModelFile

Pin = Any


def link_points(file: ModelFile, *, visual: bool, spacing_m: float | None = None) -> dict[str, F64]:
    """Points on the shapes of every link that has some.

    Args:
        visual: the visual shapes, else the collision shapes.
        spacing_m: also take points along the edges of meshes, this far apart.

    Returns:
        link name to (N, 3) points in the link's frame, metres: vertices of meshes and boxes, points on round shapes.

    Raises:
        MissingDependencyError: Pinocchio does not load.
        ModelError: the shapes cannot be read.
    """
    pin = pinocchio(f"{file.where}: reading the shapes of links")
    kind = pin.GeometryType.VISUAL if visual else pin.GeometryType.COLLISION
    try:
        if file.kind == "urdf":
            model = pin.buildModelFromXML(file.text, pin.JointModelFreeFlyer())
            shapes = pin.buildGeomFromUrdfString(model, file.text, kind)
        else:
            model = pin.buildModelFromMJCF(str(file.path))
            shapes = pin.buildGeomFromMJCF(model, str(file.path), kind)
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{file.where}: the shapes cannot be read ({str(error).strip().splitlines()[0]})") from error
    gathered: dict[str, list[F64]] = {}
    for shape in shapes.geometryObjects:
        points = _surface(shape.geometry, spacing_m)
        if points is None:
            continue
        frame = _body_frame(pin, model, shape.parentFrame)
        moved = frame.placement.inverse() * shape.placement
        gathered.setdefault(str(frame.name), []).append(points @ moved.rotation.T + moved.translation)
    return {link: np.concatenate(parts) for link, parts in gathered.items()}


def _body_frame(pin: Pin, model: Pin, index: int) -> Pin:
    """The link at or above a frame."""
    while model.frames[index].type != pin.FrameType.BODY and index != 0:
        index = model.frames[index].parentFrame
    return model.frames[index]


def _surface(shape: Pin, spacing_m: float | None) -> F64 | None:
    kind = type(shape).__name__
    if kind.startswith("BVH"):
        vertices = np.array(shape.vertices())
        return vertices if spacing_m is None else np.concatenate([vertices, _along_edges(shape, vertices, spacing_m)])
    if kind.startswith("Convex"):
        return np.array(shape.points())
    if kind == "Box":
        signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        return np.asarray(signs * shape.halfSide)
    if kind == "Sphere":
        return _round(shape.radius, 0.0, domed=True)
    if kind in ("Cylinder", "Capsule"):
        return _round(shape.radius, shape.halfLength, domed=kind == "Capsule")
    return None


def _along_edges(mesh: Pin, vertices: F64, spacing_m: float) -> F64:
    triangles = np.array([[mesh.tri_indices(i)[k] for k in range(3)] for i in range(mesh.num_tris)])
    edges = np.unique(np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1), axis=0)
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    points = [np.empty((0, 3))]
    for (a, b), parts in zip(edges, np.ceil(length / spacing_m).astype(int), strict=True):
        share = (np.arange(1, parts) / max(parts, 1))[:, None]
        points.append((1.0 - share) * vertices[a] + share * vertices[b])
    return np.concatenate(points)


def _round(radius: float, half_length: float, *, domed: bool) -> F64:
    turn = np.linspace(0.0, 2.0 * np.pi, 17)[:-1]
    rings = []
    for lift in np.linspace(0.0, np.pi / 2.0, 5) if domed else (0.0,):
        ring = (
            np.stack([np.cos(turn) * np.cos(lift), np.sin(turn) * np.cos(lift), np.full_like(turn, np.sin(lift))], axis=1)
            * radius
        )
        lift_m = np.array([0.0, 0.0, half_length])
        rings += [ring + lift_m, ring * np.array([1.0, 1.0, -1.0]) - lift_m]
    return np.concatenate(rings)
