"""What must not pass through what: points of the robot over the floor, and the capsules of its bodies."""

from __future__ import annotations

import numpy as np

from understudy.geom.arrays import F64
from understudy.kinematics.collision import CollisionModel, capsule_model, collision_model
from understudy.retarget._tables import Capsules, Ground
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import SIDES


def ground_points(robot: RobotModel, soles: list[F64]) -> Ground:
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


def capsule_pairs(robot: RobotModel) -> Capsules:
    model = collision_model(robot)
    half = 0.5 * np.linalg.norm(model.b_body_m - model.a_body_m, axis=1)
    bodies = model.body[model.pair]
    order = np.lexsort((bodies[:, 1], bodies[:, 0]))
    pair, bodies = np.ascontiguousarray(model.pair[order]), bodies[order]
    first = np.flatnonzero(np.any(np.diff(bodies, axis=0, prepend=-1) != 0, axis=1))
    stop = np.append(first[1:], len(pair))
    return Capsules(
        body=model.body,
        a=model.a_body_m,
        b=model.b_body_m,
        radius=model.radius_m,
        reach=half + model.radius_m,
        pair=pair,
        meeting=np.column_stack([bodies[first], first, stop[: len(first)]]).astype(np.int64),
        ball=_balls(model, robot.dof + 1),
    )


def _balls(model: CollisionModel, bodies: int) -> F64:
    """(B, 4) centre in the body's frame and radius of a ball around its capsules; at its origin where it has none."""
    balls = np.zeros((bodies, 4))
    for body in np.unique(model.body):
        own = model.body == body
        ends = np.stack([model.a_body_m[own], model.b_body_m[own]])
        middle = 0.5 * (ends.min(axis=(0, 1)) + ends.max(axis=(0, 1)))
        balls[body] = [*middle, (np.linalg.norm(ends - middle, axis=2) + model.radius_m[own]).max()]
    return balls


def levers(robot: RobotModel) -> F64:
    """(J,) metres from each joint to the furthest that a capsule which it moves can be, whatever the pose."""
    model = capsule_model(robot)
    far = np.zeros(robot.dof + 1)
    for ends in (model.a_body_m, model.b_body_m):
        np.maximum.at(far, model.body, np.linalg.norm(ends, axis=1) + model.radius_m)
    offset = np.linalg.norm(robot.pos_parent_joint_m, axis=1)
    for joint in reversed(range(robot.dof)):  # a child's joint comes after its parent's
        parent = int(robot.body_parent[joint])
        far[parent] = max(far[parent], far[joint + 1] + offset[joint])
    return far[1:]
