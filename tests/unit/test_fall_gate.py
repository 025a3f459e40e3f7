"""The fall gate on both sides of each of its thresholds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.errors import SchemaError
from understudy.geom.arrays import F64
from understudy.geom.rotations import rotvec_to_quat
from understudy.quality.gates.fall import vertical_speed
from understudy.spec.findings import Finding
from understudy.spec.robot import Capsule, RobotModel, RobotMotion
from understudy.spec.schema import GateValue, TaskRules
from understudy.testing.episodes import episode_of_motion
from understudy.testing.gates import gate_findings
from understudy.testing.motions import squat, stamps, sway
from understudy.testing.stand_in import stand_in_robot

FORWARD, BACK, LEFT, RIGHT = (0.0, 1.0, 0.0), (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0), (1.0, 0.0, 0.0)


def _robot() -> RobotModel:
    """The stand-in without capsules: no other body can touch the ground."""
    robot = stand_in_robot()
    return replace(robot, profile=robot.profile.model_copy(update={"capsules": ()}))


def _motion(height_m: F64, tilt_rad: F64, axis: tuple[float, float, float] = FORWARD) -> RobotMotion:
    robot, t_ns = _robot(), stamps((len(height_m) - 1) / 120.0, 120.0)
    pos = np.stack([0 * height_m, 0 * height_m, height_m], axis=1)
    quat = rotvec_to_quat(tilt_rad[:, None] * np.array(axis))
    return RobotMotion(t_ns, pos, quat, np.tile(robot.home_rad, (len(t_ns), 1)), robot.joint_names)


def _falls(motion: RobotMotion, rules: TaskRules | None = None, **thresholds: GateValue) -> list[Finding]:
    robot = _robot()
    rules = rules or TaskRules()
    own = rules.model_copy(update={"gates": {**rules.gates, "fall": {**rules.gates.get("fall", {}), **thresholds}}})
    return gate_findings("fall", episode_of_motion(robot, motion, episode_id="x"), robot, rules=own)


def _eased(start: float, end: float, *, seconds: float, of_s: float = 4.0) -> F64:
    """(T,) from one value to another within `seconds` around the middle, at constant speed."""
    t_s = np.arange(round(of_s * 120) + 1) / 120.0
    return np.interp(t_s, [of_s / 2 - seconds / 2, of_s / 2 + seconds / 2], [start, end])


STANDING = stand_in_robot().profile.standing_height_m


@pytest.mark.parametrize("axis", [FORWARD, BACK, LEFT, RIGHT])
@pytest.mark.parametrize(("tilt_rad", "is_fall"), [(0.79, False), (0.81, True)])
def test_low_with_a_tilt_of_0_8_rad(tilt_rad: float, axis: tuple[float, float, float], is_fall: bool) -> None:
    height = _eased(STANDING, 0.4 * STANDING, seconds=2.0)
    found = _falls(_motion(height, np.full(len(height), tilt_rad), axis))
    assert bool(found) is is_fall
    if is_fall:
        assert found[0].value == pytest.approx(0.4 * STANDING)
        assert found[0].limit == pytest.approx(0.5 * STANDING)


@pytest.mark.parametrize(("ratio", "is_fall"), [(0.51, False), (0.49, True)])
def test_tilted_at_half_the_standing_height(ratio: float, is_fall: bool) -> None:
    height = _eased(STANDING, ratio * STANDING, seconds=2.0)
    assert bool(_falls(_motion(height, np.full(len(height), 1.0)))) is is_fall


@pytest.mark.parametrize(("speed_m_s", "is_fall"), [(0.95, False), (1.05, True)])
def test_low_with_a_descent_of_1_m_s(speed_m_s: float, is_fall: bool) -> None:
    height = _eased(STANDING, 0.3 * STANDING, seconds=0.7 * STANDING / speed_m_s)
    found = _falls(_motion(height, 0 * height))
    assert bool(found) is is_fall


def test_a_descent_that_the_legs_brake_is_a_crouch() -> None:
    """As before a jump: at 2 m/s down to 0.6 of the standing height, then ever slower, low at 0.3 of it."""
    t_s = np.arange(481) / 120.0
    fast, slow = 0.4 * STANDING / 2.0, 0.3 * STANDING / 0.8
    height = np.interp(t_s, [1.0, 1.0 + fast, 1.0 + fast + slow], [STANDING, 0.6 * STANDING, 0.3 * STANDING])
    assert _falls(_motion(height, 0 * height)) == []
    assert _falls(_motion(height, 0 * height), max_descent_m_s=0.7)


def test_rising_fast_is_no_fall() -> None:
    height = _eased(0.3 * STANDING, STANDING, seconds=0.7 * STANDING / 2.0)
    assert _falls(_motion(height, 0 * height)) == []


@pytest.mark.parametrize(("tilt_rad", "is_fall"), [(1.39, False), (1.41, True)])
@pytest.mark.parametrize("axis", [FORWARD, BACK, LEFT, RIGHT])
def test_a_tilt_alone(tilt_rad: float, axis: tuple[float, float, float], is_fall: bool) -> None:
    height = np.full(481, STANDING)
    found = _falls(_motion(height, np.full(481, tilt_rad), axis))
    assert bool(found) is is_fall


def test_a_tilt_alone_must_last() -> None:
    for samples, is_fall in ((20, False), (28, True)):  # 0.17 and 0.23 s at 120 Hz
        tilt = np.zeros(481)
        tilt[200 : 200 + samples] = 1.5
        assert bool(_falls(_motion(np.full(481, STANDING), tilt))) is is_fall


def test_turning_about_the_vertical_is_no_tilt() -> None:
    height = np.full(481, STANDING)
    assert _falls(_motion(height, np.full(481, 3.0), (0.0, 0.0, 1.0))) == []


def test_what_a_task_allows() -> None:
    low_and_tilted = _motion(_eased(STANDING, 0.3 * STANDING, seconds=2.0), np.full(481, 1.0))
    dropped = _motion(_eased(STANDING, 0.3 * STANDING, seconds=0.2), np.zeros(481))
    lying = _motion(np.full(481, 0.2), np.full(481, 1.5))
    low, floor = TaskRules(low_pelvis=True), TaskRules(floor_contact=True)
    assert [bool(_falls(m, low)) for m in (low_and_tilted, dropped, lying)] == [True, False, True]
    assert [bool(_falls(m, floor)) for m in (low_and_tilted, dropped, lying)] == [False, True, False]


def test_another_body_on_the_ground_tells_a_fall_from_a_squat() -> None:
    robot = stand_in_robot()
    motion = squat(robot, stamps(6.0, 120.0), depth_rad=1.2)
    squatting = episode_of_motion(robot, motion, episode_id="x")
    assert gate_findings("fall", squatting, robot) == []
    bottom = float(motion.root_pos_world_m[:, 2].min())
    tail = Capsule(name="tail", link="pelvis", a_m=(-0.1, 0.0, 0.05 - bottom), b_m=(-0.1, 0.05, 0.05 - bottom), radius_m=0.04)
    sitting = robot.profile.model_copy(update={"capsules": (*robot.profile.capsules, tail)})
    (found,) = gate_findings("fall", squatting, replace(robot, profile=sitting))
    assert "tail on the ground" in found.message
    assert gate_findings("fall", squatting, replace(robot, profile=sitting), rules=TaskRules(floor_contact=True)) == []


def test_feet_may_touch_the_ground() -> None:
    robot = stand_in_robot()
    standing = episode_of_motion(robot, sway(robot, stamps(2.0, 120.0)), episode_id="x")
    assert gate_findings("fall", standing, robot, min_height_ratio=1.2) == []


def test_the_strict_rule_takes_every_low_pelvis() -> None:
    height = _eased(STANDING, 0.49 * STANDING, seconds=3.0)
    assert _falls(_motion(height, 0 * height)) == []
    for rules in (TaskRules(), TaskRules(low_pelvis=True, floor_contact=True)):
        assert len(_falls(_motion(height, 0 * height), rules, mode="strict")) == 1
    above = _eased(STANDING, 0.51 * STANDING, seconds=0.1)
    assert _falls(_motion(above, np.full(481, 1.5)), mode="strict") == []


def test_an_unknown_mode_is_named() -> None:
    height = np.full(241, STANDING)
    with pytest.raises(SchemaError, match="strict"):
        _falls(_motion(height, 0 * height), mode="stirct")


def test_one_wrong_sample_of_the_height_is_no_fall() -> None:
    height = np.full(481, STANDING)
    height[240] = 0.1
    assert _falls(_motion(height, 0 * height)) == []


def test_vertical_speed_has_its_sign() -> None:
    t_ns = stamps(1.0, 120.0)
    height_m: F64 = -0.5 * t_ns.astype(np.float64) * 1e-9
    speed = vertical_speed(height_m, t_ns)
    np.testing.assert_allclose(speed, -0.5, atol=1e-9)
