"""Which joint belongs to which limb: a guess from the tree, the neutral pose and, where these are silent, the names."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64
from understudy.kinematics.forward import body_poses
from understudy.spec.robot import RobotModel

SIDES = ("left", "right")
_HAND = re.compile(r"finger|thumb|index|middle|ring|pinky|little|gripper|hand|fingertip|motor_(single|double)", re.IGNORECASE)
_HEAD = re.compile(r"head|neck|eye", re.IGNORECASE)
_MIDLINE_M = 0.03


@dataclass(frozen=True)
class Limbs:
    """Joints as indices, nearest the root first.

    Attributes:
        groups: left_leg, right_leg, waist, left_arm, right_arm, left_hand, right_hand, head, other; only those that exist.
        origin_m: (B, 3) origins of all bodies with every joint at 0 and the root at the origin.
    """

    groups: dict[str, tuple[int, ...]]
    origin_m: F64


def guess_limbs(robot: RobotModel) -> Limbs:
    """Groups of joints: legs lead to the lowest bodies of each side, arms leave the trunk above, hands branch off the arms."""
    zero = np.zeros((1, robot.dof))
    origin = body_poses(robot, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), zero).pos_world_m[0]
    chains = {leaf: _chain(robot, leaf) for leaf in _leaves(robot)}
    taken: dict[int, str] = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        own = [leaf for leaf in chains if sign * origin[leaf, 1] > _MIDLINE_M]
        if own:
            foot = min(own, key=lambda leaf: float(origin[leaf, 2]))
            for joint in chains[foot]:
                if sign * origin[joint + 1, 1] > _MIDLINE_M:
                    taken[joint] = f"{side}_leg"
    for joint in range(robot.dof):
        if joint not in taken:
            taken[joint] = _upper_group(robot, joint, chains, origin)
    order = ("left_leg", "right_leg", "waist", "left_arm", "right_arm", "left_hand", "right_hand", "head", "other")
    groups = {group: tuple(j for j in range(robot.dof) if taken[j] == group) for group in order}
    return Limbs({group: joints for group, joints in groups.items() if joints}, origin)


def middle_joint(limbs: Limbs, joints: tuple[int, ...]) -> int:
    """Knee or elbow: the joint that is far from both ends of its limb."""
    first, last = limbs.origin_m[joints[0] + 1], limbs.origin_m[joints[-1] + 1]
    reach = [
        min(float(np.linalg.norm(limbs.origin_m[j + 1] - first)), float(np.linalg.norm(limbs.origin_m[j + 1] - last)))
        for j in joints
    ]
    return joints[int(np.argmax(reach))]


def outermost(limbs: Limbs, joints: tuple[int, ...], slack_m: float) -> int:
    """Hip or shoulder: the first joint that lies as far to the side as any of its neighbours."""
    aside = np.abs([limbs.origin_m[j + 1, 1] for j in joints])
    return joints[int(np.argmax(aside > aside.max() - slack_m))]


def _leaves(robot: RobotModel) -> list[int]:
    parents = set(robot.body_parent.tolist())
    return [body for body in range(1, robot.dof + 1) if body not in parents]


def _chain(robot: RobotModel, body: int) -> list[int]:
    """Joints from the root to a body."""
    chain: list[int] = []
    while body > 0:
        chain.append(body - 1)
        body = int(robot.body_parent[body - 1])
    return chain[::-1]


def _upper_group(robot: RobotModel, joint: int, chains: dict[int, list[int]], origin: F64) -> str:
    below = [leaf for leaf, chain in chains.items() if joint in chain]
    sides = {side for leaf in below for side, sign in (("left", 1.0), ("right", -1.0)) if sign * origin[leaf, 1] > _MIDLINE_M}
    name = robot.joint_names[joint]
    if _HEAD.search(name) or (not sides and origin[joint + 1, 2] > 0.0 and not _is_trunk(robot, joint)):
        return "head"
    if len(sides) != 1 or abs(float(origin[joint + 1, 1])) < _MIDLINE_M:
        return "waist"
    side = sides.pop()
    branched = any(
        len(_children(robot, j + 1)) > 1 and abs(float(origin[j + 1, 1])) > _MIDLINE_M for j in _chain(robot, joint + 1)[:-1]
    )
    return f"{side}_hand" if branched or _HAND.search(name) else f"{side}_arm"


def _is_trunk(robot: RobotModel, joint: int) -> bool:
    return bool(re.search(r"waist|torso|spine|chest|trunk|abdomen", robot.joint_names[joint], re.IGNORECASE))


def _children(robot: RobotModel, body: int) -> list[int]:
    return [j for j in range(robot.dof) if int(robot.body_parent[j]) == body]
