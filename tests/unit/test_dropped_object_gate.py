"""Things that fall, things that are set down, and jaws that let go of a load."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.quality.gates.dropped_object import free_falls
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.stream import Stream
from understudy.testing.episodes import make_episode, with_data, with_object, with_stream
from understudy.testing.gates import gate_findings
from understudy.testing.motions import stamps
from understudy.testing.stand_in import stand_in_robot

ROBOT = stand_in_robot()
SCHEMA = default_schema(ROBOT, "test")
OBJECTS = "debug/object_poses_world"
SECONDS = 4.0


def _standing() -> Episode:
    return make_episode(ROBOT, duration_s=SECONDS)


@pytest.mark.parametrize(("drop_m", "is_bad"), [(0.07, False), (0.1, True), (0.6, True)])
def test_an_object_that_falls(drop_m: float, is_bad: bool) -> None:
    found = gate_findings("dropped_object", with_object(_standing(), SCHEMA, dropped_at_s=1.5, drop_m=drop_m), ROBOT)
    assert len(found) == int(is_bad)
    for f in found:
        assert f.value == pytest.approx(drop_m, abs=0.015)
        assert f.start_ns is not None
        assert abs(f.start_ns - 1.5e9) < 0.08e9


@pytest.mark.parametrize("rate_hz", [50.0, 200.0])
def test_a_fall_at_other_rates(rate_hz: float) -> None:
    t_ns = stamps(2.0, rate_hz)
    height = 1.0 - np.minimum(0.5 * 9.81 * np.maximum(t_ns * 1e-9 - 1.0, 0.0) ** 2, 0.3)
    ((_, drop_m),) = free_falls(height, t_ns, 0.6)
    assert drop_m == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("lowered_in_s", [0.9, 1.5, 3.0])
def test_an_object_that_is_set_down(lowered_in_s: float) -> None:
    episode = with_object(_standing(), SCHEMA, lowered_at_s=0.5, lowered_in_s=lowered_in_s)
    assert gate_findings("dropped_object", episode, ROBOT) == []


def test_an_object_that_falls_while_it_is_lowered() -> None:
    t_ns = stamps(SECONDS, 100.0)
    t_s = t_ns * 1e-9
    height = np.where(
        t_s < 2.0, 1.2 - 0.3 * np.clip(t_s - 1.0, 0.0, 1.0), 0.9 - np.minimum(0.3 * (t_s - 2.0) + 4.9 * (t_s - 2.0) ** 2, 0.4)
    )
    pose = np.tile([0.4, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], (len(t_ns), 1))
    pose[:, 2] = height
    episode = with_stream(_standing(), Stream(SCHEMA.stream(OBJECTS), t_ns, pose))
    (found,) = gate_findings("dropped_object", episode, ROBOT)
    assert found.value == pytest.approx(0.4, abs=0.03)


def test_what_goes_down_with_the_hand_does_not_fall() -> None:
    """Robot and object jump down together."""
    still = _standing()
    for key in ("observations/joint_positions", "debug/base_pose_world"):
        still = with_data(still, key, np.tile(still.data(key)[0], (len(still.stream(key)), 1)))
    falling = with_object(still, SCHEMA, dropped_at_s=1.5, drop_m=0.4)
    stream = falling.stream(OBJECTS)
    pose = falling.data("debug/base_pose_world").copy()
    down: F64 = stream.sample_at(falling.stream("debug/base_pose_world").t_ns).astype(np.float64)[:, 2] - 1.0
    pose[:, 2] += down
    assert gate_findings("dropped_object", falling, ROBOT)
    assert gate_findings("dropped_object", with_data(falling, "debug/base_pose_world", pose), ROBOT) == []


def _jaw(force_after_n: float, *, lost_at_s: float = 2.0, opens_at_s: float = 2.0, side: int = 0) -> Episode:
    """A jaw that opens, on a wrist that carries 12 N until `lost_at_s` and less from then on."""
    episode = _standing()
    jaw_ns, force_ns = stamps(SECONDS, 100.0), stamps(SECONDS, 200.0)
    opening = np.zeros((len(jaw_ns), 2))
    opening[:, side] = np.clip((jaw_ns * 1e-9 - opens_at_s) / 0.2, 0.0, 1.0)
    force: F64 = np.zeros((len(force_ns), 6))
    force[:, 2] = np.where(force_ns * 1e-9 < lost_at_s + 0.02, -12.0, -force_after_n)
    force += np.random.default_rng(0).normal(0.0, 0.3, force.shape)
    key = f"observations/wrench_{('left', 'right')[side]}_wrist"
    episode = with_stream(episode, Stream(SCHEMA.stream("observations/gripper"), jaw_ns, opening))
    return with_stream(episode, Stream(SCHEMA.stream(key), force_ns, force))


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(("force_after_n", "is_bad"), [(8.0, False), (6.0, True), (2.0, True)])
def test_a_jaw_that_lets_go_of_a_load(force_after_n: float, side: int, is_bad: bool) -> None:
    found = gate_findings("dropped_object", _jaw(force_after_n, side=side), ROBOT)
    assert len(found) == int(is_bad)
    for f in found:
        assert (f.unit, f.limit) == ("N", 5.0)
        assert f.value == pytest.approx(12.0 - force_after_n, abs=0.5)
        assert f"the {('left', 'right')[side]} jaw opens at 2.00 s" in f.message


def test_who_sets_something_down_has_the_load_off_the_wrist_first() -> None:
    assert gate_findings("dropped_object", _jaw(2.0, lost_at_s=1.5), ROBOT) == []


def test_a_jaw_that_stays_shut_lets_nothing_go() -> None:
    assert gate_findings("dropped_object", _jaw(2.0, opens_at_s=9.0), ROBOT) == []


def test_without_objects_and_jaws_there_is_nothing_to_judge() -> None:
    with pytest.raises(AssertionError, match="skipped"):
        gate_findings("dropped_object", _standing(), ROBOT)


@pytest.mark.parametrize(("share_of_gravity", "falls"), [(0.5, False), (0.7, True)])
def test_what_comes_down_slower_than_it_would_by_itself_is_held(share_of_gravity: float, falls: bool) -> None:
    t_ns = stamps(2.0, 100.0)
    down_s = np.maximum(t_ns * 1e-9 - 1.0, 0.0)
    height = 1.0 - np.minimum(0.5 * share_of_gravity * 9.81 * down_s**2, 0.5)
    assert bool(free_falls(height, t_ns, 0.6)) is falls
