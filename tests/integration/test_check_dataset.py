"""The step `check` over a dataset on disk: what moves, what stays, and what a second run does."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from understudy.apps.cli._main import main
from understudy.kinematics.load import load_robot
from understudy.pipeline.check import check_dataset
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.store.dataset import Dataset
from understudy.testing.episodes import make_episode, make_fall_episode, with_gap


@cache
def _robot() -> RobotModel:
    return load_robot("unitree_g1")


def _good(seed: int = 0) -> Episode:
    return make_episode(_robot(), duration_s=2.0, seed=seed)


def _dataset(root: Path, *episodes: Episode) -> Dataset:
    dataset = Dataset.create(root, default_schema(_robot(), "test"), _robot())
    for episode in episodes:
        dataset.add(episode)
    return dataset


def _files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.fixture
def mixed(tmp_path: Path) -> Dataset:
    """Two good episodes, a fall, and one with a hole in a stream."""
    holed = with_gap(_good(seed=2), "observations/joint_velocities", start_s=0.5, gap_s=0.2)
    return _dataset(tmp_path / "set", _good(), _good(seed=1), make_fall_episode(_robot()), holed)


def test_what_is_refused_moves_with_its_findings_and_is_not_deleted(mixed: Dataset) -> None:
    before = {ref.id: ref.path.read_bytes() for ref in mixed.refs()}
    calls: list[tuple[int, int]] = []
    summary = check_dataset(mixed, lambda done, total: calls.append((done, total)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert {e.id for e in summary.refused} == {"fall_00000000", "stand_00000002"}
    assert {ref.id for ref in mixed.refs("failures")} == {"fall_00000000", "stand_00000002"}
    assert {ref.id for ref in mixed.refs()} == {"stand_00000000", "stand_00000001"}
    assert {ref.id: ref.path.read_bytes() for ref in mixed.refs("all")} == before
    notes = mixed.read("fall_00000000").notes
    assert notes is not None
    assert notes.verdict == "rejected"
    assert "fall" in {f.gate for f in notes.findings if f.severity == "reject"}
    assert (mixed.root / "failures" / "stand" / "fall_00000000.notes.json").is_file()


def test_accepted_episodes_are_rated(mixed: Dataset) -> None:
    check_dataset(mixed)
    notes = mixed.read("stand_00000000").notes
    assert notes is not None
    assert (notes.verdict, notes.episode) == ("accepted", "stand_00000000")
    assert notes.quality_rating == min(s.value for s in notes.scores)
    assert "completion_time" in {s.name for s in notes.scores}  # three other episodes of the task


def test_a_second_run_changes_nothing(mixed: Dataset) -> None:
    check_dataset(mixed)
    before = _files(mixed.root)
    again = check_dataset(mixed)
    assert again.refused == ()
    assert [e.looked_at for e in again.episodes] == [False, False]
    assert _files(mixed.root) == before


def test_other_thresholds_are_applied_without_being_asked(mixed: Dataset) -> None:
    check_dataset(mixed)
    text = (mixed.root / "schema.toml").read_text()
    assert "max_skate_m_s = 0.05" in text
    (mixed.root / "schema.toml").write_text(
        text.replace("max_gap_s = 0.05", "max_gap_s = 0.001").replace("max_missing = 0.02", "max_missing = 0.9")
    )
    summary = check_dataset(Dataset.open(mixed.root))
    assert [e.looked_at for e in summary.episodes] == [True, True]


def test_redo_brings_back_what_passes_now(mixed: Dataset) -> None:
    check_dataset(mixed)
    text = (mixed.root / "schema.toml").read_text()
    loose = text.replace("max_gap_s = 0.05", "max_gap_s = 0.5").replace("max_missing = 0.02", "max_missing = 0.5")
    (mixed.root / "schema.toml").write_text(loose)
    opened = Dataset.open(mixed.root)
    assert check_dataset(opened).restored == ()  # failures are only looked at when asked
    summary = check_dataset(opened, redo=True)
    assert {e.id for e in summary.restored} == {"stand_00000002"}
    assert {ref.id for ref in opened.refs("failures")} == {"fall_00000000"}


@pytest.mark.parametrize("decision", ["accepted", "rejected"])
def test_a_person_outranks_the_gates(mixed: Dataset, decision: str) -> None:
    check_dataset(mixed)
    episode, home = ("fall_00000000", "episodes") if decision == "accepted" else ("stand_00000000", "failures")
    notes = mixed.read(episode).notes
    assert notes is not None
    mixed.write_notes(notes.model_copy(update={"review": {"verdict": decision, "by": "kim"}, "verdict": decision}))
    mixed.move(episode, "episodes" if home == "episodes" else "failures")
    for redo in (False, True):
        check_dataset(mixed, redo=redo)
        ref = mixed.find(episode)
        assert ref is not None
        assert ref.partition == home
    kept = mixed.read(episode).notes
    assert kept is not None
    assert (kept.verdict, kept.review["by"]) == (decision, "kim")
    assert bool(kept.findings) is (decision == "accepted")  # what the gates saw stays to be read


def test_a_run_that_was_killed_before_the_move_is_finished(mixed: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(self: Dataset, episode_id: str, partition: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Dataset, "move", killed)
        with pytest.raises(KeyboardInterrupt):
            check_dataset(mixed)
    assert mixed.refs("failures") == ()
    summary = check_dataset(mixed)
    assert {e.id for e in summary.refused} == {"fall_00000000", "stand_00000002"}
    assert {ref.id for ref in mixed.refs("failures")} == {"fall_00000000", "stand_00000002"}


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


def test_the_command(mixed: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(mixed.root), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert set(found["refused"]) == {"fall_00000000", "stand_00000002"}
    by_id = {e["id"]: e for e in found["episodes"]}
    assert by_id["fall_00000000"]["notes"]["findings"]
    assert main(["check", str(mixed.root)]) == 0
    assert "2 episodes, 0 checked now: 0 refused" in capsys.readouterr().out
    assert main(["check", str(mixed.root), "--redo"]) == 0  # nothing was refused that was not refused already
    printed = capsys.readouterr().out
    assert "fall_00000000" in printed
    assert "rejected" in printed
    assert "reject by fall: pelvis at" in printed
    assert main(["check", str(mixed.root / "nowhere")]) == 3


def test_an_empty_dataset(tmp_path: Path) -> None:
    assert check_dataset(_dataset(tmp_path / "set")).episodes == ()
    assert main(["check", str(tmp_path / "set")]) == 0
