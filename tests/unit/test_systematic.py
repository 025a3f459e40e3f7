"""Faults that follow an operator or a stream."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.errors import InputError
from understudy.quality.systematic import Judged, siblings_by_kind, systematic

LEFT, RIGHT = "observations/head_left", "observations/head_right"


def episode(operator: str, *gates: str, stream: str = "", task: str = "reach") -> Judged:
    faults = frozenset((gate, stream) for gate in gates)
    return Judged({"demonstrator_id": operator, "task": task}, faults, frozenset({LEFT, RIGHT}))


def test_an_operator_whose_takes_fail_is_named() -> None:
    episodes = [episode("d1", "gaps") for _ in range(6)] + [episode("d2") for _ in range(30)]
    (found,) = systematic(episodes)
    assert (found.gate, found.attribute, found.value) == ("gaps", "demonstrator_id", "d1")
    assert (found.hit, found.seen, found.hit_else, found.seen_else) == (6, 6, 0, 30)
    # 1 / C(36, 6), twice compared
    assert found.p == pytest.approx(2 / 1947792, rel=1e-6)


def test_a_fault_spread_evenly_is_nobodys() -> None:
    assert systematic([episode(f"d{k % 4}", *(["gaps"] if k % 3 == 0 else [])) for k in range(60)]) == ()


def test_faults_at_random_are_rarely_called_systematic() -> None:
    rng = np.random.default_rng(5)
    told = 0
    for _ in range(200):
        told += bool(systematic([episode(f"d{k % 5}", *(["a"] if rng.random() < 0.2 else [])) for k in range(80)], level=0.05))
    assert told <= 10  # 5 % of 200


def test_two_bad_takes_are_no_pattern() -> None:
    episodes = [episode("d1", "gaps") for _ in range(2)] + [episode("d2") for _ in range(400)]
    assert systematic(episodes) == ()


def test_what_every_episode_shares_is_not_compared() -> None:
    assert systematic([episode("d1", "gaps") for _ in range(20)]) == ()


def test_one_camera_of_two_is_named() -> None:
    episodes = [episode("d1", "frozen_images", stream=LEFT) for _ in range(8)] + [episode("d1") for _ in range(20)]
    siblings = siblings_by_kind({LEFT: "image", RIGHT: "image", "observations/joint_positions": "vector"})
    (found,) = systematic(episodes, siblings=siblings)
    assert (found.attribute, found.value) == ("stream", LEFT)
    assert (found.hit, found.seen, found.hit_else, found.seen_else) == (8, 28, 0, 28)


def test_only_sensors_of_a_kind_are_siblings() -> None:
    kinds = {"observations/joint_positions": "vector", "observations/joint_velocities": "vector", "observations/imu_head": "imu",
             "observations/imu_pelvis": "imu"}  # fmt: skip
    assert siblings_by_kind(kinds) == {
        "observations/imu_head": ("observations/imu_pelvis",),
        "observations/imu_pelvis": ("observations/imu_head",),
    }


def test_the_level_is_a_probability() -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        systematic([], level=1.5)
