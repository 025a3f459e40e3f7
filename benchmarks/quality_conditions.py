"""What of a clip makes a bar wider or narrower, worked out from the clip and the robot alone, never from a solution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, Bool
from understudy.kinematics.contact import HEIGHT_M, SPEED_M_S, horizontal_speed
from understudy.kinematics.forward import body_poses
from understudy.retarget.metrics import source_stance
from understudy.retarget.problem import Problem
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import SIDES, HumanMotion

RUNNING_M_S = 1.8
"""Someone whose hips go faster than this over the ground, on average, runs."""
FLOOR_HZ = 10.0
STARTS = 10
ITERATIONS = 40


@dataclass(frozen=True)
class Conditions:
    """The conditions of one clip for one robot.

    Attributes:
        walking: the clip's name says that it is a walk.
        running: the hips go faster than 1.8 m/s on average.
        hip_mismatch_pct: how much wider the robot's hips are than the person's, half widths in percent of the leg.
        arm_share_points: difference of the upper arm's share of the arm, percentage points.
        arm_floor_deg: mean direction error of upper arms and forearms that the arm joints' limits alone force.
        arm_floor_free_deg: the same with the limits taken away.
        stance_s: median duration of the person's stances, seconds; 0 where there is none.
        copy_f1_z0: F1 at z = 0 of a scaled copy of the person's own foot.
    """

    walking: bool
    running: bool
    hip_mismatch_pct: float
    arm_share_points: float
    arm_floor_deg: float
    arm_floor_free_deg: float
    stance_s: float
    copy_f1_z0: float


def conditions(name: str, human: HumanMotion, problem: Problem) -> Conditions:
    """All conditions of a clip."""
    subject, robot = human.subject(), problem.robot
    midhip = 0.5 * (human.joint("left_hip") + human.joint("right_hip"))
    stance = np.stack([source_stance(human, side) for side in SIDES], axis=1)
    lengths = problem.lengths_m
    share = np.mean([lengths[f"{s}_shoulder>{s}_elbow"] / lengths[f"{s}_arm"] for s in SIDES])
    return Conditions(
        walking="walk" in name.lower(),
        running=float(np.mean(horizontal_speed(midhip, human.t_ns))) > RUNNING_M_S,
        hip_mismatch_pct=100.0 * (problem.hip_half_width_m / problem.leg_m - 0.5 * subject.hip_width_m / subject.leg_m),
        arm_share_points=100.0 * abs(float(share) - subject.upper_arm_m / subject.arm_m),
        arm_floor_deg=arm_floor_deg(human, robot, limited=True),
        arm_floor_free_deg=arm_floor_deg(human, robot, limited=False),
        stance_s=median_stance_s(stance, human.rate_hz),
        copy_f1_z0=copy_f1(human, stance, problem.leg_m / subject.leg_m),
    )


def median_stance_s(stance: Bool, rate_hz: float) -> float:
    """Median duration of the stances (T, 2) that begin and end within the clip, of all where none does."""
    spans, whole = [], []
    for column in stance.T:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], column.astype(np.int8), [0]])))
        for first, stop in zip(edges[::2], edges[1::2], strict=True):
            spans.append(stop - first)
            if first > 0 and stop < len(column):
                whole.append(stop - first)
    chosen = whole or spans
    return float(np.median(chosen)) / rate_hz if chosen else 0.0


def copy_f1(human: HumanMotion, stance: Bool, scale: float) -> float:
    """F1 at z = 0 of the person's own foot at the robot's size.

    Its sole centre is 0.45 ankle + 0.55 toe, its height that of the toe over the toe's median in stance.
    """
    done = np.zeros_like(stance)
    for i, side in enumerate(SIDES):
        ankle, toe = scale * human.joint(f"{side}_ankle"), scale * human.joint(f"{side}_toe")
        level = np.median(toe[stance[:, i], 2]) if stance[:, i].any() else np.percentile(toe[:, 2], 5)
        slow = horizontal_speed(0.45 * ankle + 0.55 * toe, human.t_ns) < SPEED_M_S
        done[:, i] = slow & (toe[:, 2] - level < HEIGHT_M)
    return f1(stance, done)


def f1(asked: Bool, done: Bool) -> float:
    """F1 of two masks; 0 where they share nothing."""
    both = float((asked & done).sum())
    return 2.0 * both / float(asked.sum() + done.sum()) if both else 0.0


def arm_floor_deg(human: HumanMotion, robot: RobotModel, *, limited: bool) -> float:
    """Mean angle of the arms' four bones at the best arm pose within the limits, frame by frame, ten a second.

    The torso has the person's trunk direction and shoulder line. Each arm is solved by itself from ten starts, without
    contacts, smoothness or collisions, and the best answer of each frame counts.
    """
    frames = np.unique(np.searchsorted(human.t_ns, np.arange(0, human.t_ns[-1] + 1, round(1e9 / FLOOR_HZ))))
    frames = frames[frames < len(human)]
    torso = _torso(human, frames)
    errors = [_Arm(robot, side, limited=limited).best(torso, *_bones(human, side, frames)) for side in SIDES]
    return float(np.degrees(np.mean(errors)))


def _torso(human: HumanMotion, frames: F64) -> F64:
    """(N, 3, 3) x forward, y along the shoulder line, z along the trunk (square to the line)."""
    midhip = 0.5 * (human.joint("left_hip") + human.joint("right_hip"))
    y = _unit(human.joint("left_shoulder") - human.joint("right_shoulder"))[frames]
    up = _unit(human.joint("neck") - midhip)[frames]
    z = _unit(up - np.sum(up * y, axis=1, keepdims=True) * y)
    return np.stack([np.cross(y, z), y, z], axis=2)


def _bones(human: HumanMotion, side: str, frames: F64) -> tuple[F64, F64]:
    shoulder, elbow, wrist = (human.joint(f"{side}_{part}")[frames] for part in ("shoulder", "elbow", "wrist"))
    return _unit(elbow - shoulder), _unit(wrist - elbow)


class _Arm:
    """One arm on a torso that is given."""

    def __init__(self, robot: RobotModel, side: str, *, limited: bool) -> None:
        self.robot, self.side = robot, side
        parents = robot.body_parent
        torso = robot.point("neck")[0]
        chain: list[int] = []
        body = robot.point(f"{side}_wrist")[0]
        while body not in (torso, 0):
            chain.append(body - 1)
            body = int(parents[body - 1])
        self.chain = chain[::-1]
        self.lower = robot.lower_rad[self.chain] if limited else np.full(len(chain), -np.pi)
        self.upper = robot.upper_rad[self.chain] if limited else np.full(len(chain), np.pi)
        rest = body_poses(robot, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), np.zeros((1, robot.dof)))
        self.torso_rest = rest.rot_world[0, torso]

    def best(self, torso: F64, upper: F64, fore: F64) -> F64:
        """(N,) mean angle of upper arm and forearm to the given directions, radians, best of all starts."""
        rng = np.random.default_rng(0)
        found = np.full(len(torso), np.inf)
        for i in range(STARTS):
            share = 0.5 if i == 0 else rng.uniform(0.05, 0.95, len(self.chain))
            q = np.tile(self.lower + share * (self.upper - self.lower), (len(torso), 1))
            found = np.minimum(found, self._solve(q, torso, upper, fore))
        return found

    def _solve(self, q: F64, torso: F64, upper: F64, fore: F64) -> F64:
        asked = np.concatenate([upper, fore], axis=1)
        damping = np.full(len(q), 1e-3)
        value, jac = self._directions(q, torso)
        cost = np.sum((value - asked) ** 2, axis=1)
        for _ in range(ITERATIONS):
            residual = value - asked
            g = np.einsum("nij,ni->nj", jac, residual)
            free = ~(((q <= self.lower) & (g > 0)) | ((q >= self.upper) & (g < 0)))
            h = np.einsum("nij,nik->njk", jac, jac) * free[:, :, None] * free[:, None, :]
            h[:, np.arange(q.shape[1]), np.arange(q.shape[1])] += damping[:, None]
            step = np.linalg.solve(h, (g * free)[..., None])[..., 0]
            trial = np.clip(q - step, self.lower, self.upper)
            trial_value, trial_jac = self._directions(trial, torso)
            trial_cost = np.sum((trial_value - asked) ** 2, axis=1)
            better = trial_cost < cost
            damping = np.where(better, 0.3 * damping, 4.0 * damping).clip(1e-6, 1e3)
            q = np.where(better[:, None], trial, q)
            value = np.where(better[:, None], trial_value, value)
            jac = np.where(better[:, None, None], trial_jac, jac)
            cost = np.where(better, trial_cost, cost)
        return 0.5 * (_angle(value[:, :3], upper) + _angle(value[:, 3:], fore))

    def _directions(self, q: F64, torso: F64) -> tuple[F64, F64]:
        """(N, 6) unit directions of both bones, and their Jacobian (N, 6, K)."""
        r = self.robot
        rot = torso @ self.torso_rest
        pos = np.zeros((len(q), 3))
        bodies: dict[int, tuple[F64, F64]] = {}
        axes, origins = [], []
        for column, joint in enumerate(self.chain):
            pos = pos + rot @ r.pos_parent_joint_m[joint]
            base = rot @ r.rot_parent_joint[joint]
            axes.append(base @ r.axis_joint[joint])
            origins.append(pos)
            rot = base @ _about(r.axis_joint[joint], q[:, column])
            bodies[joint + 1] = (pos, rot)
        points = [self._point(name, bodies, torso) for name in ("shoulder", "elbow", "wrist")]
        values, jacs = [], []
        for (a, first), (b, last) in zip(points[:-1], points[1:], strict=True):
            span = np.linalg.norm(b - a, axis=1, keepdims=True)
            d = (b - a) / span
            j = np.zeros((len(q), 3, len(self.chain)))
            for column, joint in enumerate(self.chain):
                move = np.zeros_like(a)
                if joint + 1 <= last:
                    move = move + np.cross(axes[column], b - origins[column])
                if joint + 1 <= first:
                    move = move - np.cross(axes[column], a - origins[column])
                move = move / span
                j[:, :, column] = move - np.sum(move * d, axis=1, keepdims=True) * d
            values.append(d)
            jacs.append(j)
        return np.concatenate(values, axis=1), np.concatenate(jacs, axis=1)

    def _point(self, name: str, bodies: dict[int, tuple[F64, F64]], torso: F64) -> tuple[F64, int]:
        body, offset = self.robot.point(f"{self.side}_{name}")
        pos, rot = bodies[body]
        return pos + rot @ offset, body


def _about(axis: F64, angle: F64) -> F64:
    """(N, 3, 3) rotations about one axis. Rodrigues' formula."""
    x, y, z = axis
    k = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle)[:, None, None] * k + (1.0 - np.cos(angle))[:, None, None] * (k @ k))


def _unit(v: F64) -> F64:
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-9))


def _angle(a: F64, b: F64) -> F64:
    return np.asarray(np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), np.sum(a * b, axis=1)))
