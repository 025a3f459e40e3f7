"""ROS 2 and Unitree devices against publishers on the loopback interface, in a domain of the tests' own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from understudy import plugins
from understudy.devices.dds.topics import Network, TopicsDevice
from understudy.devices.messages.mapping import StreamMap, TopicMapping
from understudy.devices.robot.ros2 import Ros2Topics
from understudy.devices.robot.unitree import UnitreeRobot, UnitreeTopics
from understudy.errors import DeviceError
from understudy.kinematics.load import load_robot
from understudy.spec.default_schema import default_schema
from understudy.spec.robot import RobotModel
from understudy.spec.sample import NO_STAMP, Sample
from understudy.spec.stream import StreamSpec
from understudy.testing.export import picture
from understudy.testing.messages import Tree, imu, joint_state, low_cmd, low_state, stamped, wire_message, wxyz, xyz

pytest.importorskip("cyclonedds", reason="python -m pip install 'understudy[unitree]'")
pytest.importorskip("rosbags", reason="python -m pip install 'understudy[unitree]'")

from understudy.testing.dds import Sender, own_domain

DOMAIN = own_domain()
OTHER = DOMAIN - 45
NETWORK = Network(domain=DOMAIN, wait_s=15.0)
IMPATIENT = Network(domain=DOMAIN, wait_s=0.4)
JOINT_STATE, IMU = "sensor_msgs/msg/JointState", "sensor_msgs/msg/Imu"
POSITIONS = "observations/joint_positions"
T0 = 1_763_600_000_000_000_000
ROBOT = load_robot("unitree_g1")
SCHEMA = default_schema(ROBOT, "test")
GIVEN = {joint: 0.01 * (i + 1) for i, joint in enumerate(ROBOT.joint_names)}


class Streaming:
    """Sends a message again and again, each stamped anew, as a robot does; in steps, so that no thread is needed."""

    def __init__(self, sender: Sender, device: TopicsDevice) -> None:
        self.sender, self.device = sender, device
        self.sent = 0

    def exchange(self, messages: list[Tree], *, want: int, wait_s: float = 10.0) -> list[Sample]:
        """Send the messages and read until `want` samples came."""
        for values in messages:
            self.sender.send(values)
        found: list[Sample] = []
        until = time.monotonic() + wait_s
        while len(found) < want and time.monotonic() < until:
            found += self.device.read(0.1)
        return found


def started(device: TopicsDevice, sender: Sender, values: Tree) -> TopicsDevice:
    """The device, started while the sender sends; what came by then is read away."""
    import threading

    ready = threading.Event()

    def keep_sending() -> None:
        while not ready.wait(0.02):
            sender.send(values)

    thread = threading.Thread(target=keep_sending)
    thread.start()
    try:
        device.start()
    finally:
        ready.set()
        thread.join()
    while device.read(0.2):
        pass
    return device


def ros2(*entries: StreamMap, network: Network = NETWORK) -> Ros2Topics:
    return Ros2Topics(TopicMapping(streams=entries), ROBOT, SCHEMA, name="ros2", network=network)


@pytest.fixture
def opened() -> Iterator[list[TopicsDevice | Sender]]:
    """Devices and senders to close."""
    found: list[TopicsDevice | Sender] = []
    yield found
    for item in found:
        item.close()


def test_joint_states_arrive_by_name_with_their_stamps(opened: list[TopicsDevice | Sender]) -> None:
    device = ros2(
        *(StreamMap(stream=f"observations/joint_{s}", topic="/joint_states") for s in ("positions", "velocities", "torques"))
    )
    sender = Sender("/joint_states", JOINT_STATE, domain=DOMAIN)
    opened += [device, sender]
    turned = dict(reversed(GIVEN.items()))
    started(device, sender, joint_state(T0, turned))
    before_ns = time.monotonic_ns()
    sent = [joint_state(T0 + i * 5_000_000, {j: q + i for j, q in turned.items()}) for i in range(1, 9)]
    got = Streaming(sender, device).exchange(sent, want=24)
    after_ns = time.monotonic_ns()
    assert len(got) == 24
    for stream, factor in (("positions", 1), ("velocities", 10), ("torques", 100)):
        mine = [s for s in got if s.stream == f"observations/joint_{stream}"]
        assert [s.t_device_ns for s in mine] == [T0 + i * 5_000_000 for i in range(1, 9)]
        assert np.allclose(
            [np.asarray(s.data) for s in mine], factor * (np.array(list(GIVEN.values())) + np.arange(1, 9)[:, None])
        )
        assert [b.seq - a.seq for a, b in zip(mine, mine[1:], strict=False)] == [1] * 7
        assert all(before_ns <= s.t_arrival_ns <= after_ns and s.valid for s in mine)


def test_every_kind_of_topic(opened: list[TopicsDevice | Sender]) -> None:
    image = picture(3, width=64, height=48)
    jpeg = simplejpeg.encode_jpeg(image, quality=90, colorspace="RGB")
    raw = {"height": 48, "width": 64, "encoding": "bgr8", "step": 192, "data": image[..., ::-1].reshape(-1)}
    wrench = {"header": stamped(T0), "wrench": {"force": xyz((1, 2, 3)), "torque": xyz((4, 5, 6))}}
    pose = {"header": stamped(T0), "pose": {"position": xyz((1, 2, 3)), "orientation": wxyz((0.5, -0.5, 0.5, 0.5))}}
    kinds: dict[str, tuple[str, Tree, list[float] | None]] = {
        "observations/imu_torso": (IMU, imu(T0), [0.5, -0.5, 0.5, 0.5, 1, 2, 3, 4, 5, 6]),
        "observations/wrench_left_wrist": ("geometry_msgs/msg/WrenchStamped", wrench, [1, 2, 3, 4, 5, 6]),
        "debug/base_pose_world": ("geometry_msgs/msg/PoseStamped", pose, [1, 2, 3, 0.5, -0.5, 0.5, 0.5]),
        "observations/head_left": ("sensor_msgs/msg/Image", {"header": stamped(T0), **raw}, None),
        "debug/external_0": (
            "sensor_msgs/msg/CompressedImage",
            {"header": stamped(T0), "format": "jpeg", "data": np.frombuffer(jpeg, np.uint8)},
            None,
        ),
    }
    device = ros2(*(StreamMap(stream=key, topic=f"/{key}") for key in kinds))
    senders = {key: Sender(f"/{key}", kind, domain=DOMAIN, reliable=False) for key, (kind, _, _) in kinds.items()}
    opened += [device, *senders.values()]
    found = _first_of_each(device, senders, {key: values for key, (_, values, _) in kinds.items()})
    for key, (_, _, want) in kinds.items():
        assert found[key].t_device_ns == T0, key
        if want is not None:
            assert np.asarray(found[key].data).tolist() == want, key
    assert found["debug/external_0"].data == jpeg
    decoded = simplejpeg.decode_jpeg(found["observations/head_left"].data, colorspace="RGB")
    assert np.abs(decoded.astype(int) - image).mean() < 3


def _first_of_each(device: TopicsDevice, senders: Mapping[str, Sender], values: Mapping[str, Tree]) -> dict[str, Sample]:
    import threading

    made = {key: wire_message(senders[key].type_name, values[key]) for key in senders}
    ready = threading.Event()

    def keep_sending() -> None:
        while not ready.wait(0.05):
            for key, sender in senders.items():
                sender.write(made[key])

    thread = threading.Thread(target=keep_sending)
    thread.start()
    try:
        device.start()
        return {sample.stream: sample for sample in device.read(1.0)}
    finally:
        ready.set()
        thread.join()


@pytest.mark.parametrize("name", ["unitree_g1", "unitree_h1"])
def test_a_unitree_robot(name: str, opened: list[TopicsDevice | Sender]) -> None:
    robot = load_robot(name)
    schema = default_schema(robot, "test")
    given = {joint: 0.01 * (i + 1) for i, joint in enumerate(robot.joint_names)}
    kind = {"unitree_g1": "unitree_hg/msg/LowState", "unitree_h1": "unitree_go/msg/LowState"}[name]
    device = UnitreeRobot(robot, schema, name="robot", topics=UnitreeTopics(state=f"/lowstate_{name}"), network=NETWORK)
    sender = Sender(f"/lowstate_{name}", kind, domain=DOMAIN)
    opened += [device, sender]
    started(device, sender, low_state(name, 10, given))
    got = Streaming(sender, device).exchange([low_state(name, 1000 + 2 * i, given) for i in range(5)], want=20)
    imu_stream = {"unitree_g1": "observations/imu_pelvis", "unitree_h1": "observations/imu_torso"}[name]
    assert {s.stream for s in got} == {POSITIONS, "observations/joint_velocities", "observations/joint_torques", imu_stream}
    mine = [s for s in got if s.stream == POSITIONS]
    assert [s.t_device_ns for s in mine] == [1_000_000_000 + 2_000_000 * i for i in range(5)]
    assert np.allclose(np.asarray(mine[0].data), list(given.values()), rtol=1e-6)
    assert device.clock == "push"
    assert device.ping() is None


def test_commands_and_the_second_inertial_sensor(opened: list[TopicsDevice | Sender]) -> None:
    topics = UnitreeTopics(state="/ls_c", command="/lc_c", torso_imu="/imu_c")
    device = UnitreeRobot(ROBOT, SCHEMA, name="robot", topics=topics, network=NETWORK)
    state = {"quaternion": [1, 0, 0, 0], "gyroscope": [1, 2, 3], "accelerometer": [4, 5, 6]}
    values: dict[str, tuple[str, str, Tree]] = {
        "state": ("/ls_c", "unitree_hg/msg/LowState", low_state("unitree_g1", 5, GIVEN)),
        "command": ("/lc_c", "unitree_hg/msg/LowCmd", low_cmd("unitree_g1", {j: -q for j, q in GIVEN.items()})),
        "imu": ("/imu_c", "unitree_hg/msg/IMUState", state),
    }
    senders = {key: Sender(topic, kind, domain=DOMAIN) for key, (topic, kind, _) in values.items()}
    opened += [device, *senders.values()]
    found = _first_of_each(device, senders, {key: v for key, (_, _, v) in values.items()})
    command, torso = found["actions/joint_position_target"], found["observations/imu_torso"]
    assert np.allclose(np.asarray(command.data), [-q for q in GIVEN.values()], rtol=1e-6)
    assert command.t_device_ns == NO_STAMP
    assert np.allclose(np.asarray(torso.data), [1, 0, 0, 0, 1, 2, 3, 4, 5, 6])


def test_a_tick_goes_on_where_its_32_bits_begin_anew(opened: list[TopicsDevice | Sender]) -> None:
    device = UnitreeRobot(ROBOT, SCHEMA, name="robot", topics=UnitreeTopics(state="/ls_w"), network=NETWORK)
    sender = Sender("/ls_w", "unitree_hg/msg/LowState", domain=DOMAIN)
    opened += [device, sender]
    started(device, sender, low_state("unitree_g1", 2**32 - 9, GIVEN))
    ticks = [2**32 - 4, 2**32 - 2, 0, 2]
    got = Streaming(sender, device).exchange([low_state("unitree_g1", t, GIVEN) for t in ticks], want=16)
    stamps = [s.t_device_ns for s in got if s.stream == POSITIONS]
    assert np.diff(stamps).tolist() == [2_000_000] * 3


def test_a_sender_that_goes_and_comes_back(opened: list[TopicsDevice | Sender]) -> None:
    device = ros2(StreamMap(stream=POSITIONS, topic="/back"))
    sender = Sender("/back", JOINT_STATE, domain=DOMAIN)
    opened += [device, sender]
    started(device, sender, joint_state(T0, GIVEN))
    first = Streaming(sender, device).exchange([joint_state(T0 + 1, GIVEN)], want=1)
    assert [s.t_device_ns for s in first] == [T0 + 1]
    sender.close()
    assert list(device.read(0.3)) == []  # silence is no error
    again = Sender("/back", JOINT_STATE, domain=DOMAIN)
    opened.append(again)
    found: list[Sample] = []
    until = time.monotonic() + 10.0
    while not found and time.monotonic() < until:
        again.send(joint_state(T0 + 2, GIVEN))
        found += device.read(0.1)
    assert found[0].t_device_ns == T0 + 2
    assert found[0].seq == first[0].seq + 1


def test_a_message_that_does_not_fit_is_left_out_and_counted(opened: list[TopicsDevice | Sender]) -> None:
    device = ros2(StreamMap(stream=POSITIONS, topic="/odd"))
    sender = Sender("/odd", JOINT_STATE, domain=DOMAIN)
    opened += [device, sender]
    started(device, sender, joint_state(T0, GIVEN))
    wrong = {("left_nee_joint" if j == "left_knee_joint" else j): q for j, q in GIVEN.items()}
    nan = {**GIVEN, "left_knee_joint": float("nan")}
    messages = [joint_state(T0 + 1, GIVEN), joint_state(T0 + 2, wrong), joint_state(T0 + 3, nan), joint_state(T0 + 4, {})]
    got = Streaming(sender, device).exchange([*messages, joint_state(T0 + 5, GIVEN)], want=3)
    assert [(s.t_device_ns - T0, s.valid) for s in got] == [(1, True), (3, False), (5, True)]
    assert [s.seq - got[0].seq for s in got] == [0, 2, 4]  # what was left out shows as a gap
    assert sorted(device.refused.values()) == [1, 1]
    assert any("left_nee_joint" in reason and "did you mean 'left_knee_joint'" in reason for reason in device.refused)


def test_messages_that_dds_reports_as_lost_are_a_gap(
    opened: list[TopicsDevice | Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from cyclonedds.sub import DataReader

    device = ros2(StreamMap(stream=POSITIONS, topic="/lossy"))
    sender = Sender("/lossy", JOINT_STATE, domain=DOMAIN)
    opened += [device, sender]
    started(device, sender, joint_state(T0, GIVEN))
    first = Streaming(sender, device).exchange([joint_state(T0 + 1, GIVEN)], want=1)
    monkeypatch.setattr(DataReader, "get_sample_lost_status", lambda reader: SimpleNamespace(total_count=3))
    second = Streaming(sender, device).exchange([joint_state(T0 + 2, GIVEN)], want=1)
    assert second[0].seq - first[0].seq == 4


def test_messages_that_find_no_room_are_counted_and_a_gap(
    opened: list[TopicsDevice | Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("understudy.devices.dds.subscription.DEPTH", 20)
    device = ros2(StreamMap(stream=POSITIONS, topic="/flood"))
    sender = Sender("/flood", JOINT_STATE, domain=DOMAIN)
    opened += [device, sender]
    started(device, sender, joint_state(T0, GIVEN))
    first = Streaming(sender, device).exchange([joint_state(T0 + 1, GIVEN)], want=1)[-1]
    for k in range(50):  # nobody reads meanwhile
        sender.send(joint_state(T0 + 2 + k, GIVEN))
    time.sleep(0.5)
    found = list(device.read(0.1))
    assert [s.t_device_ns - T0 for s in found] == list(range(2, 22))
    assert [s.seq - first.seq for s in found] == list(range(1, 21))
    after = Streaming(sender, device).exchange([joint_state(T0 + 60, GIVEN)], want=1)
    assert after[0].seq - first.seq == 51  # 30 never came


def test_start_says_what_is_wrong(opened: list[TopicsDevice | Sender]) -> None:
    device = ros2(StreamMap(stream=POSITIONS, topic="/nobody", type=JOINT_STATE), network=IMPATIENT)
    with pytest.raises(DeviceError, match=r"nobody publishes rt/nobody in domain \d+ on interface 'lo'.*ip link"):
        device.start()
    other = Sender("/typed", IMU, domain=DOMAIN)
    opened.append(other)
    device = ros2(StreamMap(stream=POSITIONS, topic="/typed", type=JOINT_STATE), network=IMPATIENT)
    with pytest.raises(DeviceError, match=f"published with the type {IMU}, not {JOINT_STATE}"):
        device.start()
    device = ros2(StreamMap(stream=POSITIONS, topic="/typed"), network=IMPATIENT)
    with pytest.raises(DeviceError, match=f"does not fit that stream .{IMU}"):
        device.start()
    silent = Sender("/silent", JOINT_STATE, domain=DOMAIN)
    opened.append(silent)
    device = ros2(StreamMap(stream=POSITIONS, topic="/silent"), network=IMPATIENT)
    with pytest.raises(DeviceError, match="has a publisher, but nothing came"):
        device.start()


def test_start_refuses_joints_of_other_names(opened: list[TopicsDevice | Sender]) -> None:
    device = ros2(StreamMap(stream=POSITIONS, topic="/names"), network=Network(domain=DOMAIN, wait_s=1.5))
    sender = Sender("/names", JOINT_STATE, domain=DOMAIN)
    opened += [device, sender]
    with pytest.raises(DeviceError, match=r"no message fits .* no column 'l_knee'"):
        started(device, sender, joint_state(T0, {"l_knee": 1.0}))


def test_a_device_can_be_closed_twice_and_started_again(opened: list[TopicsDevice | Sender]) -> None:
    device = ros2(StreamMap(stream=POSITIONS, topic="/again"))
    sender = Sender("/again", JOINT_STATE, domain=DOMAIN)
    opened += [device, sender]
    with pytest.raises(DeviceError, match="not started"):
        device.read(0.0)
    for _ in range(2):
        started(device, sender, joint_state(T0, GIVEN))
        with pytest.raises(DeviceError, match="started already"):
            device.start()
        device.close()
        device.close()


def test_close_from_another_thread_ends_a_read_that_waits(opened: list[TopicsDevice | Sender]) -> None:
    import threading

    device = ros2(StreamMap(stream=POSITIONS, topic="/closed"))
    sender = Sender("/closed", JOINT_STATE, domain=DOMAIN)
    opened += [device, sender]
    started(device, sender, joint_state(T0, GIVEN))
    ends: list[object] = []

    def read() -> None:
        try:
            ends.append(list(device.read(2.0)))
        except DeviceError as error:
            ends.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    time.sleep(0.3)
    device.close()
    thread.join(20.0)
    assert ends == [[]]


SENDER = """
import sys, time
from understudy.testing.dds import Sender
from understudy.testing.messages import joint_state
sender = Sender("/elsewhere", "sensor_msgs/msg/JointState", domain=int(sys.argv[1]))
names = sys.argv[2].split(",")
for i in range(1500):
    sender.send(joint_state(i * 1_000_000, dict.fromkeys(names, 0.5)))
    time.sleep(0.01)
"""


def test_a_sender_in_another_process_is_heard_over_loopback(opened: list[TopicsDevice | Sender], tmp_path: Path) -> None:
    device = ros2(StreamMap(stream=POSITIONS, topic="/elsewhere"))
    opened.append(device)
    arguments = [sys.executable, "-c", SENDER, str(DOMAIN), ",".join(ROBOT.joint_names)]
    with subprocess.Popen(arguments, cwd=tmp_path) as process:
        try:
            device.start()
            samples = device.read(1.0)
        finally:
            process.kill()
    assert samples[0].stream == POSITIONS
    assert set(np.asarray(samples[0].data)) == {0.5}


def test_one_process_has_one_interface_per_domain(opened: list[TopicsDevice | Sender]) -> None:
    opened.append(Sender("/x", IMU, domain=DOMAIN))
    other = Network(domain=DOMAIN, interface="auto", wait_s=0.4)
    with pytest.raises(DeviceError, match="joined on interface 'lo' already"):
        ros2(StreamMap(stream=POSITIONS, topic="/x"), network=other).start()


@pytest.mark.parametrize("interface", ["no such", 'lo"/><x a="', "", "a" * 40])
def test_a_name_that_no_interface_has_is_refused(interface: str) -> None:
    network = Network(domain=OTHER, interface=interface, wait_s=0.4)
    with pytest.raises(DeviceError, match="network interface"):
        ros2(StreamMap(stream=POSITIONS, topic="/x"), network=network).start()


def test_an_interface_that_is_not_there_is_refused() -> None:
    network = Network(domain=OTHER, interface="nosuch0", wait_s=0.4)
    with pytest.raises(DeviceError, match="cannot be joined on interface 'nosuch0'"):
        ros2(StreamMap(stream=POSITIONS, topic="/x"), network=network).start()


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("unitree", {"interfase": "eth0"}, "did you mean 'interface'"),
        ("unitree", {"domain": 500}, "from 0 to 232"),
        ("unitree", {"domain": 1.5}, "whole number"),
        ("unitree", {"wait_s": "long"}, "a number"),
        ("unitree", {"state": "lowstate"}, "a topic such as /lowstate"),
        ("unitree", {"interface": 3.0}, "a text"),
        ("ros2", {}, "mapping"),
        ("ros2", {"mapping": "nowhere.toml"}, "nowhere.toml.*--propose"),
    ],
)
def test_factories_check_their_options(name: str, config: dict[str, str | float | bool], said: str) -> None:
    factory = plugins.load("devices", name)
    with pytest.raises(DeviceError, match=said):
        factory.open(config, ROBOT, SCHEMA)  # type: ignore[attr-defined]


def test_factories_open_devices(tmp_path: Path) -> None:
    config: dict[str, str | float | bool] = {
        "command": True,
        "torso_imu": "/imu2",
        "domain": "7",
        "interface": "eth9",
        "name": "g1",
    }
    (device,) = plugins.load("devices", "unitree").open(config, ROBOT, SCHEMA)  # type: ignore[attr-defined]
    assert (device.name, device.network) == ("g1", Network(7, "eth9", Network().wait_s))
    assert [(e.stream, e.topic) for e in device.entries][-2:] == [
        ("actions/joint_position_target", "/lowcmd"),
        ("observations/imu_torso", "/imu2"),
    ]
    file = tmp_path / "map.toml"
    file.write_text('robot = "unitree_g1"\n[[streams]]\nstream = "observations/joint_positions"\ntopic = "/joint_states"\n')
    (device,) = plugins.load("devices", "ros2").open({"mapping": str(file)}, ROBOT, SCHEMA)  # type: ignore[attr-defined]
    assert isinstance(device.streams[0], StreamSpec)
    file.write_text(file.read_text().replace("unitree_g1", "unitree_h1"))
    with pytest.raises(DeviceError, match="for unitree_h1"):
        plugins.load("devices", "ros2").open({"mapping": str(file)}, ROBOT, SCHEMA)  # type: ignore[attr-defined]


def _hands() -> RobotModel:
    return load_robot("unitree_g1_hands")


def test_robots_whose_motors_are_not_known_are_refused() -> None:
    robot = _hands()
    with pytest.raises(DeviceError, match=r"unitree_g1_hands.*did you mean 'unitree_g1'.*device ros2"):
        UnitreeRobot(robot, default_schema(robot, "x"), name="r", topics=UnitreeTopics(), network=NETWORK)
    h1 = load_robot("unitree_h1")
    with pytest.raises(DeviceError, match="one inertial sensor"):
        UnitreeRobot(h1, default_schema(h1, "x"), name="r", topics=UnitreeTopics(torso_imu="/i"), network=NETWORK)
