"""What workers are forked with, and what they keep from task to task."""

import importlib
import logging
from pathlib import Path

import pytest

from understudy.errors import ModelError
from understudy.pipeline import retarget as step
from understudy.spec.default_schema import default_schema
from understudy.store.dataset import Dataset
from understudy.testing.stand_in import stand_in_robot


def test_retargeting_workers_begin_with_the_usual_robot_loaded() -> None:
    preload = importlib.import_module("understudy.pipeline.preload_retargeting")
    before = step.worker_robot.cache_info().hits
    assert step.worker_robot(preload.USUAL_ROBOT).name == "unitree_g1"
    assert step.worker_robot.cache_info().hits == before + 1


def test_a_robot_that_cannot_be_loaded_stops_no_worker(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    preload = importlib.import_module("understudy.pipeline.preload_retargeting")

    def missing(source: str) -> None:
        raise ModelError(f"{source}: no such model")

    monkeypatch.setattr(step, "worker_robot", missing)
    with caplog.at_level(logging.INFO, preload.__name__):
        importlib.reload(preload)
    assert "without the solver loaded: unitree_g1: no such model" in caplog.text


def test_a_dataset_is_opened_again_once_its_schema_has_changed(tmp_path: Path) -> None:
    robot = stand_in_robot()
    dataset = Dataset.create(tmp_path / "kitchen", default_schema(robot, "kitchen"), robot)
    first = step.worker_dataset(dataset.root)
    assert first == dataset
    assert step.worker_dataset(dataset.root) is first
    path = dataset.root / "schema.toml"
    path.write_text(path.read_text().replace("max_tilt_rad = 0.8", "max_tilt_rad = 0.755"))
    assert step.worker_dataset(dataset.root).schema.gates["fall"]["max_tilt_rad"] == 0.755
