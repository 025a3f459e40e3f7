"""The MCAP exporter keeps the laws of every exporter, and an MCAP file says what its episode says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap.writer import Writer

from understudy.errors import ExportError, UnknownNameError
from understudy.export.mcap import McapExporter
from understudy.geom.rotations import quat_apply, quat_mul
from understudy.kinematics.forward import body_poses
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding
from understudy.spec.protocols import ExportOptions
from understudy.spec.stream import Stream
from understudy.testing.episodes import make_episode, with_stream
from understudy.testing.export import ExporterSuite, with_camera
from understudy.testing.stand_in import stand_in_robot

POSITIONS = "observations/joint_positions"
EXPORTER = McapExporter()


class TestMcap(ExporterSuite):
    exporter = EXPORTER


def _export(episode: Episode, out: Path, options: ExportOptions | None = None) -> Path:
    robot = stand_in_robot()
    EXPORTER.export(
        [episode],
        out,
        robot=robot,
        schema=default_schema(robot, "test"),
        options=options or ExportOptions(),
        progress=lambda done, total: None,
    )
    return out / "episodes" / f"{episode.id}.mcap"


def _topics(file: Path) -> Mapping[str, list[tuple[int, dict[str, object]]]]:
    found: dict[str, list[tuple[int, dict[str, object]]]] = {}
    with file.open("rb") as stream:
        for _, channel, message in make_reader(stream).iter_messages():
            found.setdefault(channel.topic, []).append((message.log_time, json.loads(message.data)))
    return found


def _recorded(episode: Episode, key: str) -> Episode:
    """The episode with the raw columns of a recorded stream."""
    stream = episode.stream(key)
    n = len(stream)
    extra = {
        "t_device_ns": np.arange(n, dtype=np.int64) * 7,
        "t_arrival_ns": stream.t_ns + 1_000_000,
        "seq": np.arange(n, dtype=np.int64) + 5,
        "valid": np.arange(n) != 3,
    }
    return with_stream(episode, replace(stream, extra=extra))


def test_joints_are_named_and_stamps_are_on_the_wall_clock_where_it_is_known(tmp_path: Path) -> None:
    anchor = 1_763_600_000_000_000_000
    episode = make_episode(duration_s=0.5, metadata={"record_anchor_wall_ns": anchor + 77, "record_anchor_monotonic_ns": 77})
    found = _topics(_export(episode, tmp_path / "out"))[f"/{POSITIONS}"]
    stream = episode.stream(POSITIONS)
    assert [t for t, _ in found] == (stream.t_ns + anchor).tolist()
    for place in (0, len(stream) - 1):
        message = found[place][1]
        assert message["value"] == dict(zip(episode.joint_names, stream.data[place].tolist(), strict=True))
        stamp = message["timestamp"]
        assert isinstance(stamp, dict)
        assert stamp["sec"] * 10**9 + stamp["nsec"] == found[place][0]


def test_the_frames_are_the_robots_kinematics(tmp_path: Path) -> None:
    robot, episode = stand_in_robot(), make_episode(duration_s=0.2)
    message = _topics(_export(episode, tmp_path / "out"))["/tf"][4][1]
    transforms = message["transforms"]
    assert isinstance(transforms, list)
    assert len(transforms) == robot.dof + 1
    world = {"world": (np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]))}
    for t in transforms:
        pos, quat = world[t["parent_frame_id"]]
        own = np.array([t["translation"][a] for a in "xyz"])
        turn = np.array([t["rotation"][a] for a in "wxyz"])
        world[t["child_frame_id"]] = (pos + quat_apply(quat, own), quat_mul(quat, turn))
    pose = episode.on_timeline("debug/base_pose_world").astype(np.float64)[4:5]
    q = episode.on_timeline(POSITIONS).astype(np.float64)[4:5]
    want = body_poses(robot, pose[:, :3], pose[:, 3:], q).pos_world_m[0]
    found = np.array([pos for name, (pos, _) in world.items() if name != "world"])
    assert np.abs(found - want).max() < 1e-9
    assert np.abs(want).max() > 0.1


def test_what_is_not_a_number_in_debug_is_null_and_holds(tmp_path: Path) -> None:
    episode = make_episode(duration_s=0.5)
    stream = episode.stream("debug/human_joints_world")
    data = np.array(stream.data, dtype=np.float64)
    data[2, 4, 1] = np.nan
    episode = with_stream(episode, replace(stream, values=data))
    file = _export(episode, tmp_path / "out")
    value = _topics(file)["/debug/human_joints_world"][2][1]["value"]
    assert isinstance(value, dict)
    assert [name for name, v in value.items() if v is None] == [stream.spec.names[4 * 3 + 1]]
    assert _findings(tmp_path / "out", episode) == []


def test_raw_columns_are_there_and_held_against_the_episode(tmp_path: Path) -> None:
    episode = _recorded(make_episode(duration_s=0.5), POSITIONS)
    message = _topics(_export(episode, tmp_path / "out"))[f"/{POSITIONS}"][3][1]
    assert (message["t_device_ns"], message["seq"], message["invalid"]) == (21, 8, True)
    assert _findings(tmp_path / "out", episode) == []
    stream = episode.stream(POSITIONS)
    other = with_stream(episode, replace(stream, extra={**stream.extra, "seq": stream.extra["seq"] + 1}))
    assert [f.gate for f in _findings(tmp_path / "out", other)] == ["mcap.values"]


def test_pictures_are_the_recorded_bytes_and_only_those_asked_for(tmp_path: Path) -> None:
    episode = with_camera(make_episode(duration_s=0.5))
    found = _topics(_export(episode, tmp_path / "all"))
    assert found["/observations/head_left"][0][1]["format"] == "jpeg"
    assert _findings(tmp_path / "all", episode) == []
    images = np.array(episode.stream("observations/head_left").data)
    images[[0, 1]] = images[[1, 0]]
    swapped = with_stream(episode, replace(episode.stream("observations/head_left"), values=images))
    assert [f.gate for f in _findings(tmp_path / "all", swapped)] == ["mcap.values"]
    without = _topics(_export(episode, tmp_path / "none", ExportOptions(cameras=())))
    assert "/observations/head_left" not in without
    assert _findings(tmp_path / "none", episode) == []
    with pytest.raises(UnknownNameError, match="head_left"):
        _export(episode, tmp_path / "wrong", ExportOptions(cameras=("head_lef",)))


def test_schemas_and_attachments_are_what_foxglove_and_the_importer_look_for(tmp_path: Path) -> None:
    episode = with_camera(make_episode(duration_s=0.3))
    with _export(episode, tmp_path / "out").open("rb") as file:
        reader = make_reader(file)
        summary = reader.get_summary()
        assert summary is not None
        by_topic = {c.topic: (summary.schemas[c.schema_id], c) for c in summary.channels.values()}
        attachments = {a.name: a.data.decode() for a in reader.iter_attachments()}
        metadata = {m.name: m.metadata for m in reader.iter_metadata()}
    named = {topic: schema.name for topic, (schema, _) in by_topic.items()}
    assert named["/observations/head_left"] == "foxglove.CompressedImage"
    assert named["/tf"] == "foxglove.FrameTransforms"
    assert {schema.encoding for schema, _ in by_topic.values()} == {"jsonschema"}
    assert {channel.message_encoding for _, channel in by_topic.values()} == {"json"}
    for schema, _ in by_topic.values():
        assert json.loads(schema.data)["type"] == "object"
    assert attachments["schema.toml"] == episode.schema_toml
    assert '"/observations/joint_positions"' in attachments["mapping.toml"]
    assert json.loads(metadata["understudy"]["language_instruction"]) == "stand still"


def _findings(out: Path, episode: Episode) -> list[Finding]:
    return list(EXPORTER.validate(out, {episode.id: episode}, stand_in_robot()))


def _renew_hash(out: Path, file: Path) -> None:
    info = json.loads((out / "meta" / "info.json").read_text())
    info["understudy"]["episodes"][0]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (out / "meta" / "info.json").write_text(json.dumps(info))


@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "extra", "empty"])
def test_a_damaged_file_is_a_finding(tmp_path: Path, damage: str) -> None:
    episode = make_episode(duration_s=0.5)
    out = tmp_path / "out"
    file = _export(episode, out)
    data = bytearray(file.read_bytes())
    if damage == "cut":
        file.write_bytes(data[: len(data) // 2])
        _renew_hash(out, file)
    elif damage == "changed":
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    elif damage == "gone":
        file.unlink()
    elif damage == "extra":
        (file.parent / "other.mcap").write_bytes(b"x")
    else:
        with file.open("wb") as stream:
            writer = Writer(stream)
            writer.start()
            writer.finish()
        _renew_hash(out, file)
    expected = {
        "cut": {"mcap.unreadable"},
        "changed": {"mcap.changed_file", "mcap.unreadable"},
        "gone": {"mcap.missing_file"},
        "extra": {"mcap.unknown_file"},
        "empty": {"mcap.messages", "mcap.records", "mcap.topics"},
    }
    assert {f.gate for f in _findings(out, episode)} == expected[damage]


def test_a_time_before_1970_is_refused(tmp_path: Path) -> None:
    episode = make_episode(duration_s=0.5)
    streams = {k: Stream(s.spec, s.t_ns - 10**9, s.data, s.derived) for k, s in episode.streams.items()}
    early = replace(episode, streams=streams, timeline_ns=episode.timeline_ns - 10**9)
    with pytest.raises(ExportError, match="below zero"):
        _export(early, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
