"""What Cyclone DDS puts on the wire and what decodes bags are the same message."""

from __future__ import annotations

import pytest

pytest.importorskip("cyclonedds", reason="python -m pip install 'understudy[unitree]'")
pytest.importorskip("rosbags", reason="python -m pip install 'understudy[unitree]'")

from understudy.devices.dds.idl import topic_on_wire, type_from_wire, type_on_wire, wire_type
from understudy.devices.messages.decode import known_types
from understudy.devices.messages.recipes import KNOWN_TYPES
from understudy.errors import UnknownNameError
from understudy.testing.messages import Tree, imu, joint_state, low_cmd, low_state, message_bytes, wire_message

ROS_TYPES = [name for name in KNOWN_TYPES if name in known_types().fielddefs]
G1 = {f"{side}_{part}_joint": 0.1 for side in ("left", "right") for part in (
    "hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle_pitch", "ankle_roll",
    "shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist_roll", "wrist_pitch", "wrist_yaw")}  # fmt: skip
G1 |= {f"waist_{axis}_joint": -0.2 for axis in ("yaw", "roll", "pitch")}
H1 = {f"{side}_{part}_joint": 0.3 for side in ("left", "right") for part in (
    "hip_yaw", "hip_roll", "hip_pitch", "knee", "ankle", "shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow")}  # fmt: skip
H1["torso_joint"] = 0.4
FILLED: dict[str, Tree] = {
    "sensor_msgs/msg/JointState": joint_state(12_345_678_901, {"a": 1.0, "bcd": 2.0}),
    "sensor_msgs/msg/Imu": imu(98_765_432_101),
    "unitree_hg/msg/LowState": low_state("unitree_g1", 77, G1),
    "unitree_go/msg/LowState": low_state("unitree_h1", 77, H1),
    "unitree_hg/msg/LowCmd": low_cmd("unitree_g1", G1),
    "unitree_go/msg/LowCmd": low_cmd("unitree_h1", H1),
}


@pytest.mark.parametrize("name", ROS_TYPES)
def test_both_libraries_write_the_same_bytes(name: str) -> None:
    values = FILLED.get(name, {})
    by_dds = wire_message(name, values).serialize(use_version_2=False)
    by_rosbags = message_bytes(name, values)
    assert by_dds[4:].rstrip(b"\0") == by_rosbags[4:].rstrip(b"\0")  # the header's padding bits differ
    assert abs(len(by_dds) - len(by_rosbags)) < 4


def test_size_of_a_low_state() -> None:
    """Counted by hand: CDR aligns every number to its own size, and pads no struct."""
    motor = 4 * 4 + 2 * 2 + 4 + 2 * 4 + 4 + 4 * 4  # after its mode: q dq ddq tau_est, temperature, vol, sensor, state, reserve
    state = 2 * 4 + 2 + 2 + 4  # version, two modes and two bytes of padding, tick
    imu = 13 * 4 + 2
    first, next_ones = 2 + motor, 4 + motor  # the first mode follows the temperature's two bytes
    assert len(message_bytes("unitree_hg/msg/LowState", {})) - 4 == state + imu + first + 34 * next_ones + 40 + 16 + 4


def test_names_on_the_wire() -> None:
    assert topic_on_wire("/lowstate") == "rt/lowstate"
    assert topic_on_wire("rt/lowstate") == "rt/lowstate"
    assert type_on_wire("unitree_hg/msg/LowState") == "unitree_hg::msg::dds_::LowState_"
    assert type_from_wire("sensor_msgs::msg::dds_::Imu_") == "sensor_msgs/msg/Imu"
    assert type_from_wire("SomethingElse") == "SomethingElse"
    for name in ROS_TYPES:
        assert type_from_wire(type_on_wire(name)) == name
        assert wire_type(name).__idl_typename__.replace(".", "::") == type_on_wire(name)


def test_an_unknown_type_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'unitree_hg/msg/LowState'"):
        wire_type("unitree_hg/msg/LowStat")
