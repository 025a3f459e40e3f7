"""Streams that follow from a motion do not depend on how long takes are cut for the memory."""

from __future__ import annotations

import numpy as np
import pytest

from understudy.kinematics.com import center_of_mass
from understudy.kinematics.contact import foot_contact
from understudy.kinematics.forward import body_poses
from understudy.pipeline import motion_episode
from understudy.testing.motions import squat, stamps
from understudy.testing.stand_in import stand_in_robot


def test_blocks_give_what_the_whole_take_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    robot = stand_in_robot()
    motion = squat(robot, stamps(2.0, 60.0))
    whole = motion_episode.motion_columns(robot, motion)
    monkeypatch.setattr(motion_episode, "_BLOCK", 7)
    cut = motion_episode.motion_columns(robot, motion)
    assert len(motion.t_ns) > 3 * 7
    for key, values in whole.items():
        np.testing.assert_array_equal(values, cut[key], err_msg=key)
    poses = body_poses(robot, motion.root_pos_world_m, motion.root_quat_world_wxyz, motion.joint_pos)
    np.testing.assert_allclose(cut["debug/com_world"].astype(np.float64), center_of_mass(robot, poses), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(cut["observations/foot_contact"], foot_contact(robot, poses, motion.t_ns))
