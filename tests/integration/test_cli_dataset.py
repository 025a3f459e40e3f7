"""`understudy init` and `understudy episode` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from understudy.apps.cli import _console
from understudy.apps.cli._main import main
from understudy.kinematics.load import load_robot
from understudy.spec.findings import Finding, Notes
from understudy.store.dataset import Dataset
from understudy.store.episode_file import read_episode
from understudy.testing.episodes import make_episode


@pytest.fixture(autouse=True)
def fresh_console() -> None:
    _console._console.cache_clear()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = tmp_path_factory.mktemp("cli") / "kitchen"
    assert main(["init", str(root), "--robot", "unitree_g1"]) == 0
    dataset = Dataset.open(root)
    dataset.add(make_episode(load_robot("unitree_g1"), duration_s=0.2, episode_id="e"))
    finding = Finding(gate="fall", severity="reject", message="the pelvis fell")
    dataset.write_notes(Notes(episode="e", verdict="rejected", findings=(finding,)))
    return dataset


def test_init_writes_a_dataset_and_says_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "new"), "--robot", "unitree_g1", "--name", "my kitchen"]) == 0
    said = capsys.readouterr().out
    for word in ("schema.toml", "SCHEMA.md", "robot.json", "29 joints", "'my kitchen'"):
        assert word in said
    dataset = Dataset.open(tmp_path / "new", robot=load_robot("unitree_g1"))
    assert dataset.schema.name == "my kitchen"
    assert dataset.schema.robot == "unitree_g1"


def test_init_takes_the_name_from_the_folder_and_refuses_to_overwrite(made: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert made.schema.name == "kitchen"
    before = (made.root / "schema.toml").read_bytes()
    assert main(["init", str(made.root), "--robot", "unitree_g1"]) == 3
    assert "there is a dataset already" in capsys.readouterr().err
    assert (made.root / "schema.toml").read_bytes() == before


def test_init_with_an_unknown_robot_names_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "new"), "--robot", "unitree_g2"]) == 3
    assert "unitree_g1" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_show_prints_streams_and_findings(
    made: Dataset, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["episode", "show", "e", "--dataset", str(made.root)]) == 0
    said = capsys.readouterr().out
    for word in ("unitree_g1", "observations/joint_positions", "rejected", "the pelvis fell", "next_state"):
        assert word in said


def test_show_json_is_json(made: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["episode", "show", str(made.ref("e").path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["streams"]["observations/joint_positions"]["shape"] == [29]
    assert facts["streams"]["observations/joint_positions"]["rate_hz"] == pytest.approx(120)
    assert facts["notes"]["verdict"] == "rejected"


def test_pack_writes_a_copy_with_notes(made: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "given.h5"
    assert main(["episode", "pack", "e", str(out), "--dataset", str(made.root)]) == 0
    notes = read_episode(out).notes
    assert notes is not None
    assert notes.verdict == "rejected"
    assert main(["episode", "pack", "e", str(out), "--dataset", str(made.root)]) == 3
    assert "is there already" in capsys.readouterr().err


def test_an_unknown_id_and_a_broken_file_are_unusable_input(
    made: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["episode", "show", "f", "--dataset", str(made.root)]) == 3
    assert "unknown episode" in capsys.readouterr().err
    (tmp_path / "x.h5").write_text("no")
    assert main(["episode", "show", str(tmp_path / "x.h5")]) == 3
    assert "not an HDF5 file" in capsys.readouterr().err
