"""Triangle meshes of the primitive shapes."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, I64

_TURNS, _RINGS = 20, 8


def primitive_mesh(kind: str, size_m: F64) -> tuple[F64, I64]:
    """Vertices (V, 3) and faces (F, 3) of a shape about the origin, its axis along z; empty for other kinds.

    Args:
        kind: `sphere`, `ellipsoid`, `capsule`, `cylinder` or `box`.
        size_m: as MuJoCo has it: radius and half length; half axes; half edges. Metres.
    """
    if kind == "box":
        return _box(size_m)
    if kind == "sphere":
        return _lathe(*_profile_capsule(float(size_m[0]), 0.0))
    if kind == "capsule":
        return _lathe(*_profile_capsule(float(size_m[0]), float(size_m[1])))
    if kind == "ellipsoid":
        vertices, faces = _lathe(*_profile_capsule(1.0, 0.0))
        return vertices * size_m[:3], faces
    if kind == "cylinder":
        radius, half = float(size_m[0]), float(size_m[1])
        # the rim is there twice, so that shading keeps the edge
        return _lathe(np.array([0.0, radius, radius, radius, radius, 0.0]), np.array([-half, -half, -half, half, half, half]))
    return np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)


def capsule_between(a_m: F64, b_m: F64, radius_m: float) -> tuple[F64, I64]:
    """A capsule whose axis runs from `a_m` (3,) to `b_m` (3,)."""
    axis = b_m - a_m
    length = float(np.linalg.norm(axis))
    vertices, faces = primitive_mesh("capsule", np.array([radius_m, length / 2.0]))
    z = axis / length if length > 1e-9 else np.array([0.0, 0.0, 1.0])
    x = np.cross([0.0, 1.0, 0.0] if abs(z[1]) < 0.9 else [1.0, 0.0, 0.0], z)
    x /= np.linalg.norm(x)
    return vertices @ np.stack([x, np.cross(z, x), z]) + (a_m + b_m) / 2.0, faces


def _profile_capsule(radius: float, half: float) -> tuple[F64, F64]:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 2 * _RINGS)
    z = radius * np.sin(angle) + np.where(np.arange(2 * _RINGS) < _RINGS, -half, half)
    return radius * np.cos(angle), z


def _lathe(radius: F64, z: F64) -> tuple[F64, I64]:
    """The surface that a profile (radius, z), from the bottom up, sweeps around z."""
    turn = np.arange(_TURNS) * (2 * np.pi / _TURNS)
    x, y = radius[:, None] * np.cos(turn), radius[:, None] * np.sin(turn)
    vertices = np.stack([x, y, np.broadcast_to(z[:, None], x.shape)], axis=-1).reshape(-1, 3)
    ring, k = np.meshgrid(np.arange(len(z) - 1), np.arange(_TURNS), indexing="ij")
    here, right = ring * _TURNS + k, ring * _TURNS + (k + 1) % _TURNS
    lower = np.stack([here, right, right + _TURNS], axis=-1).reshape(-1, 3)
    upper = np.stack([here, right + _TURNS, here + _TURNS], axis=-1).reshape(-1, 3)
    return vertices, np.concatenate([lower, upper]).astype(np.int64)


def _box(half: F64) -> tuple[F64, I64]:
    """Each side has its own four corners, so that shading keeps the edges."""
    vertices: list[F64] = []
    faces: list[list[int]] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            corners = np.zeros((4, 3))
            corners[:, axis] = sign * half[axis]
            corners[:, u] = half[u] * np.array([-1, 1, 1, -1])
            corners[:, v] = half[v] * np.array([-1, -1, 1, 1]) * sign
            base = 4 * len(vertices)
            vertices.append(corners)
            faces += [[base, base + 1, base + 2], [base, base + 2, base + 3]]
    return np.concatenate(vertices), np.array(faces, dtype=np.int64)
