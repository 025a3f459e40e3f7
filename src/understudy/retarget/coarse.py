"""A fast clip is solved at about 30 Hz, and the frames in between are drawn as a curve and set right.

Motion that is smoothed at 5 Hz is known from 30 frames a second: a cubic curve through them is off by less than 1e-3 of
its amplitude (C. de Boor, A Practical Guide to Splines, chapter V). What a curve does not know is the frame in which a
foot is planted; a few steps of the root, the legs and the trunk at the clip's own rate put that right.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.interpolate import CubicSpline

from understudy.geom.arrays import F64, I64, Bool
from understudy.geom.rotations import matrix_to_quat, quat_continuous, quat_to_matrix
from understudy.retarget._tables import Pose
from understudy.retarget.drive import REFERENCE_HZ
from understudy.retarget.first_pose import first_pose
from understudy.retarget.problem import Problem
from understudy.retarget.solve import solve_clip
from understudy.retarget.speed import speed_bound
from understudy.retarget.targets import Targets
from understudy.retarget.trajectory import Settings

FEWEST = 30
"""Fewest frames at the low rate that are worth it."""
START_HZ = 14.0
"""Rate of the sweeps that the solve begins with."""
PER_CUTOFF = 6.0
"""The low rate is at least this multiple of the smoothing's cut-off."""


def solve_from_targets(
    problem: Problem, targets: Targets, settings: Settings, rate_hz: float, progress: Callable[[int, int], None] | None = None
) -> Pose:
    """The whole-clip solution: clips at 60 Hz and more at about 30 Hz first, others at once."""
    keep = int(rate_hz / _knot_hz(settings) + 0.25)
    total = len(targets.vectors)
    if keep < 2 or total < FEWEST * keep:
        return solve_clip(problem, targets, _first(problem, targets, settings, rate_hz), settings, rate_hz, progress=progress)
    frames = np.arange(0, total, keep)
    few = _at_knots(targets, frames, keep)
    pose = solve_clip(problem, few, _first(problem, few, settings, rate_hz / keep), settings, rate_hz / keep, progress=progress)
    curve = _curve(pose, frames, total)
    if settings.lowpass_hz <= 0:
        return solve_clip(problem, targets, curve, settings, rate_hz, begin="settled")
    curve = curve._replace(q=_within_speed(curve.q, frames, speed_bound(problem.robot) / rate_hz))
    if settings.fast:
        return curve._replace(q=np.clip(curve.q, problem.tree.lower, problem.tree.upper))
    return solve_clip(problem, targets, curve, settings, rate_hz, begin="polish")


def _knot_hz(settings: Settings) -> float:
    """The low rate, frames per second."""
    share = 0.5 if settings.fast else 1.0
    return share * max(REFERENCE_HZ, PER_CUTOFF * settings.lowpass_hz)


def _first(problem: Problem, targets: Targets, settings: Settings, rate_hz: float) -> Pose:
    """Where the whole-clip solve begins: the sweeps at about START_HZ, and straight lines between their frames."""
    total = len(targets.vectors)
    hop = int(rate_hz / (START_HZ * (0.5 if settings.fast else 1.0)) + 0.25)
    if hop < 2 or total < FEWEST * hop:
        return first_pose(problem, targets, rate_hz)
    frames = np.append(np.arange(0, total - 1, hop), total - 1)
    few = targets.at(frames)
    pose = first_pose(problem, few, rate_hz / hop)
    at, quat = np.arange(total), quat_continuous(matrix_to_quat(pose.root_rot))
    lines = [np.stack([np.interp(at, frames, column) for column in values.T], axis=1) for values in (pose.root_pos, quat, pose.q)]
    turned = lines[1] / np.linalg.norm(lines[1], axis=1, keepdims=True)
    return Pose(np.ascontiguousarray(lines[0]), np.ascontiguousarray(quat_to_matrix(turned)), np.ascontiguousarray(lines[2]))


def _at_knots(targets: Targets, frames: I64, keep: int) -> Targets:
    """What some of the frames are asked; a foot that stands anywhere between two of them stands in both."""

    def near(mask: Bool) -> Bool:
        reach = np.arange(1 - keep, keep)
        return np.asarray(mask[np.clip(frames[:, None] + reach, 0, len(mask) - 1)].any(axis=1))

    few = targets.at(frames)
    return replace(few, stance=near(targets.stance), flat=near(targets.flat), placed=near(targets.placed))


def _curve(pose: Pose, frames: I64, total: int) -> Pose:
    """A pose known at some frames, evenly spaced, on a cubic curve through all; straight on beyond the last of them."""
    at = np.arange(total)

    columns = np.hstack([pose.root_pos, quat_continuous(matrix_to_quat(pose.root_rot)), pose.q])
    curve = CubicSpline(frames, columns, axis=0, bc_type="natural")
    drawn = curve(np.minimum(at, frames[-1]))
    drawn[frames[-1] + 1 :] += np.arange(1, total - frames[-1])[:, None] * curve(frames[-1], 1)
    pos, quat, q = (np.ascontiguousarray(part) for part in np.split(drawn, [3, 7], axis=1))
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    return Pose(pos, np.ascontiguousarray(quat_to_matrix(quat)), q)


def _within_speed(q: F64, frames: I64, most: F64) -> F64:
    """Joints (T, J) on a curve, drawn towards the straight line between two of its `frames` where it turns by over `most` (J,).

    A curve through angles that turn at their bound overshoots it: it starts late and makes up for that in the middle.
    """
    over = np.abs(np.diff(q, axis=0)) > most
    out, at = q.copy(), np.arange(len(q))
    for j in np.flatnonzero(over.any(axis=0)):
        line = np.interp(at, frames, q[frames, j])
        for first, stop in itertools.pairwise([*frames.tolist(), len(q)]):
            if over[first:stop, j].any():
                part = slice(first, stop + 1)
                spare = most[j] - np.abs(np.diff(line[part])).max()
                share = np.clip(spare / np.abs(np.diff(q[part, j] - line[part])).max(), 0.0, 1.0)
                out[part, j] = line[part] + share * (q[part, j] - line[part])
    return out
