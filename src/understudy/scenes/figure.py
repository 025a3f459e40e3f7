"""The person as a stick figure: left limbs in one colour, right limbs in another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.errors import ShapeError
from understudy.geom.arrays import F64
from understudy.spec.skeleton import BONES, INDEX, JOINTS

if TYPE_CHECKING:
    import mujoco

SIDE_RGB: dict[str, tuple[float, float, float]] = {
    "left": (0.129, 0.463, 0.871),
    "right": (0.937, 0.490, 0.086),
    "middle": (0.42, 0.45, 0.50),
}
"""Left is blue, right is orange, in pictures and plots alike; the pair is told apart by colour-blind eyes too."""
_BONE_RADIUS_M, _JOINT_RADIUS_M, _HEAD_RADIUS_M = 0.011, 0.018, 0.035


def bone_side(name: str) -> str:
    """`left`, `right` or `middle`, from the name of a joint or limb."""
    return next((side for side in ("left", "right") if name.startswith(f"{side}_")), "middle")


def add_human(scene: mujoco.MjvScene, joints_m: F64) -> None:
    """Add the figure to what is drawn next.

    Args:
        scene: with room for one shape per bone and joint.
        joints_m: (23, 3) joint centres in `world`, order `spec.skeleton.JOINTS`.

    Raises:
        ShapeError: another number of joints.
    """
    if joints_m.shape != (len(JOINTS), 3):
        raise ShapeError(f"a person's joints have shape {joints_m.shape}, ({len(JOINTS)}, 3) is needed")
    for parent, child in BONES:
        _add_bone(scene, joints_m[INDEX[parent]], joints_m[INDEX[child]], bone_side(child))
    for k, name in enumerate(JOINTS):
        _add_ball(scene, joints_m[k], _HEAD_RADIUS_M if name == "head" else _JOINT_RADIUS_M, bone_side(name))


def _add_bone(scene: mujoco.MjvScene, a_m: F64, b_m: F64, side: str) -> None:
    import mujoco

    geom = _next_geom(scene, mujoco.mjtGeom.mjGEOM_CAPSULE, np.zeros(3), np.zeros(3), side)
    mujoco.mjv_connector(geom, mujoco.mjtGeom.mjGEOM_CAPSULE, _BONE_RADIUS_M, a_m, b_m)


def _add_ball(scene: mujoco.MjvScene, at_m: F64, radius_m: float, side: str) -> None:
    import mujoco

    _next_geom(scene, mujoco.mjtGeom.mjGEOM_SPHERE, np.full(3, radius_m), at_m, side)


def _next_geom(scene: mujoco.MjvScene, kind: mujoco.mjtGeom, size_m: F64, pos_m: F64, side: str) -> mujoco.MjvGeom:
    import mujoco

    geom = scene.geoms[scene.ngeom]
    rgba = np.array([*SIDE_RGB[side], 1.0], dtype=np.float32)
    mujoco.mjv_initGeom(geom, kind, size_m, pos_m, np.eye(3).ravel(), rgba)
    geom.category = mujoco.mjtCatBit.mjCAT_DECOR.value
    scene.ngeom += 1
    return geom
