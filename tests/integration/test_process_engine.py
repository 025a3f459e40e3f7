"""The process engine: same outputs as the serial one, faults named, nothing half done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from understudy.errors import MissingDependencyError
from understudy.pipeline.run import run
from understudy.pipeline.tasks import Task
from understudy.spec.default_schema import default_schema
from understudy.store.dataset import Dataset
from understudy.testing.stand_in import stand_in_robot
from understudy.testing.steps import STAND


def dataset_in(folder: Path) -> Dataset:
    robot = stand_in_robot()
    return Dataset.create(folder, default_schema(robot, "data"), robot)


def clips(folder: Path, count: int, **faults: str) -> list[Task]:
    tasks = []
    for seed in range(count):
        path = folder / f"c{seed}.txt"
        path.write_text(str(seed))
        tasks.append(Task(f"c{seed}", (path,), {"fault": faults.get(f"c{seed}", "")}))
    return tasks


def test_outputs_are_identical_whichever_engine_ran(tmp_path: Path) -> None:
    tasks = clips(tmp_path, 4)
    made = {}
    for engine, workers in (("serial", 1), ("processes", 2)):
        dataset = dataset_in(tmp_path / engine)
        results = run(STAND, tasks, manifests=dataset.root / "manifests", engine=engine, workers=workers)  # type: ignore[arg-type]
        assert [r.state for r in results] == ["done"] * 4
        made[engine] = {ref.path.name: ref.path.read_bytes() for ref in dataset.refs()}
    assert made["serial"] == made["processes"]
    assert len(made["serial"]) == 4
    again = run(STAND, tasks, manifests=tmp_path / "serial" / "manifests", engine="processes", workers=2)
    assert [r.state for r in again] == ["already"] * 4


def test_every_fault_names_its_task_and_the_others_go_on(tmp_path: Path) -> None:
    dataset = dataset_in(tmp_path / "data")
    tasks = clips(tmp_path, 6, c1="refuse", c2="bug", c3="exit", c4="kill")
    seen: list[tuple[int, int]] = []
    results = run(
        STAND,
        tasks,
        manifests=dataset.root / "manifests",
        engine="processes",
        workers=2,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert [r.task.name for r in results] == [t.name for t in tasks]
    assert [r.state for r in results] == ["done", *["failed"] * 4, "done"]
    errors = [(r.error_class, r.error) for r in results]
    assert errors[1] == ("MocapError", "clip.bvh: line 7: no frames")
    assert errors[2][0] == "ZeroDivisionError"
    assert "_fault" in results[2].detail
    assert errors[3][1].startswith("c3: its process died (exit code 3)")
    assert errors[4][1].startswith("c4: its process died (signal SIGKILL")
    assert seen[-1] == (6, 6)
    assert len(list((dataset.root / "manifests").glob("*.json"))) == 2


def test_a_task_that_hangs_is_stopped_and_named(tmp_path: Path) -> None:
    dataset = dataset_in(tmp_path / "data")
    tasks = clips(tmp_path, 2, c1="hang")
    fine, hung = run(STAND, tasks, manifests=dataset.root / "manifests", engine="processes", workers=1, timeout_s=10)
    assert fine.state == "done"
    assert (hung.error_class, hung.error) == ("TimeoutError", "c1: stopped after 10 s; give it more time or a smaller input")


DRIVER = """
import signal
import sys
from pathlib import Path
from understudy.errors import MissingDependencyError
from understudy.pipeline.run import run
from understudy.pipeline.tasks import Task
from understudy.testing.steps import STAND

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    tasks = [Task(p.stem, (p,), {"fault": "hang" if p.stem == "c1" else ""}) for p in sorted(folder.glob("*.txt"))]
    try:
        run(STAND, tasks, manifests=folder / "data" / "manifests", engine=sys.argv[2], workers=2)
    except KeyboardInterrupt:
        print("stopped", flush=True)
        sys.exit(130)
"""


@pytest.mark.parametrize(
    ("engine", "stop"), [("processes", signal.SIGINT), ("processes", signal.SIGKILL), ("serial", signal.SIGINT)]
)
def test_a_stopped_run_keeps_what_is_finished_and_resumes(tmp_path: Path, engine: str, stop: signal.Signals) -> None:
    dataset = dataset_in(tmp_path / "data")
    tasks = clips(tmp_path, 3, c1="hang")
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    command = [sys.executable, str(script), str(tmp_path), engine]
    pipe = subprocess.PIPE
    driver = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    wanted = 2 if engine == "processes" else 1
    deadline = time.monotonic() + 60
    while len(list((dataset.root / "manifests").glob("*.json"))) < wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(driver.pid, stop)  # as a terminal's Ctrl-C does: to the driver and its workers
    out, err = driver.communicate(timeout=60)
    if stop is signal.SIGINT:
        assert driver.returncode == 130, err
        assert out == "stopped\n"
        assert "Traceback" not in err
    others = [task for task in tasks if task.name != "c1"]
    finished = {r.task.name: r.state for r in run(STAND, others, manifests=dataset.root / "manifests")}
    expected = {"c0": "already", "c2": "already" if engine == "processes" else "done"}
    assert finished == expected
    assert not list(dataset.root.rglob("*.part"))


def test_a_machine_without_shared_semaphores_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where /dev/shm is missing or cannot be written."""

    def refuse(self: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("multiprocessing.context.BaseContext.Lock", refuse)
    dataset = dataset_in(tmp_path / "data")
    with pytest.raises(MissingDependencyError, match=r"Read-only file system.*/dev/shm.*--workers 1"):
        run(STAND, clips(tmp_path, 2), manifests=dataset.root / "manifests", engine="processes", workers=2)
