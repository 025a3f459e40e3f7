"""The dataset folder: episodes are added, found and moved, never changed, overwritten or lost."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from understudy.errors import EpisodeError, InputError, JointOrderError, ModelError, SchemaError, StorageError, UnknownNameError
from understudy.spec.default_schema import default_schema
from understudy.spec.findings import Finding, Notes, ScoreResult
from understudy.spec.robot import RobotModel
from understudy.store.catalog import rebuild_catalog
from understudy.store.dataset import Dataset, Partition
from understudy.store.names import path_name
from understudy.store.notes import notes_path
from understudy.testing.episodes import make_episode
from understudy.testing.stand_in import stand_in_robot


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    robot = stand_in_robot()
    return Dataset.create(tmp_path / "kitchen", default_schema(robot, "kitchen"), robot)


def reordered(robot: RobotModel) -> RobotModel:
    names = list(robot.joint_names)
    names[0], names[1] = names[1], names[0]
    return replace(robot, joint_names=tuple(names))


def test_create_writes_the_folder_that_open_reads(dataset: Dataset) -> None:
    # the made-up robot is not one of ours, so its profile comes along
    files, folders = {"schema.toml", "SCHEMA.md", "robot.json", "robot.toml"}, {"episodes", "failures", "manifests"}
    assert {p.name for p in dataset.root.iterdir()} == files | folders
    opened = Dataset.open(dataset.root, robot=stand_in_robot())
    assert opened == dataset
    assert opened.schema == default_schema(stand_in_robot(), "kitchen")
    assert opened.joint_names == stand_in_robot().joint_names


def test_an_edited_schema_is_read_and_its_page_renewed(dataset: Dataset) -> None:
    path, page = dataset.root / "schema.toml", dataset.root / "SCHEMA.md"
    path.write_text(path.read_text().replace("max_tilt_rad = 0.8", "max_tilt_rad = 0.75"))
    assert Dataset.open(dataset.root).schema.gates["fall"]["max_tilt_rad"] == 0.75
    assert "max_tilt_rad = 0.75" in page.read_text()
    stamp = page.stat().st_mtime_ns
    Dataset.open(dataset.root)
    assert page.stat().st_mtime_ns == stamp


def test_what_is_there_is_not_overwritten(dataset: Dataset, tmp_path: Path) -> None:
    robot, schema = stand_in_robot(), dataset.schema
    with pytest.raises(InputError, match="there is a dataset already"):
        Dataset.create(dataset.root, schema, robot)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").touch()
    with pytest.raises(InputError, match="not an empty folder"):
        Dataset.create(tmp_path / "full", schema, robot)
    with pytest.raises(InputError, match="not an empty folder"):
        Dataset.create(tmp_path / "full" / "thesis.doc", schema, robot)


def test_a_robot_with_other_joints_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    other = reordered(stand_in_robot())
    with pytest.raises(JointOrderError):
        Dataset.open(dataset.root, robot=other)
    with pytest.raises(JointOrderError, match="joint order differs"):
        Dataset.create(tmp_path / "new", dataset.schema, other)
    assert not (tmp_path / "new").exists()
    swapped = make_episode(other, duration_s=0.1)
    with pytest.raises(JointOrderError, match="joint 0 is 'left_hip_roll_joint'"):
        dataset.add(swapped)


def test_schema_and_robot_json_must_agree(dataset: Dataset) -> None:
    path = dataset.root / "schema.toml"
    text = path.read_text().replace("left_knee_joint", "left_tail_joint")
    path.write_text(text)
    with pytest.raises(JointOrderError, match=r"schema\.toml.*left_knee_joint|schema\.toml.*left_tail_joint"):
        Dataset.open(dataset.root)


def test_what_is_no_dataset_is_refused_with_advice(tmp_path: Path, dataset: Dataset) -> None:
    with pytest.raises(InputError, match="there is no such folder; make one with `understudy init"):
        Dataset.open(tmp_path / "none")
    with pytest.raises(InputError, match=r"it has no schema\.toml"):
        Dataset.open(tmp_path)
    with pytest.raises(InputError, match="it is a file"):
        Dataset.open(dataset.root / "SCHEMA.md")
    (dataset.root / "schema.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SchemaError, match="not UTF-8"):
        Dataset.open(dataset.root)


def test_a_missing_robot_json_is_an_error_of_the_model(dataset: Dataset) -> None:
    (dataset.root / "robot.json").unlink()
    with pytest.raises(ModelError, match=r"robot\.json"):
        Dataset.open(dataset.root)


def test_an_episode_lies_under_its_task_and_carries_the_datasets_schema(dataset: Dataset) -> None:
    ref = dataset.add(make_episode(duration_s=0.2, metadata={"task_id": "get cup"}))
    assert ref.path == dataset.root / "episodes" / "get cup" / "stand_00000000.h5"
    assert dataset.refs() == (ref,)
    assert dataset.find("stand_00000000") == ref
    assert dataset.read("stand_00000000").schema_toml == dataset.schema_text


def test_refs_are_sorted_and_parted(dataset: Dataset) -> None:
    for seed, task in ((2, "b"), (1, "b"), (3, "a")):
        dataset.add(make_episode(duration_s=0.1, seed=seed, metadata={"task_id": task}))
    dataset.move("stand_00000001", "failures")
    assert [(r.task, r.id[-1]) for r in dataset.refs()] == [("a", "3"), ("b", "2")]
    assert [(r.task, r.id[-1]) for r in dataset.refs("failures")] == [("b", "1")]
    assert len(dataset.refs("all")) == 3


def test_an_unknown_episode_comes_with_the_nearest(dataset: Dataset) -> None:
    dataset.add(make_episode(duration_s=0.1))
    assert dataset.find("stand_1") is None
    with pytest.raises(UnknownNameError, match="did you mean 'stand_00000000'"):
        dataset.read("stand_0000000")


def test_the_same_episode_again_stays_where_it_is_and_another_is_refused(dataset: Dataset) -> None:
    dataset.add(make_episode(duration_s=0.1, seed=1, episode_id="e"))
    moved = dataset.move("e", "failures")
    before = moved.path.read_bytes()
    assert dataset.add(make_episode(duration_s=0.1, seed=1, episode_id="e")) == moved
    with pytest.raises(EpisodeError, match="never overwritten"):
        dataset.add(make_episode(duration_s=0.1, seed=2, episode_id="e"))
    assert moved.path.read_bytes() == before
    assert dataset.refs() == ()


def test_moving_takes_the_notes_and_changes_no_byte(dataset: Dataset) -> None:
    ref = dataset.add(make_episode(duration_s=0.1))
    notes = Notes(episode=ref.id, verdict="rejected")
    dataset.write_notes(notes)
    before = ref.path.read_bytes()
    moved = dataset.move(ref.id, "failures")
    assert moved.path == dataset.root / "failures" / "stand" / "stand_00000000.h5"
    assert moved.path.read_bytes() == before
    assert dataset.read(ref.id).notes == notes
    assert not ref.path.exists()
    assert not notes_path(ref.path).exists()
    assert dataset.move(ref.id, "failures") == moved
    assert dataset.move(ref.id, "episodes").path == ref.path


def test_a_move_cut_short_is_finished_when_the_dataset_is_opened(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = dataset.add(make_episode(duration_s=0.1))
    notes = Notes(episode=ref.id, verdict="rejected")
    dataset.write_notes(notes)
    honest = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if self.suffix == ".h5":
            raise KeyboardInterrupt
        return honest(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        dataset.move(ref.id, "failures")
    monkeypatch.undo()
    assert ref.path.exists()
    again = Dataset.open(dataset.root)
    found = again.find(ref.id)
    assert found is not None
    assert found.partition == "failures"
    assert again.read(ref.id).notes == notes


def test_two_episodes_of_one_id_are_not_laid_over_each_other(dataset: Dataset) -> None:
    ref = dataset.add(make_episode(duration_s=0.1))
    there = dataset.root / "failures" / ref.task / ref.path.name
    there.parent.mkdir()
    there.write_bytes(b"precious")
    with pytest.raises(EpisodeError, match="another episode of that id"):
        dataset.move(ref.id, "failures")
    assert there.read_bytes() == b"precious"
    assert ref.path.exists()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", "a\\b", "a\nb", "a\x00b", " a", "a.", ".hidden", "NUL", "x" * 121, "a:b"]
)
def test_names_that_lead_elsewhere_are_refused(dataset: Dataset, name: str) -> None:
    with pytest.raises(EpisodeError, match="cannot be a file name"):
        dataset.add(make_episode(duration_s=0.1, metadata={"task_id": name}))
    with pytest.raises(EpisodeError, match="cannot be a file name"):
        dataset.add(make_episode(duration_s=0.1, episode_id=name or " "))
    assert dataset.refs("all") == ()


@pytest.mark.parametrize("name", ["walk", "pick up the cup", "größe", "v1.2-x_3", "歩く"])
def test_ordinary_names_are_kept(name: str) -> None:
    assert path_name(name, what="task") == name


def test_a_full_disk_leaves_no_file(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match="disk is full"):
        dataset.add(make_episode(duration_s=0.1))
    assert [p for p in dataset.root.rglob("*") if "stand" in p.name and p.is_file()] == []


@pytest.mark.parametrize("calls_before", [0, 2, 4])
@pytest.mark.parametrize("made_before", [False, True])
def test_a_disk_that_fills_up_during_create_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls_before: int, made_before: bool
) -> None:
    robot, calls, honest = stand_in_robot(), [0], os.fsync

    def refuse(fd: int) -> None:
        calls[0] += 1
        if calls[0] > calls_before:
            raise OSError(28, "No space left on device")
        honest(fd)

    root = tmp_path / "new"
    if made_before:
        root.mkdir()
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError):
        Dataset.create(root, default_schema(robot, "new"), robot)
    monkeypatch.undo()
    assert list(tmp_path.rglob("*")) == ([root] if made_before else [])
    assert Dataset.create(root, default_schema(robot, "new"), robot).refs() == ()


@pytest.mark.parametrize("partition", ["episodes", "failures"])
def test_the_catalog_has_a_row_per_episode(dataset: Dataset, partition: Partition) -> None:
    for seed in range(3):
        dataset.add(make_episode(duration_s=0.2, seed=seed))
    findings = (Finding(gate="fall", severity="reject", message="x"), Finding(gate="sync", severity="warn", message="y"))
    scores = (ScoreResult(name="smoothness", value=0.5, raw=2.0),)
    dataset.write_notes(Notes(episode="stand_00000001", verdict="rejected", findings=findings, scores=scores, quality_rating=0.5))
    dataset.move("stand_00000001", partition)
    rows = {row["id"]: row for row in pq.read_table(rebuild_catalog(dataset)).to_pylist()}
    assert len(rows) == 3
    judged = rows["stand_00000001"]
    assert judged["partition"] == partition
    assert (judged["verdict"], judged["refused_by"], judged["warnings"], judged["score_smoothness"]) == (
        "rejected",
        "fall",
        1,
        0.5,
    )
    assert (dataset.root / judged["path"]).is_file()
    assert rows["stand_00000000"]["score_smoothness"] is None
    assert rows["stand_00000000"]["frames"] == 11
    np.testing.assert_allclose(rows["stand_00000000"]["duration_s"], 0.2)


def test_the_catalog_of_an_empty_dataset_is_empty(dataset: Dataset) -> None:
    table = pq.read_table(rebuild_catalog(dataset))
    assert table.num_rows == 0
    assert "verdict" in table.column_names
