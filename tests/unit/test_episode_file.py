"""Episodes to HDF5 and back."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from understudy.errors import EpisodeError, JointOrderError, SchemaError
from understudy.geom.arrays import AnyArray
from understudy.spec.default_schema import default_schema, schema_toml
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, Notes, Segment
from understudy.spec.stream import Stream
from understudy.store.episode_file import read_episode, write_episode
from understudy.store.notes import write_notes
from understudy.testing.episodes import make_episode, with_data, with_stream, without
from understudy.testing.stand_in import stand_in_robot


@pytest.fixture(scope="module")
def episode() -> Episode:
    return make_episode(duration_s=0.5, seed=3)


def written(episode: Episode, folder: Path) -> Path:
    path = folder / f"{episode.id}.h5"
    write_episode(path, episode)
    return path


def test_round_trip_keeps_everything(episode: Episode, tmp_path: Path) -> None:
    first = Segment(start_ns=0, end_ns=10, label="walk – läuft", source="mocap")
    segments = (first, Segment(start_ns=10, end_ns=20, label="b", source="m", subtask="öffne die Tür", by="p07"))
    more = {"retarget_lowpass_hz": 5.0, "source_synthetic": True, "record_n": 7}
    full = replace(episode, segments=segments, metadata={**episode.metadata, **more})
    found = read_episode(written(full, tmp_path))
    for name in ("id", "robot", "model_sha256", "joint_names", "metadata", "schema_toml", "segments", "notes"):
        assert getattr(found, name) == getattr(full, name), name
    np.testing.assert_array_equal(found.timeline_ns, full.timeline_ns)
    assert set(found.streams) == set(full.streams)
    for key, stream in full.streams.items():
        again = found.stream(key)
        assert again.spec == stream.spec
        assert again.derived == stream.derived
        assert again.data.dtype == stream.data.dtype
        np.testing.assert_array_equal(again.t_ns, stream.t_ns)
        np.testing.assert_array_equal(again.data, stream.data)
    assert type(found.metadata["source_synthetic"]) is bool
    assert type(found.metadata["record_n"]) is int


def test_the_same_episode_gives_the_same_bytes(episode: Episode, tmp_path: Path) -> None:
    first = written(episode, tmp_path).read_bytes()
    time.sleep(1.1)  # a creation time in whole seconds would show
    streams, metadata = list(episode.streams.items()), list(episode.metadata.items())
    shuffled = replace(episode, streams=dict(streams[::-1]), metadata=dict(metadata[::-1]))
    (tmp_path / "again").mkdir()
    assert written(shuffled, tmp_path / "again").read_bytes() == first


def test_recorded_columns_come_back(episode: Episode, tmp_path: Path) -> None:
    stream = episode.stream("observations/joint_positions")
    extra: dict[str, AnyArray] = {"seq": np.arange(len(stream), dtype=np.uint64), "valid": np.ones(len(stream), dtype=np.bool_)}
    found = read_episode(written(with_stream(episode, replace(stream, extra=extra)), tmp_path))
    for name, column in extra.items():
        np.testing.assert_array_equal(found.stream("observations/joint_positions").extra[name], column)


def test_jpeg_images_come_back_byte_for_byte(episode: Episode, tmp_path: Path) -> None:
    schema = default_schema(stand_in_robot(), "test")
    rng = np.random.default_rng(0)
    images = np.empty(5, dtype=object)
    for i in range(5):
        images[i] = simplejpeg.encode_jpeg(rng.integers(0, 255, (480, 640, 3), dtype=np.uint8))
    stream = Stream(schema.stream("observations/head_left"), np.arange(5, dtype=np.int64) * 33_000_000, images)
    found = read_episode(written(with_stream(episode, stream), tmp_path)).stream("observations/head_left")
    assert list(found.data) == list(images)
    assert found.spec.shape == (480, 640, 3)
    picture = simplejpeg.decode_jpeg(found.sample_at(np.array([40_000_000]))[0])
    np.testing.assert_array_equal(picture, simplejpeg.decode_jpeg(images[1]))


def test_samples_are_read_when_first_looked_at(episode: Episode, tmp_path: Path) -> None:
    path = written(episode, tmp_path)
    found = read_episode(path)
    kept = found.data("observations/base_velocity")
    path.unlink()
    np.testing.assert_array_equal(found.data("observations/base_velocity"), kept)
    with pytest.raises(EpisodeError, match=r"stand_00000003\.h5: no file; the episode may have been moved"):
        found.data("observations/joint_positions")


def test_alignment_in_the_file_is_the_newest_sample(episode: Episode, tmp_path: Path) -> None:
    import h5py

    with h5py.File(written(episode, tmp_path)) as file:
        at = file["timeline/observations/joint_positions"]
        t_ns, stamps = file["timeline/t_ns"][:], file["observations/joint_positions/t_ns"][:]
        index = at["index"][:]
        assert np.all(stamps[index] <= t_ns)
        assert np.all(np.append(stamps, np.iinfo(np.int64).max)[index + 1] > t_ns)
        np.testing.assert_array_equal(at["residual_ns"][:], t_ns - stamps[index])
        rules = {key: file[f"timeline/{key}"].attrs["rule"] for key in episode.streams}
    assert rules["observations/joint_positions"] == "interpolated"
    assert rules["actions/joint_position_target"] == "in_force"
    assert rules["observations/foot_contact"] == "newest"


def test_notes_beside_the_file_are_part_of_the_episode(episode: Episode, tmp_path: Path) -> None:
    path = written(episode, tmp_path)
    before = path.read_bytes()
    notes = Notes(episode=episode.id, verdict="rejected", findings=(Finding(gate="fall", severity="reject", message="fell"),))
    write_notes(path, notes)
    assert read_episode(path).notes == notes
    assert path.read_bytes() == before


PLAIN = """
import json, sys
import h5py, numpy as np
with h5py.File(sys.argv[1]) as f:
    assert f.attrs["format"] == "understudy-episode" and f.attrs["format_version"] == 1
    joints = f["metadata/joint_names"].asstr()[:]
    q = f["observations/joint_positions/data"][:]
    t = f["observations/joint_positions/t_ns"][:]
    assert q.dtype == np.float64 and t.dtype == np.int64 and q.shape == (len(t), len(joints))
    assert f["observations/joint_positions"].attrs["unit"] == "rad"
    assert json.loads(f["observations/joint_positions"].attrs["names"]) == list(joints)
    steps = f["timeline/t_ns"][:]
    newest = q[f["timeline/observations/joint_positions/index"][:]]
    assert newest.shape == (len(steps), len(joints))
    action = f["actions/joint_position_target"]
    assert action.attrs["derived"] == "next_state" and action.attrs["kind"] == "command"
    assert f["debug/infeasible/data"].dtype == bool
    assert "schema" in f["metadata"] and f["metadata"].attrs["task_id"] == "stand"
    print(json.dumps({"q": q.sum(), "task": f["metadata"].attrs["task_id"]}))
assert not any(name.split(".")[0] == "understudy" for name in sys.modules)
"""


def test_plain_h5py_reads_it(episode: Episode, tmp_path: Path) -> None:
    path = written(episode, tmp_path)
    done = subprocess.run([sys.executable, "-I", "-c", PLAIN, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split('"q": ')[1].split(",")[0]) == pytest.approx(episode.data("observations/joint_positions").sum())


def test_the_example_on_the_format_page_runs_as_it_stands(episode: Episode, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "episode_format.md").read_text(encoding="utf-8")
    example = page.split("```python\n")[1].split("```")[0]
    path = written(episode, tmp_path)
    script = example.replace("episodes/walk/walk_01_5f0c2a9b.h5", str(path))
    script += "\nassert list(columns) == list(joint_names) and unit == 'rad' and task == 'stand' and 'streams' in schema"
    script += "\nassert q_at_steps.shape == action.shape == (len(steps_ns), len(joint_names)) and len(newest) == len(steps_ns)"
    script += "\nassert abs(action[:-1] - q_at_steps[1:]).max() < 1e-9"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_joints_in_another_order_are_refused(episode: Episode, tmp_path: Path) -> None:
    names = episode.joint_names
    swapped = replace(episode, joint_names=(names[1], names[0], *names[2:]))
    with pytest.raises(JointOrderError, match=r"joint 0 is 'left_hip_roll_joint', the dataset has 'left_hip_pitch_joint'"):
        written(swapped, tmp_path)
    with pytest.raises(JointOrderError, match=r"missing \['left_hip_pitch_joint'\], unknown \['tail'\]"):
        written(replace(episode, joint_names=("tail", *names[1:])), tmp_path)
    assert not list(tmp_path.iterdir())


def _other_spec(episode: Episode, **changes: object) -> Episode:
    stream = episode.stream("observations/base_velocity")
    return with_stream(episode, replace(stream, spec=stream.spec.model_copy(update=changes)))


def test_what_departs_from_the_schema_is_refused_and_leaves_no_file(episode: Episode, tmp_path: Path) -> None:
    base = episode.data("observations/base_velocity")
    wrong: list[tuple[Episode, str]] = [
        (without(episode, "observations/joint_positions"), "required streams are missing: observations/joint_positions"),
        (_other_spec(episode, name="base_speed"), r"base_speed is not declared.*did you mean 'observations/base_velocity'"),
        (_other_spec(episode, unit="km/h"), "unit is 'km/h', the schema says 'm/s,rad/s'"),
        (_other_spec(episode, frame="pelvis"), "frame is 'pelvis'"),
        (_other_spec(episode, names=("a", "b", "c", "d", "e", "f")), "names is"),
        (
            with_data(episode, "observations/base_velocity", base.astype(np.float32)),
            "samples are float32, the schema says",
        ),
        (
            replace(episode, metadata={**episode.metadata, "task": "x"}),
            r"metadata 'task' is not declared.*mean 'task_id'",
        ),
        (replace(episode, metadata={**episode.metadata, "motion_source": "dream"}), "'dream' is not one of mocap"),
        (replace(episode, metadata={**episode.metadata, "quality_rating": True}), "True is a bool, the schema says number"),
        (replace(episode, metadata={"task_id": "x"}), "metadata is missing: demonstrator_id"),
        (replace(episode, robot="unitree_h1"), "of robot 'unitree_h1', the schema of 'stand_in'"),
        (replace(episode, schema_toml="nonsense"), "schema of episode stand_00000003: not valid TOML"),
    ]
    for bad, message in wrong:
        with pytest.raises(SchemaError, match=message):
            written(bad, tmp_path)
    assert not list(tmp_path.iterdir())


def test_stamps_that_do_not_hold_are_refused(episode: Episode, tmp_path: Path) -> None:
    key = "observations/base_velocity"
    data, t_ns = episode.data(key), episode.stream(key).t_ns
    back = t_ns.copy()
    back[7] = back[6] - 1
    for bad, message in (
        (with_data(episode, key, data, back), "step 7 has"),
        (with_data(episode, key, data[:0], t_ns[:0]), "no samples"),
        (with_data(episode, key, data, t_ns.astype(np.float64)), "stamps are float64"),
        (replace(episode, timeline_ns=episode.timeline_ns[::-1].copy()), "timeline: stamps must not go back"),
    ):
        with pytest.raises(EpisodeError, match=message):
            written(bad, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_file_carries_the_schema_it_was_written_under(episode: Episode, tmp_path: Path) -> None:
    schema = default_schema(stand_in_robot(), "other").model_copy(update={"control_rate_hz": 25.0})
    made = make_episode(duration_s=0.5, schema=schema)
    assert read_episode(written(made, tmp_path)).schema_toml == schema_toml(schema)
    assert len(made.timeline_ns) == 13


@pytest.mark.parametrize("whole", [False, True])
def test_an_episode_without_debug_streams_is_whole(tmp_path: Path, whole: bool) -> None:
    episode = make_episode(duration_s=0.2)
    kept = {key: stream for key, stream in episode.streams.items() if not key.startswith("debug/")}
    write_episode(tmp_path / "e.h5", replace(episode, streams=kept))
    assert set(read_episode(tmp_path / "e.h5", whole=whole).streams) == set(kept)
