"""Figures of any size and rate in BVH files, and feet that point backwards without being on the wrong side."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import MocapError, UnknownNameError
from understudy.kinematics.load import load_robot
from understudy.mocap._canonical import leg_length, observations
from understudy.mocap._units import LONG_LEG_M, PERSON_LEG_M
from understudy.mocap.bvh import Bvh, motion_from_bvh
from understudy.mocap.check import swapped_sides
from understudy.retarget.retarget import retarget
from understudy.simulate.walker import stand, walk, write_bvh
from understudy.spec.skeleton import INDEX, JOINTS
from understudy.testing.bvh_files import scaled_bvh


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("size") / "walk.bvh"
    write_bvh(walk(1.0, 1.1, rate_hz=30.0), path)
    return path.read_text()


def scaled(text: str, by: float) -> bytes:
    return scaled_bvh(text, by).encode()


def test_a_figure_of_no_unit_is_made_a_person(text: str) -> None:
    own = motion_from_bvh(text.encode(), "x")
    leg = leg_length(own.joint_pos_world_m)
    tall = scaled(text, 1.5 / leg)
    with pytest.raises(MocapError, match=r"the unit cannot be found: .*--unit cm, --unit 0\.04 .* or --unit person"):
        motion_from_bvh(tall, "x")
    got = motion_from_bvh(tall, "x", unit="person")
    assert leg_length(got.joint_pos_world_m) == pytest.approx(PERSON_LEG_M)
    np.testing.assert_allclose(got.joint_pos_world_m, own.joint_pos_world_m * (PERSON_LEG_M / leg), atol=1e-4)


def test_metres_per_unit_as_a_number(text: str) -> None:
    own = motion_from_bvh(text.encode(), "x")
    got = motion_from_bvh(scaled(text, 7.0), "x", unit=str(own.source.unit_m / 7.0))
    np.testing.assert_allclose(got.joint_pos_world_m, own.joint_pos_world_m, atol=1e-4)
    assert Bvh().with_unit("0.01").unit == "0.01"


@pytest.mark.parametrize("unit", ["0", "-1", "nan", "1e9", "persn", "metre"])
def test_a_unit_that_is_none(unit: str, text: str) -> None:
    with pytest.raises(UnknownNameError, match="unit"):
        motion_from_bvh(text.encode(), "x", unit=unit)


@pytest.mark.parametrize(("leg_m", "said"), [(LONG_LEG_M - 0.02, False), (LONG_LEG_M + 0.02, True)])
def test_a_giant_is_told(leg_m: float, said: bool, text: str) -> None:
    own = motion_from_bvh(text.encode(), "x")
    data = scaled(text, leg_m / leg_length(own.joint_pos_world_m))
    assert any("giant" in line for line in motion_from_bvh(data, "x").source.warnings) == said
    assert not any("giant" in line for line in motion_from_bvh(data, "x", unit="cm").source.warnings)


def test_a_frame_time_that_nobody_set_is_told_once(text: str) -> None:
    slow = re.sub(r"Frame Time: .*", "Frame Time: 1.00000000", text)
    robot = load_robot("unitree_g1")
    said, usual = (retarget(motion_from_bvh(each.encode(), "x"), robot).warnings for each in (slow, text))
    (line,) = [line for line in said if "Frame Time" in line]
    assert line.startswith("1 frames per second are too few to tell when feet stand (at least 10)")
    assert not any("Frame Time" in line for line in usual)


def test_feet_kicked_back_are_not_of_the_other_side(tmp_path: Path) -> None:
    motion = stand(1.0, rate_hz=30.0)
    pos = motion.joint_pos_world_m.copy()
    for side in ("left", "right"):  # shanks level behind the knees, toes down and a little back, as in a sprint
        knee = pos[:, INDEX[f"{side}_knee"]]
        back = np.array([-1.0, 0.0, 0.1])
        pos[:, INDEX[f"{side}_ankle"]] = knee + 0.42 * back
        pos[:, INDEX[f"{side}_toe"]] = knee + 0.42 * back + np.array([-0.08, 0.0, -0.12])
    assert not any("backwards" in line for line in observations(pos, frozenset(JOINTS)))
    mirrored = pos * np.array([1.0, -1.0, 1.0])
    assert any("backwards" in line for line in observations(mirrored, frozenset(JOINTS)))
    assert not swapped_sides(motion)
