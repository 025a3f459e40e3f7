"""How far a lifted foot points down: what the floor leaves room for, and no foot that stands, sinks or kneels is changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.kinematics.load import load_robot
from understudy.retarget.contacts import flat, grown, standing
from understudy.retarget.foot_pitch import LET_GO_S, LEVEL, lifted_soles
from understudy.retarget.problem import Problem, make_problem
from understudy.retarget.targets import SOLES, calibrate, make_targets, vector_targets
from understudy.simulate.walker import walk
from understudy.spec.skeleton import INDEX, HumanMotion


@pytest.fixture(scope="module", params=["unitree_g1", "unitree_h1"])
def problem(request: pytest.FixtureRequest) -> Problem:
    return make_problem(load_robot(request.param))


@pytest.fixture(scope="module")
def walking() -> HumanMotion:
    return walk(4.0, 1.0, rate_hz=60.0)


def _pitch(soles: F64) -> F64:
    return np.asarray(np.arctan2(-soles[..., 2], np.hypot(soles[..., 0], soles[..., 1])))


def _changed(motion: HumanMotion, problem: Problem, ankles_m: F64) -> tuple[F64, F64]:
    """(T, 2, 3) soles as the person's feet ask for them, and as they are lifted under ankles (T, 2) that high."""
    feet = standing(motion)
    asked = vector_targets(motion.joint_pos_world_m, calibrate(motion, problem), problem)[:, SOLES]
    return asked, lifted_soles(asked, ankles_m, motion, feet, flat(motion, feet.placed), problem)


def _rising(motion: HumanMotion, problem: Problem, ankle_m: float) -> F64:
    """(T, 2) heights that rise by 3 m/s through a height in the middle frame."""
    t_s = (motion.t_ns - motion.t_ns[len(motion) // 2]) * 1e-9
    return np.repeat(ankle_m + 3.0 * t_s[:, None], 2, axis=1)


def test_feet_that_stand_or_are_put_down_point_as_the_person_s(walking: HumanMotion, problem: Problem) -> None:
    feet = standing(walking)
    low = np.full((len(walking), 2), problem.ankle_height_m)
    asked, lifted = _changed(walking, problem, _rising(walking, problem, 0.0))
    np.testing.assert_allclose(lifted[feet.placed], asked[feet.placed], atol=1e-12)
    sinking = low - 3.0 * (walking.t_ns * 1e-9)[:, None]
    asked, lifted = _changed(walking, problem, sinking)
    np.testing.assert_allclose(lifted, asked, atol=1e-12)


def test_a_lifted_foot_is_level_until_its_ankle_is_up_and_as_the_person_s_once_there_is_room(
    walking: HumanMotion, problem: Problem
) -> None:
    near = round(LET_GO_S * walking.rate_hz)
    swinging = ~np.stack([grown(placed, near) for placed in standing(walking).placed.T], axis=1)
    level = problem.ankle_height_m + LEVEL * problem.leg_m
    asked, lifted = _changed(walking, problem, _rising(walking, problem, 20.0))
    np.testing.assert_allclose(lifted, asked, atol=1e-12)
    asked, lifted = _changed(walking, problem, _rising(walking, problem, level))
    low = swinging & (_rising(walking, problem, level) <= level)
    assert low.any()
    np.testing.assert_allclose(_pitch(lifted)[low], np.minimum(_pitch(asked)[low], problem.foot_pitch_rad), atol=1e-9)


def test_nothing_turns_and_nothing_points_down_further(walking: HumanMotion, problem: Problem) -> None:
    targets = make_targets(walking, problem)
    asked = vector_targets(walking.joint_pos_world_m, calibrate(walking, problem), problem)[:, SOLES]
    lifted = targets.vectors[:, SOLES]
    np.testing.assert_allclose(np.linalg.norm(lifted, axis=2), 1.0, atol=1e-9)
    level = np.hypot(asked[..., 0], asked[..., 1]) > 1e-3
    along = lifted[..., 0] * asked[..., 1] - lifted[..., 1] * asked[..., 0]
    np.testing.assert_allclose(along[level], 0.0, atol=1e-9)
    assert (_pitch(lifted) <= _pitch(asked) + 1e-9).all()
    assert (_pitch(lifted) < _pitch(asked) - np.radians(5.0)).any()


def test_toes_clear_the_floor_where_the_foot_is_lifted(walking: HumanMotion, problem: Problem) -> None:
    """Under the ankle's height that is asked for, the toes of a foot that is lifted quickly are not below the floor."""
    heights = _rising(walking, problem, problem.ankle_height_m + 0.1)
    _asked, lifted = _changed(walking, problem, heights)
    off = _pitch(lifted) - problem.foot_pitch_rad
    toes = heights - problem.ankle_height_m * np.cos(off) - np.array(problem.toe_reach_m) * np.sin(off)
    free = ~standing(walking).placed & (off > 0.0) & (heights > problem.ankle_height_m)
    assert free.any()
    assert toes[free].min() > -1e-9


def test_under_a_shank_that_lies_a_foot_points_as_the_person_s(walking: HumanMotion, problem: Problem) -> None:
    pos = walking.joint_pos_world_m.copy()
    for side in ("left", "right"):
        pos[:, INDEX[f"{side}_knee"]] = pos[:, INDEX[f"{side}_ankle"]] + [0.4, 0.0, 0.0]
    lying = replace(walking, joint_pos_world_m=pos)
    asked, lifted = _changed(lying, problem, _rising(lying, problem, problem.ankle_height_m))
    np.testing.assert_allclose(lifted, asked, atol=1e-12)


def test_feet_are_as_the_person_s_around_a_stance_on_the_toes(walking: HumanMotion, problem: Problem) -> None:
    """Said of every stance, it holds a third of a second around it; where the soles lie flat it does not."""
    feet, heights = standing(walking), _rising(walking, problem, -20.0)
    near = np.stack([grown(placed, round(0.3 * walking.rate_hz)) for placed in feet.placed.T], axis=1) & ~feet.placed
    asked, lifted = _changed(walking, problem, heights)
    assert np.abs(lifted - asked)[near].max() > 0.1
    on_toes = lifted_soles(asked, heights, walking, feet, np.zeros_like(feet.placed), problem)
    np.testing.assert_allclose(on_toes[near], asked[near], atol=1e-12)
