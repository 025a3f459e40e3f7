"""Targets with which the servos follow a motion exactly, instead of some 60 ms late and swinging at the wrists."""

from __future__ import annotations

import numpy as np

from understudy.devices.robot.mujoco.world import physics_model, physics_spec
from understudy.geom.arrays import F64
from understudy.spec.robot import RobotModel


class FeedForward:
    """Inverse dynamics of a robot in its gantry, turned into position targets.

    A servo gives the torque kp (target - q) - kd q'. A motion (q, q', q'') needs the torque tau of every joint, of those at rest
    too: without it a hand swings on its wrist whenever the forearm sets off. So target = q + (kd q' + tau) / kp.

    Source: computed-torque control; Featherstone, Rigid Body Dynamics Algorithms, chapter 5.
    """

    def __init__(self, robot: RobotModel) -> None:
        """For the physics of `MujocoRobot`, pelvis at rest.

        Raises:
            ModelError: as `physics_spec`.
        """
        import mujoco

        self._model = physics_model(physics_spec(robot), robot)
        self._data = mujoco.MjData(self._model)
        self._stiffness, self._damping = self._model.actuator_gainprm[:, 0], -self._model.actuator_biasprm[:, 2]
        self._held: tuple[F64, F64] | None = None
        self._q, self._v = slice(7, 7 + robot.dof), slice(6, 6 + robot.dof)

    def targets(self, q_rad: F64, speed_rad_s: F64, accel_rad_s2: F64) -> F64:
        """(J,) targets, rad, for a motion that is at (J,) `q_rad` with these speeds and accelerations."""
        import mujoco

        at_rest = not (speed_rad_s.any() or accel_rad_s2.any())
        if at_rest and self._held is not None and np.array_equal(self._held[0], q_rad):
            return self._held[1]  # most of the time nothing moves, and this is asked 800 times a second
        data = self._data
        data.qpos[self._q], data.qvel[self._v], data.qacc[self._v] = q_rad, speed_rad_s, accel_rad_s2
        mujoco.mj_inverse(self._model, data)
        torque_nm = data.qfrc_inverse[self._v]
        targets = np.asarray(q_rad + (self._damping * speed_rad_s + torque_nm) / self._stiffness)
        self._held = (np.array(q_rad), targets) if at_rest else None
        return targets
