"""Streaming: one frame's targets agree with those of a clip, what a frame does not say is left alone, and knees bend one way."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.errors import ShapeError
from understudy.geom.arrays import F64
from understudy.kinematics.load import load_robot
from understudy.retarget._stream_kernel import make_room
from understudy.retarget._stream_tables import one_way_knees
from understudy.retarget._stream_targets import carry_hips, hips_of, read_targets, reading_of
from understudy.retarget._stream_weights import ROOT, ROOT_STANDING, usual_weights, weigh_root
from understudy.retarget.problem import VECTORS, Problem, make_problem
from understudy.retarget.streaming import StreamingRetargeter
from understudy.retarget.targets import PLACE, Calibration, calibrate, vector_targets
from understudy.simulate.walker import walk
from understudy.spec.skeleton import INDEX, HumanMotion


@pytest.fixture(scope="module", params=["unitree_g1", "unitree_h1"])
def problem(request: pytest.FixtureRequest) -> Problem:
    return make_problem(load_robot(request.param))


@pytest.fixture(scope="module")
def walking() -> HumanMotion:
    return walk(1.0, rate_hz=60.0)


@pytest.fixture(scope="module")
def known(walking: HumanMotion, problem: Problem) -> Calibration:
    return calibrate(walking, problem)


def _read(problem: Problem, known: Calibration, pos: F64, radial: F64, out: F64) -> F64 | None:
    says = np.full(len(VECTORS), -1.0)
    return says if read_targets(reading_of(problem, known), pos, radial, out, says) else None


def test_one_frame_says_what_a_clip_says(problem: Problem, known: Calibration, walking: HumanMotion) -> None:
    rng = np.random.default_rng(2)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    frames = [walking.joint_pos_world_m[7], walking.joint_pos_world_m[40] @ turn, rng.normal(size=(23, 3))]
    for pos in frames:
        radial = rng.normal(size=(2, 3))
        whole = vector_targets(pos[None], known, problem, radial[None])[0]
        one = np.zeros_like(whole)
        says = _read(problem, known, np.ascontiguousarray(pos), radial, one)
        assert says is not None
        assert (says == 1.0).all()
        np.testing.assert_allclose(one, whole, atol=1e-12)


def test_a_bone_of_no_length_says_nothing(problem: Problem, known: Calibration, walking: HumanMotion) -> None:
    pos, out = walking.joint_pos_world_m[7].copy(), np.full((len(VECTORS), 3), 0.5)
    pos[INDEX["left_elbow"]] = pos[INDEX["left_wrist"]]
    pos[INDEX["right_toe"]] = pos[INDEX["right_ankle"]]
    says = _read(problem, known, pos, np.zeros((2, 3)), out)
    assert says is not None
    silent = [PLACE["left_elbow>left_wrist"], PLACE["right_sole"]]
    assert list(np.flatnonzero(says == 0.0)) == silent
    np.testing.assert_array_equal(out[silent], 0.5)


@pytest.mark.parametrize("what", ["hips in one point", "neck at the hips", "neck beside the hips"])
def test_without_a_torso_a_frame_says_nothing_at_all(
    problem: Problem, known: Calibration, walking: HumanMotion, what: str
) -> None:
    pos, out = walking.joint_pos_world_m[7].copy(), np.full((len(VECTORS), 3), 0.5)
    left, right, neck = INDEX["left_hip"], INDEX["right_hip"], INDEX["neck"]
    if what == "hips in one point":
        pos[right] = pos[left]
    elif what == "neck at the hips":
        pos[neck] = 0.5 * (pos[left] + pos[right])
    else:
        pos[neck] = pos[left] + (pos[left] - pos[right])
    assert _read(problem, known, pos, np.zeros((2, 3)), out) is None
    np.testing.assert_array_equal(out, 0.5)
    stream = StreamingRetargeter(problem.robot, known, rate_hz=60.0)
    with pytest.raises(ShapeError, match="hips and neck"):
        stream.step(pos, 0)


def test_hips_turn_with_the_pelvis(problem: Problem) -> None:
    """At first they lie half a hip width to the left and right; a frame solved with the pelvis turned is seen from the pelvis."""
    hips, room = hips_of(problem), make_room(problem.tree, problem.capsules)
    left, up = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    carry_hips(hips, room, left, up, True)
    np.testing.assert_allclose(hips.out, problem.hip_half_width_m * np.array([left, -left]), atol=1e-12)
    room.pos[:], room.rot[:] = 0.0, np.eye(3)
    shift = np.array([0.02, 0.0, 0.0])
    for n in (1, 2):
        room.pos[hips.body[n]] = shift + hips.out[n - 1] - hips.offset[n]
    room.pos[hips.body[0]] = -hips.offset[0]
    carry_hips(hips, room, np.array([-1.0, 0.0, 0.0]), up, False)  # a quarter turn to the left: ahead is now +y
    width = problem.hip_half_width_m
    np.testing.assert_allclose(hips.out, [[-width, 0.02, 0.0], [width, 0.02, 0.0]], atol=1e-12)


def test_knees_bend_one_way(problem: Problem) -> None:
    ours = one_way_knees(problem)
    changed = np.flatnonzero((ours.tree.lower != problem.tree.lower) | (ours.tree.upper != problem.tree.upper))
    assert sorted(problem.robot.joint_names[j] for j in changed) == ["left_knee_joint", "right_knee_joint"]
    assert (ours.tree.lower[changed] > 0.0).all()
    assert (ours.tree.lower[changed] < 0.05).all()


def test_the_root_yields_to_somebody_who_stands(problem: Problem, known: Calibration) -> None:
    weight = usual_weights(problem, known)
    found = []
    for calm in (0.0, 0.6, 0.9, 1.0):
        weigh_root(weight, calm)
        found.append(float(weight[PLACE["midhip"]]))
    assert found[:2] == [ROOT, ROOT]
    assert ROOT > found[2] > found[3] == ROOT_STANDING
