"""The GR-1 of figures against the model that they are from, and what the retargeter makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.kinematics.com import center_of_mass
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.retarget import retarget
from understudy.simulate.walker import walk
from understudy.spec.robot import RobotModel

PLACES_M = {
    "left_hand_pitch_link": (-0.002597, 0.143757, 0.879953),
    "right_hand_pitch_link": (-0.046836, -0.303141, 0.956157),
    "left_foot_roll_link": (-0.08774, -0.019697, 0.117115),
    "right_foot_roll_link": (-0.05023, -0.055553, 0.107238),
    "head_pitch_link": (0.025902, 0.041537, 1.473655),
    "waist_roll_link": (0.004227, -0.000424, 1.146394),
    "left_lower_arm_pitch_link": (-0.000477, 0.200549, 1.115241),
}
COM_M = (-0.010666, -0.005592, 0.890052)
"""Places of links, and the centre of mass over all links that have a mass of their own.

Made with MuJoCo on robosuite 1.5.2, `models/assets/robots/gr1/robot.xml`: the root 1 m up and upright, joint j of our order
at 0.05 ((3 j) mod 7 - 3) rad, laid on its joints by name.
"""


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("fourier_gr1")


def test_links_are_where_the_source_has_them(robot: RobotModel) -> None:
    angles = np.array([0.05 * ((3 * j) % 7 - 3) for j in range(robot.dof)])
    poses = body_poses(robot, np.array([[0.0, 0.0, 1.0]]), np.array([[1.0, 0.0, 0.0, 0.0]]), angles[None])
    for link, place in PLACES_M.items():
        frame = robot.frame(link)
        np.testing.assert_allclose(poses.points(frame.body, frame.pos_body_frame_m)[0], place, atol=2e-6)
    np.testing.assert_allclose(center_of_mass(robot, poses)[0], COM_M, atol=2e-6)
    assert robot.mass_kg.sum() == pytest.approx(53.47955, abs=1e-4)


def test_every_row_says_where_it_is_from(robot: RobotModel) -> None:
    from importlib.resources import files

    text = (files("understudy.spec") / "robots" / "fourier_gr1.toml").read_text(encoding="utf-8")
    figures = text[text.index("[figures]") :]
    for key in ("pos_m", "axis", "lower_rad", "upper_rad", "effort_nm", "velocity_rad_s"):
        rows = [line for line in figures.splitlines() if line.startswith(f"{key} = ")]
        assert len(rows) == 32
        assert all("# robosuite" in row or "# maker" in row for row in rows), key
    assert figures.count("[[figures.links]] # robosuite") == 33


def test_limits_mirror_each_other(robot: RobotModel) -> None:
    for name in robot.joint_names:
        if name.startswith("left_"):
            a, b = robot.joint_index(name), robot.joint_index(name.replace("left_", "right_"))
            turned = "roll" in name or "yaw" in name
            pair = (-robot.upper_rad[b], -robot.lower_rad[b]) if turned else (robot.lower_rad[b], robot.upper_rad[b])
            assert (robot.lower_rad[a], robot.upper_rad[a]) == pair, name
            assert (robot.effort_nm[a], robot.velocity_rad_s[a]) == (robot.effort_nm[b], robot.velocity_rad_s[b])


def test_it_walks(robot: RobotModel) -> None:
    human = walk(duration_s=2.5)
    found = motion_metrics(human, retarget(human, robot).motion, robot)
    assert (found.limit_violations, found.fast_steps, found.penetration_pct) == (0, 0, 0.0)
    assert found.float_cm < 0.1
    assert found.skate_cm_s < 0.3
    assert found.limb_dir_deg < 2.5
