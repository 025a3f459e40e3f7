"""Things that stand around a robot in a simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.errors import UnknownNameError

if TYPE_CHECKING:
    import mujoco

SCENES: tuple[str, ...] = ("empty", "table")
"""`table` has a table top at 0.70 m, 0.30 m in front of the pelvis, and a red box of 6 cm that can be moved."""
OBJECTS: dict[str, tuple[str, ...]] = {"empty": (), "table": ("box",)}
"""Loose objects of each scene, in the order in which they follow the robot in `qpos`."""
_TABLE_RGBA, _LEG_RGBA, _BOX_RGBA = [0.66, 0.52, 0.38, 1.0], [0.35, 0.36, 0.38, 1.0], [0.80, 0.16, 0.14, 1.0]
_TOP_M, _NEAR_M, _HALF_DEPTH_M, _HALF_WIDTH_M, _THICK_M, _BOX_M = 0.70, 0.30, 0.25, 0.50, 0.02, 0.06


def add_props(spec: mujoco.MjSpec, scene: str, *, contype: int, conaffinity: int) -> None:
    """Add a scene's things to a model of which the robot stands at the origin and looks along x.

    Args:
        spec: edited in place.
        scene: a name of `SCENES`.
        contype, conaffinity: MuJoCo's bits that say what they touch.

    Raises:
        UnknownNameError: there is no such scene.
    """
    import mujoco

    if scene not in SCENES:
        raise UnknownNameError("scene", scene, SCENES)
    if scene == "empty":
        return
    box, middle = mujoco.mjtGeom.mjGEOM_BOX, _NEAR_M + _HALF_DEPTH_M
    table = spec.worldbody.add_body(name="table", pos=[middle, 0.0, 0.0])
    table.add_geom(
        type=box, pos=[0, 0, _TOP_M - _THICK_M], size=[_HALF_DEPTH_M, _HALF_WIDTH_M, _THICK_M], rgba=_TABLE_RGBA,
        contype=contype, conaffinity=conaffinity,
    )  # fmt: skip
    half_leg = _TOP_M / 2.0 - _THICK_M
    for x in (-1.0, 1.0):
        for y in (-1.0, 1.0):
            at = [x * (_HALF_DEPTH_M - 0.03), y * (_HALF_WIDTH_M - 0.03), half_leg]
            table.add_geom(type=box, pos=at, size=[0.02, 0.02, half_leg], rgba=_LEG_RGBA, contype=0, conaffinity=0)
    loose = spec.worldbody.add_body(name="box", pos=[_NEAR_M + 0.15, 0.15, _TOP_M + _BOX_M / 2.0])
    loose.add_freejoint(name="box")
    loose.add_geom(
        type=box, size=[_BOX_M / 2.0] * 3, rgba=_BOX_RGBA, mass=0.2, contype=contype, conaffinity=conaffinity
    )  # fmt: skip
