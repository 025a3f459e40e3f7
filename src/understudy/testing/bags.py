"""ROS 2 bags and MCAP files of a standing robot, to try the importers on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from understudy.devices.messages.decode import known_types
from understudy.devices.messages.mapping import parse_mapping
from understudy.geom.arrays import F64
from understudy.pipeline.bags.collect import Collected, Stretch, collect
from understudy.pipeline.bags.ros2_bag import open_bag, open_mcap
from understudy.spec.default_schema import default_schema
from understudy.spec.robot import RobotModel
from understudy.testing.export import picture
from understudy.testing.messages import Tree, imu, joint_state, message_bytes, stamped, wxyz, xyz

T0_NS = 1_763_600_000_000_000_000
"""First stamp: 2025-11-20 00:53:20 UTC."""
DELAY_NS = 2_000_000
"""A message is written down so long after its stamp."""
JOINT_STATE, IMU, IMAGE = "sensor_msgs/msg/JointState", "sensor_msgs/msg/Imu", "sensor_msgs/msg/Image"
WIDTH, HEIGHT = 64, 48


@dataclass(frozen=True)
class Written:
    """One message to write.

    Attributes:
        topic: its topic.
        type_name: its type.
        log_ns: when it was written down.
        values: its fields that are not at their default.
    """

    topic: str
    type_name: str
    log_ns: int
    values: Tree


def standing(robot: RobotModel, t_s: float) -> F64:
    """(J,) the home pose, every joint swaying by 0.02 rad with a phase of its own."""
    return np.asarray(robot.home_rad + 0.02 * np.sin(2.0 * t_s + np.arange(robot.dof)))


def sway_rate(robot: RobotModel, t_s: float) -> F64:
    """(J,) how fast the joints of `standing` turn, rad/s."""
    return np.asarray(0.04 * np.cos(2.0 * t_s + np.arange(robot.dof)))


AT_REST: Tree = {
    "orientation": wxyz((1.0, 0.0, 0.0, 0.0)),
    "angular_velocity": xyz((0.0, 0.0, 0.0)),
    "linear_acceleration": xyz((0.0, 0.0, 9.81)),
}
"""What the Imu of a pelvis says that stands still."""


def standing_messages(robot: RobotModel, *, duration_s: float = 2.0, camera: bool = False) -> Iterator[Written]:
    """JointState at 200 Hz with the joints in reverse, a level Imu at 100 Hz, and a bgr8 camera at 20 Hz where asked for."""
    for i in range(round(duration_s * 200)):
        t_ns = T0_NS + i * 5_000_000
        q = standing(robot, i / 200)
        named = {name: float(q[k]) for k, name in reversed(list(enumerate(robot.joint_names)))}
        moving = {**joint_state(t_ns, named), "velocity": sway_rate(robot, i / 200)[::-1]}
        yield Written("/joint_states", JOINT_STATE, t_ns + DELAY_NS, moving)
        if i % 2 == 0:
            yield Written("/imu/pelvis", IMU, t_ns + DELAY_NS, {**imu(t_ns), **AT_REST})
        if camera and i % 10 == 0:
            image = picture(i // 10, width=WIDTH, height=HEIGHT)
            raw = {"height": HEIGHT, "width": WIDTH, "encoding": "bgr8", "step": WIDTH * 3, "data": image[..., ::-1].reshape(-1)}
            yield Written("/head/left/image_raw", IMAGE, t_ns + DELAY_NS, {"header": stamped(t_ns), **raw})


def write_bag(folder: Path, messages: Iterable[Written], *, storage: Literal["mcap", "sqlite3"] = "mcap") -> Path:
    """Write a bag as rosbag2 does, by rosbags."""
    from rosbags.rosbag2 import StoragePlugin, Writer

    plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
    with Writer(folder, version=9, storage_plugin=plugin) as writer:
        connections: dict[str, object] = {}
        for message in messages:
            if message.topic not in connections:
                connections[message.topic] = writer.add_connection(message.topic, message.type_name, typestore=known_types())
            connection = connections[message.topic]
            writer.write(connection, message.log_ns, message_bytes(message.type_name, message.values))
    return folder


def changed_bag(folder: Path, robot: RobotModel, change: Callable[[int, Written], Written | None]) -> Path:
    """The bag `bag` in a folder: 200 joint states, each as `change` makes it of its number and message; None leaves it out."""
    joints = (m for m in standing_messages(robot, duration_s=1.0) if m.type_name == JOINT_STATE)
    changed = (change(i, m) for i, m in enumerate(joints))
    return write_bag(folder / "bag", [m for m in changed if m is not None])


def later(values: Tree, by_ns: int) -> Tree:
    """The fields of a message whose header's stamp is later by so many nanoseconds."""
    header: Any = values["header"]
    stamp = header["stamp"]
    return {**values, "header": stamped(stamp["sec"] * 10**9 + stamp["nanosec"] + by_ns)}


def write_ros_mcap(path: Path, messages: Iterable[Written], *, chunk_bytes: int = 1 << 14) -> Path:
    """Write a file as rosbag2's MCAP storage does, in many chunks, with the definitions of its types."""
    from mcap.writer import CompressionType, Writer

    with path.open("wb") as file:
        writer = Writer(file, chunk_size=chunk_bytes, compression=CompressionType.NONE)
        writer.start(profile="ros2", library="test")
        channels: dict[str, int] = {}
        for message in messages:
            if message.topic not in channels:
                text, _ = known_types().generate_msgdef(message.type_name, ros_version=2)
                schema = writer.register_schema(name=message.type_name, encoding="ros2msg", data=text.encode())
                channels[message.topic] = writer.register_channel(topic=message.topic, message_encoding="cdr", schema_id=schema)
            data = message_bytes(message.type_name, message.values)
            writer.add_message(channels[message.topic], log_time=message.log_ns, publish_time=message.log_ns, data=data)
        writer.finish()
    return path


def write_json_mcap(
    path: Path, messages: Iterable[tuple[str, int, object]], *, encoding: str = "json", chunk_bytes: int = 1 << 16
) -> Path:
    """Write an MCAP file of JSON messages.

    Args:
        path: of the file.
        messages: (topic, log time, message).
        encoding: what the channels say they are.
        chunk_bytes: a chunk is written when it has grown so long.
    """
    from mcap.writer import Writer

    with path.open("wb") as file:
        writer = Writer(file, chunk_size=chunk_bytes)
        writer.start(profile="", library="test")
        schema = writer.register_schema(name="test.Any", encoding="jsonschema", data=b'{"type": "object"}')
        channels: dict[str, int] = {}
        for topic, log_ns, message in messages:
            if topic not in channels:
                channels[topic] = writer.register_channel(topic=topic, message_encoding=encoding, schema_id=schema)
            writer.add_message(channels[topic], log_time=log_ns, publish_time=log_ns, data=json.dumps(message).encode())
        writer.finish()
    return path


def mapping_text(robot: str, entries: Sequence[tuple[str, str, str]]) -> str:
    """A mapping file.

    Args:
        robot: profile name.
        entries: (stream, topic, further lines).
    """
    lines = ['format = "understudy-mapping"', f'robot = "{robot}"']
    for stream, topic, more in entries:
        lines += ["", "[[streams]]", f'stream = "{stream}"', f'topic = "{topic}"', *([more] if more else [])]
    return "\n".join(lines) + "\n"


POSITIONS, IMU_PELVIS = "observations/joint_positions", "observations/imu_pelvis"
PLAIN = mapping_text("unitree_g1", [(POSITIONS, "/joint_states", ""), (IMU_PELVIS, "/imu/pelvis", "")])
ONLY_JOINTS = mapping_text("unitree_g1", [(POSITIONS, "/joint_states", "")])
"""Mappings for the bags of a G1 that stands."""


def bags_of_both_storages(folder: Path, robot: RobotModel) -> Path:
    """The folder, with the bags `mcap` and `sqlite3` of a robot that stands and has a camera."""
    write_bag(folder / "mcap", standing_messages(robot, camera=True))
    write_bag(folder / "sqlite3", standing_messages(robot, camera=True), storage="sqlite3")
    return folder


def gathered(path: Path, text: str, robot: RobotModel, *, stretch: Stretch | None = None) -> Collected:
    """What a mapping takes from a bag or an MCAP file under the robot's default schema."""
    mapping, schema = parse_mapping(text, where="map.toml"), default_schema(robot, "test")
    recording = open_bag(path) if path.is_dir() or path.suffix == ".db3" else open_mcap(path)
    specs = {e.stream: schema.stream(e.stream) for e in mapping.streams}
    return collect(recording, mapping, specs, robot=robot.name, stretch=stretch)
