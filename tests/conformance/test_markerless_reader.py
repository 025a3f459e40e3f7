"""The reader of markerless sessions against the suite for readers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from understudy.kinematics.load import load_robot
from understudy.mocap.markerless import Markerless
from understudy.mocap.read import read_motion
from understudy.retarget.metrics import motion_metrics
from understudy.retarget.retarget import retarget
from understudy.simulate.walker import walk
from understudy.testing.cameras import camera_ring, keypoints_of, seen_by, write_take
from understudy.testing.mocap import check_reader


def _take(folder: Path, rate_hz: float = 60.0) -> Path:
    motion = walk(4.0, rate_hz=rate_hz)
    middle = motion.joint_pos_world_m.mean(axis=(0, 1))
    cameras = camera_ring(6, centre_m=(float(middle[0]), float(middle[1]), 1.0))
    return write_take(folder, cameras, *seen_by(cameras, keypoints_of(motion)), rate_hz=rate_hz)


def test_sessions_conform(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    session = _take(tmp_path / "take")
    other = tmp_path / "schema.toml"
    other.write_text('[clock]\nreference = "robot"\n')
    check_reader(Markerless(), session, scratch=tmp_path / "scratch", others=[other, tmp_path / "take" / "cam01.npz"])


def test_a_robot_follows_triangulated_keypoints(tmp_path: Path) -> None:
    """Six noisy cameras: the robot walks like the person that they saw, without jumps."""
    robot, person = load_robot("unitree_g1"), walk(4.0, rate_hz=60.0)
    found = retarget(read_motion(_take(tmp_path)), robot)
    figures = motion_metrics(person, found.motion, robot)  # against the person, not against what the cameras made of it
    print(figures)
    assert figures.limb_dir_deg < 3.0
    assert figures.fast_steps == 0
    assert figures.limit_violations == 0
    assert figures.skate_cm_s < 1.0
    assert np.isfinite(found.motion.joint_pos).all()
