"""The way an arm goes: answers within the limits, and a path over them that does not jump."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.kinematics.load import load_robot
from understudy.retarget._arm_kernels import arm_cost, branches, cheapest_branch, solve_arm
from understudy.retarget.arms import arm_chain, arm_joints, arm_starts, better_arms
from understudy.retarget.problem import VECTORS, Problem, make_problem
from understudy.retarget.start import start_pose
from understudy.retarget.targets import make_targets
from understudy.simulate.moves import swing_arms
from understudy.spec.skeleton import SIDES

UPRIGHT = np.eye(3)


@pytest.fixture(params=["unitree_g1", "unitree_h1"], scope="module")
def problem(request: pytest.FixtureRequest) -> Problem:
    return make_problem(load_robot(request.param))


def _directions(problem: Problem, side: str, q_arm: F64) -> F64:
    """(2, 3) bone directions of an arm with the rest of the robot at rest, by the robot's own kinematics."""
    from understudy.kinematics.forward import body_poses

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
            left.append(solve_arm(chain, UPRIGHT, asked, q, 40))
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
    assert cost[:, 0] == pytest.approx(0.0, abs=1e-12)
