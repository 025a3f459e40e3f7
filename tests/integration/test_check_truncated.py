"""The step `check` and takes that end in their middle: what is known of a task's other takes when each is judged."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from understudy.kinematics.load import load_robot
from understudy.pipeline.check import check_dataset
from understudy.pipeline.labels import UNLABELLED
from understudy.spec.episode import Episode
from understudy.spec.robot import RobotModel
from understudy.store.dataset import Dataset
from understudy.testing.datasets import dataset_of
from understudy.testing.episodes import make_episode
from understudy.testing.moved import with_motion

POSITIONS = "observations/joint_positions"


@cache
def _robot() -> RobotModel:
    return load_robot("unitree_g1")


def _raising(name: str, *, turns: float = 2.0, duration_s: float = 3.0) -> Episode:
    """The left arm goes up and down, that often."""
    episode, seed = replace(make_episode(_robot(), duration_s=duration_s, seed=len(name)), id=name), sum(map(ord, name))
    t_s = (episode.stream(POSITIONS).t_ns - episode.stream(POSITIONS).t_ns[0]) * 1e-9
    joint_pos = np.tile(episode.data(POSITIONS)[0], (len(t_s), 1)) + 1e-5 * np.random.default_rng(seed).normal(size=(len(t_s), 1))
    joint, size_rad = _robot().joint_index("left_shoulder_pitch_joint"), 0.5 + 0.001 * (seed % 7)
    joint_pos[:, joint] -= size_rad * (1.0 - np.cos(2.0 * np.pi * turns * t_s / duration_s))
    return with_motion(episode, _robot(), joint_pos=joint_pos)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_motion_that_ends_in_its_middle_is_found_whenever_it_was_looked_at(tmp_path: Path, workers: int) -> None:
    """The first to be judged is the half one: how far the others go is only known when all were."""
    whole = [_raising(f"raise_{letter}") for letter in "bcde"]
    dataset = dataset_of(tmp_path / "set", _robot(), _raising("raise_a", turns=1.0), *whole)
    summary = check_dataset(dataset, workers=workers)
    assert [(e.id, e.outcome) for e in summary.refused] == [("raise_a", "rejected")]
    notes = dataset.notes("raise_a")
    assert notes is not None
    assert [f.gate for f in notes.findings if f.severity == "reject"] == ["truncation"]
    assert check_dataset(dataset, restore=True).restored == ()
    dataset.add(_raising("raise_f", turns=1.0))
    assert [e.id for e in check_dataset(dataset).refused] == ["raise_f"]
    assert [e.id for e in check_dataset(dataset).refused] == []


def test_a_quick_take_that_is_whole_stays_where_it_is(tmp_path: Path) -> None:
    slow = [_raising(f"raise_{letter}", duration_s=4.0) for letter in "bcde"]
    quick, cut = _raising("raise_a", duration_s=2.4), _raising("raise_f", turns=1.0, duration_s=2.4)
    dataset = dataset_of(tmp_path / "set", _robot(), quick, *slow, cut)
    summary = check_dataset(dataset)
    assert [e.id for e in summary.refused] == ["raise_f"]
    assert {e.id for e in summary.episodes if e.moved} == {"raise_f"}
    assert dataset.ref("raise_a").partition == "episodes"


@pytest.mark.parametrize(("task", "compared"), [("raise", True), (UNLABELLED, False)])
def test_what_nobody_labelled_is_held_against_nothing(tmp_path: Path, task: str, compared: bool) -> None:
    """Clips of any kind lie together there: one that is shorter or does less is not cut off, and nothing is usual."""
    takes = [_raising(f"raise_{letter}") for letter in "bcdefghi"] + [_raising("raise_a", turns=1.0, duration_s=1.4)]
    labelled = [replace(e, metadata={**e.metadata, "task_id": task}) for e in takes]
    dataset = dataset_of(tmp_path / "set", _robot(), *labelled)
    summary = check_dataset(dataset)
    assert [e.id for e in summary.refused] == (["raise_a"] if compared else [])
    scores = {s.name: s for e in summary.episodes for s in (e.notes.scores if e.notes else ()) if e.id == "raise_b"}
    assert ("completion_time" in scores) is compared
    assert (scores["smoothness"].rated == scores["smoothness"].value) or compared
    dataset.add(replace(_raising("raise_j", turns=1.0, duration_s=1.4), metadata=labelled[0].metadata))
    assert [e.id for e in check_dataset(dataset).refused] == (["raise_j"] if compared else [])


@pytest.mark.parametrize("again", ["restore", "redo"])
def test_what_was_refused_together_comes_back_together(tmp_path: Path, again: str) -> None:
    """Short and long takes of a task lie together; without the short ones, each of them would look cut off."""
    long = [_raising(f"raise_{letter}") for letter in "bcde"]
    short = [_raising(f"raise_{letter}", turns=1.0, duration_s=1.3) for letter in "fgh"]
    dataset = dataset_of(tmp_path / "set", _robot(), *long, *short)
    assert check_dataset(dataset).refused == ()
    text = (dataset.root / "schema.toml").read_text(encoding="utf-8")
    (dataset.root / "schema.toml").write_text(text.replace("min_s = 0.5", "min_s = 2.0"), encoding="utf-8")
    assert {e.id for e in check_dataset(Dataset.open(dataset.root)).refused} == {e.id for e in short}
    (dataset.root / "schema.toml").write_text(text, encoding="utf-8")
    back = check_dataset(Dataset.open(dataset.root), restore=again == "restore", redo=again == "redo")
    assert {e.id for e in back.restored} == {e.id for e in short}
    assert dataset.refs("failures") == ()
