"""The MuJoCo model of a robot alone, made from the same file as its `RobotModel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from understudy.errors import ModelError
from understudy.kinematics.model_file import model_file
from understudy.spec.robot import RobotModel

if TYPE_CHECKING:
    import mujoco

_VISUAL_GROUP, _COLLISION_GROUP = 2, 3  # MuJoCo draws groups 0 to 2 unless told otherwise
_LIGHT, _DARK, _PLATE_M = (0.72, 0.73, 0.75, 1.0), (0.22, 0.23, 0.25, 1.0), 0.03
_FLOOR_LIGHT, _FLOOR_DARK = (0.62, 0.66, 0.70), (0.52, 0.56, 0.60)


def mujoco_model(robot: RobotModel, *, floor: bool = False, visuals: bool = True) -> mujoco.MjModel:
    """Floating-base model; `qpos` is root xyz, root wxyz, then the joints in `robot.joint_names` order.

    Args:
        robot: as `load_robot` gives it.
        floor: add a checkered ground plane at z = 0, a sky and a light.
        visuals: keep the meshes that are only for looking at (group 2; collision shapes are in the hidden group 3).

    Returns:
        A compiled model whose keyframe `home` stands on z = 0. It has no actuators.

    Raises:
        ModelError: MuJoCo refuses the file, or its joints or mass differ from the robot's.
    """
    spec = mujoco_spec(robot, floor=floor, visuals=visuals)
    try:
        model = spec.compile()
    except ValueError as error:  # a mesh that is missing, or of a kind that MuJoCo does not read (Collada)
        where, why = model_file(robot.profile).where, " ".join(str(error).split())
        raise ModelError(f"{where}: MuJoCo refuses the model ({why}); export its meshes as STL or OBJ") from error
    _check(robot, model)
    return model


def mujoco_spec(robot: RobotModel, *, floor: bool = False, visuals: bool = True) -> mujoco.MjSpec:
    """The editable form of `mujoco_model`, for scenes that add to it before they compile.

    Raises:
        ModelError: MuJoCo refuses the file.
    """
    import mujoco

    file = model_file(robot.profile)
    try:
        if file.kind == "urdf":
            spec = mujoco.MjSpec.from_string(_with_compiler(file.text, visuals))
        else:
            spec = mujoco.MjSpec.from_file(str(file.path))
    except ValueError as error:
        raise ModelError(f"{file.where}: MuJoCo refuses the model ({error}); mend it or use another model file") from error
    root = spec.body(robot.profile.links["pelvis"])
    if not any(joint.type == mujoco.mjtJoint.mjJNT_FREE for joint in root.joints):
        root.add_freejoint()
    root.pos = [0.0, 0.0, robot.profile.standing_height_m]
    if file.path is None:
        _add_shapes(spec, robot)
    _sort_groups(spec)
    home = [0.0, 0.0, robot.profile.standing_height_m, 1.0, 0.0, 0.0, 0.0, *robot.home_rad]
    for key in list(spec.keys):
        spec.delete(key)
    spec.add_key(name="home", qpos=home)
    visual = getattr(spec.visual, "global_")  # noqa: B009  the name ends with an underscore
    visual.offwidth, visual.offheight = 1920, 1080
    if floor:
        _add_floor(spec)
    return spec


def _with_compiler(urdf: str, visuals: bool) -> str:
    """URDF text with the settings under which MuJoCo keeps every link: fusing would lose the root's mass."""
    root = ElementTree.fromstring(urdf)
    for old in root.findall("mujoco"):
        root.remove(old)
    settings = {
        "strippath": "false",
        "fusestatic": "false",
        "balanceinertia": "true",
        "discardvisual": "false" if visuals else "true",
    }
    ElementTree.SubElement(ElementTree.SubElement(root, "mujoco"), "compiler", settings)
    return ElementTree.tostring(root, encoding="unicode")


def _add_shapes(spec: Any, robot: RobotModel) -> None:
    """Shapes for a robot of figures: its capsules, and under each ankle a plate as large as the sole."""
    import mujoco

    masses = {link.name: link.mass_kg for link in robot.profile.figures.links} if robot.profile.figures else {}
    heavy = max(masses.values(), default=1.0)
    feet = {sole.link for sole in robot.profile.soles.values()}
    for capsule in (c for c in robot.profile.capsules if c.link not in feet):
        shade = _LIGHT if masses.get(capsule.link, 0.0) > 0.1 * heavy else _DARK
        ends, size = [*capsule.a_m, *capsule.b_m], [capsule.radius_m, 0, 0]
        _add_shape(spec, capsule.link, type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=ends, size=size, rgba=shade)
    for sole in robot.profile.soles.values():
        low, high = np.min(sole.outline_m, axis=0), np.max(sole.outline_m, axis=0)
        half = [(high[0] - low[0]) / 2.0, (high[1] - low[1]) / 2.0, _PLATE_M / 2.0]
        middle = [(high[0] + low[0]) / 2.0, (high[1] + low[1]) / 2.0, low[2] + _PLATE_M / 2.0]
        _add_shape(spec, sole.link, type=mujoco.mjtGeom.mjGEOM_BOX, pos=middle, size=half, rgba=_DARK)
        stub = [0.0, 0.0, 0.0, 0.0, 0.0, low[2] + _PLATE_M]
        _add_shape(spec, sole.link, type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=stub, size=[0.5 * _PLATE_M, 0, 0], rgba=_DARK)


def _add_shape(spec: Any, link: str, **shape: Any) -> None:
    """A solid shape and its twin that is only drawn."""
    for solid in (1, 0):
        spec.body(link).add_geom(contype=solid, conaffinity=solid, **shape)


def _sort_groups(spec: Any) -> None:
    for geom in spec.geoms:
        touches = bool(geom.contype or geom.conaffinity)
        geom.group = _COLLISION_GROUP if touches else _VISUAL_GROUP


def _add_floor(spec: Any) -> None:
    import mujoco

    texture, builtin = mujoco.mjtTexture, mujoco.mjtBuiltin
    spec.add_texture(
        name="sky", type=texture.mjTEXTURE_SKYBOX, builtin=builtin.mjBUILTIN_GRADIENT,
        rgb1=[0.92, 0.95, 0.98], rgb2=[0.70, 0.78, 0.86], width=256, height=256,
    )  # fmt: skip
    spec.add_texture(
        name="ground",
        type=texture.mjTEXTURE_2D,
        builtin=builtin.mjBUILTIN_CHECKER,
        rgb1=_FLOOR_LIGHT,
        rgb2=_FLOOR_DARK,
        width=256,
        height=256,
    )
    material = spec.add_material(name="ground", texrepeat=[1, 1], texuniform=True, reflectance=0.05)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "ground"
    spec.worldbody.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 0.05], material="ground", group=0)
    spec.worldbody.add_light(
        name="sun", type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, pos=[0, 0, 4], dir=[-0.3, 0.3, -1.0], castshadow=False
    )


def _check(robot: RobotModel, model: Any) -> None:
    import mujoco

    names = [mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_JOINT, i) for i in range(model.njnt)]
    free = [i for i in range(model.njnt) if model.jnt_type[i] == mujoco.mjtJoint.mjJNT_FREE]
    if free != [0] or tuple(names[1:]) != robot.joint_names:
        raise ModelError(
            f"{robot.name}: MuJoCo orders the joints {names}, the robot's order is {list(robot.joint_names)}; "
            "sort them in the model file"
        )
    mass, wanted = float(np.sum(model.body_mass)), float(robot.mass_kg.sum())
    if abs(mass - wanted) > 1e-3 * wanted:
        raise ModelError(
            f"{robot.name}: MuJoCo reads {mass:.3f} kg, Pinocchio {wanted:.3f} kg from the same model; mend its inertias"
        )
