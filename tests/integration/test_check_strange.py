"""The step `check` over what it did not expect: files that are no episodes, another robot, numbers without bound."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from understudy.apps.cli._main import main
from understudy.kinematics.load import load_robot
from understudy.pipeline.check import check_dataset
from understudy.spec.default_schema import default_schema
from understudy.store.dataset import Dataset
from understudy.store.notes import notes_path
from understudy.testing.datasets import dataset_of, good_episode, mixed_dataset
from understudy.testing.episodes import make_episode, with_data
from understudy.testing.stand_in import stand_in_robot

POSITIONS = "observations/joint_positions"


@pytest.fixture
def mixed(tmp_path: Path) -> Dataset:
    return mixed_dataset(tmp_path / "set")


def test_an_episode_that_cannot_be_read_does_not_stop_the_others(mixed: Dataset) -> None:
    path = mixed.refs()[1].path
    path.write_bytes(path.read_bytes()[:2000])
    summary = check_dataset(mixed)
    (broken,) = [e for e in summary.episodes if e.outcome == "unreadable"]
    assert broken.id == path.stem
    assert path.name in broken.error
    assert broken in summary.refused
    assert path.is_file()
    assert sum(e.looked_at for e in summary.episodes) == 4


@pytest.mark.parametrize("kind", ["text", "empty", "foreign", "folder", "newer"])
def test_files_that_are_no_episodes_are_named(mixed: Dataset, kind: str) -> None:
    path = mixed.root / "episodes" / "stand" / "odd_00000000.h5"
    if kind == "folder":
        path.mkdir()
    elif kind in ("text", "empty"):
        path.write_bytes(b"" if kind == "empty" else b"no episode at all " * 100)
    else:
        with h5py.File(path, "w") as file:
            file["data"] = np.arange(5)
            if kind == "newer":
                file.attrs["format"], file.attrs["format_version"] = "understudy-episode", 99
    summary = check_dataset(mixed)
    (odd,) = [e for e in summary.episodes if e.id == "odd_00000000"]
    assert odd.outcome == "unreadable"
    assert path.name in odd.error
    assert path.exists()
    assert sum(e.outcome == "accepted" for e in summary.episodes) == 2


def test_a_file_that_was_cut_after_its_verdict_is_looked_at_again(mixed: Dataset) -> None:
    check_dataset(mixed)
    path = mixed.ref("stand_00000000").path
    path.write_bytes(path.read_bytes()[:3000])
    assert [e.id for e in check_dataset(mixed).unreadable] == ["stand_00000000"]


def test_notes_that_are_damaged_are_named_and_left(mixed: Dataset) -> None:
    check_dataset(mixed)
    path = notes_path(mixed.ref("stand_00000000").path)
    path.write_text("{")
    (odd,) = check_dataset(mixed).unreadable
    assert "damaged notes" in odd.error
    assert path.read_text() == "{"


def test_an_episode_of_another_robot_is_refused_with_a_finding(mixed: Dataset) -> None:
    robot = stand_in_robot()
    other = Dataset.create(mixed.root.parent / "other", default_schema(robot, "other"), robot)
    there = other.add(make_episode(robot, duration_s=1.0, episode_id="foreign_00000000"))
    shutil.copy(there.path, mixed.root / "episodes" / "stand" / there.path.name)
    check_dataset(mixed)
    notes = mixed.notes("foreign_00000000")
    assert notes is not None
    assert mixed.ref("foreign_00000000").partition == "failures"
    assert {f.gate for f in notes.findings} == {"schema_match"}


def test_an_episode_that_is_in_both_places_is_named(mixed: Dataset) -> None:
    ref = mixed.ref("fall_00000000")
    twin = mixed.root / "failures" / ref.task / ref.path.name
    twin.parent.mkdir(parents=True)
    shutil.copy(ref.path, twin)
    (odd,) = check_dataset(mixed).unreadable
    assert "another episode of that id is there already" in odd.error
    assert ref.path.exists()
    assert twin.exists()


def test_an_empty_dataset(tmp_path: Path) -> None:
    assert check_dataset(dataset_of(tmp_path / "set", load_robot("unitree_g1"))).episodes == ()
    assert main(["check", str(tmp_path / "set")]) == 0


def test_what_lies_among_episodes_and_can_be_none_is_named_and_stops_nobody(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path / "set", load_robot("unitree_g1"), good_episode())
    folder, file = dataset.ref("stand_00000000").path.parent, dataset.ref("stand_00000000").path
    (folder / "gone.h5").symlink_to("nowhere.h5")
    (folder / "round.h5").symlink_to("round.h5")
    (folder / "folder.h5").mkdir()
    os.mkfifo(folder / "pipe.h5")
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.h5")).write_bytes(file.read_bytes())
    (folder / " .h5").write_bytes(file.read_bytes())
    (folder.parent / "around").symlink_to(dataset.root / "episodes")
    assert [ref.id for ref in dataset.refs("all")] == ["stand_00000000"]
    summary = check_dataset(dataset)
    assert [(e.id, e.outcome) for e in summary.episodes if e.outcome == "accepted"] == [("stand_00000000", "accepted")]
    assert {e.id for e in summary.unreadable} == {"gone", "round", "folder", "pipe", "caf\\xe9", " "}
    assert all(str(folder) in e.error and e.error.isprintable() for e in summary.unreadable)
    assert {path.name for path in folder.iterdir()} >= {"gone.h5", "round.h5", "folder.h5", "pipe.h5", " .h5"}
    assert main(["check", str(dataset.root), "--json"]) == 1
    for command in ("catalog", "segment", "report"):
        assert main([command, str(dataset.root), *(["--no-video"] if command == "report" else [])]) == 0


@pytest.mark.parametrize("value", [1e300, np.inf, -1e160])
def test_numbers_of_any_size_are_a_finding(tmp_path: Path, value: float) -> None:
    data = good_episode().data(POSITIONS).copy()
    data[40, 3] = value
    dataset = dataset_of(tmp_path / "set", load_robot("unitree_g1"), with_data(good_episode(), POSITIONS, data))
    (episode,) = check_dataset(dataset).episodes
    assert episode.outcome == "rejected"
    assert episode.notes is not None
    assert not [s for s in episode.notes.skipped if "failed" in s.reason]
    assert main(["report", str(dataset.root), "--no-video"]) == 0


def test_a_score_that_fails_is_listed_and_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from understudy.quality.scores.smoothness import Smoothness

    def broken(*_: object) -> None:
        raise ZeroDivisionError("of its own")

    monkeypatch.setattr(Smoothness, "rate", broken)
    (episode,) = check_dataset(dataset_of(tmp_path / "set", load_robot("unitree_g1"), good_episode())).episodes
    assert episode.notes is not None
    assert [s.reason for s in episode.notes.skipped if s.name == "smoothness"] == [
        "the score itself failed: ZeroDivisionError: of its own"
    ]
    assert {s.name for s in episode.notes.scores} >= {"balance"}


def test_the_command_tells_what_is_refused_from_what_cannot_be_read(mixed: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    path = mixed.ref("stand_00000001").path
    path.write_bytes(path.read_bytes()[:5000])
    assert main(["check", str(mixed.root)]) == 1
    out = capsys.readouterr().out
    assert "4 episodes, 4 checked now: 2 refused, 1 that cannot be read" in out
    assert "stays where it is" in out
    assert main(["check", str(mixed.root)]) == 1
    out = capsys.readouterr().out
    assert "0 refused, 1 that cannot be read" in out
    assert "Refused episodes are in failures/" not in out


def test_a_dataset_in_a_folder_whose_name_is_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = dataset_of(tmp_path / "set", load_robot("unitree_g1"), good_episode()).root
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    made.rename(odd)
    assert main(["check", str(odd)]) == 0
    assert main(["catalog", str(odd)]) == 0
    capsys.readouterr()
    assert main(["report", str(odd), "--no-video"]) == 3
    assert "caf\\xe9: a name with bytes that are no UTF-8 text; rename" in capsys.readouterr().err
