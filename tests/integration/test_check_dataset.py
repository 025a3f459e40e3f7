"""The step `check` over a dataset on disk: what moves, what stays, and what a second run does."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest

from understudy.apps.cli._main import main
from understudy.kinematics.load import load_robot
from understudy.pipeline import check_judging, check_known
from understudy.pipeline.check import check_dataset, settle
from understudy.quality import verdict
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Notes
from understudy.spec.robot import RobotModel
from understudy.store.dataset import Dataset, EpisodeRef
from understudy.store.episode_file import read_episode
from understudy.store.journal_state import TakeState, write_state
from understudy.store.notes import notes_path
from understudy.testing.episodes import make_episode, make_fall_episode, with_data, with_gap
from understudy.testing.stand_in import stand_in_robot

POSITIONS = "observations/joint_positions"


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


def test_a_new_episode_makes_no_old_one_be_judged_again(mixed: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    check_dataset(mixed)
    mixed.add(_good(seed=7))
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
    mixed.add(replace(_good(), id="again_00000000"))
    assert [e.id for e in check_dataset(mixed).refused] == ["again_00000000"]
    check_dataset(mixed)
    assert (mixed.ref("stand_00000000").partition, mixed.ref("again_00000000").partition) == ("episodes", "failures")
    check_dataset(mixed, redo=True)  # anew: one of the two stays, whichever comes first
    assert len({ref.partition for ref in (mixed.ref("again_00000000"), mixed.ref("stand_00000000"))}) == 2


def test_several_workers_say_the_same(mixed: Dataset, tmp_path: Path) -> None:
    mixed.add(replace(_good(), id="zagain_00000000"))  # workers do not know each other's: the copy is found all the same
    twin = tmp_path / "twin"
    shutil.copytree(mixed.root, twin)
    alone, many = check_dataset(mixed), check_dataset(Dataset.open(twin), workers=2)
    assert [(e.id, e.outcome, e.notes) for e in alone.episodes] == [(e.id, e.outcome, e.notes) for e in many.episodes]
    assert "zagain_00000000" in {e.id for e in many.refused}


def test_two_checks_at_once(mixed: Dataset) -> None:
    for seed in range(3, 8):
        mixed.add(_good(seed=seed))
    before = {ref.id: ref.path.read_bytes() for ref in mixed.refs("all")}
    code = f"from understudy.apps.cli._main import main; raise SystemExit(main(['check', {str(mixed.root)!r}, '--json']))"
    runs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for run in runs:
        out, err = run.communicate(timeout=300)
        assert run.returncode in (0, 1), err
        assert "Traceback" not in err
        said = {e["id"]: e["outcome"] for e in json.loads(out)["episodes"]}
        assert {id_ for id_, outcome in said.items() if outcome != "accepted"} <= {"fall_00000000", "stand_00000002"}
    opened = Dataset.open(mixed.root)
    assert {ref.id: ref.path.read_bytes() for ref in opened.refs("all")} == before  # nothing lost, nothing changed
    assert {ref.id for ref in opened.refs("failures")} == {"fall_00000000", "stand_00000002"}
    assert all(opened.notes(id_) is not None for id_ in before)
    assert check_dataset(opened).refused == ()


def test_a_decision_that_falls_while_an_episode_is_judged_is_kept(mixed: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    judged_before = check_judging.judged_here

    def meanwhile(dataset: Dataset, ref: EpisodeRef, *rest: object) -> check_judging.Judgement | str:
        said = judged_before(dataset, ref, *rest)  # type: ignore[arg-type]
        if ref.id == "fall_00000000":
            person = Notes(episode=ref.id, review={"verdict": "accepted", "by": "kim"})
            settle(dataset, person)
        return said

    monkeypatch.setattr("understudy.pipeline.check.judged_here", meanwhile)
    check_dataset(mixed)
    notes = mixed.notes("fall_00000000")
    assert notes is not None
    assert (mixed.ref("fall_00000000").partition, notes.review["by"], notes.verdict) == ("episodes", "kim", "accepted")
    assert "fall" in {f.gate for f in notes.findings}


def test_an_episode_that_is_moved_while_it_is_judged_is_judged_where_it_lies(
    mixed: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[str] = []
    judge = verdict.judge

    def moving(episode: Episode, *args: object, **others: object) -> Notes:
        if episode.id == "stand_00000001" and not moved:
            moved.append(episode.id)
            mixed.move(episode.id, "failures")  # its samples are not read yet
        return judge(episode, *args, **others)  # type: ignore[arg-type]

    monkeypatch.setattr("understudy.pipeline.check_judging.judge", moving)
    summary = check_dataset(mixed)
    (found,) = [e for e in summary.episodes if e.id == "stand_00000001"]
    assert (found.outcome, mixed.ref("stand_00000001").partition) == ("accepted", "episodes")
    assert found.notes is not None
    assert not [f for f in found.notes.findings if "cannot be checked" in f.message]


def test_an_episode_that_is_gone_does_not_stop_the_others(mixed: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    known = check_known.known_of

    def removing(dataset: Dataset, *args: object, **others: object) -> object:
        mixed.ref("stand_00000001").path.unlink()
        return known(dataset, *args, **others)  # type: ignore[arg-type]

    monkeypatch.setattr("understudy.pipeline.check.known_of", removing)
    summary = check_dataset(mixed)
    assert {e.id: e.error for e in summary.unreadable}["stand_00000001"].endswith("somebody moved or removed it during the check")
    assert len(summary.episodes) == 4


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


def test_takes_of_a_recorder_are_left_alone_and_named(mixed: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    folder = mixed.root / "journal"
    folder.mkdir()
    write_state(folder, TakeState(take="take_000", state="RECORDING"))
    part = mixed.root / "episodes" / "stand" / f".new.h5.{platform.node().replace('.', '_') or 'here'}-{os.getpid()}-00.part"
    part.write_bytes(b"half an episode")
    assert check_dataset(mixed).waiting == ("take_000",)
    assert part.exists()
    assert main(["check", str(mixed.root)]) == 0
    assert "1 take is in journal/ without an episode yet (take_000)" in capsys.readouterr().out


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


def test_an_empty_dataset(tmp_path: Path) -> None:
    assert check_dataset(_dataset(tmp_path / "set")).episodes == ()
    assert main(["check", str(tmp_path / "set")]) == 0


def test_what_lies_among_episodes_and_can_be_none_is_named_and_stops_nobody(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "set", _good())
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
    data = _good().data(POSITIONS).copy()
    data[40, 3] = value
    dataset = _dataset(tmp_path / "set", with_data(_good(), POSITIONS, data))
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
    (episode,) = check_dataset(_dataset(tmp_path / "set", _good())).episodes
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
    made = _dataset(tmp_path / "set", _good()).root
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    made.rename(odd)
    assert main(["check", str(odd)]) == 0
    assert main(["catalog", str(odd)]) == 0
    capsys.readouterr()
    assert main(["report", str(odd), "--no-video"]) == 3
    assert "caf\\xe9: a name with bytes that are no UTF-8 text; rename" in capsys.readouterr().err
