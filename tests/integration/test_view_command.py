"""`understudy view`: a recording is written whole, read back, and holds what the episode holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from understudy.apps.cli import view
from understudy.apps.cli._main import main
from understudy.apps.cli._rerun import body_paths, log_episode, to_file
from understudy.geom.arrays import F64, U8
from understudy.kinematics.forward import body_poses
from understudy.kinematics.load import load_robot
from understudy.segment.signals import derived_streams
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, Notes, Segment
from understudy.spec.robot import RobotModel
from understudy.spec.skeleton import BONES, INDEX
from understudy.spec.stream import Stream, StreamSpec
from understudy.store.dataset import Dataset
from understudy.testing.episodes import make_squat_episode, with_stream

chunks = pytest.importorskip("rerun.chunk", reason="reading recordings back needs rerun 0.41 or newer")


@pytest.fixture(scope="module")
def robot() -> RobotModel:
    return load_robot("unitree_g1")


@pytest.fixture(scope="module")
def episode(robot: RobotModel) -> Episode:
    import simplejpeg

    episode = make_squat_episode(robot, duration_s=1.0)
    pictures = np.empty(5, dtype=object)
    for k in range(5):
        picture: U8 = np.full((16, 16, 3), 40 * k, dtype=np.uint8)
        pictures[k] = simplejpeg.encode_jpeg(picture)
    spec = StreamSpec(name="head_left", group="observations", dtype="uint8", shape=(16, 16, 3), kind="image")
    episode = with_stream(episode, Stream(spec, np.arange(5) * 200_000_000, pictures))
    found = Finding(gate="reach", severity="warn", message="too far", start_ns=500_000_000)
    segment = Segment(start_ns=250_000_000, end_ns=600_000_000, label="manipulation", source="mocap", subtask="reach")
    return episode.with_notes(Notes(episode=episode.id, verdict="accepted", findings=(found,), segments=(segment,)))


@pytest.fixture(scope="module")
def recording(episode: Episode, robot: RobotModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("view") / "squat.rrd"
    with to_file(path) as out:
        log_episode(episode, robot, out, lambda done, total: None)
    return path


def rows(path: Path, entity: str, *, static: bool = False) -> Iterator[Mapping[str, Any]]:
    """The logged rows of one entity, as column name to value, in the order of the file; times as int nanoseconds."""
    import pyarrow as pa

    for chunk in chunks.RrdReader(path).stream():
        if chunk.entity_path == f"/{entity}" and chunk.is_static == static:
            batch = chunk.to_record_batch()
            plain = [c.cast(pa.int64()) if pa.types.is_temporal(c.type) else c for c in batch.columns]
            lists = [c.to_pylist() for c in plain]
            yield from (dict(zip(batch.schema.names, row, strict=True)) for row in zip(*lists, strict=True))


def column(path: Path, entity: str, ending: str) -> tuple[F64, list[Any]]:
    """Times in seconds and the values of the component whose name ends so."""
    found = [r for r in rows(path, entity) if any(n.endswith(ending) and r[n] is not None for n in r)]
    times = np.array([r["t"] * 1e-9 for r in found])
    order = np.argsort(times, kind="stable")
    values = [next(r[n] for n in r if n.endswith(ending)) for r in found]
    return times[order], [values[k] for k in order]


def test_every_stream_of_numbers_is_there_with_its_values_and_stamps(recording: Path, episode: Episode) -> None:
    for key in ("observations/joint_positions", "actions/joint_position_target", "debug/ee_residual", "debug/infeasible"):
        times, values = column(recording, f"streams/{key}", "scalars")
        stream = episode.stream(key)
        np.testing.assert_allclose(times, stream.t_ns * 1e-9, atol=1e-6)
        np.testing.assert_allclose(np.array(values), stream.data.astype(np.float64).reshape(len(stream), -1))


def test_what_follows_from_the_motion_is_there_too(recording: Path, episode: Episode, robot: RobotModel) -> None:
    derived = {s.spec.key: s for s in derived_streams(episode, robot)}
    assert "debug/gait_phase" in derived
    for key, stream in derived.items():
        times, values = column(recording, f"streams/{key}", "scalars")
        np.testing.assert_allclose(times, stream.t_ns * 1e-9, atol=1e-6)
        np.testing.assert_allclose(np.array(values), stream.data.astype(np.float64).reshape(len(stream), -1))


def test_bodies_stand_where_forward_kinematics_puts_them(recording: Path, episode: Episode, robot: RobotModel) -> None:
    base, joints = episode.data("debug/base_pose_world"), episode.data("observations/joint_positions")
    poses = body_poses(robot, base[:, :3], base[:, 3:], joints)
    body = robot.joint_index("left_knee_joint") + 1
    path = body_paths(robot)[body]
    assert path == "world/robot/left_knee"
    _, translation = column(recording, path, "translation")
    np.testing.assert_allclose(np.array(translation)[:, 0], poses.pos_world_m[:, body], atol=1e-5)
    _, quaternion = column(recording, path, "quaternion")
    x, y, z, w = np.array(quaternion)[:, 0].T
    down_x = 2 * (x * z + w * y)  # first row, third column of the rotation matrix
    np.testing.assert_allclose(down_x, poses.rot_world[:, body, 0, 2], atol=1e-5)


def test_every_body_has_a_mesh(recording: Path, robot: RobotModel) -> None:
    entities = {chunk.entity_path for chunk in chunks.RrdReader(recording).stream()}
    for path in body_paths(robot):
        assert any(entity.startswith(f"/{path}/shape_") for entity in entities), path


def test_the_person_has_its_bones(recording: Path, episode: Episode) -> None:
    _, strips = column(recording, "world/person/bones", "strips")
    target = episode.data("debug/human_target_world")
    assert len(strips) == len(target)
    assert len(strips[0]) == len(BONES)
    k = [child for _, child in BONES].index("left_wrist")
    np.testing.assert_allclose(strips[-1][k][1], target[-1, INDEX["left_wrist"]], atol=1e-5)


def test_images_findings_and_words_are_there(recording: Path, episode: Episode) -> None:
    times, blobs = column(recording, "images/observations/head_left", "blob")
    assert len(blobs) == 5
    np.testing.assert_allclose(times, np.arange(5) * 0.2, atol=1e-6)
    assert bytes(bytearray(blobs[2][0])) == bytes(episode.stream("observations/head_left").data[2])
    at, words = column(recording, "findings", "text")
    np.testing.assert_allclose(at, [0.5])
    assert words == [["reach: too far"]]
    at, words = column(recording, "segments", "text")
    np.testing.assert_allclose(at, [0.25])
    assert words == [["manipulation: reach"]]
    assert any("squat_00000000" in str(row) for row in rows(recording, "about", static=True))
    assert chunks.RrdReader(recording).blueprints()


def test_the_command_takes_an_id_and_a_path(robot: RobotModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = Dataset.create(tmp_path / "d", default_schema(robot, "d"), robot)
    ref = dataset.add(make_squat_episode(robot, duration_s=0.2))
    by_id, by_path = tmp_path / "id.rrd", tmp_path / "path.rrd"
    assert main(["view", ref.id, "--dataset", str(dataset.root), "--save", str(by_id)]) == 0
    assert main(["view", str(ref.path), "--save", str(by_path)]) == 0
    assert abs(by_id.stat().st_size - by_path.stat().st_size) < 2000
    assert "rerun" in capsys.readouterr().out
    assert main(["view", "sqat_00000000", "--dataset", str(dataset.root), "--save", str(by_id)]) == 3
    assert "did you mean 'squat_00000000'" in capsys.readouterr().err
    assert not list(tmp_path.glob(".*")), "nothing half-written is left"


def test_without_a_display_it_says_what_to_do(
    robot: RobotModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = Dataset.create(tmp_path / "d", default_schema(robot, "d"), robot)
    ref = dataset.add(make_squat_episode(robot, duration_s=0.2))
    monkeypatch.setattr(view, "has_display", lambda: False)
    assert main(["view", str(ref.path)]) == 3
    assert "--save squat_00000000.rrd" in capsys.readouterr().err
