"""The step `check` beside others: a second check, a reviewer, a recorder, a run that was killed."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from understudy.apps.cli._main import main
from understudy.pipeline import check_judging, check_known
from understudy.pipeline.check import check_dataset, settle
from understudy.quality import verdict
from understudy.spec.episode import Episode
from understudy.spec.findings import Notes
from understudy.store.dataset import Dataset, EpisodeRef
from understudy.store.journal_state import TakeState, write_state
from understudy.testing.datasets import good_episode, mixed_dataset


@pytest.fixture
def mixed(tmp_path: Path) -> Dataset:
    return mixed_dataset(tmp_path / "set")


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


def test_two_checks_at_once(mixed: Dataset) -> None:
    for seed in range(3, 8):
        mixed.add(good_episode(seed=seed))
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

    def meanwhile(dataset: Dataset, ref: EpisodeRef, *rest: Any) -> check_judging.Judgement | str:
        said = judged_before(dataset, ref, *rest)
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

    def moving(episode: Episode, *args: Any, **others: Any) -> Notes:
        if episode.id == "stand_00000001" and not moved:
            moved.append(episode.id)
            mixed.move(episode.id, "failures")  # its samples are not read yet
        return judge(episode, *args, **others)

    monkeypatch.setattr("understudy.pipeline.check_judging.judge", moving)
    summary = check_dataset(mixed)
    (found,) = [e for e in summary.episodes if e.id == "stand_00000001"]
    assert (found.outcome, mixed.ref("stand_00000001").partition) == ("accepted", "episodes")
    assert found.notes is not None
    assert not [f for f in found.notes.findings if "cannot be checked" in f.message]


def test_an_episode_that_is_gone_does_not_stop_the_others(mixed: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    known = check_known.known_of

    def removing(dataset: Dataset, *args: Any, **others: Any) -> object:
        mixed.ref("stand_00000001").path.unlink()
        return known(dataset, *args, **others)

    monkeypatch.setattr("understudy.pipeline.check.known_of", removing)
    summary = check_dataset(mixed)
    assert {e.id: e.error for e in summary.unreadable}["stand_00000001"].endswith("somebody moved or removed it during the check")
    assert len(summary.episodes) == 4


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
