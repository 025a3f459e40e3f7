"""Leaving a limb's wrong branch without the future: another way to bend it is looked for, one start per frame, and gone over to.

A shoulder that has been turned to its limit can be stuck there for as long as the arm does not come back the same way, while
the same direction could be reached from the other side. So can the hip of somebody who lies on the floor.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.retarget._stream_kernel import Asked, InForce, Room, misfit, solve_frame
from understudy.retarget._tables import Stiff, Vectors
from understudy.retarget.problem import VECTORS, Problem
from understudy.retarget.targets import PLACE
from understudy.spec.skeleton import SIDES

STUCK, BETTER, STUCK_S = 0.45, 0.5, 0.1
"""A limb is stuck when a bone of it is off by the first (a chord of unit directions) for the last; another way must be better by
the factor in the middle."""
STARTS, LOOK_ITERATIONS, FIRST_ITERATIONS = 16, 8, 40
HELD = 100.0
"""A leg whose heel or toe weighs more than this stands, and is left alone."""
FIRM, ARRIVED_RAD, MOST_S, REST_S = 30.0, 0.2, 0.8, 0.5
"""Pull towards the other way, how near ends it, how long it is tried, and for how long nothing is looked for afterwards."""


@dataclass
class Limb:
    """An arm or a leg: its joints, the vector tasks that it serves, and what is being done about it.

    Attributes:
        joints: (n,) indices of the joints between torso and wrist, or pelvis and foot.
        rows: (R,) its two bones, and what else of the vector tasks it alone serves.
        ends: (0,) or (2,) heel and toe in the world among them.
        stuck_s, resting_s, going_s: for how long it has been stuck, has nothing to be done about it, and has been going over.
        looks: how many starts have been tried.
        other: (n,) joints on the other side while it goes over.
    """

    joints: I64
    rows: I64
    ends: I64
    stuck_s: float = 0.0
    resting_s: float = 0.0
    going_s: float = 0.0
    looks: int = 0
    other: F64 | None = field(default=None)


class Limbs:
    """Arms and legs of a robot."""

    def __init__(self, problem: Problem, vectors: Vectors, stiff: Stiff, room: Room) -> None:
        self._problem, self._vectors, self._stiff, self._room = problem, vectors, stiff, room
        p = problem
        self.limbs = [*(_arm(p, side) for side in SIDES), *(_leg(p, i) for i in range(len(SIDES)))]
        dof, pairs = p.robot.dof, len(p.capsules.pair)
        self._force = InForce(*(np.zeros(n, np.uint8) for n in (len(p.ground.body), dof, pairs, dof)))
        self._free = np.full(dof, np.pi)

    def forget(self) -> None:
        """Start afresh."""
        for limb in self.limbs:
            limb.stuck_s = limb.resting_s = limb.going_s = 0.0
            limb.looks, limb.other = 0, None

    def begin(self, target: F64, weight: F64, root_pos: F64, root_rot: F64, q: F64) -> bool:
        """Try every start for each limb of a first frame that is stuck, and change `q` to the best; whether anything changed."""
        changed = False
        for limb in self.limbs:
            best = self._off(limb, target)
            if best < STUCK:
                continue
            best *= BETTER
            for n in range(1, STARTS + 1):
                found = self._solved(limb, self._start(limb, n), target, weight, root_pos, root_rot, q, FIRST_ITERATIONS)
                off = self._off(limb, target)
                if off < best:
                    best, changed = off, True
                    q[limb.joints] = found[limb.joints]
            self._solved(limb, q[limb.joints], target, weight, root_pos, root_rot, q)
        return changed

    def steer(self, target: F64, weight: F64, rest: F64, rest_weight: F64, root_pos: F64, root_rot: F64, q: F64) -> None:
        """Change what the frame is asked, in place, for a limb that goes over to the other side."""
        for limb in self.limbs:
            if limb.other is None:
                continue
            found = self._solved(limb, limb.other, target, weight, root_pos, root_rot, q)
            limb.other = found[limb.joints]
            rest[limb.joints], rest_weight[limb.joints] = limb.other, FIRM
            weight[limb.rows] = 0.0

    def watch(self, target: F64, weight: F64, root_pos: F64, root_rot: F64, q: F64, dt_s: float) -> None:
        """Look at the solved frame: is a limb stuck, is there another way, has it arrived? One limb is looked at in a frame."""
        stuck: list[tuple[Limb, float]] = []
        for limb in self.limbs:
            if limb.other is not None:
                limb.going_s += dt_s
                arrived = float(np.abs(limb.other - q[limb.joints]).max()) < ARRIVED_RAD
                if arrived or limb.going_s > MOST_S:
                    limb.other, limb.going_s, limb.stuck_s, limb.resting_s = None, 0.0, 0.0, REST_S
                continue
            limb.resting_s = max(limb.resting_s - dt_s, 0.0)
            off = self._off(limb, target)
            free = limb.resting_s == 0.0 and not bool((weight[limb.ends] > HELD).any())
            limb.stuck_s = limb.stuck_s + dt_s if free and off > STUCK else 0.0
            if limb.stuck_s > STUCK_S:
                stuck.append((limb, off))
        if stuck:
            limb, off = min(stuck, key=lambda one: one[0].looks)
            self._look(limb, off, target, weight, root_pos, root_rot, q)

    def _look(self, limb: Limb, off: float, target: F64, weight: F64, root_pos: F64, root_rot: F64, q: F64) -> None:
        """Try one start; where it leads to a much better one, go there."""
        limb.looks += 1
        found = self._solved(limb, self._start(limb, (limb.looks - 1) % STARTS + 1), target, weight, root_pos, root_rot, q)
        if self._off(limb, target) < BETTER * off:
            limb.other, limb.going_s = found[limb.joints], 0.0

    def _start(self, limb: Limb, n: int) -> F64:
        """(n,) joints of the limb to begin at: starts that fill the ranges evenly."""
        lower, upper = self._problem.tree.lower[limb.joints], self._problem.tree.upper[limb.joints]
        share = np.mod(0.5 + n * np.sqrt(np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0]))[: len(limb.joints)], 1.0)
        return np.asarray(lower + share * (upper - lower))

    def _solved(
        self,
        limb: Limb,
        start: F64,
        target: F64,
        weight: F64,
        root_pos: F64,
        root_rot: F64,
        q: F64,
        iterations: int = LOOK_ITERATIONS,
    ) -> F64:
        """(J,) the frame solved with one limb begun elsewhere and all else kept."""
        kept = np.full(len(q), 1e4)
        kept[limb.joints] = self._problem.tree.rest_weight[limb.joints]
        rest = q.copy()
        rest[limb.joints] = self._problem.tree.rest[limb.joints]
        pos, rot, found = root_pos.copy(), root_rot.copy(), q.copy()
        found[limb.joints] = start
        p = self._problem
        asked = Asked(target, weight, rest, kept, found.copy(), self._free)
        solve_frame(
            p.tree, self._vectors, p.ground, p.capsules, self._stiff, asked, self._force, self._room,
            pos, rot, found, iterations, 1e-3, 1e-4,
        )  # fmt: skip
        return found

    def _off(self, limb: Limb, target: F64) -> float:
        """The larger chord by which the two bones, as last solved, are off."""
        return max(float(misfit(self._vectors, self._room, target, int(row))) for row in limb.rows[:2])


def _arm(problem: Problem, side: str) -> Limb:
    trunk = {*_chain(problem, "neck")}
    rows = [PLACE[f"{side}_shoulder>{side}_elbow"], PLACE[f"{side}_elbow>{side}_wrist"], PLACE[f"{side}_hand"]]
    joints = [j for j in _chain(problem, f"{side}_wrist") if j not in trunk]
    return Limb(np.array(joints), np.array(rows), np.zeros(0, dtype=np.int64))


def _leg(problem: Problem, i: int) -> Limb:
    side, first = SIDES[i], len(VECTORS) + 4 * i
    rows = [PLACE[f"{side}_hip>{side}_knee"], PLACE[f"{side}_knee>{side}_ankle"], PLACE[f"{side}_foot"], PLACE[f"{side}_sole"]]
    rows += range(first, first + 4)
    return Limb(np.array(_chain(problem, f"{side}_ankle")), np.array(rows), np.array([first + 1, first + 2]))


def _chain(problem: Problem, point: str) -> list[int]:
    body = problem.robot.point(point)[0]
    return [int(j) for j in problem.tree.chain[body, : problem.tree.chain_len[body]]]
