"""What moves the simulated robot when nobody commands it: pure functions of time."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from understudy.geom.arrays import F64
from understudy.spec.robot import RobotModel


class Mover(Protocol):
    """A motion in which a target depends on nothing but the time.

    Attributes:
        continuous: the servos get a new target with every step of the physics; otherwise with every step of the control rate.
    """

    continuous: bool

    def joints_rad(self, t_s: float) -> F64:
        """(J,) targets at `t_s` seconds after the start, order `RobotModel.joint_names`."""
        ...

    def gripper(self, t_s: float) -> F64:
        """(2,) opening of the left and right jaw, 0 to 1."""
        ...


class Still:
    """The home pose, jaws open."""

    continuous = False

    def __init__(self, robot: RobotModel) -> None:
        self._home_rad = robot.home_rad

    def joints_rad(self, t_s: float) -> F64:
        """(J,) the home pose."""
        return self._home_rad

    def gripper(self, t_s: float) -> F64:
        """(2,) open."""
        return np.ones(2)


class ArmWaves:
    """Both arms and the waist swing slowly about a pose with raised forearms, every joint at a pace of its own."""

    continuous = False

    def __init__(self, robot: RobotModel, *, amplitude_rad: float = 0.25, rate_hz: float = 0.25, raise_s: float = 2.0) -> None:
        """Waves that begin from rest in the home pose.

        Args:
            robot: whose arms they are.
            amplitude_rad: of each joint; less where its limits are near.
            rate_hz: of the slowest joint; the others are up to 1.6 times as fast.
            raise_s: how long the arms take from the home pose into the wave.
        """
        self._home_rad, self._raise_s = robot.home_rad, raise_s
        arms = _arm_joints(robot) | {robot.joint_index(name) for name in robot.profile.groups.get("waist", ())}
        moving = np.array([j in arms for j in range(robot.dof)], dtype=np.float64)
        self._middle_rad = raised_arms(robot)
        room = np.minimum(self._middle_rad - robot.lower_rad, robot.upper_rad - self._middle_rad)
        self._amplitude_rad = moving * np.clip(np.minimum(amplitude_rad, 0.8 * room), 0.0, None)
        turn = np.linspace(1.0, 1.6, robot.dof)
        self._omega = 2.0 * np.pi * rate_hz * turn

    def joints_rad(self, t_s: float) -> F64:
        """(J,) targets."""
        share = smooth_step(t_s / self._raise_s)
        wave = self._middle_rad + self._amplitude_rad * np.sin(self._omega * t_s)
        return np.asarray(self._home_rad + share * (wave - self._home_rad))

    def gripper(self, t_s: float) -> F64:
        """(2,) both jaws open and close, one after the other."""
        return 0.5 + 0.5 * np.cos(2.0 * np.pi * 0.2 * t_s + np.array([0.0, np.pi / 2.0]))


def smooth_step(x: float) -> float:
    """0 to 1 as x goes from 0 to 1, along the curve of least jerk: speed and acceleration are 0 at both ends."""
    x = min(max(x, 0.0), 1.0)
    return x**3 * (10.0 - 15.0 * x + 6.0 * x**2)


def raised_arms(robot: RobotModel) -> F64:
    """(J,) the home pose with both upper arms forward by 0.5 rad and forearms level, within 0.1 rad of no limit."""
    out = robot.home_rad.copy()
    for side in ("left", "right"):
        for j in joints_named(robot, f"{side}_shoulder_pitch"):
            out[j] -= 0.7
        for j in joints_named(robot, f"{side}_elbow"):
            out[j] -= 0.3 if out[j] > 0 else 0.0
    room = np.minimum(0.1, 0.25 * (robot.upper_rad - robot.lower_rad))
    return np.clip(out, robot.lower_rad + room, robot.upper_rad - room)


def _arm_joints(robot: RobotModel) -> set[int]:
    return {robot.joint_index(name) for side in ("left", "right") for name in robot.profile.groups.get(f"{side}_arm", ())}


def joints_named(robot: RobotModel, start: str) -> list[int]:
    """Indices of the joints whose names begin with `start`."""
    return [j for j, name in enumerate(robot.joint_names) if name.startswith(start)]
