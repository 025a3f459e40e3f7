"""The way an arm goes: answers within the limits, and a path over them that does not jump."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.kinematics.collision import collision_model, self_distances
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.retarget._arm_kernels import SUNK, arm_cost, arm_room, branches, cheapest_branch, solve_arm, sunk
from understudy.retarget._tables import Pose
from understudy.retarget.arms import arm_chain, arm_joints, arm_starts, better_arms, pose_cost, unsettled
from understudy.retarget.first_pose import first_pose
from understudy.retarget.problem import VECTORS, Problem, make_problem
from understudy.retarget.start import start_pose
from understudy.retarget.targets import WEIGHTS, frame_weights, make_targets, place_of_hand_weight
from understudy.simulate.moves import dance, swing_arms, walk
from understudy.spec.skeleton import SIDES

UPRIGHT = np.eye(3)


@pytest.fixture(params=["unitree_g1", "unitree_h1"], scope="module")
def problem(request: pytest.FixtureRequest) -> Problem:
    return make_problem(load_robot(request.param))


def _directions(problem: Problem, side: str, q_arm: F64) -> F64:
    """(2, 3) bone directions of an arm with the rest of the robot at rest, by the robot's own kinematics."""
    q = problem.tree.rest.copy()
    q[arm_joints(problem, side)] = q_arm
    poses = body_poses(problem.robot, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), q[None])
    at = [poses.points(*problem.robot.point(f"{side}_{name}"))[0] for name in ("shoulder", "elbow", "wrist")]
    bones = np.diff(np.array(at), axis=0)
    return np.asarray(bones / np.linalg.norm(bones, axis=1, keepdims=True))


@pytest.mark.parametrize("side", SIDES)
def test_the_chain_is_the_robot(problem: Problem, side: str) -> None:
    """An arm's own tables put its bones where the robot's kinematics do; another pose does not fit."""
    chain = arm_chain(problem, side)
    rng = np.random.default_rng(3)
    for _ in range(5):
        q = rng.uniform(chain.lower, chain.upper)
        asked = _directions(problem, side, q)
        assert arm_cost(chain, UPRIGHT, asked, q) < 1e-12
        assert arm_cost(chain, UPRIGHT, asked, np.clip(q + 0.3, chain.lower, chain.upper)) > 1e-4


@pytest.mark.parametrize("side", SIDES)
def test_a_pose_of_the_arm_is_found_again_from_some_start(problem: Problem, side: str) -> None:
    chain = arm_chain(problem, side)
    rng = np.random.default_rng(5)
    for _ in range(10):
        asked = _directions(problem, side, rng.uniform(chain.lower, chain.upper))
        left = []
        for start in arm_starts(chain):
            q = start.copy()
            left.append(solve_arm(chain, UPRIGHT, asked, q, 40, False, arm_room(chain)))
            assert (q >= chain.lower).all()
            assert (q <= chain.upper).all()
            assert left[-1] == pytest.approx(arm_cost(chain, UPRIGHT, asked, q), abs=1e-12)
        assert min(left) < 1e-4


def test_the_path_takes_the_good_branch_unless_the_change_costs_more(problem: Problem) -> None:
    """Two answers: the present one misses in the middle third. Worth a change when long, not when it is one frame."""
    chain = arm_chain(problem, "left")
    q = np.zeros((90, 2, len(chain.lower)))
    q[:, 1, 0] = 0.6
    torso = np.tile(UPRIGHT, (90, 1, 1))
    asked = np.tile(_directions(problem, "left", np.zeros(len(chain.lower))), (90, 1, 1))
    for middle, changes in ((slice(30, 60), True), (slice(45, 46), False)):
        cost = np.zeros((90, 2))
        cost[:, 1] = 0.01
        cost[middle, 0] = 0.3
        path = cheapest_branch(chain, torso, asked, q, cost, 0.4, 0.05, True, True)
        assert path[0] == path[-1] == 0
        assert bool(path.any()) is changes
        if changes:
            assert path[middle].all()


def test_swinging_arms_keep_their_directions_without_jumps(problem: Problem) -> None:
    motion = swing_arms(rate_hz=30.0)
    targets = make_targets(motion, problem)
    before = start_pose(problem, targets)
    after = better_arms(problem, targets.vectors, before, motion.rate_hz)
    arms = [j for side in SIDES for j in arm_joints(problem, side)]
    others = [j for j in range(problem.robot.dof) if j not in arms]
    assert np.abs(np.diff(before.q[:, arms], axis=0)).max() > 0.8
    assert np.abs(np.diff(after.q[:, arms], axis=0)).max() < 0.6
    assert np.array_equal(before.q[:, others], after.q[:, others])


def test_an_arm_that_goes_well_is_left_alone(problem: Problem) -> None:
    motion = swing_arms(rate_hz=30.0)
    targets = make_targets(motion, problem)
    quiet = targets.vectors[:8]
    few = start_pose(problem, targets)
    pose = type(few)(*(part[:8] for part in few))
    assert better_arms(problem, quiet, pose, motion.rate_hz).q is pose.q
    assert len(VECTORS) == quiet.shape[1]


def test_branches_hold_the_present_arm_first(problem: Problem) -> None:
    chain = arm_chain(problem, "right")
    now = np.tile(0.5 * (chain.lower + chain.upper), (3, 1))
    starts = arm_starts(chain)
    q, cost = np.empty((3, len(starts) + 1, len(chain.lower))), np.empty((3, len(starts) + 1))
    asked = np.tile(_directions(problem, "right", now[0]), (3, 1, 1))
    branches(chain, np.tile(UPRIGHT, (3, 1, 1)), asked, now, starts, 15, q, cost)
    assert np.array_equal(q[:, 0], now)
    assert cost[:, 0] == pytest.approx(SUNK * sunk(chain, UPRIGHT, now[0]), abs=1e-12)
    assert (cost[:, 1:].min(axis=1) <= cost[:, 0] + 1e-6).all()


def _trunk(problem: Problem) -> set[int]:
    """Bodies from the root to the torso."""
    tree, torso = problem.tree, problem.robot.point("neck")[0]
    return {0, torso, *(int(j) + 1 for j in tree.chain[torso, : tree.chain_len[torso]])}


def _crossing(problem: Problem, side: str) -> tuple[F64, F64]:
    """Poses of an arm (N, K) that are over 3 cm inside the trunk, and what `sunk` is to be there, by the robot's own capsules."""
    robot, model = problem.robot, collision_model(problem.robot)
    joints, trunk = arm_joints(problem, side), _trunk(problem)
    arm = {b for b in range(robot.dof + 1) if joints[0] in problem.tree.chain[b, : problem.tree.chain_len[b]]}
    rng = np.random.default_rng(11)
    q = np.tile(problem.tree.rest, (2000, 1))
    q[:, joints] = rng.uniform(problem.tree.lower[joints], problem.tree.upper[joints], size=(2000, len(joints)))
    poses = body_poses(robot, np.zeros((2000, 3)), np.tile([1.0, 0.0, 0.0, 0.0], (2000, 1)), q)
    met = [p for p, (i, j) in enumerate(model.body[model.pair]) if (i in trunk and j in arm) or (j in trunk and i in arm)]
    into = np.maximum(-self_distances(robot, poses, model).distance_m[:, met], 0.0)
    deep = into.max(axis=1) > 0.03
    return q[deep][:, joints], np.sum(into[deep] ** 2, axis=1)


@pytest.mark.parametrize("side", SIDES)
def test_what_an_arm_is_into_the_torso_is_what_the_capsules_say(problem: Problem, side: str) -> None:
    arms, expected = _crossing(problem, side)
    assert len(arms) > 5
    chain = arm_chain(problem, side)
    assert [sunk(chain, UPRIGHT, q) for q in arms] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("side", SIDES)
def test_a_hand_at_the_small_of_the_back_meets_the_pelvis(problem: Problem, side: str) -> None:
    """The trunk that an arm is turned out of has the capsules of the root too, where the robot has them at rest."""
    caps, torso = problem.capsules, problem.robot.point("neck")[0]
    chain = arm_chain(problem, side)
    rest = body_poses(problem.robot, np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]), problem.tree.rest[None])
    of_trunk = [c for c, body in enumerate(caps.body.tolist()) if body in _trunk(problem)]
    assert any(caps.body[c] == 0 for c in of_trunk)
    assert len(chain.bulk) == len(of_trunk)
    for (a, b), c in zip(chain.bulk, of_trunk, strict=True):
        for end, offset in ((a, caps.a[c]), (b, caps.b[c])):
            there = rest.points(int(caps.body[c]), offset)[0]
            assert rest.points(torso, end)[0] == pytest.approx(there, abs=1e-12)


@pytest.mark.parametrize("side", SIDES)
def test_an_arm_inside_the_torso_is_turned_out_of_it_from_some_start(problem: Problem, side: str) -> None:
    """Asked for bones that lead through the torso, the answers alone stay there; turned out, the best of them does not."""
    chain = arm_chain(problem, side)
    for inside in _crossing(problem, side)[0][:5]:
        asked = _directions(problem, side, inside)
        through, outside = [], []
        for start in arm_starts(chain):
            q = start.copy()
            solve_arm(chain, UPRIGHT, asked, q, 40, False, arm_room(chain))
            through.append(arm_cost(chain, UPRIGHT, asked, q) + SUNK * sunk(chain, UPRIGHT, q))
            left = solve_arm(chain, UPRIGHT, asked, q, 40, True, arm_room(chain))
            assert left == pytest.approx(arm_cost(chain, UPRIGHT, asked, q) + SUNK * sunk(chain, UPRIGHT, q), abs=1e-9)
            outside.append((left, sunk(chain, UPRIGHT, q)))
        assert min(outside)[0] <= min(through) + 1e-9
        assert min(outside)[1] < 0.5 * sunk(chain, UPRIGHT, inside)


def test_a_second_look_is_never_dearer_where_it_is_taken(problem: Problem) -> None:
    """On a dance the first pose with a second look costs no more than without; both are finite and within the limits."""
    motion = dance(rate_hz=30.0)
    targets = make_targets(motion, problem)
    once = better_arms(problem, targets.vectors, start_pose(problem, targets), motion.rate_hz)
    twice = first_pose(problem, targets, motion.rate_hz)
    assert unsettled(problem, targets.vectors, once).any()
    weight = frame_weights(targets)
    costs = [pose_cost(problem, targets.vectors, weight, pose).sum() for pose in (once, twice)]
    assert costs[1] <= costs[0]
    assert (twice.q >= problem.tree.lower - 1e-9).all()
    assert (twice.q <= problem.tree.upper + 1e-9).all()


def test_where_arms_are_settled_there_is_no_second_look(problem: Problem) -> None:
    motion = walk(steps=3, rate_hz=30.0)
    targets = make_targets(motion, problem)
    once = better_arms(problem, targets.vectors, start_pose(problem, targets), motion.rate_hz)
    assert not unsettled(problem, targets.vectors, once).any()
    np.testing.assert_array_equal(first_pose(problem, targets, motion.rate_hz).q, once.q)


def test_an_arm_that_points_elsewhere_is_unsettled_and_costs(problem: Problem) -> None:
    motion = walk(steps=3, rate_hz=30.0)
    targets = make_targets(motion, problem)
    pose = better_arms(problem, targets.vectors, start_pose(problem, targets), motion.rate_hz)
    q = pose.q.copy()
    q[10, arm_joints(problem, "left")[0]] += 0.5
    raised = Pose(pose.root_pos, pose.root_rot, q)
    assert np.flatnonzero(unsettled(problem, targets.vectors, raised)).tolist() == [10]
    weight = frame_weights(targets)
    dearer = pose_cost(problem, targets.vectors, weight, raised) - pose_cost(problem, targets.vectors, weight, pose)
    assert dearer[10] > 0.1
    assert np.abs(np.delete(dearer, 10)).max() == 0.0


@pytest.mark.parametrize(("points", "weight"), [(0.0, 2.0), (2.4, 2.0), (3.25, 1.5), (4.5, 1.0), (-4.5, 1.0)])
def test_a_hand_weighs_more_where_arms_are_alike(problem: Problem, points: float, weight: float) -> None:
    lengths = problem.lengths_m
    share = lengths["left_shoulder>left_elbow"] / lengths["left_arm"] + points / 100.0
    subject = replace(walk(steps=2, rate_hz=30.0).subject(), upper_arm_m=0.6 * share, forearm_m=0.6 * (1.0 - share))
    assert place_of_hand_weight(subject, problem) == pytest.approx(weight, abs=0.02)
    assert WEIGHTS["left_hand"] == 1.0
