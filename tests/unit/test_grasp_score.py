"""The score `grasp`: told by the gripper, the object and the wrist."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.quality.scores.grasp import closed_spans, grips
from understudy.quality.skip import NotApplicable
from understudy.spec.stream import Stream
from understudy.testing.episodes import with_stream
from understudy.testing.motions import stamps
from understudy.testing.scores import HOLDS, MISSES, SCHEMA, SLIPS, gripping, raw_of, score_of


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(("opening", "value"), [(HOLDS, 1.0), (MISSES, 0.0), (SLIPS, 0.0)])
def test_a_gripper_that_comes_to_rest_before_it_is_closed_holds_something(opening: F64, value: float, side: int) -> None:
    episode = gripping(opening, side=side)
    result = score_of("grasp", episode)
    assert result.value == value
    assert [g.side for g in grips(episode)] == [side]
    assert set(raw_of(result)) == {"gripper", "given_up"}


def test_a_gripper_that_never_closes_is_not_rated() -> None:
    with pytest.raises(NotApplicable, match="no gripper closes"):
        score_of("grasp", gripping(np.full(9, 0.9)))


def test_squeezing_and_noise_are_no_closing() -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.09, 0.09, 2000)
    assert closed_spans(0.8 + noise) == []
    closed = np.concatenate([np.full(50, 1.0), 0.4 + noise[:300], np.full(50, 1.0)])
    assert len(closed_spans(closed)) == 1
    assert len(closed_spans(np.tile(closed, 3))) == 3


def test_the_object_says_more_than_thegripping() -> None:
    episode = gripping(HOLDS)
    t_ns = stamps(8.0, 50.0)
    t_s = t_ns * 1e-9
    pose = np.tile([0.4, 0.0, 0.8, 1.0, 0.0, 0.0, 0.0], (len(t_ns), 1))
    spec = SCHEMA.stream("debug/object_poses_world")
    assert score_of("grasp", with_stream(episode, Stream(spec, t_ns, pose))).value == 0.0, "it stays on the table"
    lifted = pose.copy()
    lifted[:, 2] += np.interp(t_s, [2.0, 3.0, 5.0, 6.0], [0.0, 0.2, 0.2, 0.0])
    result = score_of("grasp", with_stream(episode, Stream(spec, t_ns, lifted)))
    assert (result.value, raw_of(result)["gripper"]) == (1.0, 1.0)
    dropped = lifted.copy()
    dropped[:, 2] = np.where(t_s > 4.0, np.maximum(1.0 - 4.9 * (t_s - 4.0) ** 2, 0.0), lifted[:, 2])
    assert score_of("grasp", with_stream(episode, Stream(spec, t_ns, dropped))).value == 0.0


@pytest.mark.parametrize(("load_n", "held"), [(0.0, 0.0), (0.5, 0.0), (3.0, 1.0)])
def test_the_wrist_feels_a_load_on_its_own_side(load_n: float, held: float) -> None:
    t_ns = stamps(8.0, 200.0)
    t_s = t_ns * 1e-9
    for side, key in enumerate(("observations/wrench_left_wrist", "observations/wrench_right_wrist")):
        wrench = np.zeros((len(t_ns), 6))
        wrench[:, 2] = 5.0 + load_n * ((t_s > 2.0) & (t_s < 5.0))
        stream = Stream(SCHEMA.stream(key), t_ns, wrench)
        assert raw_of(score_of("grasp", with_stream(gripping(HOLDS, side=side), stream)))["force"] == held
        assert "force" not in raw_of(score_of("grasp", with_stream(gripping(HOLDS, side=1 - side), stream)))


def test_opening_at_once_is_giving_up_and_success_is_kept() -> None:
    quick = np.interp(np.linspace(0, 8, 161), [0, 1, 1.2, 1.4, 1.6, 8], [1, 1, 0.4, 0.4, 1, 1])
    assert raw_of(score_of("grasp", gripping(quick)))["given_up"] == 1.0
    assert raw_of(score_of("grasp", gripping(HOLDS)))["given_up"] == 0.0
    t_ns = stamps(8.0, 10.0)
    done = Stream(SCHEMA.stream("debug/task_success"), t_ns, t_ns > 7_000_000_000)
    assert raw_of(score_of("grasp", with_stream(gripping(HOLDS), done)))["task_success"] == 1.0
