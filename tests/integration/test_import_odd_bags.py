"""Bags and MCAP files that are out of order, damaged, or not what a mapping says: mended where that is safe, else refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="python -m pip install 'understudy[ros]'")

from understudy.errors import InputError
from understudy.kinematics.load import load_robot
from understudy.pipeline.bags.definitions import message_type, types_of
from understudy.pipeline.bags.order import put_in_order
from understudy.pipeline.bags.ros2_bag import open_bag, open_mcap
from understudy.testing.bags import (
    IMU,
    JOINT_STATE,
    ONLY_JOINTS,
    PLAIN,
    POSITIONS,
    T0_NS,
    Written,
    bags_of_both_storages,
    changed_bag,
    gathered,
    later,
    mapping_text,
    standing_messages,
    write_bag,
    write_json_mcap,
    write_ros_mcap,
)
from understudy.testing.messages import joint_state

ROBOT = load_robot("unitree_g1")


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bags_of_both_storages(tmp_path_factory.mktemp("bags"), ROBOT)


def test_a_damaged_chunk_ends_what_is_taken(tmp_path: Path) -> None:
    data = bytearray(write_ros_mcap(tmp_path / "whole.mcap", standing_messages(ROBOT)).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "damaged.mcap").write_bytes(data)
    found = gathered(tmp_path / "damaged.mcap", PLAIN, ROBOT)
    assert "damaged" in found.found.cut
    assert 50 < len(found.streams[POSITIONS].t_ns) < 300


def test_a_sqlite_bag_that_was_cut_off_is_refused(bags: Path, tmp_path: Path) -> None:
    whole = (bags / "sqlite3" / "sqlite3.db3").read_bytes()
    (tmp_path / "cut.db3").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.db3"):
        gathered(tmp_path / "cut.db3", PLAIN, ROBOT)


def test_messages_that_were_overtaken_are_put_in_order(tmp_path: Path) -> None:
    def swap(i: int, m: Written) -> Written:
        return replace(m, values=later(m.values, {10: 10_000_000, 11: -5_000_000, 50: -5_000_000}.get(i, 0)))

    found = gathered(changed_bag(tmp_path, ROBOT, swap), ONLY_JOINTS, ROBOT)
    samples = found.streams[POSITIONS]
    assert (np.diff(samples.t_ns) > 0).all()
    assert any("overtaken" in w for w in found.warnings)
    assert any("messages with the stamp of another one were left out" in w for w in found.warnings)
    assert len(samples.t_ns) < 200


def test_a_clock_that_was_set_back_is_refused(tmp_path: Path) -> None:
    path = changed_bag(tmp_path, ROBOT, lambda i, m: replace(m, values=later(m.values, -3_600 * 10**9 if i > 100 else 0)))
    with pytest.raises(InputError, match=r'/joint_states.* go back by 3599.995 s .message 101.*clock = "log"'):
        gathered(path, ONLY_JOINTS, ROBOT)
    logged = mapping_text("unitree_g1", [(POSITIONS, "/joint_states", 'clock = "log"')])
    assert len(gathered(path, logged, ROBOT).streams[POSITIONS].t_ns) == 200


def test_order_by_hand() -> None:
    order = put_in_order(np.array([5, 1, 3, 3, 9], dtype=np.int64), where="x")
    assert order.keep.tolist() == [1, 2, 0, 4]
    assert (order.swapped, order.doubled) == (3, 1)


def test_stamps_of_zero_give_way_to_the_log_unless_asked_for(tmp_path: Path) -> None:
    path = changed_bag(tmp_path, ROBOT, lambda i, m: replace(m, values={k: v for k, v in m.values.items() if k != "header"}))
    found = gathered(path, ONLY_JOINTS, ROBOT)
    assert found.streams[POSITIONS].clock == "log"
    assert any("stamps are zero" in w for w in found.warnings)
    with pytest.raises(InputError, match="stamps of zero"):
        gathered(path, mapping_text("unitree_g1", [(POSITIONS, "/joint_states", 'clock = "header"')]), ROBOT)


def test_a_few_messages_that_do_not_fit_are_left_out_many_are_refused(tmp_path: Path) -> None:
    def short(every: int) -> Callable[[int, Written], Written]:
        return lambda i, m: replace(m, values=joint_state(T0_NS + i, {"tail": 1.0})) if i % every == every - 1 else m

    found = gathered(changed_bag(tmp_path / "few", ROBOT, short(50)), ONLY_JOINTS, ROBOT)
    samples = found.streams[POSITIONS]
    assert len(samples.t_ns) == 196
    assert 49 not in samples.seq
    assert any("4 messages were left out" in w and "tail" in w for w in found.warnings)
    with pytest.raises(InputError, match=r"50 of 200 messages do not fit.*tail"):
        gathered(changed_bag(tmp_path / "many", ROBOT, short(4)), ONLY_JOINTS, ROBOT)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([(POSITIONS, "/joint_state", "")], "no topic /joint_state for .* did you mean '/joint_states'.*/imu/pelvis"),
        ([(POSITIONS, "/imu/pelvis", "")], "does not fit that stream"),
        ([(POSITIONS, "/joint_states", 'field = "positions"\nnames = "name"')], "did you mean 'position'"),
        (
            [(POSITIONS, "/joint_states", 'rename = { left_knee_joint = "knee" }')],
            "no column 'knee'; 'left_knee_joint' is missing",
        ),
        ([(POSITIONS, "/joint_states", 'type = "sensor_msgs/msg/Imu"')], "does not fit"),
        ([("observations/head_left", "/joint_states", "")], "an image topic is needed"),
    ],
)
def test_a_mapping_that_does_not_fit_the_bag_says_where(bags: Path, entries: list[tuple[str, str, str]], said: str) -> None:
    with pytest.raises(InputError, match=f"(?s){said}"):
        gathered(bags / "mcap", mapping_text("unitree_g1", entries), ROBOT)


def test_a_topic_with_two_types_is_refused(tmp_path: Path) -> None:
    one, two = write_bag(tmp_path / "a", standing_messages(ROBOT, duration_s=0.2)), tmp_path / "b"
    write_bag(two, [Written("/joint_states", IMU, T0_NS + 10**9 + i, {}) for i in range(100)])
    shutil.copy(two / "b.mcap", one / "b.mcap")
    with pytest.raises(InputError, match=f"(?s)messages of type {JOINT_STATE} and of type {IMU}"):
        gathered(one, ONLY_JOINTS, ROBOT)


@pytest.mark.parametrize("encoding", ["protobuf", "ros1", "cbor"])
def test_encodings_that_are_not_read_say_so(encoding: str, tmp_path: Path) -> None:
    source = write_json_mcap(tmp_path / "x.mcap", [("/joint_states", 5, {"a": 1})], encoding=encoding)
    text = mapping_text("unitree_g1", [(POSITIONS, "/joint_states", 'field = "a"')])
    with pytest.raises(InputError, match=f"encoding '{encoding}'"):
        gathered(source, text, ROBOT)


def test_what_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "text.mcap").write_text("hello")
    (tmp_path / "none.mcap").write_bytes(b"")
    (tmp_path / "text.db3").write_text("hello")
    (tmp_path / "empty").mkdir()
    write_json_mcap(tmp_path / "nothing.mcap", [])
    for name, said in (
        ("text.mcap", "not an MCAP file"),
        ("none.mcap", "not an MCAP file"),
        ("text.db3", "not a bag|cannot be read|damaged"),
        ("empty", "neither metadata.yaml"),
        ("nothing.mcap", "no message in it"),
        ("missing.db3", "no such bag"),
    ):
        with pytest.raises(InputError, match=said):
            gathered(tmp_path / name, PLAIN, ROBOT)
    with pytest.raises(InputError, match="import bag"):
        open_mcap(tmp_path / "empty")
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(InputError, match="rosbags-convert"):
        open_bag(tmp_path / "old.bag")


@pytest.mark.parametrize(
    "name",
    ["", "x", "a/b/c/d", "pkg/msg/A:\n    import os", 'pkg/msg/A"""\nimport os\n"""', "pkg/msg/A b", "../msg/A", "pkg/msg/1"],
)
def test_names_that_are_no_types_never_reach_the_code_generator(name: str) -> None:
    with pytest.raises(InputError, match="not a ROS 2 name"):
        message_type(name)


@pytest.mark.parametrize(
    ("text", "idl"),
    [
        ("float64", False),
        ("float64 x\n" + "=" * 80 + "\nMSG: pkg/A:import os\nint8 y\n", False),
        ("pkg/Missing x", False),
        ("module a { struct B { long x; }; };", True),
        ("\x00", False),
        ("float64 __class__\n", False),
    ],
)
def test_definitions_that_are_none_are_refused(text: str, idl: bool) -> None:
    with pytest.raises(InputError, match="pkg/msg/A"):
        types_of("pkg/msg/A", text, idl=idl)


def test_a_type_that_a_recording_defines_itself_is_read(tmp_path: Path) -> None:
    store = types_of("pkg/msg/A", "uint8 LIMIT=3\nfloat64 x\npkg/B[] parts\n" + "=" * 80 + "\nMSG: pkg/B\nint32 y\n", idl=False)
    made = store.types["pkg/msg/A"](x=1.5, parts=[store.types["pkg/msg/B"](y=7)])
    data = bytes(store.serialize_cdr(made, "pkg/msg/A"))
    assert store.deserialize_cdr(data, "pkg/msg/A").parts[0].y == 7
