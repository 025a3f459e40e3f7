"""What a robot looks like: coloured triangle meshes, each fixed to one body of the `RobotModel`.

The meshes of a maker's CAD have hundreds of thousands of faces; a picture of 400 pixels shows a few ten thousand. They are
thinned once per process, which makes drawing about ten times faster and pages small.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from understudy.errors import ModelError
from understudy.geom.arrays import F64, I64
from understudy.scenes._shapes import primitive_mesh
from understudy.spec.robot import RobotModel

if TYPE_CHECKING:
    import mujoco

_FEWEST_VERTICES = 8
_SINGULAR = 1e-3
"""Directions of a cell's quadric below this share of the strongest are flat: the mean of the vertices decides there."""


@dataclass(frozen=True)
class Visual:
    """A mesh that moves with a body.

    Attributes:
        name: of the geometry in the model.
        body: body of the `RobotModel` that carries it.
        vertices_body_m: (V, 3) in that body's frame, metres.
        faces: (F, 3) vertex indices, counter-clockwise from outside.
        rgba: colour, 0 to 1.
    """

    name: str
    body: int
    vertices_body_m: F64
    faces: I64
    rgba: tuple[float, float, float, float]


_made: dict[tuple[str, str, float], tuple[Visual, ...]] = {}


def robot_visuals(robot: RobotModel, *, cell_m: float = 0.010) -> tuple[Visual, ...]:
    """The robot's visual meshes, thinned.

    Args:
        robot: any robot; one made from figures shows its primitive shapes, one whose visual meshes MuJoCo does not read
            (Collada) the shapes that collide.
        cell_m: size of the detail that is kept, metres; 0 keeps every face.

    Raises:
        ModelError: MuJoCo reads neither.
    """
    from understudy.kinematics.mujoco_model import mujoco_model

    key = (robot.name, robot.model_sha256, cell_m)
    if key not in _made:
        try:
            model = mujoco_model(robot)
        except ModelError:
            model = mujoco_model(robot, visuals=False)
        _made[key] = tuple(thin(v, cell_m) for v in model_visuals(model, robot.joint_names))
    return _made[key]


def model_visuals(model: mujoco.MjModel, joint_names: tuple[str, ...]) -> tuple[Visual, ...]:
    """Every shape of a MuJoCo model of one robot, whole.

    Shapes that nothing collides with are the visual ones; where a body has none of these, its collision shapes stand in.

    Args:
        model: floating base and driven joints; planes are left out.
        joint_names: (J,) order of the `RobotModel`: joint j moves body j + 1.
    """
    import mujoco

    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    carrier = {int(model.jnt_bodyid[model.joint(name).id]): j + 1 for j, name in enumerate(joint_names)}
    root = next(int(model.jnt_bodyid[j]) for j in range(model.njnt) if model.jnt_type[j] == mujoco.mjtJoint.mjJNT_FREE)
    carrier[root] = 0
    moving = [_carrying_body(model, b, carrier) for b in range(model.nbody)]
    shapes = [g for g in range(model.ngeom) if moving[model.geom_bodyid[g]] is not None and model.geom_rgba[g, 3] > 0]
    seen = {int(model.geom_bodyid[g]) for g in shapes if model.geom_contype[g] == 0 and model.geom_conaffinity[g] == 0}
    out = []
    for g in shapes:
        body = int(model.geom_bodyid[g])
        if body in seen and (model.geom_contype[g] or model.geom_conaffinity[g]):
            continue
        vertices, faces = _geom_mesh(model, g)
        world = vertices @ data.geom_xmat[g].reshape(3, 3).T + data.geom_xpos[g]
        mover = moving[body]
        if mover is None or not len(faces):
            continue
        local = (world - data.xpos[mover]) @ data.xmat[mover].reshape(3, 3)
        rgba = tuple(float(c) for c in _rgba(model, g))
        name = model.geom(g).name or model.body(body).name
        out.append(Visual(name, carrier[mover], local, faces, (rgba[0], rgba[1], rgba[2], rgba[3])))
    return tuple(out)


def thin(visual: Visual, cell_m: float) -> Visual:
    """The same shape with one vertex per cubic cell of `cell_m`, placed where it keeps edges sharp.

    Each cell's vertex is the point nearest to the planes of all triangles that touch the cell.

    Source: Lindstrom, "Out-of-core simplification of large polygonal models", SIGGRAPH 2000, section 3.
    """
    if cell_m <= 0 or len(visual.faces) < 200:
        return visual
    points, faces = visual.vertices_body_m, visual.faces
    _, cell = np.unique(np.floor(points / cell_m).astype(np.int64), axis=0, return_inverse=True)
    cell = cell.reshape(-1)
    count = np.bincount(cell)
    mean = np.stack([np.bincount(cell, points[:, k]) for k in range(3)], axis=1) / count[:, None]
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    normal = np.cross(b - a, c - a)
    offset = np.sum(normal * a, axis=1)
    best = mean + _quadric_shift(cell[faces], normal, offset, mean)
    best = mean + np.clip(best - mean, -cell_m, cell_m)
    new = cell[faces]
    kept = (new[:, 0] != new[:, 1]) & (new[:, 1] != new[:, 2]) & (new[:, 0] != new[:, 2])
    new = _without_doubles(new[kept])
    used, packed = np.unique(new, return_inverse=True)
    if len(used) < _FEWEST_VERTICES:
        return thin(visual, cell_m / 2.0)  # smaller than two cells: it would vanish
    return replace(visual, vertices_body_m=best[used], faces=packed.reshape(-1, 3).astype(np.int64))


def _quadric_shift(cells: I64, normal: F64, offset: F64, mean: F64) -> F64:
    """(C, 3) from each cell's mean to the least-squares point of the planes `normal . x = offset` that touch it."""
    outer = normal[:, :, None] * normal[:, None, :]
    A, rhs = np.zeros((len(mean), 3, 3)), np.zeros((len(mean), 3))
    for corner in range(3):
        at = cells[:, corner]
        miss = offset - np.sum(normal * mean[at], axis=1)
        for i in range(3):
            rhs[:, i] += np.bincount(at, normal[:, i] * miss, minlength=len(mean))
            for j in range(3):
                A[:, i, j] += np.bincount(at, outer[:, i, j], minlength=len(mean))
    value, vector = np.linalg.eigh(A)
    strong = value > _SINGULAR * np.maximum(value[:, -1:], 1e-300)
    inverse = np.where(strong, 1.0 / np.where(strong, value, 1.0), 0.0)
    along = np.einsum("cij,ci->cj", vector, rhs)
    return np.asarray(np.einsum("cij,cj->ci", vector, inverse * along))


def _without_doubles(faces: I64) -> I64:
    """Each triangle once, starting from its smallest vertex; the sense of turning is kept."""
    start = np.argmin(faces, axis=1)
    turned = np.take_along_axis(faces, (start[:, None] + np.arange(3)) % 3, axis=1)
    return np.unique(turned, axis=0)


def _carrying_body(model: mujoco.MjModel, body: int, carrier: dict[int, int]) -> int | None:
    while body != 0 and body not in carrier:
        body = int(model.body_parentid[body])
    return body if body in carrier else None


def _geom_mesh(model: mujoco.MjModel, g: int) -> tuple[F64, I64]:
    import mujoco

    if model.geom_type[g] == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = int(model.geom_dataid[g])
        v0, nv = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
        f0, nf = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
        return model.mesh_vert[v0 : v0 + nv].astype(np.float64), model.mesh_face[f0 : f0 + nf].astype(np.int64)
    kind = mujoco.mjtGeom(int(model.geom_type[g])).name.removeprefix("mjGEOM_").lower()
    return primitive_mesh(kind, np.asarray(model.geom_size[g], dtype=np.float64))


def _rgba(model: mujoco.MjModel, g: int) -> F64:
    material = int(model.geom_matid[g])
    return np.asarray(model.mat_rgba[material] if material >= 0 else model.geom_rgba[g], dtype=np.float64)
