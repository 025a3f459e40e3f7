"""Motions of the simulated robot that keep its limbs apart from each other and from what stands around it.

The simulation lets limbs pass through each other and a hand run into a table. A take in which that happens is not clean,
whatever a gate says of it, so the commands are looked at before anything is recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from understudy.devices.robot.mujoco import Mover
from understudy.devices.robot.mujoco.world import physics_spec
from understudy.geom.arrays import F64
from understudy.kinematics.collision import collision_model, self_distances
from understudy.kinematics.forward import body_poses
from understudy.spec.robot import RobotModel

APART_M = 0.02
"""How far limbs stay from each other and from things, by what is commanded; upper arms at rest are 0.024 m off the trunk."""
LOOK_S, LONGEST_S = 0.04, 14.0
"""The commands are looked at this often, over more than any take lasts with what comes before it."""
SMALLER = 0.9
Kind = TypeVar("Kind", bound=Mover)
_SURE_M = 0.5
"""Distances to things are not looked for further away than this."""


class HeldOut:
    """Another mover's motion with both upper arms further from the trunk."""

    continuous = False

    def __init__(self, robot: RobotModel, mover: Mover, out_rad: float) -> None:
        """The arms are there from the start.

        Args:
            robot: that is moved.
            mover: whose targets are changed.
            out_rad: added to the roll of both shoulders, to the side on which there is room.
        """
        self._mover, self._lower_rad, self._upper_rad = mover, robot.lower_rad + 0.02, robot.upper_rad - 0.02
        outward = np.copysign(out_rad, robot.upper_rad + robot.lower_rad)  # outward is where the range is larger
        self._out_rad = np.where(["shoulder_roll" in name for name in robot.joint_names], outward, 0.0)

    def joints_rad(self, t_s: float) -> F64:
        """(J,) targets."""
        return np.clip(self._mover.joints_rad(t_s) + self._out_rad, self._lower_rad, self._upper_rad)

    def gripper(self, t_s: float) -> F64:
        """(2,) as the other mover has it."""
        return self._mover.gripper(t_s)


def kept_apart(make: Callable[[float], Kind], robot: RobotModel, *, scene: str, lift_m: float) -> Kind:
    """The largest of the motions `make(1)`, `make(0.9)`, `make(0.81)` and so on that stays `APART_M` away from everything.

    Raises:
        SystemExit: not even a tenth of it does.
    """
    share = 1.0
    while share > 0.1:
        mover = make(share)
        if nearest_m(mover, robot, scene=scene, lift_m=lift_m) >= APART_M:
            return mover
        share *= SMALLER
    raise SystemExit(f"no size of this motion keeps the limbs {APART_M:g} m apart in the scene {scene!r}; choose another")


def nearest_m(mover: Mover, robot: RobotModel, *, scene: str, lift_m: float) -> float:
    """How near a limb comes to another or to a thing, in metres; below 0 they overlap, and 0.05 stands for all above it."""
    joint_pos = np.stack([mover.joints_rad(t_s) for t_s in np.arange(0.0, LONGEST_S, LOOK_S)])
    root, upright = np.zeros((len(joint_pos), 3)), np.tile([1.0, 0.0, 0.0, 0.0], (len(joint_pos), 1))
    own_m = self_distances(robot, body_poses(robot, root, upright, joint_pos), collision_model(robot)).distance_m
    return min(float(own_m.min()), _to_things_m(joint_pos, robot, scene=scene, lift_m=lift_m))


def _to_things_m(joint_pos: F64, robot: RobotModel, *, scene: str, lift_m: float) -> float:
    """Least distance (m) of the robot from the table and what lies on it over poses (T, J); `_SURE_M` where it is alone."""
    import mujoco

    if scene == "empty":
        return _SURE_M
    model = physics_spec(robot, scene=scene, lift_m=lift_m).compile()
    data, ends = mujoco.MjData(model), np.zeros(6)
    root = model.body_rootid[model.geom_bodyid]
    solid = [g for g in range(model.ngeom) if model.geom_contype[g] and root[g] != 0]  # the floor is stood on
    pelvis = model.body(robot.profile.links["pelvis"]).id
    own, things = [g for g in solid if root[g] == pelvis], [g for g in solid if root[g] != pelvis]
    least_m = _SURE_M
    for pose in joint_pos:
        data.qpos[7 : 7 + robot.dof] = pose
        mujoco.mj_kinematics(model, data)
        for thing in things:
            for geom in own:
                least_m = min(least_m, mujoco.mj_geomDistance(model, data, geom, thing, least_m, ends))
    return least_m
