"""Where the hands have been, seen from the pelvis: how much of its reach a dataset uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.apps.report.svg import Plot, label
from understudy.geom.arrays import F64
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import SIDES

CELL_M = 0.05
REACH_M = 0.8
_CELLS = round(2 * REACH_M / CELL_M)
_EVERY = 10
"""Steps between two that are looked at: a hand moves a few cells between them."""
_SHADES = 5


@dataclass(frozen=True)
class Reach:
    """Steps that each hand spent in each cell, in axes of the pelvis.

    Attributes:
        above: (2, C, C) left and right hand; cells of x (forward), then y (left).
        front: (2, C, C) cells of z (up), then y (left).
        steps: looked at.
    """

    above: F64
    front: F64
    steps: int

    @classmethod
    def empty(cls) -> Reach:
        """Nothing yet."""
        return cls(np.zeros((2, _CELLS, _CELLS)), np.zeros((2, _CELLS, _CELLS)), 0)

    def plus(self, other: Reach) -> Reach:
        """Both together."""
        return Reach(self.above + other.above, self.front + other.front, self.steps + other.steps)

    def cells_used(self) -> tuple[int, int]:
        """Cells that the left and the right hand were in, seen from above."""
        return int((self.above[0] > 0).sum()), int((self.above[1] > 0).sum())


def reach_of(robot: RobotModel, joint_pos: F64) -> Reach:
    """Where the wrists were.

    Args:
        robot: with points `left_wrist` and `right_wrist`.
        joint_pos: (T, J) radians, the robot's order.
    """
    from understudy.kinematics.forward import body_poses

    q = joint_pos[::_EVERY]
    q = q[np.isfinite(q).all(axis=1)]
    still = np.zeros((len(q), 3)), np.tile([1.0, 0.0, 0.0, 0.0], (len(q), 1))
    poses = body_poses(robot, *still, q)
    above, front = np.empty((2, _CELLS, _CELLS)), np.empty((2, _CELLS, _CELLS))
    for k, side in enumerate(SIDES):
        x, y, z = poses.points(*robot.point(f"{side}_wrist")).T
        above[k], front[k] = _counts(x, y), _counts(z, y)
    return Reach(above, front, len(q))


def _counts(row: F64, column: F64) -> F64:
    edges = np.linspace(-REACH_M, REACH_M, _CELLS + 1)
    return np.histogram2d(row, column, bins=(edges, edges))[0]


def reach_plots(reach: Reach) -> str:
    """Both views of both hands as SVG: the robot's left is on the left of the plot seen from behind and above."""
    return (
        '<div class="two">'
        + _view(reach.above, reach.steps, "Seen from above: forward is up, left is left")
        + _view(reach.front, reach.steps, "Seen from behind: up is up, left is left")
        + "</div>"
    )


def _view(cells: F64, steps: int, title: str) -> str:
    plot = Plot((-REACH_M, REACH_M), (-REACH_M, REACH_M), width=430, height=430, left=40, timed=False, title=title)
    for k, side in enumerate(SIDES):
        for row, column in np.argwhere(cells[k] > 0):
            shade = _shade(float(cells[k, row, column]), steps)
            x = REACH_M - (column + 1) * CELL_M, REACH_M - column * CELL_M  # y grows to the left, pixels to the right
            y = row * CELL_M - REACH_M, (row + 1) * CELL_M - REACH_M
            tip = f"{side} hand: {cells[k, row, column] / max(steps, 1):.1%} of the time"
            plot.box(*x, *y, f"bar {side} shade{shade}", tip)
    plot.x_axis("", values=_marks(), labels=[label(-v) for v in _marks()])
    plot.y_axis("", values=_marks())
    plot.hline(0.0, "floor")
    plot.vline(0.0, "floor")
    return (
        f'<figure class="view"><figcaption class="small soft">{title}; metres from the pelvis</figcaption>{plot.svg()}</figure>'
    )


def _marks() -> list[float]:
    return [-0.5, 0.0, 0.5]


def _shade(count: float, steps: int) -> int:
    """1 to 5 for a cell that was visited, each ten times as long as the one before."""
    share = count / max(steps, 1)
    return int(np.clip(np.ceil(np.log10(share) + _SHADES), 1, _SHADES))
