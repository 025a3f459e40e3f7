"""The simulated robot: MuJoCo physics, a gantry that holds the pelvis, sensors, cameras and movers."""

from understudy.devices.robot.mujoco.cameras import RenderedCameras
from understudy.devices.robot.mujoco.device import MujocoRobot
from understudy.devices.robot.mujoco.movers import ArmWaves, Mover, Still
from understudy.devices.robot.mujoco.sharp import SharpMotions

__all__ = ["ArmWaves", "Mover", "MujocoRobot", "RenderedCameras", "SharpMotions", "Still"]
