"""Paths, units, names, pictures and mappings: what of a message becomes a sample."""

from __future__ import annotations

import base64
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg

from understudy.devices.messages.columns import ByName
from understudy.devices.messages.convert import Converter
from understudy.devices.messages.decode import decode_cdr, decode_json, known_types
from understudy.devices.messages.fields import look_up, numbers, parse_path
from understudy.devices.messages.mapping import StampUnit, StreamMap, TopicMapping, parse_mapping
from understudy.devices.messages.pictures import jpeg_of
from understudy.devices.messages.recipes import KNOWN_TYPES
from understudy.devices.messages.unitree import LOW_CMD, LOW_STATE, MOTORS, UNUSED
from understudy.errors import InputError, MissingDependencyError, UnderstudyError, UnknownNameError
from understudy.kinematics.load import load_robot
from understudy.spec.default_schema import default_schema
from understudy.spec.robot import RobotModel
from understudy.spec.sample import NO_STAMP
from understudy.spec.stream import StreamSpec
from understudy.testing.export import picture
from understudy.testing.messages import imu, joint_state, low_cmd, low_state, message_bytes, stamped, wxyz, xyz

ROBOT = load_robot("unitree_g1")
SCHEMA = default_schema(ROBOT, "test")
JOINT_STATE, IMU, IMAGE = "sensor_msgs/msg/JointState", "sensor_msgs/msg/Imu", "sensor_msgs/msg/Image"
T0 = 1_763_600_000_123_456_789
JSON = {"a": {"b": [1, 2.5, {"c": True}], "pelvis.x": 4}, "null": None, "text": "word", "rows": [[1, 2], [3, 4]]}


def message(name: str, values: Any) -> object:
    return decode_cdr(message_bytes(name, values), name, known_types())


def positions(robot: RobotModel = ROBOT) -> dict[str, float]:
    return {joint: 0.01 * (i + 1) for i, joint in enumerate(robot.joint_names)}


def convert(entry: StreamMap, name: str, values: Any, robot: str = "unitree_g1") -> Any:
    return Converter(entry, SCHEMA.stream(entry.stream), name, robot=robot).read(message(name, values))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b[0]", [1.0]),
        ("a.b[1,0]", [2.5, 1.0]),
        ("a.b[2].c", [1.0]),
        ('a."pelvis.x"', [4.0]),
        ("rows[*]", [1.0, 2.0, 3.0, 4.0]),
        ("rows[1]", [3.0, 4.0]),
        ("rows[*][1]", [2.0, 4.0]),
    ],
)
def test_a_path_finds_its_numbers(path: str, found: list[float]) -> None:
    assert numbers(JSON, parse_path(path)).tolist() == found


def test_null_is_not_a_number() -> None:
    assert math.isnan(numbers(JSON, parse_path("null"))[0])


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("a.c", "no 'c'.*'b'|no 'c' there"),
        ("tex", "did you mean 'text'"),
        ("a.b[7]", "item 7 of a list of 3"),
        ("a.b[2]", "a number is needed|a dict"),
        ("text", "a str"),
        ("text[0]", "not a list"),
        ("a[0]", "not a list"),
        ("text.upper", "has no fields"),
    ],
)
def test_a_path_that_leads_nowhere_says_where(path: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        numbers(JSON, parse_path(path))


@pytest.mark.parametrize(
    "text", ["", ".a", "a..b", "a[", "a[-1]", "a[x]", "a b", "a{}", "a{x,}", '"', "a" * 500, "a.__class__()"]
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a path"):
        parse_path(text)


def test_only_fields_of_a_message_can_be_reached() -> None:
    with pytest.raises(InputError, match="__class__"):
        look_up(message(IMU, imu(T0)), parse_path("__class__"))


def test_joints_are_laid_by_name_whatever_the_order() -> None:
    given = positions()
    values = joint_state(T0, dict(reversed(given.items())))
    for stream, factor in (("positions", 1), ("velocities", 10), ("torques", 100)):
        reading = convert(StreamMap(stream=f"observations/joint_{stream}", topic="/j"), JOINT_STATE, values)
        assert np.allclose(reading.data, factor * np.array(list(given.values())), rtol=1e-15)
        assert reading.t_device_ns == T0
        assert reading.valid


def test_other_names_are_refused_with_the_nearest_and_can_be_renamed_or_ignored() -> None:
    given = positions()
    given["left_knee"] = given.pop("left_knee_joint")
    given["tail"] = 9.0
    entry = StreamMap(stream="observations/joint_positions", topic="/j")
    with pytest.raises(InputError, match=r"no column 'left_knee'; did you mean 'left_knee_joint'.*'left_knee_joint' is missing"):
        convert(entry, JOINT_STATE, joint_state(T0, given))
    mended = entry.model_copy(update={"rename": {"left_knee": "left_knee_joint"}, "ignore": ("tail",)})
    reading = convert(mended, JOINT_STATE, joint_state(T0, given))
    assert reading.data.tolist() == list(positions().values())


def test_a_name_twice_and_values_without_names_are_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        ByName(["a", "b"], where="x", rename={"c": "a"}, ignore=()).pick(["a", "c", "b"])
    values = joint_state(T0, positions())
    entry = StreamMap(stream="observations/joint_positions", topic="/j", field=("position",))
    with pytest.raises(InputError, match="29 joint values without names"):
        convert(entry, JOINT_STATE, values)
    short = {**values, "velocity": np.zeros(0)}
    with pytest.raises(InputError, match="0 values for 29 names"):
        convert(StreamMap(stream="observations/joint_velocities", topic="/j"), JOINT_STATE, short)


def test_columns_can_be_named_in_the_mapping() -> None:
    names = tuple(reversed(ROBOT.joint_names))
    data = [positions()[n] for n in names]
    entry = StreamMap(stream="actions/joint_position_target", topic="/c", field=("data",), columns=("", *names))
    reading = convert(entry, "std_msgs/msg/Float64MultiArray", {"data": [99.0, *data]})
    assert reading.data.tolist() == list(positions().values())
    assert reading.t_device_ns == NO_STAMP


@pytest.mark.parametrize("robot", sorted(MOTORS))
def test_unitree_motors_are_the_robots_joints(robot: str) -> None:
    model = load_robot(robot)
    assert sorted(j for j in MOTORS[robot] if j != UNUSED) == sorted(model.joint_names)
    given, schema = positions(model), default_schema(model, "test")
    values = low_state(robot, 1234, given)
    for stream, factor in (("positions", 1), ("velocities", 10), ("torques", 100)):
        spec = schema.stream(f"observations/joint_{stream}")
        converter = Converter(StreamMap(stream=spec.key, topic="/lowstate"), spec, LOW_STATE[robot], robot=robot)
        reading = converter.read(message(LOW_STATE[robot], values))
        assert np.allclose(reading.data, factor * np.array(list(given.values())), rtol=1e-6)
        assert reading.t_device_ns == 1_234_000_000
        assert not converter.stamped_on_wall_clock
    spec = schema.stream("actions/joint_position_target")
    converter = Converter(StreamMap(stream=spec.key, topic="/lowcmd"), spec, LOW_CMD[robot], robot=robot)
    assert np.allclose(converter.read(message(LOW_CMD[robot], low_cmd(robot, given))).data, list(given.values()), rtol=1e-6)


def test_h1_motor_order_is_its_own() -> None:
    """Hand-checked rows of Unitree's table: motor 0 is the right hip's roll, 9 is not used, 19 the left elbow."""
    motors = MOTORS["unitree_h1"]
    rows = {
        0: "right_hip_roll_joint",
        5: "left_knee_joint",
        6: "torso_joint",
        7: "left_hip_yaw_joint",
        8: "right_hip_yaw_joint",
        9: "",
        10: "left_ankle_joint",
        11: "right_ankle_joint",
        12: "right_shoulder_pitch_joint",
        19: "left_elbow_joint",
    }
    assert {i: motors[i] for i in rows} == rows
    assert len(motors) == 20
    assert len(MOTORS["unitree_g1"]) == 35


def test_the_mode_of_the_parallel_ankles_makes_joints_invalid() -> None:
    values = dict(low_state("unitree_g1", 0, positions()), mode_pr=1)
    entry = StreamMap(stream="observations/joint_positions", topic="/lowstate")
    assert not convert(entry, LOW_STATE["unitree_g1"], values).valid
    assert convert(StreamMap(stream="observations/imu_pelvis", topic="/lowstate"), LOW_STATE["unitree_g1"], values).valid


def test_an_imu_has_w_first_and_its_own_stamp() -> None:
    reading = convert(StreamMap(stream="observations/imu_pelvis", topic="/imu"), IMU, imu(T0))
    assert reading.data.tolist() == [0.5, -0.5, 0.5, 0.5, 1, 2, 3, 4, 5, 6]
    assert reading.t_device_ns == T0


def test_an_imu_without_an_orientation_is_refused() -> None:
    values = {**imu(T0), "orientation": wxyz((0.0, 0.0, 0.0, 0.0))}
    with pytest.raises(InputError, match="gives none"):
        convert(StreamMap(stream="observations/imu_pelvis", topic="/imu"), IMU, values)


def test_wrench_and_pose() -> None:
    values = {"header": stamped(T0), "wrench": {"force": xyz((1, 2, 3)), "torque": xyz((4, 5, 6))}}
    entry = StreamMap(stream="observations/wrench_left_ankle", topic="/ft")
    assert convert(entry, "geometry_msgs/msg/WrenchStamped", values).data.tolist() == [1, 2, 3, 4, 5, 6]
    values = {"header": stamped(T0), "pose": {"position": xyz((1, 2, 3)), "orientation": wxyz((0.5, 0.5, -0.5, 0.5))}}
    entry = StreamMap(stream="debug/base_pose_world", topic="/pose")
    assert convert(entry, "geometry_msgs/msg/PoseStamped", values).data.tolist() == [1, 2, 3, 0.5, 0.5, -0.5, 0.5]


def test_not_a_number_is_kept_and_marked() -> None:
    given = positions()
    given["left_knee_joint"] = math.nan
    reading = convert(StreamMap(stream="observations/joint_positions", topic="/j"), JOINT_STATE, joint_state(T0, given))
    assert not reading.valid
    assert np.isnan(reading.data[3])


def test_units_are_turned_into_the_streams() -> None:
    entry = StreamMap(stream="observations/joint_positions", topic="/j", unit=("deg",))
    reading = convert(entry, JOINT_STATE, joint_state(T0, dict.fromkeys(ROBOT.joint_names, 180.0)))
    assert np.allclose(reading.data, math.pi)
    fields = ("orientation{w,x,y,z}", "angular_velocity{x,y,z}", "linear_acceleration{x,y,z}")
    entry = StreamMap(stream="observations/imu_pelvis", topic="/imu", field=fields, unit=("1", "deg/s", "g"))
    found = convert(entry, IMU, imu(T0)).data
    assert np.allclose(found[4:7], np.deg2rad([1, 2, 3]))
    assert np.allclose(found[7:], 9.80665 * np.array([4, 5, 6]))
    parts = ("pose.position{x,y,z}", "pose.orientation{w,x,y,z}")
    entry = StreamMap(stream="debug/base_pose_world", topic="/pose", field=parts, unit=("mm", "1"))
    values = {"pose": {"position": xyz((1000, 2000, 3)), "orientation": wxyz((1, 0, 0, 0))}}
    assert np.allclose(convert(entry, "geometry_msgs/msg/PoseStamped", values).data, [1, 2, 0.003, 1, 0, 0, 0])


@pytest.mark.parametrize(("unit", "said"), [("mm", "fitting units: rad, deg"), ("degree", "did you mean 'deg'")])
def test_a_unit_that_does_not_fit_is_refused(unit: str, said: str) -> None:
    with pytest.raises(UnderstudyError, match=said):
        convert(
            StreamMap(stream="observations/joint_positions", topic="/j", unit=(unit,)), JOINT_STATE, joint_state(T0, positions())
        )


@pytest.mark.parametrize(
    ("stamp", "unit", "t_ns"),
    [
        ({"sec": 3, "nsec": 5}, "ns", 3_000_000_005),
        ({"sec": 3, "nanosec": 5}, "ns", 3_000_000_005),
        (17, "ms", 17_000_000),
        (1.5, "s", 1_500_000_000),
        (T0, "ns", T0),
    ],
)
def test_stamps_of_json_messages(stamp: object, unit: StampUnit, t_ns: int) -> None:
    spec = StreamSpec(name="x", group="debug", shape=(1,))
    entry = StreamMap(stream="debug/x", topic="/x", field=("v",), stamp="t", stamp_unit=unit)
    assert Converter(entry, spec, "", robot="").read({"t": stamp, "v": 1}).t_device_ns == t_ns


@pytest.mark.parametrize("stamp", ["now", None, math.nan, True, 1e300, [1], {"sec": "3", "nsec": 0}, 1 << 70])
def test_what_is_no_stamp_is_refused(stamp: object) -> None:
    spec = StreamSpec(name="x", group="debug", shape=(1,))
    entry = StreamMap(stream="debug/x", topic="/x", field=("v",), stamp="t")
    with pytest.raises(InputError, match="no stamp"):
        Converter(entry, spec, "", robot="").read({"t": stamp, "v": 1})


@pytest.mark.parametrize(("encoding", "channels"), [("rgb8", [0, 1, 2]), ("bgr8", [2, 1, 0])])
def test_raw_pictures_keep_their_colours(encoding: str, channels: list[int]) -> None:
    image = picture(3, width=64, height=48)
    padded = np.zeros((48, 64 * 3 + 8), dtype=np.uint8)
    padded[:, : 64 * 3] = image[..., channels].reshape(48, -1)
    values = {"height": 48, "width": 64, "encoding": encoding, "step": 64 * 3 + 8, "data": padded.reshape(-1)}
    found = simplejpeg.decode_jpeg(jpeg_of(message(IMAGE, values), IMAGE, where="x"), colorspace="RGB")
    assert np.abs(found.astype(int) - image).mean() < 3


def test_a_grey_picture() -> None:
    image = picture(3, width=64, height=48)[..., 1]
    values = {"height": 48, "width": 64, "encoding": "mono8", "step": 64, "data": np.ascontiguousarray(image).reshape(-1)}
    found = simplejpeg.decode_jpeg(jpeg_of(message(IMAGE, values), IMAGE, where="x"), colorspace="GRAY")
    assert np.abs(found[..., 0].astype(int) - image).mean() < 3


def test_a_jpeg_passes_untouched_and_a_png_becomes_one() -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow makes the PNG")
    import io

    name = "sensor_msgs/msg/CompressedImage"
    image = picture(5, width=64, height=48)
    jpeg = simplejpeg.encode_jpeg(image, quality=80, colorspace="RGB")
    assert jpeg_of(message(name, {"format": "jpeg", "data": np.frombuffer(jpeg, np.uint8)}), name, where="x") == jpeg
    assert jpeg_of({"format": "jpeg", "data": base64.b64encode(jpeg).decode()}, "foxglove.CompressedImage", where="x") == jpeg
    buffer = io.BytesIO()
    pillow.fromarray(image).save(buffer, "PNG")
    values = {"format": "rgb8; png compressed bgr8", "data": np.frombuffer(buffer.getvalue(), np.uint8)}
    found = simplejpeg.decode_jpeg(jpeg_of(message(name, values), name, where="x"), colorspace="RGB")
    assert np.abs(found.astype(int) - image).mean() < 3


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"height": 4, "width": 4, "encoding": "bayer_rggb8", "step": 4, "data": np.zeros(16, np.uint8)}, "bayer_rggb8.*rgb8"),
        ({"height": 4, "width": 4, "encoding": "rgb8", "step": 12, "data": np.zeros(10, np.uint8)}, "10 bytes for 4 x 4"),
        ({"height": 0, "width": 4, "encoding": "rgb8", "step": 12, "data": np.zeros(0, np.uint8)}, "0 bytes for 4 x 0"),
        ({"height": 4, "width": 4, "encoding": "rgb8", "step": 3, "data": np.zeros(12, np.uint8)}, "rows of 3"),
    ],
)
def test_what_is_no_picture_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        jpeg_of(message(IMAGE, values), IMAGE, where="x")


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (b"", "jpeg"),
        (b"\xff\xd8\xff\xe0rubbish", "jpeg"),
        (b"\x89PNG\r\n\x1a\nrubbish", "png"),
        (b"RIFF", "webp"),
        (b"\x89PNG\r\n\x1a\n", "16UC1; compressedDepth"),
    ],
)
def test_what_is_no_compressed_picture_is_refused(data: bytes, format: str) -> None:
    name = "sensor_msgs/msg/CompressedImage"
    with pytest.raises(InputError, match="topic x"):
        jpeg_of(message(name, {"format": format, "data": np.frombuffer(data, np.uint8)}), name, where="topic x")


def test_images_and_numbers_are_not_mistaken_for_each_other() -> None:
    with pytest.raises(InputError, match="an image topic is needed"):
        convert(StreamMap(stream="observations/head_left", topic="/j"), JOINT_STATE, {})
    with pytest.raises(InputError, match="no image"):
        convert(StreamMap(stream="observations/joint_positions", topic="/j"), IMAGE, {})
    with pytest.raises(InputError, match="does not fit"):
        convert(StreamMap(stream="observations/imu_pelvis", topic="/j"), JOINT_STATE, {})
    with pytest.raises(InputError, match="nothing is known"):
        convert(StreamMap(stream="observations/imu_pelvis", topic="/j"), "sensor_msgs/msg/Range", {})


def test_flags_and_whole_numbers_are_held_to_their_type() -> None:
    flag = StreamSpec(name="x", group="debug", shape=(2,), dtype="bool")
    entry = StreamMap(stream="debug/x", topic="/x", field=("v",))
    assert Converter(entry, flag, "", robot="").read({"v": [0, 2]}).data.tolist() == [False, True]  # type: ignore[union-attr]
    small = StreamSpec(name="x", group="debug", shape=(), dtype="int8")
    assert Converter(entry, small, "", robot="").read({"v": -3}).data == -3
    for wrong in (300, math.nan, None):
        with pytest.raises(InputError, match="do not fit int8"):
            Converter(entry, small, "", robot="").read({"v": wrong})
    with pytest.raises(InputError, match="2 values, the stream has 1"):
        Converter(entry, small, "", robot="").read({"v": [1, 2]})


def test_bytes_that_are_no_message_are_refused() -> None:
    whole = message_bytes(JOINT_STATE, joint_state(T0, positions()))
    for data in (b"", b"\x00", b"\x00\x07\x00\x00" + whole[4:], whole[: len(whole) // 2], whole[:4]):
        with pytest.raises(InputError, match="JointState"):
            decode_cdr(data, JOINT_STATE, known_types())
    for text in (b"", b"[1]", b"{", b'"x"', b"\xff", b"[" * 100_000):
        with pytest.raises(InputError, match="topic"):
            decode_json(text, "topic /x")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "streams"),
        ("streams = []", "no .*streams"),
        ("[[streams]]\nstream = 'a/b'", "topic"),
        ("[[streams]]\nstream = 'a/b'\ntopic = 'x'", "slash"),
        ("[[streams]]\nstream = 'a/b'\ntopic = '/x'\nfeild = 'q'", "did you mean 'field'"),
        ("[[streams]]\nstream = 'a/b'\ntopic = '/x'\nfield = 'q['", "not a path"),
        ("[[streams]]\nstream = 'a/b'\ntopic = '/x'\nclock = 'wall'", "header"),
        ("[[streams]]\nstream = 'a/b'\ntopic = '/x'\n[[streams]]\nstream = 'a/b'\ntopic = '/y'", "mapped twice"),
        ("[[streams]]\nstream = 'a/b'\ntopic = '/x'\nfield = ['p', 'q', 'r']\nunit = ['m', 'm']", "2 units for 3 fields"),
        ("[[streams]]\nstream = 'a/b'\ntopic = '/x'\nnames = 'n'\ncolumns = ['q']", "one of them"),
        ("robot = 3", "robot"),
        ("= 1", "TOML"),
        ("format = 'other'\n[[streams]]\nstream = 'a/b'\ntopic = '/x'", "format"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InputError, match=f"(?s)map.toml.*{said}"):
        parse_mapping(text, where="map.toml")


def test_a_mapping_survives_json() -> None:
    mapping = parse_mapping(
        "robot = 'unitree_g1'\n[[streams]]\nstream = 'a/b'\ntopic = '/x'\nfield = 'q'\nunit = 'deg'\nrename = { x = 'y' }",
        where="m",
    )
    assert TopicMapping.model_validate(mapping.model_dump(mode="json")) == mapping
    assert mapping.streams[0].field == ("q",)


def test_every_known_type_is_defined() -> None:
    others = ("foxglove", "understudy")
    assert [n for n in KNOWN_TYPES if n not in known_types().fielddefs and not n.startswith(others)] == []


def test_an_unknown_type_and_stream_come_with_the_nearest() -> None:
    from understudy.devices.messages.decode import check_type

    with pytest.raises(UnknownNameError, match="did you mean 'sensor_msgs/msg/JointState'"):
        check_type(known_types(), "sensor_msgs/msg/JointStates")


def test_numbers_beyond_all_measure_are_kept_and_marked() -> None:
    small = StreamSpec(name="x", group="debug", shape=(2,), dtype="float32")
    reading = Converter(StreamMap(stream="debug/x", topic="/x", field=("v",)), small, "", robot="").read({"v": [1e300, 1.0]})
    assert not reading.valid
    values = {**imu(T0), "orientation": wxyz((1e300, 1e300, 0.0, 0.0))}
    assert convert(StreamMap(stream="observations/imu_pelvis", topic="/imu"), IMU, values).data[0] == 1e300


@pytest.mark.parametrize(("module", "extra"), [("rosbags.typesys", "ros"), ("cyclonedds.domain", "unitree")])
def test_a_missing_library_comes_with_its_command(module: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from understudy.devices.dds.idl import need_cyclone
    from understudy.devices.messages.decode import new_types
    from understudy.pipeline.bags.definitions import types_of

    monkeypatch.setitem(sys.modules, module, None)
    for call in (new_types, lambda: types_of("a/msg/B", "int8 x", idl=False)) if extra == "ros" else (need_cyclone,):
        with pytest.raises(MissingDependencyError, match=rf"pip install 'understudy\[{extra}\]'"):
            call()


def test_json_recordings_need_no_ros(tmp_path: Path) -> None:
    """In a process where rosbags cannot be imported."""
    script = (
        "import sys; sys.modules['rosbags'] = None\n"
        "from pathlib import Path\n"
        "from understudy.testing.bags import write_json_mcap\n"
        "from understudy.pipeline.bags.ros2_bag import open_mcap\n"
        "from understudy.pipeline.bags.survey import survey\n"
        "write_json_mcap(Path('x.mcap'), [('/a', 5, {'b': 1})])\n"
        "topics, _ = survey(open_mcap(Path('x.mcap')))\n"
        "print(topics['/a'].channel.decode(topics['/a'].first))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "{'b': 1}", ran.stderr
