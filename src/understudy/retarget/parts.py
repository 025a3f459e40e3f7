"""What of a robot can be solved for together, the rest being held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import Bool
from understudy.retarget._tables import Capsules, Ground, Part, Tree
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import SIDES


@dataclass(frozen=True)
class Parts:
    """What of a robot can be solved for together, the rest being held.

    Attributes:
        whole: every column but those of idle joints.
        base: root, legs and trunk, with all that they carry.
        trunk: the same, without what the arms are asked.
        limbs: all other joints.
        nothing: none.
    """

    whole: Part
    base: Part
    trunk: Part
    limbs: Part
    nothing: Part


def joints_of(tree: Tree, body: int) -> set[int]:
    """Joints between the root and a body; none for the world's origin, -1."""
    return {int(j) for j in tree.chain[body, : tree.chain_len[body]]} if body >= 0 else set()


def make_parts(
    robot: RobotModel, tree: Tree, ground: Ground, capsules: Capsules, of_arms: Bool, *, idle: frozenset[int] = frozenset()
) -> Parts:
    """The parts of a problem with these tables.

    Args:
        of_arms: (V,) the vector tasks that ask something of the arms.
        idle: joints that nothing is asked of; they are in no part.
    """
    trunk = set(range(6)) | {6 + j for j in joints_of(tree, robot.point("neck")[0])}
    for side in SIDES:
        trunk |= {6 + j for j in joints_of(tree, robot.on_body(robot.profile.soles[side].link, np.zeros(3))[0])}
    every = set(range(6 + robot.dof)) - {6 + j for j in idle}
    carried = np.array([{6 + j for j in joints_of(tree, b)} <= trunk for b in range(robot.dof + 1)])
    all_bodies, all_tasks = np.ones_like(carried), np.ones_like(of_arms)
    return Parts(
        whole=_part(every, robot, ground, capsules, all_bodies, all_tasks),
        base=_part(trunk, robot, ground, capsules, all_bodies, all_tasks),
        trunk=_part(trunk, robot, ground, capsules, carried, ~of_arms),
        limbs=_part(every - trunk, robot, ground, capsules, ~carried, all_tasks),
        nothing=_part(set(), robot, ground, capsules, ~all_bodies, ~all_tasks),
    )


def _part(columns: set[int], robot: RobotModel, ground: Ground, capsules: Capsules, bodies: Bool, task: Bool) -> Part:
    """The part of these columns, with the terms of `task` (V,) and of `bodies` (B,). A pair with a body of the limbs is the
    limbs' concern: the trunk does not yield to it."""
    place = np.full(6 + robot.dof, -1, dtype=np.int64)
    cols = np.array(sorted(columns), dtype=np.int64)
    place[cols] = np.arange(len(cols))
    both = bodies[capsules.body[capsules.pair]]
    pair: Bool = np.asarray(both.all(axis=1) if 0 in columns else both.any(axis=1))
    return Part(
        cols=cols,
        place=place,
        task=task.astype(np.uint8),
        ground=bodies[ground.body].astype(np.uint8),
        slip=bodies[ground.slip_body].astype(np.uint8),
        pair=pair.astype(np.uint8),
    )
