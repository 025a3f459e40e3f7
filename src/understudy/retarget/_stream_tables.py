"""Tables of the streaming step: vector tasks with the feet's own beside them, and what `_footing` knows of robot and person."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from understudy.geom.arrays import F64
from understudy.kinematics.forward import body_poses
from understudy.retarget._footing import Build, Footing
from understudy.retarget._tables import Vectors
from understudy.retarget.problem import Problem
from understudy.retarget.targets import Calibration
from understudy.spec.skeleton import INDEX, SIDES

APART, APART_PCT = 0.6, 4.0
"""How far the robot's wider hips keep its feet apart: this share of the way, and no more than this much of a leg, in percent."""
YAW_SPARE_RAD = 0.05
KNEE_STEPS, KNEE_SPARE_RAD = 721, 0.02
"""Angles among which a knee's straight one is looked for, and how near to it a knee comes."""


def one_way_knees(problem: Problem) -> Problem:
    """The problem with knees that do not pass through straight: a leg of one length has two poses there, and would flicker."""
    robot, lower, upper = problem.robot, problem.tree.lower.copy(), problem.tree.upper.copy()
    for side in SIDES:
        body = robot.point(f"{side}_knee")[0]
        knee = int(problem.tree.chain[body, problem.tree.chain_len[body] - 1])
        q = np.zeros((KNEE_STEPS, robot.dof))
        q[:, knee] = np.linspace(lower[knee], upper[knee], KNEE_STEPS)
        poses = body_poses(robot, np.zeros((KNEE_STEPS, 3)), np.tile([1.0, 0.0, 0.0, 0.0], (KNEE_STEPS, 1)), q)
        leg = poses.points(*robot.point(f"{side}_ankle")) - poses.points(*robot.point(f"{side}_hip"))
        straight = float(q[int(np.argmax(np.linalg.norm(leg, axis=1))), knee])
        if straight - lower[knee] < upper[knee] - straight:
            lower[knee] = min(straight + KNEE_SPARE_RAD, upper[knee])
        else:
            upper[knee] = max(straight - KNEE_SPARE_RAD, lower[knee])
    return replace(problem, tree=problem.tree._replace(lower=lower, upper=upper))


def with_feet(problem: Problem) -> Vectors:
    """The problem's vector tasks and, per foot: ankle, heel and toe in the world, and the sole's left."""
    ground, robot, vec = problem.ground, problem.robot, problem.vectors
    rows: list[tuple[int, int, F64]] = []
    for i, side in enumerate(SIDES):
        foot = int(ground.slip_body[2 * i])
        rows.append((-1, *robot.point(f"{side}_ankle")))
        rows += [(-1, foot, ground.slip_offset[2 * i + e]) for e in range(2)]
        rows.append((foot, foot, np.array([0.0, 1.0, 0.0])))
    cols = np.zeros((len(rows), 6 + robot.dof), dtype=np.int64)
    count = np.zeros(len(rows), dtype=np.int64)
    for n, (a, b, _) in enumerate(rows):
        chain = np.sort(problem.tree.chain[b, : problem.tree.chain_len[b]])
        own = [*range(0 if a < 0 else 3, 6), *(6 + int(j) for j in chain)]
        cols[n, : len(own)], count[n] = own, len(own)
    return Vectors(
        a_body=np.append(vec.a_body, [a for a, _, _ in rows]),
        a_off=np.concatenate([vec.a_off, np.zeros((len(rows), 3))]),
        b_body=np.append(vec.b_body, [b for _, b, _ in rows]),
        b_off=np.concatenate([vec.b_off, [offset for _, _, offset in rows]]),
        inv_len=np.append(vec.inv_len, np.ones(len(rows))),
        cols=np.concatenate([vec.cols, cols]),
        col_len=np.append(vec.col_len, count),
        moves=np.concatenate([vec.moves, np.zeros(cols.shape, dtype=np.uint8)]),
    )


def build_of(problem: Problem, known: Calibration) -> Build:
    """What `_footing` has to know of robot and person."""
    lengths = problem.lengths_m
    ankle_level = (problem.ankle_height_m - known.height_shift_m) / known.scale
    return Build(
        ends=_ends(problem),
        body=np.array([[lengths[f"{s}_hip>{s}_knee"], lengths[f"{s}_knee>{s}_ankle"], problem.hip_half_width_m] for s in SIDES]),
        toe_pitch=problem.foot_pitch_rad,
        turn=_turn(problem),
        level=np.array([[ankle_level, toe] for toe in known.toe_level_m]),
        stand_pitch=np.array(known.stand_pitch_rad),
        joints=np.array([[INDEX[f"{s}_{part}"] for part in ("knee", "ankle", "toe")] for s in SIDES]),
        wide=min(APART, APART_PCT / max(known.hip_mismatch_pct, 1e-3)),
    )


def empty_footing() -> Footing:
    """Feet of which nothing is known yet."""
    shapes = ((2, 2, 3), (2, 3), (2, 3), (2, 3), (2, 2), (2,), (2, 2), (2, 3), (2, 2), (2,))
    return Footing(*(np.zeros(shape) for shape in shapes))


def _ends(problem: Problem) -> F64:
    """(2, 2, 3) heel and toe of both feet from the ankle, at rest."""
    robot, ground = problem.robot, problem.ground
    zero = body_poses(robot, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), np.zeros((1, robot.dof)))
    at = [zero.points(int(ground.slip_body[m]), ground.slip_offset[m])[0] for m in range(4)]
    ankles = [zero.points(*robot.point(f"{side}_ankle"))[0] for side in SIDES]
    return np.array([[at[2 * i + e] - ankles[i] for e in range(2)] for i in range(2)])


def _turn(problem: Problem) -> F64:
    """(2, 2) least and most that each foot can turn about the vertical on a straight leg, with something to spare."""
    robot, tree = problem.robot, problem.tree
    out = np.zeros((2, 2))
    for i in range(2):
        foot = int(problem.ground.slip_body[2 * i])
        about_z = [j for j in tree.chain[foot, : tree.chain_len[foot]] if abs(robot.axis_joint[j][2]) > 0.7]
        out[i] = robot.lower_rad[about_z].sum() + YAW_SPARE_RAD, robot.upper_rad[about_z].sum() - YAW_SPARE_RAD
    return out
