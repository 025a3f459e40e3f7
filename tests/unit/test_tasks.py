"""Task ids, manifests and the serial engine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import UnknownNameError
from understudy.pipeline.run import TaskResult, run
from understudy.pipeline.tasks import Job, Outcome, Step, Task, job_of, manifest_path
from understudy.spec.default_schema import default_schema
from understudy.store.dataset import Dataset
from understudy.testing.stand_in import stand_in_robot
from understudy.testing.steps import STAND


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    robot = stand_in_robot()
    return Dataset.create(tmp_path / "data", default_schema(robot, "data"), robot)


def clips(folder: Path, count: int = 3, **faults: str) -> list[Task]:
    tasks = []
    for seed in range(count):
        path = folder / f"c{seed}.txt"
        path.write_text(str(seed))
        params = {"fault": faults[f"c{seed}"]} if f"c{seed}" in faults else {}
        tasks.append(Task(f"c{seed}", (path,), params))
    return tasks


def id_of(step: Step, task: Task) -> str:
    return job_of(step, task, Path()).id


def do(dataset: Dataset, tasks: list[Task], step: Step = STAND) -> list[TaskResult]:
    return run(step, tasks, manifests=dataset.root / "manifests")


def test_an_id_hangs_on_contents_parameters_step_and_version_and_on_nothing_else(tmp_path: Path) -> None:
    a, b = clips(tmp_path, 2)
    same = tmp_path / "elsewhere.txt"
    same.write_text("0")
    first = id_of(STAND, Task("a", a.inputs, {"x": 1, "y": [1, 2]}))
    assert first == id_of(STAND, Task("other name", (same,), {"y": [1, 2], "x": 1}))
    assert len(first) == 64
    others = [
        id_of(STAND, Task("a", b.inputs, {"x": 1, "y": [1, 2]})),
        id_of(STAND, Task("a", a.inputs, {"x": 2, "y": [1, 2]})),
        id_of(STAND, Task("a", a.inputs, {"x": 1, "y": [2, 1]})),
        id_of(STAND, Task("a", (*a.inputs, *b.inputs), {"x": 1, "y": [1, 2]})),
        id_of(replace(STAND, version=2), Task("a", a.inputs, {"x": 1, "y": [1, 2]})),
        id_of(replace(STAND, name="sit"), Task("a", a.inputs, {"x": 1, "y": [1, 2]})),
    ]
    assert len({first, *others}) == 7


def test_a_manifest_that_a_power_cut_emptied_is_made_again_over_the_same_episode(dataset: Dataset, tmp_path: Path) -> None:
    tasks = clips(tmp_path, 2)
    first = do(dataset, tasks)
    manifest = manifest_path(dataset.root / "manifests", first[0].id)
    written = manifest.read_bytes()
    manifest.write_bytes(b"")
    assert [r.state for r in do(dataset, tasks)] == ["done", "already"]
    assert json.loads(manifest.read_bytes())["outputs"] == json.loads(written)["outputs"]


def test_a_run_writes_outputs_and_manifests(dataset: Dataset, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    tasks = clips(tmp_path)
    results = run(STAND, tasks, manifests=dataset.root / "manifests", progress=lambda done, total: seen.append((done, total)))
    assert [r.state for r in results] == ["done"] * 3
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    for result in results:
        manifest = json.loads((dataset.root / "manifests" / f"{result.id}.json").read_text())
        assert manifest["id"] == result.id
        assert manifest["step"] == "stand"
        assert manifest["inputs"][0]["path"] == str(result.task.inputs[0])
        assert manifest["outputs"][0]["path"] == f"episodes/stand/{result.task.name}_{result.id[:8]}.h5"
        assert manifest["summary"] == {"frames": 26}
        assert result.outputs[0].is_file()


def test_a_re_run_does_nothing_and_says_the_same(dataset: Dataset, tmp_path: Path) -> None:
    tasks = clips(tmp_path)
    first = do(dataset, tasks)
    stamps = [r.outputs[0].stat().st_mtime_ns for r in first]
    again = do(dataset, tasks)
    assert [r.state for r in again] == ["already"] * 3
    assert [r.outputs[0].stat().st_mtime_ns for r in again] == stamps
    assert [(r.outputs, r.summary) for r in again] == [(r.outputs, r.summary) for r in first]


def test_a_refused_episode_is_neither_brought_back_nor_made_again(dataset: Dataset, tmp_path: Path) -> None:
    tasks = clips(tmp_path)
    first = do(dataset, tasks)
    dataset.move(first[1].outputs[0].stem, "failures")
    again = do(dataset, tasks)
    assert again[1].state == "already"
    assert again[1].outputs[0].parts[-3] == "failures"
    assert len(dataset.refs("episodes")) == 2
    assert len(dataset.refs("failures")) == 1


def test_a_run_killed_before_its_manifest_goes_on(dataset: Dataset, tmp_path: Path) -> None:
    tasks = clips(tmp_path)
    first = do(dataset, tasks)
    for result in first[:2]:
        (dataset.root / "manifests" / f"{result.id}.json").unlink()
    moved = dataset.move(first[1].outputs[0].stem, "failures")  # refused before the manifest came to be
    again = do(dataset, tasks)
    assert [r.state for r in again] == ["done", "done", "already"]
    assert again[1].outputs == (moved.path,)
    assert len(dataset.refs("all")) == 3


@pytest.mark.parametrize("damage", ["", "{", '{"id": "other"}', "null"])
def test_a_damaged_manifest_is_made_again(dataset: Dataset, tmp_path: Path, damage: str) -> None:
    tasks = clips(tmp_path, 1)
    path = dataset.root / "manifests" / f"{do(dataset, tasks)[0].id}.json"
    whole = json.loads(path.read_text())
    path.write_text(damage)
    assert do(dataset, tasks)[0].state == "done"
    again = json.loads(path.read_text())
    assert {**again, "seconds": 0} == {**whole, "seconds": 0}


def test_a_lost_output_is_made_again_and_a_changed_one_is_not_overwritten(dataset: Dataset, tmp_path: Path) -> None:
    tasks = clips(tmp_path, 2)
    first = do(dataset, tasks)
    kept = first[0].outputs[0].read_bytes()
    first[0].outputs[0].unlink()
    first[1].outputs[0].write_bytes(b"changed")
    again = do(dataset, tasks)
    assert again[0].state == "done"
    assert again[0].outputs[0].read_bytes() == kept
    assert again[1].state == "failed"
    assert "move it out of the dataset" in again[1].error
    assert first[1].outputs[0].read_bytes() == b"changed"


def test_a_failure_is_told_and_the_others_go_on(dataset: Dataset, tmp_path: Path) -> None:
    tasks = clips(tmp_path, 3, c0="refuse", c1="bug")
    refused, bug, fine = do(dataset, tasks)
    assert (refused.state, refused.error_class, refused.error) == ("failed", "MocapError", "clip.bvh: line 7: no frames")
    assert refused.detail == ""
    assert (bug.state, bug.error_class) == ("failed", "ZeroDivisionError")
    assert "Traceback" in bug.detail
    assert fine.ok
    assert len(list((dataset.root / "manifests").iterdir())) == 1


def test_an_input_that_cannot_be_read_fails_its_task(dataset: Dataset, tmp_path: Path) -> None:
    good = clips(tmp_path, 1)[0]
    missing, folder = Task("m", (tmp_path / "none.bvh",)), Task("f", (tmp_path,))
    odd = Task("odd", good.inputs, {"x": float("nan")})
    results = do(dataset, [missing, good, folder, odd])
    assert [r.state for r in results] == ["failed", "done", "failed", "failed"]
    assert "none.bvh: no such file" in results[0].error
    assert "a folder, where a file is needed" in results[2].error
    assert "task odd: a parameter is not plain JSON" in results[3].error


def test_equal_tasks_are_done_once(dataset: Dataset, tmp_path: Path) -> None:
    task = clips(tmp_path, 1)[0]
    results = do(dataset, [task, task])
    assert results[0].outputs == results[1].outputs
    assert len(dataset.refs()) == 1


def test_an_output_outside_the_dataset_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    def stray(job: Job) -> Outcome:
        (tmp_path / "stray.txt").touch()
        return Outcome((tmp_path / "stray.txt",))

    result = do(dataset, clips(tmp_path, 1), Step("stray", 1, stray))[0]
    assert result.state == "failed"
    assert "must lie under" in result.error


def test_an_unknown_engine_is_named(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown engine 'proceses'; did you mean 'processes'"):
        run(STAND, clips(tmp_path, 1), manifests=dataset.root / "manifests", engine="proceses")  # type: ignore[arg-type]


def test_no_tasks_is_no_work(dataset: Dataset) -> None:
    assert do(dataset, []) == []
    np.testing.assert_equal(len(dataset.refs()), 0)
