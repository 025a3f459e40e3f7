"""Self-collision of a robot by the capsules of its profile."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from understudy.errors import ShapeError
from understudy.geom.arrays import F64, I64, Bool, frozen_f64, frozen_i64
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.kinematics.segments import closest_on_segments, place_capsule, segment_distance
from understudy.spec.robot import RobotModel

_NEAR_JOINTS = 2
_NEVER_NEARER_M = 0.05
_PROBES = 3000
_ROUNDING_M = 1e-9
EXACT_BELOW_M = 0.05
"""Pairs farther apart than this get a lower bound of their distance, which costs a tenth."""


@dataclass(frozen=True)
class CollisionModel:
    """Capsules and the pairs of them that are watched.

    Attributes:
        names: (C,) capsule names.
        body: (C,) body that carries each capsule.
        a_body_m, b_body_m: (C, 3) ends of the segments in that body's frame.
        radius_m: (C,).
        pair: (P, 2) indices of capsules.
    """

    names: tuple[str, ...]
    body: I64
    a_body_m: F64
    b_body_m: F64
    radius_m: F64
    pair: I64

    @property
    def pair_names(self) -> tuple[tuple[str, str], ...]:
        """Names of each pair."""
        return tuple((self.names[i], self.names[j]) for i, j in self.pair)


@dataclass(frozen=True)
class SelfDistances:
    """Signed distances of capsule pairs: negative is penetration.

    Attributes:
        pairs: P pairs of capsule names.
        distance_m: (T, P); exact below 5 cm, above that a lower bound of at least 5 cm.
    """

    pairs: tuple[tuple[str, str], ...]
    distance_m: F64


@dataclass(frozen=True)
class Witnesses:
    """Closest points of the segments of each pair, in `world`, and the signed distance of the capsules.

    Attributes:
        on_a_world_m, on_b_world_m: (T, P, 3).
        distance_m: (T, P); subtracting each radius along the line between the points gives the surfaces.
    """

    on_a_world_m: F64
    on_b_world_m: F64
    distance_m: F64


def capsule_model(robot: RobotModel) -> CollisionModel:
    """The capsules of a robot, and every pair of them that more than two joints lie between and that is not to be ignored.

    Raises:
        ShapeError: the profile has no capsules.
    """
    capsules = robot.profile.capsules
    if not capsules:
        raise ShapeError(f"{robot.name}: the profile has no capsules; `understudy robot inspect` proposes some")
    ends = [(robot.on_body(c.link, np.array(c.a_m)), robot.on_body(c.link, np.array(c.b_m))) for c in capsules]
    return CollisionModel(
        names=tuple(capsule.name for capsule in capsules),
        body=frozen_i64([a[0] for a, _ in ends]),
        a_body_m=frozen_f64([a[1] for a, _ in ends]),
        b_body_m=frozen_f64([b[1] for _, b in ends]),
        radius_m=frozen_f64([capsule.radius_m for capsule in capsules]),
        pair=_far_pairs(robot, [a[0] for a, _ in ends]),
    )


def collision_model(robot: RobotModel) -> CollisionModel:
    """The capsules of a robot and the pairs worth watching.

    Left out are pairs whose bodies are at most two joints apart, pairs that touch with all joints at 0 or in the home pose, pairs
    of `collision_ignore`, and pairs that come no nearer than 5 cm in 3000 seeded poses over the joints' whole range.

    Raises:
        ShapeError: the profile has no capsules.
    """
    full = capsule_model(robot)
    return _with_pairs(full, full.pair[_worth_watching(robot, full)])


def self_distances(robot: RobotModel, poses: BodyPoses, model: CollisionModel | None = None) -> SelfDistances:
    """Signed distance of every watched pair at every step.

    Args:
        model: as `collision_model(robot)` gives it; made here where it is None.

    Raises:
        ShapeError: the profile has no capsules.
    """
    model = model or collision_model(robot)
    distance = np.empty((len(poses.pos_world_m), len(model.pair)))
    _distances(model, poses, EXACT_BELOW_M, distance)
    return SelfDistances(model.pair_names, distance)


def overlapping(model: CollisionModel, poses: BodyPoses, *, over_m: float) -> Bool:
    """(T,) whether any watched pair overlaps by more than `over_m`, 0 or more, at each step; no distance is worked out for it."""
    found = np.zeros(len(poses.pos_world_m), dtype=bool)
    _overlap_kernel(
        model.body,
        model.a_body_m,
        model.b_body_m,
        model.radius_m,
        model.pair,
        over_m,
        poses.pos_world_m,
        poses.rot_world,
        found,
    )
    return found


def witnesses(model: CollisionModel, poses: BodyPoses) -> Witnesses:
    """Closest points and signed distance of every watched pair at every step."""
    shape = (len(poses.pos_world_m), len(model.pair))
    on_a, on_b, distance = np.empty((*shape, 3)), np.empty((*shape, 3)), np.empty(shape)
    witness_kernel(
        model.body,
        model.a_body_m,
        model.b_body_m,
        model.radius_m,
        model.pair,
        poses.pos_world_m,
        poses.rot_world,
        on_a,
        on_b,
        distance,
    )
    return Witnesses(on_a, on_b, distance)


def joints_between(body_parent: I64, a: int, b: int) -> int:
    """How many joints lie between two bodies."""
    above_a = _chain(body_parent, a)
    above_b = _chain(body_parent, b)
    shared = len(set(above_a) & set(above_b))
    return len(above_a) + len(above_b) - 2 * shared


@numba.njit(cache=True)
def distance_kernel(
    body: I64, a_body: F64, b_body: F64, radius: F64, pair: I64, exact_below: float, pos: F64, rot: F64, distance: F64
) -> None:
    """Fill `distance` (T, P); arguments as `CollisionModel` and `BodyPoses`. Bounding spheres settle the far pairs."""
    count = body.shape[0]
    a, b, middle, reach = np.empty((count, 3)), np.empty((count, 3)), np.empty((count, 3)), np.empty(count)
    for c in range(count):
        reach[c] = radius[c] + 0.5 * np.sqrt(((a_body[c] - b_body[c]) ** 2).sum())
    for t in range(pos.shape[0]):
        for c in range(count):
            place_capsule(rot[t, body[c]], pos[t, body[c]], a_body[c], b_body[c], a[c], b[c])
            for r in range(3):
                middle[c, r] = 0.5 * (a[c, r] + b[c, r])
        for p in range(pair.shape[0]):
            i, j = pair[p, 0], pair[p, 1]
            x, y, z = middle[i, 0] - middle[j, 0], middle[i, 1] - middle[j, 1], middle[i, 2] - middle[j, 2]
            bound = np.sqrt(x * x + y * y + z * z) - reach[i] - reach[j]
            if bound < exact_below:
                bound = segment_distance(a[i], b[i], a[j], b[j]) - radius[i] - radius[j]
            distance[t, p] = bound


@numba.njit(cache=True)
def _overlap_kernel(
    body: I64, a_body: F64, b_body: F64, radius: F64, pair: I64, over_m: float, pos: F64, rot: F64, found: Bool
) -> None:
    """Fill `found` (T,). Bounding spheres that overlap by less settle most pairs, without a root."""
    count = body.shape[0]
    a, b, middle, near2 = np.empty((count, 3)), np.empty((count, 3)), np.empty((count, 3)), np.empty(len(pair))
    for p in range(len(pair)):
        i, j = pair[p, 0], pair[p, 1]
        half = 0.5 * np.sqrt(((a_body[i] - b_body[i]) ** 2).sum()) + 0.5 * np.sqrt(((a_body[j] - b_body[j]) ** 2).sum())
        near2[p] = max(half + radius[i] + radius[j] - over_m + _ROUNDING_M, 0.0) ** 2
    for t in range(len(found)):
        for c in range(count):
            place_capsule(rot[t, body[c]], pos[t, body[c]], a_body[c], b_body[c], a[c], b[c])
            for r in range(3):
                middle[c, r] = 0.5 * (a[c, r] + b[c, r])
        for p in range(len(pair)):
            i, j = pair[p, 0], pair[p, 1]
            x, y, z = middle[i, 0] - middle[j, 0], middle[i, 1] - middle[j, 1], middle[i, 2] - middle[j, 2]
            if x * x + y * y + z * z >= near2[p]:
                continue
            if -(segment_distance(a[i], b[i], a[j], b[j]) - radius[i] - radius[j]) > over_m:
                found[t] = True
                break


@numba.njit(cache=True)
def witness_kernel(
    body: I64, a_body: F64, b_body: F64, radius: F64, pair: I64, pos: F64, rot: F64, on_a: F64, on_b: F64, distance: F64
) -> None:
    """Fill `on_a`, `on_b` (T, P, 3) and `distance` (T, P); arguments as `CollisionModel` and `BodyPoses`."""
    count = body.shape[0]
    a, b = np.empty((count, 3)), np.empty((count, 3))
    for t in range(pos.shape[0]):
        for c in range(count):
            place_capsule(rot[t, body[c]], pos[t, body[c]], a_body[c], b_body[c], a[c], b[c])
        for p in range(pair.shape[0]):
            i, j = pair[p, 0], pair[p, 1]
            gap = closest_on_segments(a[i], b[i], a[j], b[j], on_a[t, p], on_b[t, p])
            distance[t, p] = gap - radius[i] - radius[j]


def _chain(body_parent: I64, body: int) -> list[int]:
    chain = []
    while body > 0:
        chain.append(body)
        body = int(body_parent[body - 1])
    return chain


def _far_pairs(robot: RobotModel, body: list[int]) -> I64:
    names = [capsule.name for capsule in robot.profile.capsules]
    ignored = {frozenset(pair) for pair in robot.profile.collision_ignore}
    return frozen_i64(
        [
            (i, j)
            for i in range(len(body))
            for j in range(i + 1, len(body))
            if joints_between(robot.body_parent, body[i], body[j]) > _NEAR_JOINTS
            and frozenset((names[i], names[j])) not in ignored
        ]
    ).reshape(-1, 2)


def _worth_watching(robot: RobotModel, model: CollisionModel) -> I64:
    rest = np.stack([np.zeros(robot.dof), robot.home_rad])
    rng = np.random.default_rng(0)
    probes = rng.uniform(robot.lower_rad, robot.upper_rad, size=(_PROBES, robot.dof))
    at_rest, probed = np.empty((len(rest), len(model.pair))), np.empty((_PROBES, len(model.pair)))
    _distances(model, _at_origin(robot, rest), EXACT_BELOW_M, at_rest)
    _distances(model, _at_origin(robot, probes), EXACT_BELOW_M, probed)
    touching, nearest = (at_rest < 0.0).any(axis=0), probed.min(axis=0)
    return np.flatnonzero(~touching & (nearest < _NEVER_NEARER_M))


def _distances(model: CollisionModel, poses: BodyPoses, exact_below_m: float, out: F64) -> None:
    distance_kernel(
        model.body,
        model.a_body_m,
        model.b_body_m,
        model.radius_m,
        model.pair,
        exact_below_m,
        poses.pos_world_m,
        poses.rot_world,
        out,
    )


def _at_origin(robot: RobotModel, joint_pos: F64) -> BodyPoses:
    root = np.zeros((len(joint_pos), 3))
    upright = np.tile([1.0, 0.0, 0.0, 0.0], (len(joint_pos), 1))
    return body_poses(robot, root, upright, joint_pos)


def _with_pairs(model: CollisionModel, pair: I64) -> CollisionModel:
    return CollisionModel(model.names, model.body, model.a_body_m, model.b_body_m, model.radius_m, frozen_i64(pair))
