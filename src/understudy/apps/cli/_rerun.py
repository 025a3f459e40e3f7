"""An episode as a rerun recording: every stream whole, in columns, on the timeline `t`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.geom.arrays import F64, I64
from understudy.geom.rotations import matrix_to_quat
from understudy.scenes.figure import SIDE_RGB, bone_side
from understudy.spec.episode import Episode
from understudy.spec.protocols import Progress
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import BONES, INDEX, JOINTS
from understudy.spec.stream import Stream

if TYPE_CHECKING:
    import rerun as rr

APPLICATION = "understudy"
TIMELINE = "t"
ROBOT, PERSON, FLOOR = "world/robot", "world/person", "world/floor"
_FLOOR_HALF_M, _FLOOR_STEP_M = 3.0, 0.5


@contextmanager
def to_file(path: Path) -> Iterator[rr.RecordingStream]:
    """A recording that is written to a file, whole when the block ends."""
    import rerun as rr

    recording = rr.RecordingStream(APPLICATION)
    recording.save(path)
    try:
        yield recording
    finally:
        recording.flush()
        recording.disconnect()


def to_window() -> rr.RecordingStream:
    """A recording that goes to a viewer on this machine's screen, started when there is none."""
    import rerun as rr

    recording = rr.RecordingStream(APPLICATION)
    recording.spawn()
    return recording


def log_episode(episode: Episode, robot: RobotModel, recording: rr.RecordingStream, progress: Progress) -> None:
    """Write an episode to a recording: the robot and the person in 3D, every stream of numbers or images, what was found.

    Raises:
        JointOrderError: the episode is another robot's.
    """
    from understudy.segment.signals import derived_streams

    every = [*episode.streams.values(), *derived_streams(episode, robot)]
    streams = [s for s in every if s.spec.kind == "image" or len(s.spec.shape) <= 1]
    total = len(streams) + 2
    recording.send_blueprint(_layout(streams))
    _about(episode, recording)
    _world(episode, robot, recording)
    progress(1, total)
    _person(episode, recording)
    for done, stream in enumerate(streams):
        progress(done + 2, total)
        if len(stream):
            _log_stream(stream, recording)
    progress(total, total)


def stream_path(stream: Stream) -> str:
    """Entity of a stream."""
    return f"{'images' if stream.spec.kind == 'image' else 'streams'}/{stream.spec.key}"


def _time(t_ns: I64) -> rr.TimeColumn:
    import rerun as rr

    return rr.TimeColumn(TIMELINE, duration=t_ns.astype("timedelta64[ns]"))


def _log_stream(stream: Stream, recording: rr.RecordingStream) -> None:
    import rerun as rr

    path, time = stream_path(stream), [_time(stream.t_ns)]
    if stream.video is not None:
        packets = [np.frombuffer(packet, dtype=np.uint8) for packet in stream.video.packets.span(0, len(stream))]
        recording.log(path, rr.VideoStream(codec=rr.VideoCodec.H264), static=True)
        rr.send_columns(
            path, time, rr.VideoStream.columns(sample=packets, is_keyframe=stream.video.keyframe), recording=recording
        )
        return
    if stream.spec.kind == "image":
        blobs = [np.frombuffer(bytes(jpeg), dtype=np.uint8) for jpeg in stream.data]
        rr.send_columns(
            path, time, rr.EncodedImage.columns(blob=blobs, media_type=["image/jpeg"] * len(blobs)), recording=recording
        )
        return
    values = stream.data.astype(np.float64).reshape(len(stream), -1)
    names = stream.spec.names or tuple(str(k) for k in range(values.shape[1]))
    unit = "" if stream.spec.unit == "1" else f" [{stream.spec.unit}]"
    recording.log(path, rr.SeriesLines(names=[f"{name}{unit}" for name in names]), static=True)
    columns = rr.Scalars.columns(scalars=values.ravel()).partition(np.full(len(values), values.shape[1]))
    rr.send_columns(path, time, columns, recording=recording)


def _world(episode: Episode, robot: RobotModel, recording: rr.RecordingStream) -> None:
    import rerun as rr

    from understudy.kinematics.forward import body_poses
    from understudy.scenes.visuals import robot_visuals

    recording.log("world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
    recording.log(FLOOR, rr.LineStrips3D(_floor_lines(), radii=0.002, colors=[[150, 158, 168]]), static=True)
    key, base_key = "observations/joint_positions", "debug/base_pose_world"
    if key not in episode or base_key not in episode:
        return
    t_ns = episode.stream(key).t_ns
    joints = episode.data(key)[:, robot.reorder(episode.joint_names, where=f"episode {episode.id}")]
    base = episode.stream(base_key).sample_at(t_ns).astype(np.float64)
    poses = body_poses(robot, base[:, :3], base[:, 3:7], joints)
    paths = body_paths(robot)
    for k, visual in enumerate(robot_visuals(robot)):
        mesh = rr.Mesh3D(
            vertex_positions=visual.vertices_body_m,
            triangle_indices=visual.faces,
            vertex_normals=_normals(visual.vertices_body_m, visual.faces),
            albedo_factor=[round(255 * c) for c in visual.rgba],
        )
        recording.log(f"{paths[visual.body]}/shape_{k}", mesh, static=True)
    for body, path in enumerate(paths):
        quat = matrix_to_quat(poses.rot_world[:, body])
        columns = rr.Transform3D.columns(translation=poses.pos_world_m[:, body], quaternion=np.roll(quat, -1, axis=1))
        rr.send_columns(path, [_time(t_ns)], columns, recording=recording)


def body_paths(robot: RobotModel) -> tuple[str, ...]:
    """Entity of each body: named after the joint that moves it; all side by side, for every pose is in `world`."""
    return (f"{ROBOT}/{robot.profile.links['pelvis']}", *(f"{ROBOT}/{name.removesuffix('_joint')}" for name in robot.joint_names))


def _person(episode: Episode, recording: rr.RecordingStream) -> None:
    import rerun as rr

    key = next((k for k in ("debug/human_target_world", "debug/human_joints_world") if k in episode), None)
    if key is None or not len(episode.stream(key)):
        return
    joints, t_ns = episode.data(key), episode.stream(key).t_ns
    ends = np.array([[INDEX[a], INDEX[b]] for a, b in BONES])
    strips = joints[:, ends].reshape(-1, 2, 3)
    colours = [[round(255 * c) for c in SIDE_RGB[bone_side(child)]] for _, child in BONES]
    recording.log(f"{PERSON}/bones", rr.LineStrips3D.from_fields(colors=colours, radii=0.01), static=True)
    columns = rr.LineStrips3D.columns(strips=strips).partition(np.full(len(joints), len(BONES)))
    rr.send_columns(f"{PERSON}/bones", [_time(t_ns)], columns, recording=recording)
    points = [[round(255 * c) for c in SIDE_RGB[bone_side(name)]] for name in JOINTS]
    recording.log(f"{PERSON}/joints", rr.Points3D.from_fields(colors=points, radii=0.018), static=True)
    columns = rr.Points3D.columns(positions=joints.reshape(-1, 3)).partition(np.full(len(joints), len(JOINTS)))
    rr.send_columns(f"{PERSON}/joints", [_time(t_ns)], columns, recording=recording)


def _about(episode: Episode, recording: rr.RecordingStream) -> None:
    """What is known of the episode, and its findings, each at its time."""
    import rerun as rr

    rows = "\n".join(f"| {name} | {str(value).replace('|', '/')} |" for name, value in sorted(episode.metadata.items()))
    verdict = episode.notes.verdict if episode.notes else "unchecked"
    text = f"# {episode.id}\n\nverdict: **{verdict}**\n\n| | |\n|---|---|\n{rows}\n"
    recording.log("about", rr.TextDocument(text, media_type=rr.MediaType.MARKDOWN), static=True)
    levels = {"reject": rr.TextLogLevel.ERROR, "warn": rr.TextLogLevel.WARN, "info": rr.TextLogLevel.INFO}
    for found in episode.notes.findings if episode.notes else ():
        at_ns = found.start_ns if found.start_ns is not None else int(episode.timeline_ns[0])
        recording.set_time(TIMELINE, duration=np.timedelta64(at_ns, "ns"))
        recording.log("findings", rr.TextLog(f"{found.gate}: {found.message}", level=levels[found.severity]))
    for part in episode.notes.segments if episode.notes else ():
        recording.set_time(TIMELINE, duration=np.timedelta64(part.start_ns, "ns"))
        recording.log("segments", rr.TextLog(": ".join(text for text in (part.label, part.subtask) if text)))
    recording.reset_time()


def _layout(streams: Sequence[Stream]) -> rr.blueprint.Blueprint:
    import rerun.blueprint as rrb

    images = [rrb.Spatial2DView(origin=stream_path(s), name=s.spec.name) for s in streams if s.spec.kind == "image"]
    plots = [rrb.TimeSeriesView(origin=stream_path(s), name=s.spec.name) for s in streams if s.spec.kind != "image"]
    logs = [rrb.TextLogView(origin=name, name=name) for name in ("findings", "segments")]
    about = [rrb.TextDocumentView(origin="about", name="about"), *logs]
    left = rrb.Vertical(rrb.Spatial3DView(origin="world", name="robot and person"), *images, row_shares=[3] + [1] * len(images))
    first = ("joint_positions", "ee_residual", "foot_contact")
    top = [v for name in first for v in plots if v.name == name]
    rest = [v for v in plots if v not in top]
    right = rrb.Vertical(*top, rrb.Tabs(*about, *rest))
    return rrb.Blueprint(rrb.Horizontal(left, right, column_shares=[3, 2]))


def _floor_lines() -> F64:
    at = np.arange(-_FLOOR_HALF_M, _FLOOR_HALF_M + 1e-9, _FLOOR_STEP_M)
    one, end = np.ones_like(at), _FLOOR_HALF_M
    along = np.stack([np.stack([at, -end * one, 0 * at], 1), np.stack([at, end * one, 0 * at], 1)], axis=1)
    return np.concatenate([along, along[:, :, [1, 0, 2]]])


def _normals(vertices: F64, faces: I64) -> F64:
    """(V, 3) mean direction of the faces at each vertex, weighted by their area."""
    corner = vertices[faces]
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(total, faces[:, k], face)
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12))
