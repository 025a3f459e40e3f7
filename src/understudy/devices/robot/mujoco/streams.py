"""The streams of the simulated robot: how each is made of one look at the physics."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from understudy.devices.robot.mujoco.simulation import Look
from understudy.devices.robot.mujoco.world import IMU_PARTS, WRENCHES
from understudy.errors import DeviceError
from understudy.geom.arrays import F64, I64, AnyArray
from understudy.geom.rotations import quat_apply, quat_conj
from understudy.spec.robot import RobotModel
from understudy.spec.schema import Schema
from understudy.spec.stream import StreamSpec

Measure = Callable[[Look], AnyArray]
DEFAULT_RATE_HZ = 100.0
"""Of streams whose rate the schema leaves open."""
TARGET, GRIPPER_TARGET, CONTROL_MODE = "actions/joint_position_target", "actions/gripper_target", "actions/control_mode"
GRIPPER, OBJECTS = "observations/gripper", "debug/object_poses_world"
COMMANDED = (TARGET, GRIPPER_TARGET, CONTROL_MODE)
_DOWN = np.array([0.0, 0.0, -1.0])


def measures(robot: RobotModel, *, has_object: bool) -> dict[str, Measure]:
    """Stream key to what it measures, joints in the robot's order.

    Args:
        robot: whose streams they are.
        has_object: a loose object follows the robot in `qpos`.
    """
    joints = slice(7, 7 + robot.dof)
    out: dict[str, Measure] = {
        "observations/joint_positions": lambda look: look.qpos[joints],
        "observations/joint_velocities": lambda look: look.qvel[6 : 6 + robot.dof],
        "observations/joint_torques": lambda look: look.torque_nm,
        "observations/base_velocity": _base_velocity,
        "observations/projected_gravity": lambda look: quat_apply(quat_conj(look.qpos[3:7]), _DOWN),
        "observations/foot_contact": lambda look: look.foot_contact,
        "debug/base_pose_world": lambda look: look.qpos[:7],
    }
    out |= {f"observations/imu_{part}": _together(f"imu_{part}", ("quat", "gyro", "accel")) for part in IMU_PARTS}
    out |= {f"observations/wrench_{place}": _wrench(f"wrench_{place}") for place in WRENCHES}
    if has_object:
        out[OBJECTS] = lambda look: look.qpos[7 + robot.dof : 14 + robot.dof]
    return out


def has_jaws(robot: RobotModel) -> bool:
    """Whether the robot gets a jaw on each wrist: where it has no fingers of its own."""
    return not any(robot.profile.groups.get(f"{side}_hand") for side in ("left", "right"))


def specs(schema: Schema, keys: tuple[str, ...], rates_hz: Mapping[str, float], command_hz: float) -> tuple[StreamSpec, ...]:
    """The schema's streams that the robot can make, with the rates at which it makes them.

    Args:
        schema: what a dataset wants; streams it lacks are not made.
        keys: what the robot could make.
        rates_hz: stream to rate, over the schema's.
        command_hz: rate of what is commanded.

    Raises:
        DeviceError: a rate is given for a stream that is not measured.
    """
    made = [spec for spec in schema.streams if spec.key in keys]
    measured = {spec.key: spec.rate_hz or DEFAULT_RATE_HZ for spec in made if spec.key not in COMMANDED}
    unknown = sorted(set(rates_hz) - set(measured))
    if unknown:
        raise DeviceError(f"simulated robot: a rate is given for {unknown[0]}; it measures {', '.join(measured)}")
    rates = dict.fromkeys(COMMANDED, command_hz) | measured | dict(rates_hz)
    return tuple(spec.model_copy(update={"rate_hz": rates[spec.key]}) for spec in made)


def columns(spec: StreamSpec, robot: RobotModel) -> I64 | None:
    """Which of the robot's joints the stream's columns are; None where it is no stream of joints, or in the robot's order.

    Raises:
        UnknownNameError: the schema names a joint that the robot lacks.
    """
    if spec.frame != "joint" or not spec.name.startswith("joint_") or spec.names == robot.joint_names:
        return None
    return np.array([robot.joint_index(name) for name in spec.names], dtype=np.int64)


def _together(name: str, parts: tuple[str, ...]) -> Callable[[Look], F64]:
    sensors = [f"{name}_{part}" for part in parts]
    return lambda look: np.concatenate([look.sensors[sensor] for sensor in sensors])


def _wrench(name: str) -> Measure:
    """What foot or hand does to the robot: the sole pushes up where the robot stands. MuJoCo gives what carries the part."""
    carried = _together(name, ("force", "torque"))
    return lambda look: -carried(look)


def _base_velocity(look: Look) -> F64:
    """(6,) both in `world`; MuJoCo keeps a free body's rate of turn in its own axes."""
    return np.concatenate([look.qvel[:3], quat_apply(look.qpos[3:7], look.qvel[3:6])])
