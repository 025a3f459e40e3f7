"""The parametric person: laws that hold for every motion, and what each motion is for."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import InputError
from understudy.geom.arrays import F64
from understudy.mocap.read import read_motion
from understudy.simulate import walker
from understudy.simulate._body import Body
from understudy.simulate._curves import ease, quintic, smooth_below
from understudy.simulate._pendulum import GRAVITY_M_S2, bounce
from understudy.simulate._pose import two_link
from understudy.spec.skeleton import BONES, SIDES, HumanMotion
from understudy.testing.mocap import check_motion

MOTIONS: dict[str, Callable[[], HumanMotion]] = {
    "all": walker.parametric_motion,
    "all, small": lambda: walker.parametric_motion(1.5, 60.0, 3),
    "all, tall": lambda: walker.parametric_motion(1.95, 100.0, 7),
    "stand": walker.stand,
    "walk": walker.walk,
    "slow walk": lambda: walker.walk(5.0, 0.5),
    "fast walk": lambda: walker.walk(6.0, 1.7),
    "turn left": walker.turn,
    "turn right": lambda: walker.turn(-2.0),
    "squat": walker.squat,
    "reach": walker.reach,
    "reach left": lambda: walker.reach("left", (0.3, 0.4, 0.8)),
    "carry": walker.carry,
    "run": walker.run,
    "fast run": lambda: walker.run(2.0, 3.8),
}


@pytest.fixture(params=MOTIONS, scope="module")
def motion(request: pytest.FixtureRequest) -> HumanMotion:
    return MOTIONS[request.param]()


def _speed(motion: HumanMotion, joint: str) -> F64:
    return np.asarray(np.linalg.norm(np.diff(motion.joint(joint), axis=0), axis=1) * motion.rate_hz)


def _height(motion: HumanMotion) -> float:
    return motion.subject().thigh_m / 0.245


def test_it_is_a_conforming_motion(motion: HumanMotion) -> None:
    check_motion(motion, bone_tolerance=1e-9)
    assert motion.source.synthetic
    assert motion.measured.all()


def test_every_bone_keeps_its_length(motion: HumanMotion) -> None:
    for a, b in BONES:
        length = np.linalg.norm(motion.joint(a) - motion.joint(b), axis=1)
        assert np.ptp(length) < 1e-9, (a, b)


def test_feet_stay_above_the_ground_and_come_down_to_it(motion: HumanMotion) -> None:
    body = Body(_height(motion))
    for side in SIDES:
        assert motion.joint(f"{side}_toe")[:, 2].min() == pytest.approx(body.ball[2], abs=1e-6)
        assert motion.joint(f"{side}_ankle")[:, 2].min() == pytest.approx(body.ankle_height_m, abs=1e-6)


def test_planted_feet_stand_exactly_still(motion: HumanMotion) -> None:
    """Where ball and ankle are both at their standing height the foot is flat: it must not move at all."""
    body = Body(_height(motion))
    for side in SIDES:
        toe, ankle = motion.joint(f"{side}_toe"), motion.joint(f"{side}_ankle")
        flat = (np.abs(toe[:, 2] - body.ball[2]) < 1e-8) & (np.abs(ankle[:, 2] - body.ankle_height_m) < 1e-8)
        both = flat[1:] & flat[:-1]
        assert both.sum() > 3
        assert _speed(motion, f"{side}_toe")[both].max() < 1e-5
        assert _speed(motion, f"{side}_ankle")[both].max() < 1e-5


def test_the_ball_stays_where_it_is_while_the_heel_rises() -> None:
    motion = walker.walk(6.0, 1.3)
    body = Body()
    for side in SIDES:
        toe, ankle = motion.joint(f"{side}_toe"), motion.joint(f"{side}_ankle")
        rising = (np.abs(toe[:, 2] - body.ball[2]) < 1e-9) & (ankle[:, 2] > body.ankle_height_m + 0.01)
        both = rising[1:] & rising[:-1]
        assert both.sum() > 30
        assert _speed(motion, f"{side}_toe")[both].max() < 1e-9


def test_knees_bend_forward_and_elbows_backward_or_down(motion: HumanMotion) -> None:
    up = [0.0, 0.0, 1.0]
    ahead = np.cross(motion.joint("left_hip") - motion.joint("right_hip"), up)
    forward = np.cross(motion.joint("left_shoulder") - motion.joint("right_shoulder"), up)
    for side in SIDES:
        hip, knee, ankle = (motion.joint(f"{side}_{part}") for part in ("hip", "knee", "ankle"))
        assert np.sum((knee - (hip + ankle) / 2.0) * ahead, axis=1).min() > 0.0
        shoulder, elbow, wrist = (motion.joint(f"{side}_{part}") for part in ("shoulder", "elbow", "wrist"))
        bend = elbow - (shoulder + wrist) / 2.0
        in_front = np.sum(bend * forward, axis=1) / np.linalg.norm(forward, axis=1)
        assert np.minimum(in_front, bend[:, 2]).max() < 0.02


def test_legs_never_lock(motion: HumanMotion) -> None:
    subject = motion.subject()
    for side in SIDES:
        span = np.linalg.norm(motion.joint(f"{side}_hip") - motion.joint(f"{side}_ankle"), axis=1)
        assert span.max() < 0.9945 * subject.leg_m


def test_it_is_smooth(motion: HumanMotion) -> None:
    accel = np.diff(motion.joint_pos_world_m, 2, axis=0) * motion.rate_hz**2
    assert np.linalg.norm(accel, axis=2).max() < 160.0
    for joint in ("pelvis", "chest", "head"):
        speed = np.diff(motion.joint(joint), axis=0) * motion.rate_hz
        assert np.linalg.norm(np.diff(speed, axis=0) * motion.rate_hz, axis=1).max() < 35.0, joint


def test_it_is_written_and_read_back(motion: HumanMotion, tmp_path: Path) -> None:
    path = tmp_path / "clip.bvh"
    walker.write_bvh(motion, path)
    back = read_motion(path)
    np.testing.assert_allclose(back.joint_pos_world_m, motion.joint_pos_world_m, atol=1e-6)
    np.testing.assert_array_equal(back.t_ns, motion.t_ns)
    assert back.source.synthetic
    assert back.source.rest_pose == "T"
    assert back.source.dialect == "lafan1"
    assert back.source.warnings == ()


def test_the_same_arguments_give_the_same_motion_and_seeds_differ() -> None:
    first, again, other = (walker.parametric_motion(seed=seed, rate_hz=30.0) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.joint_pos_world_m, again.joint_pos_world_m)
    assert first.source.sha256 == again.source.sha256 != other.source.sha256
    assert len(first) != len(other) or not np.array_equal(first.joint_pos_world_m, other.joint_pos_world_m)


def test_the_whole_clip_is_what_it_says() -> None:
    motion = walker.parametric_motion()
    assert motion.rate_hz == pytest.approx(120.0)
    assert 20.0 <= motion.duration_s <= 32.0
    assert motion.subject().height_m == pytest.approx(1.75, abs=0.02)
    pelvis = motion.joint("pelvis")
    assert pelvis[:, 0].max() > 3.0
    assert pelvis[:, 2].min() < 0.7


def test_walking_goes_forward_at_the_speed_with_opposite_arms() -> None:
    motion = walker.walk(8.0, 1.2)
    t_s = motion.t_ns * 1e-9
    cruise = (t_s > 3.0) & (t_s < 6.0)
    x = motion.joint("pelvis")[cruise, 0]
    assert (x[-1] - x[0]) / (t_s[cruise][-1] - t_s[cruise][0]) == pytest.approx(1.2, rel=0.05)
    assert np.ptp(motion.joint("pelvis")[cruise, 1]) == pytest.approx(0.04, abs=0.025)
    feet = motion.joint("left_ankle")[:, 0] - motion.joint("right_ankle")[:, 0]
    hands = motion.joint("left_wrist")[:, 0] - motion.joint("right_wrist")[:, 0]
    assert float(np.corrcoef(feet[cruise], hands[cruise])[0, 1]) < -0.9
    toes_up = motion.joint("left_toe")[:, 2] - motion.joint("left_ankle")[:, 2]
    assert toes_up.max() > 0.0
    assert toes_up.min() < -0.12


def test_turning_left_turns_left() -> None:
    for angle in (math.pi / 2.0, -math.pi / 2.0, math.pi):
        motion = walker.turn(angle)
        across = motion.joint("left_hip") - motion.joint("right_hip")
        yaw = np.unwrap(np.arctan2(-across[:, 0], across[:, 1]))
        assert yaw[0] == pytest.approx(0.0, abs=0.02)
        assert yaw[-1] == pytest.approx(angle, abs=0.03)


def test_squatting_lowers_the_pelvis_over_the_feet() -> None:
    motion = walker.squat(3.0, 0.36)
    pelvis = motion.joint("pelvis")
    assert pelvis[0, 2] - pelvis[:, 2].min() == pytest.approx(0.36, abs=0.02)
    lowest = int(np.argmin(pelvis[:, 2]))
    weight = (pelvis[lowest, 0] + 2.0 * motion.joint("chest")[lowest, 0] + motion.joint("left_knee")[lowest, 0]) / 4.0
    assert motion.joint("left_ankle")[lowest, 0] - 0.06 < weight < motion.joint("left_toe")[lowest, 0] + 0.03


def test_reaching_moves_the_named_hand_to_the_target() -> None:
    right, left = walker.reach("right"), walker.reach("left")
    arm = right.subject().arm_m
    furthest = right.joint("right_wrist")[:, 0].max() - right.joint("right_shoulder")[0, 0]
    assert furthest == pytest.approx(0.9 * arm, abs=0.05)
    assert np.ptp(right.joint("left_wrist")[:, 0]) < 0.05
    assert np.ptp(left.joint("right_wrist")[:, 0]) < 0.05
    assert np.ptp(left.joint("left_wrist")[:, 0]) > 0.3


def test_carrying_holds_both_hands_in_front_while_walking() -> None:
    motion = walker.carry()
    walking = slice(int(3.0 * motion.rate_hz), int(5.5 * motion.rate_hz))
    for side in SIDES:
        ahead = (motion.joint(f"{side}_wrist") - motion.joint(f"{side}_shoulder"))[walking, 0]
        assert ahead.min() > 0.2
    apart = np.linalg.norm(motion.joint("left_wrist") - motion.joint("right_wrist"), axis=1)[walking]
    assert np.ptp(apart) < 1e-6


def test_running_has_a_flight_phase_in_free_fall() -> None:
    motion = walker.run(3.0, 3.0)
    body = Body()
    high = [
        (motion.joint(f"{s}_toe")[:, 2] > body.ball[2] + 0.005) & (motion.joint(f"{s}_ankle")[:, 2] > body.ankle_height_m + 0.005)
        for s in SIDES
    ]
    flight = high[0] & high[1]
    assert 0.1 < flight.mean() < 0.6
    accel = np.diff(motion.joint("pelvis")[:, 2], 2) * motion.rate_hz**2
    middle = flight[:-2] & flight[1:-1] & flight[2:]
    assert np.median(accel[middle]) == pytest.approx(-GRAVITY_M_S2, abs=0.3)
    x = motion.joint("pelvis")[:, 0]
    assert (x[-1] - x[0]) / motion.duration_s == pytest.approx(3.0, rel=0.01)


@pytest.mark.parametrize("height_m", [0.5, 3.0])
def test_no_such_person(height_m: float) -> None:
    with pytest.raises(InputError, match="height_m must be"):
        walker.walk(height_m=height_m)


def test_nobody_walks_that_fast() -> None:
    with pytest.raises(InputError, match=r"people walk at 0\.2 to 2\.2 m/s, got 5\.0"):
        walker.walk(speed_m_s=5.0)


# ---------------------------------------------------------------- building blocks


def test_two_links_close_on_the_target_and_bend_towards_the_pole() -> None:
    rng = np.random.default_rng(0)
    root = rng.normal(size=(50, 3))
    tip = root + 0.5 * rng.normal(size=(50, 3)) / np.sqrt(3.0)
    pole = rng.normal(size=(50, 3))
    middle, end = two_link(root, tip, pole, upper_m=0.5, lower_m=0.4)
    np.testing.assert_allclose(np.linalg.norm(middle - root, axis=1), 0.5)
    np.testing.assert_allclose(np.linalg.norm(end - middle, axis=1), 0.4)
    inside = (np.linalg.norm(tip - root, axis=1) > 0.12) & (np.linalg.norm(tip - root, axis=1) < 0.88)
    np.testing.assert_allclose(end[inside], tip[inside], atol=1e-12)
    line = (end - root) / np.linalg.norm(end - root, axis=1, keepdims=True)
    out = (middle - root) - np.sum((middle - root) * line, axis=1, keepdims=True) * line
    assert (np.sum(out * pole, axis=1) > 0.0).all()


def test_a_quintic_joins_its_ends_to_the_second_derivative() -> None:
    start = (np.array([1.0]), np.array([-2.0]), np.array([3.0]))
    end = (np.array([0.5]), np.array([4.0]), np.array([-1.0]))
    h = 1e-4
    for at, (p, v, a) in ((0.0, start), (1.0, end)):
        y = quintic(np.array([at - h, at, at + h]), start, end)[:, 0]
        assert y[1] == pytest.approx(p[0])
        assert (y[2] - y[0]) / (2 * h) == pytest.approx(v[0], abs=1e-5)
        assert (y[2] - 2 * y[1] + y[0]) / h**2 == pytest.approx(a[0], abs=1e-4)


def test_smooth_below_is_nowhere_above() -> None:
    values = np.random.default_rng(1).normal(size=300).cumsum()
    assert (smooth_below(values, rate_hz=100.0, half_width_s=0.05) <= values + 1e-12).all()
    assert ease(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_a_bounce_falls_freely_between_stances() -> None:
    t_s = np.linspace(0.0, 0.4, 4001)
    z = bounce(t_s, step_s=0.4, stance_s=0.25)
    accel = np.gradient(np.gradient(z, t_s), t_s)
    flight = (t_s > 0.27) & (t_s < 0.38)
    assert np.median(accel[flight]) == pytest.approx(-GRAVITY_M_S2, rel=0.01)
    assert z[0] == pytest.approx(z[-1], abs=1e-6)
    assert 0.05 < t_s[np.argmin(z)] < 0.2
