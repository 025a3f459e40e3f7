"""What cameras see of a simulated robot: its moving bodies with thinned meshes, things around it, and the cameras.

The model has the `qpos` of the physics and nothing of its forces: a state is laid in and drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from understudy.errors import ModelError
from understudy.geom.arrays import F64
from understudy.geom.rotations import matrix_to_quat, quat_apply, quat_mul
from understudy.kinematics.mujoco_model import mujoco_spec
from understudy.scenes.props import add_props
from understudy.scenes.room import add_mesh, add_room
from understudy.scenes.stage import OPENCV_TO_OPENGL
from understudy.scenes.visuals import robot_visuals
from understudy.spec.robot import CameraMount, RobotModel, Vec3
from understudy.spec.skeleton import SIDES

if TYPE_CHECKING:
    import mujoco

WORLD = "world"
"""Link of a camera that stands in the room."""
STEREO_BASELINE_M = 0.05
"""Between the two head cameras where a profile names only one: that of a RealSense D435."""
CELL_M = 0.015
"""Size of the detail that meshes keep: a pixel of a 640x480 camera sees 3 mm at a distance of 2 m."""
SMALL_CELL_M = 0.025
"""The same for pictures of 320x240, and for what a head camera sees of legs and torso."""
NEAR_CELL_M = 0.006
"""The same for forearms and hands before a head camera: a pixel sees 1 mm of a hand at 0.4 m."""
_EXTERNAL_M: tuple[tuple[float, float, float], ...] = ((1.9, 1.2, 1.5), (1.9, -1.2, 1.5), (-0.4, 2.2, 1.3), (-0.4, -2.2, 1.3))
_EXTERNAL_FOVY_DEG = 48.0


def camera_model(
    robot: RobotModel,
    cameras: Mapping[str, CameraMount],
    *,
    scene: str = "empty",
    cell_m: float = CELL_M,
    near_cell_m: float = NEAR_CELL_M,
) -> mujoco.MjModel:
    """The compiled model; its cameras have the names given.

    Args:
        robot: whose meshes are shown.
        cameras: name to mount, on a link of the robot or on `WORLD`.
        scene: a name of `scenes.props.SCENES`.
        cell_m: size of the detail that meshes keep, metres; 0 keeps every face.
        near_cell_m: the same for forearms and hands where a camera sits on the robot, and has them close before it.

    Raises:
        UnknownNameError: there is no such scene.
        ModelError: a camera is mounted on a link that the robot lacks.
    """
    spec = mujoco_spec(robot)
    for geom in list(spec.geoms):
        spec.delete(geom)
    for mesh in list(spec.meshes):
        spec.delete(mesh)
    for key in list(spec.keys):
        spec.delete(key)
    near = any(mount.link != WORLD for mount in cameras.values())
    _show_robot(spec, robot, cell_m, min(cell_m, near_cell_m) if near else cell_m)
    add_room(spec)
    add_props(spec, scene, contype=0, conaffinity=0)
    for name, mount in cameras.items():
        body = spec.body(mount.link)
        if body is None:
            raise ModelError(f"robot {robot.name}: camera {name} is mounted on link {mount.link!r}, which it lacks")
        quat = quat_mul(np.array(mount.quat_wxyz), OPENCV_TO_OPENGL)
        body.add_camera(name=name, pos=mount.pos_m, quat=quat, fovy=mount.fovy_deg)
    visual = getattr(spec.visual, "global_")  # noqa: B009  the name ends with an underscore
    visual.offwidth = max((mount.width for mount in cameras.values()), default=64)
    visual.offheight = max((mount.height for mount in cameras.values()), default=64)
    spec.visual.quality.offsamples = 0
    return spec.compile()


def head_cameras(robot: RobotModel, width: int, height: int) -> dict[str, CameraMount]:
    """Mounts of `head_left` and `head_right`: the profile's own, or the one of `head` and one beside it.

    Raises:
        ModelError: the profile has no head camera.
    """
    own, size = robot.profile.cameras, {"width": width, "height": height}
    if "head_left" in own and "head_right" in own:
        return {name: own[name].model_copy(update=size) for name in ("head_left", "head_right")}
    if "head" not in own:
        raise ModelError(f"robot {robot.name}: no camera head, nor head_left and head_right, in its profile; add [cameras.head]")
    one = own["head"]
    aside_m = quat_apply(np.array(one.quat_wxyz), np.array([STEREO_BASELINE_M / 2.0, 0.0, 0.0]))
    return {
        name: one.model_copy(update={**size, "pos_m": _vec3(np.array(one.pos_m) + sign * aside_m)})
        for name, sign in (("head_left", -1.0), ("head_right", 1.0))
    }


def external_cameras(robot: RobotModel, count: int, width: int, height: int) -> dict[str, CameraMount]:
    """Mounts of `external_0` to `external_3`, in the room around the robot: from its front left, front right, left and right."""
    at = np.array([0.0, 0.0, 1.05 * robot.profile.standing_height_m])
    return {
        f"external_{n}": CameraMount(
            link=WORLD, pos_m=_EXTERNAL_M[n], quat_wxyz=_looking(np.array(_EXTERNAL_M[n]), at), width=width, height=height,
            fovy_deg=_EXTERNAL_FOVY_DEG,
        )
        for n in range(count)
    }  # fmt: skip


def _looking(pos_m: F64, at_m: F64) -> tuple[float, float, float, float]:
    """Orientation (x right, y down, z forward) of a level camera that looks from one point at another."""
    forward = (at_m - pos_m) / np.linalg.norm(at_m - pos_m)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    w, x, y, z = matrix_to_quat(np.stack([right, np.cross(forward, right), forward], axis=1))
    return float(w), float(x), float(y), float(z)


def _vec3(values: F64) -> Vec3:
    return float(values[0]), float(values[1]), float(values[2])


def _show_robot(spec: mujoco.MjSpec, robot: RobotModel, cell_m: float, near_cell_m: float) -> None:
    import mujoco

    root = robot.profile.links["pelvis"]
    carriers = [spec.body(root), *(spec.joint(name).parent for name in robot.joint_names)]
    near = _forearms(robot)
    coarse, fine = (robot_visuals(robot, cell_m=size) for size in (cell_m, near_cell_m))
    for k, visual in enumerate(b if b.body in near else a for a, b in zip(coarse, fine, strict=True)):
        add_mesh(spec, f"shape_{k}", visual.vertices_body_m, visual.faces)
        carriers[visual.body].add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH, meshname=f"shape_{k}", rgba=list(visual.rgba), contype=0, conaffinity=0
        )


def _forearms(robot: RobotModel) -> set[int]:
    """Bodies from the elbows on."""
    out = {robot.frame(robot.profile.links[f"{side}_elbow"]).body for side in SIDES}
    for child, parent in enumerate(robot.body_parent, start=1):
        if int(parent) in out:
            out.add(child)
    return out
