"""Support, contacts and gait phases: laws, then figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from understudy.errors import ShapeError
from understudy.geom.arrays import F64
from understudy.kinematics.contact_states import LANDS, LEAVES, feet_on_ground, force_contact, motion_contact
from understudy.kinematics.support import PHASES, gait_phases, support_margin
from understudy.spec.default_schema import default_schema
from understudy.testing.episodes import make_episode, with_data, with_wrench
from understudy.testing.motions import stamps
from understudy.testing.stand_in import stand_in_robot

BOTH = np.ones((1, 2), dtype=bool)
ROBOT = stand_in_robot()


def _margin(left: F64, right: F64, point: F64, contact: Any = BOTH) -> float:
    soles = {"left": np.pad(left, ((0, 0), (0, 1)))[None], "right": np.pad(right, ((0, 0), (0, 1)))[None]}
    return float(support_margin(soles, np.asarray(contact), point[None])[0])


def _square(x: float, y: float) -> F64:
    return np.array([[x, y], [x + 1.0, y], [x + 1.0, y + 1.0], [x, y + 1.0]])


@pytest.mark.parametrize("seed", range(40))
def test_the_margin_is_the_distance_to_the_nearest_edge_of_the_hull(seed: int) -> None:
    rng = np.random.default_rng(seed)
    left, right = rng.normal(size=(4, 2)), rng.normal(size=(6, 2)) + np.array([0.5, -0.5])
    point = rng.normal(size=2) * 1.5
    hull = cast(Any, ConvexHull(np.concatenate([left, right])))
    outward = hull.equations[:, :2] @ point + hull.equations[:, 2]  # Qhull's own half-planes as the oracle
    found = _margin(left, right, point)
    if outward.max() <= 0.0:
        assert found == pytest.approx(-outward.max(), abs=1e-12)
    else:
        corners = hull.points[hull.vertices]
        assert found < 0.0
        assert outward.max() - 1e-12 <= -found <= np.linalg.norm(corners - point, axis=1).min() + 1e-12


@pytest.mark.parametrize(
    ("point", "margin"),
    [
        ((0.5, 0.0), 0.5),
        ((0.5, 1.9), 0.1),
        ((1.0, 0.3), 0.0),
        ((1.3, 0.0), -0.3),
        ((2.0, 3.0), -np.sqrt(2.0)),
        ((-0.2, -2.0), -0.2),
    ],
)
def test_by_hand_on_two_squares(point: tuple[float, float], margin: float) -> None:
    """Feet from y = 1 to 2 and from -2 to -1: together they span x 0 to 1, y -2 to 2."""
    assert _margin(_square(0.0, 1.0), _square(0.0, -2.0), np.array(point)) == pytest.approx(margin, abs=1e-12)


def test_only_standing_feet_carry() -> None:
    left, right, point = _square(0.0, 1.0), _square(0.0, -2.0), np.array([0.5, 1.5])
    assert _margin(left, right, point, [[True, False]]) == pytest.approx(0.5)
    assert _margin(left, right, point, [[False, True]]) == pytest.approx(-2.5)
    assert np.isnan(_margin(left, right, point, [[False, False]]))


def test_the_margin_does_not_turn_shift_or_mirror_with_the_world() -> None:
    rng = np.random.default_rng(1)
    left, right, point = rng.normal(size=(4, 2)), rng.normal(size=(4, 2)), rng.normal(size=2) * 0.4
    base = _margin(left, right, point)
    turn = np.array([[np.cos(2.0), -np.sin(2.0)], [np.sin(2.0), np.cos(2.0)]])
    assert _margin(*(x @ turn.T + np.array([3.0, -7.0]) for x in (left, right, point))) == pytest.approx(base)
    mirror = np.array([1.0, -1.0])
    assert _margin(right * mirror, left * mirror, point * mirror) == pytest.approx(base)


def test_a_foot_on_its_edge_and_points_twice() -> None:
    line = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.0], [0.0, 0.0]])
    assert _margin(line, line, np.array([0.5, 0.25])) == pytest.approx(-0.25)
    assert _margin(line, line, np.array([1.5, 0.0])) == pytest.approx(-0.5)
    once = np.zeros((3, 2))
    assert _margin(once, once, np.array([3.0, 4.0])) == pytest.approx(-5.0)


def test_arrays_of_two_motions_are_refused() -> None:
    soles = {"left": np.zeros((2, 4, 3)), "right": np.zeros((2, 4, 3))}
    with pytest.raises(ShapeError, match="2 and 2 steps, contacts 3"):
        support_margin(soles, np.ones((3, 2), dtype=bool), np.zeros((2, 2)))


def test_phases_and_their_mirror() -> None:
    contact = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=bool)
    assert [PHASES[k] for k in gait_phases(contact)] == ["flight", "left_support", "right_support", "double_support"]
    mirrored = [PHASES[k] for k in gait_phases(contact[:, ::-1])]
    assert mirrored == ["flight", "right_support", "left_support", "double_support"]


@pytest.mark.parametrize("level", [LANDS, LEAVES])
def test_noise_at_a_threshold_does_not_chatter(level: float) -> None:
    """Noise smaller than the room between the two thresholds changes the state at most once, at either of them."""
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.49, 0.49, 4000) * (LANDS - LEAVES)
    force = np.stack([np.full(4000, level) + noise, np.zeros(4000)], axis=1)
    assert (np.diff(force[:, 0] > level) != 0).sum() > 1000, "one threshold alone would chatter"
    assert (np.diff(force_contact(force, 1.0)[:, 0].astype(int)) != 0).sum() <= 1


def test_a_step_by_force() -> None:
    share = np.array([0.0, 0.1, 0.16, 0.5, 0.1, 0.09, 0.07, 0.1, 0.14, 0.2, np.nan])
    found = force_contact(np.stack([share, share[::-1]], axis=1) * 350.0, 350.0)
    assert found[:, 0].tolist() == [False, False, True, True, True, True, False, False, False, True, False]
    assert (found[:, 1] != found[:, 0]).any(), "the right foot's force is its own"


def test_left_is_left_and_force_comes_before_what_the_motion_says() -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    t_ns = episode.stream("observations/joint_positions").t_ns
    schema = default_schema(ROBOT, "x")

    def nothing() -> dict[str, F64]:
        raise AssertionError("the motion was asked although something better was there")

    recorded = replace(episode, metadata={**episode.metadata, "motion_source": "teleop"})
    assert feet_on_ground(recorded, ROBOT, t_ns, soles_world_m=nothing)[1] == "stream"
    one = with_wrench(recorded, schema, "observations/wrench_left_ankle")
    assert feet_on_ground(one, ROBOT, t_ns, soles_world_m=nothing)[1] == "stream", "one foot's force says nothing of the other"
    both = with_wrench(one, schema, "observations/wrench_right_ankle")
    light = both.data("observations/wrench_right_ankle") * 0.01
    both = with_data(both, "observations/wrench_right_ankle", light)
    found, told_by = feet_on_ground(both, ROBOT, t_ns, soles_world_m=nothing)
    assert told_by == "wrench"
    assert found.all(axis=0).tolist() == [True, False]
    flying = {side: np.full((len(t_ns), 4, 3), 0.5) for side in ("left", "right")}
    contact, told_by = feet_on_ground(episode, ROBOT, t_ns, soles_world_m=lambda: flying)
    assert told_by == "kinematics", "a retargeted motion's own stream is no measurement"
    assert not contact.any()


def _rolling() -> tuple[dict[str, F64], Any]:
    """The left foot: flat for 1 s, on its toes for 1 s, in the air for 1 s; heel at x = 0, toe at 0.2 m. The right one stands."""
    t_ns = stamps(3.0, 100.0)
    t_s = t_ns * 1e-9
    flat = np.tile([[0.0, 0.0, 0.0], [0.0, 0.05, 0.0], [0.2, 0.0, 0.0], [0.2, 0.05, 0.0]], (len(t_s), 1, 1))
    left = flat.copy()
    left[:, :2, 2] = np.interp(t_s, [1.0, 1.1, 2.0], [0.0, 0.08, 0.08])[:, None]
    left[:, :, 2] += np.interp(t_s, [2.0, 2.1], [0.0, 0.1])[:, None]
    return {"left": left, "right": flat - np.array([0.0, 0.2, 0.0])}, t_ns


def test_a_rolling_foot_is_on_the_ground_until_its_toe_leaves() -> None:
    soles, t_ns = _rolling()
    found = motion_contact(soles, t_ns)
    assert found[:, 1].all()
    leaves_s = float(t_ns[np.argmin(found[:, 0])]) * 1e-9
    assert leaves_s == pytest.approx(2.0, abs=0.04)
    mirrored = motion_contact({"left": soles["right"], "right": soles["left"]}, t_ns)
    np.testing.assert_array_equal(mirrored, found[:, ::-1])


def test_a_lifted_heel_does_not_carry() -> None:
    soles, t_ns = _rolling()
    alone = np.tile([True, False], (len(t_ns), 1))
    under_heel = support_margin(soles, alone, np.tile([0.02, 0.025], (len(t_ns), 1)))
    assert under_heel[50] == pytest.approx(0.02)
    assert under_heel[150] == pytest.approx(-0.18)


def test_a_toe_that_grazes_the_ground_is_no_step() -> None:
    soles, t_ns = _rolling()
    soles["left"][:, :, 2] = 0.1
    for first, last in ((100, 103), (150, 190)):
        soles["left"][first:last, 2:, 2] = 0.0
    found = motion_contact(soles, t_ns)[:, 0]
    assert not found[95:110].any()
    assert found[150:190].all()
    soles["left"][170:173, :, 2] = 0.1
    assert motion_contact(soles, t_ns)[150:190, 0].all(), "nor is a hop of 30 ms a flight"
