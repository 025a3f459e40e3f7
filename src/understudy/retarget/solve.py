"""The whole-clip solve of one clip: with the feet alone, or with everything that rests on the floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from understudy.geom.arrays import F64
from understudy.retarget._tables import Pose
from understudy.retarget.drive import GROUND, REFERENCE_HZ, SLIP, held_level, make_drive
from understudy.retarget.problem import Problem
from understudy.retarget.rests import Rests
from understudy.retarget.surfaces import surface_points, with_surfaces
from understudy.retarget.targets import Targets
from understudy.retarget.trajectory import Begin, Settings, Trajectory
from understudy.spec.skeleton import SURFACES


def solve_clip(
    problem: Problem,
    targets: Targets,
    start: Pose,
    settings: Settings,
    rate_hz: float,
    *,
    weight: F64 | None = None,
    progress: Callable[[int, int], None] | None = None,
    begin: Begin = "ramp",
) -> Pose:
    """Solve all frames at once from a first pose.

    Args:
        weight: (T, V) of the vector tasks, in place of the targets' own.
        progress: called with (done, most) iterations.
        begin: what the first pose holds already, see `Trajectory.solve`.
    """
    step = REFERENCE_HZ / rate_hz
    tree = problem.tree
    flat, level = targets.flat & targets.firm, held_level(problem, targets)
    problem = replace(problem, tree=tree._replace(rest_weight=tree.rest_weight * step))
    if not targets.touch.any():
        drive = make_drive(problem, targets, settings.lowpass_hz, rate_hz, weight)
        return Trajectory(problem, drive, start, settings, rate_hz, flat=flat, level=level).solve(progress, begin=begin)
    points = {
        name: rows for name, rows in surface_points(problem).items() if len(rows) and targets.touch[:, SURFACES.index(name)].any()
    }
    problem = with_surfaces(problem, points)
    drive = make_drive(problem, targets, settings.lowpass_hz, rate_hz, weight)
    rests = Rests(problem, points, targets, drive, push=GROUND * step, slip=SLIP / step, ramp=settings.ramp(floor=True))
    solver = Trajectory(problem, drive, start, settings, rate_hz, flat=flat, level=level)
    return solver.solve(progress, begin=begin, before=rests)
