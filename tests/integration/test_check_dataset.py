"""The step `check` over a dataset on disk: what moves, what stays, and what a second run does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from understudy.apps.cli._main import main
from understudy.pipeline.check import check_dataset
from understudy.spec.episode import Episode
from understudy.store.dataset import Dataset
from understudy.store.episode_file import read_episode
from understudy.testing.datasets import good_episode, mixed_dataset


def _files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.fixture
def mixed(tmp_path: Path) -> Dataset:
    return mixed_dataset(tmp_path / "set")


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


@pytest.mark.parametrize("how", ["redo", "restore"])
def test_what_passes_now_is_brought_back(mixed: Dataset, how: str) -> None:
    check_dataset(mixed)
    text = (mixed.root / "schema.toml").read_text()
    loose = text.replace("max_gap_s = 0.05", "max_gap_s = 0.5").replace("max_missing = 0.02", "max_missing = 0.5")
    (mixed.root / "schema.toml").write_text(loose)
    opened = Dataset.open(mixed.root)
    assert check_dataset(opened).restored == ()  # failures are only looked at when asked
    summary = check_dataset(opened, redo=how == "redo", restore=how == "restore")
    assert {e.id for e in summary.restored} == {"stand_00000002"}
    assert {ref.id for ref in opened.refs("failures")} == {"fall_00000000"}
    looked = {e.id for e in summary.episodes if e.looked_at}
    assert looked == ({"fall_00000000", "stand_00000002"} if how == "restore" else {ref.id for ref in opened.refs("all")})
    assert check_dataset(opened).refused == ()


@pytest.mark.parametrize("decision", ["accepted", "rejected"])
def test_a_person_outranks_the_gates(mixed: Dataset, decision: str) -> None:
    check_dataset(mixed)
    episode, home = ("fall_00000000", "episodes") if decision == "accepted" else ("stand_00000000", "failures")
    notes = mixed.read(episode).notes
    assert notes is not None
    mixed.write_notes(notes.model_copy(update={"review": {"verdict": decision, "by": "kim"}, "verdict": decision}))
    mixed.move(episode, "episodes" if home == "episodes" else "failures")
    for redo, restore in ((False, False), (True, False), (False, True)):
        check_dataset(mixed, redo=redo, restore=restore)
        ref = mixed.find(episode)
        assert ref is not None
        assert ref.partition == home
    kept = mixed.read(episode).notes
    assert kept is not None
    assert (kept.verdict, kept.review["by"]) == (decision, "kim")
    assert bool(kept.findings) is (decision == "accepted")  # what the gates saw stays to be read


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


def test_a_new_episode_makes_no_old_one_be_judged_again(mixed: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    check_dataset(mixed)
    mixed.add(good_episode(seed=7))
    read: list[str] = []

    def watched(path: Path, *, whole: bool = False) -> Episode:
        read.append(path.stem)
        return read_episode(path, whole=whole)

    monkeypatch.setattr("understudy.pipeline.check_judging.read_episode", watched)
    summary = check_dataset(mixed)
    assert [e.id for e in summary.episodes if e.looked_at] == ["stand_00000007"]
    assert read == ["stand_00000007"]  # what it is held against stands in the notes of the others
    notes = mixed.notes("stand_00000007")
    assert notes is not None
    assert "completion_time" in {s.name for s in notes.skipped}  # two peers, three are needed


def test_a_copy_under_another_name_is_refused_and_the_first_one_stays(mixed: Dataset) -> None:
    check_dataset(mixed)
    mixed.add(replace(good_episode(), id="again_00000000"))
    assert [e.id for e in check_dataset(mixed).refused] == ["again_00000000"]
    check_dataset(mixed)
    assert (mixed.ref("stand_00000000").partition, mixed.ref("again_00000000").partition) == ("episodes", "failures")
    check_dataset(mixed, redo=True)  # anew: one of the two stays, whichever comes first
    assert len({ref.partition for ref in (mixed.ref("again_00000000"), mixed.ref("stand_00000000"))}) == 2


def test_several_workers_say_the_same(mixed: Dataset, tmp_path: Path) -> None:
    mixed.add(replace(good_episode(), id="zagain_00000000"))  # workers do not know each other's: the copy is found all the same
    twin = tmp_path / "twin"
    shutil.copytree(mixed.root, twin)
    alone, many = check_dataset(mixed), check_dataset(Dataset.open(twin), workers=2)
    assert [(e.id, e.outcome, e.notes) for e in alone.episodes] == [(e.id, e.outcome, e.notes) for e in many.episodes]
    assert "zagain_00000000" in {e.id for e in many.refused}


def test_restore_is_not_redo(mixed: Dataset) -> None:
    assert main(["check", str(mixed.root), "--restore", "--redo"]) == 2
    assert main(["check", str(mixed.root), "--workers", "0"]) == 2
    assert main(["check", str(mixed.root)]) == 1
    assert main(["check", str(mixed.root), "--restore"]) == 0


def test_a_gate_of_an_outside_package_is_run_and_reported(mixed: Dataset, tmp_path: Path) -> None:
    package = tmp_path / "outside"
    (package / "too_tidy-1.2.dist-info").mkdir(parents=True)
    (package / "too_tidy-1.2.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: too-tidy\nVersion: 1.2\n")
    (package / "too_tidy-1.2.dist-info" / "entry_points.txt").write_text("[understudy.gates]\ntidy = too_tidy:PLUGIN\n")
    (package / "too_tidy.py").write_text(OUTSIDE)
    schema = mixed.root / "schema.toml"
    schema.write_text(schema.read_text() + "\n[gates.tidy]\nleast = 2.0\n")
    code = f"""
from understudy.apps.cli._main import main
assert main(["check", {str(mixed.root)!r}, "--json"]) == 1
assert main(["report", {str(mixed.root)!r}]) == 0
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(package), *sys.path])}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    notes = mixed.notes("stand_00000000")
    assert notes is not None
    assert ("tidy", "too tidy to be true (2 allowed)") in {(f.gate, f.message) for f in notes.findings}
    assert "too tidy to be true" in (mixed.root / "reports" / "report.html").read_text()


OUTSIDE = """
from understudy.spec.findings import Finding

class Tidy:
    title = "Too tidy"
    needs = ()
    defaults = {"least": 1.0}

    def check(self, episode, context):
        return [Finding(gate="tidy", severity="reject", message=f"too tidy to be true ({context.thresholds['least']:g} allowed)")]

PLUGIN = Tidy()
"""
