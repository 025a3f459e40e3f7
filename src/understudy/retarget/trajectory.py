"""The whole clip as one problem: Gauss-Newton over every frame at once, contacts, limits and smoothness inside.

Frames couple to their two neighbours only, so the normal matrix is banded and a Cholesky factorisation costs the same for
every frame. A long clip is factored in stretches that hand their Schur complement on; that is the same elimination, so
the result does not depend on the length of a stretch, and only one stretch is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from understudy.errors import UnderstudyError
from understudy.geom.arrays import F32, F64, Bool
from understudy.geom.rotations import matrix_to_quat
from understudy.kinematics.forward import body_poses
from understudy.retarget._elimination import frame_shape, kept_columns
from understudy.retarget._tables import Active, Drive, Part, Pose, Stiff
from understudy.retarget._whole_clip import eliminated, move, substituted
from understudy.retarget.drive import FEET_POINTS, GROUND, REFERENCE_HZ, SOFT_SOLE
from understudy.retarget.problem import Problem

LIMIT, PAIR, SPEED = 1e5, 3e4, 1e5
MARGIN_M = 0.010
RAMP, FLOOR_RAMP = (0.01, 0.05, 0.25, 1.0), (0.01, 0.03, 0.1, 0.3, 1.0)
"""The stiff terms come in by degrees, by smaller ones where more than the feet bears: from full weight, floor clips diverge."""
CALM, MOST_DAMPING = 1e-3, 1e4
"""Damping of a frame that converges, and the most that one which does not is given."""
EASED, FLOOR_EASED = 0.4, 0.6
"""What is left of a frame's damping after a step that shrinks; more where more than the feet bears: contacts that come and go
drive steps up again as soon as they are let, and a quarter of the frames of a clip of falls went to the last iteration so."""
RESTLESS, CLOSE = 0.02, 0.006
STILL = 0.025
"""Steps over RESTLESS that do not shrink are damped, and their frames solved again (over CLOSE where limbs bear); the solve ends
when no step exceeds STILL, radians or metres."""
Begin = Literal["ramp", "settled", "polish"]
FAST_RAMP = (0.05, 1.0)
"""The same where a look is enough, with one step after it."""
REACH, HELD = 2, 1e12
"""Frames that a frame is coupled to on either side, and the damping that holds them where they are."""
HURRY, TOO_FAST, ASTRAY = 0.4, 1.02, 0.3
MARGIN_S = 0.2
"""Frames this close to one that still moves are solved with it."""
KEEP_BYTES = 120_000_000
"""Eliminated rows are kept for the substitution while they fit into this; longer clips are eliminated twice, in stretches."""


@dataclass(frozen=True)
class Settings:
    """How the solve is run.

    Attributes:
        lowpass_hz: cut-off of the smoothing inside the solve; 0 turns it off (a trace is kept against jitter).
        fast: solve at half the rate, in fewer steps, and draw a curve through the rest: a look at many clips.
        iterations: Gauss-Newton steps, the ramp included.
        polish: steps at the clip's own rate where it was solved at a lower one.
        stretch: most frames eliminated at a time; fewer where memory asks for it.
    """

    lowpass_hz: float = 5.0
    fast: bool = False
    iterations: int = 20
    polish: int = 16
    stretch: int = 1_000_000

    def ramp(self, *, floor: bool) -> tuple[float, ...]:
        """Shares of the stiff terms' weights in the first iterations; `floor`: more than the feet bears."""
        if floor:
            return FLOOR_RAMP
        return FAST_RAMP if self.fast else RAMP


class Trajectory:
    """One clip being solved; `pose` holds the present solution."""

    def __init__(
        self, problem: Problem, drive: Drive, pose: Pose, settings: Settings, rate_hz: float, *, flat: Bool, level: Bool
    ) -> None:
        self.problem, self.drive, self.settings, self.flat, self.level = problem, drive, settings, flat, level
        self.pose = Pose(*(np.ascontiguousarray(part).copy() for part in pose))
        self.step = REFERENCE_HZ / rate_hz
        self.ramp = settings.ramp(floor=not self._feet_alone)
        total = len(pose.q)
        self.active = Active(
            ground=np.zeros((total, len(problem.ground.body)), np.uint8),
            limit=np.zeros((total, problem.robot.dof), np.uint8),
            pair=np.zeros((total, len(problem.capsules.pair)), np.uint8),
            speed=np.zeros((total, problem.robot.dof), np.uint8),
            gone=np.zeros((total, problem.robot.dof + 1), np.float32),
            wait=np.zeros((total, len(problem.capsules.meeting)), np.float32),
        )
        self.damping = np.full(total, CALM * self.step)
        self.size = np.zeros(total)
        self._memory = np.empty(0, dtype=np.float32)

    def solve(
        self,
        progress: Callable[[int, int], None] | None = None,
        *,
        begin: Begin = "ramp",
        before: Callable[[int, Pose], Bool] | None = None,
    ) -> Pose:
        """Run the iterations; returns the clamped solution.

        Args:
            progress: called with (done, most) iterations.
            begin: `ramp` brings the stiff terms in by degrees; `settled` where the pose has contacts and limits in it already;
                `polish` where it is a solution but for the very frames in which feet are planted.
            before: called before each iteration with its number and the present pose; it may change what `drive` asks, and
                returns the frames (T,) in which it did.
        """
        ramp, total = len(self.ramp), len(self.pose.q)
        first = 0 if begin == "ramp" else ramp - 1
        last = first + self.settings.polish if begin == "polish" else self.settings.iterations
        look = ramp + 1 if self.settings.fast and begin == "ramp" else last
        self._move(self._stiff(first), 0, np.zeros((total, 6 + self.problem.robot.dof)))
        self.size[:] = 0.0
        for i in range(first, last):
            if i >= look and not self._only_astray():
                break
            self._ask_anew(i, before)
            if begin == "polish" and i == first + 1:
                self._hurried()
            for window in [(0, total)] if i < ramp else self._restless():
                self._solve_window(self._part(i, begin), self._stiff(i), *window)
            if progress is not None:
                progress(i + 1, last)
            if i >= ramp and self.size.max() < STILL:
                break
        tree = self.problem.tree
        return self.pose._replace(q=np.clip(self.pose.q, tree.lower, tree.upper))

    @property
    def _feet_alone(self) -> bool:
        """Whether nothing but the feet can bear on the floor."""
        return len(self.problem.ground.slip_body) == FEET_POINTS

    def _ask_anew(self, iteration: int, before: Callable[[int, Pose], Bool] | None) -> None:
        """Let contacts be chosen anew by the present pose; a frame that is asked something else is solved again."""
        changed = np.zeros(len(self.size), dtype=np.bool_)
        if not self.problem.can_roll:
            pull = self.drive.pull.copy()
            self._stand_on_edges()
            changed |= (pull != self.drive.pull).any(axis=1)
        if before is not None:
            changed |= before(iteration, self.pose)
        self.size[changed & (self.size > 0)] = np.maximum(self.size[changed & (self.size > 0)], 2.0 * RESTLESS)

    def _part(self, iteration: int, begin: Begin) -> Part:
        """What is solved for: everything, but in the first step on a curve what stands on the feet, unless limbs bear too."""
        p = self.problem.parts
        return p.base if begin == "polish" and iteration < len(self.ramp) and self._feet_alone else p.whole

    def _hurried(self) -> None:
        """Have frames solved again in which a joint turns at over HURRY of its bound: the curve is least to be trusted there."""
        turned = np.abs(np.diff(self.pose.q, axis=0)) > HURRY * self.drive.step
        fast = np.flatnonzero(turned.any(axis=1))
        self.size[fast] = np.maximum(self.size[fast], 2.0 * RESTLESS)

    def _only_astray(self) -> bool:
        """Have only those frames solved again that the last step moved by over ASTRAY, radians or metres, or into which a joint
        turns faster than it may; whether there are any."""
        turned = (np.abs(np.diff(self.pose.q, axis=0)) > TOO_FAST * self.drive.step).any(axis=1)
        astray = self.size > ASTRAY
        astray[:-1] |= turned
        self.size[:] = np.where(astray, 2.0 * RESTLESS, 0.0)
        return bool(astray.any())

    def _restless(self) -> list[tuple[int, int]]:
        """Stretches of frames that still move, with a margin on both sides; the others are done."""
        moving = np.flatnonzero(self.size > (RESTLESS if self._feet_alone else CLOSE))
        margin = max(2, round(MARGIN_S * REFERENCE_HZ / self.step))
        windows: list[tuple[int, int]] = []
        for f in moving.tolist():
            first, stop = max(0, f - margin), min(len(self.size), f + margin + 1)
            if windows and first <= windows[-1][1]:
                windows[-1] = (windows[-1][0], stop)
            else:
                windows.append((first, stop))
        return windows

    def _stand_on_edges(self) -> None:
        """Where ankles cannot roll, a flat sole has its lowest front point on the ground, a level one a rear one too."""
        p, start = self.problem, 0
        poses = body_poses(p.robot, self.pose.root_pos, matrix_to_quat(self.pose.root_rot), self.pose.q)
        for i, count in enumerate(p.sole_count):
            points = slice(start, start + count)
            height = poses.points(int(p.ground.body[start]), p.ground.offset[points])[:, :, 2]
            ahead = p.ground.offset[points, 0] > np.median(p.ground.offset[points, 0])
            for part, held in ((ahead, self.flat[:, i]), (~ahead, self.level[:, i])):
                frames, columns = np.flatnonzero(held), start + np.flatnonzero(part)
                self.drive.pull[np.ix_(frames, columns)] = SOFT_SOLE * GROUND * self.step / count
                lowest = columns[np.argmin(height[:, part], axis=1)]
                self.drive.pull[frames, lowest[frames]] = 0.5 * GROUND * self.step
            start += count

    def _stiff(self, iteration: int) -> Stiff:
        ramp = self.ramp[min(iteration, len(self.ramp) - 1)] * self.step
        return Stiff(ground=GROUND * ramp, limit=LIMIT * ramp, pair=PAIR * ramp, speed=SPEED * ramp, margin=MARGIN_M)

    def _solve_window(self, part: Part, stiff: Stiff, first: int, stop: int) -> None:
        """One Gauss-Newton step of the frames [first, stop); those around them are held."""
        total = len(self.pose.q)
        low, high = max(0, first - REACH), min(total, stop + REACH)
        held = [*range(low, first), *range(stop, high)]
        damping = self.damping[held]
        self.damping[held] = HELD
        step = self._step(part, stiff, low, high)
        self.damping[held] = damping
        self._move(stiff, first, step[first - low : stop - low])

    def _step(self, part: Part, stiff: Stiff, first: int, stop: int) -> F64:
        """(stop - first, nv) the step of the frames as a problem of its own, in stretches that fit into memory."""
        n = len(part.cols)
        longest = min(self.settings.stretch, max(REACH, KEEP_BYTES // (4 * n * kept_columns(n))))
        starts = range(first, stop, longest)
        handed = [np.zeros((REACH + 1, *frame_shape(n)))]
        for start in starts:
            handed.append(handed[-1].copy())
            kept = self._eliminated(part, stiff, start, min(start + longest, stop), handed[-1])
        step = np.zeros((stop - first, 6 + self.problem.robot.dof))
        known = np.zeros((REACH, n))
        for i in reversed(range(len(starts))):
            start, end = starts[i], min(starts[i] + longest, stop)
            if i < len(starts) - 1:  # the last stretch is still there
                kept = self._eliminated(part, stiff, start, end, handed[i].copy())
            found = np.concatenate([np.empty((end - start, n)), known])
            substituted(kept, found, n)
            known = found[:REACH].copy()
            step[start - first : end - first, part.cols] = found[:-REACH]
        return step

    def _eliminated(self, part: Part, stiff: Stiff, first: int, stop: int, rows: F64) -> F32:
        """What substitution needs of the frames [first, stop), in memory that the next call uses again; `rows` go on."""
        p, shape = self.problem, (stop - first, len(part.cols), kept_columns(len(part.cols)))
        size = shape[0] * shape[1] * shape[2]
        if len(self._memory) < size:
            self._memory = np.empty(size, dtype=np.float32)
        kept = self._memory[:size].reshape(shape)
        singular = eliminated(
            p.tree, p.vectors, p.ground, p.capsules, self.drive, stiff, part, self.damping, self.active, self.pose,
            first, stop, rows, kept,
        )  # fmt: skip
        if singular >= 0:
            raise UnderstudyError(f"retargeting: the equations are singular at frame {singular}; please report the clip")
        return kept

    def _move(self, stiff: Stiff, first: int, step: F64) -> None:
        """Move frames; one whose step does not shrink is damped more, one whose step does is damped less."""
        p, stop = self.problem, first + len(step)
        size = np.empty(len(step))
        move(p.tree, p.ground, p.capsules, stiff, self.active, self.pose, self.drive.step, step, first, stop, size)
        before, damping = self.size[first:stop], self.damping[first:stop]
        restless = (size > RESTLESS) & (before > 0) & (size > 0.7 * before)
        calm, eased = CALM * self.step, EASED if self._feet_alone else FLOOR_EASED
        damping[:] = np.clip(np.where(restless, 5.0 * np.maximum(damping, 0.02 * self.step), eased * damping), calm, MOST_DAMPING)
        before[:] = size
