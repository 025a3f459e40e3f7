"""From a dataset through every flavour of motion file and back into one, by the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from understudy.apps.cli._main import main
from understudy.errors import ExportError, UnknownNameError
from understudy.export.motion import FLAVOURS, MotionExporter
from understudy.geom.interpolation import lerp_at
from understudy.kinematics.load import load_robot
from understudy.pipeline.export import export_dataset, source_of, validate_export
from understudy.pipeline.labels import label_clips
from understudy.spec.default_schema import default_schema
from understudy.spec.protocols import ExportOptions
from understudy.store.dataset import Dataset
from understudy.store.notes import read_notes
from understudy.testing.episodes import make_episode, make_squat_episode, with_data, without

ROBOT = load_robot("unitree_g1")
KEY = "observations/joint_positions"


def nothing(done: int, total: int) -> None:
    """No bar."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two episodes at 120 Hz under a schema of 50 Hz."""
    dataset = Dataset.create(tmp_path_factory.mktemp("data") / "set", default_schema(ROBOT, "set"), ROBOT)
    dataset.add(make_episode(ROBOT, duration_s=0.5, seed=1))
    dataset.add(make_squat_episode(ROBOT, duration_s=1.0))
    return dataset


@pytest.mark.parametrize("flavour", list(FLAVOURS))
def test_out_and_back(flavour: str, dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["export", "motion", str(dataset.root), str(out), "--flavour", flavour]) == 0
    assert "182 frames" in capsys.readouterr().out  # 61 and 121 at the motions' own 120 Hz
    assert source_of(out) == dataset.root.resolve()
    assert main(["validate", str(out)]) == 0
    assert validate_export(out, None) == []
    files = sorted((out / "motions").iterdir())
    assert [f.suffix for f in files] == [FLAVOURS[flavour].suffix] * 2
    back = ["import", "motion", *map(str, files), str(tmp_path / "back"), "--robot", "unitree_g1", "--task", "t"]
    if flavour == "gmr":
        assert main(back) == 3
        assert "pickles are never loaded" in capsys.readouterr().out
        return
    capsys.readouterr()
    assert main([*back, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [(r["layout"], r["rate_hz"]) for r in result] == [(flavour, 120.0)] * 2
    again = Dataset.open(tmp_path / "back")
    for ref in dataset.refs("all"):
        (found,) = (r for r in again.refs("all") if r.id.startswith(ref.id))
        a, b = dataset.read(ref.id), again.read(found.id)
        np.testing.assert_array_equal(a.stream(KEY).t_ns, b.stream(KEY).t_ns)
        np.testing.assert_allclose(a.data(KEY), b.data(KEY), rtol=0, atol=1e-12)
        np.testing.assert_allclose(a.data("debug/base_pose_world"), b.data("debug/base_pose_world"), rtol=0, atol=1e-9)
        np.testing.assert_array_equal(a.data("observations/foot_contact"), b.data("observations/foot_contact"))
        assert b.metadata["motion_source"] == "mocap"
        assert b.metadata["source_format"] == f"motion_{flavour}"
        assert b.metadata["source_rate_hz"] == 120.0
    assert main(["check", str(tmp_path / "back")]) in (0, 1)
    scores = [
        {s.name for s in notes.scores} for r in Dataset.open(tmp_path / "back").refs("all") if (notes := read_notes(r.path))
    ]
    assert [bool(s) for s in scores] == [True, True]


def test_importing_again_changes_nothing(dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export_dataset(dataset, "motion", tmp_path / "out", ExportOptions(flavour="wbt"), nothing)
    files = [str(p) for p in sorted((tmp_path / "out" / "motions").iterdir())]
    command = ["import", "motion", *files, str(tmp_path / "back"), "--robot", "unitree_g1", "--json"]
    states = []
    for _ in range(2):
        assert main(command) == 0
        states.append([r["state"] for r in json.loads(capsys.readouterr().out)])
    assert states == [["done"] * 2, ["already"] * 2]


def test_rates_change_only_on_request(dataset: Dataset, tmp_path: Path) -> None:
    own = export_dataset(dataset, "motion", tmp_path / "own", ExportOptions(flavour="csv"), nothing)
    asked = export_dataset(dataset, "motion", tmp_path / "asked", ExportOptions(flavour="csv", fps=50.0), nothing)
    assert (own.frames, asked.frames) == (182, 26 + 51)
    assert validate_export(tmp_path / "asked", dataset) == []
    episode = make_episode(ROBOT, duration_s=0.5, seed=1)
    table = np.loadtxt(tmp_path / "asked" / "motions" / f"{episode.id}.csv", delimiter=",")
    want = lerp_at(episode.stream(KEY).t_ns, episode.data(KEY), (np.arange(26) * 20_000_000).astype(np.int64))
    np.testing.assert_allclose(table[:, 7:], want, atol=1e-12)


def test_stamps_without_one_rate_are_laid_on_the_timeline(tmp_path: Path) -> None:
    episode = make_episode(ROBOT, duration_s=1.0)
    t_ns = episode.stream(KEY).t_ns.copy()
    t_ns[7] += 3_000_000
    uneven = with_data(episode, KEY, episode.data(KEY), t_ns)
    schema = default_schema(ROBOT, "set")
    report = MotionExporter().export(
        [uneven], tmp_path / "out", robot=ROBOT, schema=schema, options=ExportOptions(), progress=nothing
    )
    assert report.frames == len(episode.timeline_ns)
    assert "no even rate in common" in report.warnings[0]


def test_what_cannot_be_a_motion_file_is_told(dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UnknownNameError, match="wbt"):
        export_dataset(dataset, "motion", out, ExportOptions(flavour="wtb"), nothing)
    with pytest.raises(UnknownNameError, match="flavour of lerobot"):
        export_dataset(dataset, "lerobot", out, ExportOptions(flavour="csv"), nothing)
    with pytest.raises(ExportError, match="no pictures"):
        export_dataset(dataset, "motion", out, ExportOptions(cameras=("head_left",)), nothing)
    with pytest.raises(ExportError, match="hierarchical"):
        export_dataset(dataset, "motion", out, ExportOptions(policy="hierarchical"), nothing)
    rootless = without(make_episode(ROBOT, duration_s=0.2), "debug/base_pose_world")
    schema = default_schema(ROBOT, "set")
    with pytest.raises(ExportError, match="base_pose_world"):
        MotionExporter().export([rootless], out, robot=ROBOT, schema=schema, options=ExportOptions(), progress=nothing)
    assert not out.exists()


@pytest.mark.parametrize("flavour", list(FLAVOURS))
def test_validation_finds_what_was_changed(flavour: str, dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_dataset(dataset, "motion", out, ExportOptions(flavour=flavour), nothing)
    info = json.loads((out / "meta" / "info.json").read_text())
    first, second = (out / e["file"] for e in info["understudy"]["episodes"])
    good = first.read_bytes()

    def gates(at: Dataset | None = None) -> set[str]:
        return {f.gate.removeprefix("motion.") for f in validate_export(out, at)}

    first.write_bytes(second.read_bytes())
    assert gates() == {"changed_file", "frames"}
    assert gates(dataset) == {"changed_file", "frames", "episode_length"}
    first.write_bytes(good[: len(good) // 2])
    assert "changed_file" in gates()
    assert gates() & {"unreadable", "frames"}
    first.unlink()
    assert gates() == {"missing_file"}
    first.write_bytes(good)
    (out / "motions" / "stray.bin").write_bytes(b"x")
    assert gates() == {"unknown_file"}
    (out / "motions" / "stray.bin").unlink()
    assert gates(dataset) == set()
    info["understudy"]["robot"]["joint_names"][:2] = info["understudy"]["robot"]["joint_names"][1::-1]
    (out / "meta" / "info.json").write_text(json.dumps(info))
    assert gates() == {"joint_order"}


@pytest.mark.parametrize("flavour", ["wbt", "locomujoco"])
def test_validation_finds_velocities_of_another_rate(flavour: str, dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_dataset(dataset, "motion", out, ExportOptions(flavour=flavour), nothing)
    path = sorted((out / "motions").iterdir())[0]
    with np.load(path, allow_pickle=False) as file:
        arrays = {k: file[k] * (2.0 if k == "joint_vel" or k.startswith("dq_") else 1) if file[k].dtype.kind in "fi" else file[k]
                  for k in file.files}  # fmt: skip
    np.savez(path, **arrays)
    assert {f.gate for f in validate_export(out, dataset)} == {"motion.changed_file", "motion.velocities"}


def test_what_an_export_says_of_its_rate_holds_for_its_archives(dataset: Dataset, tmp_path: Path) -> None:
    """Velocities that were filtered would make another rate of them."""
    export_dataset(dataset, "motion", tmp_path / "out", ExportOptions(flavour="locomujoco", fps=30.0), nothing)
    path = sorted((tmp_path / "out" / "motions").iterdir())[0]
    with np.load(path, allow_pickle=False) as file:
        arrays = {k: file[k] * 0.9 if k.startswith("dq_") else file[k] for k in file.files}
    np.savez(path, **arrays)
    assert main(["import", "motion", str(path), str(tmp_path / "set"), "--robot", "unitree_g1"]) == 0
    back = Dataset.open(tmp_path / "set")
    assert back.read(back.refs()[0].id).stream("observations/joint_positions").t_ns[30] == pytest.approx(1e9, rel=1e-6)


def test_a_csv_with_names_beside_it(dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export_dataset(dataset, "motion", tmp_path / "out", ExportOptions(flavour="csv"), nothing)
    source = sorted((tmp_path / "out" / "motions").iterdir())[0]
    table = np.loadtxt(source, delimiter=",")
    keep = [j for j, n in enumerate(ROBOT.joint_names) if "wrist" not in n]
    np.savetxt(tmp_path / "arms.csv", table[:, [*range(7), *(7 + j for j in keep)]], delimiter=",")
    (tmp_path / "names.txt").write_text("\n".join(ROBOT.joint_names[j] for j in keep))
    command = ["import", "motion", str(tmp_path / "arms.csv"), str(tmp_path / "set"), "--robot", "unitree_g1"]
    assert main(command) == 3
    assert "23 joint columns" in capsys.readouterr().out
    command += ["--joint-names", str(tmp_path / "names.txt"), "--fps", "120"]
    assert main(command) == 3
    assert "6 of 29 joints of unitree_g1 are missing: left_wrist_roll_joint" in capsys.readouterr().out
    assert main([*command, "--fill-missing", "home", "--motion-source", "synthetic"]) == 0
    assert "joints at the home pose" in capsys.readouterr().out
    (ref,) = Dataset.open(tmp_path / "set").refs("all")
    episode = Dataset.open(tmp_path / "set").read(ref.id)
    np.testing.assert_allclose(episode.data(KEY)[:, keep], table[:, [7 + j for j in keep]], atol=1e-12)
    assert episode.metadata["motion_source"] == "synthetic"
    assert "wrist" in str(episode.metadata["warnings"])


def test_stretches_and_labels(dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export_dataset(dataset, "motion", tmp_path / "out", ExportOptions(flavour="wbt"), nothing)
    squat = next(p for p in (tmp_path / "out" / "motions").iterdir() if "squat" in p.name)
    (tmp_path / "clips.csv").write_text(f"clip,task,start_s,end_s\n{squat.name},down,0,0.5\n")
    command = [
        "import",
        "motion",
        str(squat),
        str(tmp_path / "set"),
        "--robot",
        "unitree_g1",
        "--labels",
        str(tmp_path / "clips.csv"),
    ]
    assert main(command) == 0
    (ref,) = Dataset.open(tmp_path / "set").refs("all")
    assert ref.task == "down"
    assert len(Dataset.open(tmp_path / "set").read(ref.id).stream(KEY)) == 61
    assert label_clips([squat])[0].label.task == "unlabelled"
    (tmp_path / "clips.csv").write_text(f"clip,start_s,end_s\n{squat.name},5,6\n")
    assert main(command) == 3
    assert "leaves 0 of 121 frames" in capsys.readouterr().out


def test_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "motion", str(tmp_path / "set"), "--robot", "unitree_g1"]) == 3
    assert "SRC... DIR" in capsys.readouterr().err
    assert main(["import", "motion", str(tmp_path / "gone.csv"), str(tmp_path / "set"), "--robot", "unitree_g1"]) == 3
    assert "gone.csv" in capsys.readouterr().out
