"""Retargeting one frame at a time, with nothing from the future: for live views and full-body teleoperation.

The same terms as the whole-clip solve, for the newest of three frames; the two before it are what they were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dposv

from understudy.errors import ShapeError
from understudy.geom.arrays import F64, Bool, frozen_f64
from understudy.geom.rotations import matrix_to_quat
from understudy.retarget._tables import Active, Drive, Pose, Stiff
from understudy.retarget._trajectory_kernels import assemble, take_step
from understudy.retarget.contacts import ENTER_M_S, FLAT_PITCH_RAD, LEAVE_M_S, RISE_M, UPRIGHT
from understudy.retarget.fingers import Fingers
from understudy.retarget.problem import VECTORS, Problem, make_problem
from understudy.retarget.start import solve_alone
from understudy.retarget.targets import Calibration, hand_weights, task_weights, vector_targets
from understudy.retarget.trajectory import (
    FASTEST_RAD_S,
    GROUND,
    LIMIT,
    MARGIN_M,
    PAIR,
    REFERENCE_HZ,
    ROOT_POS_ACCEL,
    SLIP,
    SOFT_SOLE,
    SPEED,
    SPEED_SHARE,
)
from understudy.spec.hand import palm_axes
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import INDEX, JOINTS, SIDES

ITERATIONS = 3
SMOOTHING, LAG = 0.002, 0.2
"""Weights of the acceleration (per frame at 30 Hz) and of the joints' speed. Light: what smooths without the future delays,
here by LAG / 30 s at most (7 ms); a heavy acceleration term alone swings."""
WINDOW_S = 1.0 / 30.0
RAMP_FRAMES = 3
"""A foot that comes to stand is laid flat by degrees."""
LET_GO_S = 0.006
"""A foot that leaves is let go with this time constant, moving as the person's does: what it was off is made up in the air."""
LOST_S = 0.3
"""After a gap longer than this the next frame starts afresh."""


@dataclass(frozen=True)
class LivePose:
    """The robot's pose for one frame of a person.

    Attributes:
        t_ns: the frame's stamp.
        root_pos_world_m: (3,); root_quat_world_wxyz (4,); joint_pos (J,) radians.
        stance: (2,) left and right foot that the person stands on.
        restarted: solved without the frames before it.
    """

    t_ns: int
    root_pos_world_m: F64
    root_quat_world_wxyz: F64
    joint_pos: F64
    stance: Bool
    restarted: bool


class StreamingRetargeter:
    """Retargets a stream of frames of one calibrated person.

    Args:
        robot: who is to do it.
        known: the person, from `targets.calibrate`.
        rate_hz: nominal rate of the stream; steps are taken at the stamps' own differences.
    """

    def __init__(self, robot: RobotModel, known: Calibration, *, rate_hz: float) -> None:
        if rate_hz <= 0:
            raise ShapeError(f"a stream needs a positive rate, got {rate_hz} Hz")
        self.problem: Problem = make_problem(robot)
        self.known, self.rate_hz = known, rate_hz
        self._weights = task_weights(known.hip_mismatch_pct)
        self._nv = 6 + robot.dof
        self._pose = Pose(np.zeros((3, 3)), np.tile(np.eye(3), (3, 1, 1)), np.zeros((3, robot.dof)))
        self._past: list[tuple[int, F64]] = []
        self._stood = np.zeros(2, dtype=np.int64)
        self._hold = np.zeros(2)
        self._band = np.empty((3 * self._nv, 5 * self._nv), order="F")
        self._rhs = np.empty(5 * self._nv)
        self._begun = False
        self._fingers = Fingers(robot)
        self._gripped = False
        """Whether the fingers follow already: the first hand seen is taken as it is."""

    def step(self, joint_pos_world_m: F64, t_ns: int, *, hand_pos_world_m: F64 | None = None) -> LivePose:
        """The robot's pose for the next frame.

        Args:
            joint_pos_world_m: (23, 3) joints in `world`, metres, order `spec.skeleton.JOINTS`.
            t_ns: stamp, after the last one's.
            hand_pos_world_m: (2, 21, 3) joints of both hands, order `spec.skeleton.HAND_JOINTS`, NaN where not known; without
                them the fingers stay as they are.

        Raises:
            ShapeError: wrong shape, not finite, or a stamp that does not increase; the retargeter is as it was.
        """
        if joint_pos_world_m.shape != (len(JOINTS), 3) or not np.isfinite(joint_pos_world_m).all():
            raise ShapeError(f"frame at {t_ns} ns: {joint_pos_world_m.shape} is no finite ({len(JOINTS)}, 3) array; leave it out")
        if self._past and t_ns <= self._past[-1][0]:
            raise ShapeError(f"frame at {t_ns} ns comes after one at {self._past[-1][0]} ns; leave late frames out")
        fresh = not self._begun or (t_ns - self._past[-1][0]) * 1e-9 > LOST_S
        standing = self._stance(joint_pos_world_m, t_ns, fresh=fresh)
        vectors = self._vectors(joint_pos_world_m, hand_pos_world_m)
        if fresh:
            self._restart(vectors)
        rate_hz = self.rate_hz if fresh or len(self._past) < 2 else 1e9 / (self._past[-1][0] - self._past[-2][0])
        before = self._pose.q[2].copy()
        self._solve(vectors, standing, float(np.clip(rate_hz, 10.0, 1000.0)))
        self._move_fingers(before, hand_pos_world_m, rate_hz)
        return LivePose(
            t_ns=t_ns,
            root_pos_world_m=frozen_f64(self._pose.root_pos[2]),
            root_quat_world_wxyz=frozen_f64(matrix_to_quat(self._pose.root_rot[2])),
            joint_pos=frozen_f64(self._pose.q[2]),
            stance=standing,
            restarted=fresh,
        )

    def _vectors(self, pos: F64, hands: F64 | None) -> F64:
        """(V, 3) targets of the frame; a palm's turn counts where the hand's joints say it."""
        radial = None if hands is None else palm_axes(hands)[1][None]
        measured = np.full(len(JOINTS), hands is not None)
        self._weights = task_weights(self.known.hip_mismatch_pct) + hand_weights(self.problem, measured, radial)
        return np.asarray(vector_targets(pos[None], self.known, self.problem, radial)[0])

    def _move_fingers(self, before: F64, hand_pos_world_m: F64 | None, rate_hz: float) -> None:
        """Put the fingers where the person has them, or leave them where they were."""
        q = self._pose.q[2]
        q[self._fingers.columns] = before[self._fingers.columns]
        if hand_pos_world_m is not None and self._fingers.hands:
            q[:] = self._fingers.step(hand_pos_world_m, q, dt_s=1.0 / rate_hz, fresh=not self._gripped)
            self._gripped = True

    def _restart(self, vectors: F64) -> None:
        alone = solve_alone(self.problem, vectors, self._weights)
        for part, found in zip(self._pose, alone, strict=True):
            part[:] = found
        self._stood[:] = 0
        self._hold[:] = 0.0
        self._begun = True

    def _stance(self, pos: F64, t_ns: int, *, fresh: bool) -> Bool:
        """(2,) feet that stand by what is known so far: slow over the last 1/30 s, and low."""
        if fresh:
            self._past.clear()
        self._past.append((t_ns, pos.copy()))
        while len(self._past) > 2 and (t_ns - self._past[1][0]) * 1e-9 >= WINDOW_S:
            self._past.pop(0)
        then_ns, then = self._past[0]
        span_s = max((t_ns - then_ns) * 1e-9, 1e-9)
        for i, side in enumerate(SIDES):
            joints = [INDEX[f"{side}_ankle"], INDEX[f"{side}_toe"]]
            speed = float(np.linalg.norm(pos[joints] - then[joints], axis=1).max()) / span_s if len(self._past) > 1 else 0.0
            low = pos[joints[1], 2] < self.known.toe_level_m[i] + RISE_M
            slow = speed < (LEAVE_M_S if self._stood[i] else ENTER_M_S)
            self._stood[i] = min(self._stood[i] + 1, RAMP_FRAMES) if low and slow else 0
        return np.asarray(self._stood > 0)

    def _drive(self, vectors: F64, standing: Bool, rate_hz: float) -> tuple[Drive, Stiff]:
        step, p = REFERENCE_HZ / rate_hz, self.problem
        accel = np.full(self._nv, SMOOTHING / step**3)
        accel[:3] *= ROOT_POS_ACCEL
        weight, pull, slip = np.zeros((3, len(VECTORS))), np.zeros((3, len(p.ground.body))), np.zeros((3, 4))
        slide = np.zeros((3, 4, 2))
        weight[2] = self._weights * step
        start = 0
        for i, count in enumerate(p.sole_count):
            share = self._stood[i] / RAMP_FRAMES
            if standing[i]:
                whole = share * GROUND * step / count * (1.0 if p.can_roll else SOFT_SOLE)
                ahead = p.ground.offset[start : start + count, 0]
                pull[2, start : start + count] = np.where(self._lies_flat(i) | (ahead > ahead.max() - 0.01), whole, 0.0)
            self._hold[i] = 1.0 if standing[i] else self._hold[i] * np.exp(-1.0 / (LET_GO_S * rate_hz))
            if self._hold[i] > 1e-6:
                slip[1, 2 * i + (0 if self._lies_flat(i) else 1) : 2 * i + 2] = SLIP / step * self._hold[i]
            if not standing[i]:
                slide[1, 2 * i : 2 * i + 2] = self._moved(SIDES[i])
            start += count
        most = np.minimum(FASTEST_RAD_S, SPEED_SHARE * p.robot.velocity_rad_s) / rate_hz
        target = np.zeros((3, len(VECTORS), 3))
        target[2] = vectors
        drive = Drive(target=target, weight=weight, pull=pull, slip=slip, slide=slide, accel=np.tile(accel, (3, 1)), step=most)
        return drive, Stiff(GROUND * step, LIMIT * step, PAIR * step, SPEED * step, MARGIN_M)

    def _lies_flat(self, foot: int) -> bool:
        """Whether the newest frame's foot is within 30 degrees of its standing pitch, with the shank pointing down."""
        pos, side = self._past[-1][1], SIDES[foot]
        toe, shank = (pos[INDEX[f"{side}_{a}"]] - pos[INDEX[f"{side}_{b}"]] for a, b in (("toe", "ankle"), ("ankle", "knee")))
        pitch = np.arctan2(-toe[2], np.hypot(toe[0], toe[1]))
        down = shank[2] < -UPRIGHT * np.linalg.norm(shank)
        return bool(down and abs(pitch - self.known.stand_pitch_rad[foot]) < FLAT_PITCH_RAD)

    def _moved(self, side: str) -> F64:
        """(2,) how far the person's ankle went over the ground since the last frame, at the robot's size."""
        if len(self._past) < 2:
            return np.zeros(2)
        ankle = INDEX[f"{side}_ankle"]
        return np.asarray(self.known.scale * (self._past[-1][1][ankle, :2] - self._past[-2][1][ankle, :2]))

    def _solve(self, vectors: F64, standing: Bool, rate_hz: float) -> None:
        p, nv, pose = self.problem, self._nv, self._pose
        for part in pose:
            part[0], part[1] = part[1].copy(), part[2].copy()
        drive, stiff = self._drive(vectors, standing, rate_hz)
        active = Active(
            ground=np.zeros((3, len(p.ground.body)), np.uint8),
            limit=np.zeros((3, p.robot.dof), np.uint8),
            pair=np.zeros((3, len(p.capsules.pair)), np.uint8),
            speed=np.zeros((3, p.robot.dof), np.uint8),
        )
        damping, size = np.full(3, 1e-3), np.empty(1)
        still = np.zeros((1, nv))
        take_step(p.tree, p.ground, p.capsules, stiff, active, pose, drive.step, still, 2, 3, size)
        for _ in range(ITERATIONS):
            tree = p.tree._replace(rest=pose.q[1], rest_weight=np.maximum(p.tree.rest_weight, LAG))
            assemble(tree, p.vectors, p.ground, p.capsules, drive, stiff, damping, active, pose, 0, 3, self._band, self._rhs)
            block = self._band[:, 2 * nv : 3 * nv]
            h = np.zeros((nv, nv), order="F")
            for d in range(nv):
                h[np.arange(d, nv), np.arange(nv - d)] = block[d, : nv - d]
            _, move, _ = dposv(h, self._rhs[2 * nv : 3 * nv], lower=1)
            take_step(p.tree, p.ground, p.capsules, stiff, active, pose, drive.step, move[None], 2, 3, size)
            if size[0] < 1e-3:
                break
        q = pose.q[2]
        np.clip(q, pose.q[1] - drive.step, pose.q[1] + drive.step, out=q)
        np.clip(q, p.tree.lower, p.tree.upper, out=q)
