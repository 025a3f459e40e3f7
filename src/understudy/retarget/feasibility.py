"""Where the robot could not do what the person did: how far hands and feet stay from what was asked, and when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.geom.rotations import quat_to_matrix
from understudy.kinematics.forward import BodyPoses
from understudy.retarget._reach_kernel import fill_reached, fill_residual
from understudy.retarget.problem import VECTORS, Problem
from understudy.retarget.targets import Targets, frame_weights
from understudy.spec.robot import RobotModel, RobotMotion

Infeasible = Literal["flag", "clip", "interpolate"]
ENDS: tuple[str, ...] = ("left_hand", "right_hand", "left_foot", "right_foot")
"""End effectors in the order of the residual's columns."""
LIMIT_M = 0.05
LONGEST_BRIDGE_S = 0.5
JOIN_S = 0.1
CHAINS: dict[str, tuple[str, str, str]] = {"hand": ("shoulder", "elbow", "wrist"), "foot": ("hip", "knee", "ankle")}


@dataclass(frozen=True)
class Stretch:
    """One stretch of infeasible frames of one end effector.

    Attributes:
        end: which of ENDS.
        first, stop: frames, stop exclusive.
        start_s, end_s: times in the clip.
        worst_m: largest residual.
        treated: what was done: `flagged`, `clipped`, `interpolated`, or `too long to interpolate`.
    """

    end: str
    first: int
    stop: int
    start_s: float
    end_s: float
    worst_m: float
    treated: str


def end_residual(motion: RobotMotion, targets: Targets, problem: Problem, reached: F64 | None = None) -> F64:
    """(T, 4) metres between each end effector and the nearest of what the person's pose asks of it.

    The person's limb can be read as bone directions, or as a reach in proportion to the limb; between a person's and a
    robot's proportions the two ask for different points, and both are what the person did. The residual is the distance to
    the segment between the two points, both laid out from the robot's own shoulder or hip.

    `reached` is `reached_vectors(motion, problem)`, where it is known already.
    """
    done = reached_vectors(motion, problem) if reached is None else reached
    limbs = [tuple(f"{end.split('_')[0]}_{part}" for part in CHAINS[end.split("_")[1]]) for end in ENDS]
    names = [(f"{a}>{b}", f"{b}>{c}", end) for (a, b, c), end in zip(limbs, ENDS, strict=True)]
    tasks = np.array([[VECTORS.index(name) for name in own] for own in names])
    lengths = problem.lengths_m
    length_m = np.array([[lengths[upper], lengths[lower], lengths[limb_of(end)]] for upper, lower, end in names])
    out = np.empty((len(done), len(ENDS)))
    fill_residual(targets.vectors, done, tasks, length_m, np.array([end.endswith("foot") for end in ENDS]), out)
    return out


def reached_and_asked(poses: BodyPoses, vectors: F64, problem: Problem, end: str) -> tuple[F64, F64]:
    """(T, 3) where an end effector is, and (T, 3) the nearest point that the person's pose asks of it, both in `world`.

    Args:
        poses: of the robot.
        vectors: (T, V, 3) targets of the same frames.
        problem: the robot.
        end: which of ENDS.
    """
    robot, (side, kind) = problem.robot, end.split("_")
    a, b, c = (f"{side}_{part}" for part in CHAINS[kind])
    base, tip = poses.points(*robot.point(a)), poses.points(*robot.point(c))
    by_direction = base + sum(problem.lengths_m[limb] * _vector(vectors, limb) for limb in (f"{a}>{b}", f"{b}>{c}"))
    limb_m = problem.lengths_m[limb_of(end)]
    by_reach = (base if kind == "hand" else poses.points(*robot.point("pelvis"))) + limb_m * _vector(vectors, end)
    return tip, _nearest_on_segment(tip, by_direction, by_reach)


def limb_of(end: str) -> str:
    """`left_arm` of `left_hand`, `left_leg` of `left_foot`: a joint group of the profile, and a length of the problem."""
    side, kind = end.split("_")
    return f"{side}_{'arm' if kind == 'hand' else 'leg'}"


def stretches(residual_m: F64, t_ns: I64, *, treated: str = "flagged") -> tuple[Stretch, ...]:
    """Every stretch in which an end effector's residual exceeds 5 cm; stretches less than 0.1 s apart are one."""
    found = []
    gap = int(np.searchsorted(t_ns, t_ns[0] + round(JOIN_S * 1e9)))
    for i, end in enumerate(ENDS):
        for first, stop in _joined(runs(residual_m[:, i] > LIMIT_M), gap):
            found.append(
                Stretch(
                    end=end,
                    first=first,
                    stop=stop,
                    start_s=float(t_ns[first]) * 1e-9,
                    end_s=float(t_ns[stop - 1]) * 1e-9,
                    worst_m=float(residual_m[first:stop, i].max()),
                    treated=treated,
                )
            )
    return tuple(sorted(found, key=lambda s: (s.first, s.end)))


def runs(mask: Bool) -> list[tuple[int, int]]:
    """(start, stop) of every run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _joined(found: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    """Runs with those no more than `gap` frames apart made one."""
    out: list[tuple[int, int]] = []
    for first, stop in found:
        if out and first - out[-1][1] <= gap:
            out[-1] = (out[-1][0], stop)
        else:
            out.append((first, stop))
    return out


def treat(
    mode: Infeasible, found: tuple[Stretch, ...], targets: Targets, reachable: RobotMotion, problem: Problem, rate_hz: float
) -> tuple[Targets, F64, tuple[Stretch, ...]]:
    """New targets and per-frame weights (T, V) for a second solve, and what was done with each stretch.

    `clip` asks, in those frames, for the pose at the edge of what the limb reaches (`reachable`, solved frame by frame
    within the limits). `interpolate` asks for nothing, so the limb bridges the gap with the least acceleration; a stretch
    longer than 0.5 s is left as it is.
    """
    weight = frame_weights(targets)
    vectors = targets.vectors.copy()
    edge = reached_vectors(reachable, problem) if mode == "clip" else vectors
    done = []
    for s in found:
        columns = _columns_of(s.end)
        if mode == "interpolate":
            if s.stop - s.first > LONGEST_BRIDGE_S * rate_hz:
                done.append(replace(s, treated="too long to interpolate"))
                continue
            weight[s.first : s.stop, columns] = 0.0
            done.append(replace(s, treated="interpolated"))
        else:
            vectors[s.first : s.stop, columns] = edge[s.first : s.stop, columns]
            done.append(replace(s, treated="clipped"))
    return replace(targets, vectors=vectors), weight, tuple(done)


def bridged(q: F64, done: tuple[Stretch, ...], robot: RobotModel) -> F64:
    """(T, J) joint angles with the limbs of interpolated stretches drawn straight from edge to edge: where the second solve
    starts, so that it does not begin from the pose that could not be reached."""
    out = q.copy()
    for s in done:
        if s.treated != "interpolated" or s.first == 0 or s.stop == len(q):
            continue
        joints = [robot.joint_index(n) for n in robot.profile.groups[limb_of(s.end)]]
        share = (np.arange(s.first, s.stop) - s.first + 1.0)[:, None] / (s.stop - s.first + 1.0)
        out[s.first : s.stop, joints] = (1.0 - share) * q[s.first - 1, joints] + share * q[s.stop, joints]
    return out


def _columns_of(end: str) -> list[int]:
    side, kind = end.split("_")
    a, b, c = (f"{side}_{part}" for part in CHAINS[kind])
    return [VECTORS.index(name) for name in (f"{a}>{b}", f"{b}>{c}", end)]


def reached_vectors(motion: RobotMotion, problem: Problem) -> F64:
    """(T, V, 3) the vector tasks' present values for a motion of the robot."""
    out = np.empty((len(motion.t_ns), len(VECTORS), 3))
    rot = np.ascontiguousarray(quat_to_matrix(motion.root_quat_world_wxyz))
    fill_reached(problem.tree, problem.vectors, motion.root_pos_world_m, rot, motion.joint_pos, out)
    return out


def _vector(vectors: F64, name: str) -> F64:
    return vectors[:, VECTORS.index(name)]


def _nearest_on_segment(point: F64, a: F64, b: F64) -> F64:
    ab = b - a
    along = np.sum((point - a) * ab, axis=1) / np.maximum(np.sum(ab * ab, axis=1), 1e-12)
    return np.asarray(a + np.clip(along, 0.0, 1.0)[:, None] * ab)
