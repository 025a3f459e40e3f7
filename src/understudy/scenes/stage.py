"""The place where a robot is shown: floor, light, and the robot's bodies as things that are put somewhere.

Nothing here moves by itself: each body of the robot is a MuJoCo mocap body, placed by forward kinematics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from understudy.geom.rotations import quat_mul
from understudy.scenes.visuals import Visual
from understudy.spec.robot import RobotModel

if TYPE_CHECKING:
    import mujoco

BACKGROUND = (0.925, 0.937, 0.949)
"""Colour of the far floor and of the sky: the picture has no horizon."""
_CHECKS = ((0.885, 0.899, 0.914), (0.845, 0.862, 0.880))
_CHECK_M = 0.5
OPENCV_TO_OPENGL = np.array([0.0, 1.0, 0.0, 0.0])
"""Half a turn about x: OpenCV looks along +z with y down, OpenGL along -z with y up."""
_SUN = np.array([-0.30, -0.38, -0.87])
"""Where the light shines to."""
_SHADOW_RGBA = np.array([0.62, 0.64, 0.67, 1.0], dtype=np.float32)
_SHADOW_M = 0.002


def body_name(body: int) -> str:
    """Name of a robot body on the stage."""
    return f"body_{body}"


def stage_model(robot: RobotModel, visuals: Sequence[Visual], *, width: int, height: int, samples: int) -> mujoco.MjModel:
    """A MuJoCo model of floor, lights and the robot's bodies, its cameras among them.

    Args:
        robot: whose bodies and cameras they are.
        visuals: its shapes.
        width, height: largest picture, pixels.
        samples: samples per pixel against jagged edges; 0 is fastest.
    """
    import mujoco

    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth, spec.visual.global_.offheight = width, height
    spec.visual.quality.offsamples = samples
    spec.visual.map.znear, spec.visual.map.zfar = 0.02, 40.0
    spec.visual.map.fogstart, spec.visual.map.fogend = 5.0, 12.0
    spec.visual.rgba.fog = [*BACKGROUND, 1.0]
    spec.visual.headlight.ambient = [0.38, 0.38, 0.40]
    spec.visual.headlight.diffuse = [0.30, 0.30, 0.30]
    spec.visual.headlight.specular = [0.05, 0.05, 0.05]
    spec.stat.extent, spec.stat.center = 1.0, [0.0, 0.0, 0.6]
    _floor(spec)
    _lights(spec)
    for b in range(robot.dof + 1):
        spec.worldbody.add_body(name=body_name(b), mocap=True)
    for k, visual in enumerate(visuals):
        _show(spec, f"shape_{k}", visual)
    _cameras(spec, robot)
    return spec.compile()


def add_shadows(scene: mujoco.MjvScene) -> None:
    """Add to what is drawn next the shadow of every mesh: the mesh again, pressed flat on the floor along the light.

    That is one more simple pass; MuJoCo's own shadow map takes two, of which one is as dear as the picture itself.
    """
    import mujoco

    press = np.eye(3)
    press[:2, 2] = -_SUN[:2] / _SUN[2]
    press[2, 2] = 1e-3
    for k in range(scene.ngeom):
        body = scene.geoms[k]
        if body.type != mujoco.mjtGeom.mjGEOM_MESH:
            continue
        flat = scene.geoms[scene.ngeom]
        mujoco.mjv_initGeom(flat, body.type, np.zeros(3), press @ body.pos, np.eye(3).ravel(), _SHADOW_RGBA)
        flat.dataid, flat.objtype, flat.objid, flat.category = body.dataid, body.objtype, body.objid, body.category
        flat.size[:] = body.size
        flat.pos[2] += _SHADOW_M
        flat.mat[:] = press @ body.mat
        flat.specular = 0.0
        scene.ngeom += 1


def _floor(spec: mujoco.MjSpec) -> None:
    import mujoco

    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
        rgb1=BACKGROUND, rgb2=BACKGROUND, width=32, height=192,
    )  # fmt: skip
    spec.add_texture(
        name="checks",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        rgb1=_CHECKS[0], rgb2=_CHECKS[1], width=256, height=256,
    )  # fmt: skip
    floor = spec.add_material(name="floor", texrepeat=[0.5 / _CHECK_M] * 2, texuniform=True, specular=0.0, shininess=0.0)
    floor.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "checks"
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 0.1], material="floor", contype=0, conaffinity=0)


def _lights(spec: mujoco.MjSpec) -> None:
    import mujoco

    sun = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
    for direction, colour, shine in ((_SUN, [0.50, 0.50, 0.48], 0.25), ([0.4, 0.6, -0.5], [0.14, 0.15, 0.18], 0.0)):
        spec.worldbody.add_light(type=sun, dir=direction, diffuse=colour, specular=[shine] * 3, castshadow=False)


def _show(spec: mujoco.MjSpec, name: str, visual: Visual) -> None:
    import mujoco

    mesh = spec.add_mesh(name=name)
    mesh.uservert = visual.vertices_body_m.astype(np.float32).ravel()
    mesh.userface = visual.faces.astype(np.int32).ravel()
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    spec.body(body_name(visual.body)).add_geom(
        type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name, rgba=list(visual.rgba), contype=0, conaffinity=0
    )


def _cameras(spec: mujoco.MjSpec, robot: RobotModel) -> None:
    from understudy.geom.rotations import matrix_to_quat

    for name, mount in robot.profile.cameras.items():
        body, pos_m = robot.on_body(mount.link, np.array(mount.pos_m))
        link = matrix_to_quat(robot.frame(mount.link).rot_body_frame)
        quat = quat_mul(quat_mul(link, np.array(mount.quat_wxyz)), OPENCV_TO_OPENGL)
        spec.body(body_name(body)).add_camera(name=name, pos=pos_m, quat=quat, fovy=mount.fovy_deg)
