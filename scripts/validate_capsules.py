"""Hold the capsules of a robot's profile against its exact meshes; prints the confusion counts of docs/robots.md.

    python scripts/validate_capsules.py unitree_g1 [--model h1.urdf] [--frames 2000]

Half of the poses are uniform over the joints' range, half are like motion capture: the home pose plus normal angles of 0.5 rad.
A mesh collision is a pair of links, more than two joints apart and free in the neutral and home poses, whose meshes intersect
and go on to intersect when one of them is moved by 1 cm in any of 26 directions; a capsule collision is a penetration of more
than 5 mm.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import coal
import numpy as np
import pinocchio as pin

from understudy.geom.arrays import F64, Bool
from understudy.kinematics.collision import collision_model, joints_between, self_distances
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.kinematics.load import load_robot
from understudy.kinematics.model_file import ModelFile, model_file, read_model_file
from understudy.spec.robot import RobotModel

DEEP_M, CAPSULE_M, CLEAR_M = 0.01, 0.005, 0.005
WAYS = [
    DEEP_M * np.array(way) / np.linalg.norm(way)
    for way in itertools.product((-1.0, 0.0, 1.0), repeat=3)
    if way != (0.0, 0.0, 0.0)
]


class Meshes:
    """The exact shapes of every link that carries a capsule, and their hulls."""

    def __init__(self, robot: RobotModel, file: ModelFile) -> None:
        self.robot = robot
        self.body: list[int] = []
        self.link: list[str] = []
        self.place: list[Any] = []
        self.exact: list[Any] = []
        self.hull: list[Any] = []
        model = pin.buildModelFromXML(file.text, pin.JointModelFreeFlyer())
        wanted = {capsule.link for capsule in robot.profile.capsules}
        for shape in pin.buildGeomFromUrdfString(model, file.text, pin.GeometryType.VISUAL).geometryObjects:
            index = shape.parentFrame
            while model.frames[index].type != pin.FrameType.BODY:
                index = model.frames[index].parentFrame
            if model.frames[index].name in wanted and type(shape.geometry).__name__.startswith("BVH"):
                self.body.append(shape.parentJoint - 1)
                self.link.append(model.frames[index].name)
                self.place.append(shape.placement)
                self.exact.append(shape.geometry)
                shape.geometry.buildConvexHull(True, "Qt")
                self.hull.append(shape.geometry.convex)
        count = len(self.body)
        self.pairs = [
            (i, j)
            for i in range(count)
            for j in range(i + 1, count)
            if joints_between(robot.body_parent, self.body[i], self.body[j]) > 2
        ]
        rest = poses_of(robot, np.stack([np.zeros(robot.dof), robot.home_rad]))
        touching = {pair for step in range(2) for pair, depth in self.depths(rest, step).items() if depth > 0}
        self.pairs = [pair for pair in self.pairs if pair not in touching]

    def depths(self, poses: BodyPoses, step: int) -> dict[tuple[int, int], float]:
        """Depth of the hulls, at most DEEP_M unless the meshes are that deep; 0 or below for pairs that only come near."""
        at = []
        for body, place in zip(self.body, self.place, strict=True):
            rot, pos = poses.rot_world[step, body], poses.pos_world_m[step, body]
            at.append(coal.Transform3s(rot @ place.rotation, pos + rot @ place.translation))
        found = {}
        for i, j in self.pairs:
            gap = coal.distance(self.hull[i], at[i], self.hull[j], at[j], coal.DistanceRequest(), coal.DistanceResult())
            if gap > 0:
                if gap < CLEAR_M:
                    found[i, j] = -gap
                continue
            if not self.touch(i, at[i], j, at[j]):
                found[i, j] = 0.0
            elif -gap > DEEP_M and all(self.touch(i, at[i], j, moved(at[j], way)) for way in WAYS):
                found[i, j] = -gap
            else:
                found[i, j] = min(-gap, DEEP_M)
        return found

    def touch(self, i: int, at_i: Any, j: int, at_j: Any) -> bool:
        """Do the exact meshes intersect?"""
        return bool(coal.collide(self.exact[i], at_i, self.exact[j], at_j, coal.CollisionRequest(), coal.CollisionResult()))


def moved(at: Any, way_m: F64) -> Any:
    """The placement moved in world."""
    return coal.Transform3s(at.getRotation(), at.getTranslation() + way_m)


def poses_of(robot: RobotModel, joint_pos: F64) -> BodyPoses:
    """Poses with the root at the origin."""
    return body_poses(robot, np.zeros((len(joint_pos), 3)), np.tile([1.0, 0.0, 0.0, 0.0], (len(joint_pos), 1)), joint_pos)


def confusion(robot: RobotModel, meshes: Meshes, joint_pos: F64) -> tuple[Bool, Bool, Bool]:
    """Per frame: the meshes collide deeply, they stay clear by 5 mm, the capsules collide; prints what was missed."""
    poses = poses_of(robot, joint_pos)
    distance = self_distances(robot, poses)
    hit = (distance.distance_m < -CAPSULE_M).any(axis=1)
    deep, clear = np.zeros(len(joint_pos), dtype=np.bool_), np.zeros(len(joint_pos), dtype=np.bool_)
    missed: Counter[str] = Counter()
    alarm: Counter[str] = Counter()
    for step in range(len(joint_pos)):
        found = meshes.depths(poses, step)
        deep[step] = any(depth > DEEP_M for depth in found.values())
        clear[step] = not found
        if deep[step] and not hit[step]:
            missed.update(f"{meshes.link[i]} | {meshes.link[j]} {1000 * d:.0f} mm" for (i, j), d in found.items() if d > DEEP_M)
        if clear[step] and hit[step]:
            alarm.update(" | ".join(distance.pairs[p]) for p in np.flatnonzero(distance.distance_m[step] < -CAPSULE_M))
    print("  missed:", missed.most_common(12))
    print("  false alarms:", alarm.most_common(12))
    return deep, clear, hit


def main() -> None:
    """Print the counts for both kinds of poses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("robot")
    parser.add_argument("--model", type=Path, help="take the meshes from this URDF")
    parser.add_argument("--frames", type=int, default=2000)
    arguments = parser.parse_args()
    robot = load_robot(arguments.robot)
    meshes = Meshes(robot, read_model_file(arguments.model) if arguments.model else model_file(robot.profile))
    watched = len(collision_model(robot).pair)
    print(f"{robot.name}: {len(robot.profile.capsules)} capsules, {watched} watched pairs; {len(meshes.pairs)} mesh pairs")
    rng = np.random.default_rng(1)
    half = arguments.frames // 2
    spread = rng.normal(scale=0.5, size=(half, robot.dof))
    sets = {
        "uniform": rng.uniform(robot.lower_rad, robot.upper_rad, size=(half, robot.dof)),
        "around home": np.clip(robot.home_rad + spread, robot.lower_rad, robot.upper_rad),
    }
    for name, joint_pos in sets.items():
        deep, clear, hit = confusion(robot, meshes, joint_pos)
        print(
            f"{name}: {half} poses; meshes deeper than 1 cm: {deep.sum()}, of these capsules agree "
            f"{100 * hit[deep].mean():.1f} %; meshes clear by 5 mm: {clear.sum()}, of these capsules collide "
            f"{100 * hit[clear].mean():.1f} %"
        )


if __name__ == "__main__":
    main()
