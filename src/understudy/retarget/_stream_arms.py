"""Leaving an arm's wrong branch without the future: another way to bend it is looked for, one start per frame, and gone over to.

A shoulder that has been turned to its limit can be stuck there for as long as the arm does not come back the same way, while
the same direction could be reached from the other side.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.retarget._stream_kernel import Asked, InForce, Room, misfit, solve_frame
from understudy.retarget._tables import Stiff, Vectors
from understudy.retarget.problem import Problem
from understudy.retarget.targets import PLACE
from understudy.spec.skeleton import SIDES

STUCK, BETTER, STUCK_S = 0.45, 0.5, 0.1
"""An arm is stuck when a bone of it is off by the first (a chord of unit directions) for the last; another way must be better by
the factor in the middle."""
STARTS, LOOK_ITERATIONS = 16, 8
FIRM, ARRIVED_RAD, MOST_S, REST_S = 30.0, 0.2, 0.8, 0.5
"""Pull towards the other way, how near ends it, how long it is tried, and for how long nothing is looked for afterwards."""


@dataclass
class Arm:
    """One arm: its joints, the vector tasks that it serves, and what is being done about it.

    Attributes:
        joints: (n,) indices of the joints between torso and wrist.
        rows: (3,) upper arm, forearm and hand among the vector tasks.
        stuck_s, resting_s, going_s: for how long it has been stuck, has nothing to be done about it, and has been going over.
        start: which start is next.
        other: (n,) joints on the other side while it goes over.
    """

    joints: I64
    rows: I64
    stuck_s: float = 0.0
    resting_s: float = 0.0
    going_s: float = 0.0
    start: int = 0
    other: F64 | None = field(default=None)


class Arms:
    """Both arms of a robot."""

    def __init__(self, problem: Problem, vectors: Vectors, stiff: Stiff, room: Room) -> None:
        self._problem, self._vectors, self._stiff, self._room = problem, vectors, stiff, room
        p = problem
        trunk = {*_chain(p, "neck")}
        self.arms = [
            Arm(
                np.array([j for j in _chain(p, f"{side}_wrist") if j not in trunk]),
                np.array([PLACE[f"{side}_shoulder>{side}_elbow"], PLACE[f"{side}_elbow>{side}_wrist"], PLACE[f"{side}_hand"]]),
            )
            for side in SIDES
        ]
        dof, pairs = p.robot.dof, len(p.capsules.pair)
        self._force = InForce(*(np.zeros(n, np.uint8) for n in (len(p.ground.body), dof, pairs, dof)))
        self._free = np.full(dof, np.pi)

    def forget(self) -> None:
        """Start afresh."""
        for arm in self.arms:
            arm.stuck_s = arm.resting_s = arm.going_s = 0.0
            arm.start, arm.other = 0, None

    def steer(self, target: F64, weight: F64, rest: F64, rest_weight: F64, root_pos: F64, root_rot: F64, q: F64) -> None:
        """Change what the frame is asked, in place, for an arm that goes over to the other side."""
        for arm in self.arms:
            if arm.other is None:
                continue
            found = self._solved(arm, arm.other, target, weight, root_pos, root_rot, q)
            arm.other = found[arm.joints]
            rest[arm.joints], rest_weight[arm.joints] = arm.other, FIRM
            weight[arm.rows] = 0.0

    def watch(self, target: F64, weight: F64, root_pos: F64, root_rot: F64, q: F64, dt_s: float) -> None:
        """Look at the solved frame: is an arm stuck, is there another way, has it arrived?"""
        for arm in self.arms:
            if arm.other is not None:
                arm.going_s += dt_s
                arrived = float(np.abs(arm.other - q[arm.joints]).max()) < ARRIVED_RAD
                if arrived or arm.going_s > MOST_S:
                    arm.other, arm.going_s, arm.stuck_s, arm.resting_s = None, 0.0, 0.0, REST_S
                continue
            arm.resting_s = max(arm.resting_s - dt_s, 0.0)
            off = self._off(arm, target)
            arm.stuck_s = arm.stuck_s + dt_s if off > STUCK and arm.resting_s == 0.0 else 0.0
            if arm.stuck_s > STUCK_S:
                self._look(arm, off, target, weight, root_pos, root_rot, q)

    def _look(self, arm: Arm, off: float, target: F64, weight: F64, root_pos: F64, root_rot: F64, q: F64) -> None:
        """Try one start; where it leads to a much better arm, go there."""
        tree = self._problem.tree
        arm.start = arm.start % STARTS + 1
        share = np.mod(0.5 + arm.start * np.sqrt(np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0]))[: len(arm.joints)], 1.0)
        start = tree.lower[arm.joints] + share * (tree.upper[arm.joints] - tree.lower[arm.joints])
        found = self._solved(arm, start, target, weight, root_pos, root_rot, q)
        if self._off(arm, target) < BETTER * off:
            arm.other, arm.going_s = found[arm.joints], 0.0

    def _solved(self, arm: Arm, start: F64, target: F64, weight: F64, root_pos: F64, root_rot: F64, q: F64) -> F64:
        """(J,) the frame solved with one arm begun elsewhere and all else kept."""
        kept = np.full(len(q), 1e4)
        kept[arm.joints] = self._problem.tree.rest_weight[arm.joints]
        rest = q.copy()
        rest[arm.joints] = self._problem.tree.rest[arm.joints]
        pos, rot, found = root_pos.copy(), root_rot.copy(), q.copy()
        found[arm.joints] = start
        p = self._problem
        asked = Asked(target, weight, rest, kept, found.copy(), self._free)
        solve_frame(
            p.tree, self._vectors, p.ground, p.capsules, self._stiff, asked, self._force, self._room,
            pos, rot, found, LOOK_ITERATIONS, 1e-3, 1e-4,
        )  # fmt: skip
        return found

    def _off(self, arm: Arm, target: F64) -> float:
        """The larger chord by which upper arm and forearm, as last solved, are off."""
        return max(float(misfit(self._vectors, self._room, target, int(row))) for row in arm.rows[:2])


def _chain(problem: Problem, point: str) -> list[int]:
    body = problem.robot.point(point)[0]
    return [int(j) for j in problem.tree.chain[body, : problem.tree.chain_len[body]]]
