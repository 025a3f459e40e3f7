"""Which way an arm goes where it could go several: over the shoulder's other side, around a limit, through a singular pose.

Two bone directions and a shoulder of three joints leave a few separate answers. Solving each frame from its neighbour stays
with one of them until it ends at a limit, and then jumps. Here all answers of a stretch are laid side by side and the cheapest
way through them is taken, a change between two being priced as the time that it takes.
"""

from __future__ import annotations

import itertools

import numpy as np

from understudy.geom.arrays import F64, I64, Bool
from understudy.geom.rotations import matrix_to_quat
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.retarget._arm_kernels import SUNK, Chain, branches, cheapest_branch, sunk_frames
from understudy.retarget._tables import Capsules, Pose
from understudy.retarget.problem import VECTORS, Problem
from understudy.spec.skeleton import SIDES

FASTEST_RAD_S = 12.0
"""What a joint is expected to turn at while it changes over: a little under what the whole-clip solve allows."""
OFF = 0.03
"""Squared error of an arm's two bones (together 10 degrees) over which other answers are sought."""
AROUND_S = 1.0
"""Time before and after such a place that may be solved otherwise."""
ITERATIONS = 15
TWIST = 0.005
"""Cost of a squared radian off the rest pose: of two answers that fit, the less twisted is taken."""
TURN = 0.05
"""Cost of a squared radian that a joint turns from frame to frame."""


def better_arms(problem: Problem, vectors: F64, pose: Pose, rate_hz: float) -> Pose:
    """The pose with each arm where it goes best; unchanged where no arm jumps, misses its directions or is inside the torso.

    Args:
        problem: the robot.
        vectors: (T, V, 3) targets of the vector tasks.
        pose: a solution of every frame.
        rate_hz: frames per second.
    """
    q = pose.q
    quat = matrix_to_quat(pose.root_rot)
    poses: BodyPoses | None = None
    for side in SIDES:
        joints = arm_joints(problem, side)
        asked = asked_of(vectors, side)
        poses = poses or body_poses(problem.robot, pose.root_pos, quat, q)
        chain = arm_chain(problem, side)
        torso = np.ascontiguousarray(poses.rot_world[:, _torso(problem)])
        inside = SUNK * sunk_frames(chain, torso, np.ascontiguousarray(q[:, joints])) > OFF
        doubtful = _misses(problem, poses, asked, side) | _jumps(q[:, joints], FASTEST_RAD_S / rate_hz) | inside
        if not doubtful.any():
            continue
        q = q if q is not pose.q else q.copy()
        for part in parts_around(doubtful, round(AROUND_S * rate_hz)):
            q[part, joints] = _through(
                chain, torso[part], asked[part], q[part, joints], problem.tree.rest[joints], rate_hz, part, len(q)
            )
    return pose._replace(q=q)


def unsettled(problem: Problem, vectors: F64, pose: Pose) -> Bool:
    """(T,) an arm misses its directions, or is inside the torso."""
    poses = body_poses(problem.robot, pose.root_pos, matrix_to_quat(pose.root_rot), pose.q)
    left, right = (_misses(problem, poses, asked_of(vectors, side), side) for side in SIDES)
    return np.asarray((_inside(problem, poses, pose.q) > OFF) | left | right)


def pose_cost(problem: Problem, vectors: F64, weight: F64, pose: Pose) -> F64:
    """(T,) what a pose misses of the vector tasks (T, V, 3), weighed (T, V), and how deep its arms are in the torso."""
    poses = body_poses(problem.robot, pose.root_pos, matrix_to_quat(pose.root_rot), pose.q)
    cost, v = _inside(problem, poses, pose.q), problem.vectors
    for i in range(len(v.a_body)):
        reach = poses.points(int(v.b_body[i]), v.b_off[i])
        if v.a_body[i] >= 0:
            reach = reach - poses.points(int(v.a_body[i]), v.a_off[i])
        cost += weight[:, i] * np.sum((reach * v.inv_len[i] - vectors[:, i]) ** 2, axis=1)
    return cost


def _inside(problem: Problem, poses: BodyPoses, q: F64) -> F64:
    """(T,) cost of how deep both arms are in the torso."""
    torso = np.ascontiguousarray(poses.rot_world[:, _torso(problem)])
    arms = [(arm_chain(problem, side), np.ascontiguousarray(q[:, arm_joints(problem, side)])) for side in SIDES]
    return np.asarray(SUNK * sum(sunk_frames(chain, torso, arm) for chain, arm in arms))


_BONES = (("shoulder", "elbow"), ("elbow", "wrist"))


def asked_of(vectors: F64, side: str) -> F64:
    """(T, 2, 3) directions that are asked of an arm's two bones."""
    return np.stack([vectors[:, VECTORS.index(f"{side}_{a}>{side}_{b}")] for a, b in _BONES], axis=1)


def arm_joints(problem: Problem, side: str) -> list[int]:
    """Joints between the torso and the elbow, the elbow's own included."""
    tree = problem.tree
    elbow, torso = problem.robot.point(f"{side}_elbow")[0], _torso(problem)
    carried = set(tree.chain[torso, : tree.chain_len[torso]])
    return [int(j) for j in tree.chain[elbow, : tree.chain_len[elbow]] if j not in carried]


_KEPT = 4
_made: dict[tuple[int, str], tuple[Capsules, Chain]] = {}


def arm_chain(problem: Problem, side: str) -> Chain:
    """Tables of one arm; wrist and waist at rest. Kept for the last few robots: all problems of one share its capsules."""
    known = _made.get((id(problem.capsules), side))
    if known is not None and known[0] is problem.capsules:
        return known[1]
    chain = _arm_chain(problem, side)
    while len(_made) >= 2 * _KEPT:
        _made.pop(next(iter(_made)))
    _made[id(problem.capsules), side] = problem.capsules, chain
    return chain


def _arm_chain(problem: Problem, side: str) -> Chain:
    robot, tree, joints = problem.robot, problem.tree, arm_joints(problem, side)
    order = {_torso(problem): 0, **{joint + 1: n + 1 for n, joint in enumerate(joints)}}
    rest = body_poses(robot, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), tree.rest[None])

    def held_by(body: int, other: int, offset: F64) -> F64:
        return np.asarray(rest.rot_world[0, body].T @ (rest.points(other, offset)[0] - rest.pos_world_m[0, body]))

    def carried(body: int, offset: F64) -> tuple[int, F64]:
        last = joints[-1] + 1
        return (order[body], offset) if body in order else (order[last], held_by(last, body, offset))

    held = [carried(*robot.point(f"{side}_{name}")) for name in ("shoulder", "elbow", "wrist")]
    caps = problem.capsules
    of_arm = {joints[0] + 1, *(b for b in range(robot.dof + 1) if joints[0] in tree.chain[b, : tree.chain_len[b]])}
    limb = [c for c in range(len(caps.body)) if caps.body[c] in of_arm]
    torso = _torso(problem)
    trunk = {0, torso, *(int(j) + 1 for j in tree.chain[torso, : tree.chain_len[torso]])}
    bulk = [c for c in range(len(caps.body)) if int(caps.body[c]) in trunk]
    ends = [(carried(int(caps.body[c]), caps.a[c]), carried(int(caps.body[c]), caps.b[c])) for c in limb]
    met = [(i, j) if i in limb else (j, i) for i, j in caps.pair if (i in limb and j in bulk) or (j in limb and i in bulk)]
    limbs = np.array([[a[1], b[1]] for a, b in ends]).reshape(-1, 2, 3)
    bulks = np.array([[held_by(torso, int(caps.body[c]), end[c]) for end in (caps.a, caps.b)] for c in bulk]).reshape(-1, 2, 3)
    return Chain(
        rot0=np.ascontiguousarray(robot.rot_parent_joint[joints]),
        pos0=np.ascontiguousarray(robot.pos_parent_joint_m[joints]),
        axis0=np.ascontiguousarray(robot.axis_joint[joints]),
        points=np.array([offset for _, offset in held]),
        carrier=np.array([body for body, _ in held], dtype=np.int64),
        lower=np.ascontiguousarray(tree.lower[joints]),
        upper=np.ascontiguousarray(tree.upper[joints]),
        link=np.array([a[0] for a, _ in ends], dtype=np.int64),
        limb=limbs,
        limb_m=np.ascontiguousarray(caps.radius[limb]),
        limb_half_m=0.5 * np.linalg.norm(limbs[:, 1] - limbs[:, 0], axis=1),
        bulk=bulks,
        bulk_m=np.ascontiguousarray(caps.radius[bulk]),
        bulk_half_m=0.5 * np.linalg.norm(bulks[:, 1] - bulks[:, 0], axis=1),
        pair=np.array([(limb.index(i), bulk.index(j)) for i, j in met], dtype=np.int64).reshape(-1, 2),
    )


def arm_starts(chain: Chain) -> F64:
    """(S, K) arms to solve from: each shoulder joint at a quarter or three quarters of its range, the elbow's in the middle."""
    shares = itertools.product((0.25, 0.75), repeat=len(chain.lower) - 1)
    return np.array([chain.lower + np.array([*share, 0.5]) * (chain.upper - chain.lower) for share in shares])


def _through(chain: Chain, torso: F64, asked: F64, now: F64, rest: F64, rate_hz: float, part: slice, total: int) -> F64:
    """(N, K) the cheapest way through a stretch; its ends are kept where the clip goes on."""
    starts = arm_starts(chain)
    q, cost = np.empty((len(now), len(starts) + 1, now.shape[1])), np.empty((len(now), len(starts) + 1))
    branches(chain, torso, np.ascontiguousarray(asked), np.ascontiguousarray(now), starts, ITERATIONS, q, cost)
    cost += TWIST * np.sum((q - rest) ** 2, axis=2)
    most = FASTEST_RAD_S / rate_hz
    path = cheapest_branch(chain, torso, np.ascontiguousarray(asked), q, cost, most, TURN, part.start > 0, part.stop < total)
    return _unhurried(q[np.arange(len(q)), path], most)


def _unhurried(q: F64, most: float) -> F64:
    """The angles (N, K) with every jump drawn over the frames that it takes, and jumps that then meet drawn as one."""
    out = q.copy()
    spans: list[tuple[int, int]] = []
    for f in np.flatnonzero(np.abs(np.diff(q, axis=0)).max(axis=1, initial=0.0) > most):
        first, last = _span(q, int(f), int(f) + 1, most)
        while spans and first <= spans[-1][1]:
            before = spans.pop()
            first, last = _span(q, min(first, before[0]), max(last, before[1]), most)
        spans.append((first, last))
    for first, last in spans:
        share = np.linspace(0.0, 1.0, last - first + 1)[:, None]
        out[first : last + 1] = (1.0 - share) * q[first] + share * q[last]
    return out


def _span(q: F64, first: int, last: int, most: float) -> tuple[int, int]:
    """Frames around `first` to `last` between which the way is slow enough to be gone straight."""
    while float(np.abs(q[last] - q[first]).max()) > most * (last - first) and (first > 0 or last < len(q) - 1):
        first, last = max(first - 1, 0), min(last + 1, len(q) - 1)
    return first, last


def _torso(problem: Problem) -> int:
    return problem.robot.point("neck")[0]


def _misses(problem: Problem, poses: BodyPoses, asked: F64, side: str) -> Bool:
    """(T,) the arm's bones are off."""
    error = np.zeros(len(asked))
    for i, (a, b) in enumerate(_BONES):
        bone = poses.points(*problem.robot.point(f"{side}_{b}")) - poses.points(*problem.robot.point(f"{side}_{a}"))
        error += np.sum((bone / problem.lengths_m[f"{side}_{a}>{side}_{b}"] - asked[:, i]) ** 2, axis=1)
    return np.asarray(error > OFF)


def _jumps(q: F64, most: float) -> Bool:
    """(T,) a joint turns faster than it can to this frame."""
    return np.append(False, np.abs(np.diff(q, axis=0)).max(axis=1, initial=0.0) > most)


def parts_around(mask: Bool, around: int) -> list[slice]:
    """Stretches that hold all true frames and `around` frames before and after each."""
    frames: I64 = np.flatnonzero(mask)
    if not len(frames):
        return []
    groups = np.split(frames, np.flatnonzero(np.diff(frames) > 2 * around) + 1)
    return [slice(max(int(g[0]) - around, 0), min(int(g[-1]) + around + 1, len(mask))) for g in groups]
