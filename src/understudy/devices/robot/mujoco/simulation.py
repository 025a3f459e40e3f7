"""Physics stepped to a time, and one look at it: nothing here knows a clock or a stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.devices.robot.mujoco.world import STEP_NS, physics_model, physics_spec
from understudy.geom.arrays import F64, Bool
from understudy.geom.rotations import quat_apply, quat_conj
from understudy.scenes.props import OBJECTS
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import SIDES

_HALF_STEP_S = 0.5e-9 * STEP_NS
_CONTACT_N = 5.0
"""A foot stands when the floor pushes it harder than this."""


@dataclass(frozen=True)
class Look:
    """Everything that sensors can see at one instant.

    The physics steps like a leapfrog: its places and accelerations are of the instant, its velocities of half a step earlier.
    Here all are of the instant: half a step of acceleration is added to velocities.

    Attributes:
        step: number of the physics step whose beginning this is.
        qpos: root xyz, root wxyz, joints, loose objects.
        qvel: root velocity in `world`, rate of turn in the root's axes, joint rates, objects.
        torque_nm: (J,) of the servos.
        sensors: name of a sensor of the model to its reading.
        foot_contact: (2,) left and right.
    """

    step: int
    qpos: F64
    qvel: F64
    torque_nm: F64
    sensors: dict[str, F64]
    foot_contact: Bool


class Simulation:
    """One robot in its gantry. Time is counted in steps of `STEP_NS` from 0."""

    def __init__(self, robot: RobotModel, *, scene: str = "empty", lift_m: float = 0.05) -> None:
        """At rest in the home pose, with the servos holding it.

        Raises:
            UnknownNameError, ModelError: as `physics_spec`.
        """
        import mujoco

        self.robot, self.objects = robot, OBJECTS.get(scene, ())
        self.model = physics_model(physics_spec(robot, scene=scene, lift_m=lift_m), robot)
        self.data = mujoco.MjData(self.model)
        self.data.qpos[7 : 7 + robot.dof] = robot.home_rad
        self.data.ctrl[:] = robot.home_rad
        self.step = 0
        self._sensor_at = {
            self.model.sensor(k).name: slice(int(adr), int(adr + dim))
            for k, (adr, dim) in enumerate(zip(self.model.sensor_adr, self.model.sensor_dim, strict=True))
        }
        self._feet = [self._solid(robot.profile.links[f"{side}_foot"]) for side in SIDES]

    @property
    def qpos(self) -> F64:
        """A copy of the state as it stands."""
        return np.array(self.data.qpos)

    def set_target(self, q_rad: F64) -> None:
        """What the servos go to from now on, (J,)."""
        self.data.ctrl[:] = q_rad

    def push(self, link: str, force_world_n: F64) -> None:
        """A force (3,) at a link's centre of mass, `world` axes, from now on."""
        self.data.body(link).xfrc_applied[:3] = force_world_n

    def run_to(self, step: int) -> None:
        """Simulate up to the beginning of `step`; nothing where it is not ahead."""
        import mujoco

        if step > self.step:
            mujoco.mj_step(self.model, self.data, nstep=step - self.step)
            self.step = step

    def look(self) -> Look:
        """What the sensors see at the beginning of the present step, which this completes.

        MuJoCo computes forces and accelerations of an instant on its way to the next one, so looking is a step.
        """
        import mujoco

        step, qpos, qvel = self.step, np.array(self.data.qpos), np.array(self.data.qvel)
        mujoco.mj_step(self.model, self.data)
        self.step += 1
        qvel += _HALF_STEP_S * self.data.qacc
        readings = np.array(self.data.sensordata)
        sensors = {name: readings[at] for name, at in self._sensor_at.items()}
        for name in (name for name in sensors if name.endswith("_gyro")):
            imu = name.removesuffix("_gyro")
            turn_accel = quat_apply(quat_conj(sensors[f"{imu}_quat"]), sensors[f"{imu}_turn_accel"])
            sensors[name] = sensors[name] + _HALF_STEP_S * turn_accel
        return Look(
            step=step,
            qpos=qpos,
            qvel=qvel,
            torque_nm=np.array(self.data.qfrc_actuator[6 : 6 + self.robot.dof]),
            sensors=sensors,
            foot_contact=np.array([self._load_n(foot) > _CONTACT_N for foot in self._feet]),
        )

    def _solid(self, link: str) -> frozenset[int]:
        body = int(self.model.body(link).id)
        return frozenset(g for g in range(self.model.ngeom) if self.model.geom_bodyid[g] == body and self.model.geom_contype[g])

    def _load_n(self, geoms: frozenset[int]) -> float:
        """Sum of the normal forces on some shapes."""
        import mujoco

        total, force = 0.0, np.zeros(6)
        for k in range(self.data.ncon):
            contact = self.data.contact[k]
            if int(contact.geom1) in geoms or int(contact.geom2) in geoms:
                mujoco.mj_contactForce(self.model, self.data, k, force)
                total += float(force[0])
        return total


def step_at(t_ns: int) -> int:
    """First step whose beginning lies at `t_ns` after the start, or later."""
    return -(-t_ns // STEP_NS)
