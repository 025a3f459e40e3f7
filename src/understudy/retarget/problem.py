"""The robot's side of the problem: which of its vectors follow which of the person's, and with what weight.

All weights come from the robot's geometry and the person's proportions; there is no table per robot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.kinematics.collision import collision_model
from understudy.kinematics.forward import body_poses
from understudy.retarget._tables import Capsules, Ground, Tree, Vectors
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
)  # fmt: skip
"""Vector tasks in the order of the kernels' tables."""

IDLE_JOINT_WEIGHT, JOINT_WEIGHT = 0.02, 0.001
"""Pull to the rest pose of joints that no direction determines (waist, wrist, ankle roll), and of the others."""


@dataclass(frozen=True)
class Problem:
    """A robot made ready for the kernels.

    Attributes:
        lengths_m: bone and reach lengths in the rest pose: each limb of LIMBS, `left_leg`, `left_arm`, ...
        ankle_height_m: ankle above the sole when the sole is flat.
        hip_half_width_m: half the distance between the hips.
        foot_pitch_rad: angle of ankle to toe below the horizontal when the sole is flat.
        sole_count: number of sole points of each foot; ground points are left sole, right sole, then the rest.
        can_roll: whether the ankle can lay the sole flat sideways.
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
    sole_count: tuple[int, int]
    can_roll: bool

    @property
    def leg_m(self) -> float:
        """Hip to knee to ankle, mean of both sides."""
        return 0.5 * (self.lengths_m["left_leg"] + self.lengths_m["right_leg"])


def make_problem(robot: RobotModel) -> Problem:
    """Tables of a robot for the kernels; raises ModelError where the profile lacks a point or a sole."""
    zero = body_poses(robot, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), np.zeros((1, robot.dof)))
    at = {name: zero.points(*robot.point(name))[0] for name in robot.profile.points}
    lengths = _lengths(at)
    tree = _tree(robot)
    soles = [np.array(robot.profile.soles[s].outline_m) for s in SIDES]
    ankle, toe = at["left_ankle"], at["left_toe"]
    sole_z = float(zero.points(*robot.on_body(robot.profile.soles["left"].link, soles[0]))[0][:, 2].min())
    fall = toe - ankle
    return Problem(
        robot=robot,
        tree=tree,
        vectors=_vectors(robot, tree, lengths),
        ground=_ground(robot, soles),
        capsules=_capsules(robot),
        lengths_m=lengths,
        ankle_height_m=float(ankle[2]) - sole_z,
        hip_half_width_m=0.5 * float(np.linalg.norm(at["left_hip"] - at["right_hip"])),
        foot_pitch_rad=float(np.arctan2(-fall[2], np.hypot(fall[0], fall[1]))),
        sole_count=(len(soles[0]), len(soles[1])),
        can_roll=_can_roll(robot, tree),
    )


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


def _vectors(robot: RobotModel, tree: Tree, lengths: dict[str, float]) -> Vectors:
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
    cols = [_columns(tree, a[0], b[0]) for a, b, _ in rows]
    table = np.zeros((len(rows), 6 + robot.dof), dtype=np.int64)
    for i, c in enumerate(cols):
        table[i, : len(c)] = c
    return Vectors(
        a_body=np.array([a[0] for a, _, _ in rows], dtype=np.int64),
        a_off=np.array([a[1] for a, _, _ in rows]),
        b_body=np.array([b[0] for _, b, _ in rows], dtype=np.int64),
        b_off=np.array([b[1] for _, b, _ in rows]),
        inv_len=np.array([1.0 / length for _, _, length in rows]),
        cols=table,
        col_len=np.array([len(c) for c in cols], dtype=np.int64),
    )


def _columns(tree: Tree, a: int, b: int) -> list[int]:
    """Tangent columns that a vector from body a to body b depends on, ascending."""
    joints = {int(j) for j in tree.chain[b, : tree.chain_len[b]]}
    first = 0
    if a >= 0:
        joints |= {int(j) for j in tree.chain[a, : tree.chain_len[a]]}
        first = 3
    return [*range(first, 6), *(6 + j for j in sorted(joints))]


def _ground(robot: RobotModel, soles: list[F64]) -> Ground:
    bodies: list[int] = []
    offsets: list[F64] = []
    clearance: list[float] = []
    slip: list[tuple[int, F64]] = []
    for side, outline in zip(SIDES, soles, strict=True):
        link = robot.profile.soles[side].link
        body, points = robot.on_body(link, np.column_stack([outline[:, :2], np.full(len(outline), outline[:, 2].min())]))
        bodies += [body] * len(points)
        offsets += list(points)
        clearance += [0.0] * len(points)
        low, high = outline.min(axis=0), outline.max(axis=0)
        middle = 0.5 * (low[1] + high[1])
        for x in (low[0], high[0]):
            slip.append(robot.on_body(link, np.array([x, middle, low[2]])))
    feet = set(bodies)
    for capsule in robot.profile.capsules:
        for end in (capsule.a_m, capsule.b_m):
            body, point = robot.on_body(capsule.link, np.array(end))
            if body not in feet:
                bodies.append(body)
                offsets.append(point)
                clearance.append(capsule.radius_m)
    return Ground(
        body=np.array(bodies, dtype=np.int64),
        offset=np.array(offsets),
        clearance=np.array(clearance),
        slip_body=np.array([b for b, _ in slip], dtype=np.int64),
        slip_offset=np.array([p for _, p in slip]),
    )


def _capsules(robot: RobotModel) -> Capsules:
    model = collision_model(robot)
    half = 0.5 * np.linalg.norm(model.b_body_m - model.a_body_m, axis=1)
    return Capsules(
        body=model.body, a=model.a_body_m, b=model.b_body_m, radius=model.radius_m, reach=half + model.radius_m, pair=model.pair
    )


def _can_roll(robot: RobotModel, tree: Tree) -> bool:
    """Whether a joint beyond the knee turns about the foot's long axis."""
    foot = robot.on_body(robot.profile.soles["left"].link, np.zeros(3))[0]
    knee = robot.point("left_knee")[0]
    beyond = [j for j in tree.chain[foot, : tree.chain_len[foot]] if j not in tree.chain[knee, : tree.chain_len[knee]]]
    return any(abs(robot.axis_joint[j][0]) > 0.7 for j in beyond)
