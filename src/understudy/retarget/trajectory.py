"""The whole clip as one problem: Gauss-Newton over every frame at once, contacts, limits and smoothness inside.

Frames couple to their two neighbours only, so the normal matrix is banded and a Cholesky factorisation costs the same for
every frame. A long clip is factored in stretches that hand their Schur complement on; that is the same elimination, so
the result does not depend on the length of a stretch, and only one stretch is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from understudy.errors import UnderstudyError
from understudy.geom.arrays import F64, Bool
from understudy.geom.rotations import matrix_to_quat
from understudy.kinematics.forward import body_poses
from understudy.retarget._tables import Active, Drive, Pose, Stiff
from understudy.retarget._trajectory_kernels import assemble, take_step
from understudy.retarget.banded import Factored, back_substitute, factored, schur
from understudy.retarget.problem import Problem
from understudy.retarget.targets import Targets

REFERENCE_HZ = 30.0
"""The rate at which the weights below were chosen; other rates scale them by their step."""
GROUND, SLIP, LIMIT, PAIR, SPEED = 3e4, 1e6, 1e5, 3e4, 1e5
FASTEST_RAD_S, SPEED_SHARE = 14.5, 0.98
"""Joints turn no faster than this, nor than this share of their own limit."""
MARGIN_M = 0.005
SOFT_SOLE = 0.03
"""Share of the ground weight that lays the sole flat where the ankle cannot roll."""
RAMP = (0.01, 0.03, 0.1, 0.3, 1.0)
"""The stiff terms come in by degrees: at full weight from the start, floor clips diverge."""
ROOT_POS_ACCEL = 100.0
CALM, MOST_DAMPING = 1e-3, 1e4
"""Damping of a frame that converges, and the most that one which does not is given."""
RESTLESS = 0.01
STILL = 0.025
"""Steps over RESTLESS that do not shrink are damped; the solve ends when no step exceeds STILL, radians or metres."""
KEEP_BYTES = 250_000_000
"""Factors are kept between elimination and substitution while they fit into this; longer clips factor each stretch twice."""


@dataclass(frozen=True)
class Settings:
    """How the solve is run.

    Attributes:
        lowpass_hz: cut-off of the smoothing inside the solve; 0 turns it off (a trace is kept against jitter).
        iterations: Gauss-Newton steps, the ramp included.
        stretch: frames factored at a time.
    """

    lowpass_hz: float = 5.0
    iterations: int = 20
    stretch: int = 2048


def acceleration_weight(lowpass_hz: float) -> float:
    """Weight of the squared second difference at 30 Hz that equals a zero-phase second-order low-pass at `lowpass_hz`.

    Minimising |q - target|^2 + w |second difference|^2 is the filter 1 / (1 + (f / fc)^4) with
    fc = (rate / 2 pi) w^(-1/4): a second-order Butterworth run forward and backward.
    """
    if lowpass_hz <= 0:
        return 1e-4
    return float((REFERENCE_HZ / (2.0 * np.pi * lowpass_hz)) ** 4)


def make_drive(problem: Problem, targets: Targets, settings: Settings, rate_hz: float, weight: F64 | None = None) -> Drive:
    """What every frame is asked, with weights scaled to the clip's own time step."""
    step = REFERENCE_HZ / rate_hz
    total = len(targets.vectors)
    weights = np.tile(targets.weights, (total, 1)) if weight is None else weight
    accel = np.full(6 + problem.robot.dof, acceleration_weight(settings.lowpass_hz))
    accel[:3] *= ROOT_POS_ACCEL
    return Drive(
        target=targets.vectors,
        weight=weights * step,
        pull=_pull(problem, targets) * step,
        slip=_slip(problem, targets) / step,
        slide=np.zeros((total, len(problem.ground.slip_body), 2)),
        accel=np.tile(accel / step**3, (total, 1)),
        step=np.minimum(FASTEST_RAD_S, SPEED_SHARE * problem.robot.velocity_rad_s) / rate_hz,
    )


def _pull(problem: Problem, targets: Targets) -> F64:
    """(T, G) two-sided height weights: the whole sole of a foot that lies flat, the toe's edge of one that only stands."""
    out = np.zeros((len(targets.stance), len(problem.ground.body)))
    start = 0
    for i, count in enumerate(problem.sole_count):
        share = GROUND / count * (1.0 if problem.can_roll else SOFT_SOLE)
        out[targets.flat[:, i], start : start + count] = share
        front = problem.ground.offset[start : start + count, 0]
        toe = start + np.flatnonzero(front > front.max() - 0.01)
        out[np.ix_(targets.stance[:, i] & ~targets.flat[:, i], toe)] = share
        start += count
    return out


def _slip(problem: Problem, targets: Targets) -> F64:
    """(T, M) no-slip weights between frames f and f + 1: heel and toe of a flat foot, the toe alone of one on its toes.

    The feet's points are the first four of the M; those of other surfaces get no weight here.
    """
    out = np.zeros((len(targets.stance), len(problem.ground.slip_body)))
    both = targets.stance[:-1] & targets.stance[1:]
    lying = targets.flat[:-1] & targets.flat[1:]
    for i in range(2):
        out[:-1, 2 * i] = SLIP * lying[:, i]
        out[:-1, 2 * i + 1] = SLIP * both[:, i]
    return out


class Trajectory:
    """One clip being solved; `pose` holds the present solution."""

    def __init__(self, problem: Problem, drive: Drive, pose: Pose, settings: Settings, rate_hz: float, *, flat: Bool) -> None:
        self.problem, self.drive, self.settings, self.flat = problem, drive, settings, flat
        self.pose = Pose(*(np.ascontiguousarray(part).copy() for part in pose))
        self.step = REFERENCE_HZ / rate_hz
        total = len(pose.q)
        self.active = Active(
            ground=np.zeros((total, len(problem.ground.body)), np.uint8),
            limit=np.zeros((total, problem.robot.dof), np.uint8),
            pair=np.zeros((total, len(problem.capsules.pair)), np.uint8),
            speed=np.zeros((total, problem.robot.dof), np.uint8),
        )
        self.nv = 6 + problem.robot.dof
        self.damping = np.full(total, CALM * self.step)
        self.size = np.zeros(total)

    def solve(
        self,
        progress: Callable[[int, int], None] | None = None,
        *,
        ramped: bool = True,
        before: Callable[[int, Pose], None] | None = None,
    ) -> Pose:
        """Run the iterations; returns the clamped solution.

        Args:
            progress: called with (done, most) iterations.
            ramped: bring the stiff terms in by degrees; false where the pose has contacts and limits in it already.
            before: called before each iteration with its number and the present pose; it may change what `drive` asks.
        """
        first = 0 if ramped else len(RAMP) - 1
        still = np.zeros((len(self.pose.q), self.nv))
        self._take(still, 0, self._stiff(first))
        self.size[:] = 0.0
        for i in range(first, self.settings.iterations):
            if not self.problem.can_roll:
                self._stand_on_edges()
            if before is not None:
                before(i, self.pose)
            largest = self._iterate(self._stiff(i))
            if progress is not None:
                progress(i + 1, self.settings.iterations)
            if i >= len(RAMP) and largest < STILL:
                break
        tree = self.problem.tree
        return self.pose._replace(q=np.clip(self.pose.q, tree.lower, tree.upper))

    def _stand_on_edges(self) -> None:
        """Where the ankle cannot roll, a flat sole is one whose lowest front and lowest rear point are on the ground."""
        p, start = self.problem, 0
        poses = body_poses(p.robot, self.pose.root_pos, matrix_to_quat(self.pose.root_rot), self.pose.q)
        for i, count in enumerate(p.sole_count):
            points = slice(start, start + count)
            height = poses.points(int(p.ground.body[start]), p.ground.offset[points])[:, :, 2]
            ahead = p.ground.offset[points, 0] > np.median(p.ground.offset[points, 0])
            frames = np.flatnonzero(self.flat[:, i])
            self.drive.pull[np.ix_(frames, np.arange(start, start + count))] = SOFT_SOLE * GROUND * self.step / count
            for part in (ahead, ~ahead):
                lowest = np.flatnonzero(part)[np.argmin(height[:, part], axis=1)]
                self.drive.pull[frames, start + lowest[frames]] = 0.5 * GROUND * self.step
            start += count

    def _stiff(self, iteration: int) -> Stiff:
        ramp = RAMP[min(iteration, len(RAMP) - 1)] * self.step
        return Stiff(ground=GROUND * ramp, limit=LIMIT * ramp, pair=PAIR * ramp, speed=SPEED * ramp, margin=MARGIN_M)

    def _take(self, rows: F64, first: int, stiff: Stiff) -> float:
        """Move one stretch; a frame whose step does not shrink is damped more, one whose step does is damped less."""
        p, stop = self.problem, first + len(rows)
        size = np.empty(len(rows))
        most = self.drive.step
        take_step(p.tree, p.ground, p.capsules, stiff, self.active, self.pose, most, rows, first, stop, size)
        before, damping = self.size[first:stop], self.damping[first:stop]
        restless = (size > RESTLESS) & (before > 0) & (size > 0.7 * before)
        calm = CALM * self.step
        damping[:] = np.clip(np.where(restless, 5.0 * np.maximum(damping, 0.02 * self.step), 0.4 * damping), calm, MOST_DAMPING)
        before[:] = size
        return float(size.max())

    def _iterate(self, stiff: Stiff) -> float:
        """One Gauss-Newton step of all frames; returns its largest entry."""
        total, nv = len(self.pose.q), self.nv
        starts = _starts(total, self.settings.stretch)
        stops = [*starts[1:], total]
        keep = total * 3 * nv * nv * 8 <= KEEP_BYTES
        handed = [(np.zeros((2 * nv, 2 * nv)), np.zeros(2 * nv))]
        kept: list[Factored | None] = []
        for first, stop in zip(starts[:-1], stops, strict=False):
            eliminated = self._factor(first, stop, stiff, handed[-1])
            handed.append(schur(eliminated, nv))
            kept.append(eliminated if keep else None)
        kept.append(None)
        parts: list[F64] = []
        after = np.zeros(2 * nv)
        for i in reversed(range(len(starts))):
            eliminated = kept[i] or self._factor(starts[i], stops[i], stiff, handed[i])
            part = back_substitute(eliminated, after, nv)
            after = part[: 2 * nv]
            parts.append(part)
        largest = [self._take(part.reshape(-1, nv), first, stiff) for first, part in zip(starts, reversed(parts), strict=True)]
        return max(largest)

    def _factor(self, first: int, stop: int, stiff: Stiff, given: tuple[F64, F64]) -> Factored:
        nv, size = self.nv, (stop - first) * self.nv
        band = np.empty((3 * nv, size + 2 * nv), order="F")
        rhs = np.empty(size + 2 * nv)
        p = self.problem
        assemble(
            p.tree,
            p.vectors,
            p.ground,
            p.capsules,
            self.drive,
            stiff,
            self.damping,
            self.active,
            self.pose,
            first,
            stop,
            band,
            rhs,
        )
        try:
            return factored(band, rhs, given, nv)
        except UnderstudyError as error:
            raise UnderstudyError(f"retargeting from frame {first}: {error}; please report the clip") from error


def _starts(total: int, length: int) -> list[int]:
    """First frames of the stretches; none is shorter than two frames, the reach of the coupling."""
    return [f for f in range(0, total, max(length, 2)) if total - f >= 2]
