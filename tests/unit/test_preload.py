"""What workers are forked with."""

import importlib
import logging

import pytest

from understudy.errors import ModelError
from understudy.pipeline import retarget as step


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
