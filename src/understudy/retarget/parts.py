"""What of a robot can be solved for together, the rest being held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.retarget._tables import Part, Tree
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import SIDES


@dataclass(frozen=True)
class Parts:
    """What of a robot can be solved for together, the rest being held.

    Attributes:
        whole: every column but those of idle joints.
        base: root, legs and trunk, with all that they carry.
    """

    whole: Part
    base: Part


def joints_of(tree: Tree, body: int) -> set[int]:
    """Joints between the root and a body; none for the world's origin, -1."""
    return {int(j) for j in tree.chain[body, : tree.chain_len[body]]} if body >= 0 else set()


def make_parts(robot: RobotModel, tree: Tree, *, idle: frozenset[int] = frozenset()) -> Parts:
    """The parts of a robot; `idle` are joints that nothing is asked of, which are in no part."""
    base = set(range(6)) | {6 + j for j in joints_of(tree, robot.point("neck")[0])}
    for side in SIDES:
        base |= {6 + j for j in joints_of(tree, robot.on_body(robot.profile.soles[side].link, np.zeros(3))[0])}
    idle_columns = {6 + j for j in idle}
    return Parts(whole=_part(set(range(6 + robot.dof)) - idle_columns, robot), base=_part(base - idle_columns, robot))


def _part(columns: set[int], robot: RobotModel) -> Part:
    place = np.full(6 + robot.dof, -1, dtype=np.int64)
    cols = np.array(sorted(columns), dtype=np.int64)
    place[cols] = np.arange(len(cols))
    return Part(cols=cols, place=place)
