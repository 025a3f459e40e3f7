"""Around a stance a foot's place is kept, not its height; slow feet are followed closely; the legs keep their cut-off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.kinematics.load import load_robot
from understudy.retarget._tables import Pose
from understudy.retarget.contacts import WINDOW_NS, grown, slowness, standing
from understudy.retarget.drive import GROUND, HEEL_UP_RAD, LEG_PULL, held_level, make_drive
from understudy.retarget.parts import joints_of
from understudy.retarget.problem import Problem, make_problem
from understudy.retarget.streaming import DOWN_LAG, LAG, STIFF_DOWN_LAG, STIFF_LAG, StreamingRetargeter
from understudy.retarget.targets import (
    FOOT_OF_BOWED,
    PLACE,
    SLOW_SOLE,
    STANDING_FOOT,
    WEIGHTS,
    Targets,
    calibrate,
    frame_weights,
    make_targets,
)
from understudy.retarget.trajectory import Settings, Trajectory
from understudy.simulate.moves import run, walk
from understudy.spec.skeleton import HumanMotion


@pytest.fixture(params=["unitree_g1", "unitree_h1"], scope="module")
def problem(request: pytest.FixtureRequest) -> Problem:
    return make_problem(load_robot(request.param))


@pytest.fixture(scope="module")
def motion() -> HumanMotion:
    return walk(rate_hz=60.0)


@pytest.fixture(scope="module")
def targets(problem: Problem, motion: HumanMotion) -> Targets:
    return make_targets(motion, problem)


def test_firm_feet_are_placed_and_margins_are_short(motion: HumanMotion) -> None:
    feet = standing(motion)
    assert not (feet.firm & ~feet.placed).any()
    assert (feet.placed & ~feet.firm).any()
    most = 2 * round(WINDOW_NS * 1e-9 * motion.rate_hz)
    for i in range(2):
        assert not (feet.placed[:, i] & ~grown(feet.firm[:, i], most)).any()


def test_what_the_source_says_is_kept_and_only_its_places_grow(motion: HumanMotion) -> None:
    contact = np.zeros((len(motion), 2), dtype=np.bool_)
    contact[60:, :] = True
    feet = standing(replace(motion, contact=contact))
    assert not (feet.stands & ~contact).any()
    assert np.array_equal(feet.stands, feet.firm)
    assert not (feet.firm & ~feet.placed).any()
    assert feet.placed[58:60].any() or not feet.firm[60].any()
    assert not feet.placed[:58].any()


def test_in_a_margin_a_foot_may_rise_but_not_slide(problem: Problem, targets: Targets) -> None:
    drive = make_drive(problem, targets, Settings().lowpass_hz, 60.0)
    start = 0
    for i, count in enumerate(problem.sole_count):
        margin = np.flatnonzero(targets.placed[:-1, i] & targets.placed[1:, i] & ~targets.firm[:-1, i])
        assert len(margin)
        assert (drive.pull[margin, start : start + count] == 0.0).all()
        assert (drive.slip[margin, 2 * i + 1] > 0.0).all()
        firm = np.flatnonzero(targets.firm[:, i])
        assert (drive.pull[firm, start : start + count].max(axis=1) > 0.0).all()
        start += count


def test_a_standing_foot_whose_heel_is_up_is_held_by_its_toes_edge(problem: Problem, targets: Targets) -> None:
    """Turned down by more than HEEL_UP_RAD every foot lets its heel go and keeps its place; by less, none does."""
    before = make_drive(problem, targets, Settings().lowpass_hz, 60.0)
    for turned, whole in ((0.5 * HEEL_UP_RAD, True), (1.2 * HEEL_UP_RAD, False)):
        pitch = problem.foot_pitch_rad + turned
        vectors = targets.vectors.copy()
        vectors[:, [PLACE["left_sole"], PLACE["right_sole"]]] = [np.cos(pitch), 0.0, -np.sin(pitch)]
        asked = replace(targets, vectors=vectors)
        drive = make_drive(problem, asked, Settings().lowpass_hz, 60.0)
        np.testing.assert_array_equal(held_level(problem, asked), targets.flat & targets.firm & whole)
        np.testing.assert_array_equal(drive.slip, before.slip)
        start = 0
        for i, count in enumerate(problem.sole_count):
            points = slice(start, start + count)
            ahead = problem.ground.offset[points, 0] > problem.ground.offset[points, 0].max() - 0.01
            held = drive.pull[targets.flat[:, i] & targets.firm[:, i], points] > 0.0
            assert len(held)
            assert held[:, ahead].all()
            assert held[:, ~ahead].all() if whole else not held[:, ~ahead].any()
            start += count


def test_a_slow_foot_points_as_the_persons_and_a_fast_one_as_before(problem: Problem) -> None:
    motion = run(rate_hz=60.0)
    targets = make_targets(motion, problem)
    weights, slow = frame_weights(targets), slowness(motion)
    for i, side in enumerate(("left", "right")):
        column = weights[:, PLACE[f"{side}_sole"]]
        assert column[(slow[:, i] == 0.0) | targets.placed[:, i]] == pytest.approx(WEIGHTS[f"{side}_sole"])
        assert column.max() <= SLOW_SOLE + 1e-12
        assert (column[(slow[:, i] > 0.5) & ~targets.placed[:, i]] > 2.0 * WEIGHTS[f"{side}_sole"]).all()


def test_a_foot_under_a_straight_leg_that_stands_weighs_no_more_than_that(problem: Problem, targets: Targets) -> None:
    """Every other foot weighs what the mismatch of the hips says, one that stands under a bent leg too; the walk has both."""
    weights, stands = frame_weights(targets), targets.flat & targets.firm
    vectors = targets.vectors.copy()
    vectors[:, [PLACE["left_foot"], PLACE["right_foot"]]] *= 0.7
    bent = replace(targets, vectors=vectors)
    for i, side in enumerate(("left", "right")):
        foot = PLACE[f"{side}_foot"]
        usual = targets.weights[foot]
        straight = stands[:, i] & (np.linalg.norm(targets.vectors[:, foot], axis=1) > 0.95)
        assert straight.any()
        assert (~stands[:, i]).any()
        assert weights[straight, foot] == pytest.approx(min(usual, STANDING_FOOT))
        assert weights[~stands[:, i], foot] == pytest.approx(usual)
        assert frame_weights(bent)[:, foot] == pytest.approx(usual)
    assert problem.can_roll == (usual < STANDING_FOOT)


def test_feet_of_somebody_bowed_down_weigh_more(problem: Problem, targets: Targets) -> None:
    """A trunk that is level has them weigh by half more, everything else as before."""
    vectors = targets.vectors.copy()
    vectors[:, PLACE["trunk"]] = [1.0, 0.0, 0.0]
    before, after = frame_weights(targets), frame_weights(replace(targets, vectors=vectors))
    feet = [PLACE["left_foot"], PLACE["right_foot"]]
    others = [v for v in range(before.shape[1]) if v not in feet]
    assert after[:, feet] == pytest.approx(FOOT_OF_BOWED * before[:, feet])
    np.testing.assert_array_equal(after[:, others], before[:, others])


def test_the_legs_cut_off_does_not_depend_on_what_the_foot_weighs(problem: Problem, targets: Targets) -> None:
    """Fourth root of pull over acceleration weight, from LEG_PULL on; trunk and arms do not change."""
    feet = [PLACE["left_foot"], PLACE["right_foot"]]
    body = [int(problem.ground.slip_body[0]), int(problem.ground.slip_body[2])]
    legs = sorted(6 + j for b in body for j in joints_of(problem.tree, b))
    others = [c for c in range(6 + problem.robot.dof) if c not in legs]
    shares = []
    for foot in (LEG_PULL - 2.0, 5.0, 8.0):
        weights = targets.weights.copy()
        weights[feet] = foot
        accel = make_drive(problem, replace(targets, weights=weights), Settings().lowpass_hz, 60.0).accel[0]
        shares.append((accel[legs] / (2.0 + foot), accel[others]))
    for share, rest in shares[1:]:
        np.testing.assert_allclose(share, shares[0][0], rtol=1e-12)
        np.testing.assert_array_equal(rest, shares[0][1])


def test_joints_are_held_more_while_the_person_lies(problem: Problem, motion: HumanMotion) -> None:
    """Upright it is the usual weight; of the same person on the back, the one of the floor."""
    usual, down = (LAG, DOWN_LAG) if problem.can_roll else (STIFF_LAG, STIFF_DOWN_LAG)
    known = calibrate(motion, problem)
    up = motion.joint_pos_world_m[0]
    back = up[:, [2, 1, 0]] * np.array([-1.0, 1.0, 1.0])
    for pose, expected in ((up, usual), (back, down)):
        stream = StreamingRetargeter(problem.robot, known, rate_hz=60.0)
        stream.step(pose, 0)
        stream.step(pose, 16_666_667)
        assert stream._lag() == pytest.approx(expected)


def test_a_sole_that_cannot_roll_keeps_its_front_edge_down_while_the_heel_is_up() -> None:
    """On the H1 one front point bears half of the ground's weight in every firm frame, and a rear one in the level ones alone."""
    problem = make_problem(load_robot("unitree_h1"))
    targets = make_targets(walk(rate_hz=60.0), problem)
    level = targets.flat & targets.firm & (np.arange(len(targets.flat)) % 2 == 0)[:, None]
    drive = make_drive(problem, targets, Settings().lowpass_hz, 60.0)
    drive.pull[:] = 0.0
    total, dof = len(targets.flat), problem.robot.dof
    pose = Pose(np.zeros((total, 3)), np.tile(np.eye(3), (total, 1, 1)), np.zeros((total, dof)))
    flat = targets.flat & targets.firm
    Trajectory(problem, drive, pose, Settings(), 60.0, flat=flat, level=level)._stand_on_edges()
    start = 0
    for i, count in enumerate(problem.sole_count):
        points = slice(start, start + count)
        x = problem.ground.offset[points, 0]
        bears = drive.pull[:, points] > 0.4 * GROUND * 0.5
        for part, held in ((x > np.median(x), flat[:, i]), (x <= np.median(x), level[:, i])):
            np.testing.assert_array_equal(bears[:, part].sum(axis=1), held.astype(int))
        start += count
