"""The hard movements: every one obeys the laws of a moving body, and does what it is named after."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.errors import InputError
from understudy.geom.arrays import F64
from understudy.simulate import moves
from understudy.simulate._body import Body
from understudy.simulate._pendulum import GRAVITY_M_S2
from understudy.spec.skeleton import BONES, SIDES, HumanMotion

NAMES = tuple(moves.MOVES)


@pytest.fixture(params=NAMES, scope="module")
def motion(request: pytest.FixtureRequest) -> HumanMotion:
    return moves.MOVES[request.param]()


def _velocity(motion: HumanMotion, joint: str) -> F64:
    return np.asarray(np.gradient(motion.joint(joint), motion.t_ns * 1e-9, axis=0))


def test_bones_keep_their_length_and_feet_their_floor(motion: HumanMotion) -> None:
    for a, b in BONES:
        assert np.ptp(np.linalg.norm(motion.joint(a) - motion.joint(b), axis=1)) < 1e-9, (a, b)
    for side in SIDES:
        toe, ankle = motion.joint(f"{side}_toe"), motion.joint(f"{side}_ankle")
        assert min(toe[:, 2].min(), ankle[:, 2].min()) > 0.01
        down = (toe[:, 2] < toe[:, 2].min() + 1e-9) & (ankle[:, 2] < ankle[:, 2].min() + 1e-9)
        moved = np.linalg.norm(np.diff(ankle, axis=0), axis=1)[down[1:] & down[:-1]]
        assert down.any(), side
        assert moved.max(initial=0.0) < 1e-9, side


def test_nothing_moves_faster_than_people_can(motion: HumanMotion) -> None:
    """No hand over 12 m/s, no joint's acceleration over 100 g: a jump of the generator would have thousands."""
    speed = np.linalg.norm(np.diff(motion.joint_pos_world_m, axis=0), axis=2) * motion.rate_hz
    change = np.linalg.norm(np.diff(motion.joint_pos_world_m, n=2, axis=0), axis=2) * motion.rate_hz**2
    assert speed.max() < 12.0
    assert change.max() < 100.0 * GRAVITY_M_S2


def test_a_jump_flies_freely() -> None:
    motion = moves.jump(0.2, 0.5, 1)
    up = np.minimum(motion.joint("left_toe")[:, 2], motion.joint("right_toe")[:, 2]) > 0.12
    fall = np.diff(motion.joint("pelvis")[:, 2], n=2) * motion.rate_hz**2
    assert up.sum() > 0.2 * motion.rate_hz
    assert np.median(fall[up[1:-1]]) == pytest.approx(-GRAVITY_M_S2, rel=0.1)
    assert motion.joint("pelvis")[-1, 0] - motion.joint("pelvis")[0, 0] == pytest.approx(0.5, abs=0.01)


def test_directions_are_those_named() -> None:
    back, aside = moves.walk_backward(), moves.walk_sideways()
    forward = back.joint("left_toe")[0] - back.joint("left_ankle")[0]
    went = back.joint("pelvis")[-1] - back.joint("pelvis")[0]
    assert forward[0] > 0.05
    assert went[0] < -2.0
    assert abs(went[1]) < 0.05
    went = aside.joint("pelvis")[-1] - aside.joint("pelvis")[0]
    assert went[1] > 2.0
    assert abs(went[0]) < 0.05
    across = aside.joint("left_ankle")[:, 1] - aside.joint("right_ankle")[:, 1]
    assert across.min() < -0.05, "the right foot crosses to the left of the left one"


def test_knees_go_up_and_hands_go_over_the_head() -> None:
    stairs, swing = moves.high_knees(0.3), moves.swing_arms()
    assert stairs.joint("left_ankle")[:, 2].max() > 0.35
    for side in SIDES:
        assert swing.joint(f"{side}_wrist")[:, 2].max() > swing.joint("head")[:, 2].max() + 0.1


def test_a_turn_is_whole() -> None:
    motion = moves.turn_around()
    across = motion.joint("left_hip") - motion.joint("right_hip")
    yaw = np.unwrap(np.arctan2(across[:, 1], across[:, 0]))
    assert yaw.max() - yaw[0] == pytest.approx(2.0 * np.pi, abs=0.05)
    assert yaw[-1] - yaw[0] == pytest.approx(np.pi, abs=0.05)


def test_bodies_differ_where_they_are_told_to() -> None:
    average = moves.walk(steps=2).subject()
    narrow, long_arms = (moves.walk(steps=2, body=body).subject() for body in (Body(hips=0.75), Body(arms=1.12)))
    assert narrow.hip_width_m == pytest.approx(0.75 * average.hip_width_m)
    assert long_arms.arm_m == pytest.approx(1.12 * average.arm_m)
    assert narrow.leg_m == pytest.approx(average.leg_m)
    with pytest.raises(InputError, match="hips must be"):
        Body(hips=2.0)


def test_a_motion_is_the_same_every_time_and_fast_ones_are_faster() -> None:
    assert np.array_equal(moves.dance().joint_pos_world_m, moves.dance().joint_pos_world_m)
    slow, fast = (np.linalg.norm(_velocity(moves.swing_arms(move_s), "left_wrist"), axis=1).max() for move_s in (0.4, 0.2))
    assert fast > 1.8 * slow
