"""The look-out for bodies that are about to meet: its sieves leave out nothing that a look at every pair would mark."""

import numpy as np
import pytest

from understudy.geom.rotations import quat_to_matrix
from understudy.kinematics.load import load_robot
from understudy.kinematics.segments import closest_on_segments
from understudy.retarget import _kernels as k
from understudy.retarget._meeting import TOUCH_M, _due, furthest, meeting_room, predict_pairs
from understudy.retarget._tables import Bodies
from understudy.retarget.problem import Problem, make_problem

MARGIN_M = 0.01


@pytest.fixture(scope="module", params=["unitree_g1", "unitree_h1"])
def problem(request: pytest.FixtureRequest) -> Problem:
    return make_problem(load_robot(request.param))


def bodies_at(problem: Problem, root_pos: np.ndarray, root_rot: np.ndarray, q: np.ndarray) -> Bodies:
    tree, joints = problem.tree, len(q)
    out = Bodies(np.empty((joints + 1, 3)), np.empty((joints + 1, 3, 3)), np.empty((joints, 3)))
    k.forward(root_pos, root_rot, q, tree.parent, tree.rot0, tree.pos0, tree.axis0, out.pos, out.rot, out.axis)
    return out


def marked(problem: Problem, now: Bodies, lin: np.ndarray, ang: np.ndarray) -> np.ndarray:
    """Every pair by itself, in plain loops."""
    caps = problem.capsules
    out, on_a, on_b = np.zeros(len(caps.pair), dtype=np.uint8), np.empty(3), np.empty(3)
    ends = np.empty((len(caps.body), 2, 3))
    k.capsule_ends(now.pos, now.rot, caps.body, caps.a, caps.b, ends)
    for n, (i, j) in enumerate(caps.pair):
        gap = closest_on_segments(ends[i, 0], ends[i, 1], ends[j, 0], ends[j, 1], on_a, on_b)
        apart, way = gap - caps.radius[i] - caps.radius[j], (on_a - on_b) / max(gap, 1e-6)
        a, b = caps.body[i], caps.body[j]
        moves = [lin[c] + np.cross(ang[c], on - now.pos[c]) for c, on in ((a, on_a), (b, on_b))]
        out[n] = apart < TOUCH_M and apart + way @ (moves[0] - moves[1]) < MARGIN_M
    return out


def test_marks_are_those_of_a_look_at_every_pair_step_after_step(problem: Problem) -> None:
    rng, tree, caps = np.random.default_rng(4), problem.tree, problem.capsules
    bodies, seen = len(tree.parent) + 1, 0
    for _ in range(12):
        q = rng.uniform(tree.lower, tree.upper) * rng.uniform(0.0, 1.0)
        turn = rng.normal(size=4)
        root_pos, root_rot = rng.normal(size=3), quat_to_matrix(turn / np.linalg.norm(turn))
        wait, gone = np.zeros(len(caps.meeting), dtype=np.float32), np.zeros(bodies, dtype=np.float32)
        room, active = meeting_room(caps, bodies), np.zeros(len(caps.pair), dtype=np.uint8)
        for size in (0.0, 0.3, 0.1, 0.03, 0.01):  # as a solve comes to rest: fewer and fewer bodies are looked at
            step, now = size * rng.normal(size=6 + len(q)), bodies_at(problem, root_pos, root_rot, q)
            lin, ang = np.empty((bodies, 3)), np.empty((bodies, 3))
            k.twist(step, now.pos, now.axis, tree.parent, lin, ang)
            furthest(tree, step, room.going)
            predict_pairs(caps, MARGIN_M, now, lin, ang, active, wait, gone, room)
            np.testing.assert_array_equal(active, marked(problem, now, lin, ang))
            seen += int(active.sum())
            gone += room.going.astype(np.float32)
            q, root_pos = q + step[6:], root_pos + step[:3]
            k.turn(root_rot, *step[3:6])
    assert seen > 100


def test_bodies_that_come_near_by_small_steps_are_seen(problem: Problem) -> None:
    """One joint goes from end to end in forty steps: what is waited for must not be more than the way there."""
    rng, tree, caps = np.random.default_rng(7), problem.tree, problem.capsules
    bodies, seen = len(tree.parent) + 1, 0
    for joint in range(0, problem.robot.dof, 4):
        start = 0.3 * rng.uniform(tree.lower, tree.upper)
        start[joint] = tree.lower[joint]
        step = np.zeros(6 + problem.robot.dof)
        step[6 + joint] = (tree.upper[joint] - tree.lower[joint]) / 40
        wait, gone = np.zeros(len(caps.meeting), dtype=np.float32), np.zeros(bodies, dtype=np.float32)
        room, active = meeting_room(caps, bodies), np.zeros(len(caps.pair), dtype=np.uint8)
        lin, ang = np.empty((bodies, 3)), np.empty((bodies, 3))
        furthest(tree, step, room.going)
        for n in range(40):
            now = bodies_at(problem, np.zeros(3), np.eye(3), start + n * step[6:])
            k.twist(step, now.pos, now.axis, tree.parent, lin, ang)
            predict_pairs(caps, MARGIN_M, now, lin, ang, active, wait, gone, room)
            np.testing.assert_array_equal(active, marked(problem, now, lin, ang))
            seen += int(active.sum())
            gone += room.going.astype(np.float32)
    assert seen > 10


def test_bodies_that_have_not_moved_are_not_looked_at_again(problem: Problem) -> None:
    tree, caps = problem.tree, problem.capsules
    now = bodies_at(problem, np.zeros(3), np.eye(3), np.asarray(problem.robot.home_rad))
    bodies = len(tree.parent) + 1
    still, room = np.zeros((bodies, 3)), meeting_room(caps, bodies)
    wait, gone = np.zeros(len(caps.meeting), dtype=np.float32), np.zeros(bodies, dtype=np.float32)
    room.going[:] = 0.0
    active = np.zeros(len(caps.pair), dtype=np.uint8)
    predict_pairs(caps, MARGIN_M, now, still, still, active, wait, gone, room)
    waiting = int((wait > 0).sum())
    assert waiting > 0.9 * len(wait)
    room.soon[:] = 0.0
    assert _due(caps, wait, room) == len(wait) - waiting
    room.soon[:] = np.inf
    assert _due(caps, wait, room) == len(wait)


def test_a_ball_holds_all_of_its_bodys_capsules(problem: Problem) -> None:
    caps = problem.capsules
    for c, body in enumerate(caps.body):
        for end in (caps.a[c], caps.b[c]):
            assert np.linalg.norm(end - caps.ball[body, :3]) + caps.radius[c] <= caps.ball[body, 3] + 1e-12
