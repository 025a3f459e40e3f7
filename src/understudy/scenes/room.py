"""A plain room for cameras: tiles on the floor, walls and a little light, made to be drawn fast without a graphics card.

A textured, endless floor and a sky are what costs most in software: meshes of one colour each are three times as fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.geom.arrays import F64, I64

if TYPE_CHECKING:
    import mujoco

_TILE_M, _TILES_EACH_WAY = 0.5, 8
_TILE_RGBA = ([0.80, 0.81, 0.83, 1.0], [0.62, 0.65, 0.69, 1.0])
_WALL_RGBA, _WALL_M = [0.86, 0.87, 0.86, 1.0], 4.0
_SUN_TO = [-0.30, -0.38, -0.87]


def add_room(spec: mujoco.MjSpec) -> None:
    """Add a room of 8 m by 8 m, 4 m high, about the origin to a model that is only looked at."""
    import mujoco

    spec.visual.map.znear, spec.visual.map.zfar = 0.02, 30.0
    spec.stat.extent, spec.stat.center = 1.0, [0.0, 0.0, 0.6]
    spec.visual.headlight.ambient, spec.visual.headlight.diffuse = [0.42, 0.42, 0.44], [0.22, 0.22, 0.22]
    spec.visual.headlight.specular = [0.0, 0.0, 0.0]
    spec.worldbody.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        dir=_SUN_TO,
        diffuse=[0.55, 0.55, 0.53],
        specular=[0.15, 0.15, 0.15],
        castshadow=False,
    )
    surfaces = {
        "light_tiles": (_tiles(0), _TILE_RGBA[0]),
        "dark_tiles": (_tiles(1), _TILE_RGBA[1]),
        "walls": (_walls(), _WALL_RGBA),
    }
    for name, ((vertices, faces), rgba) in surfaces.items():
        add_mesh(spec, name, vertices, faces)
        spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name, rgba=rgba, contype=0, conaffinity=0)


def add_mesh(spec: mujoco.MjSpec, name: str, vertices_m: F64, faces: I64) -> None:
    """Add a mesh (V, 3), (F, 3) that is only looked at: it may be open."""
    import mujoco

    mesh = spec.add_mesh(name=name)
    mesh.uservert, mesh.userface = vertices_m.astype(np.float32).ravel(), faces.astype(np.int32).ravel()
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL


def _tiles(shade: int) -> tuple[F64, I64]:
    """Every second square of a chessboard on z = 0."""
    n = _TILES_EACH_WAY
    corners = np.array([(i, j) for i in range(-n, n) for j in range(-n, n) if (i + j) % 2 == shade], dtype=np.float64)
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=np.float64)
    vertices = _TILE_M * (np.pad(corners, ((0, 0), (0, 1)))[:, None] + square).reshape(-1, 3)
    first = 4 * np.arange(len(corners))[:, None, None]
    return vertices, (first + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3).astype(np.int64)


def _walls() -> tuple[F64, I64]:
    """Four walls and a ceiling, their faces turned inwards."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64) * _WALL_M
    vertices = np.concatenate([np.pad(corners, ((0, 0), (0, 1)), constant_values=z) for z in (0.0, _WALL_M)])
    sides = [face for k in range(4) for n in [(k + 1) % 4] for face in ([k, k + 4, n], [n, k + 4, n + 4])]
    return vertices, np.array([*sides, [4, 6, 5], [4, 7, 6]], dtype=np.int64)
