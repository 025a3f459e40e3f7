"""The catalog: kept up to date, asked by conditions and by SQL, and the plan held against it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from understudy.apps.cli._main import main
from understudy.errors import InputError, StorageError, UnknownNameError
from understudy.kinematics.load import load_robot
from understudy.pipeline.check import check_dataset
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Finding, Notes, ScoreResult, Segment
from understudy.store.catalog import CATALOG, catalog_rows, file_row, rebuild_catalog, refresh_catalog
from understudy.store.catalog_query import ask, columns, matching, ordered
from understudy.store.dataset import Dataset
from understudy.store.episode_file import read_episode
from understudy.testing.episodes import make_episode, make_fall_episode
from understudy.testing.stand_in import stand_in_robot


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    robot = stand_in_robot()
    made = Dataset.create(tmp_path / "kitchen", default_schema(robot, "kitchen"), robot)
    for seed in range(4):
        task = "reach" if seed % 2 else "squat"
        made.add(make_episode(duration_s=0.2 + 0.1 * seed, seed=seed, metadata={"task_id": task, "demonstrator_id": f"d{seed}"}))
    fault = Finding(gate="gaps", severity="reject", stream="observations/joint_positions", message="a gap")
    made.write_notes(
        Notes(
            episode="stand_00000001",
            verdict="rejected",
            findings=(fault,),
            quality_rating=0.25,
            scores=(ScoreResult(name="smoothness", value=0.5, raw=2.0),),
            segments=(Segment(start_ns=0, end_ns=10**8, label="locomotion", source="mocap"),),
        )
    )
    made.move("stand_00000001", "failures")
    return made


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the episode files that are read from now on."""
    names: list[str] = []

    def counted(path: Path) -> Episode:
        names.append(path.stem)
        return read_episode(path)

    monkeypatch.setattr("understudy.store.catalog.read_episode", counted)
    return names


def test_after_a_check_no_file_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    robot = load_robot("unitree_g1")
    dataset = Dataset.create(tmp_path / "kitchen", default_schema(robot, "kitchen"), robot)
    for seed, episode in enumerate((make_episode(robot, duration_s=1.0), make_fall_episode(robot, duration_s=2.0))):
        dataset.add(replace(episode, id=f"take_{seed}"))
    summary = check_dataset(dataset)
    assert len(summary.refused) > 0  # its row has to follow it to failures/
    names = reads(monkeypatch)
    quick = refresh_catalog(dataset, seen=summary.rows)
    assert names == []
    assert len(quick) == 2
    monkeypatch.undo()
    assert pq.read_table(rebuild_catalog(dataset)).equals(quick)


def test_a_row_of_another_file_is_not_taken(dataset: Dataset) -> None:
    seen = {"stand_00000000": {**file_row(dataset.ref("stand_00000000").path, dataset.read("stand_00000002")), "bytes": 1}}
    assert refresh_catalog(dataset, seen=seen).equals(pq.read_table(rebuild_catalog(dataset)))


def test_what_was_found_and_where_is_in_the_row(dataset: Dataset) -> None:
    row = {r["id"]: r for r in catalog_rows(refresh_catalog(dataset))}["stand_00000001"]
    assert (row["partition"], row["refused_by"], row["faults"]) == ("failures", "gaps", "gaps@observations/joint_positions")
    assert (row["score_smoothness"], row["locomotion_s"], row["manipulation_s"]) == (0.5, 0.1, 0.0)
    speeds = row["speed_s"]
    assert isinstance(speeds, list)
    assert sum(speeds) == pytest.approx(0.3)


def test_only_what_changed_is_read_again(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh_catalog(dataset)
    read = reads(monkeypatch)
    refresh_catalog(dataset)
    assert read == []
    dataset.write_notes(Notes(episode="stand_00000002", verdict="accepted"))
    dataset.move("stand_00000001", "episodes")
    dataset.add(make_episode(duration_s=0.2, seed=9))
    rows = {r["id"]: r for r in catalog_rows(refresh_catalog(dataset))}
    assert read == ["stand_00000009"]  # of the others, the notes are enough
    assert rows["stand_00000002"]["verdict"] == "accepted"
    assert rows["stand_00000001"]["partition"] == "episodes"
    assert len(rows) == 5


def test_refreshed_and_rebuilt_are_the_same(dataset: Dataset) -> None:
    refresh_catalog(dataset)
    dataset.write_notes(Notes(episode="stand_00000000", verdict="accepted"))
    refreshed = refresh_catalog(dataset)
    assert refreshed.equals(pq.read_table(rebuild_catalog(dataset)))


def test_a_disk_that_refuses_does_not_hide_what_is_there(dataset: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    (dataset.root / CATALOG).mkdir()  # a folder where the file should go: root may write everywhere else
    (dataset.root / CATALOG / "x.parquet").write_text("no parquet")
    ids = {r["id"] for r in catalog_rows(refresh_catalog(dataset))}
    assert ids == {ref.id for ref in dataset.refs("all")}
    assert "left as it was" in caplog.text
    with pytest.raises(StorageError):
        rebuild_catalog(dataset)


def test_an_episode_that_is_gone_is_gone(dataset: Dataset) -> None:
    refresh_catalog(dataset)
    dataset.ref("stand_00000003").path.rename(dataset.root / "elsewhere.h5")
    assert {r["id"] for r in catalog_rows(refresh_catalog(dataset))} == {"stand_00000000", "stand_00000001", "stand_00000002"}


def test_a_damaged_episode_has_a_row_that_says_so(dataset: Dataset) -> None:
    path = dataset.ref("stand_00000003").path
    path.write_bytes(path.read_bytes()[:1000])
    row = {r["id"]: r for r in catalog_rows(refresh_catalog(dataset))}["stand_00000003"]
    assert row["verdict"] == "unreadable"
    assert "stand_00000003" in str(row["error"])


@pytest.mark.parametrize("text", [b"", b"PAR1 no more", os.urandom(64)])
def test_a_damaged_or_older_catalog_is_made_anew(dataset: Dataset, text: bytes) -> None:
    whole = refresh_catalog(dataset)
    (dataset.root / CATALOG).write_bytes(text)
    assert refresh_catalog(dataset).equals(whole)


@pytest.mark.parametrize(
    ("conditions", "want"),
    [
        (["task=reach"], "13"),
        (["task != reach"], "02"),
        (["duration_s>0.25", "duration_s<=0.45"], "12"),
        (["refused_by=gaps"], "1"),
        (["refused_by="], "023"),
        (["quality_rating="], "023"),
        (["quality_rating!="], "1"),
        (["quality_rating<0.5"], "1"),
        (["quality_rating!=0.9"], "0123"),
        (["faults~JOINT_POS"], "1"),
        (["demonstrator_id=d3"], "3"),
        ([], "0123"),
    ],
)
def test_conditions(dataset: Dataset, conditions: list[str], want: str) -> None:
    found = matching(refresh_catalog(dataset), conditions)
    assert sorted(found["id"].to_pylist()) == [f"stand_0000000{k}" for k in want]


@pytest.mark.parametrize("condition", ["task", "=reach", "task reach", "duration_s~3", "duration_s>long", ""])
def test_a_wrong_condition_says_what_it_should_be(dataset: Dataset, condition: str) -> None:
    with pytest.raises(InputError, match="condition"):
        matching(refresh_catalog(dataset), [condition])


def test_an_unknown_column_comes_with_the_nearest(dataset: Dataset) -> None:
    table = refresh_catalog(dataset)
    with pytest.raises(UnknownNameError, match="did you mean 'task'"):
        matching(table, ["taks=reach"])
    with pytest.raises(UnknownNameError, match="did you mean 'task'"):
        ordered(table, "taks")
    with pytest.raises(UnknownNameError, match="did you mean 'task'"):
        columns(table, ["taks"])


def test_sorting_has_empty_cells_last(dataset: Dataset) -> None:
    table = refresh_catalog(dataset)
    assert ordered(table, "quality_rating")["id"][0].as_py() == "stand_00000001"
    assert ordered(table, "duration_s", downwards=True)["id"].to_pylist()[0] == "stand_00000003"


def test_sql(dataset: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("duckdb", reason="needs the extra `query`")
    table = refresh_catalog(dataset)
    assert ask(table, "SELECT task, count(*) AS n FROM catalog GROUP BY task ORDER BY task").to_pylist() == [
        {"task": "reach", "n": 2},
        {"task": "squat", "n": 2},
    ]
    refused = ("SELEC 1", "SELECT nothing FROM catalog", f"COPY catalog TO '{tmp_path / 'out.csv'}'")
    for statement in (*refused, "SELECT * FROM read_text('/etc/hostname')"):
        with pytest.raises(InputError):
            ask(table, statement)
    assert not (tmp_path / "out.csv").exists()


def test_the_command(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(dataset.root)
    assert main(["catalog", root, "task=reach", "--sort", "duration_s", "--descending", "--ids"]) == 0
    assert capsys.readouterr().out.split() == ["stand_00000003", "stand_00000001"]
    assert main(["catalog", root, "--columns", "id", "duration_s", "--json", "--limit", "1"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"id": "stand_00000001", "duration_s": pytest.approx(0.3)}]
    assert main(["catalog", root, "--columns"]) == 0
    assert "score_smoothness  double" in capsys.readouterr().out
    assert main(["catalog", root, "--columns", "id", "--csv", "partition=failures"]) == 0
    assert capsys.readouterr().out.splitlines() == ['"id"', '"stand_00000001"']
    assert main(["catalog", root]) == 0
    assert "4 rows" in capsys.readouterr().out
    assert main(["catalog", root, "--ids", "--csv"]) == 2
    assert main(["catalog", root, "nonsense"]) == 3
    assert main(["catalog", str(dataset.root.parent)]) == 3


def test_the_plan_command(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(dataset.root)
    assert main(["plan", root]) == 3
    assert f"understudy plan {root} --init" in capsys.readouterr().err
    assert main(["plan", root, "--init"]) == 0
    assert main(["plan", root, "--init"]) == 3  # never overwritten
    capsys.readouterr()
    assert main(["plan", root, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    reach = next(t for t in said["targets"] if t["name"] == "reach")
    assert (reach["have"], reach["want"], said["left_out"]) == (1, 500, 1)
    assert main(["plan", root]) == 0
    assert "more episodes of" in capsys.readouterr().out


def test_a_check_leaves_its_verdicts_in_the_catalog(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    robot = load_robot("unitree_g1")
    made = Dataset.create(tmp_path / "lab", default_schema(robot, "lab"), robot)
    made.add(make_episode(robot, duration_s=1.0))
    made.add(make_fall_episode(robot, duration_s=2.0))
    assert main(["check", str(made.root), "--json"]) == 1
    said = {e["id"]: e["outcome"] for e in json.loads(capsys.readouterr().out)["episodes"]}
    rows = {str(r["id"]): r["verdict"] for r in catalog_rows(pq.read_table(made.root / CATALOG))}
    assert rows == said
    assert set(rows.values()) == {"accepted", "rejected"}
