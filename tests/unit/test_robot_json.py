"""robot.json: what it holds, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from understudy.errors import JointOrderError, ModelError, StorageError
from understudy.kinematics.load import load_robot
from understudy.kinematics.robot_json import check_robot_json, read_robot_json, write_robot_json


def _edited(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    robot = load_robot("unitree_g1")
    write_robot_json(robot, path)
    table = json.loads(path.read_text(encoding="utf-8"))
    change(table)
    path.write_text(json.dumps(table), encoding="utf-8")
    return path


def test_it_holds_order_limits_and_hash_in_plain_json(tmp_path: Path) -> None:
    robot = load_robot("unitree_g1")
    path = tmp_path / "robot.json"
    write_robot_json(robot, path)
    table = json.loads(path.read_text(encoding="utf-8"))
    assert table["format"] == "understudy-robot"
    assert [joint["name"] for joint in table["joints"]] == list(robot.joint_names)
    assert table["joints"][3] == {
        "name": "left_knee_joint",
        "lower_rad": -0.087267,
        "upper_rad": 2.8798,
        "effort_nm": 139.0,
        "velocity_rad_s": 20.0,
    }
    assert table["model_sha256"] == robot.model_sha256
    assert table["groups"]["waist"] == ["waist_yaw_joint", "waist_roll_joint", "waist_pitch_joint"]
    assert read_robot_json(path).joint_names == robot.joint_names
    assert list(tmp_path.iterdir()) == [path], "a part file was left behind"


def test_another_order_is_refused_with_the_first_difference(tmp_path: Path) -> None:
    def swap(table: dict[str, Any]) -> None:
        table["joints"][2], table["joints"][5] = table["joints"][5], table["joints"][2]

    path = _edited(tmp_path / "robot.json", swap)
    with pytest.raises(JointOrderError, match=r"joint 2 is left_ankle_roll_joint, unitree_g1 has left_hip_yaw_joint.*reorder"):
        check_robot_json(load_robot("unitree_g1"), path)
    robot = load_robot("unitree_g1")
    place = robot.reorder(read_robot_json(path).joint_names, where="test")
    assert place[2] == 5
    assert place[5] == 2


def test_another_robot_is_refused(tmp_path: Path) -> None:
    path = _edited(tmp_path / "robot.json", lambda table: None)
    with pytest.raises(JointOrderError, match="do not belong to unitree_h1"):
        check_robot_json(load_robot("unitree_h1"), path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table["joints"][0].update(upper_rad=9.0), "left_hip_pitch_joint: upper_rad 9.0000"),
        (lambda table: table["joints"][0].update(upper_rad=float("nan")), "upper_rad nan"),
        (lambda table: table.update(format="other"), "key format"),
        (lambda table: table.update(version=99), "version 99"),
        (lambda table: table.pop("joints"), "key joints: Field required"),
        (lambda table: table["joints"][0].pop("name"), "key joints.0.name"),
        (lambda table: table["joints"].append(table["joints"][0]), "some named twice"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str) -> None:
    path = _edited(tmp_path / "robot.json", change)
    with pytest.raises(ModelError, match=said):
        check_robot_json(load_robot("unitree_g1"), path)


def test_what_is_no_json_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "robot.json"
    with pytest.raises(ModelError, match=r"robot\.json: cannot be read"):
        read_robot_json(path)
    with pytest.raises(ModelError, match="cannot be read"):
        read_robot_json(tmp_path)
    path.write_text('{"format": ', encoding="utf-8")
    with pytest.raises(ModelError, match="not JSON"):
        read_robot_json(path)
    path.write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(ModelError, match="key format"):
        read_robot_json(path)


def test_a_missing_folder_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        write_robot_json(load_robot("unitree_g1"), tmp_path / "none" / "robot.json")
    assert not list(tmp_path.iterdir())
