"""Holding the robot's surfaces on the floor where the person's rest there: the lowest point stays down and does not slip."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import I64, Bool
from understudy.retarget._rest_kernel import rest_points
from understudy.retarget._tables import Drive, Pose
from understudy.retarget.drive import FEET_POINTS
from understudy.retarget.problem import Problem
from understudy.retarget.surfaces import foot_points
from understudy.retarget.targets import Targets
from understudy.spec.skeleton import SURFACES

FIRM, LOOSE = 0.1, 0.03
"""Shares of the ground's weight that draw a planted surface down, and one that rests but moves. What would sink is kept up with
the whole of it: a robot of other proportions may not reach the floor with everything at once, and then a part stays above it."""
SLIP_SHARE = 0.1
"""Share of the feet's weight against slipping."""
CHOICES = 12
"""Iterations in which the points are chosen anew; afterwards they are kept, so that the solve comes to an end."""


class Rests:
    """What of a clip's surfaces rests when; called before each iteration, it writes the weights into `drive`.

    Args:
        problem: with the surfaces' points in its tables (`surfaces.with_surfaces`).
        points: surface to its ground points, in the order in which they were given to `with_surfaces`.
        targets: what of the person rests and is planted.
        drive: what every frame is asked; its `pull` and `slip` are written to.
        ramp: shares of their weights in the first iterations.
        push, slip: weights that keep a point above the floor, and a planted foot where it stands.
    """

    def __init__(
        self, problem: Problem, points: dict[str, I64], targets: Targets, drive: Drive, *, push: float, slip: float,
        ramp: tuple[float, ...],
    ) -> None:  # fmt: skip
        self.problem, self.drive, self.push, self.slip, self.ramp = problem, drive, push, SLIP_SHARE * slip, ramp
        own: list[tuple[I64, int, Bool, Bool]] = []
        column = FEET_POINTS
        for i, rows in enumerate(foot_points(problem)):
            frames = np.flatnonzero(targets.lying[:, i])
            own.append((rows, -1, targets.lying[:, i], targets.lying_still[:, i]))
            still = targets.lying_still[frames, i]
            drive.slip[frames, 2 * i : 2 * i + 2] *= np.where(still, SLIP_SHARE, 0.0)[:, None]
        for name, rows in points.items():
            surface = SURFACES.index(name)
            own.append((rows, column, targets.touch[:, surface], targets.planted[:, surface]))
            column += len(rows)
        own = [part for part in own if part[2].any()]
        self.rows = np.concatenate([part[0] for part in own])
        self.bounds = np.cumsum([0, *(len(part[0]) for part in own)])
        self.columns = np.array([part[1] for part in own], dtype=np.int64)
        self.rests, self.planted = (np.ascontiguousarray(np.stack([part[i] for part in own], axis=1)) for i in (2, 3))
        self.feet_pull, self.feet_slip = drive.pull.copy(), drive.slip.copy()

    def __call__(self, iteration: int, pose: Pose) -> Bool:
        """Choose, in every frame, the point of each resting surface that is held on the floor.

        Returns:
            (T,) frames that are asked something else than before.
        """
        changed = np.zeros(len(pose.q), dtype=np.bool_)
        if iteration >= CHOICES:
            return changed
        ramp = self.ramp[min(iteration, len(self.ramp) - 1)]
        rest_points(
            self.problem.tree, self.problem.ground, pose, self.rows, self.bounds, self.columns, self.rests, self.planted,
            ramp * self.feet_pull, ramp * self.feet_slip, ramp * self.push, ramp * self.slip, FIRM, LOOSE,
            self.drive.pull, self.drive.slip, changed,
        )  # fmt: skip
        return changed
