"""The physics of one robot in a gantry: its model with servos, sensors at their mounts, a floor and what stands on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.devices.robot.mujoco.movers import raised_arms
from understudy.devices.robot.mujoco.servos import rotor_inertia, servo_gains
from understudy.errors import ModelError
from understudy.kinematics.mujoco_model import mujoco_spec
from understudy.scenes.props import add_props
from understudy.spec.robot import Mount, RobotModel
from understudy.spec.skeleton import SIDES

if TYPE_CHECKING:
    import mujoco

STEP_NS = 1_250_000
"""One step of physics: 800 a second, so that 100 Hz and 200 Hz streams are measured exactly when they are due."""
IMU_PARTS = ("pelvis", "torso", "head")
WRENCHES = tuple(f"{side}_{part}" for part in ("ankle", "wrist") for side in SIDES)
_GANTRY_SOFTNESS_S = 0.005
"""Time constant of the gantry: the pelvis gives a little when arms swing sharply, so that its IMU shows it."""
_GANTRY_HOLDS = 0.99
"""Share of a force on the pelvis that the gantry takes; of less, hands swing after the pelvis, and wrenches say it late."""
_SOLID_ROBOT, _SOLID_WORLD = 1, 2


def physics_spec(robot: RobotModel, *, scene: str = "empty", lift_m: float = 0.05) -> mujoco.MjSpec:
    """The editable model; `qpos` is root xyz, root wxyz, joints in the robot's order, then 7 numbers per loose object.

    Args:
        robot: any robot.
        scene: what stands around it, a name of `scenes.props.SCENES`.
        lift_m: how high the gantry holds the soles over the floor in the home pose; below 0 they press on it.

    Raises:
        UnknownNameError: there is no such scene.
        ModelError: a mount names a link that the model lacks.
    """
    import mujoco

    spec = mujoco_spec(robot, floor=True, visuals=False)
    spec.option.timestep = STEP_NS * 1e-9
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER  # the motion then has just the accelerations that IMUs report
    for geom in spec.geoms:
        solid = bool(geom.contype or geom.conaffinity)
        geom.contype, geom.conaffinity = (_SOLID_ROBOT if solid else 0), 0  # limbs pass through each other
    floor = spec.geom("floor")
    floor.contype, floor.conaffinity = _SOLID_WORLD, _SOLID_WORLD | _SOLID_ROBOT
    _servos(spec, robot)
    _gantry(spec, robot, lift_m)
    for part in IMU_PARTS:
        _imu(spec, robot, part)
    for place in WRENCHES:
        _wrench(spec, robot, place)
    add_props(spec, scene, contype=_SOLID_WORLD, conaffinity=_SOLID_WORLD | _SOLID_ROBOT)
    return spec


def physics_model(spec: mujoco.MjSpec, robot: RobotModel) -> mujoco.MjModel:
    """The compiled model, its servos' gains set from the most inertia that each joint moves with arms down and raised."""
    import mujoco

    model = spec.compile()
    data, moved = mujoco.MjData(model), np.zeros(robot.dof)
    inertia = np.zeros((model.nv, model.nv))
    for q_rad in (robot.home_rad, raised_arms(robot)):
        data.qpos[7 : 7 + robot.dof] = q_rad
        mujoco.mj_forward(model, data)
        mujoco.mj_fullM(model, data, inertia)
        moved = np.maximum(moved, np.diag(inertia)[6 : 6 + robot.dof])
    stiffness, damping = servo_gains(moved)
    model.actuator_gainprm[:, 0] = stiffness
    model.actuator_biasprm[:, 1], model.actuator_biasprm[:, 2] = -stiffness, -damping
    return model


def imu_mount(robot: RobotModel, part: str) -> Mount:
    """Where the IMU of `pelvis`, `torso` or `head` sits: its mount in the profile, else the origin of that link."""
    mounts = robot.profile.imus
    return mounts.get(part) or mounts.get(f"imu_{part}") or Mount(link=robot.profile.links.get(part, part))


def wrench_link(robot: RobotModel, place: str) -> str:
    """Link whose origin and axes a force/torque sensor has: it measures between this link and the one that carries it."""
    side, part = place.split("_")
    return robot.profile.links[f"{side}_foot" if part == "ankle" else f"{side}_wrist"]


def _servos(spec: mujoco.MjSpec, robot: RobotModel) -> None:
    import mujoco

    rotors = rotor_inertia(robot.effort_nm)
    for j, name in enumerate(robot.joint_names):
        spec.joint(name).armature = rotors[j]
        limit = float(robot.effort_nm[j])
        spec.add_actuator(
            name=name,
            target=name,
            trntype=mujoco.mjtTrn.mjTRN_JOINT,
            gaintype=mujoco.mjtGain.mjGAIN_FIXED,
            biastype=mujoco.mjtBias.mjBIAS_AFFINE,
            forcelimited=mujoco.mjtLimited.mjLIMITED_TRUE,
            forcerange=[-limit, limit],
        )


def _gantry(spec: mujoco.MjSpec, robot: RobotModel, lift_m: float) -> None:
    import mujoco

    pelvis = robot.profile.links["pelvis"]
    spec.body(pelvis).pos = [0.0, 0.0, robot.profile.standing_height_m + lift_m]
    weld = spec.add_equality(name="gantry", type=mujoco.mjtEq.mjEQ_WELD, objtype=mujoco.mjtObj.mjOBJ_BODY, name1=pelvis)
    weld.data = np.eye(12)[10]  # to the world, where the pelvis begins; torque counts like force
    weld.solref = [_GANTRY_SOFTNESS_S, 1.0]
    weld.solimp = [_GANTRY_HOLDS, _GANTRY_HOLDS, 0.001, 0.5, 2.0]


def _imu(spec: mujoco.MjSpec, robot: RobotModel, part: str) -> None:
    import mujoco

    kind, name = mujoco.mjtSensor, f"imu_{part}"
    _site(spec, robot, name, imu_mount(robot, part))
    sensors = {"quat": kind.mjSENS_FRAMEQUAT, "gyro": kind.mjSENS_GYRO, "accel": kind.mjSENS_ACCELEROMETER}
    sensors["turn_accel"] = kind.mjSENS_FRAMEANGACC
    for suffix, sensor in sensors.items():
        spec.add_sensor(name=f"{name}_{suffix}", type=sensor, objtype=mujoco.mjtObj.mjOBJ_SITE, objname=name)


def _wrench(spec: mujoco.MjSpec, robot: RobotModel, place: str) -> None:
    import mujoco

    kind, name = mujoco.mjtSensor, f"wrench_{place}"
    _site(spec, robot, name, Mount(link=wrench_link(robot, place)))
    for suffix, sensor in (("force", kind.mjSENS_FORCE), ("torque", kind.mjSENS_TORQUE)):
        spec.add_sensor(name=f"{name}_{suffix}", type=sensor, objtype=mujoco.mjtObj.mjOBJ_SITE, objname=name)


def _site(spec: mujoco.MjSpec, robot: RobotModel, name: str, mount: Mount) -> None:
    body = spec.body(mount.link)
    if body is None:
        raise ModelError(f"robot {robot.name}: {name} is mounted on link {mount.link!r}, which its model lacks; mend the profile")
    body.add_site(name=name, pos=mount.pos_m, quat=mount.quat_wxyz)
