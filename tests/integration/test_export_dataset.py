"""From a dataset on disk through the commands to an export and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.apps.cli._main import main
from understudy.errors import ExportError, InputError, MissingDependencyError, UnknownNameError
from understudy.export._origin import read_origin
from understudy.kinematics.load import load_robot
from understudy.pipeline.export import export_dataset, source_of, validate_export
from understudy.spec.default_schema import default_schema
from understudy.spec.episode import Episode
from understudy.spec.findings import Notes, Segment
from understudy.spec.protocols import ExportOptions
from understudy.store.dataset import Dataset
from understudy.testing.episodes import make_episode

ROBOT = load_robot("unitree_g1")


def nothing(done: int, total: int) -> None:
    """No bar."""


def stand(seed: int, verdict: str = "accepted") -> Episode:
    episode = make_episode(ROBOT, duration_s=0.6, seed=seed)
    segment = Segment(start_ns=0, end_ns=200_000_000, label="stand", source="gates")
    notes = {"episode": episode.id, "verdict": verdict, "quality_rating": 0.75, "segments": (segment,)}
    return replace(episode, notes=Notes.model_validate(notes))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Three accepted episodes and a failed one."""
    dataset = Dataset.create(tmp_path / "set", default_schema(ROBOT, "set"), ROBOT)
    for seed in range(3):
        dataset.add(stand(seed))
    dataset.add(stand(3, "rejected"))
    dataset.move(stand(3).id, "failures")
    return dataset


def ids(out: Path) -> list[str]:
    return [e.id for e in read_origin(out).episodes]


def test_accepted_episodes_are_exported_and_hold(dataset: Dataset, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    out = tmp_path / "out"
    report = export_dataset(dataset, "lerobot", out, ExportOptions(), lambda done, total: seen.append((done, total)))
    assert (report.episodes, report.frames) == (3, 3 * 31)
    assert ids(out) == [stand(s).id for s in range(3)]
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert validate_export(out, dataset) == []
    assert validate_export(out, None) == []


def test_failures_are_a_set_of_their_own(dataset: Dataset, tmp_path: Path) -> None:
    export_dataset(dataset, "lerobot", tmp_path / "out", ExportOptions(partition="failures"), nothing)
    assert ids(tmp_path / "out") == [stand(3).id]
    assert validate_export(tmp_path / "out", dataset) == []


def test_a_refused_episode_that_was_not_moved_yet_is_left_out(dataset: Dataset, tmp_path: Path) -> None:
    dataset.add(stand(4, "rejected"))
    dataset.add(replace(stand(5), notes=None))
    report = export_dataset(dataset, "lerobot", tmp_path / "out", ExportOptions(), nothing)
    assert stand(4).id not in ids(tmp_path / "out")
    assert stand(5).id in ids(tmp_path / "out")
    assert any(stand(4).id in w for w in report.warnings)
    assert any("1 episodes were not checked" in w for w in report.warnings)


def test_the_export_says_where_it_came_from_and_what_is_known(dataset: Dataset, tmp_path: Path) -> None:
    export_dataset(dataset, "lerobot", dataset.root / "exports" / "a", ExportOptions(), nothing)
    said = json.loads((dataset.root / "exports" / "a" / "meta" / "info.json").read_text())["understudy"]
    assert said["dataset"] == "../.."
    assert source_of(dataset.root / "exports" / "a") == dataset.root.resolve()
    assert said["robot"]["joint_names"] == list(ROBOT.joint_names)
    assert said["robot"]["model_sha256"] == ROBOT.model_sha256
    assert said["robot"]["lower_rad"] == ROBOT.lower_rad.tolist()
    assert sorted(j for g in said["robot"]["joint_groups"].values() for j in g) == sorted(ROBOT.joint_names)
    assert said["action"] == {"stream": "actions/joint_position_target", "kind": "position", "derived": ["next_state"]}
    assert said["features"]["observation.base_velocity"]["frame"] == "world"
    assert said["features"]["observation.state"]["unit"] == "rad"
    first = said["episodes"][0]
    assert (first["id"], first["quality_rating"], first["verdict"]) == (stand(0).id, 0.75, "accepted")
    (segment,) = first["segments"]
    assert segment == {"start_ns": 0, "end_ns": 200_000_000, "label": "stand", "source": "gates", "subtask": "", "by": ""}
    assert first["metadata"]["demonstrator_id"] == "tester"


def test_the_dataset_and_its_export_may_move_together(dataset: Dataset, tmp_path: Path) -> None:
    export_dataset(dataset, "lerobot", dataset.root / "exports" / "a", ExportOptions(), nothing)
    dataset.root.rename(tmp_path / "elsewhere")
    assert source_of(tmp_path / "elsewhere" / "exports" / "a") == (tmp_path / "elsewhere").resolve()


def test_wrong_names_are_told(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="lerobot"):
        export_dataset(dataset, "lerobott", tmp_path / "out", ExportOptions(), nothing)
    with pytest.raises(InputError, match="failures"):
        export_dataset(dataset, "lerobot", tmp_path / "out", ExportOptions(partition="failed"), nothing)
    with pytest.raises(ExportError, match="whole number"):
        export_dataset(dataset, "lerobot", tmp_path / "out", ExportOptions(fps=29.97), nothing)
    assert not (tmp_path / "out").exists()


def test_the_commands_and_their_exit_codes(dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["export", "lerobot", str(dataset.root), str(out), "--fps", "25", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 3 * 16
    assert main(["validate", str(out)]) == 0
    assert "holds" in capsys.readouterr().out
    assert main(["export", "lerobot", str(dataset.root), str(out)]) == 3
    assert "already there" in capsys.readouterr().err
    stats = json.loads((out / "meta/stats.json").read_text())
    stats["action"]["max"][0] += 1.0
    (out / "meta/stats.json").write_text(json.dumps(stats))
    assert main(["validate", str(out), "--dataset", str(dataset.root), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [f["gate"] for f in found] == ["lerobot.stats"]
    assert main(["export", "lerobot", str(dataset.root), str(tmp_path / "blind"), "--cameras"]) == 0
    assert main(["export", "lerobot", str(dataset.root), str(tmp_path / "x"), "--cameras", "head_lefd"]) == 3
    assert "head_lefd" in capsys.readouterr().err
    assert main(["validate", str(tmp_path / "nothing")]) == 3
    assert main(["export", "lerobot", str(tmp_path / "nothing"), str(tmp_path / "x")]) == 3


def test_another_robots_export_is_found_out(dataset: Dataset, tmp_path: Path) -> None:
    """S4: the joint order in the export must be the robot's, by name."""
    out = tmp_path / "out"
    export_dataset(dataset, "lerobot", out, ExportOptions(), nothing)
    info = json.loads((out / "meta/info.json").read_text())
    names = info["features"]["action"]["names"]
    names[0], names[6] = names[6], names[0]
    (out / "meta/info.json").write_text(json.dumps(info))
    assert any(f.gate == "lerobot.joint_order" and "left_hip_pitch_joint" in f.message for f in validate_export(out, dataset))


@pytest.fixture
def drawable() -> Iterator[None]:
    """Skips where OpenGL is missing."""
    from understudy.scenes.render import Renderer

    try:
        with Renderer(ROBOT, 32, 32):
            yield
    except MissingDependencyError as error:
        pytest.skip(str(error))


def test_the_head_camera_is_rendered_on_request(dataset: Dataset, tmp_path: Path, drawable: None) -> None:
    out = tmp_path / "out"
    export_dataset(dataset, "lerobot", out, ExportOptions(fps=5, render_ego=True), nothing)
    info = json.loads((out / "meta/info.json").read_text())
    assert info["features"]["observation.images.head_left"]["shape"] == [224, 224, 3]
    assert info["understudy"]["features"]["observation.images.head_left"]["derived"] == ["rendered"]
    assert validate_export(out, dataset) == []


def test_commands_start_without_heavy_libraries() -> None:
    code = "import sys, understudy.apps.cli.export, understudy.apps.cli.validate; print([m for m in HEAVY if m in sys.modules])"
    heavy = "HEAVY = ['numpy', 'pyarrow', 'av', 'mujoco', 'h5py', 'pydantic']; "
    done = subprocess.run([sys.executable, "-c", heavy + code], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert np.array_equal(json.loads(done.stdout.replace("'", '"')), [])
