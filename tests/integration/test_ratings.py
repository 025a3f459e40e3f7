"""Scores against the task, over a dataset on disk: what a new episode changes, and what it does not."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from understudy import plugins
from understudy.kinematics.load import load_robot
from understudy.pipeline.check import check_dataset, check_one
from understudy.pipeline.ratings import SCORES, ScoresFile
from understudy.pipeline.sampling import dataset_weights
from understudy.quality.in_task import FEWEST
from understudy.quality.weights import episode_weights
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Notes
from understudy.spec.robot import RobotModel
from understudy.spec.schema import GateValue
from understudy.store.dataset import Dataset
from understudy.testing.episodes import make_episode, make_fall_episode


@cache
def _robot() -> RobotModel:
    return load_robot("unitree_g1")


@cache
def _stand(seed: int) -> Episode:
    return make_episode(_robot(), duration_s=1.0 + 0.1 * (seed % 3), rate_hz=60.0, seed=seed)


def _dataset(root: Path, count: int) -> Dataset:
    """So many episodes of one task, under the gate for falls alone: ratings are what is looked at here."""
    off: dict[str, dict[str, GateValue]] = {name: {"enabled": False} for name in plugins.names("gates") if name != "fall"}
    schema = default_schema(_robot(), "test").model_copy(update={"gates": off})
    dataset = Dataset.create(root, schema, _robot())
    for seed in range(count):
        dataset.add(_stand(seed))
    return dataset


def _notes(dataset: Dataset) -> dict[str, Notes]:
    found = {ref.id: dataset.read(ref.id).notes for ref in dataset.refs("all")}
    return {id_: notes for id_, notes in found.items() if notes is not None}


def _rated(notes: Notes) -> bool:
    return bool(notes.scores) and all(s.in_task is not None for s in notes.scores)


def _files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_a_small_task_is_on_the_fixed_scales_and_leaves_no_file(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "set", FEWEST - 1)
    check_dataset(dataset)
    assert not any(_rated(n) for n in _notes(dataset).values())
    assert not (dataset.root / SCORES).exists()


def test_a_task_is_rated_against_itself_as_soon_as_it_can_be(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "set", FEWEST - 1)
    check_dataset(dataset)
    dataset.add(_stand(FEWEST))
    summary = check_dataset(dataset)
    assert sum(e.looked_at for e in summary.episodes) == 1
    notes = _notes(dataset)
    assert all(_rated(n) for n in notes.values())
    assert {e.id: e.notes for e in summary.episodes} == notes, "what is reported is what is noted"
    for n in notes.values():
        parts = [c.in_task for s in n.scores for c in s.components if c.in_task is not None]
        assert n.quality_rating == min(parts)
        assert "completion_time" in {s.name for s in n.scores}
        assert "completion_time" not in {s.name for s in n.skipped}
    table = ScoresFile.model_validate_json((dataset.root / SCORES).read_bytes()).tasks["stand"]
    assert table.episodes == FEWEST
    before = _files(dataset.root)
    check_dataset(dataset)
    assert _files(dataset.root) == before


def test_a_new_episode_in_a_grown_task_rates_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.pipeline.ratings.GROWTH", 1.3)
    dataset = _dataset(tmp_path / "set", FEWEST)
    check_dataset(dataset)
    before = _files(dataset.root)
    ref = dataset.add(_stand(50))
    checked = check_one(dataset, ref)
    assert checked.notes is not None
    assert _rated(checked.notes)
    assert checked.notes == dataset.read(ref.id).notes
    changed = {name for name, data in _files(dataset.root).items() if before.get(name) != data}
    assert changed == {f"episodes/stand/{ref.id}.h5", f"episodes/stand/{ref.id}.notes.json"}
    for seed in (51, 52):
        dataset.add(_stand(seed))
    check_dataset(dataset)
    tables = ScoresFile.model_validate_json((dataset.root / SCORES).read_bytes()).tasks
    assert tables["stand"].episodes == FEWEST + 3, "over 1.3 times as many: what is usual is looked at again"


def test_the_order_of_coming_does_not_matter_after_redo(tmp_path: Path) -> None:
    at_once, one_by_one = _dataset(tmp_path / "a", 9), _dataset(tmp_path / "b", 0)
    for seed in reversed(range(9)):
        check_one(one_by_one, one_by_one.add(_stand(seed)))
    for dataset in (at_once, one_by_one):
        check_dataset(dataset, redo=True)
    assert _notes(at_once) == _notes(one_by_one)


def test_a_rating_that_a_killed_run_left_out_is_made_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.pipeline.ratings.GROWTH", 1.3)
    dataset = _dataset(tmp_path / "set", FEWEST)
    check_dataset(dataset)
    ref = dataset.add(_stand(60))
    with monkeypatch.context() as patched:
        patched.setattr("understudy.pipeline.check.rate_dataset", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            check_dataset(dataset)
    assert not _rated(_notes(dataset)[ref.id])
    summary = check_dataset(dataset)
    assert not any(e.looked_at for e in summary.episodes)
    assert _rated(_notes(dataset)[ref.id])


def test_what_was_refused_is_rated_and_does_not_say_what_is_usual(tmp_path: Path) -> None:
    clean, mixed = _dataset(tmp_path / "clean", FEWEST), _dataset(tmp_path / "mixed", FEWEST)
    mixed.add(make_fall_episode(_robot()))
    for dataset in (clean, mixed):
        check_dataset(dataset)
    tables = [ScoresFile.model_validate_json((d.root / SCORES).read_bytes()).tasks["stand"] for d in (clean, mixed)]
    assert tables[0].components == tables[1].components
    assert _rated(_notes(mixed)["fall_00000000"])


@pytest.mark.parametrize("text", ["{", '{"format": "understudy-scores", "format_version": 9, "tasks": {}}'])
def test_a_damaged_or_newer_table_is_made_anew(tmp_path: Path, text: str) -> None:
    dataset = _dataset(tmp_path / "set", FEWEST)
    check_dataset(dataset)
    whole, notes = (dataset.root / SCORES).read_bytes(), _notes(dataset)
    (dataset.root / SCORES).write_text(text)
    check_dataset(dataset)
    assert (dataset.root / SCORES).read_bytes() == whole
    assert _notes(dataset) == notes


def test_damaged_notes_do_not_stop_the_others(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "set", FEWEST + 1)
    check_dataset(dataset)
    broken = dataset.root / "episodes" / "stand" / "stand_00000000.notes.json"
    broken.write_text("{")
    (dataset.root / SCORES).unlink()
    summary = check_dataset(dataset)
    assert {e.id for e in summary.unreadable} == {"stand_00000000"}
    assert broken.read_text() == "{"
    assert sum(e.notes is not None and _rated(e.notes) for e in summary.episodes) == FEWEST


def test_weights_of_a_dataset_are_those_of_its_notes(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "set", 4)
    fallen = dataset.add(make_fall_episode(_robot()))
    check_dataset(dataset)
    notes = _notes(dataset)
    found = dataset_weights(dataset)
    assert set(found.ids) == set(notes) - {fallen.id}
    want = dict(zip(notes, episode_weights(list(notes.values()), failures="exclude"), strict=True))
    assert dict(zip(found.ids, found.weights, strict=True)) == pytest.approx({k: v for k, v in want.items() if v})
    assert fallen.id in dataset_weights(dataset, failures="weight").ids
