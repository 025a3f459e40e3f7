"""Holding the robot's surfaces on the floor where the person's rest there: the lowest point stays down and does not slip."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.geom.rotations import matrix_to_quat
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.retarget._tables import Drive, Pose
from understudy.retarget.drive import FEET_POINTS
from understudy.retarget.problem import Problem
from understudy.retarget.surfaces import foot_points
from understudy.retarget.targets import Targets
from understudy.spec.skeleton import SURFACES

KEEP_M = 0.005
"""A point that rests goes on resting unless another is lower by more than this."""
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
        self.parts: list[tuple[I64, int, I64, Bool]] = []
        column = FEET_POINTS
        for i, rows in enumerate(foot_points(problem)):
            frames = np.flatnonzero(targets.lying[:, i])
            if len(frames):
                self.parts.append((rows, -1, frames, targets.lying_still[:, i]))
                still = targets.lying_still[frames, i]
                drive.slip[frames, 2 * i : 2 * i + 2] *= np.where(still, SLIP_SHARE, 0.0)[:, None]
        for name, rows in points.items():
            surface = SURFACES.index(name)
            frames = np.flatnonzero(targets.touch[:, surface])
            if len(frames):
                self.parts.append((rows, column, frames, targets.planted[:, surface]))
            column += len(rows)
        self.feet_pull, self.feet_slip = drive.pull.copy(), drive.slip.copy()

    def __call__(self, iteration: int, pose: Pose) -> None:
        """Choose, in every frame, the point of each resting surface that is held on the floor."""
        if iteration >= CHOICES:
            return
        ramp = self.ramp[min(iteration, len(self.ramp) - 1)]
        self.drive.pull[:] = ramp * self.feet_pull
        self.drive.slip[:] = ramp * self.feet_slip
        poses = body_poses(self.problem.robot, pose.root_pos, matrix_to_quat(pose.root_rot), pose.q)
        for rows, column, frames, planted in self.parts:
            gap = self._gaps(poses, rows, frames)
            chosen = _chosen(gap, frames)
            sinks = gap[np.arange(len(frames)), chosen] < 0.0
            if column < 0:
                self.drive.pull[np.ix_(frames, rows)] = 0.0
            share = np.where(sinks, 1.0, np.where(planted[frames], FIRM, LOOSE))
            self.drive.pull[frames, rows[chosen]] = ramp * share * self.push
            if column < 0:
                continue
            on = np.flatnonzero((np.diff(frames) == 1) & planted[frames[:-1]] & planted[frames[1:]])
            self.drive.slip[frames[on], column + chosen[on]] = ramp * self.slip

    def _gaps(self, poses: BodyPoses, rows: I64, frames: I64) -> F64:
        """(F, N) metres between each of a surface's points and the floor."""
        ground = self.problem.ground
        return np.stack(
            [poses.points(int(ground.body[n]), ground.offset[n])[frames, 2] - ground.clearance[n] for n in rows], axis=1
        )


def _chosen(gap: F64, frames: I64) -> I64:
    """(F,) the lowest point of each frame; the one before is kept while no other is lower by more than KEEP_M."""
    depth = gap.min(axis=1)
    out: I64 = gap.argmin(axis=1).astype(np.int64)
    for k in range(1, len(frames)):
        if frames[k] == frames[k - 1] + 1 and gap[k, out[k - 1]] <= depth[k] + KEEP_M:
            out[k] = out[k - 1]
    return out
