"""The start of the whole-clip solve: each frame solved from its neighbour, forward and backward, the better kept.

One sweep alone can stay in a worse basin (an arm folded the other way); two sweeps and a shortest path over them
leave it as soon as that pays. Where both are stuck, fresh sweeps begin in the middle of it.
"""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64
from understudy.geom.rotations import matrix_to_quat
from understudy.retarget._elimination import frame_shape
from understudy.retarget._sweep_kernel import cheapest_of_two, squared_gaps, sweep
from understudy.retarget._tables import Pose
from understudy.retarget.problem import VECTORS, Problem
from understudy.retarget.targets import HANDS, PLACE, Targets, frame_weights

WARM_ITERATIONS, START_ITERATIONS = 4, 60
STILL = 0.02
"""A frame is done when its step is smaller, radians or metres: the whole-clip solve goes on from there."""
LIMIT_WEIGHT = 100.0
PRIOR = 0.02
SWITCH_COST = 30.0
"""Cost of changing over from one sweep to the other, per squared radian between them: a switch happens where they agree."""
STUCK, STUCK_TIMES = 0.3, 3.0
"""Both sweeps are stuck where the cost exceeds STUCK (a limb off by 30 degrees) and this multiple of the clip's median."""
SEEDS, REACH = 3, 15
"""Fresh sweeps per stuck stretch, and frames that they run on into what lies before and after it."""
RESET_COST = 40.0
"""Most that going over to a fresh sweep costs: ten frames in which a limb points the wrong way."""
TWIST = 0.005
"""Cost of a squared radian off the rest pose where two solutions are weighed: of two that fit, the less twisted is taken."""
FIRM_LINE = 1.0
"""Weight of the shoulders' line in the sweeps: each frame is solved by itself there, and a torso that yields to an arm leads the
frames after it astray. The whole-clip solve asks less (`targets.WEIGHTS`)."""
FIRM_HAND = 1.0
"""Most that a hand's place weighs in the sweeps, for the same reason."""
NEVER = 1e9
"""Cost of a frame that must not be taken."""


def start_pose(problem: Problem, targets: Targets, *, line: float = FIRM_LINE) -> Pose:
    """A pose for every frame, without contacts and without smoothing; `line` is the weight of the shoulders' line."""
    total = len(targets.vectors)
    weight = frame_weights(targets)
    weight[:, PLACE["shoulder_line"]] = line
    weight[:, HANDS] = np.minimum(weight[:, HANDS], FIRM_HAND)
    ways = [_one_way(problem, targets.vectors, weight, forward) for forward in (True, False)]
    pose, cost = better_pose(*ways[0], *ways[1], problem.tree.rest)
    for first, stop in _stuck(cost):
        part = slice(max(first - REACH, 0), min(stop + REACH, total))
        for seed in np.linspace(first, stop - 1, SEEDS + 2).round().astype(int)[1:-1]:
            fresh, fresh_cost = _from_seed(problem, targets.vectors[part], weight[part], int(seed) - part.start)
            fresh_cost[[i for i, inner in ((0, part.start), (-1, total - part.stop)) if inner > 0]] = NEVER
            now = Pose(*(values[part] for values in pose))
            found, cost[part] = better_pose(now, cost[part], fresh, fresh_cost, problem.tree.rest, dearest=RESET_COST)
            for values, better in zip(pose, found, strict=True):
                values[part] = better
    return pose


def better_pose(one: Pose, one_cost: F64, two: Pose, two_cost: F64, rest: F64, *, dearest: float = NEVER) -> tuple[Pose, F64]:
    """The cheapest path over two solutions of every frame, and what each of its frames costs.

    Changing over costs SWITCH_COST per squared radian between them, at most `dearest`.
    """
    costs = np.stack([one_cost, two_cost], axis=1)
    twist = TWIST * np.stack([np.sum((way.q - rest) ** 2, axis=1) for way in (one, two)], axis=1)
    choice = cheapest_of_two(costs + twist, np.minimum(squared_gaps(one, two) * SWITCH_COST, dearest))
    pick = choice[:, None]
    pose = Pose(
        root_pos=np.where(pick == 0, one.root_pos, two.root_pos),
        root_rot=np.where(pick[..., None] == 0, one.root_rot, two.root_rot),
        q=np.where(pick == 0, one.q, two.q),
    )
    return pose, costs[np.arange(len(costs)), choice]


def _stuck(cost: F64) -> list[tuple[int, int]]:
    """Stretches of frames (first, stop) that cost far more than the clip's median; those nearer than REACH are one."""
    frames = np.flatnonzero(cost > max(STUCK, STUCK_TIMES * float(np.median(cost))))
    if not len(frames):
        return []
    parts = np.split(frames, np.flatnonzero(np.diff(frames) > REACH) + 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]


def _from_seed(problem: Problem, target: F64, weight: F64, seed: int) -> tuple[Pose, F64]:
    """Sweeps from one frame, solved from the home pose, to both ends."""
    after, after_cost = _one_way(problem, target[seed:], weight[seed:], True)
    before, before_cost = _one_way(problem, target[: seed + 1], weight[: seed + 1], False)
    joined = Pose(*(np.concatenate([a[:-1], b]) for a, b in zip(before, after, strict=True)))
    return joined, np.concatenate([before_cost[:-1], after_cost])


def solve_alone(problem: Problem, vectors: F64, weights: F64) -> tuple[F64, F64, F64]:
    """Root position (3,), root rotation (3, 3) and joints (J,) for one frame's vectors (V, 3), from the home pose."""
    pose, _ = _one_way(problem, vectors[None], weights[None], True)
    return pose.root_pos[0], pose.root_rot[0], pose.q[0]


def _one_way(problem: Problem, target: F64, weight: F64, forward: bool) -> tuple[Pose, F64]:
    total, dof = len(target), problem.robot.dof
    pose = Pose(np.zeros((total, 3)), np.zeros((total, 3, 3)), np.zeros((total, dof)))
    first, last, stride = (0, total, 1) if forward else (total - 1, -1, -1)
    pose.root_pos[first], pose.root_rot[first] = _first_root(target[first])
    part = problem.parts.whole
    solved = part.cols[6:] - 6
    pose.q[first] = problem.tree.rest
    pose.q[first, solved] = np.clip(problem.robot.home_rad, problem.tree.lower, problem.tree.upper)[solved]
    cost = np.zeros(total)
    sweep(
        problem.tree, problem.vectors, part, target, weight, first, last, stride, WARM_ITERATIONS, START_ITERATIONS,
        STILL, LIMIT_WEIGHT, PRIOR, pose.root_pos, pose.root_rot, pose.q, cost,
        np.empty(frame_shape(len(part.cols), coupled=False)),
    )  # fmt: skip
    return pose, cost


def _first_root(target: F64) -> tuple[F64, F64]:
    """Root position (3,) and rotation (3, 3) that face the way the person does."""
    place = {name: i for i, name in enumerate(VECTORS)}
    y, up = target[place["pelvis_lateral"]], target[place["pelvis_up"]]
    x = np.cross(y, up)
    x /= np.linalg.norm(x)
    return target[place["midhip"]].copy(), np.stack([x, y, np.cross(x, y)], axis=1)


def pose_quat_wxyz(pose: Pose) -> F64:
    """(T, 4) root orientation of a pose."""
    return matrix_to_quat(pose.root_rot)
