"""What of an episode goes into an MCAP file: one track per topic, its messages in the order of their stamps."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from understudy.errors import ExportError, JointOrderError, UnknownNameError
from understudy.export._features import POSITIONS, export_grid
from understudy.export._mcap_schemas import (
    FRAMES,
    FRAMES_TOPIC,
    IMAGE,
    SAMPLE,
    frames_schema,
    image_schema,
    sample_schema,
    topic_of,
)
from understudy.export._motion_clip import ROOT
from understudy.geom.arrays import I64, AnyArray
from understudy.geom.interpolation import latest_index
from understudy.geom.rotations import matrix_to_quat, quat_mul, rotvec_to_quat
from understudy.spec.episode import Episode
from understudy.spec.protocols import ExportOptions
from understudy.spec.robot import RobotModel
from understudy.spec.stream import Stream

Json = Mapping[str, object]
ANCHOR_WALL, ANCHOR_HOST = "record_anchor_wall_ns", "record_anchor_monotonic_ns"
"""Metadata of a recorded episode: UTC nanoseconds since 1970 at a moment, and the same moment on the episode's clock."""
_RAW_COLUMNS = ("t_device_ns", "t_arrival_ns", "seq")
_NS = 1_000_000_000


@dataclass(frozen=True)
class Track:
    """One topic.

    Attributes:
        topic: its name.
        schema_name: of its messages.
        schema: JSON schema of them.
        t_ns: (N,) stamps on the episode's clock.
        message: place to message.
        about: what the channel says of itself.
    """

    topic: str
    schema_name: str
    schema: bytes
    t_ns: I64
    message: Callable[[int], Json]
    about: Mapping[str, str]

    def messages(self) -> Iterator[tuple[int, int, bytes]]:
        """(stamp, place, bytes) of each message."""
        for place, t_ns in enumerate(self.t_ns.tolist()):
            yield t_ns, place, json.dumps(self.message(place), separators=(",", ":"), allow_nan=False).encode()


def wall_anchor_ns(episode: Episode) -> int:
    """What to add to the episode's stamps for UTC nanoseconds since 1970; 0 where that is not known."""
    wall_ns, host_ns = (episode.metadata.get(key, 0) for key in (ANCHOR_WALL, ANCHOR_HOST))
    if isinstance(wall_ns, int) and isinstance(host_ns, int) and wall_ns:
        return int(wall_ns) - int(host_ns)
    return 0


def exported_streams(episode: Episode, robot: RobotModel, options: ExportOptions) -> tuple[Stream, ...]:
    """The streams as they are exported: joints in the robot's order, at their own stamps or at the rate asked for.

    Raises:
        ExportError: a value of an observation or action is not finite, or the episode has no steps.
        JointOrderError: the episode is another robot's.
        UnknownNameError: a camera was asked for that the episode does not have.
    """
    if episode.robot != robot.name:
        raise JointOrderError(f"episode {episode.id} is of robot {episode.robot}, the export of {robot.name}; export them apart")
    steps_ns = export_grid(episode, options.fps or 1.0)
    grid_ns = steps_ns if options.fps else None
    pictures = [s.spec.name for s in episode.streams.values() if s.spec.kind == "image"]
    for name in options.cameras or ():
        if name not in pictures:
            raise UnknownNameError(f"camera of episode {episode.id}", name, pictures)
    made = []
    for key in sorted(episode.streams):
        stream = episode.streams[key]
        left_out = stream.spec.kind == "image" and options.cameras is not None and stream.spec.name not in options.cameras
        if len(stream) and not left_out:
            made.append(_at(_ordered(episode, stream, robot), grid_ns))
            _check_finite(episode, made[-1])
    return tuple(made)


def tracks(episode: Episode, robot: RobotModel, options: ExportOptions) -> tuple[Track, ...]:
    """Every topic of an episode's file.

    Raises:
        ExportError, JointOrderError, UnknownNameError: as `exported_streams`.
    """
    anchor_ns = wall_anchor_ns(episode)
    streams = exported_streams(episode, robot, options)
    made = [_track(stream, anchor_ns) for stream in streams]
    if POSITIONS in episode and len(episode.stream(POSITIONS)):
        grid_ns = export_grid(episode, options.fps) if options.fps else episode.timeline_ns
        made.append(_frames(episode, robot, grid_ns, anchor_ns))
    return tuple(made)


def _ordered(episode: Episode, stream: Stream, robot: RobotModel) -> Stream:
    """The stream with joint columns in the robot's order."""
    spec = stream.spec
    names = spec.names or (episode.joint_names if spec.frame == "joint" and spec.shape == (robot.dof,) else ())
    if spec.frame != "joint" or len(names) != robot.dof or spec.kind == "image":
        return stream
    order = robot.reorder(names, where=f"episode {episode.id}, stream {spec.key}")
    named = spec.model_copy(update={"names": robot.joint_names})
    if np.array_equal(order, np.arange(robot.dof)):
        return replace(stream, spec=named)
    return replace(stream, spec=named, values=stream.data[:, order])


def _at(stream: Stream, grid_ns: I64 | None) -> Stream:
    if grid_ns is None:
        return stream
    if stream.spec.kind == "image":
        values: AnyArray = stream.data[latest_index(stream.t_ns, grid_ns)]
    else:
        values = stream.sample_at(grid_ns)
    return replace(stream, t_ns=grid_ns, values=values, extra={})


def _check_finite(episode: Episode, stream: Stream) -> None:
    spec = stream.spec
    if spec.kind == "image" or stream.data.dtype.kind != "f" or spec.group == "debug":
        return
    flat = stream.data.astype(np.float64).reshape(len(stream), -1)
    bad = np.argwhere(~np.isfinite(flat))
    if len(bad):
        step, column = bad[0]
        name = spec.names[column] if spec.names else f"column {column}"
        raise ExportError(
            f"episode {episode.id}, stream {spec.key}, {name}: {flat[step, column]} at sample {step}; JSON holds finite numbers. "
            "Run `understudy check`, it moves such episodes to failures"
        )


def _track(stream: Stream, anchor_ns: int) -> Track:
    spec = stream.spec
    about = {"unit": spec.unit, "frame": spec.frame, "kind": spec.kind, "dtype": spec.dtype, "derived": stream.derived}
    if spec.kind == "image":
        return Track(topic_of(spec.key), IMAGE, image_schema(), stream.t_ns, _picture(stream, anchor_ns), about)
    return Track(topic_of(spec.key), SAMPLE, sample_schema(spec), stream.t_ns, _sample(stream, anchor_ns), about)


def _picture(stream: Stream, anchor_ns: int) -> Callable[[int], Json]:
    def message(place: int) -> Json:
        return {
            "timestamp": time_json(int(stream.t_ns[place]) + anchor_ns),
            "frame_id": stream.spec.frame,
            "data": base64.b64encode(bytes(stream.data[place])).decode("ascii"),
            "format": "jpeg",
            **_raw(stream, place),
        }

    return message


def _sample(stream: Stream, anchor_ns: int) -> Callable[[int], Json]:
    names = stream.spec.names

    def message(place: int) -> Json:
        row = stream.data[place]
        value: object = row.tolist()
        if row.dtype.kind == "f" and not np.isfinite(row.astype(np.float64)).all():
            value = _with_nulls(value)
        if names:
            flat = np.array(value, dtype=object).reshape(-1).tolist()
            value = dict(zip(names, flat, strict=True))
        return {"timestamp": time_json(int(stream.t_ns[place]) + anchor_ns), "value": value, **_raw(stream, place)}

    return message


def _with_nulls(value: object) -> object:
    """Null where a number is not finite: JSON has no word for it."""
    if isinstance(value, list):
        return [_with_nulls(item) for item in value]
    return value if isinstance(value, float) and np.isfinite(value) else None


def _raw(stream: Stream, place: int) -> Json:
    """The recorder's own columns of a sample, where the stream has them."""
    found: dict[str, object] = {name: int(stream.extra[name][place]) for name in _RAW_COLUMNS if name in stream.extra}
    if "valid" in stream.extra:
        found["invalid"] = not bool(stream.extra["valid"][place])
    return found


def time_json(t_ns: int) -> Json:
    """A stamp as Foxglove's schemas have it."""
    return {"sec": t_ns // _NS, "nsec": t_ns % _NS}


def _frames(episode: Episode, robot: RobotModel, t_ns: I64, anchor_ns: int) -> Track:
    """Every body's frame in its parent's, for the 3D view; the pelvis in the world where its pose is known."""
    joints = episode.stream(POSITIONS)
    order = robot.reorder(joints.spec.names or episode.joint_names, where=f"episode {episode.id}, stream {POSITIONS}")
    q = np.asarray(joints.sample_at(t_ns), dtype=np.float64)[:, order]
    quat = quat_mul(matrix_to_quat(robot.rot_parent_joint)[None], rotvec_to_quat(q[:, :, None] * robot.axis_joint[None]))
    bodies = body_frames(robot)
    has_root = ROOT in episode and len(episode.stream(ROOT)) > 0
    root = np.asarray(episode.stream(ROOT).sample_at(t_ns), dtype=np.float64) if has_root else np.zeros((0, 7))
    if has_root and not np.isfinite(root).all():
        has_root = False

    def message(place: int) -> Json:
        stamp = time_json(int(t_ns[place]) + anchor_ns)
        found = [_transform(stamp, "world", bodies[0], root[place, :3], root[place, 3:])] if has_root else []
        for joint in range(robot.dof):
            parent, at = bodies[int(robot.body_parent[joint])], robot.pos_parent_joint_m[joint]
            found.append(_transform(stamp, parent, bodies[joint + 1], at, quat[place, joint]))
        return {"transforms": found}

    return Track(FRAMES_TOPIC, FRAMES, frames_schema(), t_ns, message, {"derived": "forward_kinematics"})


def body_frames(robot: RobotModel) -> tuple[str, ...]:
    """(J + 1) a frame name per body: the link whose frame it is, else the joint that moves it."""
    names = [robot.profile.links.get("pelvis", "pelvis"), *robot.joint_names]
    for link, frame in sorted(robot.frames.items()):
        same = not frame.pos_body_frame_m.any() and np.array_equal(frame.rot_body_frame, np.eye(3))
        if frame.body > 0 and same and names[frame.body] in robot.joint_names:
            names[frame.body] = link
    return tuple(names)


def _transform(stamp: Json, parent: str, child: str, pos_m: AnyArray, quat_wxyz: AnyArray) -> Json:
    x, y, z = (float(v) for v in pos_m)
    qw, qx, qy, qz = (float(v) for v in quat_wxyz)
    return {
        "timestamp": stamp,
        "parent_frame_id": parent,
        "child_frame_id": child,
        "translation": {"x": x, "y": y, "z": z},
        "rotation": {"x": qx, "y": qy, "z": qz, "w": qw},
    }
