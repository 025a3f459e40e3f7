"""The robot's side of the problem: which of its vectors follow which of the person's, and with what weight.

All weights come from the robot's geometry and the person's proportions; there is no table per robot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.retarget._frame_terms import SHARED, TAIL, TIP
from understudy.retarget._tables import Capsules, Ground, Tree, Vectors
from understudy.retarget.obstacles import capsule_pairs, ground_points, levers
from understudy.retarget.parts import Parts, joints_of, make_parts
from understudy.retarget.robot_hand import Palm, palm_of
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import SIDES

LIMBS: tuple[tuple[str, str], ...] = tuple(
    (f"{side}_{a}", f"{side}_{b}")
    for side in SIDES
    for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
)
"""Bones whose directions the robot copies."""

VECTORS: tuple[str, ...] = (
    *(f"{a}>{b}" for a, b in LIMBS),
    "pelvis_lateral", "pelvis_up", "trunk", "shoulder_line",
    "left_foot", "right_foot", "left_hand", "right_hand",
    "midhip", "left_sole", "right_sole",
    "left_hand_aim", "right_hand_aim", "left_hand_side", "right_hand_side",
)  # fmt: skip
"""Vector tasks in the order of the kernels' tables. `hand` is the wrist from the shoulder, `hand_aim` where the hand points, and
`hand_side` where its thumb's side is."""

ON_AXIS_M = 1e-9
"""A point nearer than this to a joint's axis is on it."""
LONGWAYS = 0.7
"""An axis with this share along a foot turns about it."""
IDLE_JOINT_WEIGHT, JOINT_WEIGHT = 0.02, 0.001
"""Pull to the rest pose of joints that no direction determines (waist, wrists), and of the others."""
ROLL_WEIGHT = 0.1
"""The same of the ankles' roll, which nothing else asks of a foot in the air: with less, it comes back half a swing late, and how
far depends on the frame in which the foot was let go."""


@dataclass(frozen=True)
class Problem:
    """A robot made ready for the kernels.

    Attributes:
        lengths_m: bone and reach lengths in the rest pose: each limb of LIMBS, `left_leg`, `left_arm`, ...
        ankle_height_m: ankle above the sole when the sole is flat.
        hip_half_width_m: half the distance between the hips.
        foot_pitch_rad: angle of ankle to toe below the horizontal when the sole is flat.
        toe_reach_m: how far the left and right sole reaches ahead of the ankle.
        sole_count: number of sole points of each foot; ground points are left sole, right sole, then the rest.
        can_roll: whether the ankle can lay the sole flat sideways.
        parts: what can be solved for together.
        palms: how the left and right hand sit on their arms; None where the profile has no hand.
    """

    robot: RobotModel
    tree: Tree
    vectors: Vectors
    ground: Ground
    capsules: Capsules
    lengths_m: dict[str, float]
    ankle_height_m: float
    hip_half_width_m: float
    foot_pitch_rad: float
    toe_reach_m: tuple[float, float]
    sole_count: tuple[int, int]
    can_roll: bool
    parts: Parts
    palms: tuple[Palm | None, Palm | None]

    @property
    def leg_m(self) -> float:
        """Hip to knee to ankle, mean of both sides."""
        return 0.5 * (self.lengths_m["left_leg"] + self.lengths_m["right_leg"])


_KEPT = 4
_made: dict[int, Problem] = {}


def make_problem(robot: RobotModel) -> Problem:
    """Tables of a robot for the kernels, kept for the last few robots; raises ModelError where the profile lacks a point or a
    sole."""
    known = _made.get(id(robot))
    if known is not None and known.robot is robot:
        return known
    problem = _make_problem(robot)
    while len(_made) >= _KEPT:
        _made.pop(next(iter(_made)))
    _made[id(robot)] = problem
    return problem


def _make_problem(robot: RobotModel) -> Problem:
    zero = body_poses(robot, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), np.zeros((1, robot.dof)))
    at = {name: zero.points(*robot.point(name))[0] for name in robot.profile.points}
    lengths = _lengths(at)
    palms = (palm_of(robot, SIDES[0]), palm_of(robot, SIDES[1]))
    tree = _tree(robot)
    soles = [np.array(robot.profile.soles[s].outline_m) for s in SIDES]
    ankle, toe = at["left_ankle"], at["left_toe"]
    sole_z = float(zero.points(*robot.on_body(robot.profile.soles["left"].link, soles[0]))[0][:, 2].min())
    fall = toe - ankle
    vectors, ground, capsules = _vectors(robot, tree, lengths, palms), ground_points(robot, soles), capsule_pairs(robot)
    return Problem(
        robot=robot,
        tree=tree,
        vectors=vectors,
        ground=ground,
        capsules=capsules,
        parts=make_parts(robot, tree),
        lengths_m=lengths,
        ankle_height_m=float(ankle[2]) - sole_z,
        hip_half_width_m=0.5 * float(np.linalg.norm(at["left_hip"] - at["right_hip"])),
        foot_pitch_rad=float(np.arctan2(-fall[2], np.hypot(fall[0], fall[1]))),
        toe_reach_m=(_toe_reach(robot, zero, "left"), _toe_reach(robot, zero, "right")),
        sole_count=(len(soles[0]), len(soles[1])),
        can_roll=bool(_ankle_rolls(robot, tree.chain, tree.chain_len)),
        palms=palms,
    )


def _toe_reach(robot: RobotModel, zero: BodyPoses, side: str) -> float:
    sole = robot.profile.soles[side]
    outline = zero.points(*robot.on_body(sole.link, np.array(sole.outline_m)))[0]
    return float((outline - zero.points(*robot.point(f"{side}_ankle"))[0])[:, 0].max())


def with_ground(problem: Problem, ground: Ground) -> Problem:
    """The problem with another table of ground points, on which every joint may bear."""
    return replace(problem, ground=ground, parts=make_parts(problem.robot, problem.tree))


def with_wrists(problem: Problem, weights: F64) -> Problem:
    """The problem with those joints of the wrists let go that the tasks' weights (V,) determine; the others stay at rest."""
    pull = problem.tree.rest_weight.copy()
    for side, palm in zip(SIDES, problem.palms, strict=True):
        if palm is not None:
            aimed, turned = (weights[VECTORS.index(f"{side}_hand_{what}")] > 0.0 for what in ("aim", "side"))
            free = [*(palm.aims if aimed else ()), *(palm.rolls if turned else ())]
            pull[free] = JOINT_WEIGHT
    parts = make_parts(problem.robot, problem.tree, idle=_without_task(problem, weights))
    return replace(problem, tree=problem.tree._replace(rest_weight=pull), parts=parts)


def _without_task(problem: Problem, weights: F64) -> frozenset[int]:
    """Joints beyond the elbows that no task with a weight (V,) depends on: of the wrists, and the fingers'."""
    tree, vectors = problem.tree, problem.vectors
    asked = {int(c) - 6 for v in np.flatnonzero(weights) for c in vectors.cols[v, : vectors.col_len[v]]}
    arms = [joints_of(tree, problem.robot.point(f"{side}_elbow")[0]) for side in SIDES]
    beyond = {j for j in range(problem.robot.dof) if any(max(arm) in joints_of(tree, j + 1) for arm in arms)}
    return frozenset(beyond - asked - arms[0] - arms[1])


def _lengths(at: dict[str, F64]) -> dict[str, float]:
    def span(a: str, b: str) -> float:
        return float(np.linalg.norm(at[a] - at[b]))

    out = {f"{a}>{b}": span(a, b) for a, b in LIMBS}
    for side in SIDES:
        out[f"{side}_leg"] = out[f"{side}_hip>{side}_knee"] + out[f"{side}_knee>{side}_ankle"]
        out[f"{side}_arm"] = out[f"{side}_shoulder>{side}_elbow"] + out[f"{side}_elbow>{side}_wrist"]
        out[f"{side}_sole"] = span(f"{side}_ankle", f"{side}_toe")
    out["trunk"] = span("pelvis", "neck")
    out["shoulder_line"] = span("left_shoulder", "right_shoulder")
    return out


def _chains(parent: I64) -> tuple[I64, I64]:
    """Joints between the root and each body, nearest the root first, padded with 0; and how many."""
    chains: list[list[int]] = [[]]
    for joint, body in enumerate(parent):
        chains.append([*chains[body], joint])
    longest = max(len(c) for c in chains)
    table = np.array([c + [0] * (longest - len(c)) for c in chains], dtype=np.int64)
    return table, np.array([len(c) for c in chains], dtype=np.int64)


def _tree(robot: RobotModel) -> Tree:
    chain, chain_len = _chains(robot.body_parent)
    weight = np.full(robot.dof, JOINT_WEIGHT)
    weight[_idle_joints(robot, chain, chain_len)] = IDLE_JOINT_WEIGHT
    weight[_ankle_rolls(robot, chain, chain_len)] = ROLL_WEIGHT
    return Tree(
        parent=np.ascontiguousarray(robot.body_parent),
        rot0=np.ascontiguousarray(robot.rot_parent_joint),
        pos0=np.ascontiguousarray(robot.pos_parent_joint_m),
        axis0=np.ascontiguousarray(robot.axis_joint),
        chain=chain,
        chain_len=chain_len,
        lower=robot.lower_rad + 1e-4,
        upper=robot.upper_rad - 1e-4,
        rest=_rest(robot),
        rest_weight=weight,
        lever=levers(robot),
    )


def _rest(robot: RobotModel) -> F64:
    """The pose idle joints fall back to: zero, moved inside the limits."""
    return np.clip(np.zeros(robot.dof), robot.lower_rad, robot.upper_rad)


def _idle_joints(robot: RobotModel, chain: I64, chain_len: I64) -> list[int]:
    """Joints that bone directions leave free: the trunk's, and those beyond the elbow's and the ankle's first joint."""

    def joints(point: str) -> list[int]:
        body = robot.point(point)[0]
        return [int(j) for j in chain[body, : chain_len[body]]]

    idle: set[int] = set(joints("neck"))
    limb_joints: set[int] = set()
    for side in SIDES:
        for end, last in (("wrist", "elbow"), ("ankle", "knee")):
            limb_joints.update(joints(f"{side}_{last}"))
            beyond = [j for j in joints(f"{side}_{end}") if j not in joints(f"{side}_{last}")]
            idle.update(beyond)
    idle.update(set(range(robot.dof)) - limb_joints)
    return sorted(idle)


def _vectors(robot: RobotModel, tree: Tree, lengths: dict[str, float], palms: tuple[Palm | None, ...]) -> Vectors:
    body, offset = robot.point, np.zeros(3)
    root_y, root_z = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    root = robot.frame(robot.profile.links["pelvis"])
    rows: list[tuple[tuple[int, F64], tuple[int, F64], float]] = []
    rows += [(body(a), body(b), lengths[f"{a}>{b}"]) for a, b in LIMBS]
    rows += [((0, offset), (0, root.rot_body_frame @ root_y), 1.0), ((0, offset), (0, root.rot_body_frame @ root_z), 1.0)]
    rows += [(body("pelvis"), body("neck"), lengths["trunk"])]
    rows += [(body("right_shoulder"), body("left_shoulder"), lengths["shoulder_line"])]
    rows += [(body("pelvis"), body(f"{s}_ankle"), lengths[f"{s}_leg"]) for s in SIDES]
    rows += [(body(f"{s}_shoulder"), body(f"{s}_wrist"), lengths[f"{s}_arm"]) for s in SIDES]
    rows += [((-1, offset), body("pelvis"), 1.0)]
    rows += [(body(f"{s}_ankle"), body(f"{s}_toe"), lengths[f"{s}_sole"]) for s in SIDES]
    bodies = [0 if palm is None else palm.body for palm in palms]
    rows += [((b, offset), (b, root_y if p is None else p.forward), 1.0) for b, p in zip(bodies, palms, strict=True)]
    rows += [((b, offset), (b, root_z if p is None else p.radial), 1.0) for b, p in zip(bodies, palms, strict=True)]
    rows = [(_inward(tree, *a), _inward(tree, *b), length) for a, b, length in rows]
    cols = [_columns(tree, a[0], b[0]) for a, b, _ in rows]
    table = np.zeros((len(rows), 6 + robot.dof), dtype=np.int64)
    moves = np.full(table.shape, SHARED, dtype=np.uint8)
    for i, (c, (a, b, _)) in enumerate(zip(cols, rows, strict=True)):
        table[i, : len(c)] = c
        moves[i, : len(c)] = _moves(tree, a[0], b[0], c)
    return Vectors(
        a_body=np.array([a[0] for a, _, _ in rows], dtype=np.int64),
        a_off=np.array([a[1] for a, _, _ in rows]),
        b_body=np.array([b[0] for _, b, _ in rows], dtype=np.int64),
        b_off=np.array([b[1] for _, b, _ in rows]),
        inv_len=np.array([1.0 / length for _, _, length in rows]),
        cols=table,
        col_len=np.array([len(c) for c in cols], dtype=np.int64),
        moves=moves,
    )


def _inward(tree: Tree, body: int, offset: F64) -> tuple[int, F64]:
    """The same point as the innermost body carries it: a joint does not move a point on its own axis."""
    while body > 0 and float(np.linalg.norm(np.cross(tree.axis0[body - 1], offset))) < ON_AXIS_M:
        joint = body - 1
        body, offset = int(tree.parent[joint]), tree.pos0[joint] + tree.rot0[joint] @ offset
    return body, offset


def _moves(tree: Tree, a: int, b: int, columns: list[int]) -> list[int]:
    """How each column moves the vector from body a to body b."""
    at_tail, at_tip = joints_of(tree, a), joints_of(tree, b)
    return [SHARED if c < 6 or c - 6 in at_tail & at_tip else (TIP if c - 6 in at_tip else TAIL) for c in columns]


def _columns(tree: Tree, a: int, b: int) -> list[int]:
    """Tangent columns that a vector from body a to body b depends on, ascending."""
    joints = joints_of(tree, a) | joints_of(tree, b)
    return [*range(3 if a >= 0 else 0, 6), *(6 + j for j in sorted(joints))]


def _ankle_rolls(robot: RobotModel, chain: I64, chain_len: I64) -> list[int]:
    """Joints beyond a knee that turn about the foot's long axis."""
    rolls: list[int] = []
    for side in SIDES:
        foot, knee = robot.on_body(robot.profile.soles[side].link, np.zeros(3))[0], robot.point(f"{side}_knee")[0]
        beyond = set(chain[foot, : chain_len[foot]].tolist()) - set(chain[knee, : chain_len[knee]].tolist())
        rolls += [j for j in sorted(beyond) if abs(robot.axis_joint[j][0]) > LONGWAYS]
    return rolls
