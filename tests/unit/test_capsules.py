"""Distances of segments and capsules, fitted capsules, and self-collision of the robots."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from understudy.errors import ShapeError
from understudy.geom.arrays import F64
from understudy.kinematics.capsule_fit import fit_capsules, fit_to_tolerance, hull_samples
from understudy.kinematics.collision import collision_model, joints_between, self_distances, witnesses
from understudy.kinematics.forward import BodyPoses, body_poses
from understudy.kinematics.load import load_robot
from understudy.kinematics.segments import closest_on_segments, segment_distance
from understudy.spec.robot import RobotModel


@pytest.fixture(scope="module")
def g1() -> RobotModel:
    return load_robot("unitree_g1")


def _poses(robot: RobotModel, joints: F64) -> BodyPoses:
    return body_poses(robot, np.zeros((len(joints), 3)), np.tile([1.0, 0.0, 0.0, 0.0], (len(joints), 1)), joints)


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ([[0, 0, 0], [1, 0, 0]], [[0, 1, 0], [1, 1, 0]], 1.0),  # parallel
        ([[0, 0, 0], [1, 0, 0]], [[3, 0, 0], [4, 0, 0]], 2.0),  # in line
        ([[-1, 0, 0], [1, 0, 0]], [[0, -1, 1], [0, 1, 1]], 1.0),  # crossing
        ([[-1, 0, 0], [1, 0, 0]], [[0, -1, 0], [0, 1, 0]], 0.0),  # meeting
        ([[0, 0, 0], [0, 0, 0]], [[0, 3, 4], [0, 3, 4]], 5.0),  # two points
        ([[0, 0, 0], [0, 0, 0]], [[-1, 2, 0], [1, 2, 0]], 2.0),  # a point and a segment
        ([[-1, 2, 0], [1, 2, 0]], [[0, 0, 0], [0, 0, 0]], 2.0),
        ([[0, 0, 0], [1, 0, 0]], [[2, 1, 0], [2, 5, 0]], np.sqrt(2.0)),  # ends
    ],
)
def test_distance_of_segments_by_hand(a: list[list[float]], b: list[list[float]], wanted: float) -> None:
    p, q = np.array(a, dtype=np.float64), np.array(b, dtype=np.float64)
    assert segment_distance(p[0], p[1], q[0], q[1]) == pytest.approx(wanted, abs=1e-12)
    assert segment_distance(q[1], q[0], p[0], p[1]) == pytest.approx(wanted, abs=1e-12)


def test_distance_of_segments_is_the_minimum() -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        a0, a1, b0, b1 = rng.normal(size=(4, 3))

        def gap(u: F64, ends: tuple[F64, F64, F64, F64] = (a0, a1, b0, b1)) -> float:
            p0, p1, q0, q1 = ends
            return float(np.sum((p0 + u[0] * (p1 - p0) - q0 - u[1] * (q1 - q0)) ** 2))

        best = minimize(gap, [0.5, 0.5], bounds=[(0, 1), (0, 1)], tol=1e-14).fun
        on_a, on_b = np.empty(3), np.empty(3)
        found = closest_on_segments(a0, a1, b0, b1, on_a, on_b)
        assert found == pytest.approx(np.sqrt(best), abs=1e-5)
        assert np.linalg.norm(on_a - on_b) == pytest.approx(found)


def test_far_pairs_get_a_lower_bound_and_near_ones_the_distance(g1: RobotModel) -> None:
    rng = np.random.default_rng(1)
    model, poses = collision_model(g1), _poses(g1, rng.uniform(g1.lower_rad, g1.upper_rad, size=(200, g1.dof)))
    exact, quick = witnesses(model, poses).distance_m, self_distances(g1, poses, model).distance_m
    near = quick < 0.05
    assert near.any()
    np.testing.assert_allclose(quick[near], exact[near], atol=1e-12)
    assert (exact[~near] >= quick[~near] - 1e-12).all()


def test_watched_bodies_are_more_than_two_joints_apart(g1: RobotModel) -> None:
    model = collision_model(g1)
    assert joints_between(g1.body_parent, 0, 3) == 3
    assert joints_between(g1.body_parent, 1, 7) == 2
    for i, j in model.pair:
        assert joints_between(g1.body_parent, int(model.body[i]), int(model.body[j])) > 2


def test_a_hand_in_the_belly_and_crossed_legs_collide(g1: RobotModel) -> None:
    rest, belly, legs = g1.home_rad.copy(), g1.home_rad.copy(), g1.home_rad.copy()
    belly[g1.joint_index("left_shoulder_yaw_joint")] = -1.5
    belly[g1.joint_index("left_elbow_joint")] = -0.2
    belly[g1.joint_index("left_shoulder_roll_joint")] = -0.2
    legs[g1.joint_index("left_hip_roll_joint")] = -0.5
    legs[g1.joint_index("right_hip_roll_joint")] = 0.5
    found = self_distances(g1, _poses(g1, np.stack([rest, belly, legs])))
    assert found.distance_m[0].min() >= 0.0
    touching = [{pair for pair, d in zip(found.pairs, row, strict=True) if d < -0.005} for row in found.distance_m]
    assert any("left_" in pair[0] + pair[1] and "torso" in pair[0] + pair[1] for pair in touching[1])
    assert any({name.split("_")[0] for name in pair} == {"left", "right"} for pair in touching[2])


def test_distances_of_a_mirrored_pose_are_mirrored(g1: RobotModel) -> None:
    """Left and right change places: catches a swapped side or sign in the profile's capsules."""
    rng = np.random.default_rng(2)
    joints = np.clip(g1.home_rad + rng.normal(scale=0.4, size=(50, g1.dof)), g1.lower_rad, g1.upper_rad)
    flipped = np.empty_like(joints)
    for k, name in enumerate(g1.joint_names):
        other = {"left": "right", "right": "left"}.get(name.split("_")[0])
        partner = g1.joint_index(name.replace(name.split("_")[0], other)) if other else k
        flipped[:, partner] = joints[:, k] * (-1.0 if "roll" in name or "yaw" in name else 1.0)
    there, back = self_distances(g1, _poses(g1, joints)), self_distances(g1, _poses(g1, flipped))
    np.testing.assert_allclose(there.distance_m.min(axis=1), back.distance_m.min(axis=1), atol=2e-3)


def test_no_capsules_is_an_error(g1: RobotModel) -> None:
    from dataclasses import replace

    bare = replace(g1, profile=g1.profile.model_copy(update={"capsules": ()}))
    with pytest.raises(ShapeError, match="has no capsules"):
        collision_model(bare)


def _capsule_surface(rng: np.random.Generator) -> F64:
    way = rng.normal(size=(800, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    return np.asarray(0.04 * way + np.where(way[:, :1] > 0, [[0.15, 0.0, 0.0]], [[-0.15, 0.0, 0.0]]))


def test_a_capsule_is_found_again() -> None:
    fit = fit_capsules(_capsule_surface(np.random.default_rng(0)), 1)
    (capsule,) = fit.capsules
    assert capsule.radius_m == pytest.approx(0.04, abs=0.002)
    assert abs(capsule.a_m[0] - capsule.b_m[0]) == pytest.approx(0.30, abs=0.01)
    assert max(fit.uncovered_m, fit.protrusion_m) < 0.004


def test_a_box_gets_several_capsules_and_a_mirrored_fit_is_symmetric() -> None:
    box = np.array([[x, y, z] for x in (-0.05, 0.05) for y in (-0.1, 0.1) for z in (0.0, 0.3)])
    assert len(fit_to_tolerance(box, most=2).capsules) == 2
    mirrored = fit_capsules(box, 4, mirrored=True)
    assert len(mirrored.capsules) == 4
    np.testing.assert_allclose(mirrored.capsules[0].a_m * [1, -1, 1], mirrored.capsules[2].a_m)
    assert mirrored.protrusion_m < 0.02
    samples = hull_samples(box)
    assert np.isclose(np.abs(samples - [0, 0, 0.15]), [0.05, 0.1, 0.15], atol=1e-9).any(axis=1).all()
