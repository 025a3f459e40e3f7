"""Which axis of a file points up, and what is said where that is not certain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.geom.arrays import F64
from understudy.mocap._units import along_another, up_axis
from understudy.mocap.read import read_motion
from understudy.simulate.walker import walk, write_bvh

Y, Z, LYING_X = np.array([0.0, 1.7, 0.02]), np.array([0.0, 0.03, 1.7]), np.array([-1.65, -0.4, 0.0])


def _throughout(direction: list[float]) -> F64:
    return np.tile(np.array(direction), (50, 1))


@pytest.mark.parametrize(("along", "axis"), [([0.1, 1.6, 0.2], "y"), ([0.0, -0.2, 1.6], "z"), ([0.0, -1.6, 0.0], "-y")])
def test_the_axis_that_somebody_is_along(along: list[float], axis: str) -> None:
    assert up_axis(_throughout(along), Y) == (axis, None)


def test_the_rest_pose_decides_for_somebody_who_turns_over() -> None:
    crawling = np.concatenate([_throughout([0.0, 0.3, 1.6]), _throughout([1.6, 0.3, 0.0]), _throughout([0.0, 0.3, -1.6])])
    axis, said = up_axis(crawling, Y)
    assert axis == "y"
    assert "not upright for most of the clip" in str(said)


@pytest.mark.parametrize(
    ("up", "rest", "is_told"),
    [
        ("y", Y, False),
        ("-z", Y, True),
        ("-y", Y, True),
        ("z", Y, True),
        ("y", Z, True),
        ("y", LYING_X, False),
        ("z", np.zeros(3), False),
    ],
)
def test_a_rest_pose_along_another_axis_is_told(up: str, rest: F64, is_told: bool) -> None:
    said = along_another(up, rest)
    assert (said is not None) == is_told
    assert said is None or f"along {up} throughout" in said


@pytest.mark.parametrize(
    ("turn", "up"), [(np.eye(3), "y"), (np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]), "-z"), (np.diag([1.0, -1.0, -1.0]), "-y")]
)
def test_a_bvh_clip_of_somebody_who_lies_or_is_upside_down_says_so(turn: F64, up: str, tmp_path: Path) -> None:
    motion, path = walk(2.0, 1.0, rate_hz=60.0), tmp_path / "clip.bvh"
    write_bvh(replace(motion, joint_pos_world_m=motion.joint_pos_world_m @ turn.T), path)
    source = read_motion(path).source
    assert source.up == up
    assert [w for w in source.warnings if "comes out standing" in w] == list(source.warnings)
    assert len(source.warnings) == int(up != "y")
